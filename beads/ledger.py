"""The ledger of one commons: a store that lasts, an index that answers, and the rules between them.

Every write happens under the store's lock, from a state that was brought up to date under that lock; so what a
caller checks in `make` still holds when its operations are written.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from beads import body, clock, forks, genesis, ids, op
from beads.clock import FOREVER_MS, Hlc
from beads.errors import NotAllowed, StoreError
from beads.forks import Settled
from beads.garbage import collection_paused
from beads.index import Index
from beads.indexer import Delta, Forked, Indexer
from beads.ingest import Intake, Intaker, Source
from beads.op import Op, Place
from beads.rates import Rates
from beads.replay import Replay
from beads.report import Report
from beads.rules import Rules
from beads.store import Changes, Store
from beads.verify import START, ParseSigned, Position, Verifier
from beads.weigh import Scales
from stamps import keylog
from stamps.keylog import KeyLog
from stamps.keys import Signer

ROUNDS = 4
"""How often a source is gone through: a log, then its branches one after the other; so are forks that hang together."""


class Draft(NamedTuple):
    """An operation to be written.

    Attributes:
        t: Its type.
        p: Its payload as JSON.
        prose: Texts for the body, or none.
        complete: Returns members of the payload that depend on the operation's place (a credential's signature).
        following: Returns members that depend on the operations written before it in the same write.
    """

    t: str
    p: Mapping[str, Any]
    prose: Mapping[str, str] = {}
    complete: Callable[[Place], Mapping[str, Any]] | None = None
    following: Callable[[Sequence[Op]], Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class Author:
    """Who writes: an actor's key log and one of its keys.

    Attributes:
        by: The agent inside the actor's town for whom the device key signs, or None.
    """

    key_log: KeyLog
    signer: Signer
    by: str | None = None

    @property
    def actor(self) -> str:
        """The actor's SCID."""
        return self.key_log.scid

    @property
    def device(self) -> bool:
        """True for a key that may do everything."""
        return self.key_log.allows(self.signer.public.did, "assertionMethod")

    def log(self, commons: str) -> str:
        """Return the id of the one log that this key writes in a commons."""
        return ids.log_id(commons, self.actor, self.signer.public.did)


Make = Callable[["Ledger"], Sequence[Draft]]


def _nothing() -> None:
    pass


