"""The journal where things go wrong twice: a disk that refuses half of a write, a machine that goes down behind it."""

import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from beads import gitobject, journal
from beads.errors import StoreError
from beads.gitobject import BLOB
from beads.journal import Journal, RefUpdate
from beads.ledger import Ledger
from beads.repository import PACKING, PURGE, Repository, _put_loose
from node import wiring
from node.home import Home
from tests.beads.test_journal import lose_unflushed, other_start
from tests.world import actor, create, found, git, git_ledger, write

ALICE = actor("alice")
GENESIS = found(ALICE, private=True)
ONE, TWO, SIX = (gitobject.make(BLOB, said) for said in (b"one", b"two", b"six"))
A, B = "refs/heads/a", "refs/heads/b"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path / "repo.git", A)


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def refuse_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *calls: int) -> list[int]:
    """Let some calls of a function fail, counted from 1."""
    real, counted = getattr(owner, name), [0]

    def maybe(*arguments: Any, **named: Any) -> Any:
        counted[0] += 1
        return refuse() if counted[0] in calls else real(*arguments, **named)

    monkeypatch.setattr(owner, name, maybe)
    return counted


def settled(repository: Repository) -> None:
    with repository.lock():
        repository.settle()


def two_refs(repository: Repository) -> list[RefUpdate]:
    repository.write([ONE], [RefUpdate(A, None, ONE.id), RefUpdate(B, None, ONE.id)])
    settled(repository)
    return [RefUpdate(A, ONE.id, TWO.id), RefUpdate(B, ONE.id, TWO.id)]


def test_what_was_half_done_when_the_disk_refused_is_undone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = two_refs(repository)
    with monkeypatch.context() as patch:
        refuse_at(patch, Repository, "_set", 2)
        with pytest.raises(StoreError, match="cannot write"):
            repository.write([TWO], moves)
    assert (repository.ref(A), repository.ref(B)) == (ONE.id, ONE.id)
    (repository.path / "objects" / TWO.id[:2] / TWO.id[2:]).write_bytes(b"")
    other_start(monkeypatch)
    again = Repository(repository.path)
    assert again.ref(A) == ONE.id
    # What the machine left of the first attempt is not trusted by the second.
    again.write([TWO], moves)
    assert git(repository.path, "cat-file", "-p", A) == b"two"


