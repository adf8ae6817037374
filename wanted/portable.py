"""Portable sheets: a file that proves an actor's stamps to anyone, with no network, node or repository.

1. The file holds the holder's presentation of credentials, and beneath it the signed operation lines that they were
   earned by: founding documents, key logs, the opening of every log used, and what was done on each item.
2. Verifying runs the same rules as every node: the lines are checked one by one and folded item by item. A stamp
   counts if the fold keeps it; a credential counts if it is, byte for byte, what such a stamp stands for.
3. A holder may leave stamps out. What the file does not show, it does not prove.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from beads import fold, genesis, ids, op, verify, weigh
from beads.clock import Hlc
from beads.errors import BeadsError, InvalidLine
from beads.genesis import Genesis
from beads.ledger import FOREVER_MS, Author, Ledger
from beads.op import Line, Op
from beads.rules import Context, Entity, Live
from beads.verify import Keys, Verifier, Writer
from beads.weigh import CONTROL, Evidence, Opened, Weighed
from stamps import credential, keylog
from stamps.errors import StampsError
from stamps.jcs import jcs_parse
from stamps.keylog import KeyLog
from stamps.sheet import EarnedStamp
from wanted import view
from wanted.errors import BundleError, WrongStatus
from wanted.ops.stamp import facts_of
from wanted.ops.table import BOARD
from wanted.view import ItemView, Stamped

SCHEMA = "wasteland-sheet/1"
MAX_BYTES = 32 * 1024 * 1024
_HOME = frozenset(name for name in BOARD.types if name.startswith("wanted.")) - {"wanted.claim", "wanted.release"}


class Part(NamedTuple):
    """What one commons gives to a sheet."""

    genesis: bytes
    key_logs: Mapping[str, bytes]
    lines: Sequence[Line]
    credentials: Sequence[dict[str, Any]]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    schema: str
    holder: str
    presentation: dict[str, Any]
    genesis: list[str]
    key_logs: list[str]
    lines: list[str]


class VerifiedSheet(NamedTuple):
    """What a file proves.

    Attributes:
        holder: SCID of whoever presents it.
        stamps: The stamps shown, each proven.
        commons: Id → name, of where they were earned.
    """

    holder: str
    stamps: tuple[EarnedStamp, ...]
    commons: Mapping[str, str]


# -- export ----------------------------------------------------------------------------------------------------


def gather(ledger: Ledger, actor: str) -> Part:
    """Collect what proves an actor's stamps in one commons."""
    rows = ledger.index.database.query("SELECT DISTINCT entity FROM stamps WHERE subject = :actor", {"actor": actor})
    ops: dict[str, Live] = {}
    credentials: list[tuple[Hlc, dict[str, Any]]] = []
    for (entity,) in rows:
        state = ledger.index.state("bead", entity)
        item = view.read(state) if state else None
        if item is not None:
            lives = {live.op.id: live for live in ledger.index.ops_of(Entity("bead", entity))}
            shown = [stamp for stamp in item.stamps if stamp.subject == actor]
            ops |= {op_id: live for op_id, live in lives.items() if _proves(live, item, shown)}
            credentials += [_credential(lives[stamp.op], ledger.commons) for stamp in shown]
    if ops and _is_governed(ledger):
        ops |= {live.op.id: live for live in _admissions(ledger)}
    lines = [*_openings(ledger, ops.values()), *(live.op for live in ops.values())]
    actors = {live.actor for live in ops.values()}
    key_logs = {scid: keys.raw for scid in sorted(actors) if (keys := ledger.key_log(scid)) is not None}
    ordered = [document for _, document in sorted(credentials, key=lambda pair: pair[0])]
    return Part(ledger.store.genesis, key_logs, lines, ordered)


