"""Runs commands of strangers in a sandbox, or refuses to."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from town.drivers.process import signal_group
from town.errors import SandboxError
from town.sandbox import LIMITS, SYSTEM, Limits, command_line

KEPT: Final = 4 << 20
"""Bytes of output that are kept; what comes after is counted in the digest alone."""
_PROBE_S: Final = 20
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
        """Run a command in a copy of a folder.

        Args:
            command: For a shell.
            source: It is read and stays as it is.
            timeout: Seconds.

        Raises:
            SandboxError: The command was not run.
        """
        program = shutil.which("bwrap")
        if program is None:
            raise SandboxError("bubblewrap is not installed", _INSTALL)
        told, tell = os.pipe()
        try:
            argv = command_line(command, source, _system(), self._read, self._limits)
            # Whatever it does to the processor, the reviewer's own work goes first.
            return self._run(["nice", program, "--json-status-fd", str(tell), *argv], tell, told, timeout)
        finally:
            os.close(told)

    def _run(self, argv: Sequence[str], tell: int, told: int, timeout: float) -> Ended:
        began = time.monotonic()
        try:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={},
                start_new_session=True, pass_fds=(tell,),
            )  # fmt: skip
        finally:
            os.close(tell)
        with child:
            try:
                output = _Output(child, began + timeout)
            finally:
                # The first process of the sandbox dies with bubblewrap, and all others with the first.
                signal_group(child.pid, signal.SIGKILL)
            child.wait()
        code = _exit_code(told)
        if code is None and output.in_time:
            said = bytes(output.kept).decode(errors="replace").strip()
            raise SandboxError(said or "bubblewrap ended without a word", _INSTALL)
        seconds = int(time.monotonic() - began)
        return Ended(code if output.in_time else None, seconds, bytes(output.kept), output.digest.hexdigest())


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


def _exit_code(told: int) -> int | None:
    """Read bubblewrap's report: it names an exit code only where the command was run."""
    with os.fdopen(os.dup(told), "rb") as stream:
        reports = [json.loads(line) for line in stream.read().splitlines() if line]
    return next((int(report["exit-code"]) for report in reports if "exit-code" in report), None)


def _system() -> list[str]:
    found: list[str] = []
    for folder in (Path("/", name) for name in SYSTEM):
        if folder.is_symlink():
            found += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            found += ["--ro-bind", str(folder), str(folder)]
    return found
