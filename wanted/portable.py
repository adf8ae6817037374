"""Making a portable sheet: a file that proves an actor's stamps to anyone (`wanted.verifying` says what it proves).

1. The file holds the holder's presentation of credentials, and beneath it the signed operation lines that they were
   earned by: founding documents, key logs, the opening of every log used, and what was done on each item.
2. The holder chooses which stamps to show, and whether their words go along.
3. A stamp that was taken back is never shown.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from beads import weigh
from beads.clock import Hlc
from beads.errors import NotFound
from beads.ledger import Author, Ledger
from beads.limits import NO_POSITION
from beads.op import Line, Op
from beads.rules import Entity, Live
from stamps import credential
from wanted import sheetfile, view
from wanted.errors import BundleError
from wanted.ops.stamp import facts_of
from wanted.ops.table import BOARD
from wanted.sheetfile import SheetFile
from wanted.view import ItemView, Stamped

_HOME = frozenset(name for name in BOARD.types if name.startswith("wanted.")) - {"wanted.claim", "wanted.release"}
_OPINIONS = ("stamp.dispute", "stamp.answer")

Choose = Callable[[Stamped], bool]
"""Stamp → whether it is shown."""


class Part(NamedTuple):
    """What one commons gives to a sheet."""

    genesis: bytes
    key_logs: Mapping[str, bytes]
    lines: Sequence[Line]
    credentials: Sequence[dict[str, Any]]
    bodies: Sequence[bytes] = ()


def everything(stamp: Stamped) -> bool:
    """Leave nothing out."""
    return True


def gather(ledger: Ledger, actor: str, chosen: Choose = everything, *, words: bool = False) -> Part:
    """Collect what proves an actor's stamps in one commons.

    Args:
        ledger: Of the commons.
        actor: Whose stamps.
        chosen: Says which of them are shown.
        words: Take along what was said with them.
    """
    ops: dict[str, Live] = {}
    credentials: list[tuple[Hlc, dict[str, Any]]] = []
    for item in _items(ledger, actor):
        shown = [stamp for stamp in item.stamps if stamp.subject == actor and chosen(stamp)]
        if shown:
            lives = {live.op.id: live for live in ledger.index.ops_of(Entity("bead", item.id))}
            about = {lives[said.op].op.payload.stamp for said in item.disputes}
            ops |= {op_id: live for op_id, live in lives.items() if _proves(live, item, shown, about)}
            credentials += [_credential(lives[stamp.op], ledger.commons) for stamp in shown]
    bodies = _bodies(ledger, ops.values()) if words else []
    if ops:
        ops |= {live.op.id: live for live in _covering(ledger, _reach(ops.values()))}
        ops |= {live.op.id: live for live in _governing(ledger, {live.actor for live in ops.values()})}
        issuers = {live.actor for live in ops.values() if live.op.t == "stamp"}
        ops |= {live.op.id: live for actor in sorted(issuers) for live in _profile(ledger, actor)}
    lines = [*_openings(ledger, ops.values()), *(live.op for live in ops.values())]
    actors = {live.actor for live in ops.values()}
    key_logs = {scid: keys.raw for scid in sorted(actors) if (keys := ledger.key_log(scid)) is not None}
    ordered = [document for _, document in sorted(credentials, key=lambda pair: pair[0])]
    return Part(ledger.store.genesis, key_logs, lines, ordered, bodies)


def export(parts: Iterable[Part], author: Author, created: str) -> bytes:
    """Return the file, signed by the holder.

    Args:
        parts: At most one of each commons.
        author: The holder.
        created: Now, `YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        NotFound: There is no stamp to show.
        BundleError: There are more than a verifier reads.
    """
    parts = [part for part in parts if part.credentials]
    credentials = [document for part in parts for document in part.credentials]
    if not credentials:
        raise NotFound("no stamps to export", "Earn one: wl browse")
    if len(credentials) > sheetfile.MAX_STAMPS:
        raise BundleError("too_many", f"a sheet shows at most {sheetfile.MAX_STAMPS} stamps", "Choose: --only …")
    key_logs = {scid: raw for part in parts for scid, raw in part.key_logs.items()} | {author.actor: author.key_log.raw}
    file = SheetFile(
        schema=sheetfile.SCHEMA,
        holder=author.actor,
        presentation={},
        genesis=sorted(part.genesis.decode() for part in parts),
        key_logs=[raw.decode() for _, raw in sorted(key_logs.items())],
        lines=[line.raw.decode().rstrip("\n") for part in parts for line in part.lines],
        bodies=[raw.decode() for part in parts for raw in part.bodies],
    )
    # The holder signs for what lies beneath, too: nobody else takes an answer out.
    named = {"id": sheetfile.name_of(file)}
    signed = credential.presentation(credentials, author.key_log.first_did, author.signer, created, named)
    return sheetfile.write(msgspec.structs.replace(file, presentation=signed))


def _items(ledger: Ledger, actor: str) -> Iterable[ItemView]:
    """Yield the items on which an actor has earned stamps, the longest known first."""
    sql = "SELECT entity FROM stamps WHERE subject = :actor GROUP BY entity ORDER BY min(created), entity"
    for (entity,) in ledger.index.database.query(sql, {"actor": actor}):
        state = ledger.index.state("bead", entity)
        item = view.read(state) if state else None
        if item is not None:
            yield item


def _proves(live: Live, item: ItemView, shown: Sequence[Stamped], about: Collection[str]) -> bool:
    """Say whether an operation is needed; `about` names stamps that were disputed before others took their place."""
    if live.op.t == "stamp":
        return live.op.id in about or any(stamp.op == live.op.id for stamp in shown)
    if live.op.t == "wanted.submit":
        return any(stamp.submission == live.op.id for stamp in shown)
    if live.op.t in _OPINIONS:
        ops = {stamp.op for stamp in shown}
        return any(live.op.id in (said.op, said.answer) for said in item.disputes if said.stamp in ops)
    return live.op.t in _HOME


def _credential(live: Live, commons: str) -> tuple[Hlc, dict[str, Any]]:
    stamp = live.op.payload
    return live.op.hlc, credential.complete(facts_of(live, stamp, commons), stamp.vc)


def _bodies(ledger: Ledger, lives: Iterable[Live]) -> list[bytes]:
    """Return the words of stamps and of what was said of them, as far as they are held here."""
    said = [live.op for live in lives if live.op.t == "stamp" or live.op.t in _OPINIONS]
    found = (ledger.store.body(op.log, op.seq) for op in said if op.body is not None)
    return [raw for raw in found if raw is not None]


def _reach(lives: Iterable[Live]) -> Mapping[str, tuple[int, int]]:
    """Return the first and the last position in each issuer's log at which a stamp is shown."""
    found: dict[str, tuple[int, int]] = {}
    for live in lives:
        if live.op.t == "stamp":
            first, last = found.get(live.op.log, (live.op.seq, live.op.seq))
            found[live.op.log] = min(first, live.op.seq), max(last, live.op.seq)
    return found


def _covering(ledger: Ledger, reach: Mapping[str, tuple[int, int]]) -> Iterable[Live]:
    """Return of each delegate's log the first checkpoint that covers all that is shown of a log, else the furthest."""
    found: dict[tuple[str, str], tuple[int, Live]] = {}
    for live in sorted(_written(ledger, "t = 'checkpoint'"), key=lambda each: each.op.seq):
        for log, seq, _ in live.op.payload.heads:
            first, last = reach.get(log, (NO_POSITION, NO_POSITION))
            known = found.get((live.op.log, log))
            if seq >= first and (known is None or known[0] < last):
                found[live.op.log, log] = seq, live
    return [live for _, live in found.values() if not live.past_cut]


def _profile(ledger: Ledger, actor: str) -> list[Live]:
    """Return how an issuer wants to be called, by its own word: the latest, as the fold has it."""
    said = [live for live in ledger.index.ops_of(Entity("actor", actor)) if live.op.t == "profile"]
    said.sort(key=lambda live: (live.op.hlc, live.op.log, live.op.seq))
    return said[-1:]


def _governing(ledger: Ledger, actors: Collection[str]) -> list[Live]:
    """Return what decides, beside the items themselves, what operations by these actors do."""
    owners = ledger.index.context.governance.owners
    links = _written(ledger, "t = 'actor.link'") if not owners.keys().isdisjoint(actors) else []
    return [*links, *(_admissions(ledger) if _is_governed(ledger) else [])]


def _is_governed(ledger: Ledger) -> bool:
    """Say whether more than openness decides whose operations count."""
    charters = ledger.index.context.governance.charters
    cut = any(log.cut_at is not None for log in ledger.index.logs().values())
    return cut or len(charters) > 1 or charters[0].admission == "invite"


def _admissions(ledger: Ledger) -> list[Live]:
    """Return all that says whose operations count.

    Whether an issuer was admitted may hang on a chain of sponsors; whether it was cut, on what delegates had seen.
    """
    cut = any(log.cut_at is not None for log in ledger.index.logs().values())
    seen = _written(ledger, "t = 'checkpoint'") if cut else []
    return [*_written(ledger, "t IN ('admit', 'join', 'charter', 'charter.sign')"), *seen]


def _written(ledger: Ledger, where: str) -> list[Live]:
    logs = ledger.index.logs()
    rows = ledger.index.database.query(f"SELECT id FROM ops WHERE {where}")
    found = [one for row in rows if (one := ledger.index.op(row[0])) is not None]
    return [weigh.live(one, logs[one.log]) for one in found]


def _openings(ledger: Ledger, lives: Iterable[Live]) -> list[Op]:
    found = (ledger.index.op_at(log, 0) for log in sorted({live.op.log for live in lives}))
    return [one for one in found if one is not None]
