"""How trust flows from a viewer's anchors over what actors gave each other (docs/reputation.md, Trust).

1. An edge from i to j is what i found good in j: over the distinct items that i stamped with a mean of 3 or more, the
   sum of mean / 5, at most 3; trust that i declared adds three times its weight. Distrust leaves no edge.
2. An anchor trusts whom it chose by the edge itself, at most fully (1). Each further hop takes 0.6 and is shared out by
   edge / max(sum of edges, 3): whoever trusts thousands gives each next to nothing.
3. Three hops and no more, so that all trust is a sum over paths that can be shown. What comes back to an anchor ends
   there: an anchor's choices are the viewer's, not somebody else's.
4. Whoever is judged takes no part: what reaches an actor through the subject is taken off (`through`).
"""

from collections.abc import Mapping, Set
from heapq import nsmallest
from itertools import pairwise
from typing import Final, NamedTuple

DECAY: Final = 0.6
LEAST_SHARED: Final = 3.0
"""Somebody with few edges does not pass on all that came in."""
NOTHING: Final = 1e-12
"""What is left of a sum after its parts were taken off, by rounding."""
SHOWN: Final = 3

Edges = Mapping[str, Mapping[str, float]]


class Path(NamedTuple):
    """One way by which trust comes from an anchor, and how much of it."""

    actors: tuple[str, ...]
    mass: float

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """The edges, in order."""
        return tuple(pairwise(self.actors))


class TrustGraph:
    """Trust from some anchors, at most three hops of it.

    Args:
        edges: Actor → actor → how much the first found good in the second, above 0.
        anchors: Actor → weight, above 0 and at most 1.
        out: Actors that take no part.
    """

    def __init__(self, edges: Edges, anchors: Mapping[str, float], out: Set[str] = frozenset()) -> None:
        self.anchors = {actor: weight for actor, weight in sorted(anchors.items()) if actor not in out}
        self._edges, self._out = edges, out
        self._rows: dict[str, dict[str, float]] = {}
        self._first = self._chosen(self.anchors)
        self._second = self._spread(self._first)
        self._third = self._spread(self._second)
        self._total = _sum(self.anchors, self._first, self._second, self._third)

    def trust(self, actor: str) -> float:
        """Return how much trust reaches an actor, by whatever way."""
        return self._total.get(actor, 0.0)

    def reached(self) -> Set[str]:
        """Return whom any trust reaches."""
        return self._total.keys()

    def through(self, subject: str) -> dict[str, float]:
        """Return what reaches each actor by ways through the subject.

        What first comes to the subject at hop k goes on for the 3 - k hops that are left; no edge leads from an actor
        to itself, so what is there at hop 1 and at hop 2 came by different ways.
        """
        if subject in self.anchors:
            first = self._chosen({subject: self.anchors[subject]})
            second = self._spread(first)
            return _sum(first, second, self._spread(second))
        early, late = self._first.get(subject, 0.0), self._second.get(subject, 0.0)
        if not early and not late:
            return {}
        near = self._spread({subject: early + late})
        return _sum(near, self._spread(self._spread({subject: early}))) if early else near

    def paths(self, actor: str, without: str | None = None, limit: int = SHOWN) -> list[Path]:
        """Return the ways by which most trust comes to an actor, the strongest first.

        Args:
            without: Whoever is judged; no way through it counts.
        """
        found = [Path((actor,), self.anchors[actor])] if actor in self.anchors else []
        found += self._ways(actor, without)
        return nsmallest(limit, found, key=lambda path: (-path.mass, path.actors))

    def _ways(self, actor: str, without: str | None) -> list[Path]:
        """Follow every edge to its end; a way may meet an actor twice, as trust does."""
        ending = [Path((anchor,), weight) for anchor, weight in self.anchors.items() if anchor != without]
        found: list[Path] = []
        for hop in range(3):
            found += [step for path in ending if (step := self._step(path, actor)) is not None]
            if hop < 2:
                ending = [step for path in ending for step in self._steps(path) if step.actors[-1] != without]
        return found

    def _steps(self, path: Path) -> list[Path]:
        last = path.actors[-1]
        row = self._chosen({last: 1.0}) if len(path.actors) == 1 else self._spread({last: 1.0})
        return [Path((*path.actors, to), path.mass * share) for to, share in row.items()]

    def _step(self, path: Path, actor: str) -> Path | None:
        last = path.actors[-1]
        if actor in self._out:
            return None
        if len(path.actors) == 1:
            share = min(1.0, self._edges.get(last, {}).get(actor, 0.0))
        else:
            share = 0.0 if last in self.anchors else DECAY * self._row(last).get(actor, 0.0)
        return Path((*path.actors, actor), path.mass * share) if share else None

    def _chosen(self, anchors: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for anchor, weight in anchors.items():
            for to, edge in self._edges.get(anchor, {}).items():
                if to not in self._out:
                    found[to] = found.get(to, 0.0) + weight * min(1.0, edge)
        return found

    def _spread(self, mass: Mapping[str, float]) -> dict[str, float]:
        found: dict[str, float] = {}
        for actor, held in mass.items():
            if actor not in self.anchors:
                for to, share in self._row(actor).items():
                    found[to] = found.get(to, 0.0) + DECAY * held * share
        return found

    def _row(self, actor: str) -> dict[str, float]:
        row = self._rows.get(actor)
        if row is None:
            edges = {to: edge for to, edge in self._edges.get(actor, {}).items() if to not in self._out}
            whole = max(sum(edges.values()), LEAST_SHARED)
            row = self._rows[actor] = {to: edge / whole for to, edge in edges.items()}
        return row


def _sum(*parts: Mapping[str, float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for part in parts:
        for actor, mass in part.items():
            total[actor] = total.get(actor, 0.0) + mass
    return total
