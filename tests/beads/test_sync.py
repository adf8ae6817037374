"""Nodes that meet only through a plain bare repository: they converge, cheaply, and lose nothing to a bad relay."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from beads import report
from beads.address import check_url
from beads.errors import RemoteError
from beads.gitobject import GitObject
from beads.ledger import Author, Draft, Ledger
from beads.op import Op, recall
from beads.pack import USUAL, Bounds, Outside
from beads.remote import Fetched, GitRemote, RefMove, Wanted
from beads.report import Exchange
from beads.sync import Syncer
from tests.world import (
    EPOCH_MS,
    Chain,
    Clock,
    Said,
    actor,
    create,
    found,
    git,
    git_ledger,
    keys_of,
    memory_ledger,
    publish,
    put_files,
    relay,
    remote_refs,
    said,
    second,
    store_of,
    syncer,
    write,
)

ALICE, BOB, CAROL = actor("alice"), actor("bob"), actor("carol")
GENESIS = found(ALICE)


class World:
    """Nodes around one relay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.relay = relay(folder)
        self.clock = Clock()
        self.nodes: dict[str, Ledger] = {}

    def node(self, name: str) -> Ledger:
        if name not in self.nodes:
            self.nodes[name] = git_ledger(GENESIS, self.folder / name, self.clock)
        return self.nodes[name]

    def sync(self, *names: str, pull: bool = True, push: bool = True) -> Exchange:
        exchange = Exchange()
        for name in names:
            exchange = syncer(self.node(name), self.relay).sync(pull=pull, push=push)
        return exchange

    def refs(self, name: str) -> dict[str, str]:
        return store_of(self.node(name)).refs()

    def forget(self, *names: str) -> None:
        """Take references away at the relay."""
        for name in names:
            git(self.relay, "update-ref", "-d", name)

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def log_ref(ledger: Ledger, author: Author, kind: str = "log") -> str:
    log = author.log(ledger.commons)
    return f"refs/wl/{ledger.commons}/{kind}/{log[:2]}/{log}"


def agree(world: World, *names: str) -> None:
    """The nodes and the relay hold the same references, and the nodes see the same."""
    first = world.refs(names[0])
    assert remote_refs(world.relay) == first
    for name in names[1:]:
        assert world.refs(name) == first
        assert world.node(name).index.state_hash() == world.node(names[0]).index.state_hash()


# -- converging ----------------------------------------------------------------------------------------------------


def test_three_nodes_converge_through_a_relay_to_equal_references(world: World) -> None:
    for name, author in (("a", ALICE), ("b", BOB), ("c", CAROL)):
        write(world.node(name), author, *(create(f"{name}{n}", n=n) for n in range(70)))
    world.sync("a", "b", "c", "a", "b")
    agree(world, "a", "b", "c")
    assert len(world.refs("a")) == 1 + 3 * 3
    (bead,) = write(world.node("b"), BOB, create("late"))
    world.sync("b", "a", "c")
    agree(world, "a", "b", "c")
    assert world.node("c").index.prose(bead.id) == {"title": "late"}


