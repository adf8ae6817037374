"""Reading a ledger of beads: which one is meant, what it says, what is ready. Needs the index only."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from beads import record as records
from beads.database import in_chunks
from beads.errors import Ambiguous, NotFound
from beads.index import Index
from beads.record import BeadView, Made, Record
from beads.rules import stated_time
from beads.settings import Settings
from beads.vocabulary import OWN_TYPES

CANDIDATES = 10
EXTERNAL = "external:"
PROVIDED = """SELECT 1 FROM beads b JOIN labels l ON l.entity = b.entity
              WHERE l.label = 'provides:' || :capability AND b.status = 'closed' LIMIT 1"""
"""Whether a project has a capability: a closed bead says that it provides it."""
_SETTINGS = """SELECT k.value, v.value FROM beads b JOIN fields k ON k.entity = b.entity AND k.name = 'key'
               JOIN fields v ON v.entity = b.entity AND v.name = 'value'
               WHERE b.type = 'config' AND b.status <> 'tombstone' ORDER BY b.updated, b.entity"""


NOT_OWN = "type NOT IN ('" + "', '".join(OWN_TYPES) + "')"
"""SQL: nothing that the ledger keeps about itself."""


def _nothing_elsewhere(project: str, capability: str) -> bool:
    return False


class Blocker(NamedTuple):
    """What keeps a bead from being ready.

    Attributes:
        bead: The bead that it waits for, the parent that hands its own waiting down, or a capability elsewhere.
        why: The kind of link; `parent-child` where it is handed down.
    """

    bead: str
    why: str
    title: str
    status: str
    priority: int


class Reader:
    """Reads a ledger through its index.

    Args:
        fallback_prefix: What ids begin with where the ledger does not say.

    Attributes:
        has_elsewhere: Says whether another project (by its name) has what a capability names; nothing, unless set.
    """

    has_elsewhere: Callable[[str, str], bool]

    def __init__(self, index: Index, fallback_prefix: str = "bd") -> None:
        self.index = index
        self.has_elsewhere = _nothing_elsewhere
        self._fallback_prefix = fallback_prefix
        self._names: dict[str, str] = {}

    @cached_property
    def settings(self) -> Settings:
        """The ledger's settings."""
        return Settings(dict(self.rows(_SETTINGS)), self._fallback_prefix)

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.index.database.query(sql, parameters)

    # -- which one ---------------------------------------------------------------------------------------------

    def find(self, wanted: str) -> str:
        """Return the bead meant: by alias, with or without the prefix, by any part of either that fits one only.

        Raises:
            NotFound: None fits.
            Ambiguous: Several do.
        """
        given = wanted.strip()
        for fits in self._tries(given):
            if len(fits) == 1:
                return fits[0][0]
            if fits:
                raise Ambiguous(given, [shown for _, shown, _ in fits])
        raise NotFound(f"no issue found matching {given!r}", "bd list --all shows what there is.")

    def _tries(self, given: str) -> Iterable[list[tuple[str, str, str]]]:
        if not given:
            return
        prefixed = f"{self.settings.prefix}-{given}"
        yield self._fitting("entity = :name", given)
        for name in (given, prefixed):
            yield self._fitting("shown = :name", name)
        for name in (given, prefixed):
            yield self._fitting(f"shown >= :name AND shown < :name || '~' AND {NOT_OWN}", name)
        yield self._fitting(f"entity >= :name AND entity < :name || '~' AND {NOT_OWN}", given.lower())
        yield self._fitting(f"INSTR(shown, :name) > 0 AND {NOT_OWN}", given)

    def _fitting(self, condition: str, name: str) -> list[tuple[str, str, str]]:
        sql = f"SELECT entity, shown, title FROM beads WHERE {condition} ORDER BY shown LIMIT {CANDIDATES}"
        return self.rows(sql, {"name": name})

    def name_of(self, end: str) -> str:
        """Return the id by which people know a bead, or the other end of a link."""
        if end.startswith("alias:"):
            return end.removeprefix("alias:")
        if end not in self._names:
            self.remember([end])
        return self._names.get(end, end)

    def remember(self, beads: Iterable[str] | None = None) -> None:
        """Look up the names of many beads at once; of all where none are given."""
        if beads is None:
            self._names = dict(self.rows("SELECT entity, shown FROM beads"))
            return
        for listed, chosen in in_chunks(beads):
            self._names.update(self.rows(f"SELECT entity, shown FROM beads WHERE entity IN ({listed})", chosen))

    def forget(self) -> None:
        """Drop what was remembered, after a write."""
        self._names.clear()
        self.__dict__.pop("settings", None)

    # -- what it says ------------------------------------------------------------------------------------------

    def view(self, bead: str) -> BeadView:
        """Return a bead as it stands.

        Raises:
            NotFound: There is none.
        """
        state = self.index.state("bead", bead)
        if state is None:
            raise NotFound(f"no issue found matching {bead!r}")
        return records.view(state, self._prose(), self.made)

    def made(self, op_id: str) -> Made | None:
        """Return when an operation was written, and by whom; None where it is not known.

        What was brought in from elsewhere says when it was made there; whoever brought it in did not make it.
        """
        op = self.index.op(op_id)
        if op is None or op.payload is None:
            return None
        if getattr(op.payload, "at", None) is not None:
            return Made(stated_time(op).ms, "")
        return Made(op.hlc.ms, op.by or self._signer(op_id))

    def _signer(self, op_id: str) -> str:
        place = self.index.place(op_id)
        return "" if place is None else place.actor

    def _prose(self) -> Callable[[str], Mapping[str, str]]:
        read: dict[str, Mapping[str, str]] = {}

        def prose(op: str) -> Mapping[str, str]:
            if op not in read:
                read[op] = self.index.prose(op)
            return read[op]

        return prose

    def record(self, bead: BeadView, base: Record | None = None) -> Record:
        """Return a bead as a record.

        Args:
            base: What the line said that it came in by: in its words where they still hold.
        """
        return records.record(bead, self.name_of, base)

    # -- what is in the way ------------------------------------------------------------------------------------

    def blockers(self, bead: str, now_ms: int) -> list[Blocker]:
        """Return what a bead waits for, itself or through a parent."""
        found: list[Blocker] = []
        for sql in _BLOCKERS:
            found += [Blocker(*row) for row in self.rows(sql, {"bead": bead, "now": now_ms})]
        return [one for one in found if not one.bead.startswith(EXTERNAL) or not self._is_there(one.bead)]

    def freed_elsewhere(self) -> list[str]:
        """Return the beads whose blockers in other projects are all out of the way."""
        waits: defaultdict[str, list[str]] = defaultdict(list)
        for bead, target in self.rows("SELECT entity, target FROM links WHERE outside = 1"):
            waits[bead].append(target)
        return [bead for bead, targets in waits.items() if all(map(self._is_there, targets))]

    def _is_there(self, target: str) -> bool:
        project, _, capability = target.removeprefix(EXTERNAL).partition(":")
        return self.has_elsewhere(project, capability)


