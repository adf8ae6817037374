"""Packs: written plainly; those from strangers read within bounds, no declared size trusted (gitformat-pack(5)).

1. Number of objects, size of one and of all are bounded; a declared size is refused before anything is inflated,
   and a stream that inflates to more than it declared is cut off there.
2. Deltas are applied here because their result must be bounded while it is made, and each made once.
3. Objects are named by what they hold; nothing is taken at its word.
"""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from hashlib import sha1
from typing import NamedTuple

from beads import gitobject, limits
from beads.errors import LimitExceeded, RemoteError
from beads.gitobject import BLOB, COMMIT, TREE, GitObject

KINDS = {1: COMMIT, 2: TREE, 3: BLOB}
OFS_DELTA, REF_DELTA = 6, 7
DELTA_DEPTH = 60
"""git itself makes chains of at most 50."""
RECENT_BYTES = 8 * 1024 * 1024
"""Made objects that are kept in memory."""
_HEADER = 12
_VERSION = 2
_NUMBERS = {COMMIT: 1, TREE: 2, BLOB: 3}
_STEP = 1 << 16

Outside = Callable[[str], tuple[str, bytes] | None]
"""Looks up an object that the pack builds on but does not hold."""


class Bounds(NamedTuple):
    """What one request may bring."""

    objects: int = limits.FETCH_OBJECTS
    total: int = limits.FETCH_BYTES
    largest: int = limits.OBJECT


USUAL = Bounds()
FOUNDING = Bounds(largest=limits.FOUNDING_OBJECT, total=4 * limits.FOUNDING_OBJECT)
"""Genesis and key logs come first; they may be larger, and are few."""


class Place(NamedTuple):
    """Where an object lies in a pack, and the CRC-32 of what lies there."""

    offset: int
    crc: int


class _Entry(NamedTuple):
    """Where an object lies.

    Attributes:
        base: What it builds on, once it has a name: another entry by its place, or an object that lies outside.
    """

    kind: int
    size: int
    data_at: int
    base: int | str | None