def test_nothing_to_do_costs_one_request(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a", "b")
    counted = Counted(world.relay)
    for node in ("a", "b"):
        done = through(counted, world.node(node))
        assert (done.report.outcomes, done.pushed, done.refused) == ([], [], {})
    assert counted.requests == ["fetch", "fetch"]


class Counted(GitRemote):
    """A remote that counts what is asked of it, what it brings and what it is given."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.requests: list[str] = []
        self.came = 0
        self.went = 0

    @contextmanager
    def fetch(
        self, choose: Callable[[Mapping[str, str]], Wanted], outside: Outside, bounds: Bounds = USUAL, known: str = ""
    ) -> Iterator[Fetched]:
        self.requests.append("fetch")
        with super().fetch(choose, outside, bounds, known) as fetched:
            self.came += len(fetched.pack or ())
            yield fetched

    def push(self, moves: Sequence[RefMove], objects: Callable[[], Sequence[GitObject]]) -> dict[str, str | None]:
        self.requests.append("push")
        made = objects()
        self.went += sum(len(obj.data) for obj in made)
        return super().push(moves, lambda: made)


def through(remote: GitRemote, ledger: Ledger) -> Exchange:
    return Syncer(ledger, store_of(ledger), remote).sync()


def test_a_stale_relay_takes_nothing_from_us_and_is_brought_up(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a", "b")
    last_week = world.folder / "last-week.git"
    shutil.copytree(world.relay, last_week)
    write(world.node("a"), ALICE, create("y"), create("z"))
    world.sync("a", "b")
    now = world.refs("b")
    shutil.rmtree(world.relay)
    last_week.rename(world.relay)
    done = world.sync("b")
    assert world.refs("b") == now
    outcome = done.report.of("log", ALICE.log(world.node("b").commons))
    assert outcome is not None
    assert outcome.status == report.STALE
    agree(world, "a", "b")


def test_references_deleted_at_the_relay_come_back(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a")
    world.forget(*world.refs("a"))
    world.sync("a")
    assert remote_refs(world.relay) == world.refs("a")


def test_two_logs_swapped_at_the_relay_are_put_right(world: World) -> None:
    for author in (ALICE, BOB):
        write(world.node("a"), author, create("x"))
    world.sync("a")
    alices, bobs = (log_ref(world.node("a"), author) for author in (ALICE, BOB))
    refs = remote_refs(world.relay)
    git(world.relay, "update-ref", alices, refs[bobs])
    git(world.relay, "update-ref", bobs, refs[alices])
    done = world.sync("b")
    assert {o.reason for o in done.report.outcomes if o.what == "log"} == {"log"}
    assert world.node("b").store.logs() == []
    world.sync("a", "b")
    agree(world, "a", "b")


def test_garbage_under_a_log_s_reference_is_overwritten(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a")
    ref = log_ref(world.node("a"), ALICE)
    put_files(world.relay, ref.rsplit("/", 2)[0] + "/" + ref.rsplit("/", 1)[1], {"README": b"garbage"})
    assert remote_refs(world.relay)[ref] != world.refs("a")[ref]
    done = world.sync("a")
    assert ref in done.pushed
    agree(world, "a")


def test_garbage_in_an_early_segment_is_found_by_who_reads_it_and_mended_by_who_knows_better(world: World) -> None:
    write(world.node("a"), ALICE, *(create("x") for _ in range(130)))
    world.sync("a")
    log = ALICE.log(world.node("a").commons)
    lines = list(store_of(world.node("a")).lines(log))
    broken = Chain(ALICE, world.node("a").commons)
    broken.open()
    for _ in range(63):
        broken.add("bead.comment", {"bead": "a" * 64})
    publish(world.relay, world.node("a").commons, [*broken.lines, *map(recall, lines[64:])])
    world.sync("a")
    agree(world, "a")


# -- pushing -------------------------------------------------------------------------------------------------------


def test_a_push_without_a_pull_never_overwrites_what_was_not_read(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a", "b")
    write(world.node("a"), ALICE, create("y"))
    world.sync("a")
    before = remote_refs(world.relay)
    write(world.node("b"), BOB, create("z"))
    done = world.sync("b", pull=False)
    after = remote_refs(world.relay)
    assert {name: after[name] for name in before} == before
    assert log_ref(world.node("b"), BOB) in done.pushed
    assert len(world.node("b").store.lines(ALICE.log(world.node("b").commons))) == 2
    assert done.report.outcomes == []


def test_a_push_without_a_pull_brings_a_stale_relay_up(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a")
    write(world.node("a"), ALICE, *(create("y") for _ in range(200)))
    store_of(world.node("a")).repository.pack(keep_superseded=False)
    world.sync("a", pull=False)
    agree(world, "a")


def test_what_is_held_is_not_pushed_over(world: World) -> None:
    ahead = git_ledger(GENESIS, world.folder / "ahead", Clock(EPOCH_MS))
    write(ahead, ALICE, create("x"))
    syncer(ahead, world.relay).sync()
    world.sync("b")
    fast = git_ledger(GENESIS, world.folder / "fast", Clock(EPOCH_MS + 10**9))
    syncer(fast, world.relay).sync(push=False)
    write(fast, ALICE, create("from the future"))
    syncer(fast, world.relay).sync()
    before = remote_refs(world.relay)
    done = world.sync("b")
    assert [(o.what, o.status, o.reason) for o in done.report.troubles] == [("log", "held", "future")]
    assert done.pushed == []
    assert remote_refs(world.relay) == before
    for each in (ahead, fast):
        each.close()


def test_a_newer_key_log_that_cannot_be_read_is_not_pushed_over(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a")
    ref = next(name for name in world.refs("a") if "/id/" in name)
    newer = ALICE.key_log.raw + ALICE.key_log.raw.replace(b'{"parameters"', b'{"later":1,"parameters"')
    put_files(world.relay, "/".join([*ref.split("/")[:-2], ref.split("/")[-1]]), {"keys.jsonl": newer})
    before = remote_refs(world.relay)
    done = world.sync("a")
    assert [(o.what, o.status, o.reason) for o in done.report.outcomes] == [("keys", "unread", "entry")]
    assert remote_refs(world.relay) == before


HOOK = """#!/bin/sh
# Once: while the push is under way, somebody else moves the reference.
if [ ! -e moved ]; then
  touch moved
  git update-ref "$1" "$(cat other)"
fi
"""


def test_a_push_that_somebody_else_crosses_is_tried_again(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a", "b")
    write(world.node("a"), ALICE, create("y"))
    world.sync("a")
    ref = log_ref(world.node("a"), ALICE)
    (world.relay / "other").write_text(remote_refs(world.relay)[ref])
    hook = world.relay / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    hook.chmod(0o755)
    write(world.node("a"), ALICE, create("z"))
    git(world.relay, "update-ref", ref, world.refs("b")[ref])
    counted = Counted(world.relay)
    done = through(counted, world.node("a"))
    assert (world.relay / "moved").exists()
    assert counted.requests.count("push") == 2
    assert done.refused == {}
    world.sync("b")
    agree(world, "a", "b")


def test_a_relay_that_always_refuses_is_asked_three_times_and_named(world: World) -> None:
    hook = world.relay / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    write(world.node("a"), ALICE, create("x"))
    counted = Counted(world.relay)
    done = through(counted, world.node("a"))
    assert counted.requests.count("push") == 3
    assert set(done.refused) == set(world.refs("a"))
    assert done.pushed == []
    assert remote_refs(world.relay) == {}


def test_a_long_log_is_not_sent_again_for_a_few_operations_more(world: World) -> None:
    """Past 256 commits a client that told its history in the usual way would have none left to name in common."""
    write(world.node("a"), ALICE, *(Draft("bead.comment", {"bead": "a" * 64}) for _ in range(260 * 64)))
    world.sync("a", "b")
    write(world.node("a"), ALICE, *(create("y") for _ in range(10)))
    few_more_are_cheap(world)


def test_many_words_are_not_sent_again_for_a_few_more(world: World) -> None:
    write(world.node("a"), ALICE, *(create("x") for _ in range(500)))
    world.sync("a", "b")
    write(world.node("a"), ALICE, *(create("y") for _ in range(10)))
    few_more_are_cheap(world)


def few_more_are_cheap(world: World) -> None:
    sent, fetched = Counted(world.relay), Counted(world.relay)
    through(sent, world.node("a"))
    through(fetched, world.node("b"))
    # The tail and its trees, the new words and theirs.
    assert sent.went < 60_000
    assert fetched.came < 25
    agree(world, "a", "b")


# -- forks ---------------------------------------------------------------------------------------------------------


def two_copies(world: World, shared: int) -> tuple[list[Op], list[Op]]:
    """Alice's device was copied: from the same beginning two nodes write on."""
    if shared:
        write(world.node("a"), ALICE, *(create(f"s{n}") for n in range(shared)))
        world.sync("a", "copy")
    return (
        write(world.node("a"), ALICE, create("one way"), create("and on")),
        write(world.node("copy"), ALICE, create("another way")),
    )


@pytest.mark.parametrize("shared", [0, 1, 62, 63, 64, 100])
def test_a_log_that_was_written_twice_forks_alike_on_every_node(world: World, shared: int) -> None:
    two_copies(world, shared)
    world.sync("a", "copy", "a", "other", "copy", "a")
    at = shared + 1 if shared else 0
    for name in ("a", "copy", "other"):
        log = world.node(name).index.log(ALICE.log(world.node(name).commons))
        assert log is not None
        assert log.forked_at == at
    if at == 0:
        # Nothing is kept, and what stands at a relay is not deleted.
        world.forget(*(log_ref(world.node("a"), ALICE, kind) for kind in ("log", "body")))
    agree(world, "a", "copy", "other")
    assert len(world.node("other").store.branches(ALICE.log(world.node("a").commons))) == 2
    for name in ("a", "copy", "other"):
        assert world.sync(name).report.outcomes == []


def test_words_of_a_branch_are_kept_for_their_author_and_shown_to_nobody(world: World) -> None:
    two_copies(world, 3)
    world.sync("a", "copy", "a")
    path = store_of(world.node("a")).repository.path
    (lost,) = git(path, "for-each-ref", "--format=%(refname)", "refs/lost").decode().split()
    assert b"and on" in git(path, "show", f"{lost}:000000/5.json")
    assert "lost" not in git(world.relay, "ls-remote", str(path)).decode()
    log = ALICE.log(world.node("a").commons)
    assert [seq for seq, _ in world.node("a").store.bodies(log)] == [1, 2, 3]


def test_erasing_takes_the_words_of_branches_too(world: World) -> None:
    phone = second("alice")
    two_copies(world, 3)
    world.sync("a", "copy", "a")
    a = world.node("a")
    erased = a.index.op_at(ALICE.log(a.commons), 2)
    assert erased is not None
    a.erase(phone, erased.id)
    assert not held(a, b"and on")
    assert [seq for seq, _ in a.store.bodies(erased.log)] == [1, 3]


def test_a_branch_grows_where_more_of_it_is_seen(world: World) -> None:
    two_copies(world, 3)
    world.sync("a")
    write(world.node("a"), ALICE, create("still on"))
    world.sync("copy", "a", "copy", "a")
    branches = world.node("copy").store.branches(ALICE.log(world.node("a").commons))
    assert sorted(map(len, branches)) == [1, 3]
    agree(world, "a", "copy")


def test_who_joins_late_learns_of_the_fork(world: World) -> None:
    two_copies(world, 3)
    world.sync("a", "copy", "a", "late")
    agree(world, "a", "copy", "late")


# -- bodies --------------------------------------------------------------------------------------------------------


def test_words_lost_between_objects_and_references_are_fetched_again(world: World) -> None:
    """What a killed node had written but not yet named must not count as held."""
    write(world.node("a"), ALICE, create("words"))
    world.sync("a")
    b = store_of(world.node("b"))
    for line in git(world.relay, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").decode().split():
        kind = git(world.relay, "cat-file", "-t", line).decode().strip()
        data = git(world.relay, "cat-file", kind, line)
        git(b.repository.path, "hash-object", "-t", kind, "-w", "--stdin", stdin=data)
    world.sync("b")
    assert list(b.bodies(ALICE.log(b.commons))) != []
    agree(world, "a", "b")


def test_erased_words_leave_every_node_and_the_relay_s_references(world: World) -> None:
    a, b = world.node("a"), world.node("b")
    kept, gone = write(a, ALICE, create("kept"), create("gone"))
    world.sync("a", "b")
    old = world.folder / "old.git"
    shutil.copytree(world.relay, old)
    a.erase(ALICE, gone.id)
    world.sync("a", "b")
    agree(world, "a", "b")
    for node in (a, b):
        assert [seq for seq, _ in node.store.bodies(gone.log)] == [kept.seq]
    for node in (a, b):
        syncer(node, old).sync(push=False)
        assert [seq for seq, _ in node.store.bodies(gone.log)] == [kept.seq]
        assert not held(node, b"gone")
    world.sync("b", "a")
    agree(world, "a", "b")


def held(ledger: Ledger, words: bytes) -> bool:
    path = store_of(ledger).repository.path
    everything = git(path, "cat-file", "--batch-all-objects", "--batch", "--buffer")
    return words in everything


def test_words_a_peer_has_and_we_lack_are_not_pushed_over(world: World) -> None:
    a, b = world.node("a"), world.node("b")
    (one,) = write(a, ALICE, create("words"))
    world.sync("a")
    words = a.store.body(one.log, one.seq)
    assert words is not None
    b.ingest(Said(keys=keys_of(ALICE), chains=said(a.store).chains))
    assert b.store.body(one.log, one.seq) is None
    world.sync("b")
    assert b.store.body(one.log, one.seq) == words
    agree(world, "a", "b")


# -- gossip and devices --------------------------------------------------------------------------------------------


def test_a_second_device_is_a_second_log_and_both_converge(world: World) -> None:
    phone = second("alice")
    laptop = Author(phone.key_log, ALICE.signer)
    write(world.node("a"), laptop, create("x"))
    world.sync("a", "phone")
    write(world.node("phone"), phone, create("y"))
    write(world.node("a"), laptop, create("z"))
    world.sync("a", "phone", "a")
    agree(world, "a", "phone")
    state = world.node("a").index.state("actor", phone.actor)
    assert state is not None
    assert state["logs"] == sorted([laptop.log(world.node("a").commons), phone.log(world.node("a").commons)])


def test_a_node_passes_on_what_it_was_told(world: World) -> None:
    write(world.node("a"), ALICE, create("x"))
    world.sync("a", "b")
    shutil.rmtree(world.relay)
    relay(world.folder)
    world.sync("b", "c")
    assert world.refs("c") == world.refs("a")


def test_more_than_a_batch_of_logs_comes_over(world: World) -> None:
    authors = [actor(f"actor {n}") for n in range(155)]
    source = memory_ledger(GENESIS)
    for author in authors:
        write(source, author, create("x"))
    world.node("a").ingest(said(source.store))
    source.close()
    world.sync("a", "b")
    assert len(world.node("b").store.logs()) == 155
    agree(world, "a", "b")


# -- addresses -----------------------------------------------------------------------------------------------------

ADDRESSES = {
    "http://localhost:8080/git/x": "http://localhost:8080/git/x",
    "https://example.org/git/x": "https://example.org/git/x",
    "http://[::1]:8080/git/x": "http://[::1]:8080/git/x",
    "ssh://git@host/path": "ssh://git@host/path",
    "git@host:path/x.git": "ssh://git@host/path/x.git",
    "/srv/x.git": "/srv/x.git",
    "file:///srv/x.git": "file:///srv/x.git",
}
TRICKS = (
    "", "-x", "--upload-pack=touch /tmp/x", "ext::sh -c touch% /tmp/x", "fd::17", "ssh://-oProxyCommand=x/y",
    "http://user:secret@host/x", "http://", "git://host/x", "javascript://x", "http://host/\nx", "file:-x", "file://",
    "file:x", "file://host/x", "ssh://host",
)  # fmt: skip


@pytest.mark.parametrize(("given", "taken"), ADDRESSES.items(), ids=ADDRESSES.keys())
def test_an_address_we_speak_to_is_taken(given: str, taken: str) -> None:
    assert check_url(given) == taken


@pytest.mark.parametrize("url", TRICKS)
def test_a_trick_is_no_address(url: str) -> None:
    with pytest.raises(RemoteError):
        check_url(url)
