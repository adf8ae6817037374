"""Git objects as bytes: just what a log needs, so that writing one is a pure function.

Reading is strict on purpose: what comes from a peer must be a plain tree of plain files
(protocol, Sync 2). Names of objects are SHA-1 because git's are; nothing here is trusted for it.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha1
from typing import NamedTuple

from beads.errors import InvalidLine

BLOB, TREE, COMMIT = "blob", "tree", "commit"
FILE_MODE, TREE_MODE = b"100644", b"40000"
_ENTRY = re.compile(rb"(\d{5,6}) ([^\x00/]+)\x00(.{20})", re.DOTALL)
_WHOLE_ENTRY = re.compile(rb"((\d{5,6}) ([^\x00/]+)\x00.{20})", re.DOTALL)
_AROUND = 22
"""Bytes of an entry besides mode and name: a blank, a zero, the object's name."""
_ID_BYTES = 20
_WINDOW_BITS, _MEMORY_LEVEL = 12, 5
_FITS = 1 << _WINDOW_BITS
_TREE_LINE = re.compile(rb"tree ([0-9a-f]{40})\n")
_PARENT_LINE = re.compile(rb"parent ([0-9a-f]{40})\n")


class GitObject(NamedTuple):
    """An object and its name (40 hex digits)."""

    id: str
    kind: str
    data: bytes


class TreeEntry(NamedTuple):
    """A file or a folder of a tree."""

    name: str
    mode: bytes
    id: str

    @property
    def is_tree(self) -> bool:
        """True for a folder."""
        return self.mode == TREE_MODE


class Commit(NamedTuple):
    """What matters of a commit."""

    tree: str
    parents: tuple[str, ...]
    message: str


def make(kind: str, data: bytes) -> GitObject:
    """Name an object."""
    return GitObject(object_id(kind, data), kind, data)


def object_id(kind: str, data: bytes) -> str:
    """Return git's name of an object."""
    return sha1(frame(kind, len(data)) + data, usedforsecurity=False).hexdigest()


def frame(kind: str, size: int) -> bytes:
    """Return the header that git hashes and stores before an object's data."""
    return f"{kind} {size}\0".encode()


def loose(obj: GitObject) -> bytes:
    """Return the bytes of a loose object file."""
    return deflated(obj.kind, frame(obj.kind, len(obj.data)) + obj.data)


def deflated(kind: str, data: bytes) -> bytes:
    """Compress data as git stores it."""
    if kind == TREE:
        # Trees are mostly hashes, which nothing makes smaller; the long ones are written anew each time.
        return zlib.compress(data, 0)
    if len(data) > _FITS:
        return zlib.compress(data, 1)
    # Making room to look back 32 KiB takes several times as long as compressing what is shorter.
    machine = zlib.compressobj(1, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return machine.compress(data) + machine.flush()


class Tree(Mapping[str, TreeEntry]):
    """The entries of a tree by name, in git's order: a folder stands as if its name ended in a slash.

    They stay encoded: the trees of a long log have thousands, and each write changes one of them.
    """

    def __init__(self, encoded: dict[bytes, bytes] | None = None) -> None:
        self._encoded = encoded or {}

    @classmethod
    def read(cls, data: bytes) -> "Tree":
        """Read a tree that was written here.

        Raises:
            InvalidLine: It is broken.
        """
        encoded = {name: whole for whole, _, name in _WHOLE_ENTRY.findall(data)}
        if sum(map(len, encoded.values())) != len(data) or not b"".join(encoded).isascii():
            raise InvalidLine("tree_format")
        return cls(encoded)

    def __getitem__(self, name: str) -> TreeEntry:
        encoded = self._encoded[name.encode()]
        return TreeEntry(name, encoded.partition(b" ")[0], encoded[-_ID_BYTES:].hex())

    def __iter__(self) -> Iterator[str]:
        return (name.decode("ascii") for name in self._encoded)

    def __len__(self) -> int:
        return len(self._encoded)

    @property
    def last(self) -> TreeEntry:
        """The entry that comes last."""
        return self[next(reversed(self._encoded)).decode("ascii")]

    def put(self, entry: TreeEntry) -> "Tree":
        """Return the tree with an entry added, or put in the place of the one of its name."""
        name, before = entry.name.encode(), self._encoded
        fits = name in before or not before or _rank(self.last) < _rank(entry)
        encoded = before | {name: entry.mode + b" " + name + b"\0" + bytes.fromhex(entry.id)}
        return Tree(encoded if fits else dict(sorted(encoded.items(), key=lambda each: _rank_of(*each))))

    def without(self, name: str) -> "Tree":
        """Return the tree without the entry of a name."""
        return Tree({other: encoded for other, encoded in self._encoded.items() if other != name.encode()})

    def made(self) -> GitObject:
        """Return the object."""
        return make(TREE, b"".join(self._encoded.values()))


def _rank(entry: TreeEntry) -> str:
    return entry.name + "/" if entry.is_tree else entry.name


def _rank_of(name: bytes, encoded: bytes) -> bytes:
    return name + b"/" if encoded.startswith(TREE_MODE) else name


def tree(entries: Iterable[TreeEntry]) -> GitObject:
    """Build a tree."""
    ordered = sorted(entries, key=_rank)
    return make(TREE, b"".join(e.mode + b" " + e.name.encode() + b"\0" + bytes.fromhex(e.id) for e in ordered))


def commit(tree_id: str, parents: tuple[str, ...], who: str, seconds: int, message: str) -> GitObject:
    """Build a commit whose author and committer are the same, at the same second, UTC."""
    stamp = f"{who} {seconds} +0000"
    lines = [f"tree {tree_id}", *(f"parent {p}" for p in parents), f"author {stamp}", f"committer {stamp}", "", message]
    return make(COMMIT, "\n".join(lines).encode())


def read_tree(data: bytes) -> list[TreeEntry]:
    """Read a tree of plain files and folders.

    Raises:
        InvalidLine: It holds anything else (symlink, gitlink, executable, odd name) or is broken.
    """
    # All at once: the trees of a long log hold thousands, and each write reads them.
    found = _ENTRY.findall(data)
    if sum([len(mode) + len(name) + _AROUND for mode, name, _ in found]) != len(data):
        raise InvalidLine("tree_format")
    odd = {mode for mode, _, _ in found} - {FILE_MODE, TREE_MODE}
    if odd:
        raise InvalidLine("tree_mode", min(odd).decode("ascii", "replace"))
    try:
        return [TreeEntry(name.decode("ascii"), mode, raw_id.hex()) for mode, name, raw_id in found]
    except UnicodeDecodeError:
        raise InvalidLine("tree_name") from None


def read_commit(data: bytes) -> Commit:
    """Read a commit's tree, parents and message.

    Raises:
        InvalidLine: It is broken.
    """
    head, _, message = data.partition(b"\n\n")
    head += b"\n"
    found = _TREE_LINE.match(head)
    if found is None:
        raise InvalidLine("commit_format")
    parents: list[str] = []
    at = found.end()
    while match := _PARENT_LINE.match(head, at):
        parents.append(match.group(1).decode())
        at = match.end()
    return Commit(found.group(1).decode(), tuple(parents), message.decode("utf-8", "replace"))
