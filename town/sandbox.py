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
_SOURCE: Final = "/source"
_WORK: Final = "/work"
_HOME: Final = "/tmp/home"
# Limits are lowered from inside: the count of processes is then that of the sandbox, not of the whole user. Shells
# disagree on the letter. The copy is what may be changed, so that the checkout stays as it was for the next command.
_BEGIN: Final = (
    'ulimit -c 0; ulimit -f {blocks}; ulimit -d {data}; ulimit -n 4096; ulimit -u {processes} 2>/dev/null || '
    'ulimit -p {processes}; mkdir -p "$HOME" && cp -a {source}/. {work} && exec /bin/sh -c "$0"'
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a command may use.

    Attributes:
        disk: Bytes of the copy and what is written beside it; they lie in memory.
        memory: Bytes of data of one process.
        processes: How many at once.
    """

    disk: int = 2 << 30
    memory: int = 4 << 30
    processes: int = 1024


LIMITS: Final = Limits()


def command_line(
    command: str, source: Path, system: Sequence[str], read: Sequence[Path] = (), limits: Limits = LIMITS
) -> list[str]:
    """Return how bubblewrap is to run a command.

    Args:
        command: For a shell, in a copy of `source`.
        source: A checkout; it is read and never written.
        system: Bubblewrap's arguments for the folders of `SYSTEM`, as they are on this machine.
        read: Further folders that may be read, such as that of a compiler; their `bin` is on the path.
        limits: How much the command may use.
    """
    begin = _BEGIN.format(
        blocks=limits.disk // 512, data=limits.memory // 1024, processes=limits.processes, source=_SOURCE, work=_WORK
    )
    return [
        "--unshare-user", "--disable-userns", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
        "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--cap-drop", "ALL",
        "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
        "--ro-bind", "/usr", "/usr", *system, *_bound(*(f"/etc/{name}" for name in _SETTINGS)),
        "--proc", "/proc", "--dev", "/dev", "--size", str(limits.disk), "--tmpfs", "/tmp",
        *_bound(*map(str, read)), "--ro-bind", str(source), _SOURCE,
        "--size", str(limits.disk), "--tmpfs", _WORK, "--chdir", _WORK,
        "--clearenv", *_environment(read),
        "--", "/bin/sh", "-c", begin, command,
    ]  # fmt: skip


def _bound(*paths: str) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]


def _environment(read: Sequence[Path]) -> list[str]:
    path = ":".join([*(str(folder / "bin") for folder in read), _PATH])
    values = {"PATH": path, "HOME": _HOME, "LANG": "C.UTF-8", "TERM": "dumb", "CI": "true", "GIT_CONFIG_NOSYSTEM": "1"}
    return [word for name, value in values.items() for word in ("--setenv", name, value)]
