"""What every store does, in memory and in git alike; then what only git can show."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from beads import gitobject, repository
from beads.errors import ConflictError, NotFound, StoreError
from beads.files import git_environment
from beads.git_store import GitStore
from beads.memory_store import MemoryStore
from beads.op import Head, Line
from beads.store import Changes, Store
from tests.world import Chain, actor, found, git, prose, unsigned

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE)
COMMONS = MemoryStore(GENESIS).commons
LOG, OTHER = ALICE.log(COMMONS), BOB.log(COMMONS)
LINES = unsigned(ALICE, COMMONS, 300)

Make = Callable[[], Store]


@pytest.fixture(params=["memory", "git"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Make as many empty stores as a test wants."""
    made: list[Store] = []

    def one() -> Store:
        if request.param == "memory":
            made.append(MemoryStore(GENESIS))
        else:
            made.append(GitStore.create(tmp_path / f"{len(made)}.git", GENESIS))
        return made[-1]

    yield one
    for store in made:
        store.close()


@pytest.fixture
def store(make: Make) -> Store:
    return make()


@pytest.fixture
def git_store(tmp_path: Path) -> Iterator[GitStore]:
    store = GitStore.create(tmp_path / "repo.git", GENESIS)
    yield store
    store.close()


def branch(at: int, length: int, name: str) -> list[Line]:
    """Another continuation of the same log."""
    chain = Chain(ALICE, COMMONS, LINES[:at])
    for _ in range(length):
        chain.add("bead.create", {"name": name})
    return chain.lines[at:]


def raw(lines: Sequence[Line]) -> list[bytes]:
    return [line.raw for line in lines]


def append(store: Store, lines: Sequence[Line]) -> None:
    with store.lock():
        store.write(Changes(lines={lines[0].log: lines}))


def apply(store: Store, changes: Changes) -> None:
    with store.lock():
        store.write(changes)


def in_groups(lines: Sequence[Line], size: int) -> Iterator[list[Line]]:
    left = iter(lines)
    while group := list(islice(left, size)):
        yield group


# -- logs ----------------------------------------------------------------------------------------------------------


def test_a_new_store_is_empty(store: Store) -> None:
    assert (store.logs(), store.key_logs(), store.head(LOG), store.lines(LOG)) == ([], {}, None, [])
    assert (store.branches(LOG), store.body(LOG, 0), list(store.bodies(LOG))) == ([], None, [])
    assert (store.commons, store.genesis) == (COMMONS, GENESIS)


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 127, 128, 129, 192, 300])
def test_a_log_reads_back_at_every_border_of_a_segment(store: Store, length: int) -> None:
    append(store, LINES[:length])
    assert store.lines(LOG) == raw(LINES[:length])
    assert store.head(LOG) == Head(length - 1, LINES[length - 1].id)
    for start in {0, 1, 62, 63, 64, 65, length - 1, length, length + 1, length + 64}:
        assert store.lines(LOG, start) == raw(LINES[start:length])


@pytest.mark.parametrize("size", [1, 7, 63, 64, 65, 130])
def test_a_log_grows_by_groups_of_any_size(store: Store, size: int) -> None:
    for group in in_groups(LINES[:150], size):
        append(store, group)
        assert store.head(LOG) == Head(group[-1].seq, group[-1].id)
    assert store.lines(LOG) == raw(LINES[:150])


def test_logs_are_kept_apart_and_listed_in_order(store: Store) -> None:
    others = unsigned(BOB, COMMONS, 3)
    apply(store, Changes(lines={LOG: LINES[:2], OTHER: others}))
    assert store.logs() == sorted([LOG, OTHER])
    assert store.lines(OTHER) == raw(others)


def test_past_sixteen_thousand_operations_a_log_goes_on_in_a_second_folder(store: Store) -> None:
    lines = unsigned(ALICE, COMMONS, 16_390)
    append(store, lines[:16_380])
    append(store, lines[16_380:])
    assert store.head(LOG) == Head(16_389, lines[-1].id)
    assert store.lines(LOG, 16_370) == raw(lines[16_370:])
    assert len(store.lines(LOG)) == 16_390


