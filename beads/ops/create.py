"""bead.create: a bead comes into being; its id is this operation's id, or that of where it came from.

A bead that comes in from another ledger's file names its origin, so that two nodes that bring in the same file
have the same bead. That is for private ledgers only: in a commons anybody could take another's place with it.
"""

from typing import Any

import msgspec

from beads import fields, ids
from beads.clock import Hlc, in_range
from beads.op import Op
from beads.ops.label import valid_labels
from beads.ops.link import Ends, named_ends, valid_ends
from beads.rules import Context, Entity, Live, OpType, Phase, by_stated_time, first_problem, one_line, stated_time


class Create(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        type: What kind of bead (task, bug, epic, …); `wanted` is made by wanted.post only.
        fields: Pairs of name and value, sorted by name.
        prose: Names of the texts in the body, sorted.
        labels: Labels to begin with, sorted.
        links: Links to begin with, sorted.
        origin: Id and creation time (milliseconds) in the ledger that it came from.
        at: When it was last changed there, milliseconds; it loses against what is newer.
    """

    type: str
    fields: fields.Pairs
    prose: tuple[str, ...]
    labels: tuple[str, ...] = ()
    links: Ends = ()
    origin: tuple[str, int] | None = None
    at: int | None = None


def problem(payload: Create) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return first_problem(
        (one_line(payload.type, 40) and payload.type != "wanted", "type"),
        (fields.valid(payload.fields), "fields must be sorted pairs of a name and a short value"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
        (valid_labels(payload.labels), "labels must be sorted lines of up to 80 characters"),
        (valid_ends(payload.links), "links must be sorted"),
        (payload.origin is None or (one_line(payload.origin[0]) and in_range(Hlc(payload.origin[1], 0))), "origin"),
        (payload.at is None or payload.at > 0, "at"),
    )


def entity(op: Op, actor: str) -> Entity:
    """The bead is named after the operation, or after its origin."""
    origin = op.payload.origin
    return Entity("bead", op.id if origin is None else ids.imported_bead(op.commons, *origin))


def apply(bead: Any, live: Live, payload: Create, context: Context) -> str | None:
    """Begin the bead."""
    if payload.origin is not None and not context.genesis.private:
        return "bead.private"
    created = None if payload.origin is None else Hlc(payload.origin[1], 0)
    bead.begin(live, payload.type, created)
    bead.write(live, payload.fields, payload.prose, at=stated_time(live.op))
    for label in payload.labels:
        bead.labels.add(label, live.op.id)
    for end in payload.links:
        bead.links.add(end, live.op.id)
    return None


def named(payload: Create) -> tuple[str, ...]:
    """The other ends of links that are beads here."""
    return named_ends(payload.links)


TYPE = OpType(
    "bead.create", Create, entity, apply, Phase.CREATE, by_stated_time, problem=problem, names=named, private_agent=True
)
