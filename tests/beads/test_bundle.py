"""Bundles: read as strictly as a peer, readable by stock git, and worth nothing to whoever tampers with one."""

import subprocess
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import limits
from beads.bundle import BundleFile, is_bundle, read_header, write
from beads.errors import LimitExceeded, Refused, RemoteError, StoreError
from beads.files import git_environment
from beads.ledger import Ledger
from beads.report import Report
from beads.sync import Syncer, fetch_founding
from tests.world import Clock, actor, create, found, git, git_ledger, remote_refs, store_of
from tests.world import write as append

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE)


def carry(ledger: Ledger, path: Path) -> Report:
    return Syncer(ledger, store_of(ledger), BundleFile(path)).sync(push=False).report


def bundle(ledger: Ledger, path: Path, since: Path | None = None) -> int:
    store = store_of(ledger)
    return write(path, store.repository.path, store.refs(), BundleFile(since) if since else None)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Callable[[str], Ledger]]:
    clock, made = Clock(), list[Ledger]()

    def make(name: str) -> Ledger:
        made.append(git_ledger(GENESIS, tmp_path / name, clock))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_what_is_carried_arrives_whole(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a, b = node("a"), node("b")
    append(a, ALICE, *(create(f"bead {n}") for n in range(130)))
    append(a, BOB, create("another"))
    assert bundle(a, tmp_path / "x.bundle") == len(store_of(a).refs())
    carry(b, tmp_path / "x.bundle")
    assert store_of(b).refs() == store_of(a).refs()
    assert b.index.state_hash() == a.index.state_hash()
    assert carry(b, tmp_path / "x.bundle").outcomes == []


def test_stock_git_verifies_and_reads_it(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a = node("a")
    append(a, ALICE, create("bead"))
    bundle(a, tmp_path / "x.bundle")
    subprocess.run(["git", "init", "--bare", "-q", str(tmp_path / "g.git")], check=True, env=git_environment())
    git(tmp_path / "g.git", "bundle", "verify", str(tmp_path / "x.bundle"))
    git(tmp_path / "g.git", "fetch", "-q", str(tmp_path / "x.bundle"), "refs/wl/*:refs/wl/*")
    git(tmp_path / "g.git", "fsck", "--strict")
    assert remote_refs(tmp_path / "g.git") == store_of(a).refs()


def test_a_commons_can_be_followed_from_one(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a = node("a")
    bundle(a, tmp_path / "x.bundle")
    assert fetch_founding(BundleFile(tmp_path / "x.bundle"), a.commons).genesis == GENESIS


def test_one_that_goes_on_from_another_holds_what_is_new(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a, b, c = node("a"), node("b"), node("c")
    first, second = tmp_path / "1.bundle", tmp_path / "2.bundle"
    append(a, ALICE, *(create(f"bead {n}") for n in range(640)))
    append(a, BOB, create("quiet"))
    bundle(a, first)
    carry(b, first)
    with pytest.raises(Refused, match="nothing is new"):
        bundle(a, second, first)
    assert not second.exists()
    append(a, ALICE, create("late"))
    assert bundle(a, second, first) == 2
    assert second.stat().st_size < first.stat().st_size
    carry(b, second)
    assert store_of(b).refs() == store_of(a).refs()
    with pytest.raises(RemoteError, match="continues an older one"):
        carry(c, second)


def test_tails_that_were_packed_away_do_not_break_the_next(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a, b = node("a"), node("b")
    append(a, ALICE, *(create(f"bead {n}") for n in range(70)))
    bundle(a, tmp_path / "1.bundle")
    carry(b, tmp_path / "1.bundle")
    for each in (a, b):
        append(each, ALICE if each is a else BOB, create("more"))
        store_of(each).repository.pack(keep_superseded=False)
    append(a, ALICE, create("and more"))
    store_of(a).repository.pack(keep_superseded=False)
    bundle(a, tmp_path / "2.bundle", tmp_path / "1.bundle")
    done = carry(b, tmp_path / "2.bundle")
    assert done.accepted == 2
    assert done.troubles == []


def test_a_file_that_was_there_stays_whole_when_writing_fails(
    node: Callable[[str], Ledger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = node("a")
    path = tmp_path / "x.bundle"
    bundle(a, path)
    before = path.read_bytes()
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StoreError, match="cannot be written"):
        bundle(a, path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


# -- from strangers --------------------------------------------------------------------------------------------


def made(refs: str, pack: bytes) -> bytes:
    return b"# v2 git bundle\n" + refs.encode() + b"\n" + pack


def bomb(size: int) -> bytes:
    """A pack of one blob that inflates to `size` bytes."""
    head = [(3 << 4) | (size & 15)]
    rest = size >> 4
    while rest:
        head[-1] |= 0x80
        head.append(rest & 0x7F)
        rest >>= 7
    return b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes(head) + zlib.compress(bytes(size))


@pytest.mark.parametrize(
    ("pack", "error"),
    [
        (b"", RemoteError),
        (b"PACK", RemoteError),
        (bomb(limits.FOUNDING_OBJECT + 1), LimitExceeded),
        (b"PACK" + (2).to_bytes(4, "big") + (limits.BUNDLE_OBJECTS + 1).to_bytes(4, "big"), LimitExceeded),
    ],
    ids=["nothing", "cut short", "an object that is too large", "too many objects"],
)
def test_a_bad_pack_is_refused(
    node: Callable[[str], Ledger], tmp_path: Path, pack: bytes, error: type[Exception]
) -> None:
    b = node("b")
    log = ALICE.log(b.commons)
    (tmp_path / "x").write_bytes(made(f"{'1' * 40} refs/wl/{b.commons}/log/{log[:2]}/{log}\n", pack))
    with pytest.raises(error):
        carry(b, tmp_path / "x")
    assert b.store.logs() == []


def test_a_line_that_somebody_changed_is_not_taken(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a, b = node("a"), node("b")
    append(a, ALICE, create("bead"))
    forged = tmp_path / "forged.git"
    subprocess.run(
        ["git", "clone", "-q", "--mirror", str(store_of(a).repository.path), str(forged)], check=True,
        env=git_environment(), capture_output=True,
    )  # fmt: skip
    log = ALICE.log(a.commons)
    name = f"refs/wl/{a.commons}/log/{log[:2]}/{log}"
    lines = git(forged, "show", f"{name}:000/000000.jsonl").replace(b'"task"', b'"bugs"')
    blob = git(forged, "hash-object", "-w", "--stdin", stdin=lines).decode().strip()
    inner = git(forged, "mktree", stdin=f"100644 blob {blob}\t000000.jsonl\n".encode()).decode().strip()
    root = git(forged, "mktree", stdin=f"040000 tree {inner}\t000\n".encode()).decode().strip()
    commit = git(
        forged, "-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", root, "-m", "x"
    ).decode().strip()  # fmt: skip
    git(forged, "update-ref", name, commit)
    write(tmp_path / "x", forged, remote_refs(forged))
    done = carry(b, tmp_path / "x")
    assert [(o.status, o.reason) for o in done.outcomes if o.what == "log"] == [("invalid", "signature")]
    assert b.index.heads().get(log) is None or b.index.heads()[log].seq == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"# v1 git bundle\n", b"# v2 git bundle\n", b"# v2 git bundle\nnonsense\n\n",
        b"# v3 git bundle\n@object-format=sha256\n\n", b"# v3 git bundle\n@filter=blob:none\n\n",
    ],
)  # fmt: skip
def test_what_is_no_bundle_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x").write_bytes(raw)
    with pytest.raises(RemoteError):
        BundleFile(tmp_path / "x")
    assert is_bundle(str(tmp_path / "x")) == (len(raw) > 15 and raw[3:4] != b"1")


def test_version_3_is_read_as_stock_git_writes_it(node: Callable[[str], Ledger], tmp_path: Path) -> None:
    a, b = node("a"), node("b")
    append(a, ALICE, create("bead"))
    git(store_of(a).repository.path, "bundle", "create", "-q", "--version=3", str(tmp_path / "x"), "--all")
    carry(b, tmp_path / "x")
    assert store_of(b).refs() == store_of(a).refs()


def test_as_many_references_as_a_peer_may_list_and_no_more() -> None:
    def header(count: int) -> BytesIO:
        lines = b"".join(b"%040x refs/x/%d\n" % (n, n) for n in range(count))
        return BytesIO(b"# v2 git bundle\n" + lines + b"\n")

    assert len(read_header(header(limits.REFS)).refs) == limits.REFS
    with pytest.raises(LimitExceeded):
        read_header(header(limits.REFS + 1))


@given(st.binary(max_size=200))
def test_no_bytes_break_the_header_s_reader(raw: bytes) -> None:
    try:
        read_header(BytesIO(b"# v2 git bundle\n" + raw))
    except RemoteError:
        pass
