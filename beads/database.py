"""The index's database, spoken to in plain SQL with named parameters (`:name`). ⚡

The embedded default is the standard library's sqlite3: a cold verb answers before SQLAlchemy would be imported.
The same texts run through SQLAlchemy where the index lives on a server (`beads.alchemy`).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from beads.errors import StoreError

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

    def close(self) -> None:
        """Give back what is held."""


class Sqlite:
    """An SQLite file in WAL mode: readers and one writer do not wait for each other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        # The index can be rebuilt from git, so losing its last moments to a power cut is fine: NORMAL, not FULL.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "cache_size=-16000"):
            self._connection.execute(f"PRAGMA {pragma}")

    def query(self, sql: str, parameters: Parameters | None = None) -> list[Row]:
        """Return all rows of a query."""
        return self._connection.execute(sql, parameters or {}).fetchall()

    def run(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement."""
        self._connection.execute(sql, parameters or {})

    def run_many(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run one statement for each of many rows."""
        if rows:
            self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what runs inside one change, or none."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        try:
            self._connection.commit()
        except sqlite3.Error as error:
            self._connection.rollback()
            raise StoreError(f"cannot write the index: {error}", f"Make room at {self.path.parent}.") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


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
