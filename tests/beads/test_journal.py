"""The journal: one flush, and whatever is lost after it comes back."""

import os
import shutil
from pathlib import Path

import pytest

from beads import gitobject, journal
from beads.errors import ConflictError, StoreError
from beads.gitobject import BLOB
from beads.journal import Entry, Journal, RefUpdate
from beads.repository import Repository
from tests.world import actor, create, found, git, git_ledger, write

ALICE = actor("alice")
GENESIS = found(ALICE, private=True)
ONE, TWO = gitobject.make(BLOB, b"one"), gitobject.make(BLOB, b"two")
REF = "refs/heads/x"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository.make(tmp_path / "repo.git", "refs/heads/x")


def other_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine went down and came up again."""
    monkeypatch.setattr("beads.repository.start_of_system", lambda: "another start")


def lose_unflushed(path: Path) -> None:
    """What a machine that goes down may do to files that were not flushed: empty them, or forget them."""
    for n, file in enumerate(sorted((path / "objects").glob("??/*"))):
        file.unlink() if n % 2 else file.write_bytes(b"")
    shutil.rmtree(path / "refs" / "wl", ignore_errors=True)
    (path / "refs" / "heads" / "x").unlink(missing_ok=True)


def test_what_is_written_is_there_for_stock_git_at_once(repository: Repository) -> None:
    repository.write([ONE], [RefUpdate(REF, None, ONE.id)])
    assert git(repository.path, "cat-file", "-p", REF) == b"one"
    assert Journal(repository.path, "").size > 0


def test_a_machine_that_goes_down_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = git_ledger(GENESIS, tmp_path)
    made = [write(ledger, ALICE, create(f"Bead {n}"))[0].id for n in range(5)]
    before = ledger.index.state_hash()
    ledger.close()
    lose_unflushed(tmp_path / "repo.git")
    other_start(monkeypatch)
    after = git_ledger(GENESIS, tmp_path)
    after.refresh()
    assert after.index.state_hash() == before
    assert [after.index.state("bead", bead) is not None for bead in made] == [True] * 5
    assert git(tmp_path / "repo.git", "fsck", "--strict", "--no-dangling") == b""
    write(after, ALICE, create("One more"))
    after.close()


@pytest.mark.parametrize("cut", [1, 10, 40, 60])
def test_a_torn_entry_was_never_told_to_anybody(repository: Repository, cut: int) -> None:
    repository.write([ONE], [RefUpdate(REF, None, ONE.id)])
    path = repository.path / journal.NAME
    whole = path.read_bytes()
    Journal(repository.path, "x").append([TWO], [RefUpdate(REF, ONE.id, TWO.id)])
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    again = Repository(repository.path)
    with again.lock():
        assert path.read_bytes() == whole
        again.write([TWO], [RefUpdate(REF, ONE.id, TWO.id)])
        assert [entry.objects for entry in again._journal.entries()] == [[ONE], [TWO]]


def test_a_process_killed_behind_the_journal_has_its_write_finished(repository: Repository) -> None:
    repository.write([ONE], [RefUpdate(REF, None, ONE.id)])
    before = (repository.path / "wl-generation").read_text()
    Journal(repository.path, "x").append([TWO], [RefUpdate(REF, ONE.id, TWO.id)])
    again = Repository(repository.path)
    with again.lock():
        assert (again.ref(REF), again.data(TWO.id)) == (TWO.id, b"two")
    assert (repository.path / "wl-generation").read_text() != before


def test_a_journal_is_settled_into_a_pack(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beads.repository.SETTLE_AT", 200)
    repository.write([ONE], [RefUpdate(REF, None, ONE.id)])
    repository.write([TWO], [RefUpdate(REF, ONE.id, TWO.id)])
    assert Journal(repository.path, "").size == 0
    assert len(list((repository.path / "objects" / "pack").glob("*.pack"))) >= 1
    assert repository.ref(REF) == TWO.id


def test_a_reference_that_moved_is_found_before_anything_is_written(repository: Repository) -> None:
    with pytest.raises(ConflictError):
        repository.write([ONE], [RefUpdate(REF, TWO.id, ONE.id)])
    assert Journal(repository.path, "").size == 0


@pytest.mark.parametrize("broken", ["beads.repository._put_loose", "beads.repository.write_file"])
def test_what_the_disk_refused_does_not_come_back_later(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    repository.write([ONE], [RefUpdate(REF, None, ONE.id)])
    size = Journal(repository.path, "").size

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(broken, refuse)
        with pytest.raises(StoreError):
            repository.write([TWO], [RefUpdate(REF, ONE.id, TWO.id)])
    assert Journal(repository.path, "").size == size
    with Repository(repository.path).lock():
        assert repository.ref(REF) == ONE.id


def test_without_a_start_of_the_system_every_file_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beads.repository.start_of_system", lambda: "")
    repository = Repository.make(tmp_path / "repo.git", "refs/heads/x")
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    repository.write([ONE], [RefUpdate(REF, None, ONE.id)])
    assert Journal(repository.path, "").size == 0
    assert len(flushed) >= 4


def test_erased_words_are_not_left_in_the_journal(tmp_path: Path) -> None:
    ledger = git_ledger(GENESIS, tmp_path)
    (op,) = write(ledger, ALICE, create("A secret"))
    ledger.erase(ALICE, op.id)
    assert Journal(tmp_path / "repo.git", "").size == 0
    ledger.close()


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    made = Journal(tmp_path, "start")
    entries = [Entry([ONE, TWO], [RefUpdate(REF, None, ONE.id)]), Entry([], [RefUpdate(REF, ONE.id, None)])]
    for entry in entries:
        made.append(entry.objects, entry.updates)
    assert list(made.entries()) == entries
    assert made.last() == entries[-1]
    assert (made.is_stale(), Journal(tmp_path, "other").is_stale()) == (False, True)
    made.clear()
    assert (made.size, list(made.entries()), made.is_stale()) == (0, [], False)
