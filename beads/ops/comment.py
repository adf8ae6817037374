"""bead.comment: said under a bead by anyone admitted; grow-only, the words are in the body."""

from typing import Any

import msgspec

from beads import ids
from beads.ops.set import entity, named
from beads.rules import Context, Live, OpType, Phase, by_stated_time, first_problem


class Comment(msgspec.Struct, frozen=True):
    """Payload: the text stands in the body under `text`.

    Attributes:
        at: When it was said in the ledger that it came from, milliseconds.
    """

    bead: str
    at: int | None = None


def problem(payload: Comment) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (payload.at is None or payload.at > 0, "at"),
    )


def apply(bead: Any, live: Live, payload: Comment, context: Context) -> str | None:
    """Keep it."""
    bead.comments.append(live)
    if payload.at is None:
        # What was said elsewhere is no change made here.
        bead.touch(live.op.hlc)
    return None


TYPE = OpType(
    "bead.comment", Comment, entity, apply, Phase.FIELD, by_stated_time, problem=problem, names=named, agent=True,
    private_agent=True,
)  # fmt: skip
