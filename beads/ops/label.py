"""bead.label: labels as an observed-remove set; a removal takes back only the additions it has seen."""

from typing import Any

import msgspec

from beads import ids, limits
from beads.bead import may_change
from beads.ops.set import entity, named
from beads.rules import Context, Live, OpType, Phase, by_stated_time, first_problem, one_line, stated_time

LABEL_LENGTH = 80


class Label(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        add: Labels, sorted.
        remove: Pairs of a label and the ids of the additions it takes back.
        at: When the change was made in the ledger that it came from, milliseconds.
    """

    bead: str
    add: tuple[str, ...]
    remove: tuple[tuple[str, tuple[str, ...]], ...]
    at: int | None = None


def valid_labels(labels: tuple[str, ...]) -> bool:
    """Say whether labels are sorted, distinct lines."""
    return list(labels) == sorted(set(labels)) and all(one_line(label, LABEL_LENGTH) for label in labels)


def problem(payload: Label) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    removed = [op for _, ops in payload.remove for op in ops]
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (valid_labels(payload.add), "labels must be sorted lines of up to 80 characters"),
        (payload.at is None or payload.at > 0, "at"),
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
    bead.touch(stated_time(live.op))
    return None


TYPE = OpType(
    "bead.label", Label, entity, apply, Phase.FIELD, by_stated_time, problem=problem, names=named, private_agent=True
)
