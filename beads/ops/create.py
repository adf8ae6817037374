"""bead.create: a bead comes into being; its id is this operation's id."""

from typing import Any

import msgspec

from beads import fields
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase, first_problem, one_line


class Create(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        type: What kind of bead (task, bug, epic, …); `wanted` is made by wanted.post only.
        fields: Pairs of name and value, sorted by name.
        prose: Names of the texts in the body, sorted.
    """

    type: str
    fields: fields.Pairs
    prose: tuple[str, ...]


def problem(payload: Create) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return first_problem(
        (one_line(payload.type, 40) and payload.type != "wanted", "type"),
        (fields.valid(payload.fields), "fields must be sorted pairs of a name and a short value"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
    )


def entity(op: Op, actor: str) -> Entity:
    """The bead is named after the operation."""
    return Entity("bead", op.id)


def apply(bead: Any, live: Live, payload: Create, context: Context) -> str | None:
    """Begin the bead."""
    bead.begin(live, payload.type)
    bead.write(live, payload.fields, payload.prose)
    return None


TYPE = OpType("bead.create", Create, entity, apply, Phase.CREATE, problem=problem, private_agent=True)
