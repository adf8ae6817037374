"""Inheritance of formulas: one that extends others is joined with them before it is cooked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from beads.formula import NESTING, Formula, FormulaError, Step, Words
from beads.formula_check import check

Find = Callable[[str], Formula]
"""Finds a formula by its name, or raises."""
_ANCESTORS: Final = 64


def inherit(formula: Formula, find: Find) -> Formula:
    """Join a formula with all that it extends, and check the whole.

    Raises:
        FormulaError: It extends itself round about, too deep or too many, or the whole breaks a rule.
    """
    return _inherit(formula, find, (), {})


def _inherit(formula: Formula, find: Find, path: Words, known: dict[str, Formula]) -> Formula:
    # `known` keeps what many have as a common ancestor from being joined once for each way up to it.
    if formula.formula in path or len(path) >= NESTING or len(known) > _ANCESTORS:
        raise FormulaError("extends", f"round about, too deep or too many: {' → '.join((*path, formula.formula))}")
    if not formula.extends:
        return formula
    whole = formula
    for name in reversed(formula.extends):
        if name not in known:
            known[name] = _inherit(find(name), find, (*path, formula.formula), known)
        whole = _join(known[name], whole)
    whole = msgspec.structs.replace(whole, extends=())
    check(whole)
    return whole


def _join(parent: Formula, child: Formula) -> Formula:
    compose = {
        name: (*getattr(parent.compose, name), *getattr(child.compose, name))
        for name in child.compose.__struct_fields__
    }
    return msgspec.structs.replace(
        child,
        description=child.description or parent.description,
        vars={**parent.vars, **child.vars},
        steps=_override(parent.steps, child.steps),
        template=_override(parent.template, child.template),
        compose=msgspec.structs.replace(child.compose, **compose),
        advice=(*parent.advice, *child.advice),
        pointcuts=(*parent.pointcuts, *child.pointcuts),
        phase=child.phase or parent.phase,
        pour=child.pour or parent.pour,
    )


def _override(parents: Sequence[Step], children: Sequence[Step]) -> tuple[Step, ...]:
    steps = {step.id: step for step in (*parents, *children)}
    return tuple(steps.values())
