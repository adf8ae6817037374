"""Advice: steps put before and after those that a glob selects, by the formula itself or by aspects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from beads.cooked import Node
from beads.formula import Advice, AdviceStep, Formula, Pointcut
from beads.pot import Part, Pot, Scope
from beads.values import settle


class Adviser:
    """Puts steps around what is in a pot."""

    def __init__(self, pot: Pot) -> None:
        self._pot = pot

    def advise(self, own: Formula, scope: Scope) -> None:
        """Weave in the advice of a formula and of the aspects that it names."""
        self._weave(own.advice, own.pointcuts, scope)
        for number, name in enumerate(own.compose.aspects):
            aspect = self._pot.look_up(name, "aspect", f"compose.aspects[{number}]")
            values = {**scope.values, **settle(aspect, {k: v for k, v in scope.values.items() if k in aspect.vars})}
            self._weave(aspect.advice, aspect.pointcuts, Scope(scope.names, values))

    def _weave(self, advice: Sequence[Advice], cuts: Sequence[Pointcut], scope: Scope) -> None:
        if not advice:
            return
        old, self._pot.parts = self._pot.parts, {}
        for key, part in old.items():
            fitting = [a for a in advice if not part.node.gate and fnmatchcase(key, a.target)]
            fitting = fitting if not cuts or any(_cuts(cut, part.node) for cut in cuts) else []
            self._before(part, [step for a in fitting for step in a.befores], scope)
            self._pot.put(part)
            self._behind(part, [step for a in fitting for step in a.afters], scope)

    def _before(self, part: Part, steps: Sequence[AdviceStep], scope: Scope) -> None:
        last: list[str] = []
        for step in steps:
            node = self._advice_node(step, part.node, scope)
            self._pot.put(Part(node, [] if last else part.needs, last))
            last = [node.key]
        if steps:
            part.needs, part.direct = [], part.direct + last

    def _behind(self, part: Part, steps: Sequence[AdviceStep], scope: Scope) -> None:
        last = self._pot.after.get(part.node.key, part.node.key)
        for step in steps:
            node = self._advice_node(step, part.node, scope)
            self._pot.put(Part(node, [], [last]))
            last = self._pot.after[part.node.key] = node.key

    def _advice_node(self, step: AdviceStep, target: Node, scope: Scope) -> Node:
        self._pot.visit()
        inner = Scope({}, scope.values, {"step.id": target.key, "step.title": target.title})
        key = self._pot.under(target.key, step.id, "step", inner)
        place = f"step {key[:80]}"
        said = {**_prefixed("args", step.args), **_prefixed("output", step.output)}
        return Node(
            key=key,
            title=self._pot.fill(step.title, inner, f"{place}: title") or key,
            description=self._pot.fill(step.description, inner, f"{place}: description"),
            type=self._pot.fill(step.type, inner, f"{place}: type") or "task",
            metadata={name: self._pot.fill(value, inner, f"{place}: {name[:80]}") for name, value in said.items()},
            parent=target.parent,
        )


def _prefixed(kind: str, table: Mapping[str, str]) -> dict[str, str]:
    return {f"{kind}.{name}": value for name, value in table.items()}


def _cuts(cut: Pointcut, node: Node) -> bool:
    glob = not cut.glob or fnmatchcase(node.key, cut.glob)
    return glob and cut.type in ("", node.type) and (not cut.label or cut.label in node.labels)
