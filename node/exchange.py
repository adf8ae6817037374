"""A ledger and its peers: each on the terms that the owner set, and a note of how it went. ⚡"""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from beads.address import TYPED, Reach
from beads.errors import NotAllowed, RemoteError
from beads.ledger import Ledger
from beads.limits import Patience
from beads.report import Exchange
from beads.terms import Step, Terms
from node import rates, staleness, wiring
from node.home import Home
from node.meeting import meet
from node.peers import UNKNOWN, Peer, PeerBook

NOTED_EVERY_MS = 60_000
"""How often a success that brought nothing is written down."""


class PeerResult(NamedTuple):
    """What came of a sync with one peer: an exchange, or why there was none."""

    peer: Peer
    exchange: Exchange | None
    error: str = ""


def with_one(
    home: Home, ledger: Ledger, peer: Peer, patience: Patience, *,
    pull: bool = True, push: bool = True, progress: Callable[[Step], None] | None = None,
    withheld: frozenset[str] = frozenset(),
) -> Exchange:  # fmt: skip
    """Sync with one peer.

    Args:
        withheld: References that it refused a moment ago, and is not offered again.

    Raises:
        NotAllowed: It is blocked.
        RemoteError: It cannot be reached or misbehaves as a whole.
    """
    if peer.blocked:
        raise NotAllowed(f"{peer.url} is blocked", f"wl peer unblock {peer.name or peer.url}")
    book = home.peer_book(ledger.commons)
    health = book.health().get(peer.url, UNKNOWN)
    # What was changed while no peer could be reached goes out with this.
    meet(home.box, ledger)
    try:
        terms = Terms(peer.follow, health.room(peer.daily, wiring.now_ms()), None, progress, withheld)
        done = _sync(home, ledger, peer, patience, terms, pull=pull, push=push)
        _carry_parent(home, ledger, peer, patience, pull=pull, push=push)
    except RemoteError as error:
        reason = str(error)
        book.note(peer.url, lambda known: known.after_failure(wiring.now_ms(), reason, random.random()))
        raise
    # Another device of the owner may have changed the key log.
    meet(home.box, ledger)
    now, older = wiring.now_ms(), _gone_back(book, ledger, peer, done) if pull and peer.pull else 0
    if done.report.accepted or older or health.failures or now - health.succeeded_ms > NOTED_EVERY_MS:
        book.note(peer.url, lambda known: known.after_success(now, done.report.accepted, older))
    return done


def _gone_back(book: PeerBook, ledger: Ledger, peer: Peer, done: Exchange) -> int:
    """Return of how many logs a peer offered less than it had held before, and note how far it has come."""
    before = book.served(peer.url)
    listed = sum("/log/" in name for name in done.seen)
    if before is not None and not done.report.outcomes and not done.pushed and listed >= len(before):
        return 0
    found = staleness.compare(before or {}, done, ledger.index.heads(), f"refs/wl/{ledger.commons}/")
    if found.heads != before:
        book.note_served(peer.url, found.heads)
    return len(found.older)


def _carry_parent(home: Home, ledger: Ledger, peer: Peer, patience: Patience, *, pull: bool, push: bool) -> None:
    """Keep a fork's parent where the fork is kept: whoever joins there needs no server of the parent's.

    A node that serves a fork serves what it inherited by itself; a plain repository has only what it is given.
    """
    parent = ledger.genesis.parent
    if parent is None or parent.commons not in home.commons() or peer.url.startswith(("http://", "https://")):
        return
    theirs = wiring.open_ledger(home, parent.commons)
    try:
        _sync(home, theirs, peer, patience, Terms(), pull=pull, push=push)
    finally:
        theirs.close()


def with_all(
    home: Home, ledger: Ledger, patience: Patience, *, pull: bool = True, push: bool = True, waiting: bool = True,
    progress: Callable[[Step], None] | None = None,
) -> list[PeerResult]:  # fmt: skip
    """Sync with every peer that is not blocked; one that fails does not keep the others waiting for good.

    Args:
        waiting: Try also those that failed a moment ago.
    """
    book = home.peer_book(ledger.commons)
    health, now = book.health(), wiring.now_ms()
    results: list[PeerResult] = []
    for peer in book.peers():
        if peer.blocked or (not waiting and health.get(peer.url, UNKNOWN).next_ms > now):
            continue
        try:
            done = with_one(home, ledger, peer, patience, pull=pull, push=push, progress=progress)
            results.append(PeerResult(peer, done))
        except RemoteError as error:
            results.append(PeerResult(peer, None, str(error)))
    return results


def reach_of(home: Home, peer: Peer) -> Reach:
    """Return how far requests to a peer may go."""
    return home.config.suggested if peer.suggested else TYPED


def _sync(
    home: Home, ledger: Ledger, peer: Peer, patience: Patience, terms: Terms, *, pull: bool, push: bool
) -> Exchange:
    allowed = rates.of(home, ledger, stranger=peer.suggested)
    remote = wiring.remote(peer.url, patience, reach_of(home, peer))
    syncer = wiring.syncer(ledger, remote, replace(terms, rates=allowed))
    try:
        return syncer.sync(pull=pull and peer.pull and terms.room != 0, push=push and peer.push)
    finally:
        rates.keep(home, ledger.commons, allowed)
