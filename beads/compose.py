"""Composition: steps replaced by expansions, branches, gates before steps, places to bond at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import msgspec

from beads.cooked import Node, Wait
from beads.expand import Expander
from beads.formula import BondPoint, Compose, FormulaError, Words
from beads.pot import Part, Pot, Scope


class Composer:
    """Does what a formula's `compose` says to what is in a pot."""

    def __init__(self, pot: Pot, expander: Expander) -> None:
        self._pot = pot
        self._expander = expander

    def compose(self, compose: Compose, scope: Scope) -> None:
        """Do all of it, in order."""
        for number, rule in enumerate(compose.expand):
            place = f"compose.expand[{number}]"
            self._pot.require(f"{place}.target", rule.target)
            if not self._pot.is_left_out(rule.target):
                self._replace([rule.target], rule.with_, self._given(rule.vars, scope), scope, place)
        for number, each in enumerate(compose.map):
            keys = [key for key in self._pot.parts if fnmatchcase(key, each.select) and self._replaceable(key)]
            self._replace(keys, each.with_, self._given(each.vars, scope), scope, f"compose.map[{number}]")
        for branch in compose.branch:
            self._branch(branch.from_, branch.steps, branch.join)
        for number, gate in enumerate(compose.gate):
            self._gate_rule(number, gate.before, gate.condition, scope)

    def _replaceable(self, key: str) -> bool:
        part = self._pot.parts[key]
        has_children = any(other.node.parent == key for other in self._pot.parts.values())
        return not (has_children or part.waits or part.node.gate or key in self._pot.on_complete)

    def _given(self, vars_: Mapping[str, str], scope: Scope) -> dict[str, str]:
        return {name: self._pot.fill(value, scope, "compose: vars") for name, value in vars_.items()}

    def _replace(self, keys: Sequence[str], name: str, given: Mapping[str, str], scope: Scope, place: str) -> None:
        for key in keys:
            if key not in self._pot.parts or not self._replaceable(key):
                hint = "Only a step without children, gate of its own, waits_for and on_complete can be."
                raise FormulaError(place, f"{key} cannot be replaced, or was already", hint)
        old, self._pot.parts = self._pot.parts, {}
        for key, part in old.items():
            if key in keys:
                self._expander.expand(part.node, name, given, scope, part.needs + part.direct)
            else:
                self._pot.put(part)

    def _branch(self, from_: str, steps: Words, join: str) -> None:
        for key in (from_, *steps, join):
            self._pot.require("compose.branch", key)
        for key in steps:
            for first in self._pot.leaves([key], first=True):
                self._pot.parts[first].needs.append(from_)
        for first in self._pot.leaves([join], first=True):
            self._pot.parts[first].needs += steps

    def _gate_rule(self, number: int, before: str, condition: str, scope: Scope) -> None:
        place = f"compose.gate[{number}]"
        self._pot.require(f"{place}.before", before)
        text = self._pot.fill(condition, scope, f"{place}.condition")
        for first in self._pot.leaves([before], first=True):
            part = self._pot.parts[first]
            node = Node(
                f"gate-{first}.{number + 1}", f"Until {text}", type="gate", parent=part.node.parent,
                metadata={"condition": text}, gate=Wait("human", text),
            )  # fmt: skip
            self._pot.put(Part(node, []))
            part.direct.append(node.key)

    def point(self, point: BondPoint) -> BondPoint:
        """Return a bond point with the keys of beads for steps."""
        place = f"compose.bond_points: {point.id[:80]}"
        for key in filter(None, (point.after_step, point.before_step)):
            self._pot.require(place, key)
        after = self._pot.leaves([point.after_step]) if point.after_step else []
        before = self._pot.leaves([point.before_step], first=True) if point.before_step else []
        return msgspec.structs.replace(point, after_step="".join(after[-1:]), before_step="".join(before[:1]))