class Ledger:
    """One commons on this machine.

    Args:
        now_ms: Reads the wall clock, milliseconds.
        salt: Makes 16 random bytes.
        shunned: Returns the operations whose words the owner of this machine will not keep, whoever wrote them.
        notice: Called once where catching up with the store will take long.
    """

    def __init__(
        self, store: Store, index: Callable[["Ledger"], Index], rules: Rules,
        now_ms: Callable[[], int], salt: Callable[[], bytes], shunned: Callable[[], frozenset[str]] = frozenset,
        notice: Callable[[], None] = _nothing,
    ) -> None:  # fmt: skip
        self.store = store
        self.commons = store.commons
        self.genesis = genesis.parse(store.genesis)
        self.rules = rules
        self._now_ms = now_ms
        self._salt = salt
        self._shunned = shunned
        self._notice = notice
        self._key_logs: dict[str, KeyLog] = {}
        self.index = index(self)
        self.indexer = Indexer(self.index)

    # -- reading -----------------------------------------------------------------------------------------------

    def key_log(self, actor: str) -> KeyLog | None:
        """Return an actor's verified key log."""
        if actor not in self._key_logs:
            raw = self.store.key_log(actor)
            if raw is None:
                return None
            self._key_logs[actor] = keylog.verify(raw)
        return self._key_logs[actor]

    def refresh(self) -> Report:
        """Bring the index up to the store, if another process or a killed one left it behind."""
        if self.index.generation() == self.store.generation() and not self._unwanted():
            return Report()
        with self.store.lock(), collection_paused():
            done = self._catch_up()
            self._drop_erased()
            return done

    def close(self) -> None:
        """Give what is open back."""
        self.store.close()
        self.index.database.close()

    # -- writing -----------------------------------------------------------------------------------------------

    def write(self, author: Author, make: Make) -> list[Op]:
        """Sign and write what `make` decides, given the ledger as it stands under the lock.

        Returns:
            The operations of the drafts, in order; a log's `open` comes before them and is not among them.

        Raises:
            NotAllowed: The author's log has forked, or the key may not write such operations.
            InvalidLine: A draft breaks its type.
        """
        with self.store.lock(), collection_paused():
            self._catch_up()
            drafts = list(make(self))
            return self._append(author, drafts) if drafts else []

    def _append(self, author: Author, drafts: list[Draft]) -> list[Op]:
        # An author that was made long ago may not know what has reached the ledger meanwhile.
        _refuse_revoked(self.key_log(author.actor), author.signer.public.did)
        log = author.log(self.commons)
        at = self._own_position(log)
        if at.head is None:
            payload = {"actor": author.actor, "key": author.signer.public.did}
            drafts.insert(0, Draft("open", payload))
        pen = _Pen(self, author, log, at)
        for draft in drafts:
            pen.write(draft)
        self._commit(
            Changes(
                key_logs=self._newer(author.key_log),
                lines={log: pen.ops},
                bodies={log: pen.bodies} if pen.bodies else {},
            )
        )
        return pen.ops[1:] if at.head is None else pen.ops

    def learn(self, keys: KeyLog) -> None:
        """Take a key log of this machine's own: everybody here may read it, and peers get it with the next sync.

        Raises:
            NotAllowed: The one held is no part of it: the key log has two continuations.
        """
        with self.store.lock():
            self._catch_up()
            newer = self._newer(keys)
            if newer:
                self._commit(Changes(key_logs=newer))
                self._settle_forks()

    def _newer(self, keys: KeyLog) -> dict[str, bytes]:
        """Return the author's key log where the store has none, or less of it: a device was added."""
        known = self.key_log(keys.scid)
        if known is not None and not (keys.raw.startswith(known.raw) or known.raw.startswith(keys.raw)):
            raise NotAllowed("your key log has two continuations", "Use the home that the last change was made in.")
        return {keys.scid: keys.raw} if known is None or len(keys.raw) > len(known.raw) else {}

    def _own_position(self, log: str) -> Position:
        weighed = self.index.log(log)
        if weighed is None:
            return START
        if weighed.forked_at is not None:
            raise NotAllowed(
                f"your log {log[:12]} has two continuations at {weighed.forked_at}",
                "The key was used from two copies of a home; add a new device key and go on with that.",
            )
        if weighed.frozen_at is not None:
            raise NotAllowed(
                f"your log {log[:12]} holds an operation at {weighed.frozen_at} that this version cannot read",
                "Upgrade: what is written behind it would have no effect.",
            )
        return self.index.end(log) or START

    def sign(
        self, author: Author, log: str, at: Position, draft: Draft, after: Hlc | None = None
    ) -> tuple[Op, bytes | None]:
        """Make one operation that follows `at`; nothing is written.

        Args:
            after: The highest time of any operation known, where the caller has it at hand.

        Returns:
            The operation and its body.
        """
        key = author.signer.public.did
        if not self.rules.may_write(draft.t, device=author.device, private=self.genesis.private):
            raise NotAllowed(f"this key may not write {draft.t}", "Use a device key of the owner.")
        raw = body.build(draft.prose, self._salt()) if draft.prose else None
        ref = body.refer(raw) if raw is not None else None
        seq, prev = (at.head.seq + 1, at.head.op) if at.head else (0, None)
        hlc = clock.tick(self._now_ms(), max(at.hlc, after or self.index.latest()))
        place = Place(self.commons, log, seq, hlc, author.actor, key, ref.h if ref else None)
        payload = {**draft.p, **(draft.complete(place) if draft.complete else {})}
        header = op.header_bytes(
            commons=self.commons, log=log, seq=seq, prev=prev, hlc=hlc, t=draft.t, p=payload, by=author.by, body=ref
        )
        return self.rules.read(op.sign(header, author.signer)), raw

    def _commit(self, changes: Changes, settled: Mapping[str, Settled] | None = None, *, more: bool = False) -> None:
        parted = {log: self._forked(log, one) for log, one in (settled or {}).items()}
        self.store.write(changes)
        if changes.key_logs:
            self._key_logs.clear()
        places = {log: {one.seq: one.id for one in ops} for log, ops in changes.lines.items()}
        bodies = {self._op_id(places, log, seq): raw for log, its in changes.bodies.items() for seq, raw in its.items()}
        delta = Delta(
            self.store.generation(),
            ops={log: [self._read(one) for one in ops] for log, ops in changes.lines.items() if log not in parted},
            forks=parted,
            bodies=bodies,
            erased=frozenset(self._op_id({}, log, seq) for log, seqs in changes.erased.items() for seq in seqs),
            new_keys=bool(changes.key_logs),
            more=more,
        )
        try:
            self.indexer.apply(delta)
        except StoreError as error:
            hint = "Do not repeat it: the index catches up once the disk allows."
            # Not as a damaged index: whoever meets one does it all again.
            raise StoreError(f"it is written, but the index is not: {error}", hint) from error

    def _forked(self, log: str, settled: Settled) -> Forked:
        first = settled.resumed[:1] if settled.at == 0 else ()
        opening = next(iter(first), None) or next((b[0] for b in settled.branches if b[0].seq == 0), None)
        resumed = [self._read(one) for one in settled.resumed]
        parted = forks.parted_at(settled)
        return Forked(settled.at, resumed, settled.forked_at, parted, self._read(opening) if opening else None)

    def _read(self, line: op.Line) -> Op:
        # What was verified a moment ago is read already; lines from the own store are not.
        return line if isinstance(line, Op) else self.rules.read(line)

    def _op_id(self, places: Mapping[str, Mapping[int, str]], log: str, seq: int) -> str:
        op_id = places.get(log, {}).get(seq) or self.index.op_id(log, seq)
        assert op_id is not None
        return op_id

    # -- taking up what others wrote -----------------------------------------------------------------------------

    def ingest(
        self, source: Source, rates: Rates | None = None, parse_signed: ParseSigned = op.parse_signed, *,
        more: bool = False,
    ) -> Report:  # fmt: skip
        """Verify and write what a peer sent, as much as may be taken today; see `beads.ingest`.

        Args:
            parse_signed: Checks signatures; may have done so ahead.
            more: More comes at once: what it all makes is folded after the last, or by whoever looks before.
        """
        with self.store.lock(), collection_paused():
            if self.index.read_to() != self.store.generation():
                self._catch_up()
            done = Report()
            for _ in range(ROUNDS):
                intake = self._examine(source, rates, parse_signed)
                self._write_intake(intake, more=more)
                done.extend(intake.report)
                if not intake.again:
                    break
            if not more:
                self._fold_rest()
                self._drop_erased()
            return done

    def _fold_rest(self) -> None:
        if self.index.is_behind():
            self.indexer.apply(Delta(self.store.generation()))

    def judge(self, source: Source) -> Report:
        """Say what `ingest` would take of it; nothing is written."""
        with self.store.lock():
            self._catch_up()
            return self._examine(source).report

    def _examine(
        self, source: Source, rates: Rates | None = None, parse_signed: ParseSigned = op.parse_signed
    ) -> Intake:
        private, now_ms = self.genesis.private, self._now_ms()
        verifier = Verifier(self.commons, private, self.rules, self.key_log, now_ms, parse_signed)
        return Intaker(source, _Known(self), verifier, rates).run()

    def _write_intake(self, intake: Intake, *, more: bool) -> None:
        scales = self.indexer.scales() if intake.forks else None
        settled = {log: self._settled(log, scales, theirs) for log, (_, theirs) in intake.forks.items() if scales}
        changes = Changes(
            key_logs={actor: keys.raw for actor, keys in intake.key_logs.items()},
            lines=intake.ops,
            bodies=intake.bodies,
        )
        if changes or settled:
            self._commit(self._with_forks(changes, settled), settled, more=more)
        self._settle_forks()

    # -- forks -------------------------------------------------------------------------------------------------

    def branches(self, log: str) -> list[list[Op]]:
        """Return the branches of a forked log that are not kept, as far as they verify."""
        verifier = Verifier(self.commons, self.genesis.private, self.rules, self.key_log, FOREVER_MS)
        found: list[list[Op]] = []
        for raw in self.store.branches(log):
            seq = op.parse(raw[0]).seq
            before = self.index.position(log, seq - 1) if seq else START
            found.append(verifier.read(log, raw, before).ops if before is not None else [])
        return [branch for branch in found if branch]

    def _settle_forks(self, *, anyway: bool = False) -> None:
        """Follow what has been decided since about logs that fork; or what a killed process did not come to."""
        if not anyway and not self.indexer.unsettled():
            return
        for _ in range(ROUNDS):
            scales = self.indexer.scales()
            logs = {*self.store.forked(), *(log.id for log in self.index.logs().values() if log.parted_at is not None)}
            settled = {
                log: one for log in sorted(logs) if not self._is_standing(log, one := self._settled(log, scales))
            }
            if not settled:
                break
            # What is decided of one log may be what another was decided by.
            self._commit(self._with_forks(Changes(), settled), settled)
        self.indexer.mark_settled()

    def _settled(self, log: str, scales: Scales, *more: Sequence[Op]) -> Settled:
        held: list[Sequence[Op]] = [*self.branches(log), *more]
        known = self.index.log(log)
        actor = known.actor if known is not None else held[0][0].payload.actor if held else ""
        return forks.settle(
            self._length(log), partial(self._kept, log), held, scales.decide(log, actor), scales.prefer(log, actor)
        )

    def _is_standing(self, log: str, settled: Settled) -> bool:
        """Say whether that is how a log is written down."""
        known = self.index.log(log)
        if known is None:
            return False
        standing = Settled(self._length(log), (), known.forked_at, tuple(self.branches(log)))
        return settled == standing and known.parted_at == forks.parted_at(settled)

    def _length(self, log: str) -> int:
        head = self.store.head(log)
        return head.seq + 1 if head is not None else 0

    def _kept(self, log: str, seq: int) -> list[Op]:
        return [self.rules.read(op.recall(raw)) for raw in self.store.lines(log, seq)]

    def _with_forks(self, changes: Changes, settled: Mapping[str, Settled]) -> Changes:
        bodies = {log: self._found_again(log, one.resumed) for log, one in settled.items()}
        return replace(
            changes,
            rewinds={log: one.at for log, one in settled.items()},
            lines={**changes.lines, **{log: one.resumed for log, one in settled.items() if one.resumed}},
            branches={log: one.branches for log, one in settled.items()},
            bodies={**changes.bodies, **{log: its for log, its in bodies.items() if its}},
        )

    def _found_again(self, log: str, resumed: forks.Branch) -> dict[int, bytes]:
        """Return the words of a branch that once was kept, was not, and is again; none that were taken back since."""
        by_seq = {one.seq: one for one in resumed if one.body is not None}
        actor = known.actor if (known := self.index.log(log)) is not None else ""
        erased = self.index.erased(actor, log)
        return {
            seq: raw
            for seq, raw in (self.store.lost_bodies(log) if by_seq else ())
            if seq in by_seq and by_seq[seq].id not in erased and body.matches(raw, by_seq[seq].body)
        }

    def erase(self, author: Author, op_id: str) -> Op:
        """Take back the words of one of the author's own operations.

        Raises:
            NotAllowed: The words are another's.
        """
        with self.store.lock():
            self._catch_up()
            place = self.index.place(op_id)
            if place is None or place.actor != author.actor:
                raise NotAllowed("only the author of words can erase them")
            if not author.device and place.log != author.log(self.commons):
                raise NotAllowed("an agent's key erases only what it wrote", "Use a device key of the owner.")
            (written,) = self._append(author, [Draft("erase", {"op": op_id})])
            self._drop_erased()
            return written

    def unwelcome(self, actor: str, log: str) -> frozenset[str]:
        """Return the operations whose words are not kept here: an actor took them back, or this machine's owner did."""
        return self.index.erased(actor, log) | self._shunned()

    def _unwanted(self) -> list[tuple[str, int]]:
        shunned = [self.index.place(op_id) for op_id in self._shunned() if self.index.has_body(op_id)]
        return [*self.index.erased_bodies(), *((place.log, place.seq) for place in shunned if place is not None)]

    def _drop_erased(self) -> None:
        """Drop every body that is held although its author took it back, or the owner of this machine shuns it."""
        gone: dict[str, set[int]] = {}
        for log, seq in self._unwanted():
            gone.setdefault(log, set()).add(seq)
        if gone:
            self._commit(Changes(erased={log: frozenset(seqs) for log, seqs in gone.items()}))

    # -- catching up -------------------------------------------------------------------------------------------

    def _catch_up(self) -> Report:
        """Bring the index up to the store; what does not verify is left out and reported. Holds the lock."""
        generation = self.store.generation()
        at = self.index.read_to()
        done = Report()
        if at is None:
            self.index.clear()
        if at == generation:
            self._fold_rest()
        else:
            self._key_logs.clear()
            verifier = Verifier(self.commons, self.genesis.private, self.rules, self.key_log, FOREVER_MS)
            done = Replay(self.store, self.indexer, verifier, self._notice).run(generation)
            self._settle_forks(anyway=True)
            self._drop_erased()
        self._settle_forks()
        return done