class Pack:
    """A received pack.

    Args:
        raw: Its bytes; a memory map will do.
        outside: Finds what the pack refers to and does not hold.

    Raises:
        LimitExceeded: It is larger than `bounds`.
        RemoteError: It is broken.
    """

    def __init__(self, raw: "memoryview", outside: Outside, bounds: Bounds) -> None:
        self._raw = raw
        self._outside = outside
        self._bounds = bounds
        self._entries: dict[int, _Entry] = {}
        self._places: dict[str, int] = {}
        self._total = 0
        self._recent: dict[int, tuple[str, bytes]] = {}
        self._recent_bytes = 0
        self._name_deltas(self._scan())

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, object_id: str) -> bool:
        return object_id in self._places

    def get(self, object_id: str) -> tuple[str, bytes]:
        """Return kind and data of an object.

        Raises:
            KeyError: The pack does not hold it.
        """
        return self._resolve(self._places[object_id])

    def _scan(self) -> dict[int | str, list[int]]:
        """Name what is whole; inflating it tells where the next begins.

        Returns:
            The deltas, by what they build on.
        """
        waiting: dict[int | str, list[int]] = {}
        count = _object_count(self._raw[:_HEADER], self._bounds)
        at = _HEADER
        for _ in range(count):
            start = at
            entry = self._entries[start] = self._entry(start)
            self._count_bytes(entry.size)
            data, at = self._inflate(entry)
            if entry.base is None:
                self._places[gitobject.object_id(KINDS[entry.kind], data)] = start
            else:
                waiting.setdefault(entry.base, []).append(start)
        return waiting

    def _entry(self, start: int) -> _Entry:
        try:
            kind, size, at = _type_and_size(self._raw, start)
            base: int | str | None = None
            if kind == OFS_DELTA:
                distance, at = _offset(self._raw, at)
                base = start - distance
            elif kind == REF_DELTA:
                base, at = bytes(self._raw[at : at + 20]).hex(), at + 20
            elif kind not in KINDS:
                raise RemoteError(f"pack holds an object of type {kind}")
        except IndexError:
            raise RemoteError("pack is cut short") from None
        return _Entry(kind, size, at, base)

    def _count_bytes(self, size: int) -> None:
        if size > self._bounds.largest:
            raise LimitExceeded(f"an object of {size} bytes; {self._bounds.largest} are allowed")
        self._total += size
        if self._total > self._bounds.total:
            raise LimitExceeded(f"more than {self._bounds.total} bytes of objects")

    def _inflate(self, entry: _Entry) -> tuple[bytes, int]:
        """Inflate an entry; at most one byte more than it declared is ever made."""
        machine = zlib.decompressobj()
        parts: list[bytes] = []
        left, at = entry.size + 1, entry.data_at
        # Deflating adds a few bytes at most, so one step of this size is enough for most objects.
        step = min(_STEP, entry.size + 64)
        try:
            while not machine.eof and left > 0:
                chunk = bytes(self._raw[at : at + step])
                if not chunk:
                    raise RemoteError("pack is cut short")
                parts.append(machine.decompress(chunk, left))
                left -= len(parts[-1])
                at += len(chunk) - len(machine.unconsumed_tail) - len(machine.unused_data)
        except zlib.error as error:
            raise RemoteError(f"pack is broken: {error}") from None
        data = b"".join(parts)
        if not machine.eof or len(data) != entry.size:
            raise RemoteError("an object is not as long as its pack says")
        return data, at

    def _name_deltas(self, waiting: dict[int | str, list[int]]) -> None:
        """Make each once, from what it builds on down to what builds on it."""
        # What lies in the pack comes first: only what does not is asked for outside.
        for base in list(waiting):
            at = base if isinstance(base, int) else self._places.get(base, -1)
            if base in waiting and at in self._entries and self._entries[at].base is None:
                self._name_children(waiting.pop(base), at, *self._resolve(at), 0, waiting)
        for base in [base for base in waiting if isinstance(base, str)]:
            found = self._outside(base) if base in waiting else None
            if found is not None:
                self._name_children(waiting.pop(base), base, *found, 0, waiting)
        if waiting:
            raise RemoteError("pack builds on objects that nobody has")

    def _name_children(
        self, children: Iterable[int], on: int | str, kind: str, base: bytes, depth: int,
        waiting: dict[int | str, list[int]],
    ) -> None:  # fmt: skip
        for at in children:
            if depth == DELTA_DEPTH:
                raise LimitExceeded("a chain of deltas is too long")
            data = apply_delta(base, self._inflate(self._entries[at])[0], self._bounds.largest)
            self._count_bytes(len(data))
            # From now on it is made from this and nothing else, or two could be made from each other.
            self._entries[at] = self._entries[at]._replace(base=on)
            object_id = gitobject.object_id(kind, data)
            self._places[object_id] = at
            grandchildren = (*waiting.pop(at, ()), *waiting.pop(object_id, ()))
            self._name_children(grandchildren, at, kind, data, depth + 1, waiting)

    def _resolve(self, at: int) -> tuple[str, bytes]:
        if at not in self._recent:
            entry = self._entries[at]
            data, _ = self._inflate(entry)
            if entry.base is None:
                made = KINDS[entry.kind], data
            else:
                kind, base = self._base(entry.base)
                made = kind, apply_delta(base, data, self._bounds.largest)
            self._remember(at, made)
        return self._recent[at]

    def _remember(self, at: int, made: tuple[str, bytes]) -> None:
        """Keep what was made last: segments of one log build on each other."""
        self._recent[at] = made
        self._recent_bytes += len(made[1])
        while self._recent_bytes > RECENT_BYTES and len(self._recent) > 1:
            _, dropped = self._recent.pop(next(iter(self._recent)))
            self._recent_bytes -= len(dropped)

    def _base(self, base: int | str) -> tuple[str, bytes]:
        if isinstance(base, int):
            return self._resolve(base)
        found = self._outside(base)
        if found is None:
            raise RemoteError("pack builds on an object that nobody has")
        return found


