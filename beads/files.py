"""Files that are whole or not there, whatever happens, and the token that tells whether a store was written. ⚡

Apart from `beads.repository` so that reading verbs need not import a git library.
"""

import os
from pathlib import Path
from typing import BinaryIO

GENERATION = "wl-generation"
"""A token that every write replaces before references move."""


def nonce() -> str:
    """Return a name that nobody else takes (`secrets` would bring in `random`: 4 ms at every start)."""
    return os.urandom(8).hex()


def read_generation(path: Path) -> str:
    """Return the generation token of a repository, or "" before its first write."""
    try:
        return (path / GENERATION).read_text()
    except FileNotFoundError:
        return ""


def write_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file: the old or the new contents stand there, whatever happens (to this process, if not durable)."""
    making = path.with_name(f".{path.name}.{nonce()}")
    try:
        with making.open("xb") as handle:
            handle.write(data)
            if durable:
                flush(handle)
        making.replace(path)
    except OSError:
        making.unlink(missing_ok=True)
        raise
    if durable:
        flush_folder(path.parent)


def publish_folder(making: Path, path: Path) -> None:
    """Give a finished folder its name; where another process was faster, its folder stands."""
    try:
        making.rename(path)
    except OSError:
        # Here: 2 ms at every start, for what hardly ever happens.
        import shutil  # noqa: PLC0415

        shutil.rmtree(making, ignore_errors=True)
        if not path.is_dir():
            raise
    flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush(handle: BinaryIO) -> None:
    """Make what was written to a file durable."""
    handle.flush()
    os.fsync(handle.fileno())


def git_environment() -> dict[str, str]:
    """Return an environment in which git reads no configuration but the repository's and asks nobody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    # What stands under refs/replace would be given out in the place of the object asked for.
    return kept | quiet | {"GIT_NO_REPLACE_OBJECTS": "1"}
