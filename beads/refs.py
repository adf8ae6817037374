"""References of a commons in git, and what a peer offers under them (protocol, Logs and how they lie in git).

`Offer` reads a peer's objects as `beads.ingest.Source`: plain trees of plain files, names by pattern, nothing deeper
than two folders, sizes bounded by the pack they came in.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from beads import gitobject, limits, segment
from beads.errors import InvalidLine
from beads.gitobject import BLOB, COMMIT, TREE, TreeEntry

_REF = re.compile(
    r"(?:(?P<genesis>genesis)"
    r"|id/(?P<id_shard>[a-z2-7]{2})/(?P<id>[a-z2-7]{32})"
    r"|log/(?P<log_shard>[a-z2-7]{2})/(?P<log>[a-z2-7]{32})"
    r"|body/(?P<body_shard>[a-z2-7]{2})/(?P<body>[a-z2-7]{32})"
    r"|fork/(?P<fork_shard>[a-z2-7]{2})/(?P<fork>[a-z2-7]{32})/[0-9a-f]{32})"
)
_KINDS = ("genesis", "id", "log", "body", "fork")
_FOLDERS_AT_MOST = 1000
_BODY_NAME = re.compile(r"(\d{1,12})\.json")

Find = Callable[[str], tuple[str, bytes] | None]
"""Object id → kind and data."""


class RefName(NamedTuple):
    """A reference of the protocol: its kind and the log or actor it is about."""

    kind: str
    id: str


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


class Offer:
    """What a peer holds, as `beads.ingest.Source`.

    Args:
        refs: The peer's references that were fetched, and their commits.
        find: Looks objects up, in what was received and then in what is here.
        is_new: Says whether an object was not here before; only such bodies are read.
    """

    def __init__(self, prefix: str, refs: Mapping[str, str], find: Find, is_new: Callable[[str], bool]) -> None:
        self._find = find
        self._is_new = is_new
        self._by_kind: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _KINDS}
        self._segments: dict[str, list[TreeEntry]] = {}
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

    def genesis(self) -> bytes | None:
        """Return the founding document, if it was offered."""
        for _, target in self._by_kind["genesis"]:
            return self._only_file(target, "genesis.json")
        return None

    def logs(self) -> list[str]:
        """Return the ids of the logs offered."""
        return sorted(self._logs)

    def segments(self, log: str) -> int:
        """Return how many segments a log has."""
        return len(self._files(log))

    def segment(self, log: str, n: int) -> list[bytes]:
        """Return the lines of a segment."""
        lines = segment.split(self._data(self._files(log)[n].id, BLOB))
        if len(lines) > limits.SEGMENT:
            raise InvalidLine("segment_format", "more than 64 lines")
        return lines

    def branches(self) -> Iterator[tuple[str, list[bytes]]]:
        """Yield other branches of forked logs."""
        for log, target in self._by_kind["fork"]:
            lines: list[bytes] = []
            try:
                for folder in self._tree(self._commit(target)):
                    for blob in self._tree(folder.id):
                        lines += segment.split(self._data(blob.id, BLOB))
            except InvalidLine:
                lines = []
            if lines:
                yield log, lines

    def bodies(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield bodies that were not here before, with log and position."""
        for log, target in self._by_kind["body"]:
            try:
                entries = list(self._body_entries(target))
            except InvalidLine:
                continue
            for seq, blob in entries:
                found = self._find(blob) if self._is_new(blob) else None
                if found is not None and found[0] == BLOB:
                    yield log, seq, found[1]

    def _body_entries(self, target: str) -> Iterator[tuple[int, str]]:
        for folder in self._tree(self._commit(target)):
            if not self._is_new(folder.id):
                continue
            for entry in self._tree(folder.id):
                match = _BODY_NAME.fullmatch(entry.name)
                if match is None or entry.is_tree:
                    raise InvalidLine("tree_name", entry.name)
                yield int(match[1]), entry.id

    def _files(self, log: str) -> list[TreeEntry]:
        if log not in self._segments:
            self._segments[log] = self._read_files(self._logs[log])
        return self._segments[log]

    def _read_files(self, target: str) -> list[TreeEntry]:
        files: list[TreeEntry] = []
        for n, folder in enumerate(self._tree(self._commit(target))):
            if n >= _FOLDERS_AT_MOST or not folder.is_tree or folder.name != f"{n:03d}":
                raise InvalidLine("tree_name", folder.name)
            files += self._tree(folder.id)
            if any(entry.is_tree or entry.name != segment.path(i)[1] for i, entry in enumerate(files)):
                raise InvalidLine("tree_name")
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
