"""Sync with one peer: pull what it has, verify, then push what it lacks (protocol, Sync).

1. What is taken is decided by what verifies, never by who sent it.
2. A reference is pushed only after the peer's version was read and found to hold nothing that we lack; the push
   names that version as the expected old one. Refused means: pull again, three times at most.
3. Nothing to do costs one listing of references.
"""

from collections.abc import Mapping
from typing import NamedTuple

from beads import genesis, ids, pack, report
from beads.errors import InvalidGenesis, InvalidLine, LimitExceeded, NotFound, RemoteError
from beads.git_store import GitStore
from beads.gitobject import GitObject
from beads.ledger import Ledger
from beads.pack import Pack
from beads.refs import Find, Offer, parse_ref
from beads.remote import Fetched, GitRemote, RefMove, Wanted
from beads.report import Exchange, Outcome, Report

BATCH = 150
"""References asked for in one request: two haves each stay below what a stateless client may tell."""
_ORDER = {"genesis": 0, "id": 1, "log": 2, "fork": 3, "body": 4}
ATTEMPTS = 3
FAILURES = 20
"""Requests of one pull that may fail: finding one bad reference in a batch takes eight."""


class Syncer:
    """Keeps one commons in step with one peer.

    Args:
        store: The ledger's own store.
    """

    def __init__(self, ledger: Ledger, store: GitStore, remote: GitRemote) -> None:
        self._ledger = ledger
        self._store = store
        self._remote = remote

    def sync(self, *, pull: bool = True, push: bool = True) -> Exchange:
        """Pull, then push; again where the peer moved meanwhile.

        Raises:
            RemoteError: The peer cannot be reached or misbehaves as a whole.
        """
        exchange = Exchange()
        for _ in range(ATTEMPTS):
            exchange.refused.clear()
            learned = self._pull(exchange, take=pull)
            if pull:
                exchange.report.extend(learned)
            if not push or not self._push(exchange, learned, took=pull):
                break
        return exchange

    # -- pull --------------------------------------------------------------------------------------------------

    def _pull(self, exchange: Exchange, *, take: bool) -> Report:
        """Read what differs, in batches, and take it; or only judge it, so that nothing unread is overwritten."""
        learned = Report()
        asked: set[tuple[str, str]] = set()
        size, failures = BATCH, 0
        while True:
            chosen: dict[str, str] = {}
            try:
                learned.extend(self._read(exchange, chosen, asked, size, take=take))
            except RemoteError as error:
                too_large = isinstance(error, LimitExceeded)
                failures += not too_large
                # A log that is too large, or broken over there, must not keep the others out.
                if not chosen or failures > FAILURES:
                    raise
                if len(chosen) > 1:
                    size = len(chosen) // 2
                    continue
                learned.extend(self._held(chosen, "limit" if too_large else "peer"))
            if not chosen:
                return learned
            asked.update(chosen.items())
            size = min(2 * size, BATCH)

    def _read(
        self, exchange: Exchange, chosen: dict[str, str], asked: set[tuple[str, str]], size: int, *, take: bool
    ) -> Report:
        def choose(theirs: Mapping[str, str]) -> Wanted:
            chosen.update(self._choose(theirs, asked, size, only_ours=not take))
            return Wanted(tuple(chosen.values()), self._haves(chosen))

        with self._remote.fetch(choose, self._store.repository.get) as fetched:
            exchange.seen = fetched.refs
            if not chosen:
                return Report()
            offer = self._offer(chosen, fetched)
            return self._ledger.ingest(offer) if take else self._ledger.judge(offer)

    def _held(self, chosen: Mapping[str, str], reason: str) -> Report:
        passed_over = Report()
        for ref in filter(None, (parse_ref(self._store.prefix, name) for name in chosen)):
            passed_over.add(ref.what, ref.id, report.HELD, reason)
        return passed_over

    def _choose(
        self, theirs: Mapping[str, str], asked: set[tuple[str, str]], size: int, *, only_ours: bool
    ) -> dict[str, str]:
        ours = self._store.refs()
        forked = {ref.id for name in ours if (ref := parse_ref(self._store.prefix, name)) and ref.kind == "fork"}
        names = {name: parse_ref(self._store.prefix, name) for name in theirs}
        changed = [
            (_ORDER[ref.kind], name)
            for name, ref in names.items()
            if ref is not None
            and ref.kind != "genesis"
            and ours.get(name) != theirs[name]
            and (name in ours or not only_ours)
            # Where a log forks at its very beginning nothing is kept: what stands there cannot add to it.
            and not (ref.kind in ("log", "body") and ref.id in forked and name not in ours)
            and (name, theirs[name]) not in asked
        ]
        return {name: theirs[name] for _, name in sorted(changed)[:size]}

    def _haves(self, chosen: Mapping[str, str]) -> tuple[str, ...]:
        found: list[str] = []
        for name in chosen:
            tip = self._store.repository.ref(name)
            if tip is not None:
                commit = self._store.repository.commit(tip)
                # A commit without parents has no history to count by; its tree says what we have of it.
                found += (tip, *(commit.parents or (commit.tree,)))
        return tuple(found)

    def _offer(self, chosen: Mapping[str, str], fetched: Fetched) -> Offer:
        find = finder(fetched.pack, self._store.repository.get)
        return Offer(self._store.prefix, chosen, find, self._store.refs())

    # -- push --------------------------------------------------------------------------------------------------

    def _push(self, exchange: Exchange, learned: Report, *, took: bool) -> bool:
        """Push what the peer lacks; return True where it moved meanwhile and a pull may help."""
        moves = [
            RefMove(name, exchange.seen.get(name), target)
            for name, target in self._store.refs().items()
            if exchange.seen.get(name) != target and (name not in exchange.seen or self._covers(name, learned, took))
        ]
        if not moves:
            return False
        outcome = self._remote.push(moves, lambda: self._objects(moves))
        exchange.pushed += [name for name, error in outcome.items() if error is None]
        exchange.refused.update({name: error for name, error in outcome.items() if error is not None})
        return bool(exchange.refused)

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


def fetch_founding(remote: GitRemote, commons: str | None) -> Founding:
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
