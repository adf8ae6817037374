"""Steps become beads, one by one: conditions, gates, loops, expansions, children."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from beads.cooked import PRIORITY, Node, Wait
from beads.formula import NESTING, REPEATS, WAITS, FormulaError, Gate, Loop, OnComplete, Step
from beads.formula_check import placed, read_timeout, spawner_of
from beads.pot import Part, Pot, Scope, Span
from beads.values import holds, settle

_RANGE: Final = re.compile(r"\s*(-?\d{1,9})\s*\.\.\s*(-?\d{1,9})\s*")


class Expander:
    """Puts steps into a pot."""

    def __init__(self, pot: Pot) -> None:
        self._pot = pot

    def step(self, step: Step, scope: Scope, parent: str, more: Sequence[str]) -> None:
        """Put in a step that needs `more` besides what it says itself."""
        self._pot.visit()
        key = scope.names[step.id]
        needs = [*more, *scope.keys(step.all_needs)]
        if step.condition and not holds(step.condition, scope.values, f"step {key}: condition"):
            self._leave_out(step, scope, needs)
            return
        gates = self._gate(step.gate, key, scope, parent) if step.gate else []
        if step.loop:
            self._loop(step.loop, key, scope, parent, needs + gates)
        elif step.expand:
            self._inline(step, key, scope, parent, needs + gates)
        else:
            self._plain(step, key, scope, parent, needs, gates)

    def _plain(self, step: Step, key: str, scope: Scope, parent: str, needs: list[str], gates: Sequence[str]) -> None:
        node = self._node(step, key, scope, parent)
        self._pot.put(Part(node, needs, list(gates), _waits(step, scope)))
        if step.on_complete:
            self._pot.on_complete[key] = self._later(step.on_complete, scope, key)
        for child in step.children:
            self.step(child, scope, key, ())

    def _node(self, step: Step, key: str, scope: Scope, parent: str) -> Node:
        def fill(name: str, text: str) -> str:
            return self._pot.fill(text, scope, f"step {key}: {name}")

        waits = _gate_word(step.waits_for)
        labels = [*(fill("labels", label) for label in step.labels), *([f"gate:{waits}"] if waits else [])]
        metadata = {
            name: fill("metadata", value) if isinstance(value, str) else value for name, value in step.metadata.items()
        }
        return Node(
            key=key,
            title=fill("title", step.title),
            description=fill("description", step.description),
            notes=fill("notes", step.notes),
            type=fill("type", step.type) or ("epic" if step.children else "task"),
            priority=PRIORITY if step.priority is None else step.priority,
            labels=tuple(dict.fromkeys(filter(None, labels))),
            metadata=metadata,
            assignee=fill("assignee", step.assignee),
            parent=parent,
        )

    def _leave_out(self, step: Step, scope: Scope, needs: list[str]) -> None:
        """Let whoever needs the step, or a child of it, wait for what it needs itself."""
        self._pot.span(scope.names[step.id], (), needs)
        for child in step.children:
            self._pot.visit()
            self._leave_out(child, scope, [*needs, *scope.keys(child.all_needs)])

    def _gate(self, gate: Gate, key: str, scope: Scope, parent: str) -> list[str]:
        place = f"step {key}: gate"
        await_id = self._pot.fill(gate.await_id or gate.id, scope, f"{place}.await_id")
        timeout = self._pot.fill(gate.timeout, scope, f"{place}.timeout")
        wait = Wait(gate.type, await_id, read_timeout(f"{place}.timeout", timeout) if timeout else 0)
        words = " ".join(filter(None, (gate.type, await_id, timeout)))
        node = Node(f"gate-{key}", f"Gate of {key}: {words}", type="gate", parent=parent, gate=wait)
        self._pot.put(Part(node, []))
        return [node.key]

    def _later(self, done: OnComplete, scope: Scope, key: str) -> OnComplete:
        place = f"step {key}: on_complete"
        filled = {name: self._pot.fill(value, scope, f"{place}.vars") for name, value in done.vars.items()}
        return msgspec.structs.replace(done, bond=self._pot.fill(done.bond, scope, f"{place}.bond"), vars=filled)

    # -- loops

    def _loop(self, loop: Loop, key: str, scope: Scope, parent: str, needs: list[str]) -> None:
        before, first = needs, None
        for number, value in enumerate(self._passes(loop, key, scope), 1):
            here = [step for _, step, _ in placed(loop.body, "body")]
            names = {step.id: f"{key}.iter{number}.{self._word(step.id, scope, loop, value)}" for step in here}
            inner = scope.inside(names, {loop.var: str(value)} if loop.var else {})
            span = _ends([(names[step.id], inner.keys(step.all_needs)) for step in loop.body])
            for step in loop.body:
                self.step(step, inner, parent, before if names[step.id] in span.first else ())
            before, first = list(span.last), first or span.first
        self._pot.span(key, first or (), before)
        if loop.until:
            self._pot.loops.append((key, loop))

    def _word(self, id_: str, scope: Scope, loop: Loop, value: int) -> str:
        words = {**scope.words, loop.var: str(value)}
        return self._pot.fill(id_, Scope({}, {**scope.values, **words}, words), "loop.body: id")

    def _passes(self, loop: Loop, key: str, scope: Scope) -> Iterator[int]:
        first, last = 1, loop.count or 1
        if loop.range:
            words = {**scope.values, **scope.words}
            place = f"step {key}: loop.range"
            text = self._pot.fill(loop.range, Scope({}, scope.values, words), place)
            found = _RANGE.fullmatch(text)
            if not found:
                raise FormulaError(place, f"{text[:40]!r} is no range", "Two whole numbers, such as 1..3.")
            first, last = int(found[1]), int(found[2])
            if not 0 <= last - first < REPEATS:
                raise FormulaError(place, f"{text} is not 1 to {REPEATS} numbers, upwards")
        for value in range(first, last + 1):
            self._pot.visit()
            yield value

    # -- expansions

    def _inline(self, step: Step, key: str, scope: Scope, parent: str, needs: list[str]) -> None:
        node = self._node(msgspec.structs.replace(step, title=step.title or key), key, scope, parent)
        given = {k: self._pot.fill(v, scope, f"step {key}: expand_vars.{k[:64]}") for k, v in step.expand_vars.items()}
        self.expand(node, self._pot.fill(step.expand, scope, f"step {key}: expand"), given, scope, needs)

    def expand(self, target: Node, name: str, given: Mapping[str, str], scope: Scope, needs: list[str]) -> None:
        """Put an expansion's template in a step's place; what it leaves open is as the step has it."""
        template, values = self._expansion(name, target.key, given, scope)
        words = {
            "target": target.key,
            "target.id": target.key,
            "target.title": target.title,
            "target.description": target.description,
        }
        outer = Scope({}, values, words, (*scope.within, name))
        names = {step.id: self._pot.under(target.key, step.id, "target", outer) for _, step, _ in placed(template, "")}
        inner = Scope(names, values, words, outer.within)
        span = _ends([(names[step.id], inner.keys(step.all_needs)) for step in template])
        self._pot.span(target.key, span.first, span.last)
        for step in template:
            more = needs if names[step.id] in span.first else ()
            self.step(_as_target(step, target), inner, str(target.parent), more)

    def _expansion(
        self, name: str, key: str, given: Mapping[str, str], scope: Scope
    ) -> tuple[tuple[Step, ...], dict[str, str]]:
        place = f"step {key}: expand"
        if name in scope.within or len(scope.within) >= NESTING:
            raise FormulaError(place, f"round about or too deep: {' → '.join((*scope.within, name))}")
        formula = self._pot.look_up(name, "expansion", place)
        open_ = [k for k, var in formula.vars.items() if var.required and k not in given and k in scope.values]
        own = settle(formula, {**{k: scope.values[k] for k in open_}, **given})
        return formula.template, {**scope.values, **own}


def _as_target(step: Step, target: Node) -> Step:
    priority = target.priority if step.priority is None else step.priority
    return msgspec.structs.replace(step, priority=priority, assignee=step.assignee or target.assignee)


def _gate_word(waits_for: str) -> str:
    return waits_for if waits_for in WAITS or not waits_for else WAITS[0]


def _waits(step: Step, scope: Scope) -> tuple[str, str] | None:
    if not step.waits_for:
        return None
    spawner = spawner_of(step.waits_for) or step.all_needs[0]
    return scope.keys([spawner])[0], _gate_word(step.waits_for)


def _ends(steps: Sequence[tuple[str, Sequence[str]]]) -> Span:
    """Find which steps of a row nothing in the row comes before, and which nothing comes after."""
    keys = {key for key, _ in steps}
    needed = {need for _, needs in steps for need in needs}
    first = [key for key, needs in steps if not keys.intersection(needs)]
    return Span(tuple(first), tuple(key for key, _ in steps if key not in needed))
