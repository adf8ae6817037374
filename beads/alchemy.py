"""The index's database through SQLAlchemy, for what is not the embedded default. ⚡"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, text

from beads.database import Parameters, Row


class Alchemy:
    """See `beads.database.Database`.

    Args:
        url: An SQLAlchemy address, such as `postgresql+psycopg://…`.
    """

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        self._inside: Connection | None = None

    def query(self, sql: str, parameters: Parameters | None = None) -> list[Row]:
        """Return all rows of a query."""
        with self._connection() as connection:
            return [tuple(row) for row in connection.execute(text(sql), dict(parameters or {}))]

    def run(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement."""
        with self._connection() as connection:
            connection.execute(text(sql), dict(parameters or {}))

    def run_many(self, sql: str, rows: Sequence[Parameters]) -> None:
        """Run one statement for each of many rows."""
        if rows:
            with self._connection() as connection:
                connection.execute(text(sql), [dict(row) for row in rows])

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what runs inside one change, or none."""
        with self._engine.begin() as connection:
            self._inside = connection
            try:
                yield
            finally:
                self._inside = None

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        if self._inside is not None:
            yield self._inside
            return
        with self._engine.begin() as connection:
            yield connection

    def scrub(self) -> None:
        """A server takes deleted rows off its disk in its own time (PostgreSQL: VACUUM)."""

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()
