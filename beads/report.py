"""What came of an exchange: one outcome for each log, key log and body; never an exception for a peer's fault."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ACCEPTED = "accepted"
UNCHANGED = "unchanged"
STALE = "stale"
HELD = "held"
UNREAD = "unread"
INVALID = "invalid"
FORKED = "forked"


class Outcome(NamedTuple):
    """What came of one thing.

    Attributes:
        what: `log`, `keys`, `body`, `fork` or `ref`, and its id.
        status: One of the constants above.
        reason: A slug (docs/protocol.md), or "".
        taken: Operations or bodies taken.
    """

    what: str
    id: str
    status: str
    reason: str = ""
    taken: int = 0

    def __str__(self) -> str:
        reason = f"({self.reason})" if self.reason else ""
        count = f" {self.taken}" if self.taken else ""
        return f"{self.what} {self.id[:12]}: {self.status}{reason}{count}"


@dataclass
class Report:
    """The outcomes of an exchange, in the order they came about."""

    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, what: str, id_: str, status: str, reason: str = "", taken: int = 0) -> None:
        """Note an outcome."""
        self.outcomes.append(Outcome(what, id_, status, reason, taken))

    def extend(self, other: "Report") -> None:
        """Note another report's outcomes."""
        self.outcomes.extend(other.outcomes)

    @property
    def accepted(self) -> int:
        """Operations taken."""
        return sum(o.taken for o in self.outcomes if o.what in ("log", "fork"))

    @property
    def troubles(self) -> list[Outcome]:
        """What a person should look at."""
        return [o for o in self.outcomes if o.status in (HELD, UNREAD, INVALID, FORKED)]

    def of(self, what: str, id_: str) -> Outcome | None:
        """Return the last outcome of one thing."""
        return next((o for o in reversed(self.outcomes) if (o.what, o.id) == (what, id_)), None)


@dataclass
class Exchange:
    """What a sync did.

    Attributes:
        seen: The peer's references as last read.
        pushed: References that the peer took.
        refused: Reference → why it did not.
        ours: Our references when it was decided what to push.
        passed: References that were not read, by the peer's terms; what they name there is unknown.
    """

    report: Report = field(default_factory=Report)
    seen: Mapping[str, str] = field(default_factory=dict)
    pushed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
