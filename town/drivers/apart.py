"""Takes on what a stranger's command is to have of this process, then becomes the program that shuts it in.

A script of its own, run by a fresh interpreter: what it does cannot be undone, and must not happen to its caller.

Usage: apart.py WORK READY DISK MEMORY PROGRAM ARGUMENT…, the first two being descriptors above 9.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

_WORK, _READY = 8, 9
"""The descriptors under which the sandbox finds the work, and says that all is prepared: shells know one digit."""
_NOBODY = 65534
_FILES = 4096
_JOIN_SESSION_KEYRING = 1
# The number of keyctl(2) is the machine's; there is no name for it in the C library.
_KEYCTL = {
    "x86_64": 250, "i686": 288, "aarch64": 219, "armv7l": 311, "riscv64": 219, "ppc64le": 271, "s390x": 280,
}  # fmt: skip


def main() -> None:
    """Leave the caller's keys and rights behind, lower the limits, and go on as the program."""
    work, ready, disk, memory = (int(text) for text in sys.argv[1:5])
    _leave_keys()
    for limit, value in (
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, disk), (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_NOFILE, _FILES),
    ):  # fmt: skip
        _lower(limit, value)
    # Whatever it does to the processor, the reviewer's own work goes first.
    os.nice(10)
    _hand_over(work, ready)
    if os.geteuid() == 0:
        # The kernel counts no processes of root's, and gives root's files to root in whatever namespace.
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    os.execv(sys.argv[5], sys.argv[5:])


def _leave_keys() -> None:
    """Join an empty keyring in the place of the session's; a kernel without any answers that it has none."""
    number = _KEYCTL.get(os.uname().machine)
    if number is None:
        sys.exit(f"the keys in the kernel cannot be kept from a command on {os.uname().machine}")
    ctypes.CDLL(None).syscall(number, _JOIN_SESSION_KEYRING, None)


def _lower(limit: int, value: int) -> None:
    highest = resource.getrlimit(limit)[1]
    least = value if highest == resource.RLIM_INFINITY else min(value, highest)
    resource.setrlimit(limit, (least, least))


def _hand_over(work: int, ready: int) -> None:
    """Put two descriptors under their numbers alone: the shell closes those before the command begins."""
    for given, number in ((work, _WORK), (ready, _READY)):
        os.dup2(given, number)
        os.close(given)


if __name__ == "__main__":
    main()
