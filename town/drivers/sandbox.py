"""Runs commands of strangers in a sandbox, or refuses to."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from town.drivers import apart
from town.drivers.process import signal_group
from town.errors import SandboxError
from town.sandbox import LIMITS, SYSTEM, Limits, command_line

KEPT: Final = 4 << 20
"""Bytes of output that are kept; what comes after is counted in the digest alone."""
_PROBE_S: Final = 20
_SHELLS: Final = 10

_INSTALL: Final = "Install bubblewrap 0.8 or newer (apt install bubblewrap). Nothing runs without it."


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        exit: Its exit code, 128 and the signal where one ended it; None where it took too long.
        seconds: How long it ran.
        output: What it printed, up to `KEPT` bytes.
        digest: SHA-256 of all that it printed, in hexadecimal.
    """

    exit: int | None
    seconds: int
    output: bytes
    digest: str


class Sandbox:
    """Where commands of strangers run.

    Args:
        read: Further folders that they may read; their `bin` is on the path.
        limits: How much each may use.
    """

    def __init__(self, read: Sequence[Path] = (), limits: Limits = LIMITS) -> None:
        self._read = tuple(read)
        self._limits = limits

    def check(self, source: Path) -> None:
        """Find out whether a command can be shut in at all.

        Args:
            source: Any folder.

        Raises:
            SandboxError: It cannot, so nothing may run.
        """
        try:
            ended = self.run("exit 0", source, _PROBE_S)
        except SandboxError as error:
            raise SandboxError(f"no sandbox on this machine: {error.message}", error.hint) from error
        if ended.exit != 0:
            raise SandboxError(f"no sandbox on this machine: {ended.output.decode(errors='replace').strip()}", _INSTALL)

    def run(self, command: str, source: Path, timeout: float) -> Ended:
        """Run one command in a copy of a folder; see `Work.run`."""
        with self.holding(source) as work:
            return work.run(command, timeout)

    @contextmanager
    def holding(self, source: Path) -> Iterator[Work]:
        """Take a folder in, once for all the commands that are to run in copies of it; it stays as it is."""
        with tempfile.TemporaryFile() as archive:
            with tarfile.open(fileobj=archive, mode="w:", format=tarfile.PAX_FORMAT) as packed:
                packed.add(source, ".")
            archive.flush()
            fd = _above(archive.fileno())
            try:
                yield Work(fd, self._read, self._limits)
            finally:
                os.close(fd)


class Work:
    """A folder as an archive, for it may lie where the sandbox has no way to. `Sandbox.holding` makes one.

    Args:
        archive: A descriptor of it.
        read: Further folders that commands may read.
        limits: How much each may use.
    """

    def __init__(self, archive: int, read: Sequence[Path], limits: Limits) -> None:
        self._archive = archive
        self._read = read
        self._limits = limits

    def run(self, command: str, timeout: float) -> Ended:
        """Run a command in a copy of the folder.

        Args:
            command: For a shell.
            timeout: Seconds, those of laying the copy out included.

        Raises:
            SandboxError: The command was not run.
        """
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxError("bubblewrap is not installed", _INSTALL)
        # Whoever read it before left off at its end.
        os.lseek(self._archive, 0, os.SEEK_SET)
        with _Pipe() as status, _Pipe() as ready:
            limits = (str(self._limits.disk), str(self._limits.memory))
            argv = command_line(command, _system(), self._read, self._limits)
            launch = [sys.executable, "-I", "-S", apart.__file__, str(self._archive), str(ready.tell), *limits]
            shut_in = [*launch, program, "--json-status-fd", str(status.tell), *argv]
            return _run(shut_in, self._archive, status, ready, timeout)


def _above(fd: int) -> int:
    """Return another descriptor of the same, out of the way of those that the sandbox's shell knows."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _SHELLS)


def _run(argv: Sequence[str], work: int, status: _Pipe, ready: _Pipe, timeout: float) -> Ended:
    began = time.monotonic()
    child = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={},
        start_new_session=True, pass_fds=(work, status.tell, ready.tell),
    )  # fmt: skip
    with child:
        try:
            output = _Output(child, began + timeout)
        finally:
            # The first process of the sandbox dies with bubblewrap, and all others with the first.
            signal_group(child.pid, signal.SIGKILL)
        child.wait()
    if not ready.read():
        said = bytes(output.kept).decode(errors="replace").strip()
        raise SandboxError(f"the sandbox could not be prepared: {said or 'no word why'}", _INSTALL)
    seconds = int(time.monotonic() - began)
    code = _exit_code(status.read()) if output.in_time else None
    return Ended(code, seconds, bytes(output.kept), output.digest.hexdigest())


class _Pipe:
    """A pipe on which a child tells something; it is read once the child has ended."""

    def __enter__(self) -> Self:
        self._told, tell = os.pipe()
        self.tell = _above(tell)
        os.close(tell)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._told)
        if self.tell >= 0:
            os.close(self.tell)

    def read(self) -> bytes:
        os.close(self.tell)
        self.tell = -1
        with os.fdopen(os.dup(self._told), "rb") as stream:
            return stream.read()


class _Output:
    """What a child prints until it ends or its time is over."""

    def __init__(self, child: subprocess.Popen[bytes], until: float) -> None:
        self.kept = bytearray()
        self.digest = hashlib.sha256()
        self.in_time = False
        assert child.stdout is not None
        fd = child.stdout.fileno()
        while select.select([fd], [], [], max(0.0, until - time.monotonic()))[0]:
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                self.in_time = True
                return
            self.digest.update(chunk)
            self.kept += chunk[: KEPT - len(self.kept)]
            if time.monotonic() >= until:
                return


def _exit_code(status: bytes) -> int | None:
    """Read bubblewrap's report; None where it was killed before it could say."""
    reports = [json.loads(line) for line in status.splitlines() if line]
    return next((int(report["exit-code"]) for report in reports if "exit-code" in report), None)


def _system() -> list[str]:
    found: list[str] = []
    for folder in (Path("/", name) for name in SYSTEM):
        if folder.is_symlink():
            found += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            found += ["--ro-bind", str(folder), str(folder)]
    return found
