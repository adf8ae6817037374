"""What a stranger's command may see and touch: a copy of the work, the system's programs, and nothing else.

No network, no home directory, no environment, no privileges, no process but its own; what it writes is gone when it
ends (protocol, section 10). Bubblewrap makes it so out of the kernel's namespaces; where that cannot be, nothing runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEM: Final = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders that are links into /usr on most systems, and of their own on others."""

_SETTINGS: Final = (
    "alternatives", "ca-certificates", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "ssl/certs",
)  # fmt: skip
"""Of /etc: what programs need to start, and no name, address or password."""
_PATH: Final = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_SHARED: Final = 64 << 20
_WORK: Final = "/work"
_HOME: Final = "/tmp/home"
# The count of processes is lowered from inside, where it is that of the sandbox and not of the whole user; shells
# disagree on the letter. What fails before the word on descriptor 9 is not the command's failure.
_BEGIN: Final = (
    '{{ ulimit -u {processes} 2>/dev/null || ulimit -p {processes}; }} && mkdir -p "$HOME" && tar -x -f - <&8 '
    '&& echo ready >&9 && exec 8>&- 9>&- && exec /bin/sh -c "$0"'
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a command may use.

    Attributes:
        disk: Bytes of the copy, and again of what is written to /tmp; both lie in memory.
        memory: Bytes of data of one process.
        processes: How many at once.
    """

    disk: int = 2 << 30
    memory: int = 4 << 30
    processes: int = 1024


LIMITS: Final = Limits()


def command_line(command: str, system: Sequence[str], read: Sequence[Path] = (), limits: Limits = LIMITS) -> list[str]:
    """Return how bubblewrap is to run a command.

    Args:
        command: For a shell, in a folder of its own with the work, which comes as an archive on descriptor 8.
        system: Bubblewrap's arguments for the folders of `SYSTEM`, as they are on this machine.
        read: Further folders that may be read, such as that of a compiler; their `bin` is on the path.
        limits: How much the command may use.
    """
    begin = _BEGIN.format(processes=limits.processes)
    return [
        "--unshare-user", "--disable-userns", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
        "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
        "--ro-bind", "/usr", "/usr", *system, *_bound(*(f"/etc/{name}" for name in _SETTINGS)),
        "--proc", "/proc", "--dev", "/dev", "--size", str(limits.disk), "--tmpfs", "/tmp",
        *(word for folder in read for word in ("--ro-bind", str(folder), str(folder))),
        "--size", str(limits.disk), "--tmpfs", _WORK, "--size", str(_SHARED), "--tmpfs", "/dev/shm",
        # /proc holds what governs the whole machine; and a folder that nobody sized takes half of its memory.
        "--remount-ro", "/proc", "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", _WORK,
        "--clearenv", *_environment(read),
        "--", "/bin/sh", "-c", begin, command,
    ]  # fmt: skip


def _bound(*paths: str) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]


def _environment(read: Sequence[Path]) -> list[str]:
    path = ":".join([*(str(folder / "bin") for folder in read), _PATH])
    values = {"PATH": path, "HOME": _HOME, "LANG": "C.UTF-8", "TERM": "dumb", "CI": "true", "GIT_CONFIG_NOSYSTEM": "1"}
    return [word for name, value in values.items() for word in ("--setenv", name, value)]