def test_what_cannot_be_undone_is_said_to_be_written_and_is_finished(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = two_refs(repository)
    with monkeypatch.context() as patch:
        refuse_at(patch, Repository, "_set", 2, 3)
        with pytest.raises(StoreError, match="half done"):
            repository.write([TWO], moves)
    with repository.lock():
        assert (repository.ref(A), repository.ref(B)) == (TWO.id, TWO.id)


def test_a_disk_that_refuses_to_settle_refuses_no_write(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beads.repository.SETTLE_AT", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Repository, "_put_pack", refuse)
        repository.write([ONE], [RefUpdate(A, None, ONE.id)])
    assert repository.ref(A) == ONE.id
    repository.write([TWO], [RefUpdate(A, ONE.id, TWO.id)])
    assert Journal(repository.path, "").size == 0


@pytest.mark.parametrize(("owner", "name"), [(Journal, "mend"), (Repository, "_apply")])
def test_a_disk_that_refuses_what_was_left_over_is_a_store_error(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    repository.write([ONE], [RefUpdate(A, None, ONE.id)])
    Journal(repository.path, "x").append([TWO], [RefUpdate(A, ONE.id, TWO.id)])
    if name == "mend":
        path = repository.path / journal.NAME
        path.write_bytes(path.read_bytes()[:-1])
    again = Repository(repository.path)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, refuse)
        with pytest.raises(StoreError), again.lock():
            pass
    with again.lock():
        assert again.ref(A) in (ONE.id, TWO.id)


@pytest.mark.parametrize("step", ["flush_folder", "_write_all"])
def test_an_entry_that_the_disk_refused_is_not_done_later(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def half(handle: int, raw: bytes) -> None:
        os.write(handle, raw[: len(raw) // 2])
        refuse()

    with monkeypatch.context() as patch:
        patch.setattr(journal, step, half if step == "_write_all" else refuse)
        with pytest.raises(StoreError):
            repository.write([ONE], [RefUpdate(A, None, ONE.id)])
    assert Journal(repository.path, "").size == 0
    with Repository(repository.path).lock():
        assert repository.ref(A) is None


def test_what_is_taken_back_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Journal(tmp_path, "x")
    at = made.append([ONE], [])
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    made.take_back(at)
    assert flushed


def test_a_journal_of_the_same_size_by_another_process_is_looked_at(repository: Repository) -> None:
    repository.write([ONE], [RefUpdate(A, None, ONE.id)])
    size = Journal(repository.path, "").size
    other = Repository(repository.path)
    settled(other)
    # Killed here; what it began has just the size that this one has seen.
    other._journal.append([TWO], [RefUpdate(A, None, TWO.id)])
    assert other._journal.size == size
    with repository.lock():
        assert repository.ref(A) == TWO.id


def test_asking_for_staleness_while_another_settles_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Journal(tmp_path, "x")
    made.append([ONE], [])
    monkeypatch.setattr(Journal, "size", property(lambda _: 1))
    made.path.unlink()
    assert not Journal(tmp_path, "other").is_stale()


def test_settling_flushes_every_folder_above_a_reference(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "refs/wl/deep/er/x"
    repository.write([ONE], [RefUpdate(name, None, ONE.id)])
    flushed: list[Path] = []
    monkeypatch.setattr("beads.repository.flush_folder", flushed.append)
    settled(repository)
    assert {repository.path / part for part in ("refs", "refs/wl", "refs/wl/deep", "refs/wl/deep/er")} <= set(flushed)


def test_a_folder_that_git_removes_meanwhile_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace
    gone: list[Path] = []

    def raced(self: Path, target: Path) -> Path:
        if not gone:
            gone.append(target.parent)
            target.parent.rmdir()
        return real(self, target)

    monkeypatch.setattr(Path, "replace", raced)
    _put_loose(tmp_path, [ONE], durable=False)
    assert gone
    assert (tmp_path / ONE.id[:2] / ONE.id[2:]).is_file()


# -- words that were taken back --------------------------------------------------------------------------------------


def blobs_only(path: Path, wanted: bytes) -> list[str]:
    listed = git(path, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").decode()
    blobs = [line.split()[0] for line in listed.splitlines() if line.endswith("blob")]
    file = path / journal.NAME
    held = [one for one in blobs if wanted in git(path, "cat-file", "blob", one)]
    return held + (["journal"] if file.exists() and wanted in file.read_bytes() else [])


def test_words_go_although_the_process_was_killed_before_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    path = tmp_path / "repo.git"
    ledger = git_ledger(GENESIS, tmp_path)
    (op,) = write(ledger, ALICE, create("A secret"))
    with monkeypatch.context() as patch:
        patch.setattr(Repository, "_purge", kill)
        with pytest.raises(Killed):
            ledger.erase(ALICE, op.id)
    ledger.close()
    assert blobs_only(path, b"A secret")
    again = git_ledger(GENESIS, tmp_path)
    again.refresh()
    assert blobs_only(path, b"A secret") == []
    assert not (path / PURGE).exists()
    write(again, ALICE, create("One more"))
    again.close()


def test_packing_beside_waits_for_nobody_and_erasing_for_it(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr("beads.repository.subprocess.Popen", lambda *command, **_: begun.append(command))
    with (repository.path / PACKING).open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        repository.pack_apart()
        assert begun == []
    repository.pack_apart()
    assert "core.fsync" in str(begun)


# -- reading only ----------------------------------------------------------------------------------------------------


def test_reading_after_a_restart_sees_what_the_machine_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "commons" / "c"
    folder.mkdir(parents=True)
    ledger = git_ledger(GENESIS, folder)
    write(ledger, ALICE, create("old"))
    ledger.close()
    for name in ("index.sqlite", "repo.git/wl-generation"):
        shutil.copy(folder / name, tmp_path / name.rpartition("/")[2])
    ledger = git_ledger(GENESIS, folder)
    (late,) = write(ledger, ALICE, create("late"))
    ledger.close()
    lose_unflushed(folder / "repo.git")
    for file in folder.glob("index.sqlite*"):
        file.unlink()
    for name in ("index.sqlite", "repo.git/wl-generation"):
        shutil.copy(tmp_path / name.rpartition("/")[2], folder / name)
    other_start(monkeypatch)
    monkeypatch.setattr(wiring, "start_of_system", lambda: "another start")
    monkeypatch.setattr(Home, "commons_folder", lambda *_: folder)
    opened: list[Ledger] = []
    real = wiring.open_ledger

    def kept(home: Home, commons: str) -> Ledger:
        opened.append(real(home, commons))
        return opened[-1]

    monkeypatch.setattr(wiring, "open_ledger", kept)
    assert wiring.open_index(Home(tmp_path), "c").op(late.id) is not None
    opened[0].close()
