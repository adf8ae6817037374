"""Entities folded into the tables: their states, what was ignored, and how a projection lays them out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from beads import body, fold
from beads.database import in_chunks
from beads.fold import Folded
from beads.index import Index, by_kind
from beads.op import Op
from beads.projection import ERASURES, Projection, Prose
from beads.rules import Entity

FOLDED_AT_ONCE = 2_000
"""Entities: their operations are in memory together."""


class Filling:
    """Folds entities of one commons into its tables."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._database = index.database

    def put_off(self, touched: set[Entity]) -> set[Entity]:
        """Note what is folded later; return what cannot wait: words that were taken back must not come in meanwhile."""
        at_once = {each for each in touched if each.kind == ERASURES.kind}
        rows = [{"kind": kind, "id": id_} for kind, id_ in touched - at_once]
        self._database.run_many("INSERT INTO put_off VALUES (:kind, :id) ON CONFLICT DO NOTHING", rows)
        return at_once

    def was_put_off(self) -> set[Entity]:
        """Return what is to be folded now; it is noted no longer."""
        found = {Entity(*row) for row in self._database.query("SELECT kind, entity FROM put_off")}
        if found:
            self._database.run("DELETE FROM put_off")
        return found

    def fold(self, touched: Iterable[Entity], known: Mapping[str, Op]) -> None:
        """Fold entities anew.

        Args:
            known: Operations that need not be read, by id.
        """
        # In the order of the tables, which fill faster so.
        ordered = sorted(touched)
        for n in range(0, len(ordered), FOLDED_AT_ONCE):
            self._refold(ordered[n : n + FOLDED_AT_ONCE], known)

    def _refold(self, touched: Sequence[Entity], known: Mapping[str, Op]) -> None:
        lives = self._index.lives(touched, known)
        folded = {e: fold.fold_entity(e, lives[e], self._index.rules, self._index.context) for e in touched}
        old = self._existing(touched)
        keys = [{"kind": e.kind, "id": e.id} for e in old]
        self._database.run_many("DELETE FROM entities WHERE kind = :kind AND id = :id", keys)
        self._database.run_many("DELETE FROM ignored WHERE kind = :kind AND entity = :id", keys)
        states = [
            {"kind": e.kind, "id": e.id, "state": msgspec.json.encode(f.state)}
            for e, f in folded.items()
            if f.state is not None
        ]
        self._database.run_many("INSERT INTO entities VALUES (:kind, :id, :state)", states)
        ignored = [
            {"kind": e.kind, "entity": e.id, "op": op_id, "rule": rule}
            for e, f in folded.items()
            for op_id, rule in f.ignored
        ]
        self._database.run_many("INSERT INTO ignored VALUES (:kind, :entity, :op, :rule)", ignored)
        prose = self._prose_of(touched)
        for projection in self._index.projections:
            its_own = {e: f for e, f in folded.items() if e.kind == projection.kind}
            self._project(projection, its_own, old, prose)

    def _existing(self, touched: Iterable[Entity]) -> set[Entity]:
        """Return those that have rows to replace, if only of what was ignored; in a first sync hardly any does."""
        found: set[Entity] = set()
        for kind, chosen in by_kind(touched):
            for listed, parameters in in_chunks(chosen):
                sql = f"""SELECT id FROM entities WHERE kind = :kind AND id IN ({listed})
                          UNION SELECT entity FROM ignored WHERE kind = :kind AND entity IN ({listed})"""
                rows = self._database.query(sql, {**parameters, "kind": kind})
                found.update(Entity(kind, row[0]) for row in rows)
        return found

    def _prose_of(self, entities: Sequence[Entity]) -> Prose:
        """Read the texts of entities, hundreds by one query; several projections ask for them."""
        raw: dict[str, bytes] = {}
        for kind, chosen in by_kind(entities):
            for listed, parameters in in_chunks(chosen):
                sql = f"""SELECT b.op, b.raw FROM ops o JOIN bodies b ON b.op = o.id
                          WHERE o.kind = :kind AND o.entity IN ({listed})"""
                raw.update(self._database.query(sql, {**parameters, "kind": kind}))
        read: dict[str, Mapping[str, str]] = {}

        def prose(op_id: str) -> Mapping[str, str]:
            if op_id not in read:
                read[op_id] = body.recall(raw[op_id]) if op_id in raw else {}
            return read[op_id]

        return prose

    def _project(self, projection: Projection, folded: Mapping[Entity, Folded], old: set[Entity], prose: Prose) -> None:
        if not folded:
            return
        if projection.settle or projection.derive:
            self._touch(projection, [{"id": e.id} for e in folded])
        replaced = [{"id": projection.key(e.id)} for e in folded if e in old]
        rows: dict[str, list[Mapping[str, Any]]] = {table: [] for table in projection.columns}
        for f in folded.values():
            if f.state is not None:
                for table, its_rows in projection.rows(f.state, prose).items():
                    rows[table] += its_rows
        for table, columns in projection.columns.items():
            self._database.run_many(f"DELETE FROM {table} WHERE {columns[0]} = :id", replaced)
            names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
            self._database.run_many(f"INSERT INTO {table} ({names}) VALUES ({values})", rows[table])
        for statement in projection.settle:
            self._database.run(statement)
        if projection.derive:
            projection.derive(self._database)

    def _touch(self, projection: Projection, keys: Sequence[Mapping[str, Any]]) -> None:
        self._database.run("CREATE TEMPORARY TABLE IF NOT EXISTS touched (entity TEXT PRIMARY KEY)")
        self._database.run("DELETE FROM touched")
        self._database.run_many("INSERT INTO touched VALUES (:id)", keys)
        for statement in projection.before:
            self._database.run(statement)
