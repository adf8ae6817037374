"""What this home holds of somebody's keys: their logs in the commons followed here, and key logs. ⚡"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from beads import ids
from beads.errors import Ambiguous, NotAllowed, NotFound
from beads.index import Index
from beads.op import Head
from node import wiring
from node.home import Home
from stamps import keylog
from stamps.keychange import Place
from stamps.keylog import KeyLog
from stamps.revocation import Revocation

ALL, NONE = "all", "none"


class Holding(NamedTuple):
    """A key's log in one commons, as far as it is held here."""

    commons: str
    name: str
    log: str
    head: Head


class Kept(NamedTuple):
    """What a revocation leaves of a log.

    Attributes:
        last: The last operation that keeps its effect; None where nothing does.
    """

    holding: Holding
    last: Place | None


def of_key(home: Home, actor: str, key: str) -> list[Holding]:
    """Return the logs that a key has written, in every commons followed here, private ones too."""
    found: list[Holding] = []
    for commons, founded in home.commons().items():
        log = ids.log_id(commons, actor, key)
        head = _head(home, commons, log)
        if head is not None:
            found.append(Holding(commons, founded.name, log, head))
    return found


def _head(home: Home, commons: str, log: str) -> Head | None:
    index = wiring.open_index(home, commons)
    try:
        end = index.end(log)
        return end.head if end else None
    finally:
        index.database.close()


def keep(home: Home, holdings: Sequence[Holding], wanted: Sequence[str], before: Revocation | None) -> list[Kept]:
    """Decide what each log keeps.

    Args:
        wanted: `ALL` that is held here, `NONE` of it, or the last operations to keep, one for a log at most: a log
            without one keeps all. Empty: all, but a key that is revoked already keeps what it was left.
        before: What was said of the key already; no cut is ever lowered.

    Raises:
        NotFound: An operation is in none of these logs.
        NotAllowed: A cut would be lowered, or nothing kept of a log that says who governs.
    """
    if list(wanted) == [NONE]:
        _refuse_undoing(home, holdings)
    whole = {one.log: (one.log, one.head.seq, one.head.op) for one in holdings}
    nothing = list(wanted) == [NONE] or (not wanted and before is not None)
    chosen = [_find(home, holdings, each) for each in wanted if each not in (ALL, NONE)]
    named = {place[0]: place for place in chosen}
    return [_kept(one, None if nothing else whole[one.log], named.get(one.log), before) for one in holdings]


def _refuse_undoing(home: Home, holdings: Sequence[Holding]) -> None:
    """Refuse to take back charters in passing: without them, whoever governs by them governs no more."""
    for one in holdings:
        index = wiring.open_index(home, one.commons)
        try:
            chain = {charter.id for charter in index.context.governance.charters}
            sql = "SELECT id FROM ops WHERE log = :log AND t IN ('charter', 'charter.sign') ORDER BY seq"
            said = [index.op(row[0]) for row in index.database.query(sql, {"log": one.log})]
            words = [op for op in said if op and (op.id in chain or op.p.get("charter") in chain)]
        finally:
            index.database.close()
        if words:
            last = words[-1].id[:12]
            raise NotAllowed(
                f"{one.name}: that key has proposed or signed the charter in force, and it would be undone",
                f"Keep at least that: --keep {last}; name an earlier operation if it was not you who did that.",
            )


def _kept(holding: Holding, end: Place | None, named: Place | None, before: Revocation | None) -> Kept:
    cut = before.cut(holding.log) if before else None
    if cut is not None and named is not None and named[1] < cut.seq:
        raise NotAllowed(
            f"{holding.name}: the key's work stands up to position {cut.seq} there, and that cannot be taken back",
            "Name a later operation, or none: a cut can only be raised.",
        )
    last = named or end
    lower = cut is not None and (last is None or last[1] < cut.seq)
    return Kept(holding, (cut.log, cut.seq, cut.op) if cut is not None and lower else last)


def _find(home: Home, holdings: Sequence[Holding], wanted: str) -> Place:
    found = [place for one in holdings for place in _named(home, one, wanted.lower())]
    if not found:
        raise NotFound(f"no operation {wanted} of that key here", "Give its id or how it begins, or all, or none.")
    if len(found) > 1:
        raise Ambiguous(wanted, [op for _, _, op in found])
    return found[0]


def _named(home: Home, holding: Holding, start: str) -> list[Place]:
    sql = "SELECT seq, id FROM ops WHERE log = :log AND id >= :start AND id < :end ORDER BY seq LIMIT 2"
    index: Index = wiring.open_index(home, holding.commons)
    try:
        rows = index.database.query(sql, {"log": holding.log, "start": start, "end": start + "~"})
        return [(holding.log, seq, op) for seq, op in rows]
    finally:
        index.database.close()


# -- key logs ------------------------------------------------------------------------------------------------------


def key_log(home: Home, actor: str) -> KeyLog | None:
    """Return an actor's key log, the longest that any commons followed here has; my own as it is in the home."""
    if home.exists and home.key_log().scid == actor:
        return home.key_log()
    found = [keylog.verify(raw) for scid, raw in _all(home) if scid == actor]
    return max(found, key=lambda keys: len(keys.entries), default=None)


def key_logs_with(home: Home, *marks: str) -> list[KeyLog]:
    """Return the key logs, one for each actor, in which one of some texts stands."""
    found: dict[str, KeyLog] = {}
    for scid, raw in _all(home):
        if any(mark.encode() in raw for mark in marks) and (scid not in found or len(raw) > len(found[scid].raw)):
            found[scid] = keylog.verify(raw)
    return list(found.values())


def _all(home: Home) -> Iterator[tuple[str, bytes]]:
    for commons in home.commons():
        store = wiring.open_store(home, commons)
        try:
            yield from store.key_logs().items()
        finally:
            store.close()
