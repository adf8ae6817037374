"""What a sync costs between nodes, in requests that really went over a socket."""

import urllib.error
import urllib.request

import pytest

from beads.refs import digest, etag
from node import wiring
from node.cli.bd_init import found_ledger
from node.commons import Commons
from tests.federation.support import DEADLINE, Node, refs


def test_nothing_to_do_is_one_request_and_an_empty_answer(alice: Node, bob: Node) -> None:
    with alice.up():
        bob.join(alice.git)
        alice.asked.clear()
        done = bob.sync(alice.git)
    assert (done.report.outcomes, done.pushed, done.refused) == ([], [], {})
    assert alice.asked == [f"GET /git/{alice.commons}/info/refs?service=git-upload-pack"]


def test_news_cost_two_requests(alice: Node, bob: Node) -> None:
    with alice.up():
        bob.join(alice.git)
        posted = alice.post()
        alice.asked.clear()
        bob.sync(alice.git)
        assert bob.has(posted)
        # The listing, and what differs.
        asked = [each.rpartition("/")[2] for each in alice.asked]
        assert asked == ["refs?service=git-upload-pack", "git-upload-pack"]


def ask(url: str, known: str, **headers: str) -> int:
    request = urllib.request.Request(
        f"{url}/info/refs?service=git-upload-pack", headers={"If-None-Match": etag(known), **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_digest_tells_every_kind_of_difference(alice: Node, bob: Node) -> None:
    """Equal heads are not enough: a key log may have grown, words may be missing on one side or erased."""
    with alice.up():
        ours = refs(alice)
        assert ask(alice.git, digest(ours)) == 304
        for kind in ("log", "id", "body"):
            (name,) = [name for name in ours if f"/{kind}/" in name]
            assert ask(alice.git, digest(ours | {name: "0" * 40})) == 200
            assert ask(alice.git, digest({n: t for n, t in ours.items() if n != name})) == 200


def test_a_private_commons_is_digested_to_its_owner_alone(alice: Node) -> None:
    private = found_ledger(alice.home, "Mine")
    with Commons(alice.home, private) as ours:
        known = digest(wiring.store_of(ours.ledger).refs())
    with alice.up():
        url = f"{alice.url}/git/{private}"
        assert ask(url, known) == 404
        assert ask(url, known, Authorization="Bearer guessed") == 404
        token = (alice.home.path / "token").read_text()
        assert ask(url, known, Authorization=f"Bearer {token}") == 304
        for door in ("events", "nodes"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(f"{alice.url}/api/v1/commons/{private}/{door}", timeout=DEADLINE)
