"""Looks at sessions, the ledger, worktrees and queues, and says what it sees as an `Observation`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from town.config import RigFile
from town.context import Context
from town.decisions import DecisionLog
from town.drivers.process import Runtime
from town.errors import StateError, TownError
from town.lifecycle import State, Work, read_work
from town.observation import Failure, Observation, RigView, SessionView, Slot
from town.runtime_state import RuntimeState, SessionRow


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads the town; the one thing it changes is the record of sessions that have ended."""

    context: Context
    state: RuntimeState
    runtime: Runtime
    log: DecisionLog

    def observe(self, busy: Collection[str], failures: Mapping[str, Failure]) -> Observation:
        """See everything at once.

        Raises:
            LedgerError: the ledger cannot be read, so nothing can be decided.
        """
        # Processes before the ledger: whatever a dead process handed in is then already to be read there.
        living, dead = self._sessions()
        work = self._work()
        for row in dead:
            self._bury(row, work)
        now = self.context.clock()
        rigs = self._rigs()
        numbers = self.context.config.supervision
        return Observation(
            now_ms=now,
            work=work,
            sessions=tuple(_view(row) for row in living),
            crashes=self.state.crashes(now - numbers.crash_window * 1000),
            worktrees=frozenset(slot for name in rigs for slot in self._worktrees(name)),
            rigs={name: self._rig_view(name, file, busy) for name, file in rigs.items()},
            failures=failures,
            max_polecats=self.context.config.town.max_polecats,
            numbers=numbers,
        )

    def _sessions(self) -> tuple[list[SessionRow], list[SessionRow]]:
        living: list[SessionRow] = []
        dead: list[SessionRow] = []
        for row in self.state.open_sessions():
            (living if self.runtime.is_alive(row.process) else dead).append(row)
        return living, dead

    def _work(self) -> tuple[Work, ...]:
        """Read every bead in motion; one in no known state is reported and left alone."""
        found: list[Work] = []
        for bead in self.context.active_beads():
            try:
                found.append(read_work(bead))
            except StateError as error:
                self.log.happened("BeadUnreadable", {"bead": bead.id, "error": error.message})
        return tuple(found)

    def _bury(self, row: SessionRow, work: tuple[Work, ...]) -> None:
        code = self.runtime.exit_code(row.process)
        clean = not any(_was_left(item, row) for item in work)
        self.state.end_session(row.id, self.context.clock(), code, clean=clean)
        self.log.happened("SessionEnded", {"session": row.id, "exit_code": code, "clean": clean})

    def _rigs(self) -> dict[str, RigFile]:
        """Read every rig that can be read; one that cannot is reported and left alone."""
        files: dict[str, RigFile] = {}
        for name in self.context.rig_names():
            try:
                files[name] = self.context.rig_file(name)
            except TownError as error:
                self.log.happened("RigUnreadable", {"rig": name, "error": error.message})
        return files

    def _worktrees(self, rig: str) -> list[Slot]:
        return [(rig, polecat) for polecat in self.context.rig(rig).polecats()]

    def _rig_view(self, name: str, file: RigFile, busy: Collection[str]) -> RigView:
        timeout, attempts = file.rig.session_timeout * 1000, file.rig.max_attempts
        return RigView(name, timeout, attempts, name in busy, self.state.hold(name))


def _view(row: SessionRow) -> SessionView:
    return SessionView(row.id, (row.rig, row.polecat), row.bead, row.fence, row.started_ms)


def _was_left(item: Work, row: SessionRow) -> bool:
    """Tell whether a session ended with its bead still its own to work on."""
    return item.id == row.bead and item.state is State.WORKING and item.fence == row.fence
