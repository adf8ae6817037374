"""How much of strangers is taken in a day: local admission, never validity (protocol, Limits).

1. What is not taken is held: `held(rate)`. It is offered again, and taken another day, or once a delegate's checkpoint
   covers what came before.
2. Counted are lines that no checkpoint covers, by log, from where the log stood when its day began; so the count needs
   no history, and counting twice counts once.
3. Own logs are exempt, and so are private ledgers, for which nobody asks here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from beads import limits

DAY_MS = 24 * 60 * 60 * 1000
UNBOUNDED = 1 << 62
_KEYS = "keys "
"""Before the name of a key log, among what a day began with."""


@dataclass
class Today:
    """What a day began with.

    Attributes:
        day: Counted from 1970.
        starts: Log → how many lines it had when strangers first gave it one that day.
    """

    day: int = 0
    starts: dict[str, int] = field(default_factory=dict)

    def at(self, now_ms: int) -> "Today":
        """Return it, or a new day's."""
        day = now_ms // DAY_MS
        return self if self.day == day else Today(day)

    def with_starts(self, starts: Mapping[str, int]) -> "Today":
        """Return it with what another process noted meanwhile."""
        merged = {log: min(at, self.starts.get(log, at)) for log, at in starts.items()}
        return Today(self.day, self.starts | merged)


@dataclass
class Rates:
    """What may still be taken.

    Attributes:
        today: Grows as lines are taken.
        covered: Returns up to which length a log is covered.
        admitted: Says whether a log counts already; a new one may not be known.
        exempt: Says whether a log is one's own.
        stranger: False where the owner chose the peer: then only the bytes are bounded, or no history would ever come.
        uncovered: Returns how many bytes of lines are uncovered; asked once, where something is to be taken.
    """

    today: Today
    covered: Callable[[str], int]
    admitted: Callable[[str], bool]
    exempt: Callable[[str], bool]
    stranger: bool
    uncovered: Callable[[], int]
    _left: int | None = None

    def room(self, log: str, at: int) -> int:
        """Return how many lines of a log that has `at` lines may be taken now."""
        if self.exempt(log):
            return UNBOUNDED
        if self._bytes_left() <= 0:
            return 0
        if not self.stranger:
            return UNBOUNDED
        if at == 0 and self._begun(log) >= limits.NEW_LOGS:
            return 0
        most = limits.UNCOVERED_LINES_ADMITTED if self.admitted(log) else limits.UNCOVERED_LINES
        return max(most - self._used(log, at), 0)

    def took(self, log: str, at: int, size: int) -> None:
        """Note that lines were taken, the first at position `at`, `size` bytes in all."""
        if self.exempt(log):
            return
        self._left = self._bytes_left() - size
        if self.stranger:
            self.today.starts.setdefault(log, at)

    def takes_keys(self, name: str) -> bool:
        """Say whether the key log of an actor who is new here may be taken, and note that it was.

        Nothing says that its actor will ever write here: without a bound anybody could fill the disk with actors.
        """
        known = _KEYS + name
        if self.stranger and known not in self.today.starts:
            if sum(log.startswith(_KEYS) for log in self.today.starts) >= limits.NEW_LOGS:
                return False
            self.today.starts[known] = 0
        return True

    def _bytes_left(self) -> int:
        if self._left is None:
            self._left = limits.UNCOVERED_BYTES - self.uncovered()
        return self._left

    def _used(self, log: str, at: int) -> int:
        return max(at - max(self.today.starts.get(log, at), self.covered(log)), 0)

    def _begun(self, besides: str) -> int:
        starts = self.today.starts.items()
        new = (log for log, at in starts if at == 0 and log != besides and not log.startswith(_KEYS))
        return sum(not self.covered(log) for log in new)
