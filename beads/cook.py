"""Cooking: a formula and values become the flat list of beads and edges of a molecule.

In this order:

1. `extends`: parents first; a step with a parent's id takes its place, variables and rules are joined.
2. Variables: required, default, enum, pattern, type.
3. Steps, one by one: `condition`, `gate`, `loop`, `expand`, `children`. `{{var}}` is filled in once: what a value holds
   is never read again. In templates and bodies `{target}`, `{target.title}`, `{target.description}` and a loop's
   variable are filled in too; other single braces stay (`{item}` is for run time).
4. `compose.expand` and `compose.map` replace steps that have no children.
5. `compose.branch`, `compose.gate`.
6. `advice`, then `compose.aspects`. A step put before another takes over what that one needs; whoever needs a step that
   has something put after it waits for that as well.

Whoever needs a step that was replaced waits for the last of what came instead; whoever needs a step whose condition
does not hold waits for what that one needs. The passes of a loop follow each other. `until` is for run time: one pass
is cooked, and `Cooked.repeats` says the rest. A `compose.gate` becomes a gate for a person, with its condition as the
title: nobody evaluates it, so it must not open by itself.

A condition is `{{x}}`, `!{{x}}`, `{{x}} == words` or `{{x}} != words`, quotes around the words are optional. Empty,
`false`, `no`, `off` and `0` are false.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from beads.advice import Adviser
from beads.circles import circle
from beads.compose import Composer
from beads.cooked import ROOT, Cooked, Edge, Node, Repeat
from beads.expand import Expander
from beads.formula import Formula, FormulaError, Loop
from beads.formula_check import placed
from beads.inherit import Find, inherit
from beads.pot import EDGES, Part, Pot, Scope, check_title
from beads.values import settle


def cook(formula: Formula, given: Mapping[str, str], find: Find) -> Cooked:
    """Make a molecule of a formula.

    Args:
        formula: A workflow or a convoy.
        given: Values of variables.
        find: Finds the other formulas it names; whatever it raises passes through.

    Raises:
        FormulaError: A value is missing or wrong, or a rule is broken.
    """
    try:
        whole = inherit(formula, find)
        if whole.type not in ("workflow", "convoy"):
            raise FormulaError("type", f"a formula of type {whole.type} is nothing by itself", "Name it in compose.")
        values = settle(whole, given)
        return _Kitchen(whole, values, find).serve()
    except FormulaError as error:
        raise error.of(formula.formula) from None


class _Kitchen:
    """One cooking."""

    def __init__(self, formula: Formula, values: Mapping[str, str], find: Find) -> None:
        self._formula = formula
        self._values = values
        self._pot = Pot(find)
        self._expander = Expander(self._pot)
        self._composer = Composer(self._pot, self._expander)

    def serve(self) -> Cooked:
        formula = self._formula
        scope = Scope({step.id: step.id for _, step, _ in placed(formula.steps, "steps")}, self._values)
        root = self._root(scope)
        for step in formula.steps:
            self._expander.step(step, scope, ROOT, [])
        self._composer.compose(formula.compose, scope)
        Adviser(self._pot).advise(formula, scope)
        edges = self._edges()
        return self._cooked(root, edges)

    def _cooked(self, root: Node, edges: tuple[Edge, ...]) -> Cooked:
        formula = self._formula
        return Cooked(
            formula=formula.formula,
            type=formula.type,
            version=formula.version,
            root=root,
            nodes=(root, *(part.node for part in self._pot.parts.values())),
            edges=edges,
            phase=formula.phase or "liquid",
            pour=formula.pour,
            values=self._values,
            on_complete=self._pot.on_complete,
            repeats=tuple(self._repeat(key, loop) for key, loop in self._pot.loops),
            hooks=formula.compose.hooks,
            bond_points=tuple(self._composer.point(point) for point in formula.compose.bond_points),
        )

    def _root(self, scope: Scope) -> Node:
        formula = self._formula
        title = self._values.get("title") or formula.formula
        check_title(title, "vars.title")
        return Node(ROOT, title, self._pot.fill(formula.description, scope, "description"), type="molecule")

    def _repeat(self, key: str, loop: Loop) -> Repeat:
        span = self._pot.spans[key]
        first, last = self._pot.leaves(span.first, first=True), self._pot.leaves(span.last)
        return Repeat(key, tuple(first), tuple(last), loop.until, loop.max or 1)

    def _edges(self) -> tuple[Edge, ...]:
        edges: dict[Edge, None] = {}
        for key, part in self._pot.parts.items():
            for edge in self._edges_of(key, part):
                edges[edge] = None
                if len(edges) > EDGES:
                    raise FormulaError(f"step {key}", f"more than {EDGES} edges come out")
        self._check_circle(edges)
        return tuple(edges)

    def _edges_of(self, key: str, part: Part) -> Iterator[Edge]:
        yield Edge(key, str(part.node.parent), "parent-child")
        for on in (*self._pot.leaves(part.needs), *part.direct):
            yield Edge(key, on, "blocks")
        if part.waits:
            yield from self._waiting(key, *part.waits)

    def _waiting(self, key: str, spawner: str, gate: str) -> Iterator[Edge]:
        if spawner in self._pot.parts:
            yield Edge(key, spawner, "waits-for", json.dumps({"gate": gate}, separators=(",", ":")))
        elif not self._pot.is_left_out(spawner):
            raise FormulaError(f"step {key}: waits_for", f"{spawner} was replaced: it has no children")

    def _check_circle(self, edges: Iterable[Edge]) -> None:
        needs: dict[str, list[str]] = {key: [] for key in self._pot.parts}
        for edge in edges:
            if edge.kind != "parent-child":
                needs[edge.key].append(edge.on)
        round_ = circle(needs, {key: str(part.node.parent) for key, part in self._pot.parts.items()})
        if round_:
            raise FormulaError(f"step {round_[0]}: needs", f"waits for itself: {' → '.join(round_)}")
