"""How logs lie in git: a pure function of their lines, so that every honest node makes the same commits.

1. A log is a tree of files `NNN/NNNNNN.jsonl`: closed segments of exactly 64 lines and one open tail.
2. Each closed segment is one commit on the one before it; the open tail is one more commit, replaced
   (amended) by every append until it closes.
3. Author and committer are the log, the date is the hlc of the commit's last operation, the message
   lists the operations; all of it is taken from signed headers.
4. Bodies lie as `NNNNNN/<seq>.json` in one orphan commit that is replaced whole.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from beads import gitobject, ids, limits
from beads.errors import InvalidLine
from beads.gitobject import BLOB, FILE_MODE, TREE_MODE, GitObject, Tree, TreeEntry
from beads.op import Line

BOARD = "refs/heads/board"
"""A generated README, what a plain `git clone` shows; a view, no part of the protocol."""
FAN_OUT = 256
"""Segments in one folder of a log's tree."""
_NAME = re.compile(r"[0-9]{6}\.jsonl")


class Told(NamedTuple):
    """A line in a segment, and how the commit's message tells of it."""

    raw: bytes
    entry: str


class Tail(NamedTuple):
    """What appending needs to know of a log in git.

    Attributes:
        base: Commit of the last closed segment, or None.
        lines: Those of the open segment, in order.
        folders: Those of its tree; only the last one is ever changed.
        files: Those of the last folder.
    """

    base: str | None
    lines: tuple[Told, ...]
    folders: Tree
    files: Tree


EMPTY = Tail(None, (), Tree(), Tree())


def number(seq: int) -> int:
    """Return the segment that holds a position."""
    return seq // limits.SEGMENT


def path(segment: int) -> tuple[str, str]:
    """Return folder and file name of a segment."""
    return f"{segment // FAN_OUT:03d}", f"{segment:06d}.jsonl"


def read_number(name: str) -> int | None:
    """Return the segment that a file name is for, or None where it is none's."""
    return int(name[:6]) if _NAME.fullmatch(name) else None


def append(tail: Tail, lines: Sequence[Line]) -> tuple[list[GitObject], str]:
    """Encode lines that follow `tail`.

    Returns:
        The new objects and the name of the commit that the log's reference shall point to.
    """
    objects: list[GitObject] = []
    head = tail.base
    rest = lines
    while rest:
        room = limits.SEGMENT - len(tail.lines)
        tail, head = _write(tail, rest[:room], objects)
        rest = rest[room:]
        if len(tail.lines) == limits.SEGMENT:
            tail = tail._replace(base=head, lines=())
    assert head is not None
    return objects, head


def _write(tail: Tail, lines: Sequence[Line], objects: list[GitObject]) -> tuple[Tail, str]:
    """Write the open segment with lines that fit into it, one at least."""
    told = (*tail.lines, *(Told(line.raw, _entry(line)) for line in lines))
    last = lines[-1]
    first = last.seq - len(told) + 1
    folder, name = path(number(first))
    blob = gitobject.make(BLOB, b"".join(line.raw for line in told))
    files = (tail.files if folder in tail.folders else Tree()).put(TreeEntry(name, FILE_MODE, blob.id))
    inner = files.made()
    folders = tail.folders.put(TreeEntry(folder, TREE_MODE, inner.id))
    root = folders.made()
    parents = () if tail.base is None else (tail.base,)
    message = _message(f"{last.log[:8]} {first}-{last.seq}", [line.entry for line in told])
    commit = gitobject.commit(root.id, parents, author(last.log), last.hlc.ms // 1000, message)
    objects += (blob, inner, root, commit)
    return Tail(tail.base, told, folders, files), commit.id


def author(log: str) -> str:
    """Return the name and address that a log's commits bear."""
    return f"{log} <{log}@wl.invalid>"


def _message(what: str, entries: Sequence[str]) -> str:
    """Describe a segment's operations, from their headers alone."""
    counts = Counter(entry.split(" ", 2)[1] for entry in entries)
    kinds = ", ".join(f"{n} {t}" for t, n in sorted(counts.items()))
    return "\n".join([f"{what}: {kinds}", "", *entries, ""])


def told(commit_message: str, lines: Sequence[bytes]) -> tuple[Told, ...]:
    """Put the lines of a segment beside what the message of its commit, made by this module, tells of them."""
    return tuple(map(Told, lines, commit_message.split("\n")[2:]))


def _entry(line: Line) -> str:
    item = line.p.get("item") or line.p.get("bead")
    # Of an unknown type, `item` may be anything.
    named = ids.short(item) if isinstance(item, str) and ids.HEX64.fullmatch(item) else "-"
    return f"{line.seq} {line.t} {ids.short(line.id)} {named}"


def last_seq(commit_message: str) -> int:
    """Return the last position that a commit made by this module covers."""
    return int(commit_message.split(":", 1)[0].rsplit("-", 1)[1])


def split(blob: bytes) -> list[bytes]:
    """Cut a segment into its lines.

    Raises:
        InvalidLine: Its last line has no end, or a line is longer than lines may be.
    """
    # Canonical JSON escapes CR, so none can stand in an honest segment; with it splitlines cuts at LF only.
    if not blob.endswith(b"\n") or b"\r" in blob:
        raise InvalidLine("segment_format")
    lines = blob.splitlines(keepends=True)
    if any(len(line) > limits.LINE for line in lines):
        raise InvalidLine("line_too_long")
    return lines


def body_path(seq: int) -> tuple[str, str]:
    """Return folder and file name of a body."""
    return f"{number(seq):06d}", f"{seq}.json"


def bodies(log: str, folders: Tree) -> tuple[list[GitObject], str]:
    """Encode the one commit that holds a log's bodies; it has no date, being a function of what is held alone."""
    root = folders.made()
    commit = gitobject.commit(root.id, (), author(log), 0, f"{log[:8]}: bodies\n")
    return [root, commit], commit.id