class _Pen:
    """Writes drafts one after the other at the end of a log, in memory."""

    def __init__(self, ledger: Ledger, author: Author, log: str, at: Position) -> None:
        self._ledger, self._author, self._log, self._at = ledger, author, log, at
        self._after = ledger.index.latest()
        self.ops: list[Op] = []
        self.bodies: dict[int, bytes] = {}

    def write(self, draft: Draft) -> None:
        if draft.following is not None:
            draft = draft._replace(p={**draft.p, **draft.following(self.ops)})
        one, raw = self._ledger.sign(self._author, self._log, self._at, draft, self._after)
        self.ops.append(one)
        if raw is not None:
            self.bodies[one.seq] = raw
        self._at = Position(op.Head(one.seq, one.id), one.hlc, self._at.writer)


class _Known:
    """What a ledger knows, for `beads.ingest.Known`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._index = ledger.index
        self._heads = ledger.index.heads()
        self._logs = ledger.index.logs()

    def key_log(self, actor: str) -> KeyLog | None:
        return self._ledger.key_log(actor)

    def length(self, log: str) -> int:
        head = self._heads.get(log)
        return head.seq + 1 if head else 0

    def actor(self, log: str) -> str | None:
        weighed = self._logs.get(log)
        return weighed.actor if weighed else None

    def forked_at(self, log: str) -> int | None:
        weighed = self._logs.get(log)
        return weighed.forked_at if weighed else None

    def position(self, log: str, seq: int) -> Position | None:
        return self._index.position(log, seq)

    def op_id(self, log: str, seq: int) -> str | None:
        return self._index.op_id(log, seq)

    def branches(self, log: str) -> Sequence[forks.Branch]:
        return self._ledger.branches(log)

    def prefer(self, log: str) -> forks.Prefer:
        weighed = self._logs.get(log)
        return self._ledger.indexer.scales().prefer(log, weighed.actor) if weighed is not None else forks.nobody

    def lacks_body(self, log: str, seq: int) -> Op | None:
        one = self._index.op_at(log, seq)
        return None if one is None or one.body is None or self._index.has_body(one.id) else one

    def unwelcome(self, actor: str, log: str) -> frozenset[str]:
        return self._ledger.unwelcome(actor, log)


def author_of(key_log: KeyLog, signer: Signer, by: str | None = None) -> Author:
    """Pair a key log with one of its keys.

    Raises:
        NotAllowed: The log does not list the key, or has revoked it.
    """
    did = signer.public.did
    _refuse_revoked(key_log, did)
    if not key_log.allows(did, "assertionMethod") and not key_log.allows(did, "authentication"):
        raise NotAllowed("the key is not in the actor's key log", "Use the key that wl init made.")
    return Author(key_log, signer, by)


def _refuse_revoked(key_log: KeyLog | None, key: str) -> None:
    if key_log is not None and key in key_log.revoked:
        raise NotAllowed(
            "this machine's key is revoked: what it writes counts for nothing",
            "wl id show tells since when; wl id request asks for a new one.",
        )