WRONG = {
    "a gap": LINES[3:4],
    "the first again": LINES[:1],
    "the last again": LINES[1:2],
    "another log's beginning": branch(0, 1, "x"),
    "a right position after another operation": branch(1, 2, "x")[1:],
    "a good line, then a gap": [LINES[2], LINES[4]],
}


@pytest.mark.parametrize("lines", WRONG.values(), ids=WRONG.keys())
def test_what_does_not_follow_is_a_conflict_and_nothing_is_written(store: Store, lines: Sequence[Line]) -> None:
    append(store, LINES[:2])
    before = store.generation()
    with pytest.raises(ConflictError), store.lock():
        store.write(
            Changes(
                key_logs={ALICE.actor: ALICE.key_log.raw},
                lines={LOG: lines, OTHER: unsigned(BOB, COMMONS, 1)},
                bodies={LOG: {0: b"body"}},
            )
        )
    assert store.lines(LOG) == raw(LINES[:2])
    assert (store.logs(), store.key_logs(), store.body(LOG, 0)) == ([LOG], {}, None)
    assert store.generation() == before


def test_key_logs_read_back_and_are_replaced_whole(store: Store) -> None:
    apply(store, Changes(key_logs={ALICE.actor: ALICE.key_log.raw, BOB.actor: BOB.key_log.raw}))
    longer = ALICE.key_log.raw + ALICE.key_log.raw
    apply(store, Changes(key_logs={ALICE.actor: longer}))
    assert store.key_logs() == {ALICE.actor: longer, BOB.actor: BOB.key_log.raw}


EACH_CHANGE = {
    "lines": Changes(lines={LOG: LINES[2:3]}),
    "key logs": Changes(key_logs={BOB.actor: BOB.key_log.raw}),
    "bodies": Changes(bodies={LOG: {1: b"other words"}}),
    "an erasure": Changes(erased={LOG: frozenset({0})}),
    "a fork": Changes(rewinds={LOG: 1}, branches={LOG: [LINES[1:2], branch(1, 1, "x")]}),
}


@pytest.mark.parametrize("changes", EACH_CHANGE.values(), ids=EACH_CHANGE.keys())
def test_the_generation_differs_after_any_write(store: Store, changes: Changes) -> None:
    apply(store, Changes(lines={LOG: LINES[:2]}, bodies={LOG: {0: b"words"}}))
    before = store.generation()
    assert store.generation() == before
    apply(store, changes)
    assert store.generation() != before


# -- bodies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("many", [1, repository.MANY], ids=["by git", "by us"])
def test_bodies_read_back_in_order_across_segments(store: Store, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "MANY", many)
    bodies = {seq: f"body {seq}".encode() for seq in (130, 0, 64, 9, 10, 63)}
    apply(store, Changes(lines={LOG: LINES[:140]}, bodies={LOG: bodies}))
    apply(store, Changes(bodies={LOG: {2: b"late"}}))
    assert list(store.bodies(LOG)) == sorted((bodies | {2: b"late"}).items())
    assert list(store.bodies(LOG, [64, 1, 9, 500])) == [(64, b"body 64"), (9, b"body 9")]
    assert list(store.bodies(OTHER)) == []
    assert store.body_seqs(LOG) == [0, 2, 9, 10, 63, 64, 130]
    assert store.body_seqs(OTHER) == []
    assert (store.body(LOG, 64), store.body(LOG, 65), store.body(OTHER, 0)) == (b"body 64", None, None)


def test_an_erased_body_is_gone_and_the_others_stay(store: Store) -> None:
    apply(store, Changes(lines={LOG: LINES[:70]}, bodies={LOG: {0: b"a", 1: b"b", 65: b"c"}}))
    apply(store, Changes(erased={LOG: frozenset({0, 65, 69})}))
    assert list(store.bodies(LOG)) == [(1, b"b")]
    apply(store, Changes(erased={LOG: frozenset({1})}))
    assert (list(store.bodies(LOG)), len(store.lines(LOG))) == ([], 70)


def test_a_body_can_be_replaced(store: Store) -> None:
    apply(store, Changes(lines={LOG: LINES[:1]}, bodies={LOG: {0: b"a"}}))
    apply(store, Changes(bodies={LOG: {0: b"b"}}))
    assert list(store.bodies(LOG)) == [(0, b"b")]


