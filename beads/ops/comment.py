"""bead.comment: said under a bead by anyone admitted; grow-only, the words are in the body."""

from typing import Any

import msgspec

from beads import ids
from beads.ops.set import entity, named
from beads.rules import Context, Live, OpType, Phase


class Comment(msgspec.Struct, frozen=True):
    """Payload: the text stands in the body under `text`."""

    bead: str


def problem(payload: Comment) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return None if ids.HEX64.fullmatch(payload.bead) else "bead is not an operation id"


def apply(bead: Any, live: Live, payload: Comment, context: Context) -> str | None:
    """Keep it."""
    bead.comments.append(live)
    return None


TYPE = OpType(
    "bead.comment", Comment, entity, apply, Phase.FIELD, problem=problem, names=named, agent=True, private_agent=True
)
