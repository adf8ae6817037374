"""What the signed lines of a sheet prove: the stamps that count, and why others in it do not.

The rules are those of every node: each line is checked by itself, logs are weighed, items are folded. Of what a file
does not show nothing is assumed.

1. Each operation stands in the file once, and no log goes on in two ways: two lines at one position prove that their
   writer said two things.
2. A stamp that breaks a rule refuses the file. No node keeps one, so nobody comes by it honestly.
3. A stamp that was taken back, replaced, or given with a key that was revoked before, does not count; whoever presents
   it as if it did is told so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from beads import fold, ids, op, verify, weigh, witness
from beads.clock import FOREVER_MS
from beads.errors import BeadsError, InvalidLine
from beads.genesis import Genesis
from beads.op import Line, Op
from beads.rules import Context, Entity, Live
from beads.verify import Keys, Verifier, Writer
from beads.weigh import CONTROL, Evidence, Log, Opened, Weighed
from stamps import credential
from stamps.keylog import KeyLog
from stamps.sheet import EarnedStamp
from wanted import earning, view
from wanted.errors import BundleError
from wanted.ops.stamp import facts_of
from wanted.ops.table import BOARD
from wanted.view import ItemView


class Proven(NamedTuple):
    """A stamp that the fold keeps, and the credential it stands for.

    Attributes:
        covered: Enough delegates have seen its issuer's log as far as the stamp, or further.
    """

    earned: EarnedStamp
    document: dict[str, Any]
    covered: bool = False


class Refusal(NamedTuple):
    """Why a stamp that is there does not count: a slug, and what to say of the stamp."""

    reason: str
    said: str


class Proofs(NamedTuple):
    """What lines prove.

    Attributes:
        stamps: By the id of their credential, those that count.
        refused: Likewise, those that do not.
        ops: Every operation, by its id.
        handles: Commons and actor → how the actor wants to be called there.
    """

    stamps: Mapping[str, Proven]
    refused: Mapping[str, Refusal]
    ops: Mapping[str, Op]
    handles: Mapping[tuple[str, str], str]


def prove(texts: Sequence[str], keys: Mapping[str, KeyLog], commons: Mapping[str, Genesis]) -> Proofs:
    """Verify every line and fold every item.

    Args:
        texts: Lines without LF.
        keys: SCID → key log, verified.
        commons: Id → founding document.

    Raises:
        BundleError: A line does not hold, or a stamp breaks a rule.
    """
    verified = _verified(texts, keys, commons)
    by_commons: defaultdict[str, list[Live]] = defaultdict(list)
    for one in verified:
        by_commons[one.op.commons].append(one)
    stamps: dict[str, Proven] = {}
    refused: dict[str, Refusal] = {}
    handles: dict[tuple[str, str], str] = {}
    for where, lives in by_commons.items():
        weighed = _weighed(lives, where, commons[where], keys)
        context = Context(where, commons[where], weighed.governance)
        refused |= _uncounted(lives, weighed, keys)
        handles |= {(where, actor): handle for actor, handle in _handles(_of_kind("actor", lives, weighed), context)}
        for entity, group in _of_kind("bead", lives, weighed).items():
            kept, lost = _item(entity, group, context)
            stamps |= kept
            refused |= lost
        stamps |= _covered(lives, weighed, stamps)
    return Proofs(stamps, refused, {one.op.id: one.op for one in verified}, handles)


# -- lines ---------------------------------------------------------------------------------------------------------


def _verified(texts: Iterable[str], keys: Mapping[str, KeyLog], commons: Mapping[str, Genesis]) -> list[Live]:
    lines = sorted(map(_parse, texts), key=lambda line: (line.log, line.seq))
    writers = {line.log: _writer(line, keys, commons) for line in lines if line.seq == 0}
    lives = [_live(line, writers.get(line.log), commons) for line in lines]
    # Only now: a line that was changed is no proof of anything against its writer.
    _check_chains(lines)
    return lives


def _parse(text: str) -> Line:
    try:
        return op.parse(text.encode())
    except BeadsError as error:
        raise BundleError("line", f"a line is not an operation: {error}") from None


def _check_chains(lines: Sequence[Line]) -> None:
    """Hold what lines say of each other against rule 1; `lines` are sorted by log and position."""
    for before, line in pairwise(lines):
        if before.log != line.log:
            continue
        if before.id == line.id:
            raise BundleError("twice", f"operation {line.id[:12]} stands in it twice")
        follows = line.seq > before.seq + 1 or line.prev == before.id
        if line.seq == before.seq or not follows:
            raise BundleError("forked", f"log {line.log[:12]} goes on in two ways: its writer said two things at once")
        if line.hlc <= before.hlc:
            raise BundleError("hlc_order", f"operation {line.id[:12]} is dated before the one that it follows")


def _live(line: Line, writer: Writer | None, commons: Mapping[str, Genesis]) -> Live:
    if writer is None:
        raise BundleError("open", f"the opening of log {line.log[:12]} is missing")
    if line.commons not in commons or ids.log_id(line.commons, writer.actor, writer.key.did) != line.log:
        raise BundleError("commons", f"operation {line.id[:12]} is signed for another commons")
    if not BOARD.may_write(line.t, device=writer.device, private=commons[line.commons].private):
        raise BundleError("key_purpose", f"operation {line.id[:12]} is by a key that may not write it")
    try:
        op.verify(line, writer.key)
        return Live(BOARD.read(line), writer.actor, writer.key.did, writer.device)
    except InvalidLine as error:
        raise BundleError(error.reason, f"operation {line.id[:12]} ({line.t}) does not hold: {error}") from None


def _writer(line: Line, keys: Mapping[str, KeyLog], commons: Mapping[str, Genesis]) -> Writer:
    if line.commons not in commons:
        raise BundleError("genesis", f"the founding document of {line.commons[:16]} is missing")

    def key_log(actor: str) -> Keys | None:
        return keys.get(actor)

    verifier = Verifier(line.commons, commons[line.commons].private, BOARD, key_log, FOREVER_MS)
    verdict = verifier.read(line.log, [line.raw], verify.START)
    if verdict.stopped or verdict.end.writer is None:
        reason = verdict.stopped[1] if verdict.stopped else "open"
        raise BundleError(reason, f"log {line.log[:12]} does not open rightly: {_WHY.get(reason, reason)}")
    return verdict.end.writer


_WHY = {
    "key_log": "the key log of its writer is missing",
    "key_purpose": "the key log of its writer does not list its key",
    "signature": "its signature does not hold",
}


# -- what counts ---------------------------------------------------------------------------------------------------


def _weighed(lives: Sequence[Live], commons: str, founding: Genesis, keys: Mapping[str, KeyLog]) -> Weighed:
    """Find out what counts; `lives` are of one commons, sorted by log and position."""
    by_log: defaultdict[str, list[Live]] = defaultdict(list)
    for live in lives:
        by_log[live.op.log].append(live)
    shown = {(live.op.log, live.op.seq): live.op.id for live in lives}
    evidence = Evidence(
        keys.get,
        lambda: (live.op for live in lives if live.op.t == "checkpoint"),
        lambda log, seq: shown.get((log, seq)),
    )
    return weigh.weigh({log: _opened(log, its) for log, its in by_log.items()}, commons, founding, evidence)


def _opened(log: str, lives: Sequence[Live]) -> Opened:
    control = tuple(live.op for live in lives if live.op.t in CONTROL)
    frozen = weigh.frozen_at(live.op for live in lives)
    return Opened(log, lives[0].actor, lives[0].key, lives[0].device, frozen, None, None, control)


def _uncounted(lives: Iterable[Live], weighed: Weighed, keys: Mapping[str, KeyLog]) -> dict[str, Refusal]:
    """Return the stamps in logs that did not count, or no longer, where they were given."""
    found = ((live, weighed.logs[live.op.log]) for live in lives if live.op.t == "stamp")
    return {_credential_id(live.op): _why(log, live.op, keys) for live, log in found if not log.counts(live.op.seq)}


def _why(log: Log, op: Op, keys: Mapping[str, KeyLog]) -> Refusal:
    if log.frozen_at is not None and op.seq >= log.frozen_at:
        return Refusal("unread", "comes after an operation of a newer kind: this program is too old to judge it")
    if not log.is_read(op.seq):
        return Refusal("not_admitted", "is by somebody who was not admitted to the commons, as far as this file shows")
    if log.key in keys[log.actor].revoked:
        return Refusal("revoked", "was given with a key that its owner had revoked by then")
    return Refusal("banned", "is by somebody whom the commons had banned by then")


def _of_kind(wanted: str, lives: Iterable[Live], weighed: Weighed) -> Mapping[Entity, list[Live]]:
    """Return what counts of the operations on each bead, or on each actor."""
    groups: defaultdict[Entity, list[Live]] = defaultdict(list)
    for one in lives:
        log, kind = weighed.logs[one.op.log], BOARD.types.get(one.op.t)
        entity = fold.entity_of(one.op, one.actor, BOARD)
        counts = log.counts(one.op.seq) or (kind is not None and kind.named_past_cut and log.is_read(one.op.seq))
        if entity is not None and entity.kind == wanted and counts:
            groups[entity].append(weigh.live(one.op, log))
    return groups


def _handles(actors: Mapping[Entity, Sequence[Live]], context: Context) -> Iterator[tuple[str, str]]:
    for entity, group in actors.items():
        state = fold.fold_entity(entity, group, BOARD, context).state
        if state and state["handle"]:
            yield entity.id, state["handle"]


# -- items ---------------------------------------------------------------------------------------------------------


def _item(entity: Entity, group: Sequence[Live], context: Context) -> tuple[dict[str, Proven], dict[str, Refusal]]:
    """Fold an item; return the stamps that count and those that do not."""
    folded = fold.fold_entity(entity, group, BOARD, context)
    stamps = {live.op.id: live for live in group if live.op.t == "stamp"}
    for ignored in folded.ignored:
        if ignored.op in stamps:
            said = f"stamp {ignored.op[:12]} breaks the rule {ignored.rule}: {_RULES.get(ignored.rule, '')}"
            raise BundleError(ignored.rule, said.rstrip(": "))
    if not stamps:
        # Those in the file were given in logs that did not count by then.
        return {}, {}
    item = view.read(folded.state) if folded.state else None
    if item is None:
        raise BundleError("item", f"the post of item {entity.id[:12]} is missing")
    proven = [_prove(context.commons, item, stamp, stamps[stamp.op]) for stamp in item.stamps]
    lost = stamps.keys() - {stamp.op for stamp in item.stamps}
    return (
        {str(each.document["id"]): each for each in proven},
        {_credential_id(stamps[each].op): _lost(each, item) for each in lost},
    )


_RULES = {
    "stamp.self": "nobody stamps their own work",
    "stamp.submission": "the work that it judges is not in this file",
    "stamp.accept": "nobody accepted the work that it judges, as far as this file shows",
    "stamp.validator": "its issuer was not entitled to judge",
    "stamp.time": "it is dated before the work was accepted",
    "stamp.dimension": "it scores what this commons does not",
    "stamp.vc": "its credential is not signed by its issuer",
}


def _prove(commons: str, item: ItemView, stamp: view.Stamped, live: Live) -> Proven:
    document = credential.complete(facts_of(live, live.op.payload, commons), live.op.payload.vc)
    return Proven(earning.earned(commons, item, stamp), document)


def _lost(stamp: str, item: ItemView) -> Refusal:
    if any(each.stamp == stamp for each in item.withdrawn):
        return Refusal("withdrawn", "was taken back by who gave it: this file holds the withdrawal, too")
    return Refusal("replaced", "was replaced by a later one of the same issuer for the same work")


def _covered(lives: Sequence[Live], weighed: Weighed, stamps: Mapping[str, Proven]) -> dict[str, Proven]:
    """Return the stamps that checkpoints in the file cover, marked so (protocol, F6)."""
    heard = [one for one in lives if one.op.t == "checkpoint" and weighed.logs[one.op.log].counts(one.op.seq)]
    said = [(one.op, one.actor) for one in heard if one.device and one.op.payload is not None]
    seen = [one for listed in witness.sightings(said, weighed.governance).values() for one in listed]
    given = {_credential_id(live.op): live.op for live in lives if live.op.t == "stamp"}
    # What lies between a stamp and the head is not in the file; two ways of a log would be.
    reach = {
        log: witness.covered(log, seen, weighed.governance, lambda seq, op: True)
        for log in {op.log for op in given.values()}
    }
    return {
        name: stamps[name]._replace(covered=True)
        for name, op in given.items()
        if name in stamps and op.seq <= reach[op.log]
    }


def _credential_id(op: Op) -> str:
    return credential.id_of(op.commons, op.log, op.seq)
