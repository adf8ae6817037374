"""Child processes that outlive whoever started them, and are never mistaken for another.

A process is known by its id and its start time, because ids are used again. Every process we start leads its own
process group, so that stopping it stops what it started. A slot's lock is inherited by the process that runs in
the slot: as long as any such process lives, the kernel itself refuses a second one, whatever our records say.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from town.agents import LaunchSpec
from town.errors import SessionError

_PROC: Final = Path("/proc")
_STAT_STATE: Final = 0
_STAT_START: Final = 19
"""Positions after the command's closing bracket in /proc/<pid>/stat (proc(5): fields 3 and 22)."""
_GONE: Final = "ZX"
_POLL: Final = 0.05
"""Seconds."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process, told apart from a later one with the same number."""

    pid: int
    started: str


class Runtime(Protocol):
    """How sessions are run. One driver a kind of runtime; the supervisor knows only this."""

    def start(self, spec: LaunchSpec, transcript: Path, keep: Sequence[int] = ()) -> ProcessId:
        """Start a session; its output goes to the transcript, the descriptors in `keep` stay open in it.

        Raises:
            SessionError: it could not be started.
        """

    def is_alive(self, process: ProcessId) -> bool:
        """Tell whether this very process still runs."""

    def exit_code(self, process: ProcessId) -> int | None:
        """Tell how it ended; None when it still runs or was not started by us."""

    def stop(self, processes: Sequence[ProcessId], grace: float) -> None:
        """Ask them to end, and after so many seconds make them."""

    def watch(self, process: ProcessId) -> int | None:
        """Open a descriptor that becomes readable when it ends; None where the system has no such thing."""


def identify(pid: int) -> ProcessId | None:
    """Look up a running process; None when there is none or it is only waiting to be buried."""
    started = _start_time(pid)
    return None if started is None else ProcessId(pid, started)


def _start_time(pid: int) -> str | None:
    if not (_PROC / "self" / "stat").exists():
        return _start_time_by_ps(pid)
    try:
        # The command may contain brackets and spaces; what follows the last bracket cannot.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[_STAT_STATE] in _GONE else fields[_STAT_START]


def _start_time_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    state, _, started = subprocess.run(
        command, capture_output=True, text=True, check=False
    ).stdout.strip().partition(" ")  # fmt: skip
    return None if not state or state[0] in _GONE else started.strip()


def is_alive(process: ProcessId) -> bool:
    """Tell whether this very process still runs."""
    return identify(process.pid) == process


def open_pidfd(pid: int) -> int | None:
    """Open a descriptor that becomes readable when the process ends; None where that is not possible."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def process_of(child: subprocess.Popen[bytes]) -> ProcessId:
    """Identify our own child; one that is over already has no start time left to read."""
    return identify(child.pid) or ProcessId(child.pid, "ended")


def wait_end(process: ProcessId, seconds: float) -> bool:
    """Wait for a process to end, without burying it; False when it took longer."""
    deadline = time.monotonic() + seconds
    while is_alive(process):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        _wait_change(process.pid, left)
    return True


def _wait_change(pid: int, seconds: float) -> None:
    fd = open_pidfd(pid)
    if fd is None:
        # Without pidfd (not Linux, or older than 5.3) there is no event for a process that is not our child.
        time.sleep(min(seconds, _POLL))
        return
    try:
        select.select([fd], [], [], seconds)
    finally:
        os.close(fd)


def signal_group(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process group we made; one that is gone is fine."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def spawn(
    command: Sequence[str], env: dict[str, str], cwd: Path, output: Path, keep: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a process that leads its own group, reads nothing and appends what it says to a file.

    Raises:
        SessionError: the program or the folder is not there.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        with output.open("ab") as sink:
            return subprocess.Popen(
                list(command), cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=sink,
                stderr=subprocess.STDOUT, start_new_session=True, pass_fds=tuple(keep),
            )  # fmt: skip
    except OSError as error:
        raise SessionError(f"{command[0]} could not be started: {error}", "Is it installed?") from error


@contextmanager
def slot_lock(path: Path) -> Iterator[int]:
    """Hold a slot while a process is started in it; pass the descriptor on and the process holds it too.

    Raises:
        SessionError: a process in this slot is still alive.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    except BlockingIOError:
        raise SessionError(f"A process still runs in the slot {path.stem}.", "It must end first.") from None
    finally:
        os.close(fd)


class ProcessRuntime:
    """Sessions as plain child processes: the default, needs no terminal."""

    def __init__(self) -> None:
        self._children: dict[ProcessId, subprocess.Popen[bytes]] = {}

    def start(self, spec: LaunchSpec, transcript: Path, keep: Sequence[int] = ()) -> ProcessId:
        """Start a session; its output goes to the transcript."""
        child = spawn(spec.command, dict(spec.env), spec.cwd, transcript, keep)
        process = process_of(child)
        self._children[process] = child
        return process

    def is_alive(self, process: ProcessId) -> bool:
        """Tell whether this very process still runs."""
        return is_alive(process)

    def exit_code(self, process: ProcessId) -> int | None:
        """Tell how it ended, burying it and whatever it left running in its group."""
        child = self._children.get(process)
        if child is None or is_alive(process):
            return None
        # Before the wait: an unburied leader still owns the number, so the group cannot be somebody else's.
        signal_group(process.pid, signal.SIGKILL)
        del self._children[process]
        return child.wait()

    def stop(self, processes: Sequence[ProcessId], grace: float) -> None:
        """Ask them to end, and after so many seconds make them."""
        living = [process for process in processes if is_alive(process)]
        for process in living:
            signal_group(process.pid, signal.SIGTERM)
        _wait_all(living, grace)
        for process in living:
            signal_group(process.pid, signal.SIGKILL)
        _wait_all(living, grace)

    def watch(self, process: ProcessId) -> int | None:
        """Open a descriptor that becomes readable when it ends."""
        return open_pidfd(process.pid) if is_alive(process) else None


def _wait_all(processes: Sequence[ProcessId], seconds: float) -> None:
    """Wait until all have ended or the time is over."""
    deadline = time.monotonic() + seconds
    for process in processes:
        wait_end(process, max(0.0, deadline - time.monotonic()))
