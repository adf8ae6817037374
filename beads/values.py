"""Variables of a formula: their values, and the conditions that ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from beads.formula import CONDITION, Formula, FormulaError, nearest
from beads.formula_check import check_value

_FALSE: Final = frozenset(("", "false", "no", "off", "0"))


def settle(formula: Formula, given: Mapping[str, str]) -> dict[str, str]:
    """Give each variable its value; one that is neither given nor has a default gets none.

    Raises:
        FormulaError: One is unknown, missing or does not fit.
    """
    for name in given:
        if name not in formula.vars:
            raise FormulaError(f"vars.{name[:64]}", "unknown variable", nearest(name, formula.vars, "variables"))
    missing = [name for name, var in formula.vars.items() if var.required and not given.get(name)]
    if missing:
        hint = f"Give each a value: --var {missing[0]}=VALUE"
        raise FormulaError(f"vars.{missing[0]}", f"values are missing: {', '.join(missing)}", hint)
    for name, value in given.items():
        if value or formula.vars[name].default is None:
            check_value(f"vars.{name}", formula.vars[name], value)
    defaults = {name: var.default for name, var in formula.vars.items() if var.default is not None}
    return {**defaults, **given}


def holds(condition: str, values: Mapping[str, str], place: str = "condition") -> bool:
    """Say whether a step's condition holds.

    Raises:
        FormulaError: It is none, or names an unknown variable.
    """
    found = CONDITION.fullmatch(condition)
    if found is None:
        raise FormulaError(place, f"{condition[:80]!r} is no condition")
    value = value_of(found["truth"] or found["var"], values, place)
    if found["truth"]:
        return (value.strip().lower() not in _FALSE) != bool(found["no"])
    words = found["value"]
    quoted = len(words) > 1 and words[0] == words[-1] and words[0] in "'\""
    return (value == (words[1:-1] if quoted else words)) == (found["op"] == "==")


def value_of(name: str, values: Mapping[str, str], place: str) -> str:
    """Return the value of a variable.

    Raises:
        FormulaError: It is unknown, or has none.
    """
    if name not in values:
        hint = nearest(name, values, "variables")
        raise FormulaError(place, f"unknown variable {name[:64]!r}", f"{hint} A value may be missing.")
    return values[name]
