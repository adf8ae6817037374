"""All that a character sheet shows of one actor, worked out once; every pen draws from it and counts nothing itself."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from node import naming
from stamps import signals as signs
from stamps import tiers
from stamps.reputation import OVERALL, Circle, Reason, Standing, Way
from stamps.score import Score
from stamps.sheet import EarnedStamp, Sheet
from stamps.signals import Signal, Taken
from stamps.stamp import SEVERITIES
from stamps.tiers import Rung

ISSUERS: Final = 3
"""Of how many issuers of a dimension the ways of trust are shown: those that weigh most."""


class Named(NamedTuple):
    """What to call what a sheet speaks of.

    Attributes:
        actors: Actor → what to call it (`node.naming`).
        commons: Commons → its name.
        seer: Whose circle it is.
    """

    actors: Mapping[str, str]
    commons: Mapping[str, str]
    seer: str

    def actor(self, actor: str) -> str:
        """Return what to call an actor: how its id begins where it has no name."""
        return self.actors.get(actor) or actor[:12]


class Behind(NamedTuple):
    """A stamp behind a number.

    Attributes:
        score: What it gave, in the dimension or at the mean.
        weight: What it weighs in the circle; 0 for one that was taken back.
    """

    stamp: EarnedStamp
    score: float
    weight: float


class Evidence(NamedTuple):
    """A score and all that it stands on.

    Attributes:
        stamps: The heaviest first.
        reasons: Whose stamps weigh most, and how trust comes to them.
    """

    name: str
    score: Score
    stamps: tuple[Behind, ...]
    reasons: tuple[Reason, ...]


class Counted(NamedTuple):
    """A count of stamps by something that they have in common, and which those are."""

    name: str
    stamps: tuple[Behind, ...]


class SheetView(NamedTuple):
    """One actor, as a viewer's circle regards it.

    Attributes:
        actor: SCID.
        named: What to call whom.
        now_ms: When this was looked at.
        sheet: What the stamps add up to, whoever gave them.
        overall: All dimensions as one.
        dimensions: Each of them, sorted by name.
        timeline: Every stamp, oldest first.
        skills: Stamps by skill, the commonest first.
        severities: Stamps by severity, leaf first.
        commons: Stamps by commons of origin; the name is its id.
        ways: How trust comes to the actor itself.
        owners: Actor → all actors of its owner, where that has several.
    """

    actor: str
    named: Named
    now_ms: int
    sheet: Sheet
    standing: Standing
    overall: Evidence
    dimensions: tuple[Evidence, ...]
    timeline: tuple[Behind, ...]
    skills: tuple[Counted, ...]
    severities: tuple[Counted, ...]
    commons: tuple[Counted, ...]
    rung: Rung
    badges: tuple[str, ...]
    signals: tuple[Signal, ...]
    ways: tuple[Way, ...]
    owners: Mapping[str, tuple[str, ...]]

    def one_owner(self, *actors: str) -> str:
        """Name actors of one owner, and say that they are."""
        return naming.of_owner(actors, self.owners, self.named.actor)

    @property
    def who(self) -> str:
        """What to call the actor."""
        return self.named.actor(self.actor)

    @property
    def scored(self) -> tuple[Evidence, ...]:
        """The dimensions of which the circle has evidence enough for a number."""
        return tuple(each for each in self.dimensions if each.score.value is not None)


def look(actor: str, sheet: Sheet, circle: Circle, taken: Taken, named: Named, now_ms: int) -> SheetView:
    """Work out everything that a sheet shows.

    Args:
        sheet: What all stamps of the actor add up to.
        taken: What became of the items that it was granted.
    """
    standing = circle.standing(actor)
    reasons = circle.reasons(actor, (OVERALL, *standing.dimensions), ISSUERS)
    timeline = _timeline(sheet, standing)
    counted = tuple(one for one in timeline if not one.stamp.withdrawn)
    return SheetView(
        actor=actor,
        named=named,
        now_ms=now_ms,
        sheet=sheet,
        standing=standing,
        overall=Evidence(OVERALL, standing.overall, _heaviest(timeline), reasons[OVERALL]),
        dimensions=tuple(
            Evidence(name, score, _heaviest(_scored(timeline, name)), reasons[name])
            for name, score in standing.dimensions.items()
        ),
        timeline=timeline,
        skills=_by(sheet.skills, counted, lambda stamp: stamp.skills),
        severities=_by(SEVERITIES, counted, lambda stamp: (stamp.severity,)),
        commons=_by(sheet.commons, counted, lambda stamp: (stamp.commons,)),
        rung=tiers.rung(standing.overall),
        badges=tiers.badges(standing),
        signals=tuple(signs.signals(standing, taken)),
        ways=circle.ways(actor),
        owners=circle.owners,
    )


def _timeline(sheet: Sheet, standing: Standing) -> tuple[Behind, ...]:
    """Return every stamp once: those of the sheet, and those that other actors of the same owner were given."""
    weights = {one.stamp.op: one.weight for one in standing.weighed}
    stamps = {one.stamp.op: one.stamp for one in standing.weighed} | {stamp.op: stamp for stamp in sheet.timeline}
    ordered = sorted(stamps.values(), key=lambda stamp: (stamp.time_ms, stamp.op))
    return tuple(Behind(stamp, _mean(stamp), weights.get(stamp.op, 0.0)) for stamp in ordered)


def _mean(stamp: EarnedStamp) -> float:
    return sum(score for _, score in stamp.dims) / len(stamp.dims) if stamp.dims else 0.0


def _scored(timeline: Iterable[Behind], dimension: str) -> list[Behind]:
    """Return those that score a dimension, with what they gave in it."""
    return [one._replace(score=float(score)) for one in timeline for name, score in one.stamp.dims if name == dimension]


def _heaviest(stamps: Iterable[Behind]) -> tuple[Behind, ...]:
    return tuple(sorted(stamps, key=lambda one: (-one.weight, -one.stamp.time_ms, one.stamp.op)))


def _by(
    names: Iterable[str], stamps: Iterable[Behind], of: Callable[[EarnedStamp], Iterable[str]]
) -> tuple[Counted, ...]:
    """Tell for each name the stamps that bear it; one pass, for strangers choose how many names there are."""
    bearing: dict[str, list[Behind]] = {}
    for one in stamps:
        for name in of(one.stamp):
            bearing.setdefault(name, []).append(one)
    return tuple(Counted(name, tuple(bearing.get(name, ()))) for name in names)
