"""Molecules as they stand in a ledger: a bead with all that is below it, and how far that is. Needs the index only."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from beads import listing, molecule
from beads.cooked import Edge
from beads.database import in_chunks
from beads.errors import Refused
from beads.molecule import ORDERING, Progress, Wisp
from beads.reading import Reader
from beads.vocabulary import ACTIVE, IN_PROGRESS, OPEN, PARENT, STATUSES, TOMBSTONE, WAITS

GATE = "gate"
_COLUMNS = "entity, shown, title, status, category, type, assignee, priority, created, updated, closed, free, defer"
_BEADS = f"""SELECT {_COLUMNS}, blocked_until, outside, failed, ephemeral, template FROM beads
             WHERE entity IN ({{}}) AND status <> '{TOMBSTONE}'"""
_LINKS = "SELECT entity, bead, kind, gate, target FROM links WHERE entity IN ({})"
_NOTES = "SELECT entity, value FROM fields WHERE name = 'wisp_type' AND entity IN ({})"


class Part(NamedTuple):
    """A bead of a molecule; times are milliseconds."""

    id: str
    shown: str
    title: str
    status: str
    category: str
    type: str
    assignee: str | None
    priority: int
    created: int
    updated: int
    closed: int | None
    free: int
    defer: int
    blocked_until: int
    outside: int
    failed: int
    ephemeral: int
    template: int


@dataclass(frozen=True)
class Tree:
    """A molecule as it stands.

    Attributes:
        parts: The bead itself first, then all that is below it, as it was made. Deleted ones are left out.
        edges: What waits for what, and what is part of what, within the tree.
        outward: The same for what lies outside of it.
    """

    root: str
    parts: Mapping[str, Part]
    edges: tuple[Edge, ...]
    outward: tuple[Edge, ...] = ()

    @cached_property
    def parents(self) -> dict[str, str]:
        """The parent of each bead but the root."""
        return {edge.key: edge.on for edge in self.edges if edge.kind == PARENT and edge.key != self.root}

    @cached_property
    def steps(self) -> list[Part]:
        """What is to be done: no gates, and of beads with children only those."""
        above = set(self.parents.values())
        return [part for part in self.parts.values() if part.id not in above and part.type != GATE]

    @property
    def idle(self) -> set[str]:
        """The gates."""
        return {part.id for part in self.parts.values() if part.type == GATE}

    def closable(self, now_ms: int) -> list[Part]:
        """Return what nobody closes by itself: beads whose children are all done, and which are not."""
        left = {self.parents[part.id] for part in self.parts.values() if part.id in self.parents and part.free > now_ms}
        above = set(self.parents.values()) - left
        return [part for part in self.parts.values() if part.id in above and part.free > now_ms]

    def progress(self, now_ms: int) -> Progress:
        """Count the steps, and find those that can be worked on now."""
        statuses = {part.id: _status(part, now_ms) for part in self.parts.values()}
        failed = {part.id for part in self.parts.values() if part.failed}
        found = molecule.progress(statuses, self.edges, self.idle, failed)
        # The ledger knows what holds the molecule back from outside as well.
        current = [part.id for part in self.steps if is_workable(part, now_ms)]
        return found._replace(current=tuple(current))


def is_workable(part: Part, now_ms: int) -> bool:
    """Say whether a step can be worked on now."""
    free = part.blocked_until <= now_ms and part.defer <= now_ms and not part.outside
    return free and part.free > now_ms and _status(part, now_ms) in (OPEN, IN_PROGRESS)


def _status(part: Part, now_ms: int) -> str:
    if part.free <= now_ms:
        return "closed"
    return OPEN if part.status not in STATUSES and part.category == ACTIVE else part.status


def tree(reader: Reader, root: str) -> Tree:
    """Read a molecule."""
    ids = {root, *listing.below(reader, root, deep=True)}
    rows = [Part(*row) for listed, chosen in in_chunks(ids) for row in reader.rows(_BEADS.format(listed), chosen)]
    parts = {part.id: part for part in sorted(rows, key=lambda part: (part.id != root, part.created, _natural(part)))}
    inner: list[Edge] = []
    outer: list[Edge] = []
    for edge in _edges(reader, parts):
        (inner if edge.on in parts else outer).append(edge)
    return Tree(root, parts, tuple(inner), tuple(outer))


def existing(reader: Reader, bead: str) -> Tree:
    """Read the molecule that is meant.

    Raises:
        NotFound: There is none.
        Refused: It was deleted.
    """
    found = tree(reader, reader.find(bead))
    if found.root not in found.parts:
        name = reader.name_of(found.root)
        raise Refused(f"{name} is gone: it was squashed, burned or deleted", f"bd show {name}")
    return found


def _natural(part: Part) -> list[tuple[int, str]]:
    return [(int(text), "") if text.isdecimal() else (0, text) for text in re.split(r"(\d+)", part.shown)]


def _edges(reader: Reader, beads: Iterable[str]) -> Iterable[Edge]:
    """Yield the edges of beads, in the order of the beads."""
    order = {bead: n for n, bead in enumerate(beads)}
    found = [row for listed, chosen in in_chunks(order) for row in reader.rows(_LINKS.format(listed), chosen)]
    for key, on, kind, gate, target in sorted(found, key=lambda row: (order[row[0]], order.get(row[1], -1), row[4])):
        if kind == PARENT or kind in ORDERING:
            note = json.dumps({"gate": gate}, separators=(",", ":")) if kind == WAITS else ""
            yield Edge(key, on or target, kind, note)


def open_molecules(reader: Reader, now_ms: int) -> list[str]:
    """Return the molecules that are not over, the oldest first; protos are none."""
    sql = """SELECT entity FROM beads WHERE type = 'molecule' AND template = 0 AND free > :now
             ORDER BY created, entity"""
    return [row[0] for row in reader.rows(sql, {"now": now_ms})]


# -- wisps ---------------------------------------------------------------------------------------------------------


def wisps(reader: Reader) -> list[Wisp]:
    """Return the wisps that are part of no other wisp, and when anything below them was last touched."""
    sql = f"""SELECT entity FROM beads b WHERE ephemeral = 1 AND status <> '{TOMBSTONE}' AND NOT EXISTS (
                SELECT 1 FROM links l JOIN beads p ON p.entity = l.bead WHERE l.entity = b.entity
                AND l.kind = 'parent-child' AND p.ephemeral = 1 AND p.status <> '{TOMBSTONE}')
              ORDER BY created, entity"""
    found = [tree(reader, row[0]) for row in reader.rows(sql)]
    types: dict[str, str] = {}
    for listed, chosen in in_chunks(each.root for each in found):
        types.update(reader.rows(_NOTES.format(listed), chosen))
    return [
        Wisp(each.root, types.get(each.root, ""), max(part.updated for part in each.parts.values())) for each in found
    ]


def stale(reader: Reader, now_ms: int, older_ms: int | None = None) -> list[str]:
    """Return the wisps whose time is over; with `older_ms` those of any type that nobody touched for so long."""
    known = wisps(reader)
    if older_ms is None:
        return list(molecule.stale(known, now_ms))
    return [wisp.id for wisp in known if now_ms - wisp.touched_ms >= older_ms]
