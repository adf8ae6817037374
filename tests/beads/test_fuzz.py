"""Whatever bytes a stranger sends, a reader reads or refuses them: nothing else escapes, and work grows as they do."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import gitobject, ids, limits, op
from beads.errors import InvalidLine, RemoteError
from beads.gitobject import BLOB, COMMIT, FILE_MODE, TREE, TREE_MODE, GitObject, TreeEntry
from beads.ledger import Ledger
from beads.op import UnknownVersion
from beads.pack import Bounds, Pack
from beads.refs import Offer
from tests.beads.test_pack import Raw, packed
from tests.counting import peak, steps
from tests.fuzz import changed, corpus
from tests.world import Chain, Said, actor, found, keys_of, memory_ledger
from wanted.ops.table import BOARD

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE)
COMMONS = ids.commons_id(GENESIS)
PREFIX = f"refs/wl/{COMMONS}/"
LOG = BOB.log(COMMONS)
SMALL = Bounds(objects=64, total=1 << 18, largest=1 << 16)
NUMBERS = {COMMIT: 1, TREE: 2, BLOB: 3}
KINDS = {
    "log": f"{PREFIX}log/{LOG[:2]}/{LOG}",
    "body": f"{PREFIX}body/{LOG[:2]}/{LOG}",
    "fork": f"{PREFIX}fork/{LOG[:2]}/{LOG}/{'a' * 32}",
    "id": f"{PREFIX}id/{ids.actor_ref(BOB.actor)[:2]}/{ids.actor_ref(BOB.actor)}",
}


# -- the readers ---------------------------------------------------------------------------------------------------


def read_line(raw: bytes) -> None:
    try:
        line = op.parse(raw)
        assert line.raw == raw
        assert op.recall(raw) == line
        BOARD.read(line)
    except (InvalidLine, UnknownVersion):
        pass


def read_pack(raw: bytes) -> Pack | None:
    try:
        pack = Pack(memoryview(raw), lambda _: None, SMALL)
        for object_id in pack:
            kind, data = pack.get(object_id)
            assert gitobject.object_id(kind, data) == object_id
    except RemoteError:
        return None
    return pack


def read_tree(raw: bytes) -> None:
    """Offer every commit of a pack as everything that a commit can be."""
    pack = read_pack(raw)
    commits = [] if pack is None else [each for each in pack if pack.get(each)[0] == COMMIT]
    for target in commits:
        for ref in KINDS.values():
            assert pack is not None
            ledger = knowing()
            take(ledger, pack, {ref: target})
            ledger.close()


def knowing() -> Ledger:
    ledger = memory_ledger(GENESIS)
    ledger.ingest(Said(keys=keys_of(BOB)))
    return ledger


def take(ledger: Ledger, pack: Pack, refs: dict[str, str]) -> None:
    asked = 0

    def find(object_id: str) -> tuple[str, bytes] | None:
        nonlocal asked
        asked += 1
        return pack.get(object_id) if object_id in pack else None

    held = set(ledger.store.logs())
    ledger.ingest(Offer(PREFIX, refs, find, {}))
    # Each segment is looked up to find its size, to compare and to read it.
    assert asked <= 64 + 4 * sum(pack.get(each)[1].count(b"\0") for each in pack if pack.get(each)[0] == TREE)
    for log in set(ledger.store.logs()) - held:
        assert all(op.parse(line).log == log for line in ledger.store.lines(log))


READERS: dict[str, Callable[[bytes], object]] = {"line": read_line, "pack": read_pack, "tree": read_tree}


REPLAYS = [(target, name) for target in READERS for name in corpus(target)]


@pytest.mark.parametrize(("target", "name"), REPLAYS)
def test_what_was_met_before_is_read_or_refused(target: str, name: str) -> None:
    READERS[target](corpus(target)[name])


@pytest.mark.parametrize("target", READERS)
def test_the_corpus_has_what_is_read_and_what_is_not(target: str) -> None:
    assert any(name.startswith("good") for name in corpus(target))
    assert any(not name.startswith("good") for name in corpus(target))


def test_what_is_called_good_is_taken_whole() -> None:
    for name, raw in corpus("line").items():
        if name.startswith("good"):
            assert op.parse(raw).raw == raw
    for target in ("pack", "tree"):
        assert all(read_pack(raw) is not None for name, raw in corpus(target).items() if name.startswith("good"))
    pack = read_pack(corpus("tree")["good-log"])
    assert pack is not None
    ledger = knowing()
    (commit,) = (each for each in pack if pack.get(each)[0] == COMMIT)
    take(ledger, pack, {KINDS["log"]: commit})
    assert ledger.store.logs() == [LOG]
    ledger.close()


# -- fuzzing -------------------------------------------------------------------------------------------------------

LINE_STEPS, PACK_STEPS = 4_000, 20_000
"""For any input, besides so many for each byte."""


@given(changed("line"))
def test_no_line_breaks_its_reader(raw: bytes) -> None:
    assert steps(lambda: read_line(raw)) <= LINE_STEPS + 20 * len(raw)


@given(changed("pack"))
def test_no_pack_breaks_its_reader(raw: bytes) -> None:
    # What a pack makes is bounded by `SMALL`, and each command of a delta makes at least a byte of it.
    assert steps(lambda: read_pack(raw)) <= PACK_STEPS + 60 * (len(raw) + SMALL.total)


@given(changed("tree"))
def test_no_changed_tree_breaks_its_reader(raw: bytes) -> None:
    read_tree(raw)


NAMES = st.sampled_from(
    (
        "000", "001", "000000.jsonl", "000001.jsonl", "000000", "0.json", "1.json", "keys.jsonl", "genesis.json", "..",
        ".git", "x",
    )
)  # fmt: skip
MODES = st.sampled_from([FILE_MODE, TREE_MODE, b"120000", b"160000", b"100755", b"040000"])


@st.composite
def forests(draw: st.DrawFn) -> bytes:
    """Blobs of real lines and of junk, trees that name any of what came before, commits of any of them."""
    lines = corpus("line")
    texts = st.lists(st.sampled_from(sorted(lines)), max_size=3).map(lambda names: b"".join(map(lines.get, names)))  # type: ignore[arg-type] # every name is one of its keys
    objects = [
        gitobject.make(BLOB, raw) for raw in draw(st.lists(texts | st.binary(max_size=40), min_size=1, max_size=4))
    ]
    for _ in range(draw(st.integers(1, 5))):
        entries = draw(st.lists(st.tuples(NAMES, MODES, st.sampled_from(objects)), max_size=5))
        objects.append(folder(*(TreeEntry(name, mode, one.id) for name, mode, one in entries)))
    roots = st.sampled_from(objects)
    for _ in range(draw(st.integers(1, 2))):
        objects.append(
            gitobject.commit(draw(roots).id, (), "x <x@wl.invalid>", 0, draw(st.text("ab 0-1:\n", max_size=20)))
        )
    unique = {one.id: one for one in objects}
    return packed(*(Raw(NUMBERS[one.kind], one.data) for one in unique.values()))


def folder(*entries: TreeEntry) -> GitObject:
    raw = b"".join(e.mode + b" " + e.name.encode() + b"\0" + bytes.fromhex(e.id) for e in entries)
    return gitobject.make(TREE, raw)


@given(forests())
def test_no_tree_breaks_its_reader(raw: bytes) -> None:
    assert read_pack(raw) is not None
    read_tree(raw)


# -- twice as much is twice the work -------------------------------------------------------------------------------


def long_line(size: int) -> bytes:
    chain = Chain(BOB, COMMONS)
    fields = [[f"f{n}", "x"] for n in range(size)]
    return chain.line("bead.create", {"type": "t", "fields": sorted(fields), "prose": []}).raw


def nested_line(size: int) -> bytes:
    return b"A" * 86 + b" " + b"[" * (40 * size) + b"\n"


def many_blobs(size: int) -> bytes:
    return packed(*(Raw(NUMBERS[BLOB], b"%d" % n) for n in range(size)))


def wide_tree(size: int) -> bytes:
    """A log of so many segments, all of them one blob."""
    lines = Chain(BOB, COMMONS)
    lines.open()
    while len(lines.lines) < limits.SEGMENT:
        lines.add("bead.comment", {"bead": "a" * 64})
    blob = gitobject.make(BLOB, b"".join(lines.raw))
    inner = folder(*(TreeEntry(f"{n:06d}.jsonl", FILE_MODE, blob.id) for n in range(size)))
    root = folder(TreeEntry("000", TREE_MODE, inner.id))
    commit = gitobject.commit(root.id, (), "x <x@wl.invalid>", 0, "x\n")
    return packed(*(Raw(NUMBERS[one.kind], one.data) for one in (blob, inner, root, commit)))


GROWING: dict[str, tuple[Callable[[bytes], object], Callable[[int], bytes], int]] = {
    "a line of many fields": (read_line, long_line, 30),
    "a line that goes deep": (read_line, nested_line, 100),
    "a pack of many objects": (read_pack, many_blobs, 30),
    "a tree of many segments": (read_tree, wide_tree, 60),
}


@pytest.mark.parametrize(("read", "make", "size"), GROWING.values(), ids=GROWING.keys())
def test_twice_as_much_is_at_most_twice_the_work(
    read: Callable[[bytes], object], make: Callable[[int], bytes], size: int
) -> None:
    once, twice = make(size), make(2 * size)
    read(once)
    assert steps(lambda: read(twice)) <= 2.2 * steps(lambda: read(once))
    assert peak(lambda: read(twice)) <= 2.5 * peak(lambda: read(once)) + 10_000
