"""Entities folded into the tables: their states, what was ignored, and how a projection lays them out."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from beads.index import Index
from beads.layout import Laid, Layout, lay_out
from beads.op import Op
from beads.projection import ERASURES, Projection
from beads.rules import Entity

FOLDED_AT_ONCE = 1_000
"""Entities: their operations are in memory together."""
WORTH = 6_000
"""Entities that are folded by one process sooner than another has started."""


class Filling:
    """Folds entities of one commons into its tables."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._database = index.database

    def is_long(self, touched: set[Entity]) -> bool:
        """Say whether folding these, and what was put off, is worth a second process; it sees what is committed."""
        if not self._index.elsewhere:
            return False
        ((waiting,),) = self._database.query("SELECT COUNT(*) FROM put_off")
        return len(touched) + int(waiting) >= WORTH

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
        for chosen in _in_parts(touched):
            self._lay(lay_out(self._index, chosen, known))

    def fold_put_off(self) -> None:
        """Fold what was put off and is committed, with a second process."""
        # Start-up time: only a first sync, or an index that is built anew, has so much.
        from beads import prefold  # noqa: PLC0415

        with closing(prefold.layouts(self._index, _in_parts(self.was_put_off()))) as layouts:
            for layout in layouts:
                self._lay(layout)

    def _lay(self, layout: Layout) -> None:
        self._database.run_many("DELETE FROM entities WHERE kind = :kind AND id = :id", layout.old)
        self._database.run_many("DELETE FROM ignored WHERE kind = :kind AND entity = :id", layout.old)
        self._database.run_many("INSERT INTO entities VALUES (:kind, :id, :state)", layout.states)
        self._database.run_many("INSERT INTO ignored VALUES (:kind, :entity, :op, :rule)", layout.ignored)
        for projection, laid in zip(self._index.projections, layout.projections, strict=True):
            if laid.touched:
                self._project(projection, laid)

    def _project(self, projection: Projection, laid: Laid) -> None:
        if projection.settle or projection.derive:
            self._touch(projection, laid.touched)
        replaced = [{"id": key} for key in laid.replaced]
        for table, columns in projection.columns.items():
            self._database.run_many(f"DELETE FROM {table} WHERE {columns[0]} = :id", replaced)
            names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
            self._database.run_many(f"INSERT INTO {table} ({names}) VALUES ({values})", laid.rows[table])
        for statement in projection.settle:
            self._database.run(statement)
        if projection.derive:
            projection.derive(self._database)

    def _touch(self, projection: Projection, entities: Sequence[str]) -> None:
        self._database.run("CREATE TEMPORARY TABLE IF NOT EXISTS touched (entity TEXT PRIMARY KEY)")
        self._database.run("DELETE FROM touched")
        self._database.run_many("INSERT INTO touched VALUES (:id)", [{"id": entity} for entity in entities])
        for statement in projection.before:
            self._database.run(statement)


def _in_parts(touched: Iterable[Entity]) -> list[list[Entity]]:
    # In the order of the tables, which fill faster so.
    ordered = sorted(touched)
    return [ordered[n : n + FOLDED_AT_ONCE] for n in range(0, len(ordered), FOLDED_AT_ONCE)]
