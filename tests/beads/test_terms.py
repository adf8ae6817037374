"""On a peer's terms: whose logs are taken, how many operations, and what of a long sync is done when it is killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beads.errors import RemoteError
from beads.ledger import Ledger
from beads.pack import USUAL, Bounds, Outside
from beads.remote import Choose, Fetched, GitRemote
from beads.report import Exchange
from beads.sync import Syncer
from beads.terms import Step, Terms
from tests.world import (
    Clock,
    actor,
    create,
    found,
    git_ledger,
    relay,
    remote_refs,
    store_of,
    syncer,
    write,
)  # fmt: skip

ALICE, BOB, CAROL = actor("alice"), actor("bob"), actor("carol")
GENESIS = found(ALICE)


def sync(ledger: Ledger, path: Path, terms: Terms, *, push: bool = False) -> Exchange:
    return Syncer(ledger, store_of(ledger), GitRemote(str(path)), terms).sync(push=push)


class World:
    """Nodes of one commons, and a relay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Ledger] = []

    def node(self, name: str) -> Ledger:
        self._made.append(git_ledger(GENESIS, self.folder / name, Clock()))
        self._made[-1].refresh()
        return self._made[-1]

    def close(self) -> None:
        for each in self._made:
            each.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def full(world: World, *names: str) -> tuple[Ledger, Path]:
    """A node with a log of everybody, and a relay that has them all."""
    source, path = world.node("source"), relay(world.folder)
    for name in names:
        write(source, actor(name), create(f"{name}'s"), create("another"))
    syncer(source, path).sync()
    return source, path


def test_only_the_followed_and_the_delegates_are_taken(world: World) -> None:
    source, path = full(world, "alice", "bob", "carol")
    ours = world.node("ours")
    done = sync(ours, path, Terms(follow=(BOB.actor,)))
    assert ours.store.logs() == sorted([ALICE.log(source.commons), BOB.log(source.commons)])
    assert len(done.passed) == 3
    assert {name.split("/")[3] for name in done.passed} == {"id", "log", "body"}


def test_what_was_not_read_is_not_written_over(world: World) -> None:
    """We hold an older version of a log that we do not follow; the peer's may hold more."""
    source, path = full(world, "alice", "bob", "carol")
    ours = world.node("ours")
    sync(ours, path, Terms())
    write(source, CAROL, create("more"))
    syncer(source, path).sync()
    write(ours, BOB, create("mine"))
    before = remote_refs(path)
    sync(ours, path, Terms(follow=(BOB.actor,)), push=True)
    after = remote_refs(path)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {name for name in before if BOB.log(ours.commons) in name}


def test_a_sync_ends_where_its_room_does_and_goes_on_another_day(world: World) -> None:
    source, path = full(world, *(f"actor {n}" for n in range(9)))
    ours = world.node("ours")
    first = sync(ours, path, Terms(room=1), push=True)
    assert 0 < first.report.accepted < 27
    assert first.passed
    assert remote_refs(path) == store_of(source).refs()
    for _ in range(9):
        sync(ours, path, Terms(room=1))
    assert store_of(ours).refs() == store_of(source).refs()


class Breaks(GitRemote):
    """A remote from which a few batches come, and then nothing."""

    def __init__(self, path: Path, batches: int) -> None:
        super().__init__(str(path))
        self.left = batches
        self.brought: list[int] = []

    @contextmanager
    def fetch(self, choose: Choose, outside: Outside, bounds: Bounds = USUAL, known: str = "") -> Iterator[Fetched]:
        if self.left == 0:
            raise RemoteError("the line is dead")
        self.left -= 1
        with super().fetch(choose, outside, bounds, known) as fetched:
            self.brought.append(len(fetched.pack or ()))
            yield fetched


def test_a_first_sync_that_breaks_off_goes_on_where_it_was(world: World) -> None:
    names = [f"actor {n}" for n in range(40)]
    source, path = full(world, *names)
    ours = world.node("ours")
    with pytest.raises(RemoteError, match="dead"):
        Syncer(ours, store_of(ours), Breaks(path, 2)).sync(push=False)
    assert 0 < len(ours.store.logs()) < len(names)
    half = len(ours.store.logs())
    remote = Breaks(path, 100)
    done = Syncer(ours, store_of(ours), remote).sync(push=False)
    assert done.report.accepted == 3 * (len(names) - half)
    assert store_of(ours).refs() == store_of(source).refs()


def test_a_long_sync_tells_how_far_it_is(world: World) -> None:
    _, path = full(world, *(f"actor {n}" for n in range(9)))
    ours = world.node("ours")
    steps: list[Step] = []
    sync(ours, path, Terms(progress=steps.append))
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert steps[-1] == Step(27, 27, 27)
    assert all(step.of == 27 for step in steps)


def test_a_small_news_is_one_batch(world: World) -> None:
    source, path = full(world, *(f"actor {n}" for n in range(30)))
    ours = world.node("ours")
    sync(ours, path, Terms())
    for n in range(30):
        write(source, actor(f"actor {n}"), create("news"))
    syncer(source, path).sync()
    remote = Breaks(path, 2)
    Syncer(ours, store_of(ours), remote).sync(push=False)
    assert store_of(ours).refs() == store_of(source).refs()
