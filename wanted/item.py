"""A wanted item while it is folded: the state its home decides, and the overlay of everybody's intents (F1)."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from beads import limits
from beads.clock import Hlc
from beads.governance import Adoption, Governance
from beads.rules import Context, Live
from wanted import lifecycle
from wanted.check import Check

Evidence = dict[str, str | int | bool]
NEVER = limits.NO_POSITION


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is offered.

    Attributes:
        effort: trivial, small, medium, large or epic.
        dimensions: Those the poster asks validators to judge.
        winners: How many submissions are accepted before the item is complete.
        competition: Anyone may be accepted, granted or not.
        checks: What is run on the work before it is judged.
        deadline: Milliseconds since 1970, or None.
    """

    project: str | None
    effort: str
    priority: int
    skills: tuple[str, ...]
    dimensions: tuple[str, ...]
    winners: int
    competition: bool
    checks: tuple[Check, ...]
    deadline: int | None


class Holder(NamedTuple):
    """Who was granted the item."""

    actor: str
    claim: str
    until: int
    grant: str


class Accepted(NamedTuple):
    """An acceptance, and who the home belonged to."""

    submission: str
    actor: str
    op: str
    judge: str
    hlc: Hlc


class Rejected(NamedTuple):
    """A rejection."""

    submission: str
    actor: str
    op: str
    final: bool


class Intent(NamedTuple):
    """An actor's latest claim or release."""

    kind: str
    op: str


StampKey = tuple[str, str]
"""Who speaks (what stands for the owner), and of which submission."""


class Submission(NamedTuple):
    """Work handed in.

    Attributes:
        past_cut: Its log was cut before it: nobody waits for a judgement, but what was judged and stamped stands.
    """

    actor: str
    evidence: tuple[Evidence, ...]
    hlc: Hlc
    past_cut: bool = False


@dataclass
class Item:
    """The facet that `wanted.post` gives a bead."""

    id: str
    poster: str
    home: str
    terms: Terms
    epoch: int = 0
    status: str = lifecycle.OPEN
    holder: Holder | None = None
    granted: set[str] = field(default_factory=set)
    accepted: list[Accepted] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    intents: dict[str, Intent] = field(default_factory=dict)
    submissions: dict[str, Submission] = field(default_factory=dict)
    stamps: dict[StampKey, dict[str, Any]] = field(default_factory=dict)
    given: dict[str, StampKey] = field(default_factory=dict)
    authors: dict[str, str] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    disputes: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    def not_home(self, live: Live, epoch: int, governance: Governance) -> str | None:
        """Name the rule that keeps a writer from deciding for the home, or None."""
        self.move_home(governance, epoch)
        if live.op.log != self.home or not live.device or (self.epoch == 0 and live.actor != self.poster):
            return "item.home"
        adopted = self._adoption(governance)
        if adopted is not None and (live.op.seq > adopted.seq or live.op.t == "wanted.handover"):
            return "item.adopted"
        return None if epoch == self.epoch else "item.epoch"

    def move_home(self, governance: Governance, epoch: int = NEVER) -> None:
        """Follow the item to where it was adopted, or to the heir of a revoked home, as far as an epoch (F3).

        Operations come epoch by epoch, so whoever asks for a later one has seen the last of the home before. One that
        was handed over is with its new home: what a key gave away before it was revoked stays given.
        """
        while self.epoch < epoch:
            adopted = self._adoption(governance)
            home = governance.heirs.get(self.home) if adopted is None else adopted.to
            if home is None:
                return
            self.home, self.epoch = home, self.epoch + 1

    def _adoption(self, governance: Governance) -> Adoption | None:
        found = governance.adoptions.get(self.id, {}).get(self.epoch)
        return found if found is not None and found.log == self.home else None

    def move(self, op: str, condition: str = "-") -> str | None:
        """Take the step that the table has, or name the rule that there is none."""
        target = lifecycle.target(op, self.status, condition)
        if target is None:
            return "item.status"
        self.status = target
        if target != lifecycle.CLAIMED:
            self.holder = None
        return None

    def judged(self) -> set[str]:
        """Return the submissions that the home has accepted or rejected."""
        return {a.submission for a in self.accepted} | {r.submission for r in self.rejected}

    def acceptance(self, op: str) -> Accepted | None:
        """Return the acceptance made by an operation."""
        return next((a for a in self.accepted if a.op == op), None)

    def give(self, key: StampKey, author: str, stamp: dict[str, Any]) -> None:
        """Keep a stamp; it takes the place of what the same owner said of the same work, and is remembered itself."""
        op = str(stamp["op"])
        self.stamps[key], self.given[op], self.authors[op] = stamp, key, author

    def standing(self, op: str) -> dict[str, Any] | None:
        """Return what stands where the stamp of an operation was given: itself, or what has taken its place.

        One that was taken back has no place any more.
        """
        key = self.given.get(op)
        stamp = None if key is None or op in self.withdrawn else self.stamps[key]
        return None if stamp is None or stamp["op"] in self.withdrawn else stamp

    def to_json(self, context: Context) -> dict[str, Any]:
        """Return the facet as a `wl-json` object."""
        self.move_home(context.governance)
        state: dict[str, Any] = {
            "status": self.status,
            "poster": self.poster,
            "home": self.home,
            "epoch": self.epoch,
            "terms": msgspec.to_builtins(self.terms),
            "granted": sorted(self.granted),
            "accepted": [[a.submission, a.actor, a.op, a.judge, list(a.hlc)] for a in self.accepted],
            "rejected": [list(r) for r in self.rejected],
            "intents": sorted([actor, *intent] for actor, intent in self.intents.items()),
            "submissions": sorted(self._submission(op) for op in self.submissions),
            "stamps": sorted(
                (stamp for stamp in self.stamps.values() if stamp["op"] not in self.withdrawn),
                key=lambda stamp: str(stamp["op"]),
            ),
        }
        state |= self._opinions()
        if self.holder is not None:
            state["holder"] = list(self.holder)
        return state

    def _opinions(self) -> dict[str, Any]:
        """Return what was said of stamps, where anything was."""
        withdrawn = [[stamp, op, self.authors[stamp]] for stamp, op in self.withdrawn.items()]
        # What was said against a stamp stands beside the one that took its place: giving it anew is no answer.
        disputes = [
            [op, stamp["op"], self.answers.get(op)]
            for op, about in self.disputes.items()
            if (stamp := self.standing(about)) is not None
        ]
        found = {"withdrawn": sorted(withdrawn), "disputes": sorted(disputes, key=lambda one: str(one[0]))}
        return {name: listed for name, listed in found.items() if listed}

    def _submission(self, op: str) -> list[Any]:
        one = self.submissions[op]
        return [op, one.actor, list(one.evidence), list(one.hlc), *([True] if one.past_cut else [])]
