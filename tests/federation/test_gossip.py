"""News among serving nodes: they travel round a ring, nobody holds them up, and they do not become a storm."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from node.peers import Peer
from tests.federation.support import Node, until

QUIET_S = 1.5


def circle(node: Callable[[str], Node], size: int) -> list[Node]:
    """Nodes that hold one commons, each a peer of the next alone."""
    first = node("n0")
    first.create()
    nodes = [first, *(node(f"n{n}") for n in range(1, size))]
    for each in nodes:
        each.reserve()
    source = str(first.home.commons_folder(first.commons) / "repo.git")
    for each in nodes[1:]:
        each.join(source)
        each.home.peer_book(first.commons).remove(source)
    for at, each in enumerate(nodes):
        each.peer_with(nodes[(at + 1) % size])
    return nodes


@contextmanager
def all_up(nodes: list[Node]) -> Iterator[None]:
    with ExitStack() as stack:
        for each in nodes:
            stack.enter_context(each.up())
        yield


def settled(nodes: list[Node]) -> None:
    """Wait until nobody asks anybody for anything but events."""
    before = -1
    while (now := sum(len(each.asked) for each in nodes)) != before:
        before = now
        time.sleep(QUIET_S)


def test_news_go_round_a_ring_of_ten_in_five_seconds(node: Callable[[str], Node]) -> None:
    nodes = circle(node, 10)
    with all_up(nodes):
        settled(nodes)
        posted = nodes[0].post()
        took = until(lambda: all(each.has(posted) for each in nodes))
    assert took < 5


def test_a_change_makes_no_storm_among_many(node: Callable[[str], Node]) -> None:
    nodes = circle(node, 5)
    for each in nodes:
        each.peer_with(*(other for other in nodes if other is not each))
    with all_up(nodes):
        settled(nodes)
        for each in nodes:
            each.asked.clear()
        posted = nodes[0].post()
        until(lambda: all(each.has(posted) for each in nodes))
        settled(nodes)
        pushes = [line for each in nodes for line in each.asked if line.endswith("git-receive-pack") and "POST" in line]
        asked = [line for each in nodes for line in each.asked]
    # Each of the four others needs it once; a few may be given it twice at the same moment.
    assert len(pushes) <= 8
    assert len(asked) <= 60


@contextmanager
def tarpit() -> Iterator[str]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()


def test_peers_that_never_answer_hold_nobody_up(alice: Node, bob: Node) -> None:
    with tarpit() as pit, bob.up(), alice.up():
        bob.join(alice.git)
        book = alice.home.peer_book(alice.commons)
        for n in range(5):
            book.add(Peer(f"{pit}/{n}/git/{alice.commons}"))
        book.add(Peer(bob.git, pull=False))
        bob.home.peer_book(bob.commons).remove(alice.git)
        until(lambda: sum("receive-pack" in line or "upload-pack" in line for line in bob.asked) > 0)
        posted = alice.post()
        assert until(lambda: bob.has(posted)) < 3


def test_a_peer_that_was_away_is_heard_again(alice: Node, bob: Node) -> None:
    with bob.up():
        with alice.up():
            bob.join(alice.git)
            until(lambda: any(line.endswith("/events") for line in alice.asked))
        alice.asked.clear()
        with alice.up():
            until(lambda: any(line.endswith("/events") for line in alice.asked))
            posted = alice.post()
            assert until(lambda: bob.has(posted)) < 3


def test_what_was_written_while_a_peer_was_away_reaches_it(alice: Node, bob: Node) -> None:
    with bob.up():
        with alice.up():
            bob.join(alice.git)
        posted = alice.post()
        with alice.up():
            until(lambda: bob.has(posted))


def test_a_blocked_peer_is_neither_asked_nor_told(alice: Node, bob: Node) -> None:
    with bob.up(), alice.up():
        bob.join(alice.git)
        alice.peer_with(bob)
        alice.home.peer_book(alice.commons).change(bob.git, blocked=True)
        bob.home.peer_book(bob.commons).change(alice.git, blocked=True)
        settled([alice, bob])
        for each in (alice, bob):
            each.asked.clear()
        posted = alice.post()
        settled([alice, bob])
        assert not bob.has(posted)
        assert (alice.asked, bob.asked) == ([], [])


def test_a_node_that_is_told_to_stop_does_not_wait_for_those_who_listen(alice: Node, bob: Node) -> None:
    with bob.up():
        with alice.up():
            bob.join(alice.git)
            until(lambda: any(line.endswith("/events") for line in alice.asked))
            began = time.monotonic()
        assert time.monotonic() - began < 2


def test_a_setting_that_makes_no_sense_ends_nothing(alice: Node, bob: Node) -> None:
    """The owner edits config.toml while the node is up, and makes a mistake."""
    with alice.up(), bob.up():
        bob.join(alice.git)
        bob.configure("nonsense")
        time.sleep(QUIET_S)
        bob.configure("")
        posted = alice.post()
        until(lambda: bob.has(posted))
