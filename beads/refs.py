"""References of a commons in git, and what a peer offers under them (protocol, Logs and how they lie in git).

`Offer` reads a peer's objects as `beads.ingest.Source`: plain trees of plain files, names by pattern, nothing deeper
than two folders, sizes bounded by the pack they came in.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import NamedTuple

from beads import gitobject, ids, limits, segment
from beads.errors import InvalidLine, RemoteError
from beads.gitobject import BLOB, COMMIT, TREE, TreeEntry
from beads.op import Line, UnknownVersion, parse
from beads.verify import Piece, Position
from stamps.errors import KeyFormatError
from stamps.keys import PublicKey

_REF = re.compile(
    r"(?:(?P<genesis>genesis)"
    r"|id/(?P<id_shard>[a-z2-7]{2})/(?P<id>[a-z2-7]{32})"
    r"|log/(?P<log_shard>[a-z2-7]{2})/(?P<log>[a-z2-7]{32})"
    r"|body/(?P<body_shard>[a-z2-7]{2})/(?P<body>[a-z2-7]{32})"
    r"|fork/(?P<fork_shard>[a-z2-7]{2})/(?P<fork>[a-z2-7]{32})/[0-9a-f]{32})"
)
_KINDS = ("genesis", "id", "log", "body", "fork")
AHEAD = 64 * 1024 * 1024
"""Bytes of lines that are read ahead of one batch."""
_BODY_NAME = re.compile(r"(\d{1,12})\.json")

Find = Callable[[str], tuple[str, bytes] | None]
"""Object id → kind and data."""


class RefName(NamedTuple):
    """A reference of the protocol: its kind and the log or actor it is about."""

    kind: str
    id: str

    @property
    def what(self) -> str:
        """How reports call it."""
        return "keys" if self.kind == "id" else self.kind


def parse_ref(prefix: str, name: str) -> RefName | None:
    """Read a reference's name; None where it is not of this protocol."""
    if not name.startswith(prefix):
        return None
    match = _REF.fullmatch(name[len(prefix) :])
    if match is None:
        return None
    kind = next(kind for kind in _KINDS if match[kind] is not None)
    found = match[kind]
    if kind != "genesis" and not found.startswith(match[f"{kind}_shard"]):
        return None
    return RefName(kind, found)


def digest(refs: Mapping[str, str]) -> str:
    """Return the digest of references: sha256 over their sorted lines `name SP commit LF` (protocol, Sync).

    Honest nodes encode alike, so equal digests mean the same operations, branches, key logs and words.
    """
    return sha256(b"".join(f"{name} {target}\n".encode() for name, target in sorted(refs.items()))).hexdigest()


def etag(known: str) -> str:
    """Return a digest as an entity tag; weak, for the same content may be listed in other bytes."""
    return f'W/"wl1-{known}"'