def export(parts: Iterable[Part], author: Author, created: str) -> bytes:
    """Return the file, signed by the holder.

    Args:
        created: Now, `YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        WrongStatus: There is no stamp to show.
    """
    parts = [part for part in parts if part.credentials]
    if not parts:
        raise WrongStatus("no stamps to export yet", "Earn one: wl browse")
    credentials = [document for part in parts for document in part.credentials]
    presentation = credential.presentation(credentials, author.key_log.first_did, author.signer, created)
    key_logs = {scid: raw for part in parts for scid, raw in part.key_logs.items()} | {author.actor: author.key_log.raw}
    file = _File(
        schema=SCHEMA,
        holder=author.actor,
        presentation=presentation,
        genesis=sorted(part.genesis.decode() for part in parts),
        key_logs=[raw.decode() for _, raw in sorted(key_logs.items())],
        lines=[line.raw.decode().rstrip("\n") for part in parts for line in part.lines],
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def _proves(live: Live, item: ItemView, shown: Sequence[Stamped]) -> bool:
    if live.op.t == "stamp":
        return any(stamp.op == live.op.id for stamp in shown)
    if live.op.t == "wanted.submit":
        return any(stamp.submission == live.op.id for stamp in shown)
    if live.op.t in ("stamp.dispute", "stamp.answer"):
        ops = {stamp.op for stamp in shown}
        return any(live.op.id in (said.op, said.answer) for said in item.disputes if said.stamp in ops)
    return live.op.t in _HOME


def _credential(live: Live, commons: str) -> tuple[Hlc, dict[str, Any]]:
    stamp = live.op.payload
    return live.op.hlc, credential.complete(facts_of(live, stamp, commons), stamp.vc)


def _is_governed(ledger: Ledger) -> bool:
    """Say whether more than openness decides whose operations count."""
    charters = ledger.index.context.governance.charters
    cut = any(log.cut_at is not None for log in ledger.index.logs().values())
    return cut or len(charters) > 1 or charters[0].admission == "invite"


def _admissions(ledger: Ledger) -> list[Live]:
    """Return all that says whose operations count.

    Whether an issuer was admitted may hang on a chain of sponsors; whether it was cut, on what delegates had seen.
    """
    logs = ledger.index.logs()
    rows = ledger.index.database.query("SELECT id FROM ops WHERE t IN ('admit', 'join', 'charter', 'charter.sign')")
    if any(log.cut_at is not None for log in logs.values()):
        rows += ledger.index.database.query("SELECT id FROM ops WHERE t = 'checkpoint'")
    found = [one for row in rows if (one := ledger.index.op(row[0])) is not None]
    return [weigh.live(one, logs[one.log]) for one in found]


def _openings(ledger: Ledger, lives: Iterable[Live]) -> list[Op]:
    found = (ledger.index.op_at(log, 0) for log in sorted({live.op.log for live in lives}))
    return [one for one in found if one is not None]


# -- verify ----------------------------------------------------------------------------------------------------


def verify_file(raw: bytes) -> VerifiedSheet:
    """Check a file and return what it proves.

    Raises:
        BundleError: Something in it does not hold; the reason says what.
    """
    file = _read(raw)
    keys = _key_logs(file.key_logs)
    if file.holder not in keys:
        raise BundleError("key_log", "the holder's key log is missing")
    commons = {ids.commons_id(text.encode()): _genesis(text) for text in file.genesis}
    proven = _proven(file.lines, keys, commons)
    shown = _presented(file, keys[file.holder])
    stamps = [_match(document, proven, file.holder) for document in shown]
    return VerifiedSheet(file.holder, tuple(stamps), {i: g.name for i, g in commons.items()})


def _read(raw: bytes) -> _File:
    if len(raw) > MAX_BYTES:
        raise BundleError("too_large", f"a sheet is at most {MAX_BYTES >> 20} MiB")
    try:
        file = msgspec.convert(jcs_parse(raw), _File)
    except (StampsError, msgspec.ValidationError) as error:
        raise BundleError("format", f"not a sheet: {error}") from None
    if file.schema != SCHEMA:
        raise BundleError("schema", f"a sheet of another kind: {file.schema}", "Upgrade this program.")
    return file


def _key_logs(texts: Iterable[str]) -> dict[str, KeyLog]:
    try:
        found = [keylog.verify(text.encode()) for text in texts]
    except StampsError as error:
        raise BundleError("key_log", f"a key log does not verify: {error}") from None
    return {keys.scid: keys for keys in found}


def _genesis(text: str) -> Genesis:
    try:
        return genesis.parse(text.encode())
    except BeadsError as error:
        raise BundleError("genesis", str(error)) from None


class _Proven(NamedTuple):
    """A stamp that the fold keeps, and the credential it stands for."""

    earned: EarnedStamp
    document: dict[str, Any]


def _proven(texts: Iterable[str], keys: Mapping[str, KeyLog], commons: Mapping[str, Genesis]) -> dict[str, _Proven]:
    """Verify every line, fold every item; return stamps by the id of their credential."""
    verified = _verified(texts, keys, commons)
    weighed = {where: _weighed(verified, where, founding, keys) for where, founding in commons.items()}
    groups: defaultdict[tuple[str, Entity], list[Live]] = defaultdict(list)
    for one in verified:
        log, kind = weighed[one.op.commons].logs[one.op.log], BOARD.types.get(one.op.t)
        entity = fold.entity_of(one.op, one.actor, BOARD)
        counts = log.counts(one.op.seq) or (kind is not None and kind.named_past_cut and log.is_read(one.op.seq))
        if entity is not None and entity.kind == "bead" and counts:
            groups[(one.op.commons, entity)].append(weigh.live(one.op, log))
    found: dict[str, _Proven] = {}
    for (where, entity), group in groups.items():
        found |= _item(entity, group, Context(where, commons[where], weighed[where].governance))
    return found


def _verified(texts: Iterable[str], keys: Mapping[str, KeyLog], commons: Mapping[str, Genesis]) -> list[Live]:
    lines = [_parse(text) for text in texts]
    writers = {line.log: _writer(line, keys, commons) for line in lines if line.seq == 0}
    lives: list[Live] = []
    for line in lines:
        writer = writers.get(line.log)
        if writer is None:
            raise BundleError("open", f"the opening of log {line.log[:12]} is missing")
        if line.commons not in commons or ids.log_id(line.commons, writer.actor, writer.key.did) != line.log:
            raise BundleError("commons", f"operation {line.id[:12]} is signed for another commons")
        try:
            op.verify(line, writer.key)
            lives.append(Live(BOARD.read(line), writer.actor, writer.key.did, writer.device))
        except InvalidLine as error:
            raise BundleError(error.reason, f"operation {line.id[:12]} does not hold: {error}") from None
    return lives


def _weighed(verified: Sequence[Live], commons: str, founding: Genesis, keys: Mapping[str, KeyLog]) -> Weighed:
    """Find out what counts, by the rules of every node; of what a sheet does not show nothing is assumed."""
    by_log: defaultdict[str, list[Live]] = defaultdict(list)
    for live in sorted(verified, key=lambda each: each.op.seq):
        if live.op.commons == commons:
            by_log[live.op.log].append(live)
    shown = {(live.op.log, live.op.seq): live.op.id for its in by_log.values() for live in its}
    evidence = Evidence(
        keys.get,
        lambda: (live.op for its in by_log.values() for live in its if live.op.t == "checkpoint"),
        lambda log, seq: shown.get((log, seq)),
    )
    return weigh.weigh({log: _opened(log, its) for log, its in by_log.items()}, commons, founding, evidence)


def _opened(log: str, lives: Sequence[Live]) -> Opened:
    control = tuple(live.op for live in lives if live.op.t in CONTROL)
    return Opened(log, lives[0].actor, lives[0].key, lives[0].device, None, None, None, control)


def _parse(text: str) -> Line:
    try:
        return op.parse(text.encode())
    except BeadsError as error:
        raise BundleError("line", f"a line is not an operation: {error}") from None


def _writer(line: Line, keys: Mapping[str, KeyLog], commons: Mapping[str, Genesis]) -> Writer:
    if line.commons not in commons:
        raise BundleError("genesis", f"the founding document of {line.commons[:16]} is missing")

    def key_log(actor: str) -> Keys | None:
        return keys.get(actor)

    verifier = Verifier(line.commons, commons[line.commons].private, BOARD, key_log, FOREVER_MS)
    verdict = verifier.read(line.log, [line.raw], verify.START)
    if verdict.stopped or verdict.end.writer is None:
        reason = verdict.stopped[1] if verdict.stopped else "open"
        raise BundleError(reason, f"log {line.log[:12]} does not open rightly: {reason}")
    return verdict.end.writer


def _item(entity: Entity, group: Sequence[Live], context: Context) -> dict[str, _Proven]:
    folded = fold.fold_entity(entity, group, BOARD, context)
    rules = {ignored.op: ignored.rule for ignored in folded.ignored}
    for live in group:
        if live.op.t == "stamp" and live.op.id in rules:
            rule = rules[live.op.id]
            raise BundleError(rule, f"stamp {live.op.id[:12]} breaks the rule {rule}")
    item = view.read(folded.state) if folded.state else None
    if item is None:
        raise BundleError("item", f"the post of item {entity.id[:12]} is missing")
    by_id = {live.op.id: live for live in group}
    proven = [_prove(context.commons, item, stamp, by_id[stamp.op]) for stamp in item.stamps]
    return {str(each.document["id"]): each for each in proven}


def _prove(commons: str, item: ItemView, stamp: Stamped, live: Live) -> _Proven:
    return _Proven(earned(commons, item, stamp), _credential(live, commons)[1])


def earned(commons: str, item: ItemView, stamp: Stamped) -> EarnedStamp:
    """Return a stamp as a sheet counts it."""
    return EarnedStamp(
        op=stamp.op, issuer=stamp.author, subject=stamp.subject, commons=commons, item=item.id,
        submission=stamp.submission, title=stamp.title, dims=stamp.dims, confidence=stamp.confidence,
        severity=stamp.severity, skills=stamp.skills, time_ms=stamp.hlc[0], disputed=item.is_disputed(stamp.op),
        answered=item.is_answered(stamp.op),
    )  # fmt: skip


def taken_back(commons: str, author: str, op: Op) -> EarnedStamp:
    """Return a stamp that its author has withdrawn: it stays on the timeline, and counts nowhere."""
    stamp = op.payload
    return EarnedStamp(
        op=op.id, issuer=author, subject=stamp.subject, commons=commons, item=stamp.item,
        submission=stamp.submission, title=stamp.title, dims=stamp.dims, confidence=stamp.confidence,
        severity=stamp.severity, skills=stamp.skills, time_ms=op.hlc.ms, withdrawn=True,
    )  # fmt: skip


def _presented(file: _File, holder: KeyLog) -> list[dict[str, Any]]:
    """Return the credentials that the holder presents, each with a proof that holds."""
    documents = file.presentation.get("verifiableCredential")
    if not isinstance(documents, list) or not documents:
        raise BundleError("format", "the sheet shows no credential")
    for document in documents:
        try:
            credential.verify_credential(document)
        except StampsError as error:
            raise BundleError("credential", f"a credential was changed or forged: {error}") from None
    _check_holder(file, holder)
    return documents


def _check_holder(file: _File, holder: KeyLog) -> None:
    try:
        key = credential.verify_presentation(file.presentation)
    except StampsError as error:
        raise BundleError("presentation", f"the holder's signature does not hold: {error}") from None
    if file.presentation.get("holder") != holder.first_did or not holder.allows(key.did, "assertionMethod"):
        raise BundleError("holder", "whoever signed this sheet is not its holder")


def _match(document: Mapping[str, Any], proven: Mapping[str, _Proven], holder: str) -> EarnedStamp:
    found = proven.get(str(document.get("id")))
    if found is None:
        raise BundleError("evidence", "a credential has no signed operations behind it")
    if found.document != document:
        raise BundleError("credential", "a credential differs from the stamp that it stands for")
    if found.earned.subject != holder:
        raise BundleError("subject", "a stamp belongs to somebody else")
    return found.earned
