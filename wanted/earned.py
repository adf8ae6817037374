"""The stamps that an actor has earned, as an index holds them.

Apart from `earning`, which a verifier without an index reads, too.
"""

from beads.index import Index
from stamps.sheet import EarnedStamp
from wanted import earning, view
from wanted.view import ItemView


def by(index: Index, commons: str, actor: str) -> list[EarnedStamp]:
    """Return the stamps that an actor has earned in a commons, those that were taken back included."""
    sql = """SELECT entity FROM stamps WHERE subject = :actor
             UNION SELECT entity FROM submissions WHERE actor = :actor AND verdict = 'accepted' ORDER BY entity"""
    found: list[EarnedStamp] = []
    for (entity,) in index.database.query(sql, {"actor": actor}):
        state = index.state("bead", entity)
        item = view.read(state) if state else None
        if item is not None:
            found += [earning.earned(commons, item, stamp) for stamp in item.stamps if stamp.subject == actor]
            found += [stamp for stamp in _taken_back(index, commons, item) if stamp.subject == actor]
    return found


def _taken_back(index: Index, commons: str, item: ItemView) -> list[EarnedStamp]:
    given = [(one.author, index.op(one.stamp)) for one in item.withdrawn]
    return [earning.taken_back(commons, author, op) for author, op in given if op is not None]
