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

from beads.files import flush, flush_folder
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

    def is_stale(self) -> bool:
        """Say whether it was written before the system was last started."""
        if not self.size:
            return False
        with self.path.open("rb") as handle:
            return handle.readline().rstrip(b"\n") != self._start

    def append(self, objects: Sequence[GitObject], updates: Sequence[RefUpdate]) -> int:
        """Make a write durable; return where it begins, for `take_back`."""
        stored = _Stored([(*one,) for one in objects], [(*one,) for one in updates])
        raw = msgspec.msgpack.encode(stored)
        new = not self.size
        with self.path.open("ab") as handle:
            at = handle.tell()
            try:
                start = self._start + b"\n" if new else b""
                size = _FOOT.pack(len(raw))
                handle.write(start + _HEAD.pack(len(raw), sha256(raw).digest()) + raw + size)
                flush(handle)
            except OSError:
                # What is only half there would hide what comes behind it.
                os.truncate(self.path, at)
                raise
        if new:
            flush_folder(self.path.parent)
        return at

    def take_back(self, at: int) -> None:
        """Undo an `append`: what it stood for could not be done."""
        os.truncate(self.path, at)

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
