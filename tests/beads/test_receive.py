"""What a push brings: the signature is the authority, and every reference gets its answer."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from beads import ids, segment
from beads.errors import LimitExceeded, NotFound, RemoteError
from beads.gitobject import GitObject
from beads.ledger import Ledger
from beads.op import Line, recall
from beads.pack import USUAL, Pack
from beads.receive import NOTHING, Answer, Command, receive
from beads.remote import GitRemote
from beads.sync import Founding, fetch_founding
from tests.beads.test_pack import Raw, packed
from tests.world import (
    EPOCH_MS,
    Chain,
    actor,
    create,
    found,
    git_ledger,
    put_files,
    relay,
    store_of,
    syncer,
    write,
)  # fmt: skip

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE)
COMMONS = ids.commons_id(GENESIS)
PREFIX = f"refs/wl/{COMMONS}/"
NUMBERS = {"commit": 1, "tree": 2, "blob": 3}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Ledger]:
    ledger = git_ledger(GENESIS, tmp_path / "node")
    write(ledger, ALICE, create("mine"))
    yield ledger
    ledger.close()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Ledger]:
    ledger = git_ledger(GENESIS, tmp_path / "peer")
    write(ledger, BOB, create("theirs"))
    yield ledger
    ledger.close()


def pack_of(objects: Sequence[GitObject]) -> Pack:
    raw = packed(*(Raw(NUMBERS[obj.kind], obj.data) for obj in objects))
    return Pack(memoryview(raw), lambda _: None, USUAL)


def push_all(node: Ledger, peer: Ledger, *, old: str | None = None) -> Answer:
    """Push whatever the peer has and the node has not."""
    mine, theirs = store_of(node), store_of(peer)
    there = mine.refs()
    commands = [
        Command(old or there.get(name, NOTHING), target, name)
        for name, target in theirs.refs().items()
        if there.get(name) != target
    ]
    objects = {obj.id: obj for c in commands for obj in theirs.repository.missing(c.new, None)}
    return receive(node, mine, commands, pack_of(list(objects.values())))


def pushed(node: Ledger, lines: Sequence[Line]) -> Answer:
    objects, head = segment.append(segment.EMPTY, lines)
    log = lines[0].log
    name = f"{PREFIX}log/{log[:2]}/{log}"
    command = Command(store_of(node).refs().get(name, NOTHING), head, name)
    return receive(node, store_of(node), [command], pack_of(objects))


def test_an_honest_push_is_taken_reference_by_reference(node: Ledger, peer: Ledger) -> None:
    answer = push_all(node, peer)
    assert len(answer.refs) == 3
    assert set(answer.refs.values()) == {None}
    log = BOB.log(COMMONS)
    assert node.store.lines(log) == peer.store.lines(log)
    assert list(node.store.bodies(log)) == list(peer.store.bodies(log))
    write(peer, BOB, create("more"))
    assert set(push_all(node, peer).refs.values()) == {None}
    assert node.store.lines(log) == peer.store.lines(log)


def test_a_stale_expectation_is_refused(node: Ledger, peer: Ledger) -> None:
    answer = push_all(node, peer, old="1" * 40)
    assert set(answer.refs.values()) == {"moved meanwhile, fetch first"}
    assert node.store.logs() == [ALICE.log(COMMONS)]


def test_nothing_is_deleted_by_a_push(node: Ledger) -> None:
    before = store_of(node).refs()
    commands = [Command(target, NOTHING, name) for name, target in before.items()]
    answer = receive(node, store_of(node), commands, None)
    assert set(answer.refs.values()) == {"nothing is deleted by a push"}
    assert store_of(node).refs() == before


ODD = (
    "refs/heads/main", "refs/wl/x", f"refs/wl/{'w' * 56}/log/aa/" + "a" * 32, "HEAD", f"{PREFIX}log/../../../x",
    f"{PREFIX}log/aa/{'b' * 32}", "refs/lost/aa/x",
)  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_reference_of_no_commons_here_is_refused(node: Ledger, peer: Ledger, name: str) -> None:
    target = store_of(peer).refs()[f"{PREFIX}log/{BOB.log(COMMONS)[:2]}/{BOB.log(COMMONS)}"]
    pack = pack_of(store_of(peer).repository.missing(target, None))
    before = store_of(node).repository.refs("refs/")
    answer = receive(node, store_of(node), [Command(NOTHING, target, name)], pack)
    assert answer.refs == {name: "no reference of this commons"}
    assert store_of(node).repository.refs("refs/") == before


def test_a_forged_line_is_refused_with_its_reason(node: Ledger, peer: Ledger) -> None:
    push_all(node, peer)
    chain = Chain(BOB, COMMONS, [recall(raw) for raw in peer.store.lines(BOB.log(COMMONS))])
    chain.add("bead.comment", {"bead": "a" * 64}, signer=ALICE.signer)
    answer = pushed(node, chain.lines)
    assert list(answer.refs.values()) == ["invalid(signature)"]
    assert node.store.lines(chain.log) == peer.store.lines(chain.log)


def test_a_line_from_the_future_is_told_to_its_author(node: Ledger, peer: Ledger) -> None:
    push_all(node, peer)
    chain = Chain(BOB, COMMONS, [recall(raw) for raw in peer.store.lines(BOB.log(COMMONS))])
    chain.add("bead.comment", {"bead": "a" * 64}, hlc=[EPOCH_MS * 2, 0])
    assert list(pushed(node, chain.lines).refs.values()) == ["held(future)"]


def test_a_log_without_its_key_log_waits(node: Ledger) -> None:
    chain = Chain(actor("carol"), COMMONS)
    chain.open()
    assert list(pushed(node, chain.lines).refs.values()) == ["held(key_log)"]


def test_less_than_we_have_is_answered_with_fetch(node: Ledger, peer: Ledger) -> None:
    push_all(node, peer)
    first = [recall(raw) for raw in peer.store.lines(BOB.log(COMMONS))][:1]
    (reason,) = pushed(node, first).refs.values()
    assert reason is not None
    assert "fetch" in reason
    assert len(node.store.lines(BOB.log(COMMONS))) == 2


def test_another_genesis_is_refused(node: Ledger, tmp_path: Path) -> None:
    other = git_ledger(found(BOB), tmp_path / "other")
    target = store_of(other).refs()[f"refs/wl/{other.commons}/genesis"]
    name = f"{PREFIX}genesis"
    command = Command(store_of(node).refs()[name], target, name)
    answer = receive(node, store_of(node), [command], pack_of(store_of(other).repository.missing(target, None)))
    assert answer.refs == {name: "another genesis"}
    assert store_of(node).refs()[name] != target
    other.close()


def test_a_push_without_its_objects_is_refused(node: Ledger) -> None:
    name = f"{PREFIX}log/aa/{'a' * 32}"
    answer = receive(node, store_of(node), [Command(NOTHING, "1" * 40, name)], None)
    assert answer.refs == {name: "invalid(missing_object)"}


# -- founding documents --------------------------------------------------------------------------------------------


def test_the_only_commons_of_a_relay_is_found(node: Ledger, tmp_path: Path) -> None:
    path = relay(tmp_path)
    syncer(node, path).sync()
    for wanted in (None, COMMONS):
        assert fetch_founding(GitRemote(str(path)), wanted) == Founding(GENESIS, None)


def test_of_several_one_must_be_named(node: Ledger, tmp_path: Path) -> None:
    path = relay(tmp_path)
    other = git_ledger(found(BOB), tmp_path / "other")
    for ledger in (node, other):
        syncer(ledger, path).sync()
    with pytest.raises(NotFound, match="holds 2 commons"):
        fetch_founding(GitRemote(str(path)), None)
    assert fetch_founding(GitRemote(str(path)), other.commons).genesis == found(BOB)
    other.close()


@pytest.mark.parametrize("wanted", [None, COMMONS])
def test_an_empty_relay_has_none(tmp_path: Path, wanted: str | None) -> None:
    with pytest.raises(NotFound):
        fetch_founding(GitRemote(str(relay(tmp_path))), wanted)


JUNK = {
    "no JSON": {"genesis.json": b"junk"},
    "no file of that name": {"README": GENESIS},
    "that of another commons": {"genesis.json": found(BOB)},
    "a later version": {"genesis.json": GENESIS.replace(b'"v":1', b'"v":2')},
}


@pytest.mark.parametrize("files", JUNK.values(), ids=JUNK.keys())
def test_junk_beside_a_genesis_does_not_hide_it_nor_stand_for_it(
    node: Ledger, tmp_path: Path, files: dict[str, bytes]
) -> None:
    path = relay(tmp_path)
    victim = "wlc1" + "a" * 52
    put_files(path, f"refs/wl/{victim}/genesis", files)
    with pytest.raises(NotFound):
        fetch_founding(GitRemote(str(path)), victim)
    syncer(node, path).sync()
    assert fetch_founding(GitRemote(str(path)), None).genesis == GENESIS


def test_a_founding_document_of_gigabytes_is_refused(tmp_path: Path) -> None:
    path = relay(tmp_path)
    put_files(path, f"refs/wl/{COMMONS}/genesis", {"genesis.json": bytes(6 << 20)})
    with pytest.raises(LimitExceeded):
        fetch_founding(GitRemote(str(path)), COMMONS)


def test_no_relay_is_a_remote_error(tmp_path: Path) -> None:
    with pytest.raises(RemoteError):
        fetch_founding(GitRemote(str(tmp_path / "nothing")), None)
