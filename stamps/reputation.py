"""What an actor's stamps are worth to one viewer (docs/reputation.md).

A circle is a view: a pure function of stamps, of declared trust, of the viewer's anchors and of now. Nothing in it is
signed, folded or sent. What it holds to, each with a test:

1. However many actors an attacker makes, what they weigh together stays the same; who is not reached weighs nothing.
2. Whatever stands in a weight leaves out what the subject gave and got: nobody moves their own score by stamping.
3. What an anchor gives next, at or above the present score, lowers neither the score nor its lower bound.
4. Order and repetition change nothing, to the last bit.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Final, NamedTuple

from stamps import habits, testimony
from stamps.distrust import Distrust
from stamps.habits import Given, Habits
from stamps.score import DIFFERENCE, LEAST_EFFECTIVE, PRIOR, Score, Weighed, score_of
from stamps.sheet import EarnedStamp
from stamps.testimony import CONTESTED, DECLARED, GOOD, HALF_LIFE_YEARS, MAX_EDGE, Owners, Said, Trust
from stamps.trustgraph import DECAY, LEAST_SHARED, NOTHING, Path, TrustGraph

OVERALL: Final = "overall"
NOBODY: Final = ""
"""Where no subject is judged."""
MEAN_PRIOR, MEAN_START = 5.0, 3.0
"""The circle's mean begins with so many stamps of so many points."""
LENIENCY_PRIOR: Final = 5.0


class Standing(NamedTuple):
    """One actor in a viewer's eyes.

    Attributes:
        trust: How much trust reaches the actor as an issuer; 1 is a full choice of one's own.
        distrusted: Whether the circle has taken the actor out.
        weighed: Every stamp that counts, oldest first.
        signs: Issuer → names of what marks it down (`stamps.habits`), of those that any trust reaches.
    """

    actor: str
    trust: float
    distrusted: bool
    overall: Score
    dimensions: Mapping[str, Score]
    weighed: tuple[Weighed, ...]
    signs: Mapping[str, tuple[str, ...]]


class Ranked(NamedTuple):
    """A line of the leaderboard."""

    place: int
    actor: str
    score: Score


class Step(NamedTuple):
    """An edge on a way of trust: on which items it stands, and what was declared."""

    issuer: str
    subject: str
    items: tuple[str, ...]
    declared: float


class Way(NamedTuple):
    """A way of trust with the evidence for each edge."""

    mass: float
    steps: tuple[Step, ...]


class Reason(NamedTuple):
    """Why an issuer's stamps weigh what they do.

    Attributes:
        issuer: What stands for the issuer's owner, where that has several actors.
        actors: Those of the owner that gave the stamps.
    """

    issuer: str
    weight: float
    items: tuple[str, ...]
    actors: tuple[str, ...]
    ways: tuple[Way, ...]


class Why(NamedTuple):
    """How a viewer comes to an actor: as an issuer, and through those who stamped it."""

    actor: str
    trust: float
    ways: tuple[Way, ...]
    reasons: tuple[Reason, ...]


class _View(NamedTuple):
    """What a subject is judged by: trust, what of it came through the subject, and the circle's mean."""

    subject: str
    graph: TrustGraph
    through: Mapping[str, float]
    centre: float

    def trust(self, actor: str) -> float:
        left = self.graph.trust(actor) - self.through.get(actor, 0.0)
        return left if left > NOTHING else 0.0


