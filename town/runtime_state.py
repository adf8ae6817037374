"""What a town may forget: which processes run, how gates went, why a queue is held. SQLite, free to lose.

Losing it loses no work: sessions are fenced by the ledger and locked out of each other's slots by the kernel, gates
run again, a hold is found again.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from town.bridge import GateResult
from town.drivers.process import ProcessId
from town.observation import Crash, Hold

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, rig TEXT NOT NULL, polecat TEXT NOT NULL, bead TEXT NOT NULL, fence INTEGER NOT NULL,
    pid INTEGER NOT NULL, started TEXT NOT NULL, started_ms INTEGER NOT NULL, heartbeat_ms INTEGER NOT NULL,
    ended_ms INTEGER, exit_code INTEGER, clean INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS session_open ON session (ended_ms);
CREATE TABLE IF NOT EXISTS verdict (
    rig TEXT NOT NULL, sha TEXT NOT NULL, gates TEXT NOT NULL, ok INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    results TEXT NOT NULL, PRIMARY KEY (rig, sha, gates)
) STRICT;
CREATE TABLE IF NOT EXISTS hold (
    rig TEXT PRIMARY KEY, until_ms INTEGER NOT NULL, heads TEXT NOT NULL, reason TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session on record; `heartbeat_ms` is when it last spoke to us."""

    id: str
    rig: str
    polecat: str
    bead: str
    fence: int
    process: ProcessId
    started_ms: int
    heartbeat_ms: int
    ended_ms: int | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a commit did under a set of gates."""

    ok: bool
    at_ms: int
    results: tuple[GateResult, ...]


_SESSION: Final = (
    "SELECT id, rig, polecat, bead, fence, pid, started, started_ms, heartbeat_ms, ended_ms, exit_code FROM session"
)


def _session(id: str, rig: str, polecat: str, bead: str, fence: int, pid: int, started: str, *rest: int) -> SessionRow:
    return SessionRow(id, rig, polecat, bead, fence, ProcessId(pid, started), *rest)


class RuntimeState:
    """One connection; every thread opens its own."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it where there is none."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    # Sessions

    def record_session(self, row: SessionRow) -> None:
        """Remember a session that was started."""
        self._db.execute(
            "INSERT INTO session (id, rig, polecat, bead, fence, pid, started, started_ms, heartbeat_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (row.id, row.rig, row.polecat, row.bead, row.fence, row.process.pid, row.process.started,
             row.started_ms, row.heartbeat_ms),
        )  # fmt: skip

    def open_sessions(self) -> tuple[SessionRow, ...]:
        """List sessions not known to have ended."""
        return self._sessions(f"{_SESSION} WHERE ended_ms IS NULL ORDER BY started_ms, id", ())

    def recent_sessions(self, limit: int) -> tuple[SessionRow, ...]:
        """List the latest sessions, the newest first."""
        return self._sessions(f"{_SESSION} ORDER BY started_ms DESC, id LIMIT ?", (limit,))

    def _sessions(self, query: str, values: tuple[int, ...]) -> tuple[SessionRow, ...]:
        return tuple(_session(*row) for row in self._db.execute(query, values))

    def heartbeat(self, session: str, now_ms: int) -> None:
        """Remember that a session spoke to us."""
        self._db.execute("UPDATE session SET heartbeat_ms = ? WHERE id = ?", (now_ms, session))

    def end_session(self, session: str, now_ms: int, exit_code: int | None, *, clean: bool) -> None:
        """Remember that a session ended; clean: its bead had left its hands."""
        self._db.execute(
            "UPDATE session SET ended_ms = ?, exit_code = ?, clean = ? WHERE id = ? AND ended_ms IS NULL",
            (now_ms, exit_code, clean, session),
        )

    def crashes(self, since_ms: int) -> tuple[Crash, ...]:
        """List unclean ends since then, the oldest first."""
        rows = self._db.execute(
            "SELECT bead, ended_ms FROM session WHERE clean = 0 AND ended_ms > ? ORDER BY ended_ms, id",
            (since_ms,),
        )
        return tuple(Crash(bead, ended_ms) for bead, ended_ms in rows)

    def forgive(self, bead: str) -> None:
        """Forget a bead's crashes, because a person looked."""
        self._db.execute("UPDATE session SET clean = 1 WHERE bead = ?", (bead,))

    # Gates

    def verdict(self, rig: str, sha: str, gates: str) -> Verdict | None:
        """Recall how a commit did under these gates."""
        query = "SELECT ok, at_ms, results FROM verdict WHERE rig = ? AND sha = ? AND gates = ?"
        row = self._db.execute(query, (rig, sha, gates)).fetchone()
        if row is None:
            return None
        return Verdict(bool(row[0]), row[1], tuple(GateResult(**result) for result in json.loads(row[2])))

    def record_verdict(self, rig: str, sha: str, gates: str, verdict: Verdict) -> None:
        """Remember how a commit did under these gates."""
        plain = json.dumps([
            {"name": r.name, "ok": r.ok, "seconds": r.seconds, "detail": r.detail} for r in verdict.results
        ])  # fmt: skip
        self._db.execute(
            "INSERT OR REPLACE INTO verdict VALUES (?, ?, ?, ?, ?, ?)",
            (rig, sha, gates, verdict.ok, verdict.at_ms, plain),
        )

    # Holds

    def hold(self, rig: str) -> Hold | None:
        """Recall why a queue is held."""
        row = self._db.execute("SELECT until_ms, heads, reason FROM hold WHERE rig = ?", (rig,)).fetchone()
        return None if row is None else Hold(row[0], frozenset(json.loads(row[1])), row[2])

    def record_hold(self, rig: str, hold: Hold) -> None:
        """Remember why a queue is held."""
        values = (rig, hold.until_ms, json.dumps(sorted(hold.heads)), hold.reason)
        self._db.execute("INSERT OR REPLACE INTO hold VALUES (?, ?, ?, ?)", values)

    def clear_hold(self, rig: str) -> None:
        """Let a queue go on, and forget what failed in it."""
        self._db.execute("DELETE FROM hold WHERE rig = ?", (rig,))
        self._db.execute("DELETE FROM verdict WHERE rig = ? AND ok = 0", (rig,))