_OF = "b.entity, l.kind, b.title, b.status, b.priority FROM links l"
_BLOCKERS = (
    f"""SELECT {_OF} JOIN beads b ON b.entity = l.bead
        WHERE l.entity = :bead AND l.kind = 'blocks' AND b.free > :now AND b.status <> 'pinned'""",
    f"""SELECT {_OF} JOIN beads b ON b.entity = l.bead WHERE l.entity = :bead AND l.kind = 'conditional-blocks'
        AND b.status <> 'tombstone' AND NOT (b.free = 0 AND b.failed)""",
    f"""SELECT {_OF} JOIN links c ON c.bead = l.bead AND c.kind = 'parent-child' JOIN beads b ON b.entity = c.entity
        WHERE l.entity = :bead AND l.kind = 'waits-for' AND l.gate = 'all-children' AND b.free > :now""",
    f"""SELECT {_OF} JOIN beads b ON b.entity = l.bead
        WHERE l.entity = :bead AND l.kind = 'waits-for' AND l.gate = 'any-children' AND NOT EXISTS (
          SELECT 1 FROM links c JOIN beads k ON k.entity = c.entity WHERE c.bead = l.bead
          AND c.kind = 'parent-child' AND k.status <> 'tombstone' AND k.free <= :now)""",
    f"""SELECT {_OF} JOIN beads b ON b.entity = l.bead
        WHERE l.entity = :bead AND l.kind = 'parent-child' AND b.blocked_until > :now""",
    """SELECT l.target, l.kind, l.target, 'unknown', 0 FROM links l WHERE l.entity = :bead AND l.outside = 1""",
)
