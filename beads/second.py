"""A second process of this program, for what takes two cores half the time. ⚡

It runs the modules that this one would import, whatever the environment or the working folder holds.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

_BEGIN = (
    "import json, sys; from importlib import import_module; sys.path[:] = json.loads(sys.argv[1]); "
    "import_module(sys.argv[2]).main(*sys.argv[3:])"
)


def is_possible() -> bool:
    """Say whether there is a core for it, and a Python to run."""
    return (os.cpu_count() or 1) > 1 and bool(sys.executable)


def begin(module: str, *arguments: str, files: Sequence[int], answers: bool = False) -> subprocess.Popen[bytes]:
    """Run the `main` of a module in a process of its own.

    Args:
        files: Open files that it has, too, under the same numbers.
        answers: What it writes to its standard output can be read here.

    Raises:
        OSError: There is no room for a process.
    """
    # A fork would take along threads and open files.
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-I", "-c", _BEGIN, json.dumps(sys.path), module, *arguments],
        pass_fds=files, stdin=nothing, stdout=subprocess.PIPE if answers else nothing, stderr=nothing,
    )  # fmt: skip


def memory() -> IO[bytes]:
    """Make room that another process can map: in memory, or in a file where the system has no such thing."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("wl-second"), "w+b")
    return tempfile.TemporaryFile()
