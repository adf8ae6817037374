"""Nodes that announce themselves: signed, bounded, forgotten after a week, and never gone to without being told."""

import urllib.request
from collections.abc import Callable

import pytest

from beads import announcement
from beads.errors import RemoteError
from node import discovery, wiring
from node.commons import Commons
from node.peers import Peer
from tests.federation.support import DEADLINE, Node, until


def public(node: Node, more: str = "") -> None:
    node.reserve()
    node.configure(f'[serve]\npublic_url = "{node.url}"\n{more}')


def announce(node: Node) -> None:
    with Commons(node.home, node.commons) as ours:
        discovery.announce(node.home, ours.ledger)


def trade(node: Node, other: Node) -> None:
    with Commons(node.home, node.commons) as ours:
        discovery.trade(node.home, ours.ledger, Peer(other.git))


def suggested(node: Node) -> list[str]:
    with Commons(node.home, node.commons) as ours:
        return [each.url for each in discovery.suggestions(node.home, ours.ledger)]


def test_an_announcement_goes_from_node_to_node_and_stays_a_suggestion(
    alice: Node, bob: Node, node: Callable[[str], Node]
) -> None:
    carol = node("carol")
    public(carol)
    with alice.up():
        for each in (bob, carol):
            each.join(alice.git)
        carol.post()
        carol.sync(alice.git)
        bob.sync(alice.git)
        announce(carol)
        trade(carol, alice)
        assert suggested(alice) == [carol.git]
        trade(bob, alice)
    assert suggested(bob) == [carol.git]
    assert suggested(carol) == []
    assert [peer.url for peer in bob.home.peers(bob.commons)] == [alice.git]


def test_nobody_is_announced_who_did_not_ask_for_it(alice: Node) -> None:
    announce(alice)
    assert discovery.served(alice.home, alice.commons) == b""


def test_strangers_forgeries_and_other_commons_are_not_kept(alice: Node, bob: Node) -> None:
    me, stranger, now = wiring.author(alice.home), wiring.author(bob.home), wiring.now_ms()
    at = f"https://example.org/git/{alice.commons}"
    good = announcement.make(alice.commons, at, me.actor, me.signer, now)
    unknown = announcement.make(alice.commons, at, stranger.actor, stranger.signer, now)
    borrowed = announcement.make(alice.commons, at, me.actor, stranger.signer, now)
    broken = bytes([good[0] ^ 1]) + good[1:]
    old = announcement.make(alice.commons, at, me.actor, me.signer, now - announcement.LIFETIME_MS - 1)
    lines = b"".join([unknown, borrowed, broken, old, b"\n", b"x" * 5000 + b"\n", good])
    with alice.up():
        url = f"{alice.url}/api/v1/commons/{alice.commons}/nodes"
        with urllib.request.urlopen(urllib.request.Request(url, lines), timeout=DEADLINE) as answer:
            assert answer.read() == b"1 of 7\n"
        with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
            assert answer.read() == good


def test_a_suggested_node_inside_is_not_gone_to_even_when_accepted(alice: Node, bob: Node) -> None:
    with alice.up():
        bob.join(alice.git)
        alice.asked.clear()
        with pytest.raises(RemoteError, match="no public address"):
            bob.sync(alice.git, peer=Peer(alice.git, suggested=True))
        assert alice.asked == []
        bob.configure('[peers]\nallow = ["127.0.0.0/8"]\n')
        assert bob.sync(alice.git, peer=Peer(alice.git, suggested=True)).refused == {}


def test_where_the_owner_wants_it_suggested_nodes_become_peers(
    alice: Node, bob: Node, node: Callable[[str], Node]
) -> None:
    carol = node("carol")
    public(carol)
    with alice.up(), carol.up():
        carol.join(alice.git)
        carol.post()
        carol.sync(alice.git)
        announce(carol)
        trade(carol, alice)
        bob.join(alice.git)
        bob.configure('[peers]\ndiscover = true\nallow = ["127.0.0.0/8"]\n')
        trade(bob, alice)
        with Commons(bob.home, bob.commons) as ours:
            (new,) = discovery.adopt(bob.home, ours.ledger)
            assert new == Peer(carol.git, suggested=True)
            assert discovery.adopt(bob.home, ours.ledger) == []
        with bob.up():
            posted = carol.post()
            until(lambda: bob.has(posted))
