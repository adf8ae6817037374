"""How folded entities lie in the tables: worked out from what the index holds, and not yet written."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beads import body, fold
from beads.database import in_chunks
from beads.fold import Folded
from beads.index import Index, by_kind
from beads.op import Op
from beads.projection import Projection, Prose
from beads.rules import Entity

Row = dict[str, Any]


class Laid(msgspec.Struct, frozen=True, array_like=True):
    """The rows of one projection.

    Attributes:
        touched: The entities they are of, and those that have none now.
        replaced: What the rows that they take the place of have in their first column.
        rows: Rows by table.
    """

    touched: list[str]
    replaced: list[str | int]
    rows: dict[str, list[Row]]


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """The rows of some entities.

    Attributes:
        old: Kind and id of those that have rows already.
        projections: As the index has them.
    """

    old: list[Row]
    states: list[Row]
    ignored: list[Row]
    projections: list[Laid]


def lay_out(index: Index, touched: Sequence[Entity], known: Mapping[str, Op]) -> Layout:
    """Fold entities anew, and work out their rows.

    Args:
        known: Operations that need not be read, by id.
    """
    lives = index.lives(touched, known)
    folded = {e: fold.fold_entity(e, lives[e], index.rules, index.context) for e in touched}
    old, prose = _existing(index, touched), _prose_of(index, touched)
    states = [(e, f.state) for e, f in folded.items() if f.state is not None]
    ignored = [(e, *each) for e, f in folded.items() for each in f.ignored]
    return Layout(
        [{"kind": e.kind, "id": e.id} for e in old],
        [{"kind": e.kind, "id": e.id, "state": msgspec.json.encode(state)} for e, state in states],
        [{"kind": e.kind, "entity": e.id, "op": op_id, "rule": rule} for e, op_id, rule in ignored],
        [_laid(each, folded, old, prose) for each in index.projections],
    )


def _laid(projection: Projection, folded: Mapping[Entity, Folded], old: set[Entity], prose: Prose) -> Laid:
    rows: dict[str, list[Row]] = {table: [] for table in projection.columns}
    its_own = {e: f for e, f in folded.items() if e.kind == projection.kind}
    for f in its_own.values():
        if f.state is not None:
            for table, its_rows in projection.rows(f.state, prose).items():
                rows[table] += map(dict, its_rows)
    return Laid([e.id for e in its_own], [projection.key(e.id) for e in its_own if e in old], rows)


def _existing(index: Index, touched: Sequence[Entity]) -> set[Entity]:
    """Return those that have rows to replace, if only of what was ignored; in a first sync hardly any does."""
    found: set[Entity] = set()
    for kind, chosen in by_kind(touched):
        for listed, parameters in in_chunks(chosen):
            sql = f"""SELECT id FROM entities WHERE kind = :kind AND id IN ({listed})
                      UNION SELECT entity FROM ignored WHERE kind = :kind AND entity IN ({listed})"""
            rows = index.database.query(sql, {**parameters, "kind": kind})
            found.update(Entity(kind, row[0]) for row in rows)
    return found


def _prose_of(index: Index, entities: Sequence[Entity]) -> Prose:
    """Read the texts of entities, hundreds by one query; several projections ask for them."""
    raw: dict[str, bytes] = {}
    for kind, chosen in by_kind(entities):
        for listed, parameters in in_chunks(chosen):
            sql = f"""SELECT b.op, b.raw FROM ops o JOIN bodies b ON b.op = o.id
                      WHERE o.kind = :kind AND o.entity IN ({listed})"""
            raw.update(index.database.query(sql, {**parameters, "kind": kind}))
    read: dict[str, Mapping[str, str]] = {}

    def prose(op_id: str) -> Mapping[str, str]:
        if op_id not in read:
            read[op_id] = body.recall(raw[op_id]) if op_id in raw else {}
        return read[op_id]

    return prose
