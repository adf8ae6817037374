"""bead.set: fields and texts of a bead, last writer by (hlc, log); what a writer did not know of is kept beside it."""

from typing import Any

import msgspec

from beads import fields, ids
from beads.bead import may_change
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase, by_stated_time, first_problem, stated_time

OF_THE_FACET = frozenset({"status", "assignee", "type"})
"""What a wanted item's lifecycle owns; bead.set never touches it there."""


class Set(msgspec.Struct, frozen=True):
    """Payload: a null value takes a field away.

    Attributes:
        seen: The operations whose fields and texts this one takes the place of. What stands by another's operation
            that is not named here was written at the same time, as far as the writer knew: it is kept as lost.
        at: When the change was made in the ledger that it came from, milliseconds; it loses against what is newer.
    """

    bead: str
    fields: fields.Pairs
    prose: tuple[str, ...]
    seen: tuple[str, ...] = ()
    at: int | None = None


def problem(payload: Set) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (fields.valid(payload.fields), "fields must be sorted pairs of a name and a short value"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
        (bool(payload.fields or payload.prose), "nothing is set"),
        (list(payload.seen) == sorted(set(payload.seen)), "seen must be sorted"),
        (all(map(ids.HEX64.fullmatch, payload.seen)), "seen names operations"),
        (payload.at is None or payload.at > 0, "at"),
    )


def entity(op: Op, actor: str) -> Entity:
    """Operations on a bead belong to it."""
    return Entity("bead", op.payload.bead)


def apply(bead: Any, live: Live, payload: Set, context: Context) -> str | None:
    """Write the fields, if the writer may."""
    if not may_change(bead, live, context):
        return "bead.author"
    if bead.facet is not None and (payload.prose or any(name in OF_THE_FACET for name, _ in payload.fields)):
        return "bead.facet"
    bead.write(live, payload.fields, payload.prose, payload.seen, stated_time(live.op))
    return None


def named(payload: Any) -> tuple[str, ...]:
    """The bead is the one operation named."""
    return (payload.bead,)


def _named(payload: Set) -> tuple[str, ...]:
    return (payload.bead, *payload.seen)


TYPE = OpType(
    "bead.set", Set, entity, apply, Phase.FIELD, by_stated_time, problem=problem, names=_named, private_agent=True
)
