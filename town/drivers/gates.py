"""Runs a rig's gates on a checked-out commit.

A gate is a command its owner wrote into the rig's configuration; the candidate has no say in which gates run. What
could not be executed (126, 127), took too long or was killed has failed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from town.bridge import GateResult
from town.config import Gate
from town.drivers.git import clean_env
from town.drivers.process import ProcessId, is_alive, process_of, signal_group, spawn, wait_end
from town.errors import GateError

_NOT_EXECUTABLE: Final = 126
_NOT_FOUND: Final = 127


class GateRunner:
    """Runs gates one at a time; can be cancelled from another thread.

    The running gate is noted in a file, so that one left behind by a killed supervisor is ended before the worktree
    is touched again.
    """

    def __init__(self, note: Path) -> None:
        self._note = note
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._cancelled = False

    def run_all(self, gates: Sequence[Gate], worktree: Path, logs: Path) -> tuple[GateResult, ...]:
        """Run gates in order, up to the first that fails.

        Raises:
            GateError: cancelled, so nothing is known.
        """
        results: list[GateResult] = []
        for gate in gates:
            results.append(self._run(gate, worktree, logs / f"{gate.name}.log"))
            if not results[-1].ok:
                break
        return tuple(results)

    def cancel(self) -> None:
        """End the running gate and refuse further ones."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                signal_group(self._child.pid, signal.SIGKILL)

    def end_leftover(self) -> None:
        """End a gate that outlived the supervisor that started it."""
        try:
            noted = ProcessId(**json.loads(self._note.read_text()))
        except (OSError, ValueError, TypeError):
            return
        if is_alive(noted):
            signal_group(noted.pid, signal.SIGKILL)
        self._note.unlink(missing_ok=True)

    def _run(self, gate: Gate, worktree: Path, log: Path) -> GateResult:
        began = time.monotonic()
        child = self._start(gate, worktree, log)
        try:
            in_time = wait_end(process_of(child), gate.timeout)
        finally:
            # Before the burial, while the number is still the gate's: what it left running goes with it.
            signal_group(child.pid, signal.SIGKILL)
            code = child.wait()
            self._finish()
        seconds = int(time.monotonic() - began)
        return GateResult(gate.name, in_time and code == 0, seconds, _explain(gate, code if in_time else None))

    def _start(self, gate: Gate, worktree: Path, log: Path) -> subprocess.Popen[bytes]:
        env = {**clean_env(os.environ), "GT_GATE": gate.name, "CI": "true"}
        with self._lock:
            if self._cancelled:
                raise GateError("The gates were cancelled.", "They run again when the supervisor does.")
            child = self._child = spawn(["/bin/sh", "-c", gate.command], env, worktree, log)
            self._write_note(child)
        return child

    def _write_note(self, child: subprocess.Popen[bytes]) -> None:
        process = process_of(child)
        self._note.write_text(json.dumps({"pid": process.pid, "started": process.started}))

    def _finish(self) -> None:
        with self._lock:
            self._child = None
            self._note.unlink(missing_ok=True)
            if self._cancelled:
                raise GateError("The gates were cancelled.", "They run again when the supervisor does.")


def _explain(gate: Gate, code: int | None) -> str:
    if code is None:
        return f"took more than {gate.timeout} s"
    if code in (_NOT_EXECUTABLE, _NOT_FOUND):
        return f"could not be executed (exit {code}); a gate that did not run has failed"
    return "" if code == 0 else f"exit {code}"
