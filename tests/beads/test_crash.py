"""Kill -9, two writers, a torn index, a full disk: the next to open finds every log whole, and loses nothing."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from beads import report
from beads.database import Sqlite
from beads.errors import DamagedIndex, StoreError
from beads.git_store import GitStore
from beads.ledger import Ledger
from tests.beads import crash_driver
from tests.beads.crash_driver import ALICE, BOB, GENESIS, WORKS, drop_index, first_of_alice, offered, prepare
from tests.wanted.test_fold_property import dump
from tests.world import create, git, git_ledger, memory_ledger, said, store_of, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "node"
    prepare(folder)
    return folder


@pytest.fixture
def node(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "node"))


def drive(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", crash_driver.__name__, *arguments], cwd=ROOT, stderr=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()


def opened(folder: Path) -> Ledger:
    """Open a node as the next process would: every log verifies, the index is as one built anew, git is content."""
    ledger = git_ledger(GENESIS, folder)
    assert ledger.refresh().outcomes == []
    anew = memory_ledger(GENESIS)
    statuses = {outcome.status for outcome in anew.ingest(said(ledger.store)).outcomes}
    assert statuses <= {report.ACCEPTED, report.FORKED, report.UNCHANGED}
    assert dump(anew) == dump(ledger)
    anew.close()
    assert git(store_of(ledger).repository.path, "fsck", "--strict", "--no-dangling") == b""
    return ledger


def words_left(path: Path, words: bytes) -> list[str]:
    """Name every blob of a repository that holds words, reached or not, and the journal if it does."""
    command = "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"
    listed = git(path, "cat-file", *command).decode().splitlines()
    blobs = [line.split()[1] for line in listed if line.startswith("blob")]
    asked = "".join(f"{one}\n" for one in blobs).encode()
    journal = path / "wl-journal"
    said = git(path, "cat-file", "--batch", stdin=asked)
    return [name for name, raw in (("git", said), ("journal", journal.read_bytes() if journal.exists() else b""))
            if b'"title":"%b"' % words in raw]  # fmt: skip


AGAIN: dict[str, Callable[[Path], None]] = {name: WORKS[name] for name in ("ingest", "fork", "rebuild")}


def as_left(folder: Path) -> object:
    """What a reader can see of a node before anything is mended: many steps look the same."""
    store = GitStore(folder / "repo.git")
    refs, token = tuple(sorted(store.refs().items())), store.generation()
    store.close()
    database = Sqlite(folder / "index.sqlite")
    tables = {name for (name,) in database.query("SELECT name FROM sqlite_master")}
    meta = database.query("SELECT value FROM meta WHERE value != :token", {"token": token}) if "meta" in tables else []
    database.close()
    return (refs, frozenset(tables), len(meta))


@pytest.mark.parametrize("name", WORKS)
def test_a_process_killed_at_any_step_leaves_every_log_whole(base: Path, tmp_path: Path, name: str) -> None:
    finished(drive(str(base), str(tmp_path), name))
    done = opened(tmp_path / "whole")
    before = git_ledger(GENESIS, base)
    lengths = {log: {len(before.store.lines(log)), len(done.store.lines(log))} for log in done.store.logs()}
    killed = sorted((path for path in tmp_path.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))
    assert len(killed) > 4
    seen: set[object] = set()
    for folder in killed:
        state = as_left(folder)
        ledger = git_ledger(GENESIS, folder) if state in seen else opened(folder)
        assert ledger.refresh().outcomes == []
        for log in done.store.logs():
            assert len(ledger.store.lines(log)) in lengths[log], folder.name
        if name in AGAIN:
            ledger.close()
            WORKS[name](folder)
            ledger = git_ledger(GENESIS, folder)
            assert store_of(ledger).refs() == store_of(done).refs(), folder.name
            assert dump(ledger) == dump(done)
        if name == "erase":
            erased = first_of_alice(ledger) in ledger.index.erased(ALICE.actor, ALICE.log(ledger.commons))
            assert (ledger.store.body(ALICE.log(ledger.commons), 5) is None) == erased
            assert not erased or not words_left(folder / "repo.git", b"a4")
        if state not in seen:
            (written,) = write(ledger, ALICE, create("life goes on"))
            assert ledger.index.prose(written.id) == {"title": "life goes on"}
        seen.add(state)
        ledger.close()
    assert len(seen) > 1
    done.close()
    before.close()


def test_two_processes_that_write_one_log_at_once_both_survive(node: Path) -> None:
    writers = [drive("turns", str(node), "40") for _ in range(2)]
    for writer in writers:
        finished(writer)
    ledger = opened(node)
    lines = ledger.store.lines(ALICE.log(ledger.commons))
    assert len(lines) == 63 + 2 * 40
    ledger.close()


def test_an_open_ledger_sees_what_another_process_wrote(node: Path) -> None:
    ledger = git_ledger(GENESIS, node)
    ledger.refresh()
    finished(drive("turns", str(node), "3"))
    ledger.refresh()
    end = ledger.index.heads()[ALICE.log(ledger.commons)]
    assert end.seq == 62 + 3
    assert ledger.refresh().outcomes == []
    ledger.close()


# -- a torn index --------------------------------------------------------------------------------------------------


def cut(share: float) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        with file.open("r+b") as handle:
            handle.truncate(int(file.stat().st_size * share))

    return damage


def fill(start: float, length: int, byte: bytes) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        with file.open("r+b") as handle:
            handle.seek(int(file.stat().st_size * start) // 4096 * 4096)
            handle.write(byte * length)

    return damage


def remove(file: Path) -> None:
    file.unlink()


def text(file: Path) -> None:
    file.write_text("this is no database\n" * 999)


def old_schema(file: Path) -> None:
    database = Sqlite(file)
    database.run("UPDATE meta SET value = 'old' WHERE name = 'schema'")
    database.close()


def not_its_own(file: Path) -> None:
    database = Sqlite(file)
    database.run("DROP TABLE meta")
    database.close()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "gone": remove,
    "empty": cut(0),
    "cut after a few bytes": cut(0.001),
    "cut in half": cut(0.5),
    "cut short by a page": cut(0.99),
    "a text": text,
    "zeros at the beginning": fill(0, 4096, b"\0"),
    "zeros in the middle": fill(0.5, 16384, b"\0"),
    "noise in the middle": fill(0.5, 16384, b"\xa5"),
    "noise nearly everywhere": fill(0.1, 200_000, b"\xa5"),
    "of an older version": old_schema,
    "without its own tables": not_its_own,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_index_is_built_anew_and_never_answers_wrongly(
    node: Path, base: Path, damage: Callable[[Path], None]
) -> None:
    good = git_ledger(GENESIS, base)
    damage(node / "index.sqlite")
    assert any(tried(node, good) for _ in range(2))
    good.close()


def tried(node: Path, good: Ledger) -> bool:
    """Read everything and write; False where the damage was found before that, which the next opening mends."""
    ledger: Ledger | None = None
    try:
        ledger = git_ledger(GENESIS, node)
        ledger.refresh()
        assert dump(ledger) == dump(good)
        there = len(ledger.store.lines(BOB.log(ledger.commons)))
        write(ledger, BOB, create("and it can be written"))
    except DamagedIndex:
        return False
    except StoreError as error:
        # A page that no query had read: the operation is safe, and the message says so.
        if not isinstance(error.__cause__, DamagedIndex) or "it is written" not in str(error):
            raise
    finally:
        if ledger is not None:
            ledger.close()
    again = opened(node)
    assert len(again.store.lines(BOB.log(again.commons))) == there + 1
    again.close()
    return True


def test_an_index_of_a_store_that_went_back_is_built_anew(node: Path, tmp_path: Path) -> None:
    """A backup of the repository is put in place, with the index as it was."""
    backup = shutil.copytree(node / "repo.git", tmp_path / "backup")
    crash_driver.append_many(node)
    shutil.rmtree(node / "repo.git")
    backup.rename(node / "repo.git")
    ledger = opened(node)
    assert len(ledger.store.lines(BOB.log(ledger.commons))) == 2
    ledger.close()


def test_an_index_file_that_was_put_back_catches_up(node: Path, tmp_path: Path) -> None:
    shutil.copy(node / "index.sqlite", tmp_path / "old")
    crash_driver.append_many(node)
    crash_driver.fork(node)
    drop_index(node)
    shutil.copy(tmp_path / "old", node / "index.sqlite")
    ledger = opened(node)
    ledger.close()


# -- a full disk ---------------------------------------------------------------------------------------------------

FULL = """
import resource, sys
from pathlib import Path
from beads.errors import StoreError
from tests.beads import crash_driver
from tests.world import create, git_ledger, write
ledger = git_ledger(crash_driver.GENESIS, Path(sys.argv[1]))
ledger.refresh()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    if sys.argv[3] == "append":
        write(ledger, crash_driver.ALICE, create("x" * 5000))
    else:
        ledger.ingest(crash_driver.offered(ledger.commons))
    print("written")
except StoreError as error:
    print("refused:", error, "|", error.hint)
ledger.store.close()
"""


@pytest.mark.parametrize("work", ["append", "ingest"])
@pytest.mark.parametrize("room", [1, 20, 60, 400, 20_000, 60_000, 1_000_000])
def test_a_full_disk_is_a_store_error_and_nothing_is_lost(node: Path, room: int, work: str) -> None:
    before = opened(node)
    logs = {log: before.store.lines(log) for log in before.store.logs()}
    before.close()
    command = [sys.executable, "-c", FULL, str(node), str(room), work]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("written", "refused: cannot", "refused: it is written, but")), done.stdout
    assert done.stdout.startswith("refused") or room > 10_000
    assert done.stdout.startswith("written") or room < 1_000_000
    ledger = opened(node)
    written = len(ledger.store.lines(ALICE.log(ledger.commons))) + len(ledger.store.logs()) > 63 + 2
    assert written == done.stdout.startswith(("written", "refused: it is written"))
    for log, lines in logs.items():
        assert ledger.store.lines(log)[: len(lines)] == lines
    write(ledger, ALICE, create("room again"))
    ledger.ingest(offered(ledger.commons))
    assert len(ledger.store.logs()) == 4
    ledger.close()
