"""A write-ahead journal: one flush makes a write durable, the files it stands for follow in their own time. ⚡

1. A write is appended to the journal and flushed before anything else of it is done. Then its objects and references
   are written without a flush: every reader sees them at once, for all share the system's cache of files.
2. A process that is killed in between leaves its last entry half done. Whoever next holds the repository's lock does
   it again.
3. A machine that goes down may lose every file written since the last settling. The journal says under which start of
   the system it was written; under another one everything in it is done again, durably.
4. Where the system does not tell one start from another there is no journal: every file is flushed.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from beads.files import flush_folder
from beads.gitobject import GitObject

NAME = "wl-journal"
SETTLE_AT = 2 << 20
"""Bytes of a journal that is to be settled."""
_HEAD = struct.Struct(">I32s")
_FOOT = struct.Struct(">I")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class RefUpdate(NamedTuple):
    """A reference's move; None is absence."""

    name: str
    old: str | None
    new: str | None


class Entry(NamedTuple):
    """One write."""

    objects: list[GitObject]
    updates: list[RefUpdate]


class _Stored(msgspec.Struct, array_like=True, gc=False):
    objects: list[tuple[str, str, bytes]]
    updates: list[tuple[str, str | None, str | None]]


def start_of_system() -> str:
    """Return what tells this start of the system from every other, or "" where nothing does."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


class Journal:
    """The journal of one repository; all but `is_stale` needs the repository's lock.

    Args:
        start: What `start_of_system` says.
    """

    def __init__(self, folder: Path, start: str) -> None:
        self.path = folder / NAME
        self._start = start.encode()

    @property
    def size(self) -> int:
        """Its bytes; 0 where there is nothing to settle."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def usable(self) -> bool:
        """False where every file must be flushed instead."""
        return bool(self._start)

    @property
    def mark(self) -> tuple[int, ...]:
        """What differs after any change of it: another process may have begun anew and come to the same size."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns

    def is_stale(self) -> bool:
        """Say whether it was written before the system was last started."""
        try:
            with self.path.open("rb") as handle:
                start = handle.readline()
        except FileNotFoundError:
            # Perhaps settled a moment ago: asking takes no lock.
            return False
        return bool(start) and start.rstrip(b"\n") != self._start

    def append(self, objects: Sequence[GitObject], updates: Sequence[RefUpdate]) -> int:
        """Make a write durable; return where it begins, for `take_back`."""
        stored = _Stored([(*one,) for one in objects], [(*one,) for one in updates])
        raw = msgspec.msgpack.encode(stored)
        head = b"" if self.size else self._start + b"\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            at = os.fstat(handle).st_size
            try:
                _write_all(handle, head + _HEAD.pack(len(raw), sha256(raw).digest()) + raw + _FOOT.pack(len(raw)))
                os.fsync(handle)
                if head:
                    flush_folder(self.path.parent)
            except OSError:
                # What is only half there would hide what comes behind it; what is whole would be done later.
                _cut(handle, at)
                raise
        finally:
            os.close(handle)
        return at

    def take_back(self, at: int) -> None:
        """Undo an `append`, durably: what it stood for could not be done, and was told to nobody."""
        handle = os.open(self.path, os.O_WRONLY)
        try:
            _cut(handle, at)
        finally:
            os.close(handle)

    def mend(self) -> None:
        """Cut off a torn end, which would hide what comes behind it."""
        end = max(self._ends(), default=0)
        if end:
            os.truncate(self.path, end)
        else:
            self.path.unlink(missing_ok=True)

    def last(self) -> Entry | None:
        """Return the last entry; None where it is torn."""
        size = self.size
        with self.path.open("rb") as handle:
            handle.seek(max(size - _FOOT.size, 0))
            foot = handle.read()
            length = _FOOT.unpack(foot)[0] if len(foot) == _FOOT.size else size
            at = size - _FOOT.size - length - _HEAD.size
            if at < 0:
                return None
            handle.seek(at)
            return _entry(handle.read())

    def entries(self) -> Iterator[Entry]:
        """Yield the whole entries in order; a torn one at the end was never told to anybody."""
        raw = self.path.read_bytes() if self.size else b""
        start = raw.find(b"\n") + 1
        for end in self._ends():
            entry = _entry(raw[start:end])
            assert entry is not None
            yield entry
            start = end

    def _ends(self) -> Iterator[int]:
        """Yield where each whole entry ends."""
        raw = self.path.read_bytes() if self.size else b""
        at = raw.find(b"\n") + 1
        while at and at + _HEAD.size <= len(raw):
            end = at + _HEAD.size + _HEAD.unpack_from(raw, at)[0] + _FOOT.size
            if end > len(raw) or _entry(raw[at:end]) is None:
                return
            yield end
            at = end

    def clear(self) -> None:
        """Forget everything: it stands durably elsewhere."""
        self.path.unlink(missing_ok=True)
        flush_folder(self.path.parent)


def _write_all(handle: int, raw: bytes) -> None:
    # Without a buffer: what a full disk left in one would be written when the file is closed, behind the cut.
    rest = memoryview(raw)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _cut(handle: int, at: int) -> None:
    os.ftruncate(handle, at)
    os.fsync(handle)


def _entry(raw: bytes) -> Entry | None:
    """Read the entry that bytes begin with; None where it is torn."""
    if len(raw) < _HEAD.size:
        return None
    length, digest = _HEAD.unpack_from(raw)
    part = raw[_HEAD.size : _HEAD.size + length]
    if len(part) < length or sha256(part).digest() != digest:
        return None
    stored = msgspec.msgpack.decode(part, type=_Stored)
    return Entry([GitObject(*one) for one in stored.objects], [RefUpdate(*one) for one in stored.updates])