class Circle:
    """What a viewer's anchors, and whom they trust, say of anybody.

    Args:
        stamps: Those that passed every rule; the withdrawn, and those within one owner, count nowhere.
        trusts: Who declared to trust whom, -1 to 1; of several about one pair the least stands.
        anchors: Actor → weight, above 0 and at most 1: where trust begins.
        now_ms: Milliseconds since 1970.
        owners: Actor → what stands for its owner, where an owner has several; all of them count as one actor.
    """

    def __init__(
        self,
        stamps: Iterable[EarnedStamp],
        trusts: Iterable[Trust],
        anchors: Mapping[str, float],
        now_ms: int,
        owners: Mapping[str, str] | None = None,
    ) -> None:
        self._owners: Owners = owners or {}
        self._given = testimony.by_pair(stamps, now_ms, self._owners)
        self._trusts = testimony.declared(trusts, self._owners)
        self._edges = testimony.edges(self._given, self._trusts)
        self._got = _got(self._given)
        graph = TrustGraph(self._edges, self._anchored(anchors))
        self._distrust = Distrust(testimony.distrusts(self._trusts), graph)
        self._graphs: dict[frozenset[str], TrustGraph] = {frozenset(): graph}
        self._habits: dict[str, Habits] = {}
        self._centres: dict[frozenset[str], float] = {}

    @property
    def anchors(self) -> Mapping[str, float]:
        """Where trust begins, without whom the circle distrusts."""
        return self._graph(self._distrust.out).anchors

    @property
    def owners(self) -> Mapping[str, tuple[str, ...]]:
        """Actor → all actors of its owner, of those whose owner has several."""
        together: dict[str, set[str]] = {}
        for actor, owner in self._owners.items():
            together.setdefault(owner, {owner}).add(actor)
        return {actor: tuple(sorted(its)) for its in together.values() for actor in its if len(its) > 1}

    def reached(self) -> Set[str]:
        """Return whom any trust reaches."""
        return self._graph(self._distrust.out).reached()

    def standing(self, actor: str) -> Standing:
        """Return one actor as the circle sees it."""
        subject = self._owner(actor)
        view = self._view(subject)
        weighed = sorted(self._weighed(view), key=lambda one: (one.stamp.time_ms, one.stamp.op))
        names = sorted({name for one in weighed for name, _ in one.stamp.dims})
        return Standing(
            actor=actor,
            trust=self._graph(self._distrust.out).trust(subject),
            distrusted=subject in self._distrust.out,
            overall=score_of(view.centre, [(one, one.mean) for one in weighed]),
            dimensions={name: score_of(view.centre, _of(weighed, name)) for name in names},
            weighed=tuple(weighed),
            signs=self._signs(view, weighed),
        )

    def score(self, actor: str, dimension: str = OVERALL) -> Score:
        """Return one dimension of one actor, or what all of them come to."""
        return self._score(self._view(self._owner(actor)), dimension)

    def leaderboard(self, dimension: str = OVERALL) -> list[Ranked]:
        """Return everybody of whom the circle has evidence enough, the best lower bound first."""
        judged = [self._view(actor) for actor in self._got if actor not in self._distrust.out]
        scores = [
            (view.subject, self._score(view, dimension)) for view in judged if self._at_most(view) >= LEAST_EFFECTIVE
        ]
        shown = [(actor, score) for actor, score in scores if score.value is not None]
        shown.sort(key=lambda pair: (-pair[1].bound, pair[0]))
        return [Ranked(place, actor, score) for place, (actor, score) in enumerate(shown, 1)]

    def why(self, actor: str, limit: int = 3, dimension: str = OVERALL) -> Why:
        """Return the ways by which trust comes to an actor, and to those whose stamps weigh most in its score."""
        trust = self._graph(self._distrust.out).trust(self._owner(actor))
        return Why(actor, trust, self.ways(actor), self.reasons(actor, (dimension,), limit)[dimension])

    def ways(self, actor: str) -> tuple[Way, ...]:
        """Return the ways by which most trust comes to an actor, as an issuer."""
        return self._ways(self._graph(self._distrust.out), self._owner(actor))

    def reasons(self, actor: str, dimensions: Iterable[str], limit: int = 3) -> dict[str, tuple[Reason, ...]]:
        """Return, for each dimension, whose stamps weigh most in it and how trust comes to them."""
        subject = self._owner(actor)
        view = self._view(subject)
        weighed, ways = self._weighed(view), dict[str, tuple[Way, ...]]()
        found: dict[str, tuple[Reason, ...]] = {}
        for dimension in dimensions:
            heaviest = _heaviest(weighed if dimension == OVERALL else [one for one, _ in _of(weighed, dimension)])
            for issuer, *_ in heaviest[:limit]:
                if issuer not in ways:
                    ways[issuer] = self._ways(view.graph, issuer, subject)
            found[dimension] = tuple(Reason(*each, ways[each[0]]) for each in heaviest[:limit])
        return found

    def terms(self, actor: str = NOBODY) -> list[str]:
        """Return the formula with the values that it is worked out with here."""
        view = self._view(self._owner(actor))
        anchors = ", ".join(f"{anchor[:12]} {weight:g}" for anchor, weight in view.graph.anchors.items())
        return [
            f"anchors: {anchors or 'none'}",
            f"edge = min({MAX_EDGE:g}, sum over items of mean / 5, where the mean is {GOOD:g} or more)"
            f" + {DECLARED:g} x declared trust",
            f"trust = anchor weight x min(1, edge), then {DECAY:g} x edge / max(sum of edges, {LEAST_SHARED:g}) a hop,"
            " three hops in all, none through the subject",
            "weight = min(1, trust) x sign x confidence x age x 1 / n for the n-th of one pair",
            f"age = 0.5^(years / {HALF_LIFE_YEARS:g}); a dispute without an answer: x {CONTESTED:g}",
            f"mean = {view.centre:.3f}: of what the anchors gave others, and {MEAN_PRIOR:g} stamps of {MEAN_START:g}",
            f"leniency = sum(score - mean) / (stamps + {LENIENCY_PRIOR:g}) of what the issuer gave others; anchors: 0",
            f"score = ({PRIOR:g} x mean + sum(weight x (score - leniency))) / ({PRIOR:g} + sum(weight))",
            f"uncertainty = {DIFFERENCE:g} / sqrt({PRIOR:g} + sum(weight))",
            f"effective = sum(weight); below {LEAST_EFFECTIVE:g}: not enough evidence",
        ]

    # -- what was said ---------------------------------------------------------------------------------------------

    def _owner(self, actor: str) -> str:
        return self._owners.get(actor, actor)

    def _anchored(self, anchors: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for actor, weight in sorted(anchors.items()):
            if weight > 0:
                found[self._owner(actor)] = max(min(weight, 1.0), found.get(self._owner(actor), 0.0))
        return found

    # -- what it weighs --------------------------------------------------------------------------------------------

    def _graph(self, out: frozenset[str]) -> TrustGraph:
        if out not in self._graphs:
            self._graphs[out] = TrustGraph(self._edges, self._graphs[frozenset()].anchors, out)
        return self._graphs[out]

    def _view(self, subject: str) -> _View:
        out = self._distrust.judging(subject)
        graph = self._graph(out)
        return _View(subject, graph, graph.through(subject), self._centre(out, subject))

    def _centre(self, out: frozenset[str], subject: str) -> float:
        anchors = self._graph(out).anchors
        if any(anchor == subject or subject in self._given.get(anchor, ()) for anchor in anchors):
            return self._mean(anchors, subject)
        if out not in self._centres:
            self._centres[out] = self._mean(anchors, NOBODY)
        return self._centres[out]

    def _mean(self, anchors: Mapping[str, float], subject: str) -> float:
        """Return the mean of what the anchors gave to others, begun with some stamps in the middle."""
        total, count = MEAN_PRIOR * MEAN_START, MEAN_PRIOR
        for anchor, weight in anchors.items():
            if anchor != subject and anchor in self._given:
                habit = self._habit(anchor).without(subject)
                total, count = total + weight * habit.total, count + weight * habit.stamps
        return total / count

    def _at_most(self, view: _View) -> float:
        """Return what nobody's signs have taken anything from yet, which is soon worked out: most have no evidence."""
        trust = view.graph.trust
        return sum([min(1.0, trust(said.issuer)) * said.worth for said in self._got.get(view.subject, ())])

    def _score(self, view: _View, dimension: str) -> Score:
        weighed = self._weighed(view)
        scores = [(one, one.mean) for one in weighed] if dimension == OVERALL else _of(weighed, dimension)
        return score_of(view.centre, scores)

    def _weighed(self, view: _View) -> list[Weighed]:
        judged: dict[str, tuple[float, float]] = {}
        found: list[Weighed] = []
        for said in self._got.get(view.subject, ()):
            if said.issuer not in judged:
                judged[said.issuer] = self._judged(view, said.issuer)
            weight, leniency = judged[said.issuer]
            found.append(Weighed(said.stamp, said.issuer, said.mean, weight * said.worth, leniency))
        return found

    def _judged(self, view: _View, issuer: str) -> tuple[float, float]:
        """Return an issuer's weight where a subject is judged, and how lenient it is."""
        weight = min(1.0, view.trust(issuer))
        if not weight or issuer in view.graph.anchors:
            return weight, 0.0
        habit = self._habit(issuer).without(view.subject)
        leniency = (habit.total - habit.stamps * view.centre) / (habit.stamps + LENIENCY_PRIOR)
        return weight * habits.factor(habit), leniency

    def _habit(self, issuer: str) -> Habits:
        if issuer not in self._habits:
            given = self._given[issuer]
            mutual = frozenset(subject for subject in given if issuer in self._given.get(subject, {}))
            known = {
                to: [Given(one.mean, one.stamp.dims, one.stamp.time_ms) for one in its] for to, its in given.items()
            }
            self._habits[issuer] = Habits(known, mutual)
        return self._habits[issuer]

    def _signs(self, view: _View, weighed: Iterable[Weighed]) -> dict[str, tuple[str, ...]]:
        issuers = sorted({one.issuer for one in weighed if one.weight > 0} - view.graph.anchors.keys())
        found = {issuer: tuple(habits.signs(self._habit(issuer).without(view.subject))) for issuer in issuers}
        return {issuer: signs for issuer, signs in found.items() if signs}

    # -- why -------------------------------------------------------------------------------------------------------

    def _ways(self, graph: TrustGraph, actor: str, without: str | None = None) -> tuple[Way, ...]:
        return tuple(self._way(path) for path in graph.paths(actor, without))

    def _way(self, path: Path) -> Way:
        steps = (Step(one, to, self._items(one, to), self._trusts.get(one, {}).get(to, 0.0)) for one, to in path.steps)
        return Way(path.mass, tuple(steps))

    def _items(self, issuer: str, subject: str) -> tuple[str, ...]:
        said = self._given.get(issuer, {}).get(subject, ())
        return tuple(dict.fromkeys(one.stamp.item for one in said))


def _habitual(said: Said) -> Given:
    return Given(said.mean, said.stamp.dims, said.stamp.time_ms)


def _of(weighed: Iterable[Weighed], name: str) -> list[tuple[Weighed, float]]:
    return [(one, score) for one in weighed for dimension, score in one.stamp.dims if dimension == name]


def _heaviest(weighed: Iterable[Weighed]) -> list[tuple[str, float, tuple[str, ...], tuple[str, ...]]]:
    """Return who weighs something, what, by which items, and as which actors; the heaviest first."""
    weights: dict[str, float] = {}
    items: dict[str, dict[str, None]] = {}
    actors: dict[str, dict[str, None]] = {}
    for one in weighed:
        weights[one.issuer] = weights.get(one.issuer, 0.0) + one.weight
        items.setdefault(one.issuer, {})[one.stamp.item] = None
        actors.setdefault(one.issuer, {})[one.stamp.issuer] = None
    some = ((who, weight, tuple(items[who]), tuple(actors[who])) for who, weight in weights.items() if weight > 0)
    return sorted(some, key=lambda each: (-each[1], each[0]))


def _got(given: testimony.Pairs) -> dict[str, list[Said]]:
    found: dict[str, list[Said]] = {}
    for pairs in given.values():
        for subject, said in pairs.items():
            found.setdefault(subject, []).extend(said)
    return found
