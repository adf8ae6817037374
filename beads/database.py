"""The index's database, spoken to in plain SQL with named parameters (`:name`). ⚡

The embedded default is the standard library's sqlite3: a cold verb answers before SQLAlchemy would be imported.
The same texts run through SQLAlchemy where the index lives on a server (`beads.alchemy`).
"""

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from beads.errors import DamagedIndex, StoreError

_DISK = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY}
)
PAGE = 4096
"""Bytes of a page of the file."""
CACHE = 65_536
"""KiB of pages in memory at most: a long first sync fills several trees of the file in no order."""
LOGGED = 8192
"""Pages in the write-ahead log before it is put into the file. A pull of some hundred operations touches as many pages
in no order; every few of them SQLite's own 1 000 would be reached, and a pull would wait for all to be moved."""
Row = tuple[Any, ...]
Parameters = Mapping[str, Any]


class Database(Protocol):
    """What the index asks of a database."""

    def query(self, sql: str, parameters: Parameters | None = None) -> list[Row]:
        """Return all rows of a query."""

    def run(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement."""

    def run_many(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run one statement for each of many rows."""

    def transaction(self) -> Any:
        """Make what runs inside one change, or none."""

    def scrub(self) -> None:
        """Leave nothing on the disk of rows that were deleted."""

    def close(self) -> None:
        """Give back what is held."""


class Sqlite:
    """An SQLite file in WAL mode: readers and one writer do not wait for each other.

    Args:
        read_only: Neither the file nor anything beside it can be written; it can be read as it is.

    Raises:
        DamagedIndex: The file is no whole database; it is marked, and the next opening starts anew.
        StoreError: It is damaged, and nothing can be written to mend it.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._read_only = read_only
        if read_only:
            self._connection = _connect(_as_it_is(path), uri=True)
            self.query("PRAGMA temp_store=MEMORY")
            return
        discard_if_damaged(path)
        self._connection = _connect(str(path))
        self.query(f"PRAGMA page_size={PAGE}")
        with _alone(path):
            self.query("PRAGMA journal_mode=WAL")
        # The index can be rebuilt from git, so losing its last moments to a power cut is fine: NORMAL, not FULL.
        sizes = (f"cache_size=-{CACHE}", f"wal_autocheckpoint={LOGGED}")
        for pragma in ("synchronous=NORMAL", "temp_store=MEMORY", *sizes):
            self.query(f"PRAGMA {pragma}")

    def query(self, sql: str, parameters: Parameters | None = None) -> list[Row]:
        """Return all rows of a query."""
        try:
            return self._connection.execute(sql, parameters or {}).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._problem(error) from error

    def run(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement."""
        self.query(sql, parameters)

    def run_many(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run one statement for each of many rows."""
        try:
            if rows:
                self._connection.executemany(sql, rows)
        except sqlite3.DatabaseError as error:
            raise self._problem(error) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what runs inside one change, or none."""
        self.query("BEGIN IMMEDIATE")
        try:
            yield
            self.query("COMMIT")
        except BaseException:
            # A full disk may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.rollback()
            raise

    def scrub(self) -> None:
        """Leave nothing in the file of rows that were deleted: not in free pages, full-text segments or the WAL."""
        for (name,) in self.query("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE % USING fts5%'"):
            self.query(f"INSERT INTO {name} ({name}) VALUES ('optimize')")
        self.query("VACUUM")
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _problem(self, error: sqlite3.DatabaseError) -> Exception:
        """Tell a damaged file from a disk that refuses and from a mistake in a statement."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            if self._read_only:
                return _beyond_mending(self.path)
            _marker(self.path).touch()
            return DamagedIndex(f"the index {self.path} is damaged", "Run it again: it is built anew from git.")
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DISK:
            return StoreError(f"cannot use the index: {error}", f"Make room or access at {self.path.parent}.")
        return error


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=30, isolation_level=None, check_same_thread=False, uri=uri)


def _as_it_is(path: Path) -> str:
    """Return what SQLite calls a file that it is to read without making any beside it.

    Without its two companions a file in WAL mode can only be read as one that nobody changes (SQLite, "Write-Ahead
    Logging", 5); with them it must not be, for what was written last is in them.
    """
    if _is_damaged(path):
        raise _beyond_mending(path)
    alone = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    return f"{path.absolute().as_uri()}?mode=ro{alone}"


def _beyond_mending(path: Path) -> StoreError:
    return StoreError(
        f"the index {path} is damaged, and nothing can be written there",
        "Run it where the home can be written to: it is built anew from git.",
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes out while a file turns to WAL: there SQLite does not wait, it fails.

    The lock is a file of its own; the database must not be opened by anyone but SQLite (see `_is_torn`).
    """
    if str(path) == ":memory:":
        yield
        return
    with path.with_name(f".{path.name}.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def discard_if_damaged(path: Path) -> None:
    """Remove an index file that was found damaged, or ends within a page; it will be built anew from the store."""
    if _is_damaged(path):
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink(missing_ok=True)


def _is_damaged(path: Path) -> bool:
    return _marker(path).exists() or _is_torn(path)


def _is_torn(path: Path) -> bool:
    """Say whether a file ends within a page, which SQLite reads as if zeros followed (file format, 1.3.2).

    Asked of the folder, never of the file: closing a second handle would drop every lock that this process holds on it
    (SQLite, "How to corrupt a database file", 2.2).
    """
    return path.is_file() and path.stat().st_size % PAGE != 0


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.damaged")


def in_chunks(items: Iterable[str], size: int = 500) -> Iterator[tuple[str, dict[str, str]]]:
    """Cut ids into pieces that fit an IN list.

    Yields:
        The list's text (`:i0,:i1,…`) and its parameters.
    """
    chunk: dict[str, str] = {}
    for item in items:
        chunk[f"i{len(chunk)}"] = item
        if len(chunk) == size:
            yield ",".join(f":{name}" for name in chunk), chunk
            chunk = {}
    if chunk:
        yield ",".join(f":{name}" for name in chunk), chunk
