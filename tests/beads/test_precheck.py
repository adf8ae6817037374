"""Signatures that a second process has checked ahead: it spares work, and is believed in nothing else."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import pytest

from beads import body, gitobject, op, precheck, refs, segment
from beads.errors import InvalidLine, RemoteError
from beads.gitobject import BLOB, Tree, TreeEntry
from beads.op import Line
from beads.pack import USUAL, Bounds, Outside
from beads.precheck import Precheck, check_all
from beads.refs import Offer
from beads.remote import Choose, Fetched, GitRemote
from beads.sync import Syncer
from beads.verify import ParseSigned, Piece
from stamps.keys import PublicKey
from tests.beads.test_terms import Breaks
from tests.world import (
    Chain,
    Said,
    actor,
    found,
    git_ledger,
    keys_of,
    publish,
    publish_keys,
    relay,
    second,
    store_of,
    syncer,
)

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE)
COMMONS = "wlc1" + "a" * 52
KEY = ALICE.signer.public


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precheck, "WORTH", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.fixture
def checked_here(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines whose signatures this process has checked."""
    return noted(monkeypatch, op, "parse_signed")


@pytest.fixture
def judged_here(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The lines that this process has judged for want of better to do."""
    return noted(monkeypatch, precheck, "_is_signed")


def noted(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[bytes]:
    seen: list[bytes] = []
    real = getattr(module, name)

    def noting(line: bytes, key: PublicKey) -> object:
        seen.append(line)
        return real(line, key)

    monkeypatch.setattr(module, name, noting)
    return seen


def chain(commons: str = COMMONS, length: int = 40) -> Chain:
    made = Chain(ALICE, commons)
    made.open()
    for n in range(length - 1):
        made.add("bead.comment", {"bead": f"{n:064x}"})
    return made


def pieces(lines: list[bytes], size: int = 8) -> list[Piece]:
    return [Piece(KEY, lines[n : n + size]) for n in range(0, len(lines), size)]


def done(check: Precheck) -> None:
    """Wait until the second process has done all it was given; without more to come it ends."""
    assert check._channel is not None
    assert check._child is not None
    check._channel.shutdown(socket.SHUT_WR)
    assert check._child.wait(30) == 0


def read_all(parse: ParseSigned, lines: list[bytes]) -> list[Line]:
    return [parse(raw, KEY) for raw in lines]


def test_what_was_checked_ahead_is_not_checked_again(checked_here: list[bytes]) -> None:
    lines = chain().raw
    with Precheck() as check:
        parse = check.begin(pieces(lines))
        done(check)
        found = read_all(parse, lines)
    assert not checked_here
    assert found == [op.parse(raw) for raw in lines]


def test_a_bad_line_is_refused_and_the_good_ones_beside_it_are_not(checked_here: list[bytes]) -> None:
    lines = chain().raw
    lines[11] = lines[11].replace(b"comment", b"comfort")
    with Precheck() as check:
        parse = check.begin(pieces(lines))
        done(check)
        found = read_all(parse, lines[:11])
        with pytest.raises(InvalidLine, match="signature"):
            parse(lines[11], KEY)
        found += read_all(parse, lines[12:])
    assert [line.raw for line in found] == lines[:11] + lines[12:]
    # Of the piece that it lies in nothing was vouched for.
    assert checked_here == lines[8:16]


def test_a_line_of_another_version_or_none_at_all_is_what_it_is_without_help() -> None:
    good = chain().raw
    for odd in (b"\n", b"x" * 20_000 + b"\n", good[3][:40] + b"\n"):
        lines = [*good[:3], odd, *good[4:]]
        with Precheck() as check:
            parse = check.begin(pieces(lines))
            done(check)
            with pytest.raises(InvalidLine) as here:
                op.parse_signed(odd, KEY)
            with pytest.raises(InvalidLine) as there:
                parse(odd, KEY)
        assert there.value.reason == here.value.reason


def test_a_line_is_vouched_for_under_the_key_that_signed_it_and_no_other() -> None:
    lines = chain().raw
    with Precheck() as check:
        parse = check.begin(pieces(lines))
        done(check)
        with pytest.raises(InvalidLine, match="signature"):
            parse(lines[0], BOB.signer.public)


def test_a_line_that_was_never_given_is_checked_here(checked_here: list[bytes]) -> None:
    lines = chain().raw
    with Precheck() as check:
        parse = check.begin(pieces(lines[:32]))
        done(check)
        read_all(parse, lines)
    assert checked_here == lines[32:]


@pytest.mark.parametrize("when", ["before it begins", "after a load"])
def test_a_second_process_that_dies_changes_nothing(when: str) -> None:
    lines = chain().raw
    with Precheck() as check:
        check.begin(pieces(lines[:8]))
        assert check._child is not None
        if when == "after a load":
            done(check)
        else:
            check._child.send_signal(signal.SIGKILL)
            check._child.wait()
        parse = check.begin(pieces(lines))
        assert [line.raw for line in read_all(parse, lines)] == lines


def test_where_no_process_can_be_started_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    lines = chain().raw
    with Precheck() as check:
        assert [line.raw for line in read_all(check.begin(pieces(lines)), lines)] == lines


def test_who_has_to_wait_works_from_the_other_end(
    checked_here: list[bytes], judged_here: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody works at the other side: the first line asked for has all pieces done here, the last one first."""
    lines = chain().raw
    ours, nobody = socket.socketpair()
    monkeypatch.setattr(Precheck, "_start", lambda self: ours)
    with ours, nobody, Precheck() as check:
        parse = check.begin(pieces(lines))
        assert parse(lines[0], KEY).raw == lines[0]
        read_all(parse, lines[1:])
    assert judged_here == [*lines[32:], *lines[24:32], *lines[16:24], *lines[8:16], *lines[:8]]
    assert not checked_here


def test_the_second_process_leaves_what_was_begun_here() -> None:
    lines = chain().raw
    ours, theirs = socket.socketpair()
    with ours, theirs:
        load = precheck._Load(pieces(lines), ours)
        load.states[4] = 1
        ours.shutdown(socket.SHUT_WR)
        check_all(theirs)
    assert bytes(load.states[:5]) == bytes([2, 2, 2, 2, 1])


def test_a_second_process_of_another_version_vouches_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        load = precheck._Load(pieces(chain().raw), ours)
        ours.shutdown(socket.SHUT_WR)
        monkeypatch.setattr(precheck, "_LAYOUT", b"wl-load0")
        check_all(theirs)
    assert not any(load.states[:5])


@pytest.mark.parametrize("way", ["PYTHONPATH", "the working folder", "both"])
def test_other_code_of_the_same_name_is_not_run(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beads").mkdir()
    (tmp_path / "beads" / "__init__.py").touch()
    (tmp_path / "beads" / "precheck.py").write_text(CREDULOUS)
    if way != "the working folder":
        monkeypatch.setenv("PYTHONPATH", f":{tmp_path}" if way == "both" else str(tmp_path))
    if way != "PYTHONPATH":
        monkeypatch.chdir(tmp_path)
    lines = chain().raw
    lines[11] = lines[11].replace(b"comment", b"comfort")
    with Precheck() as check:
        parse = check.begin(pieces(lines))
        done(check)
        with pytest.raises(InvalidLine, match="signature"):
            parse(lines[11], KEY)


CREDULOUS = """
import mmap, os, socket

def main(channel):
    channel = socket.socket(fileno=channel)
    message, files, _, _ = socket.recv_fds(channel, 100, 1)
    mapped = mmap.mmap(files[0], 0)
    mapped[:5] = bytes([2] * 5)
"""


def test_a_second_process_that_has_stopped_is_not_waited_for() -> None:
    lines = chain().raw
    with Precheck() as check:
        check.begin(pieces(lines))
        assert check._child is not None
        check._child.send_signal(signal.SIGSTOP)
        for _ in range(600):
            parse = check.begin(pieces(lines[:8]))
        assert parse is op.parse_signed


def test_few_lines_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precheck, "WORTH", 41)
    with Precheck() as check:
        assert check.begin(pieces(chain().raw)) is op.parse_signed
        assert check._child is None


# -- what is read ahead ----------------------------------------------------------------------------------------------


def offer(*logs: str, segments: int, blob: bytes, last: bytes | None = None) -> tuple[Offer, list[str]]:
    """Logs whose trees name one blob again and again; and the objects that were looked up."""
    blobs = [gitobject.make(BLOB, blob)] * (segments - 1) + [gitobject.make(BLOB, last or blob)]
    files = Tree()
    for n, each in enumerate(blobs):
        files = files.put(TreeEntry(segment.path(n)[1], gitobject.FILE_MODE, each.id))
    root = Tree().put(TreeEntry("000", gitobject.TREE_MODE, files.made().id)).made()
    commit = gitobject.commit(root.id, (), "x <x@wl.invalid>", 0, "x")
    objects = {each.id: (each.kind, each.data) for each in (*blobs, files.made(), root, commit)}
    looked: list[str] = []

    def find(object_id: str) -> tuple[str, bytes] | None:
        looked.append(objects[object_id][0])
        return objects[object_id]

    return Offer("p/", {f"p/log/{log[:2]}/{log}": commit.id for log in logs}, find, {}), looked


def test_a_blob_that_trees_name_again_and_again_is_read_ahead_once() -> None:
    made = chain(length=64)
    theirs, looked = offer(made.log, "b" * 32, "c" * 32, segments=200, blob=b"".join(made.raw))
    assert [piece.lines for piece in theirs.ahead(lambda _: None)] == [made.raw]
    assert looked.count(BLOB) == 3


def test_nothing_is_read_ahead_of_a_log_that_is_not_what_its_name_proves() -> None:
    theirs, looked = offer("b" * 32, segments=2, blob=b"".join(chain(length=64).raw), last=b"x y\n")
    assert not list(theirs.ahead(lambda _: None))
    assert looked.count(BLOB) == 1


def test_nothing_is_read_ahead_behind_a_segment_that_is_too_short() -> None:
    made = chain(length=70)
    theirs, looked = offer(made.log, segments=2, blob=b"".join(made.raw[:63]), last=b"".join(made.raw[63:]))
    assert not list(theirs.ahead(lambda _: None))
    assert looked.count(BLOB) == 1


def test_only_so_much_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    made = chain(length=128)
    first, second = made.raw[:64], made.raw[64:]
    monkeypatch.setattr(refs, "AHEAD", sum(map(len, first)))
    theirs, _ = offer(made.log, segments=2, blob=b"".join(first), last=b"".join(second))
    assert [piece.lines for piece in theirs.ahead(lambda _: None)] == [first]
    assert [theirs.segment(made.log, n) for n in (0, 1, 0)] == [first, second, first]


def test_words_are_read_whole_where_what_was_held_is_gone_meanwhile() -> None:
    log, words = "b" * 32, body.build({"title": "said"}, b"0" * 16)
    blob = gitobject.make(BLOB, words)
    folder, name = segment.body_path(3)
    files = Tree().put(TreeEntry(name, gitobject.FILE_MODE, blob.id)).made()
    made, commit = segment.bodies(log, Tree().put(TreeEntry(folder, gitobject.TREE_MODE, files.id)))
    objects = {each.id: (each.kind, each.data) for each in (blob, files, *made)}
    ref = f"p/body/{log[:2]}/{log}"
    ((_, read),) = Offer("p/", {ref: commit}, objects.get, {ref: "0" * 40}).bodies()
    assert list(read()) == [(3, words)]


# -- in a pull -------------------------------------------------------------------------------------------------------


def peer(folder: Path, commons: str, spoil: Callable[[list[Line]], list[Line]] = list) -> Path:
    """A relay with twenty logs of sixty-six lines each."""
    path = relay(folder)
    for n in range(20):
        writer = actor(f"actor {n}")
        made = Chain(writer, commons)
        made.open()
        for k in range(65):
            made.add("bead.create", {"type": "task", "fields": [["n", k]], "prose": []})
        publish_keys(path, commons, writer)
        publish(path, commons, spoil(made.lines) if n == 7 else made.lines)
    return path


def test_a_pull_in_batches_comes_to_the_same_as_one_without_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, alone = git_ledger(GENESIS, tmp_path / "ours"), git_ledger(GENESIS, tmp_path / "alone")
    path = peer(tmp_path, ours.commons)
    done = syncer(ours, path).sync(push=False)
    monkeypatch.setattr(precheck, "WORTH", 1_000_000)
    syncer(alone, path).sync(push=False)
    assert done.report.accepted == 20 * 66
    assert store_of(ours).refs() == store_of(alone).refs()
    assert ours.index.state_hash() == alone.index.state_hash()
    assert ours.index.generation() == ours.store.generation()
    ours.close()
    alone.close()


def test_a_forged_line_in_a_pull_is_refused_with_its_reason(tmp_path: Path) -> None:
    ours = git_ledger(GENESIS, tmp_path / "ours")
    forged = Chain(BOB, ours.commons)

    def spoil(lines: list[Line]) -> list[Line]:
        forged.log = lines[0].log
        forged.lines = lines[:50]
        forged.add("bead.comment", {"bead": "0" * 64})
        return [*forged.lines, *lines[51:]]

    done = syncer(ours, peer(tmp_path, ours.commons, spoil)).sync(push=False)
    (trouble,) = done.report.troubles
    assert (trouble.status, trouble.reason, trouble.taken) == ("invalid", "signature", 50)
    assert done.report.accepted == 19 * 66 + 50
    ours.close()


def test_a_pull_that_breaks_off_leaves_what_whoever_looks_next_folds(tmp_path: Path) -> None:
    ours = git_ledger(GENESIS, tmp_path / "ours")
    path = peer(tmp_path, ours.commons)
    with pytest.raises(RemoteError, match="dead"):
        Syncer(ours, store_of(ours), Breaks(path, 2)).sync(push=False)
    assert 0 < len(ours.store.logs()) < 20
    ours.refresh()
    assert ours.index.generation() == ours.store.generation()
    (beads,) = ours.index.database.query("SELECT COUNT(*) FROM beads")
    assert beads[0] == 65 * len(ours.store.logs())
    ours.close()


class Forgets(GitRemote):
    """A remote that drops all its references once it was asked twice."""

    asked = 0

    def fetch(
        self, choose: Choose, outside: Outside, bounds: Bounds = USUAL, known: str = ""
    ) -> AbstractContextManager[Fetched]:
        self.asked += 1
        asked = self.asked
        return super().fetch(lambda theirs: choose(theirs if asked < 3 else {}), outside, bounds, known)


def test_a_peer_that_forgets_what_it_has_leaves_nothing_unfolded(tmp_path: Path) -> None:
    ours = git_ledger(GENESIS, tmp_path / "ours")
    Syncer(ours, store_of(ours), Forgets(str(peer(tmp_path, ours.commons)))).sync(push=False)
    logs = ours.store.logs()
    assert 0 < len(logs) < 20
    assert ours.index.generation() == ours.store.generation()
    ours.close()


def test_words_that_were_taken_back_in_one_batch_are_not_let_in_by_the_next(tmp_path: Path) -> None:
    ours = git_ledger(GENESIS, tmp_path / "ours")
    other = second("alice")
    words = body.build({"title": "a secret"}, b"0" * 16)
    said_, taken_back = Chain(ALICE, ours.commons), Chain(other, ours.commons)
    said_.open()
    bead = said_.add("bead.create", {"type": "task", "fields": [], "prose": ["title"]}, body=words)
    taken_back.open()
    taken_back.add("erase", {"op": bead.id})
    ours.ingest(Said(keys=keys_of(other), chains={taken_back.log: taken_back.raw}), more=True)
    ours.ingest(Said(chains={said_.log: said_.raw}, prose={said_.log: [(1, words)]}), more=True)
    assert ours.index.is_behind()
    assert ours.store.body(said_.log, 1) is None
    ours.close()
