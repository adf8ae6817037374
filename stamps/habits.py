"""How an issuer is used to stamp, and what in it is a sign that the stamps say little (docs/reputation.md, Signals).

1. A sign takes weight from an issuer; it bans nobody. Signs overlap, so only the strongest counts.
2. What an issuer gave the subject, and what the subject gave it, is left out: a sheet cannot change what weighs in it.
3. An anchor is never marked down: the viewer chose it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final, NamedTuple

HOUR_MS: Final = 3_600_000
MANY: Final = 10
MOST: Final = 0.75
RING_STAMPS, RING_LEAST, RING_ACTORS = 6, 2, 5
SPREAD: Final = 0.25

FACTORS: Final[Mapping[str, float]] = MappingProxyType(
    {"one_sheet": 0.5, "ring": 0.5, "rubber_stamp": 0.5, "same_scores": 0.5, "burst": 0.75}
)
"""Sign → by what an issuer's weight is multiplied; the order in which they are told."""


class Given(NamedTuple):
    """One stamp, as its issuer's habits know it."""

    mean: float
    scores: tuple[tuple[str, int], ...]
    time_ms: int


class Habit(NamedTuple):
    """What an issuer gave to all but one subject.

    Attributes:
        stamps: How many.
        actors: To how many actors.
        mutual: How many of those have stamped the issuer.
        total: Sum of the stamps' means.
        squares: Sum of their squares.
        busiest: Most stamps in one clock hour; 0 where there are few.
        commonest: Most stamps with the very same scores; 0 where there are few.
    """

    stamps: int
    actors: int
    mutual: int
    total: float
    squares: float
    busiest: int
    commonest: int


class _Tally:
    """How often each thing comes, and the most often when some are taken away."""

    def __init__(self, things: Iterable[object]) -> None:
        self._counts = Counter(things).most_common()

    def most_without(self, gone: Iterable[object]) -> int:
        missing, most = Counter(gone), 0
        for thing, count in self._counts:
            most = max(most, count - missing[thing])
            if thing not in missing:
                break
        return most


class Habits:
    """All that one issuer has given.

    Args:
        given: Subject → its stamps.
        mutual: Those of the subjects that have stamped the issuer.
    """

    def __init__(self, given: Mapping[str, Sequence[Given]], mutual: frozenset[str]) -> None:
        stamps = list(chain.from_iterable(given.values()))
        self._given, self._mutual = given, mutual
        self._stamps = len(stamps)
        self._total = sum(stamp.mean for stamp in stamps)
        self._squares = sum(stamp.mean**2 for stamp in stamps)
        self._hours = _Tally(map(_hour, stamps))
        self._scores = _Tally(stamp.scores for stamp in stamps)

    def without(self, subject: str) -> Habit:
        """Return what the issuer gave to all but the subject."""
        pair = self._given.get(subject, ())
        left = self._stamps - len(pair)
        return Habit(
            stamps=left,
            actors=len(self._given) - bool(pair),
            mutual=len(self._mutual) - (subject in self._mutual),
            total=self._total - sum([stamp.mean for stamp in pair]),
            squares=self._squares - sum([stamp.mean**2 for stamp in pair]),
            busiest=self._hours.most_without([_hour(stamp) for stamp in pair]) if left >= MANY else 0,
            commonest=self._scores.most_without([stamp.scores for stamp in pair]) if left >= MANY else 0,
        )


def _hour(stamp: Given) -> int:
    return stamp.time_ms // HOUR_MS


def one_sheet(habit: Habit) -> bool:
    """Say whether the issuer has judged nobody else: nothing tells how it judges."""
    return habit.actors == 0


def ring(habit: Habit) -> bool:
    """Say whether six stamps or more went to two to five actors, three in four of whom have stamped back."""
    small = RING_LEAST <= habit.actors <= RING_ACTORS
    return small and habit.stamps >= RING_STAMPS and habit.mutual >= MOST * habit.actors


def rubber_stamp(habit: Habit) -> bool:
    """Say whether ten stamps or more have means that differ by less than a quarter of a point (standard deviation)."""
    if habit.stamps < MANY:
        return False
    mean = habit.total / habit.stamps
    return habit.squares / habit.stamps - mean**2 < SPREAD**2


def same_scores(habit: Habit) -> bool:
    """Say whether, of ten stamps or more, three in four have the very same scores in every dimension."""
    return habit.stamps >= MANY and habit.commonest >= MOST * habit.stamps


def burst(habit: Habit) -> bool:
    """Say whether, of ten stamps or more, three in four were given within one clock hour."""
    return habit.stamps >= MANY and habit.busiest >= MOST * habit.stamps


def signs(habit: Habit) -> list[str]:
    """Return the names of the signs that hold, in the order of `FACTORS`."""
    if habit.actors > RING_ACTORS and habit.stamps < MANY:
        return []
    holds = (one_sheet(habit), ring(habit), rubber_stamp(habit), same_scores(habit), burst(habit))
    return [name for name, there in zip(FACTORS, holds, strict=True) if there]


def factor(habit: Habit) -> float:
    """Return by what the issuer's weight is multiplied: the strongest of the signs that hold."""
    return min([FACTORS[name] for name in signs(habit)], default=1.0)