def write(out: Callable[[bytes], object], objects: Collection[GitObject]) -> tuple[dict[bytes, Place], bytes]:
    """Write objects as a pack, each whole.

    Returns:
        The place of each object by its name, 20 bytes, and the checksum at the end of the pack.
    """
    places: dict[bytes, Place] = {}
    header = b"PACK" + _VERSION.to_bytes(4) + len(objects).to_bytes(4)
    at, checksum = len(header), sha1(header, usedforsecurity=False)
    out(header)
    for obj in objects:
        entry = _entry_header(_NUMBERS[obj.kind], len(obj.data)) + gitobject.deflated(obj.kind, obj.data)
        places[bytes.fromhex(obj.id)] = Place(at, zlib.crc32(entry))
        at += len(entry)
        checksum.update(entry)
        out(entry)
    out(checksum.digest())
    return places, checksum.digest()


def _entry_header(number: int, size: int) -> bytes:
    """Return type and size: four bits of it beside the type, then seven in each byte, the lowest first."""
    found = bytearray()
    byte, size = number << 4 | size & 0x0F, size >> 4
    while size:
        found.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    found.append(byte)
    return bytes(found)


def apply_delta(base: bytes, delta: bytes, largest: int) -> bytes:
    """Apply a git delta, refusing to make more than it declares.

    Raises:
        LimitExceeded: It declares more than `largest`.
        RemoteError: It is broken.
    """
    try:
        source_size, at = _varint(delta, 0)
        target_size, at = _varint(delta, at)
        if target_size > largest:
            raise LimitExceeded(f"an object of {target_size} bytes; {largest} are allowed")
        if source_size != len(base):
            raise RemoteError("a delta does not fit its base")
        return _run_delta(base, delta, at, target_size)
    except IndexError:
        raise RemoteError("a delta is cut short") from None


def _run_delta(base: bytes, delta: bytes, at: int, target_size: int) -> bytes:
    out = bytearray()
    while at < len(delta):
        command = delta[at]
        at += 1
        if command & 0x80:
            offset, size, at = _copy_command(delta, at, command)
            piece = base[offset : offset + size]
        else:
            piece, size, at = delta[at : at + command], command, at + command
        if not size or len(piece) != size or len(out) + size > target_size:
            raise RemoteError("a delta reaches beyond its base or its target")
        out += piece
    if len(out) != target_size:
        raise RemoteError("a delta makes less than it declares")
    return bytes(out)


def _copy_command(delta: bytes, at: int, command: int) -> tuple[int, int, int]:
    offset = size = 0
    for bit in range(4):
        if command & (1 << bit):
            offset |= delta[at] << (8 * bit)
            at += 1
    for bit in range(3):
        if command & (0x10 << bit):
            size |= delta[at] << (8 * bit)
            at += 1
    return offset, size or 0x10000, at


def _object_count(header: "memoryview", bounds: Bounds) -> int:
    raw = bytes(header)
    if len(raw) < _HEADER or raw[:4] != b"PACK" or int.from_bytes(raw[4:8], "big") not in (2, 3):
        raise RemoteError("not a git pack")
    count = int.from_bytes(raw[8:12], "big")
    if count > bounds.objects:
        raise LimitExceeded(f"{count} objects; {bounds.objects} are allowed in one request")
    return count


def _type_and_size(raw: "memoryview", at: int) -> tuple[int, int, int]:
    byte = raw[at]
    kind, size, shift = (byte >> 4) & 7, byte & 15, 4
    at += 1
    while byte & 0x80:
        byte = raw[at]
        size |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise RemoteError("pack is broken: a size without end")
    return kind, size, at


def _offset(raw: "memoryview", at: int) -> tuple[int, int]:
    byte = raw[at]
    distance = byte & 0x7F
    at += 1
    while byte & 0x80:
        byte = raw[at]
        distance = ((distance + 1) << 7) | (byte & 0x7F)
        at += 1
        if distance > 1 << 62:
            raise RemoteError("pack is broken: an offset without end")
    return distance, at


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
        if shift > 63:
            raise RemoteError("a delta is broken: a size without end")
