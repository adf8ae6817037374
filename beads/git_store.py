"""A store in a bare git repository, one for each commons. ⚡

1. Objects are durable before the references that name them move; bodies move before the lines that name them.
   A process killed anywhere leaves every log whole, at its old or its new head.
2. Nothing a peer made is ever stored: only objects encoded here (`beads.segment`).
3. One lock file keeps writers apart, across processes.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from beads import gitobject, ids, limits, segment
from beads.errors import ConflictError
from beads.files import nonce, publish_folder, read_generation, write_file
from beads.gitobject import BLOB, FILE_MODE, TREE_MODE, GitObject, Tree, TreeEntry
from beads.journal import RefUpdate
from beads.op import Head, Line, recall
from beads.repository import Repository
from beads.segment import Tail
from beads.store import Changes

LOST = "refs/lost/"
"""Where bodies go that belong to no kept chain any more; served to nobody."""


class GitStore:
    """See `beads.store.Store`.

    Args:
        path: The bare repository.

    Raises:
        NotFound: There is none.
    """

    def __init__(self, path: Path) -> None:
        self.repository = Repository(path)
        self._genesis = (path / "wl-genesis.json").read_bytes()
        self._commons = ids.commons_id(self._genesis)
        self.prefix = f"refs/wl/{self._commons}/"
        # The commit of the bodies that were written last, and its folders: of a long log they are thousands.
        self._last_bodies: tuple[str | None, Tree] = (None, Tree())

    @classmethod
    def create(cls, path: Path, genesis: bytes, cut: bytes | None = None) -> "GitStore":
        """Make the repository of a commons; one that is there already stays.

        It appears at `path` whole or not at all: it is made beside it and renamed.
        """
        if not (path / "HEAD").is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            making = path.with_name(f".{path.name}.{nonce()}")
            Repository.make(making, segment.BOARD)
            write_file(making / "wl-genesis.json", genesis)
            founding = cls(making)
            founding._found(cut)
            founding.close()
            publish_folder(making, path)
        return cls(path)

    def _found(self, cut: bytes | None) -> None:
        files = {"genesis.json": self._genesis} | ({"cut": cut} if cut is not None else {})
        blobs = {name: gitobject.make(BLOB, raw) for name, raw in files.items()}
        root = gitobject.tree(TreeEntry(name, FILE_MODE, blob.id) for name, blob in blobs.items())
        commit = gitobject.commit(root.id, (), segment.author(self._commons[4:36]), 0, "genesis\n")
        self.repository.write([*blobs.values(), root, commit], [RefUpdate(self.prefix + "genesis", None, commit.id)])

    @property
    def commons(self) -> str:
        """The commons' id."""
        return self._commons

    @property
    def genesis(self) -> bytes:
        """Its founding document."""
        return self._genesis

    def close(self) -> None:
        """Give what is open back."""
        self.repository.close()

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other writer out, in this process and in others."""
        return self.repository.lock()

    def generation(self) -> str:
        """Return a token that differs after any write."""
        return read_generation(self.repository.path)

    def refs(self) -> dict[str, str]:
        """Return every reference of the protocol and the commit it names."""
        return self.repository.refs(self.prefix)

    def key_log(self, actor: str) -> bytes | None:
        """Return one actor's key log, or None."""
        target = self.repository.ref(self.key_ref(actor))
        return self._file(self.repository.commit(target).tree, "keys.jsonl") if target else None

    def key_logs(self) -> dict[str, bytes]:
        """Return the key logs by actor."""
        found: dict[str, bytes] = {}
        for target in self.repository.refs(self.prefix + "id/").values():
            raw = self._file(self.repository.commit(target).tree, "keys.jsonl")
            found[_scid(raw)] = raw
        return found

    def logs(self) -> list[str]:
        """Return the ids of the logs, sorted."""
        kept = {name.rsplit("/", 1)[1] for name in self.repository.refs(self.prefix + "log/")}
        return sorted(kept.union(self.forked()))

    def forked(self) -> list[str]:
        """Return the logs that have branches beside the kept chain, sorted."""
        return sorted({name.split("/")[-2] for name in self.repository.refs(self.prefix + "fork/")})

    def head(self, log: str) -> Head | None:
        """Return where a log's kept chain ends."""
        return self._tail(self.repository.ref(self.log_ref(log)))[1]

    def lines(self, log: str, start: int = 0, stop: int | None = None) -> list[bytes]:
        """Return the lines of a log's kept chain from a position on, up to another or the end."""
        target = self.repository.ref(self.log_ref(log))
        if target is None:
            return []
        commit = self.repository.commit(target)
        end = segment.last_seq(commit.message) + 1
        end = end if stop is None else min(stop, end)
        first = segment.number(start)
        folders, files = self.repository.tree(commit.tree), dict[str, Tree]()
        lines: list[bytes] = []
        for folder, name in map(segment.path, range(first, segment.number(end - 1) + 1) if start < end else ()):
            if folder not in files:
                files[folder] = self.repository.tree(folders[folder].id)
            lines += segment.split(self.repository.data(files[folder][name].id))
        return lines[start - first * limits.SEGMENT : end - first * limits.SEGMENT]

    def branches(self, log: str) -> list[list[bytes]]:
        """Return the branches of a forked log that are not kept."""
        return [self._branch(target) for _, target in sorted(self._branch_refs(log).items())]

    def body(self, log: str, seq: int) -> bytes | None:
        """Return a body, or None where it is missing or erased."""
        return self._held(self.repository.ref(self.body_ref(log))).get(seq)

    def body_seqs(self, log: str) -> list[int]:
        """Return the positions whose bodies are held, in order."""
        return self._held(self.repository.ref(self.body_ref(log))).positions()

    def bodies(self, log: str, wanted: Iterable[int] | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies of a log with their positions: all in order, or the wanted, as far as they are held."""
        held = self._held(self.repository.ref(self.body_ref(log)))
        yield from held.some(held.positions() if wanted is None else wanted)

    def lost_bodies(self, log: str) -> Iterator[tuple[int, bytes]]:
        """Yield the bodies that forks took off a log, with the positions they had; several may have had the same."""
        for target in self.repository.refs(f"{LOST}{log[:2]}/{log}/").values():
            held = self._held(target)
            yield from held.some(held.positions())

    def write(self, changes: Changes) -> None:
        """Make changes durable, then visible."""
        batch = _Batch(self, changes)
        batch.encode()
        if changes.erased:
            # Superseded commits and the journal may still hold the erased words.
            self.repository.write_and_purge(batch.objects, batch.updates)
        else:
            self.repository.write(batch.objects, batch.updates)

    def log_ref(self, log: str) -> str:
        """Return the reference of a log's kept chain."""
        return f"{self.prefix}log/{log[:2]}/{log}"

    def key_ref(self, actor: str) -> str:
        """Return the reference of an actor's key log."""
        short = ids.actor_ref(actor)
        return f"{self.prefix}id/{short[:2]}/{short}"

    def body_ref(self, log: str) -> str:
        """Return the reference of a log's bodies."""
        return f"{self.prefix}body/{log[:2]}/{log}"

    def fork_prefix(self, log: str) -> str:
        """Return where the references of a log's other branches start."""
        return f"{self.prefix}fork/{log[:2]}/{log}/"

    def _branch_refs(self, log: str) -> dict[str, str]:
        return self.repository.refs(self.fork_prefix(log))

    def _branch(self, target: str) -> list[bytes]:
        found: list[bytes] = []
        for folder in self.repository.tree(self.repository.commit(target).tree).values():
            for blob in self.repository.tree(folder.id).values():
                found += segment.split(self.repository.data(blob.id))
        return found

    def _held(self, target: str | None) -> "_HeldBodies":
        known, folders = self._last_bodies
        if target is None or target != known:
            folders = self.repository.tree(self.repository.commit(target).tree) if target else Tree()
        return _HeldBodies(self.repository, folders)

    def _tail(self, target: str | None) -> tuple[Tail, Head | None]:
        if target is None:
            return segment.EMPTY, None
        commit = self.repository.commit(target)
        last = segment.last_seq(commit.message)
        folders = self.repository.tree(commit.tree)
        files = self.repository.tree(folders.last.id)
        lines = segment.split(self.repository.data(files.last.id))
        head = Head(last, recall(lines[-1]).id)
        if len(lines) == limits.SEGMENT:
            return Tail(target, (), folders, files), head
        base = commit.parents[0] if commit.parents else None
        return Tail(base, segment.told(commit.message, lines), folders, files), head

    def _file(self, tree: str, name: str) -> bytes:
        return self.repository.data(self.repository.tree(tree)[name].id)


class _Batch:
    """Encodes changes to objects and moves of references: bodies and branches before the logs."""

    def __init__(self, store: GitStore, changes: Changes) -> None:
        self._store = store
        self._repository = store.repository
        self._changes = changes
        self.objects: list[GitObject] = []
        self.updates: list[RefUpdate] = []

    def encode(self) -> None:
        """Encode everything."""
        for scid, raw in self._changes.key_logs.items():
            self._key_log(scid, raw)
        for log in sorted({*self._changes.bodies, *self._changes.erased} - self._changes.rewinds.keys()):
            self._bodies(log)
        for log, branches in self._changes.branches.items():
            self._branches(log, branches)
        for log in sorted({*self._changes.lines, *self._changes.rewinds}):
            self._log(log)
        # Words go after the lines that named them, as they come before.
        for log in self._changes.rewinds:
            self._bodies(log)

    def _move(self, name: str, new: str | None) -> None:
        self.updates.append(RefUpdate(name, self._repository.ref(name), new))

    def _key_log(self, scid: str, raw: bytes) -> None:
        short = ids.actor_ref(scid)
        blob = gitobject.make(BLOB, raw)
        root = gitobject.tree([TreeEntry("keys.jsonl", FILE_MODE, blob.id)])
        commit = gitobject.commit(root.id, (), segment.author(short), 0, f"key log of {scid}\n")
        self.objects += (blob, root, commit)
        self._move(self._store.key_ref(scid), commit.id)

    def _log(self, log: str) -> None:
        ref = self._store.log_ref(log)
        tail, end = self._store._tail(self._repository.ref(ref))
        lines: Sequence[Line] = self._changes.lines.get(log, ())
        if log in self._changes.rewinds:
            kept = [recall(raw) for raw in self._store.lines(log)[: self._changes.rewinds[log]]]
            tail, end, lines = segment.EMPTY, None, [*kept, *lines]
        _check_follows(log, end, lines)
        if not lines:
            self._move(ref, None)
            return
        made, new = segment.append(tail, lines)
        self.objects += made
        self._move(ref, new)

    def _branches(self, log: str, branches: Sequence[Sequence[Line]]) -> None:
        kept: set[str] = set()
        for branch in branches:
            made, new = segment.append(segment.EMPTY, branch)
            self.objects += made
            ref = self._store.fork_prefix(log) + branch[0].id[:32]
            kept.add(ref)
            self._move(ref, new)
        for ref in self._store._branch_refs(log):
            if ref not in kept:
                self._move(ref, None)

    def _bodies(self, log: str) -> None:
        ref = self._store.body_ref(log)
        old = self._repository.ref(ref)
        held = self._store._held(old)
        fork = self._changes.rewinds.get(log)
        beyond = [seq for seq in held.positions() if seq >= fork] if fork is not None else []
        for seq in (*beyond, *self._changes.erased.get(log, ())):
            held.drop(seq)
        made, new = held.put(log, self._changes.bodies.get(log, {}))
        self.objects += made
        self._move(ref, new)
        self._store._last_bodies = (new, held.folders)
        self._lost(log, old if beyond else None)

    def _lost(self, log: str, commit: str | None) -> None:
        """Keep the words that a fork took off for their author, on this disk only; erasing takes them, too."""
        prefix = f"{LOST}{log[:2]}/{log}/"
        for ref in self._repository.refs(prefix) if log in self._changes.erased else ():
            self._move(ref, None)
        if commit is not None:
            self._move(f"{prefix}{commit}", commit)


class _HeldBodies:
    """The bodies of one log as they lie in git."""

    def __init__(self, repository: Repository, folders: Tree) -> None:
        self._repository = repository
        self.folders = folders
        self._files: dict[str, Tree] = {}

    def positions(self) -> list[int]:
        """Return the positions whose bodies are held, in order."""
        return sorted(int(name.split(".")[0]) for folder in self.folders for name in self._open(folder))

    def get(self, seq: int) -> bytes | None:
        """Return a body, or None."""
        entry = self._entry(seq)
        return self._repository.data(entry.id) if entry else None

    def _entry(self, seq: int) -> TreeEntry | None:
        folder, name = segment.body_path(seq)
        return self._open(folder).get(name)

    def some(self, wanted: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Yield bodies with their positions, as far as they are held."""
        found = [(seq, entry.id) for seq in wanted if (entry := self._entry(seq))]
        data = self._repository.each([object_id for _, object_id in found])
        yield from zip((seq for seq, _ in found), data, strict=True)

    def drop(self, seq: int) -> None:
        """Take a body out."""
        folder, name = segment.body_path(seq)
        self._files[folder] = self._open(folder).without(name)

    def put(self, log: str, bodies: Mapping[int, bytes]) -> tuple[list[GitObject], str | None]:
        """Add bodies and encode the commit that holds them all; None where none is left."""
        objects: list[GitObject] = []
        for seq, raw in bodies.items():
            folder, name = segment.body_path(seq)
            blob = gitobject.make(BLOB, raw)
            objects.append(blob)
            self._files[folder] = self._open(folder).put(TreeEntry(name, FILE_MODE, blob.id))
        objects += self._rebuild()
        if not self.folders:
            return objects, None
        made, new = segment.bodies(log, self.folders)
        return objects + made, new

    def _open(self, folder: str) -> Tree:
        if folder not in self._files:
            entry = self.folders.get(folder)
            self._files[folder] = self._repository.tree(entry.id) if entry else Tree()
        return self._files[folder]

    def _rebuild(self) -> list[GitObject]:
        made: list[GitObject] = []
        for folder, files in self._files.items():
            if files:
                inner = files.made()
                made.append(inner)
                self.folders = self.folders.put(TreeEntry(folder, TREE_MODE, inner.id))
            else:
                self.folders = self.folders.without(folder)
        return made


def _check_follows(log: str, end: Head | None, lines: Sequence[Line]) -> None:
    for line in lines:
        seq, prev = (0, None) if end is None else (end.seq + 1, end.op)
        if (line.seq, line.prev) != (seq, prev):
            raise ConflictError(f"log {log[:8]} does not end before {line.seq}")
        end = Head(line.seq, line.id)


def _scid(key_log: bytes) -> str:
    entry = msgspec.json.decode(key_log.split(b"\n", 1)[0])
    return str(entry["parameters"]["scid"])
