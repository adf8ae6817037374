"""The rules of formulas (`beads.formula`), held against one as a whole."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from beads.circles import circle
from beads.formula import (
    CONDITION,
    KINDS,
    NAME,
    NEEDS,
    NESTING,
    PHASES,
    REPEATS,
    STEPS,
    VAR_TYPES,
    WAITS,
    Formula,
    FormulaError,
    Gate,
    Loop,
    OnComplete,
    Step,
    Var,
    Words,
    nearest,
)
from beads.gate import AWAIT_TYPES, duration_ns
from beads.pattern import pattern_finds

_CONDITION_LENGTH: Final = 500
_FORMULA_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_STEP_ID: Final = re.compile(r"[A-Za-z0-9{][A-Za-z0-9._:{}-]{0,199}")
_CHILDREN_OF: Final = re.compile(r"children-of\((?P<step>[^()]+)\)")
_INT: Final = re.compile(r"-?[0-9]{1,18}")


class Placed(NamedTuple):
    """A step and where it stands; `parent` is the id of the step whose child it is."""

    place: str
    step: Step
    parent: str


def check(formula: Formula) -> None:
    """Hold a formula against the rules.

    Raises:
        FormulaError: It breaks one.
    """
    try:
        _check_head(formula)
        for name, var in formula.vars.items():
            _check_var(f"vars.{name}", var)
        whole = not formula.extends
        count = _check_scope(formula.steps, "steps", frozenset(), 1, whole)
        count += _check_scope(formula.template, "template", frozenset(), 1, whole)
        if count > STEPS:
            raise FormulaError("steps", f"{count} steps, {STEPS} allowed")
        _check_rules(formula)
    except FormulaError as error:
        raise error.of(formula.formula) from None


def _check_head(formula: Formula) -> None:
    if not _FORMULA_NAME.fullmatch(formula.formula):
        raise FormulaError("formula", "not a name", "Letters, digits, . _ and -, at most 100.")
    _one_of("type", formula.type, KINDS)
    if formula.phase:
        _one_of("phase", formula.phase, PHASES)
    if formula.formula in formula.extends:
        raise FormulaError("extends", "a formula cannot extend itself")
    if len(set(formula.extends)) < len(formula.extends) or len(formula.extends) > NESTING:
        raise FormulaError("extends", f"names one formula twice, or more than {NESTING}")
    wrong = "steps" if formula.type == "expansion" else "template"
    if getattr(formula, wrong):
        raise FormulaError(wrong, f"of no use in a formula of type {formula.type}", "An expansion has a template.")
    needed = {"expansion": "template", "aspect": "advice"}.get(formula.type, "steps")
    if not formula.extends and not getattr(formula, needed):
        raise FormulaError(needed, f"missing: a formula of type {formula.type} is nothing without")


def _one_of(place: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise FormulaError(place, f"{value!r} is not known", nearest(value, known, "values"))


def _check_var(place: str, var: Var) -> None:
    _one_of(f"{place}.type", var.type, VAR_TYPES)
    if var.required and var.default is not None:
        raise FormulaError(place, "required and with a default", "What is required has no default.")
    if var.pattern:
        pattern_finds(var.pattern, "", f"{place}.pattern")
    for value in (*var.enum, *([var.default] if var.default else [])):
        check_value(f"{place}.default" if value == var.default else f"{place}.enum", var, value)


def check_value(place: str, var: Var, value: str) -> None:
    """Hold a value against what its variable says.

    Raises:
        FormulaError: It does not fit.
    """
    if var.type == "int" and not _INT.fullmatch(value):
        raise FormulaError(place, f"{value[:40]!r} is no whole number")
    if var.type == "bool" and value not in ("true", "false"):
        raise FormulaError(place, f"{value[:40]!r} is neither true nor false")
    if var.enum and value not in var.enum:
        raise FormulaError(place, f"{value[:40]!r} is not allowed", nearest(value, var.enum, "values"))
    if var.pattern and not pattern_finds(var.pattern, value, place):
        raise FormulaError(place, f"{value[:40]!r} does not fit the pattern {var.pattern}")


def placed(steps: Sequence[Step], place: str, depth: int = 1, parent: str = "") -> Iterator[Placed]:
    """Walk over steps and their children, parents first; the bodies of loops are worlds of their own.

    Raises:
        FormulaError: They are nested too deep.
    """
    if depth > NESTING:
        raise FormulaError(place, f"nested deeper than {NESTING}")
    for number, step in enumerate(steps):
        yield Placed(f"{place}[{number}]", step, parent)
        yield from placed(step.children, f"{place}[{number}].children", depth + 1, step.id) if step.children else ()


def _check_scope(steps: Sequence[Step], place: str, outer: frozenset[str], depth: int, whole: bool) -> int:
    """Check the steps of one world of ids, and those within; return how many there are."""
    here = list(placed(steps, place, depth))
    ids: dict[str, str] = dict.fromkeys(outer, "around the loop")
    for at, step, _ in here:
        if not _STEP_ID.fullmatch(step.id):
            raise FormulaError(f"{at}.id", f"{step.id[:40]!r} is no id", "Letters, digits, . _ : and -, at most 200.")
        if step.id in ids:
            raise FormulaError(f"{at}.id", f"{step.id!r} is there twice", f"The other one is {ids[step.id]}.")
        ids[step.id] = at
    for at, step, _ in here:
        _check_step(at, step, ids if whole else None)
    _check_circle(here)
    bodies = [(at, step.loop) for at, step, _ in here if step.loop]
    inner = frozenset(ids)
    return len(here) + sum(_check_scope(b.body, f"{at}.loop.body", inner, depth + 1, whole) for at, b in bodies)


def _check_circle(here: Sequence[Placed]) -> None:
    places = {step.id: at for at, step, _ in here}
    round_ = circle({step.id: step.all_needs for _, step, _ in here}, {p.step.id: p.parent for p in here if p.parent})
    if round_:
        raise FormulaError(f"{places[round_[0]]}.needs", f"waits for itself: {' → '.join(round_)}")


def _check_step(at: str, step: Step, ids: Mapping[str, str] | None) -> None:
    if not step.title and not step.expand and not step.loop:
        raise FormulaError(f"{at}.title", "missing")
    for key in ("needs", "depends_on"):
        _check_names(f"{at}.{key}", getattr(step, key), ids)
    _check_waits(at, step, ids)
    if step.condition and not (len(step.condition) <= _CONDITION_LENGTH and CONDITION.fullmatch(step.condition)):
        hint = 'One of "{{x}}", "!{{x}}", "{{x}} == y", "{{x}} != y".'
        raise FormulaError(f"{at}.condition", f"{step.condition[:80]!r} is no condition", hint)
    _check_replaced(at, step)
    if step.gate:
        _check_gate(f"{at}.gate", step.gate)
    if step.loop:
        _check_loop(f"{at}.loop", step.loop)
    if step.on_complete:
        _check_on_complete(f"{at}.on_complete", step.on_complete)


def _check_names(place: str, names: Words, ids: Mapping[str, str] | None) -> None:
    if len(names) > NEEDS:
        raise FormulaError(place, f"{len(names)} names, {NEEDS} allowed")
    for name in names if ids is not None else ():
        if ids is not None and name not in ids:
            raise FormulaError(place, f"unknown step {name[:80]!r}", nearest(name, ids, "steps"))


def _check_waits(at: str, step: Step, ids: Mapping[str, str] | None) -> None:
    if not step.waits_for:
        return
    spawner = spawner_of(step.waits_for)
    if spawner:
        _check_names(f"{at}.waits_for", (spawner,), ids)
    elif step.waits_for not in WAITS:
        raise FormulaError(f"{at}.waits_for", "not known", "all-children, any-children, or children-of(step).")
    elif not step.all_needs:
        raise FormulaError(f"{at}.waits_for", "whose children?", "Name a step in needs, or write children-of(step).")


def spawner_of(waits_for: str) -> str:
    """Return the step that `children-of(step)` names, else ""."""
    found = _CHILDREN_OF.fullmatch(waits_for)
    return found["step"] if found else ""


def _check_replaced(at: str, step: Step) -> None:
    """A step with `expand` or `loop` makes room for others: it has nothing that only a bead can have."""
    if not step.expand and not step.loop:
        return
    parts = {"loop": step.loop, "expand": step.expand}
    both = {**parts, "children": step.children, "waits_for": step.waits_for, "on_complete": step.on_complete}
    having = [key for key, value in both.items() if value]
    if len(having) > 1:
        raise FormulaError(at, f"{' and '.join(having)} do not go together", "Put it on the steps that come instead.")


def _check_gate(place: str, gate: Gate) -> None:
    _one_of(f"{place}.type", gate.type, AWAIT_TYPES)
    if gate.id and gate.await_id:
        raise FormulaError(f"{place}.id", "the same as await_id, and both are there")
    if gate.type == "timer" and not gate.timeout:
        raise FormulaError(f"{place}.timeout", "missing: a timer needs one", 'Such as "30m" or "1d".')
    if gate.timeout and "{" not in gate.timeout:
        read_timeout(f"{place}.timeout", gate.timeout)


def read_timeout(place: str, text: str) -> int:
    """Read a duration in nanoseconds.

    Raises:
        FormulaError: It is none.
    """
    found = duration_ns(text)
    if found is None:
        raise FormulaError(place, f"{text[:40]!r} is no duration", "Such as 30m, 2h, 1d or 1h30m; ten years at most.")
    return found


def _check_loop(place: str, loop: Loop) -> None:
    ways = [key for key in ("count", "until", "range") if getattr(loop, key)]
    if len(ways) != 1:
        raise FormulaError(place, "needs exactly one of count, until and range")
    if not loop.body:
        raise FormulaError(f"{place}.body", "empty")
    if (loop.max is None) == bool(loop.until):
        raise FormulaError(f"{place}.max", "goes with until", "until needs max, and nothing else does.")
    for key, number in (("count", loop.count), ("max", loop.max)):
        if number is not None and not 1 <= number <= REPEATS:
            raise FormulaError(f"{place}.{key}", f"{number} is not within 1 to {REPEATS}")
    if loop.var and (loop.until or not NAME.fullmatch(loop.var)):
        raise FormulaError(f"{place}.var", "not a name, or in a loop that does not count")


def _check_on_complete(place: str, done: OnComplete) -> None:
    if not done.for_each.startswith("output."):
        raise FormulaError(f"{place}.for_each", "must begin with output.", "Such as output.workers.")
    if done.parallel and done.sequential:
        raise FormulaError(place, "parallel and sequential do not go together")


def _check_rules(formula: Formula) -> None:
    for number, rule in enumerate(formula.advice):
        if not rule.befores and not rule.afters:
            raise FormulaError(f"advice[{number}]", "puts nothing anywhere", "Give it before, after or around.")
    for number, cut in enumerate(formula.pointcuts):
        if not (cut.glob or cut.type or cut.label):
            raise FormulaError(f"pointcuts[{number}]", "empty", "Give it glob, type or label.")
    for number, point in enumerate(formula.compose.bond_points):
        if point.after_step and point.before_step:
            raise FormulaError(f"compose.bond_points[{number}]", "after_step and before_step do not go together")
