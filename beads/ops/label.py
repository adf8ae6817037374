"""bead.label: labels as an observed-remove set; a removal takes back only the additions it has seen."""

from typing import Any

import msgspec

from beads import ids, limits
from beads.bead import may_change
from beads.ops.set import entity, named
from beads.rules import Context, Live, OpType, Phase, first_problem, one_line


class Label(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        add: Labels, sorted.
        remove: Pairs of a label and the ids of the additions it takes back.
    """

    bead: str
    add: tuple[str, ...]
    remove: tuple[tuple[str, tuple[str, ...]], ...]


def problem(payload: Label) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    removed = [op for _, ops in payload.remove for op in ops]
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (list(payload.add) == sorted(set(payload.add)), "labels must be sorted"),
        (all(one_line(label, 80) for label in payload.add), "a label must be one line of up to 80 characters"),
        (len(removed) <= limits.SET_REMOVALS and all(map(ids.HEX64.fullmatch, removed)), "removals"),
    )


def apply(bead: Any, live: Live, payload: Label, context: Context) -> str | None:
    """Add and take back, if the writer may."""
    if not may_change(bead, live, context):
        return "bead.author"
    for label in payload.add:
        bead.labels.add(label, live.op.id)
    for label, seen in payload.remove:
        bead.labels.remove(label, seen)
    return None


TYPE = OpType("bead.label", Label, entity, apply, Phase.FIELD, problem=problem, names=named, private_agent=True)
