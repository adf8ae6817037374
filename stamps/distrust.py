"""Whom a viewer's circle distrusts, and so takes out (docs/reputation.md, Distrust).

1. Distrust of any weight by an anchor takes an actor out; an anchor itself goes by the next rule.
2. So does more distrust than the actor has trust: the sum, over those who distrust it, of their trust times its share.
   Shares are those of trust: 0.6 x weight / max(sum of the weights, 1), or one actor who was let in could silence all
   whom the circle knows less of. An anchor's own weights are not shared out.
3. What the subject says of others, and the trust that comes through it, is left out where it is itself judged.
"""

from collections.abc import Mapping

from stamps.trustgraph import DECAY, NOTHING, TrustGraph


class Distrust:
    """Who takes no part in a circle.

    Args:
        said: Actor → actor → how much the first distrusts the second, above 0.
        graph: Trust before anybody is taken out.
    """

    def __init__(self, said: Mapping[str, Mapping[str, float]], graph: TrustGraph) -> None:
        self._graph = graph
        self._said = {actor: self._shared(actor, targets) for actor, targets in said.items() if graph.trust(actor) > 0}
        self._by: dict[str, dict[str, float]] = {}
        for actor, targets in self._said.items():
            for target, weight in targets.items():
                self._by.setdefault(target, {})[actor] = weight
        self.out = frozenset(target for target in self._by if self._is_out(target, None, {}))

    def judging(self, subject: str) -> frozenset[str]:
        """Return who takes no part where the subject is judged."""
        if not self._by:
            return self.out
        through = self._graph.through(subject)
        speakers = (through.keys() | {subject}) & self._said.keys()
        touched = {target for actor in speakers for target in self._said[actor]} | (through.keys() & self._by.keys())
        return (self.out - touched) | {target for target in touched if self._is_out(target, subject, through)}

    def _shared(self, actor: str, targets: Mapping[str, float]) -> Mapping[str, float]:
        if actor in self._graph.anchors:
            return targets
        share = DECAY / max(sum(targets.values()), 1.0)
        return {target: weight * share for target, weight in targets.items()}

    def _is_out(self, target: str, subject: str | None, through: Mapping[str, float]) -> bool:
        against = {actor: weight for actor, weight in self._by[target].items() if actor != subject}
        if target not in self._graph.anchors and against.keys() & self._graph.anchors.keys():
            return True
        mass = sum(self._left(actor, through) * weight for actor, weight in against.items())
        return mass > self._left(target, through) + NOTHING

    def _left(self, actor: str, through: Mapping[str, float]) -> float:
        return self._graph.trust(actor) - through.get(actor, 0.0)