class Offer:
    """What a peer holds, as `beads.ingest.Source`.

    Args:
        refs: The peer's references that were fetched, and their commits.
        find: Looks objects up, in what was received and then in what is here.
        here: The references here, by the same names; bodies that lie there already are not read.
    """

    def __init__(self, prefix: str, refs: Mapping[str, str], find: Find, here: Mapping[str, str]) -> None:
        self._find = find
        self._here = {ref.id: here[name] for name in refs.keys() & here.keys() if (ref := _body_ref(prefix, name))}
        self._by_kind: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
        self._segments: dict[str, list[TreeEntry]] = {}
        self._ahead: dict[tuple[str, int], list[bytes]] = {}
        for name, target in sorted(refs.items()):
            ref = parse_ref(prefix, name)
            if ref is not None:
                self._by_kind[ref.kind].append((ref.id, target))
        self._logs = dict(self._by_kind["log"])

    def key_logs(self) -> dict[str, bytes]:
        """Return key logs by the name they were offered under."""
        found: dict[str, bytes] = {}
        for name, target in self._by_kind["id"]:
            try:
                found[name] = self._only_file(target, "keys.jsonl")
            except InvalidLine:
                found[name] = b""
        return found

    def founding(self) -> tuple[bytes, bytes | None]:
        """Return the founding document that was offered, and the cut beside it where the commons is a fork."""
        ((_, target),) = self._by_kind["genesis"]
        names = {entry.name for entry in self._tree(self._commit(target))}
        return self._only_file(target, "genesis.json"), self._only_file(target, "cut") if "cut" in names else None

    def logs(self) -> list[str]:
        """Return the ids of the logs offered."""
        return sorted(self._logs)

    def segments(self, log: str) -> int:
        """Return how many segments a log has."""
        return len(self._files(log))

    def segment(self, log: str, n: int) -> list[bytes]:
        """Return the lines of a segment."""
        return self._ahead.pop((log, n), None) or self._read_segment(log, n)

    def _read_segment(self, log: str, n: int) -> list[bytes]:
        lines = segment.split(self._data(self._files(log)[n].id, BLOB))
        if len(lines) > limits.SEGMENT:
            raise InvalidLine("segment_format", "more than 64 lines")
        return lines

    def ahead(self, known: Callable[[str], Position | None]) -> Iterator[Piece]:
        """Read the segments that reach beyond what is known here, as far as they look honest and are not too many.

        `segment` then has each at hand, once.

        Args:
            known: Log → where it ends here, or None.
        """
        seen: set[str] = set()
        room = AHEAD
        for log in self.logs():
            # Whoever takes it up says what is wrong with it.
            with suppress(InvalidLine, UnknownVersion, KeyFormatError, RemoteError):
                for piece in self._read_ahead(log, known(log), seen):
                    room -= sum(map(len, piece.lines))
                    if room < 0:
                        return
                    yield piece

    def _read_ahead(self, log: str, end: Position | None, seen: set[str]) -> Iterator[Piece]:
        key = end.writer.key if end is not None and end.writer is not None else None
        files = self._files(log)
        for n in range(segment.number(end.head.seq + 1) if end and end.head else 0, len(files)):
            # A segment says where it stands, so no two are the same, in whatever log; but trees can name one as often
            # as they like.
            if files[n].id in seen:
                return
            lines = self._read_segment(log, n)
            if n < len(files) - 1 and len(lines) != limits.SEGMENT:
                return
            key = key or _opened_by(log, parse(lines[0]))
            seen.add(files[n].id)
            self._ahead[log, n] = lines
            yield Piece(key, lines)

    def branches(self) -> Iterator[tuple[str, Callable[[], Iterator[bytes]]]]:
        """Yield other branches of forked logs: the log's id, and how to read the lines."""
        for log, target in self._by_kind["fork"]:
            yield log, partial(self._branch_lines, target)

    def _branch_lines(self, target: str) -> Iterator[bytes]:
        for entry in self._read_files(target):
            yield from segment.split(self._data(entry.id, BLOB))

    def bodies(self) -> Iterator[tuple[str, Callable[[], Iterator[tuple[int, bytes]]]]]:
        """Yield the logs whose bodies differ from those here, and how to read these with their positions."""
        for log, target in self._by_kind["body"]:
            yield log, partial(self._new_bodies, target, self._here.get(log))

    def _new_bodies(self, target: str, here: str | None) -> Iterator[tuple[int, bytes]]:
        ours = self._folders_here(here) if here else {}
        for folder in self._tree(self._commit(target)):
            if ours.get(folder.name) == folder.id:
                continue
            known = {entry.id for entry in self._tree(ours[folder.name])} if folder.name in ours else frozenset()
            for entry in self._tree(folder.id):
                seq = _body_seq(folder, entry)
                if entry.id not in known:
                    yield seq, self._data(entry.id, BLOB)

    def _folders_here(self, here: str) -> dict[str, str]:
        try:
            return {folder.name: folder.id for folder in self._tree(self._commit(here))}
        except InvalidLine:
            # Another process has taken words back meanwhile, and with them the commit that held them.
            return {}

    def _files(self, log: str) -> list[TreeEntry]:
        if log not in self._segments:
            files = self._read_files(self._logs[log])
            if files[0].name != segment.path(0)[1]:
                raise InvalidLine("tree_name", "a log begins with its first segment")
            self._segments[log] = files
        return self._segments[log]

    def _read_files(self, target: str) -> list[TreeEntry]:
        """Return the segments of a log, or of a branch, which may begin with a later one: in order, without a gap."""
        files: list[TreeEntry] = []
        for folder in self._tree(self._commit(target)):
            inner = self._tree(folder.id)
            first = segment.read_number((files or inner)[0].name) if inner else None
            if first is None or not folder.is_tree or len(inner) > segment.FAN_OUT:
                raise InvalidLine("tree_name", folder.name)
            for n, entry in enumerate(inner, first + len(files)):
                if entry.is_tree or (folder.name, entry.name) != segment.path(n):
                    raise InvalidLine("tree_name", entry.name)
            files += inner
        if not files:
            raise InvalidLine("tree_format", "an empty log")
        return files

    def _only_file(self, target: str, name: str) -> bytes:
        entries = {entry.name: entry for entry in self._tree(self._commit(target))}
        if name not in entries or entries[name].is_tree:
            raise InvalidLine("tree_name", f"no {name}")
        return self._data(entries[name].id, BLOB)

    def _commit(self, target: str) -> str:
        return gitobject.read_commit(self._data(target, COMMIT)).tree

    def _tree(self, object_id: str) -> list[TreeEntry]:
        return gitobject.read_tree(self._data(object_id, TREE))

    def _data(self, object_id: str, kind: str) -> bytes:
        found = self._find(object_id)
        if found is None or found[0] != kind:
            raise InvalidLine("missing_object", f"{kind} {object_id[:12]}")
        return found[1]


def _opened_by(log: str, first: Line) -> PublicKey:
    actor, key = str(first.p.get("actor")), str(first.p.get("key"))
    if ids.log_id(first.commons, actor, key) != log:
        raise InvalidLine("log", "the id does not prove this commons, actor and key")
    return PublicKey.from_did(key)


def _body_ref(prefix: str, name: str) -> RefName | None:
    ref = parse_ref(prefix, name)
    return ref if ref is not None and ref.kind == "body" else None


def _body_seq(folder: TreeEntry, entry: TreeEntry) -> int:
    match = _BODY_NAME.fullmatch(entry.name)
    # Each body has one place, so a folder that is named twice cannot stand for twice as many bodies.
    if match is None or entry.is_tree or segment.body_path(int(match[1])) != (folder.name, entry.name):
        raise InvalidLine("tree_name", entry.name)
    return int(match[1])