@pytest.mark.parametrize("many", [1, repository.MANY], ids=["by git", "by us"])
def test_a_body_whose_object_is_missing_is_an_error(
    git_store: GitStore, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "MANY", many)
    apply(git_store, Changes(lines={LOG: LINES[:3]}, bodies={LOG: {0: b"a", 1: b"b" * 100, 2: b"c"}}))
    name = gitobject.make("blob", b"b" * 100).id
    (git_store.repository.path / "objects" / name[:2] / name[2:]).unlink()
    git_store.repository.forget_journal()
    read = git_store.bodies(LOG)
    assert next(read) == (0, b"a")
    with pytest.raises(StoreError, match=name[:12]):
        next(read)


def test_lines_are_read_from_a_position_to_another(store: Store) -> None:
    append(store, LINES[:140])
    for start, stop in ((0, 0), (0, 1), (63, 65), (64, 128), (5, 140), (139, 500), (140, 141), (7, None)):
        assert store.lines(LOG, start, stop) == raw(LINES[:140][start:stop])


# -- forks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 1, 63, 64, 65, 100, 129])
def test_a_fork_takes_the_kept_chain_back_and_keeps_both_branches(store: Store, at: int) -> None:
    ours, theirs = LINES[at:130], branch(at, 70, "x")
    append(store, LINES[:130])
    apply(store, Changes(rewinds={LOG: at}, branches={LOG: [ours, theirs]}))
    assert store.lines(LOG) == raw(LINES[:at])
    assert store.head(LOG) == (Head(at - 1, LINES[at - 1].id) if at else None)
    assert store.branches(LOG) == [raw(each) for each in sorted([ours, theirs], key=lambda lines: lines[0].id)]
    assert store.logs() == store.forked() == [LOG]


def test_the_words_of_what_is_taken_back_go_with_it(store: Store) -> None:
    bodies = {seq: f"body {seq}".encode() for seq in (0, 4, 5, 70)}
    apply(store, Changes(lines={LOG: LINES[:80]}, bodies={LOG: bodies}))
    apply(store, Changes(rewinds={LOG: 5}, branches={LOG: [LINES[5:80], branch(5, 1, "x")]}))
    assert list(store.bodies(LOG)) == [(0, b"body 0"), (4, b"body 4")]
    apply(store, Changes(rewinds={LOG: 0}, branches={LOG: [LINES[:80], branch(0, 1, "x")]}))
    assert list(store.bodies(LOG)) == []


def test_branches_are_replaced_as_a_whole(store: Store) -> None:
    first, second, third = branch(5, 2, "x"), branch(3, 1, "y"), branch(3, 2, "z")
    append(store, LINES[:10])
    apply(store, Changes(rewinds={LOG: 5}, branches={LOG: [LINES[5:10], first]}))
    apply(store, Changes(rewinds={LOG: 3}, branches={LOG: [second, third]}))
    assert store.branches(LOG) == [raw(each) for each in sorted([second, third], key=lambda lines: lines[0].id)]


def test_a_rewound_log_can_take_another_way_in_one_write(store: Store) -> None:
    append(store, LINES[:130])
    theirs = branch(70, 70, "x")
    apply(store, Changes(rewinds={LOG: 70}, lines={LOG: theirs}, branches={LOG: [LINES[70:130]]}))
    assert store.lines(LOG) == raw([*LINES[:70], *theirs])


def test_no_branches_is_as_good_as_never_any(store: Store) -> None:
    apply(store, Changes(branches={LOG: []}))
    assert (store.logs(), store.forked(), store.branches(LOG)) == ([], [], [])


# -- git -----------------------------------------------------------------------------------------------------------


GROUPS = {"one by one": 1, "by sevens": 7, "by segments": 64, "by 65": 65, "all at once": 300}


def test_equal_lines_make_equal_references_however_they_came(tmp_path: Path) -> None:
    seen: list[dict[str, str]] = []
    for name, size in GROUPS.items():
        store = GitStore.create(tmp_path / f"{name}.git", GENESIS)
        for group in in_groups(LINES[:140], size):
            apply(store, Changes(lines={LOG: group}, bodies={LOG: {line.seq: prose(title="x") for line in group}}))
        apply(store, Changes(key_logs={ALICE.actor: ALICE.key_log.raw}))
        seen.append(store.refs())
        store.close()
    assert len(seen[0]) == 4
    assert all(refs == seen[0] for refs in seen)


