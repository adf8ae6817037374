"""Circles: steps that wait for each other for ever, whether by what they need or by whose children they are."""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Mapping, Sequence

Moment = tuple[str, bool]
"""A step's beginning (False) or end (True)."""


def moments(needs: Mapping[str, Collection[str]], parents: Mapping[str, str]) -> dict[Moment, list[Moment]]:
    """Say what must have come before each step's beginning and end.

    Args:
        needs: What each step needs done; every step is a key. Names that are no key are left out.
        parents: The parent of each step that has one.
    """
    before: dict[Moment, list[Moment]] = {(key, True): [(key, False)] for key in needs}
    for key, names in needs.items():
        before[key, False] = [(name, True) for name in names if name in needs]
    for child, parent in parents.items():
        if child in needs and parent in needs:
            before[child, False].append((parent, False))
            before[parent, True].append((child, True))
    return before


def circle(needs: Mapping[str, Collection[str]], parents: Mapping[str, str]) -> tuple[str, ...]:
    """Find steps that wait for each other for ever, the first once more at the end; () if there are none."""
    try:
        graphlib.TopologicalSorter(moments(needs, parents)).prepare()
    except graphlib.CycleError as error:
        found: list[Moment] = error.args[1]
        return _told(list(needs), [key for key, _ in reversed(found)])
    return ()


def _told(order: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Tell a circle from its first step on, each step once: the same wherever the search came upon it."""
    round_ = [name for number, name in enumerate(names[1:]) if name != names[number]] or [names[0]]
    at = round_.index(min(round_, key=order.index))
    return (*round_[at:], *round_[:at], round_[at])
