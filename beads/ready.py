"""Ready work: which beads nothing keeps waiting, derived step by step as beads change.

1. A bead waits *directly* for: a blocker (`blocks`) that is not over; a precondition (`conditional-blocks`) unless it
   closed as a failure; the children of a spawner (`waits-for`), all of them or any one. What is unknown here never
   blocks.
2. A bead is blocked while it waits directly, or while one of its parents is blocked, however deep. An open parent
   does not block.
3. Instead of a flag the tables hold a time: `blocked_until` is 0 where nothing is in the way, the moment at which the
   last timer in the way runs out, or `FOREVER`. So nothing needs to be written when a timer runs out.
4. Parents may go in circles: the least solution counts, that is, a circle does not hold itself up.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from beads.database import Database, Row, in_chunks

FOREVER = 1 << 52
"""A time that never comes, milliseconds."""

DDL = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS former (entity TEXT PRIMARY KEY)",
    """CREATE TEMPORARY TABLE IF NOT EXISTS held
       (entity TEXT PRIMARY KEY, direct BIGINT NOT NULL, blocked_until BIGINT NOT NULL)""",
    "CREATE TEMPORARY TABLE IF NOT EXISTS affected (entity TEXT PRIMARY KEY)",
    "CREATE TEMPORARY TABLE IF NOT EXISTS waiting (entity TEXT NOT NULL, until INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS waiting_entity ON waiting (entity)",
)
# CROSS JOIN, for then the few rows of the temporary tables are gone through first: no planner knows that they are few.
BEFORE = (
    "DELETE FROM held",
    """INSERT INTO held SELECT b.entity, b.direct, b.blocked_until FROM touched t CROSS JOIN beads b
       WHERE b.entity = t.entity AND (b.direct > 0 OR b.blocked_until > 0)""",
    "DELETE FROM former",
    # Whoever waits for the children of a bead must hear of those it loses, too.
    """INSERT OR IGNORE INTO former SELECT l.bead FROM touched t CROSS JOIN links l
       WHERE l.entity = t.entity AND l.kind = 'parent-child' AND l.bead IS NOT NULL""",
)
AFTER = (
    # Rows are replaced whole; what was known of them tells what moved.
    """UPDATE beads SET (direct, blocked_until) = (SELECT h.direct, h.blocked_until FROM held h
         WHERE h.entity = beads.entity) WHERE entity IN (SELECT entity FROM held)""",
)
# The other end of a link may be known by an alias only: an id that was unknown, or a spawner's. Whose bead has come to
# an alias or lost it is looked at anew like a bead that changed; of its parents both the former and the new ones count.
_LOOSE = (
    "DELETE FROM affected",
    "INSERT INTO affected SELECT entity FROM touched",
    """INSERT OR IGNORE INTO affected SELECT l.entity FROM touched t CROSS JOIN beads b CROSS JOIN links l
       WHERE b.entity = t.entity AND b.alias <> '' AND l.named = b.alias""",
    """INSERT OR IGNORE INTO affected SELECT l.entity FROM touched t CROSS JOIN links l
       WHERE l.bead = t.entity AND l.named IS NOT NULL""",
)
_PARENTS = """INSERT OR IGNORE INTO former SELECT l.bead FROM affected a CROSS JOIN links l
              WHERE l.entity = a.entity AND l.kind = 'parent-child' AND l.bead IS NOT NULL"""
_ENDS = """UPDATE links SET bead = (SELECT b.entity FROM beads b
             WHERE b.alias = links.named ORDER BY b.created, b.entity LIMIT 1)
           WHERE entity IN (SELECT entity FROM affected) AND named IS NOT NULL"""
_AFFECTED = (
    """INSERT OR IGNORE INTO affected SELECT l.entity FROM touched t CROSS JOIN links l
       WHERE l.bead = t.entity AND l.kind IN ('blocks', 'conditional-blocks', 'waits-for')""",
    """INSERT OR IGNORE INTO affected SELECT w.entity FROM former f CROSS JOIN links w
       WHERE w.bead = f.entity AND w.kind = 'waits-for'""",
)
_WAITING = (
    "DELETE FROM waiting",
    """INSERT INTO waiting SELECT l.entity, b.free FROM affected a CROSS JOIN links l CROSS JOIN beads b
       WHERE l.entity = a.entity AND l.kind = 'blocks' AND b.entity = l.bead AND b.free > 0 AND b.status <> 'pinned'""",
    f"""INSERT INTO waiting SELECT l.entity, {FOREVER} FROM affected a CROSS JOIN links l CROSS JOIN beads b
       WHERE l.entity = a.entity AND l.kind = 'conditional-blocks' AND b.entity = l.bead
         AND b.status <> 'tombstone' AND NOT (b.free = 0 AND b.failed = 1)""",
    """INSERT INTO waiting SELECT l.entity, b.free FROM affected a CROSS JOIN links l CROSS JOIN links c
       CROSS JOIN beads b WHERE l.entity = a.entity AND l.kind = 'waits-for' AND l.gate = 'all-children'
         AND c.bead = l.bead AND c.kind = 'parent-child' AND b.entity = c.entity AND b.free > 0""",
    f"""INSERT INTO waiting SELECT l.entity, COALESCE((SELECT MIN(b.free) FROM links c CROSS JOIN beads b
         WHERE c.bead = l.bead AND c.kind = 'parent-child' AND b.entity = c.entity
           AND b.status <> 'tombstone'), {FOREVER})
       FROM affected a CROSS JOIN links l
       WHERE l.entity = a.entity AND l.kind = 'waits-for' AND l.gate = 'any-children'""",
)
_CHANGED = """SELECT b.entity, b.direct, COALESCE(MAX(w.until), 0) FROM affected a CROSS JOIN beads b
              LEFT JOIN waiting w ON w.entity = b.entity WHERE b.entity = a.entity GROUP BY b.entity"""
_ORPHANS = """SELECT l.entity FROM touched t CROSS JOIN links l WHERE l.bead = t.entity AND l.kind = 'parent-child'
              AND NOT EXISTS (SELECT 1 FROM beads b WHERE b.entity = t.entity)"""
"""Children of beads that are gone: nobody else would tell them."""
_WITH_PARENTS = """SELECT b.entity, b.direct, b.blocked_until, p.entity, COALESCE(p.blocked_until, 0) FROM beads b
                   LEFT JOIN links l ON l.entity = b.entity AND l.kind = 'parent-child'
                   LEFT JOIN beads p ON p.entity = l.bead WHERE b.entity IN ({})"""
_CHILDREN = "SELECT entity FROM links WHERE kind = 'parent-child' AND bead IN ({})"


def derive(database: Database) -> None:
    """Bring `direct` and `blocked_until` up to date after the beads in the table `touched` changed.

    The table `former` holds the parents that they had before (`BEFORE`).
    """
    for statement in (*_LOOSE, _PARENTS):
        database.run(statement)
    seeds = {row[0] for row in database.query("SELECT entity FROM affected")}
    for statement in (_ENDS, _PARENTS, *_AFFECTED, *_WAITING):
        database.run(statement)
    moved = [{"id": bead, "direct": direct} for bead, before, direct in database.query(_CHANGED) if direct != before]
    database.run_many("UPDATE beads SET direct = :direct WHERE entity = :id", moved)
    seeds.update(str(each["id"]) for each in moved)
    seeds.update(row[0] for row in database.query(_ORPHANS))
    _hand_down(database, seeds)


def _hand_down(database: Database, seeds: Iterable[str]) -> None:
    """Find `blocked_until` anew for the seeds, and for all below those whose time may move."""
    family = _Family(database)
    family.take(set(seeds))
    opened: set[str] = set()
    level = {seed for seed in seeds if family.may_move(seed)}
    while level:
        opened |= level
        below = family.children(level)
        family.take(below - family.direct.keys())
        level = below - opened
    solved = solve(family.direct, family.parents, family.stored)
    database.run_many(
        "UPDATE beads SET blocked_until = :until WHERE entity = :id",
        [{"until": until, "id": bead} for bead, until in solved.items() if until != family.stored[bead]],
    )


class _Family:
    """Beads whose times are found anew together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.direct: dict[str, int] = {}
        self.stored: dict[str, int] = {}
        self.parents: defaultdict[str, set[str]] = defaultdict(set)

    def take(self, beads: Iterable[str]) -> None:
        """Read beads and their parents."""
        for bead, direct, until, parent, parent_until in self._rows(_WITH_PARENTS, beads):
            self.direct[bead], self.stored[bead] = direct, until
            if parent is not None:
                self.parents[bead].add(parent)
                self.stored.setdefault(parent, parent_until)

    def may_move(self, bead: str) -> bool:
        """Say whether a seed's time can change: not where nothing was or is in the way."""
        above = max((self.stored[parent] for parent in self.parents.get(bead, ())), default=0)
        return bead in self.direct and max(self.direct[bead], above, self.stored[bead]) > 0

    def children(self, beads: Iterable[str]) -> set[str]:
        """Return the children of beads."""
        return {row[0] for row in self._rows(_CHILDREN, beads)}

    def _rows(self, sql: str, beads: Iterable[str]) -> Iterator[Row]:
        for listed, chosen in in_chunks(beads):
            yield from self._database.query(sql.format(listed), chosen)


def solve(direct: Mapping[str, int], parents: Mapping[str, set[str]], stored: Mapping[str, int]) -> dict[str, int]:
    """Return the least times that fit: each bead's own, and those of its parents.

    Args:
        direct: What each bead of the family waits for itself.
        parents: Bead → parents, in the family or outside it.
        stored: The times of parents outside the family.
    """
    until = dict(direct)
    children: defaultdict[str, list[str]] = defaultdict(list)
    for bead, its_parents in parents.items():
        for parent in its_parents:
            if parent in direct:
                children[parent].append(bead)
            else:
                until[bead] = max(until[bead], stored[parent])
    waiting = [bead for bead, value in until.items() if value > 0]
    while waiting:
        bead = waiting.pop()
        for child in children.get(bead, ()):
            if until[child] < until[bead]:
                until[child] = until[bead]
                waiting.append(child)
    return until