def test_a_rewound_log_has_the_references_of_one_that_never_went_further(tmp_path: Path) -> None:
    straight, rewound = (GitStore.create(tmp_path / f"{name}.git", GENESIS) for name in "ab")
    append(straight, LINES[:70])
    append(rewound, LINES[:200])
    apply(rewound, Changes(rewinds={LOG: 70}))
    assert straight.refs() == rewound.refs()
    straight.close()
    rewound.close()


def test_git_finds_nothing_wrong_and_reads_the_log_well(git_store: GitStore) -> None:
    words = {seq: prose(title=f"t{seq}") for seq in range(0, 200, 3)}
    for group in in_groups(LINES[:200], 33):
        apply(git_store, Changes(lines={LOG: group}, bodies={LOG: {s.seq: words.get(s.seq, b"{}") for s in group}}))
    apply(git_store, Changes(key_logs={ALICE.actor: ALICE.key_log.raw}))
    apply(git_store, Changes(rewinds={LOG: 150}, branches={LOG: [LINES[150:200], branch(150, 80, "x")]}))
    path = git_store.repository.path
    assert git(path, "fsck", "--strict", "--full", "--no-dangling") == b""
    subjects = git(path, "log", "--format=%an|%ct|%s", git_store.log_ref(LOG)).decode().splitlines()
    assert subjects == [
        f"{LOG}|{LINES[last].hlc.ms // 1000}|{LOG[:8]} {first}-{last}: {last - first + 1} bead.create"
        for first, last in ((128, 149), (64, 127), (0, 63))
    ]
    shown = git(path, "show", f"{git_store.log_ref(LOG)}:000/000001.jsonl")
    assert shown == b"".join(raw(LINES[64:128]))


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
@pytest.mark.parametrize("count", [1, 60], ids=["few objects", "written as a pack"])
def test_erasing_removes_the_words_from_the_repository(git_store: GitStore, packed: bool, count: int) -> None:
    path = git_store.repository.path
    bodies = {seq: prose(title=f"secret {seq}") for seq in range(count)}
    apply(git_store, Changes(lines={LOG: LINES[:count]}, bodies={LOG: bodies}))
    entry = git(path, "ls-tree", "-r", git_store.body_ref(LOG)).decode().split()
    assert entry[3] == "000000/0.json"
    if packed:
        git_store.repository.pack()
    assert b"secret 0" in git(path, "cat-file", "blob", entry[2])
    apply(git_store, Changes(erased={LOG: frozenset({0})}))
    gone = subprocess.run(
        ["git", f"--git-dir={path}", "cat-file", "-e", entry[2]],
        check=False,
        capture_output=True,
        env=git_environment(),
    )
    assert gone.returncode != 0
    assert not any(b"secret 0" in body for _, body in git_store.bodies(LOG))
    assert git_store.lines(LOG) == raw(LINES[:count])
    assert git(path, "fsck", "--strict", "--full") == b""


def test_a_packed_store_goes_on(git_store: GitStore) -> None:
    for group in in_groups(LINES[:100], 10):
        apply(git_store, Changes(lines={LOG: group}))
    git_store.repository.pack()
    append(git_store, LINES[100:170])
    assert git_store.lines(LOG) == raw(LINES[:170])


def test_another_process_s_packing_is_noticed(git_store: GitStore) -> None:
    append(git_store, LINES[:100])
    other = GitStore(git_store.repository.path)
    assert other.lines(LOG) == raw(LINES[:100])
    git(git_store.repository.path, "gc", "-q", "--prune=now")
    append(git_store, LINES[100:170])
    assert other.lines(LOG) == raw(LINES[:170])
    other.close()


def test_creating_a_store_twice_opens_the_first(tmp_path: Path) -> None:
    first = GitStore.create(tmp_path / "repo.git", GENESIS)
    append(first, LINES[:1])
    again = GitStore.create(tmp_path / "repo.git", GENESIS)
    assert again.lines(LOG) == raw(LINES[:1])
    first.close()
    again.close()


def test_there_is_no_store_where_there_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        GitStore(tmp_path)
