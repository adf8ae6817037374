"""Runs one change of an identity again and again, each time in a fresh copy of a home, killed one line later.

    python -m tests.node.keybox_driver BASE OUT WORK

Leaves OUT/1, OUT/2, … as the killed processes left them, and OUT/whole where the work was done; of several that left
the same, only the first.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from node import identity
from node.home import Home
from node.recovery import Safe, safe
from stamps import keylog

LINES_AT_MOST = 2000
# What changes anything on the disk; a kill before any of its lines is a kill anywhere.
WATCHED = ("node/keybox.py", "beads/files.py", "stamps/keyring.py")
WRITES = frozenset(
    ("stage", "wait_with", "commit", "_settle", "_place", "hand_over", "write_file", "write_key", "_write_durably")
)


def home_of(folder: Path) -> Home:
    return Home(folder / "home")


def at_home(folder: Path) -> Safe:
    return safe(home_of(folder), None, None)


def elsewhere(folder: Path) -> Safe:
    return safe(home_of(folder), folder / "usb" / "recovery.key", None)


def make(folder: Path) -> None:
    home_of(folder).make_identity()


def rotate_device(folder: Path) -> None:
    identity.rotate_device(home_of(folder), at_home(folder))


def rotate_elsewhere(folder: Path) -> None:
    identity.rotate_device(home_of(folder), elsewhere(folder))


def recover(folder: Path) -> None:
    known = [keylog.verify((folder / "keys.jsonl").read_bytes())]
    identity.recover(home_of(folder), elsewhere(folder), known, actor=None, lost=(), wanted=())


def adopt(folder: Path) -> None:
    home = home_of(folder)
    identity.adopt(home, [keylog.verify((folder / "keys.jsonl").read_bytes())], None)


def learn(folder: Path) -> None:
    home_of(folder).box.learn(keylog.verify((folder / "keys.jsonl").read_bytes()))


WORKS: dict[str, Callable[[Path], None]] = {
    "make": make,
    "rotate_device": rotate_device,
    "rotate_elsewhere": rotate_elsewhere,
    "recover": recover,
    "adopt": adopt,
    "learn": learn,
}


class Fuse:
    """Kills this process before the n-th line of the modules that write keys."""

    def __init__(self, lines: int) -> None:
        self._left = lines

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_name not in WRITES or not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def killed(folder: Path, work: Callable[[Path], None], lines: int) -> bool:
    child = os.fork()
    if child == 0:
        sys.settrace(Fuse(lines).trace)
        work(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def files(folder: Path) -> dict[str, int]:
    """What lies in a folder: the names, and how much each file holds (new keys differ every time)."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def main(base: Path, out: Path, name: str) -> None:
    before: dict[str, int] = {}
    for lines in range(1, LINES_AT_MOST):
        folder = out / str(lines)
        shutil.copytree(base, folder)
        if not killed(folder, WORKS[name], lines):
            folder.rename(out / "whole")
            return
        if files(folder) == before:
            shutil.rmtree(folder)
        else:
            before = files(folder)
    raise AssertionError("the work takes more lines than anybody would wait for")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
