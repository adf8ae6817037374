"""What strangers may push in a day, at a real door; and what frees the way."""

import json
from collections.abc import Callable

import pytest

from beads import limits
from beads.ledger import Draft
from node import founding, rates
from node.commons import Commons
from tests.federation.support import Node


@pytest.fixture
def host(node: Callable[[str], Node]) -> Node:
    """A commons to which one is invited: who is not may say little."""
    made = node("host")
    founding.create(made.home, "Invited", admission="invite", validators="poster", dimensions=())
    return made


def say(node: Node, count: int) -> None:
    with Commons(node.home, node.commons) as ours:
        drafts = [Draft("profile", {"handle": f"name {n}", "links": []}) for n in range(count)]
        ours.ledger.write(ours.author, lambda _: drafts)


def said(node: Node, writer: Node) -> int:
    with Commons(node.home, node.commons) as ours, Commons(writer.home, writer.commons) as theirs:
        head = ours.index.heads().get(theirs.author.log(theirs.id))
        return head.seq + 1 if head else 0


def test_a_stranger_s_log_grows_by_so_much_a_day_until_a_delegate_covers_it(host: Node, bob: Node) -> None:
    with host.up():
        bob.join(host.git)
        say(bob, limits.UNCOVERED_LINES - 1)
        assert bob.sync(host.git).refused == {}
        assert said(host, bob) == limits.UNCOVERED_LINES
        say(bob, 5)
        done = bob.sync(host.git)
        assert [reason for name, reason in done.refused.items() if "/log/" in name] == ["held(rate)"]
        assert said(host, bob) == limits.UNCOVERED_LINES
        with Commons(host.home, host.commons) as ours:
            assert ours.checkpoint() > 0
        bob.sync(host.git)
        assert bob.sync(host.git).refused == {}
        assert said(host, bob) == limits.UNCOVERED_LINES + 5


def test_it_is_counted_over_many_pushes_and_forgotten_over_night(host: Node, bob: Node) -> None:
    with host.up():
        bob.join(host.git)
        for _ in range(6):
            say(bob, 10)
            bob.sync(host.git)
        assert said(host, bob) == limits.UNCOVERED_LINES
        path = host.home.commons_folder(host.commons) / "rates.json"
        counted = json.loads(path.read_bytes())
        path.write_text(json.dumps(counted | {"day": counted["day"] - 1}))
        bob.sync(host.git)
        assert said(host, bob) == 61


def test_what_the_owner_pulls_is_not_counted_so(host: Node, bob: Node) -> None:
    with host.up():
        bob.join(host.git)
    say(bob, 3 * limits.UNCOVERED_LINES)
    with bob.up():
        assert host.sync(bob.git, push=False).report.troubles == []
    assert said(host, bob) == 3 * limits.UNCOVERED_LINES + 1


def test_my_other_device_is_no_stranger(host: Node) -> None:
    """The same home, copied before it wrote: its log is mine wherever it comes from."""
    say(host, 3 * limits.UNCOVERED_LINES)
    with Commons(host.home, host.commons) as ours:
        allowed = rates.of(host.home, ours.ledger, stranger=True)
        assert allowed is not None
        assert allowed.room(ours.author.log(ours.id), 0) > 10**9
        assert allowed.room("a" * 32, 0) == limits.UNCOVERED_LINES
