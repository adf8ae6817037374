"""bead.link: typed dependencies between beads, as an observed-remove set."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from beads import ids, limits
from beads.bead import may_change
from beads.ops.set import entity
from beads.rules import Context, Live, OpType, Phase, by_stated_time, first_problem, one_line, stated_time

NOTE_LENGTH = 1000
FOREIGN = ("external:", "alias:")
"""How the other end begins where it is no bead of this ledger: a capability of another project, an id unknown here."""

Ends: TypeAlias = tuple[tuple[str, str, str], ...]
"""Triples of kind (`blocks`, `parent-child`, …), the other end, and a note ("" or JSON that came with the link)."""


class Link(msgspec.Struct, frozen=True):
    """Payload: `bead` depends on the other end of each link.

    Attributes:
        add: Links, sorted.
        remove: Links with the additions taken back.
        at: When the change was made in the ledger that it came from, milliseconds.
    """

    bead: str
    add: Ends
    remove: tuple[tuple[str, str, str, tuple[str, ...]], ...]
    at: int | None = None


def valid_ends(ends: Ends) -> bool:
    """Say whether links are sorted, distinct and lead somewhere."""
    return list(ends) == sorted(set(ends)) and all(
        one_line(kind, 40) and valid_end(to) and len(note) <= NOTE_LENGTH for kind, to, note in ends
    )


def valid_end(to: str) -> bool:
    """Say whether a text can be the other end of a link."""
    return ids.HEX64.fullmatch(to) is not None or (to.startswith(FOREIGN) and one_line(to))


def named_ends(ends: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Return the other ends that are beads here."""
    return tuple(to for _, to, _ in ends if not to.startswith(FOREIGN))


def problem(payload: Link) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    removed = [op for *_, ops in payload.remove for op in ops]
    return first_problem(
        (bool(ids.HEX64.fullmatch(payload.bead)), "bead is not an operation id"),
        (valid_ends(payload.add), "links must be sorted and lead somewhere"),
        (all(to != payload.bead for _, to, _ in payload.add), "a bead cannot depend on itself"),
        (payload.at is None or payload.at > 0, "at"),
        (len(removed) <= limits.SET_REMOVALS and all(map(ids.HEX64.fullmatch, removed)), "removals"),
    )


def apply(bead: Any, live: Live, payload: Link, context: Context) -> str | None:
    """Add and take back, if the writer may."""
    if not may_change(bead, live, context):
        return "bead.author"
    for end in payload.add:
        bead.links.add(end, live.op.id)
    for kind, to, note, seen in payload.remove:
        bead.links.remove((kind, to, note), seen)
    bead.touch(stated_time(live.op))
    return None


def named(payload: Link) -> tuple[str, ...]:
    """The bead and the other ends of new links."""
    return (payload.bead, *named_ends(payload.add))


TYPE = OpType(
    "bead.link", Link, entity, apply, Phase.FIELD, by_stated_time, problem=problem, names=named, private_agent=True
)
