"""Signatures that a second process has checked ahead: it spares work, and is believed in nothing else."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from beads import op, precheck
from beads.errors import InvalidLine, RemoteError
from beads.op import Line
from beads.precheck import Precheck, check_all
from beads.sync import Syncer
from beads.verify import ParseSigned, Piece
from stamps.keys import PublicKey
from tests.beads.test_terms import Breaks
from tests.world import Chain, actor, found, git_ledger, publish, publish_keys, relay, store_of, syncer

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
    seen: list[bytes] = []
    real = op.parse_signed

    def noting(raw: bytes, key: PublicKey) -> Line:
        seen.append(raw)
        return real(raw, key)

    monkeypatch.setattr(op, "parse_signed", noting)
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


def test_who_has_to_wait_works_from_the_other_end(checked_here: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works at the other side: the first line asked for has all pieces done here, the last one first."""
    lines = chain().raw
    ours, nobody = socket.socketpair()
    monkeypatch.setattr(Precheck, "_start", lambda self: ours)
    with ours, nobody, Precheck() as check:
        parse = check.begin(pieces(lines))
        assert parse(lines[0], KEY).raw == lines[0]
        assert checked_here == [*lines[32:], *lines[24:32], *lines[16:24], *lines[8:16], *lines[:8]]
        read_all(parse, lines[1:])
    assert len(checked_here) == len(lines)


def test_the_second_process_leaves_what_was_begun_here() -> None:
    lines = chain().raw
    load = precheck._Load(pieces(lines))
    assert load.do_last()
    load.states[4] = 1
    ours, theirs = socket.socketpair()
    with ours, theirs:
        load.send(ours)
        ours.shutdown(socket.SHUT_WR)
        check_all(theirs)
    assert bytes(load.states[:5]) == bytes([2, 2, 2, 2, 1])


def test_few_lines_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precheck, "WORTH", 41)
    with Precheck() as check:
        assert check.begin(pieces(chain().raw)) is op.parse_signed
        assert check._child is None


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
