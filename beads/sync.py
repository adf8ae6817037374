"""Sync with one peer: pull what it has, verify, then push what it lacks (protocol, Sync).

1. What is taken is decided by what verifies, never by who sent it.
2. A reference is pushed only after the peer's version was read and found to hold nothing that we lack; the push
   names that version as the expected old one. Refused means: pull again, three times at most.
3. Nothing to do costs one round trip: a node is told the digest of what is here and says that it has the same; a
   plain repository lists its references.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import NamedTuple

from beads import genesis, ids, op, pack, report
from beads.errors import InvalidGenesis, InvalidLine, LimitExceeded, NotFound, RemoteError
from beads.follow import everybody, some
from beads.git_store import GitStore
from beads.gitobject import GitObject
from beads.ledger import Ledger
from beads.pack import Pack
from beads.precheck import Precheck
from beads.refs import Find, Offer, RefName, digest, parse_ref
from beads.remote import RefMove, Remote, Wanted
from beads.report import Exchange, Outcome, Report
from beads.terms import Step, Terms
from beads.verify import ParseSigned

BATCH = 150
"""References asked for in one request: two haves each stay below what a stateless client may tell."""
NEW_COUNTS = 40
"""A log that is not here yet may hold anything, so it counts for as many references that merely moved."""
OPERATIONS = 30_000
"""With words, aimed at in one batch of a long sync: each is written before the next, so a sync that is killed goes on
there, and two are in memory at once."""
_FIRST = ("genesis", "id")
_ORDER = {"log": 0, "fork": 1, "body": 2}
_WAITS = "held("
"""How a node refuses what it may take another time; asking again at once changes nothing."""
ATTEMPTS = 3
FAILURES = 20
"""Requests of one pull that may fail: finding one bad reference in a batch takes eight."""


@dataclass
class _Batches:
    """What of a pull is done, and how much to ask for next.

    Attributes:
        asked: References asked for, or given up, with their commits.
        taken: How many of these were taken up.
        size: References of one batch at most; halved where a batch is too large.
        weight: Their weight at most: a log that is new here may be long.
        of: All references that there are to read, as far as is known.
        failures: Requests that failed.
    """

    asked: set[tuple[str, str]] = field(default_factory=set)
    taken: int = 0
    size: int = BATCH
    weight: int = BATCH
    of: int = 0
    failures: int = 0

    def cut(self, names: Sequence[str], is_new: Callable[[str], bool]) -> list[str]:
        """Return the names that come next."""
        weights = accumulate(NEW_COUNTS if is_new(name) else 1 for name in names)
        fitting = sum(1 for _ in takewhile(lambda total: total <= self.weight, weights))
        self.of = len(self.asked) + len(names)
        return list(names[: min(max(fitting, 1), self.size)])

    def done(self, chosen: Mapping[str, str], brought: int) -> None:
        """Note a batch; aim the next at a size that is neither endless nor petty.

        Args:
            brought: Operations and words, as far as is known.
        """
        self.asked.update(chosen.items())
        self.size = min(2 * self.size, BATCH)
        if brought:
            factor = min(max(OPERATIONS / brought, 0.5), 4.0)
            self.weight = min(max(round(self.weight * factor), BATCH), BATCH * NEW_COUNTS)


def _nothing_to_close() -> None:
    pass


@dataclass(frozen=True)
class _Batch:
    """What one request brought.

    Attributes:
        chosen: The references that were asked for, with their commits.
        offer: What lies under them; None where nothing was asked for, or nothing came.
        error: Why nothing came.
        close: Gives back what holds it.
    """

    chosen: Mapping[str, str]
    offer: Offer | None = None
    parse_signed: ParseSigned = op.parse_signed
    error: RemoteError | None = None
    close: Callable[[], None] = _nothing_to_close


class Syncer:
    """Keeps one commons in step with one peer.

    Args:
        store: The ledger's own store.
    """

    def __init__(self, ledger: Ledger, store: GitStore, remote: Remote, terms: Terms | None = None) -> None:
        self._ledger = ledger
        self._store = store
        self._remote = remote
        self._terms = terms or Terms()

    def sync(self, *, pull: bool = True, push: bool = True) -> Exchange:
        """Pull, then push; again where the peer moved meanwhile.

        Raises:
            RemoteError: The peer cannot be reached or misbehaves as a whole.
        """
        exchange = Exchange()
        for _ in range(ATTEMPTS):
            exchange.refused.clear()
            learned = self._pull(exchange, take=pull)
            # Whatever was left to be folded is, before anybody is told.
            self._ledger.refresh()
            if pull:
                exchange.report.extend(learned)
            if not push or not self._push(exchange, learned, took=pull):
                break
        return exchange

    # -- pull --------------------------------------------------------------------------------------------------

    def _pull(self, exchange: Exchange, *, take: bool) -> Report:
        """Read what differs, in batches, and take it; or only judge it, so that nothing unread is overwritten.

        While a batch is taken, the signatures of the next are checked already, by a second process.
        """
        learned, batches = Report(), _Batches()
        # Where what is taken decides what is asked for next, one comes after the other.
        steady = take and self._terms.room is None and not self._terms.follow
        self._ledger.refresh()
        with ExitStack() as opened:
            precheck = opened.enter_context(Precheck())
            ahead: _Batch | None = None
            while True:
                batch = ahead or self._read(exchange, batches, precheck, opened, take=take)
                ahead = None
                if batch.error is None and not batch.chosen:
                    return learned
                if batch.error is None and steady and len(batches.asked) < batches.of:
                    ahead = self._read(exchange, batches, precheck, opened, take=take)
                more = ahead is not None and ahead.offer is not None
                came = self._taken(batch, batches, take=take, more=more)
                batch.close()
                if came is None:
                    continue
                learned.extend(came)
                batches.taken += len(batch.chosen)
                self._tell(batches, learned)
                if steady and len(batch.chosen) == batches.of:
                    # All came at once, a moment ago; only a long pull looks again for what has moved meanwhile.
                    return learned
                if take and self._terms.room is not None and learned.accepted >= self._terms.room:
                    exchange.passed |= exchange.seen.keys() - {name for name, _ in batches.asked}
                    return learned

    def _tell(self, batches: _Batches, learned: Report) -> None:
        if self._terms.progress is not None:
            self._terms.progress(Step(batches.taken, batches.of, learned.accepted))

    def _read(
        self, exchange: Exchange, batches: _Batches, precheck: Precheck, opened: ExitStack, *, take: bool
    ) -> "_Batch":
        """Ask for what comes next, and have its signatures checked."""

        def choose(theirs: Mapping[str, str]) -> Wanted:
            chosen.update(self._choose(exchange, ours, theirs, batches, only_ours=not take))
            return Wanted(tuple(chosen.values()), self._haves(chosen))

        chosen: dict[str, str] = {}
        ours = self._store.refs()
        received = opened.enter_context(ExitStack())
        try:
            fetched = received.enter_context(self._remote.fetch(choose, self._store.repository.get, known=digest(ours)))
        except RemoteError as error:
            return _Batch(chosen, error=error)
        exchange.seen = ours if fetched.unchanged else fetched.refs
        if not chosen:
            return _Batch(chosen)
        offer = Offer(self._store.prefix, chosen, finder(fetched.pack, self._store.repository.get), ours)
        pieces = list(offer.ahead(self._ledger.index.end)) if take else []
        # Most operations have words.
        batches.done(chosen, 2 * sum(len(piece.lines) for piece in pieces))
        return _Batch(chosen, offer, precheck.begin(pieces), close=received.close)

    def _taken(self, batch: "_Batch", batches: _Batches, *, take: bool, more: bool) -> Report | None:
        """Take a batch up; None where it is to be asked for again, in smaller parts."""
        error = batch.error
        try:
            if batch.offer is not None and take:
                return self._ledger.ingest(batch.offer, self._terms.rates, batch.parse_signed, more=more)
            if batch.offer is not None:
                return self._ledger.judge(batch.offer)
        except RemoteError as problem:
            batches.asked.difference_update(batch.chosen.items())
            error = problem
        assert error is not None
        too_large = isinstance(error, LimitExceeded)
        batches.failures += not too_large
        # A log that is too large, or broken over there, must not keep the others out.
        if not batch.chosen or batches.failures > FAILURES:
            raise error
        if len(batch.chosen) > 1:
            batches.size = len(batch.chosen) // 2
            return None
        batches.done(batch.chosen, 0)
        return self._held(batch.chosen, "limit" if too_large else "peer")

    def _held(self, chosen: Mapping[str, str], reason: str) -> Report:
        passed_over = Report()
        for ref in filter(None, (parse_ref(self._store.prefix, name) for name in chosen)):
            passed_over.add(ref.what, ref.id, report.HELD, reason)
        return passed_over

    def _choose(
        self,
        exchange: Exchange,
        ours: Mapping[str, str],
        theirs: Mapping[str, str],
        batches: _Batches,
        *,
        only_ours: bool,
    ) -> dict[str, str]:
        forked = {ref.id for name in ours if (ref := parse_ref(self._store.prefix, name)) and ref.kind == "fork"}
        changed = [
            (_turn(ref), name, ref)
            for name, target in theirs.items()
            if ours.get(name) != target
            and (name, target) not in batches.asked
            and (name in ours or not only_ours)
            and (ref := parse_ref(self._store.prefix, name)) is not None
            and ref.kind != "genesis"
            # Where a log forks at its very beginning nothing is kept: what stands there cannot add to it.
            and not (ref.kind in ("log", "body") and ref.id in forked and name not in ours)
        ]
        follows = some(self._ledger, self._terms.follow) if self._terms.follow else everybody
        exchange.passed = {name for _, name, ref in changed if not follows(ref)}
        names = [name for _, name, _ in sorted(changed) if name not in exchange.passed]
        return {name: theirs[name] for name in batches.cut(names, lambda name: name not in ours and "/log/" in name)}

    def _haves(self, chosen: Mapping[str, str]) -> tuple[str, ...]:
        found: list[str] = []
        for name in chosen:
            tip = self._store.repository.ref(name)
            if tip is not None:
                commit = self._store.repository.commit(tip)
                # A commit without parents has no history to count by; its tree says what we have of it.
                found += (tip, *(commit.parents or (commit.tree,)))
        return tuple(found)

    # -- push --------------------------------------------------------------------------------------------------

    def _push(self, exchange: Exchange, learned: Report, *, took: bool) -> bool:
        """Push what the peer lacks; return True where it moved meanwhile and a pull may help."""
        exchange.ours = self._store.refs()
        moves = [
            RefMove(name, exchange.seen.get(name), target)
            for name, target in exchange.ours.items()
            if exchange.seen.get(name) != target
            and name not in exchange.passed
            and name not in self._terms.withheld
            and (name not in exchange.seen or self._covers(name, learned, took))
        ]
        if not moves:
            return False
        outcome = self._remote.push(moves, lambda: self._objects(moves))
        exchange.pushed += [name for name, error in outcome.items() if error is None]
        exchange.refused.update({name: error for name, error in outcome.items() if error is not None})
        return any(not reason.startswith(_WAITS) for reason in exchange.refused.values())

    def _covers(self, name: str, learned: Report, took: bool) -> bool:
        """Say whether we hold all that the peer has under a reference that was read."""
        ref = parse_ref(self._store.prefix, name)
        if ref is None:
            return False
        # Bodies of operations that wait here are not held either.
        outcomes = [learned.of(what, ref.id) for what in {ref.what, "log" if ref.kind == "body" else ref.what}]
        return not any(outcome is not None and _left_there(outcome, took) for outcome in outcomes)

    def _objects(self, moves: list[RefMove]) -> list[GitObject]:
        found = {}
        for move in moves:
            for obj in self._store.repository.missing(move.new, move.old):
                found[obj.id] = obj
        return list(found.values())


def _turn(ref: RefName) -> tuple[bool, str, int]:
    """Return when a reference is read: key logs first, then each log with its branches and its words.

    What is told of an operation stands with its words, so that both come to the tables at once.
    """
    return ref.kind not in _FIRST, "" if ref.kind in _FIRST else ref.id, _ORDER.get(ref.kind, 0)


def _left_there(outcome: Outcome, took: bool) -> bool:
    """Say whether the peer holds something that may be good and is not here."""
    waits = outcome.status == report.HELD
    other_keys = outcome.what == "keys" and outcome.status in (report.UNREAD, report.FORKED)
    return waits or other_keys or (outcome.taken > 0 and not took)


def finder(received: Pack | None, here: Find) -> Find:
    """Look objects up in what was received, then in what is here."""

    def find(object_id: str) -> tuple[str, bytes] | None:
        if received is not None and object_id in received:
            return received.get(object_id)
        return here(object_id)

    return find


class Founding(NamedTuple):
    """What a commons begins with: its genesis, and the cut of its parent where it is a fork."""

    genesis: bytes
    cut: bytes | None


def fetch_founding(remote: Remote, commons: str | None) -> Founding:
    """Read how a commons began from a peer: the one named, or the only one there that no other builds on.

    Raises:
        NotFound: The peer holds no such commons, or several.
        RemoteError: The peer cannot be reached or misbehaves.
    """
    found: dict[str, str] = {}

    def choose(theirs: Mapping[str, str]) -> Wanted:
        found.update({name: target for name, target in theirs.items() if _is_genesis(name, commons)})
        return Wanted(tuple(found.values()), ())

    with remote.fetch(choose, _nowhere, pack.FOUNDING) as fetched:
        find = finder(fetched.pack, _nowhere)
        offered = [_founding(name, target, find) for name, target in found.items()]
    chosen = _heirs([each for each in offered if each is not None])
    if len(chosen) != 1:
        what = "holds no commons" if not chosen else f"holds {len(chosen)} commons"
        raise NotFound(f"{remote.url} {what}", "Give the address of one: …/git/<commons>.")
    return chosen[0]


def _founding(name: str, target: str, find: Find) -> Founding | None:
    """Read one; None where it is broken, or not that of the commons under whose name it lies."""
    try:
        founding = Founding(*Offer(name.removesuffix("genesis"), {name: target}, find, {}).founding())
        genesis.parse(founding.genesis)
    except (InvalidLine, InvalidGenesis):
        return None
    return founding if name.split("/")[2] == ids.commons_id(founding.genesis) else None


def _heirs(offered: list[Founding]) -> list[Founding]:
    """Leave out the parents that come along with a fork."""
    parents = {parsed.parent.commons for f in offered if (parsed := genesis.parse(f.genesis)).parent is not None}
    return [f for f in offered if ids.commons_id(f.genesis) not in parents]


def _nowhere(_: str) -> tuple[str, bytes] | None:
    return None


def _is_genesis(name: str, commons: str | None) -> bool:
    parts = name.split("/")
    fits = len(parts) == 4 and parts[:2] == ["refs", "wl"] and parts[3] == "genesis"
    return fits and (commons is None or parts[2] == commons)
