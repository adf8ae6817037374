"""bead.link: typed dependencies between beads, as an observed-remove set."""

from typing import Any

import msgspec

from beads import ids, limits
from beads.bead import may_change
from beads.ops.set import entity
from beads.rules import Context, Live, OpType, Phase, first_problem, one_line


class Link(msgspec.Struct, frozen=True):
    """Payload: `bead` depends on the other end of each link.

    Attributes:
        add: Pairs of a kind (`blocks`, `parent_child`, …) and a bead's id.
        remove: Triples of kind, bead's id and the additions taken back.
    """

    bead: str
    add: tuple[tuple[str, str], ...]
    remove: tuple[tuple[str, str, tuple[str, ...]], ...]


def problem(payload: Link) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    removed = [op for _, _, ops in payload.remove for op in ops]
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (list(payload.add) == sorted(set(payload.add)), "links must be sorted"),
        (all(one_line(kind, 40) and ids.HEX64.fullmatch(to) for kind, to in payload.add), "a link"),
        (all(to != payload.bead for _, to in payload.add), "a bead cannot depend on itself"),
        (len(removed) <= limits.SET_REMOVALS and all(map(ids.HEX64.fullmatch, removed)), "removals"),
    )


def apply(bead: Any, live: Live, payload: Link, context: Context) -> str | None:
    """Add and take back, if the writer may."""
    if not may_change(bead, live, context):
        return "bead.author"
    for kind, to in payload.add:
        bead.links.add((kind, to), live.op.id)
    for kind, to, seen in payload.remove:
        bead.links.remove((kind, to), seen)
    return None


def named(payload: Link) -> tuple[str, ...]:
    """The bead and the other ends of new links."""
    return (payload.bead, *(to for _, to in payload.add))


TYPE = OpType("bead.link", Link, entity, apply, Phase.FIELD, problem=problem, names=named, private_agent=True)
