"""One set of SQL texts, two drivers: the standard library's, and SQLAlchemy's."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from beads.alchemy import Alchemy
from beads.database import Database, Sqlite
from beads.errors import DamagedIndex
from beads.index import Index
from beads.ledger import Draft, Ledger
from beads.memory_store import MemoryStore
from beads.projection import BEADS, SEARCH
from tests.world import Clock, Salt, actor, create, found, write
from wanted.ops.table import BOARD
from wanted.projection import TABLES

ALICE = actor("alice")
Open = Callable[[Path], Database]


def through_sqlite(path: Path) -> Database:
    return Sqlite(path)


def through_alchemy(path: Path) -> Database:
    return Alchemy(f"sqlite+pysqlite:///{path}")


def ledger(database: Database) -> Ledger:
    def index(of: Ledger) -> Index:
        return Index(database, of.commons, of.genesis, BOARD, (BEADS, SEARCH, *TABLES), of.key_log)

    return Ledger(MemoryStore(found(ALICE)), index, BOARD, Clock(), Salt())


@pytest.mark.parametrize("opened", [through_sqlite, through_alchemy])
def test_both_drivers_hold_the_same_tables(opened: Open, tmp_path: Path) -> None:
    one = ledger(opened(tmp_path / "index.sqlite"))
    first, second = write(one, ALICE, create("first", priority=1), create("second"))
    write(one, ALICE, Draft("bead.link", {"bead": second.id, "add": [["blocks", first.id, ""]], "remove": []}))
    query = one.index.database.query
    found = query("SELECT title, priority, blocked_until > 0 FROM beads ORDER BY title")
    assert found == [("first", 1, 0), ("second", 2, 1)]
    reference = ledger(Sqlite(tmp_path / "reference.sqlite"))
    write(reference, ALICE, create("first", priority=1), create("second"))
    write(reference, ALICE, Draft("bead.link", {"bead": second.id, "add": [["blocks", first.id, ""]], "remove": []}))
    assert one.index.state_hash() == reference.index.state_hash()
    one.close()
    reference.close()


@pytest.mark.parametrize("opened", [through_sqlite, through_alchemy])
def test_a_transaction_is_all_or_nothing(opened: Open, tmp_path: Path) -> None:
    database = opened(tmp_path / "x.sqlite")
    database.run("CREATE TABLE t (n INTEGER)")

    def fail() -> None:
        with database.transaction():
            database.run_many("INSERT INTO t VALUES (:n)", [{"n": 1}, {"n": 2}])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.query("SELECT n FROM t") == []
    database.close()


@pytest.mark.parametrize("size", [100, 4096, 5000], ids=["small", "a page", "a torn page"])
def test_a_file_that_is_no_database_is_begun_anew_at_the_second_try_at_the_latest(tmp_path: Path, size: int) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"\1" * 16 + b"\x10\0" + b"\1" * (size - 18))
    with suppress(DamagedIndex):
        Sqlite(path).close()
    database = Sqlite(path)
    assert database.query("SELECT 1") == [(1,)]
    database.close()


def test_erased_words_are_nowhere_in_the_file(tmp_path: Path) -> None:
    made = ledger(Sqlite(tmp_path / "index.sqlite"))
    secret, kept = "Xylophonquittung", "Fensterbank"
    ops = [write(made, ALICE, create(f"{word} {n}"))[0] for n in range(6) for word in (secret, kept)]
    for op in ops[::2]:
        made.erase(ALICE, op.id)
    said = b"".join(path.read_bytes() for path in tmp_path.glob("index.sqlite*"))
    assert (secret.encode() in said, secret.lower().encode()[:8] in said) == (False, False)
    assert kept.encode() in said
    made.close()
