"""A bare git repository: objects in, references moved by compare-and-swap, all of it durable. ⚡

Reading and packing are dulwich's. Writing is done here: a small write is durable by one flush of the journal
(`beads.journal`), a large one by its pack; without a journal every file and folder is flushed before a reference may
name what is in it.
"""

import fcntl
import io
import os
import shlex
import subprocess
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from dulwich.object_store import DiskObjectStore
from dulwich.objects import ObjectID
from dulwich.pack import write_pack_index_v2
from dulwich.refs import DiskRefsContainer, Ref

from beads import gitobject, pack
from beads.errors import ConflictError, NotFound, StoreError
from beads.files import GENERATION, flush, flush_folder, git_environment, nonce, write_file
from beads.gitobject import BLOB, COMMIT, TREE, GitObject, Tree
from beads.journal import SETTLE_AT, Entry, Journal, RefUpdate, start_of_system

LOOSE_AT_MOST = 48
"""Objects of one write that are stored one by one; more go into a pack."""
MANY = 1_000
"""Objects that git reads sooner than we do, though it must be started."""
RECENT_AT_MOST = 64
"""Objects written last that are kept at hand."""
LOOSE_BEFORE_PACKING = 2000
PACKS_BEFORE_PACKING = 50
SUPERSEDED_KEPT = "1.hour.ago"
"""A replaced tail stays readable so that a reader who has just seen its name can still fetch it."""
PURGE = "wl-purge"
"""A file that is there while words which were taken back may still lie in what no reference reaches."""
PACKING = "wl-pack.lock"
_FLUSHING = "-c core.fsync=all"
"""Without it git flushes neither references nor what it takes out of a pack, which is all that is left of it."""
_REPAIR = "Run: wl doctor --fix"
_CONFIG = """[core]
\trepositoryformatversion = 0
\tbare = true
\tfilemode = true
[gc]
\tauto = 0
\tpackRefs = false
[transfer]
\thideRefs = refs/lost
[uploadpack]
\tallowAnySHA1InWant = true
"""


class Repository:
    """A bare repository on this disk.

    Raises:
        NotFound: There is none at `path`.
    """

    def __init__(self, path: Path) -> None:
        if not (path / "HEAD").is_file():
            raise NotFound(f"no repository at {path}")
        self.path = path
        self._objects = DiskObjectStore(str(path / "objects"))
        self._refs = DiskRefsContainer(str(path))
        self._journal = Journal(path, start_of_system())
        self._done_to: tuple[int, ...] = ()
        self._recent: dict[str, tuple[str, bytes]] = {}
        if self._journal.is_stale():
            with self.lock():
                pass

    @classmethod
    def make(cls, path: Path, head: str) -> "Repository":
        """Make an empty repository whose HEAD is the branch `head`."""
        for folder in ("objects/pack", "objects/info", "refs/heads"):
            make_folder(path / folder)
        write_file(path / GENERATION, b"0" * 16)
        write_file(path / "config", _CONFIG.encode())
        write_file(path / "HEAD", f"ref: {head}\n".encode())
        return cls(path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep every other writer out, in this process and in others.

        Raises:
            StoreError: What was left half done cannot be finished: the disk refuses.
        """
        with (self.path / "wl.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._recover()
            yield

    def _recover(self) -> None:
        """Finish what a killed process left half done, or a machine that went down."""
        if self._journal.mark != self._done_to:
            try:
                self._finish()
            except OSError as error:
                raise _refused(self.path, error) from error
            self._done_to = self._journal.mark
        if (self.path / PURGE).exists():
            # Words that were taken back stay on this disk until that is possible; writing goes on.
            with suppress(StoreError):
                self._purge()

    def _finish(self) -> None:
        if self._journal.is_stale():
            self.settle()
        elif self._journal.size:
            last = self._journal.last()
            if last is None:
                self._journal.mend()
            elif any(self.ref(update.name) != update.new for update in last.updates):
                self._renew_generation()
                self._apply(last)

    def settle(self) -> None:
        """Make durable by themselves all the files that the journal stands for, and forget it. Needs the lock.

        Raises:
            StoreError: The disk refused; the journal stays.
        """
        try:
            self._settle(list(self._journal.entries()))
        except OSError as error:
            raise _refused(self.path, error) from error

    def _settle(self, entries: Sequence[Entry]) -> None:
        objects = {one.id: one for entry in entries for one in entry.objects}
        if objects:
            self._put_pack(list(objects.values()))
            for one in objects:
                # In the pack they are whole; a machine that went down may have left these empty.
                (self.path / "objects" / one[:2] / one[2:]).unlink(missing_ok=True)
        self.forget_journal(entries)

    def forget_journal(self, entries: Sequence[Entry] | None = None) -> None:
        """Forget the journal once its objects are durable elsewhere: references follow, flushed. Needs the lock."""
        found = list(self._journal.entries()) if entries is None else entries
        final = {update.name: update.new for entry in found for update in entry.updates}
        self._renew_generation(durable=True)
        for name, new in final.items():
            self._set(name, new, durable=True)
        for folder in self._folders_of(final):
            # Those that the journal stood for were made without a flush.
            flush_folder(folder)
        self._journal.clear()
        self._recent.clear()
        self._done_to = ()

    def _folders_of(self, names: Iterable[str]) -> list[Path]:
        """Return the folders that references lie in, and those above them, the topmost first."""
        found = {folder for name in names for folder in (self.path / name).parents if folder.is_relative_to(self.path)}
        return sorted(folder for folder in found if folder.is_dir())

    def close(self) -> None:
        """Give the open packs back."""
        self._objects.close()

    def get(self, object_id: str) -> tuple[str, bytes] | None:
        """Return kind and data of an object, or None where it is missing.

        Raises:
            StoreError: It is broken.
        """
        if object_id in self._recent:
            return self._recent[object_id]
        try:
            number, data = self._objects.get_raw(ObjectID(object_id.encode()))
        except KeyError:
            return None
        except (OSError, ValueError, AssertionError, zlib.error) as error:
            raise StoreError(f"git object {object_id[:12]} is broken", _REPAIR) from error
        return pack.KINDS.get(number, ""), data

    def data(self, object_id: str) -> bytes:
        """Return the data of an object.

        Raises:
            StoreError: It is missing or broken.
        """
        found = self.get(object_id)
        if found is None:
            raise StoreError(f"git object {object_id[:12]} is missing", _REPAIR)
        return found[1]

    def each(self, object_ids: Sequence[str]) -> Iterator[bytes]:
        """Yield the data of objects, in order; of many, git reads them beside us.

        Raises:
            StoreError: One is missing or broken.
        """
        if len(object_ids) < MANY:
            yield from map(self.data, object_ids)
            return
        command = ["git", f"--git-dir={self.path}", "cat-file", "--batch", "--buffer"]
        with tempfile.TemporaryFile() as asked:
            asked.write("\n".join(object_ids).encode())
            asked.seek(0)
            with subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, env=git_environment()) as git:
                assert git.stdout is not None
                for object_id in object_ids:
                    yield _next_of_batch(git.stdout, object_id)

    def __contains__(self, object_id: str) -> bool:
        return ObjectID(object_id.encode()) in self._objects

    def missing(self, want: str, have: str | None) -> list[GitObject]:
        """Return the objects of a log's or a body's commit that whoever holds `have` lacks.

        Histories here are linear and short: closed segments, each on the one before. Walking back to the common one is
        all there is to do.
        """
        known = self._known(have)
        found: dict[str, GitObject] = {}
        at: str | None = want
        while at is not None and at not in known:
            commit = self.commit(at)
            found[at] = GitObject(at, COMMIT, self.data(at))
            self._collect(commit.tree, known, found)
            at = commit.parents[0] if commit.parents else None
        return list(found.values())

    def _known(self, have: str | None) -> set[str]:
        if have is None or have not in self:
            return set()
        commit = self.commit(have)
        known = {have, *commit.parents, commit.tree}
        for entry in self.tree(commit.tree).values():
            known.add(entry.id)
            if entry.is_tree:
                known.update(inner.id for inner in self.tree(entry.id).values())
        return known

    def _collect(self, tree: str, known: set[str], found: dict[str, GitObject]) -> None:
        if tree in known or tree in found:
            return
        found[tree] = GitObject(tree, TREE, self.data(tree))
        for entry in self.tree(tree).values():
            if entry.is_tree:
                self._collect(entry.id, known, found)
            elif entry.id not in known and entry.id not in found:
                found[entry.id] = GitObject(entry.id, BLOB, self.data(entry.id))

    def commit(self, object_id: str) -> gitobject.Commit:
        """Return a commit."""
        return gitobject.read_commit(self.data(object_id))

    def tree(self, object_id: str) -> Tree:
        """Return a tree."""
        return Tree.read(self.data(object_id))

    def refs(self, prefix: str) -> dict[str, str]:
        """Return the references under `prefix` (which ends in a slash) and the objects they name."""
        found = self._refs.as_dict(Ref(prefix.rstrip("/").encode()))
        return {prefix + name.decode(): target.decode() for name, target in found.items()}

    def ref(self, name: str) -> str | None:
        """Return the object that a reference names."""
        try:
            return (self.path / name).read_text().rstrip("\n")
        except FileNotFoundError:
            # Stock git may have packed it.
            target = self._refs.get_packed_refs().get(Ref(name.encode()))
            return target.decode() if target else None

    def write(self, objects: Sequence[GitObject], updates: Iterable[RefUpdate]) -> None:
        """Store objects durably, change the generation, then move the references in order.

        Raises:
            StoreError: The disk refused; nothing that was there is harmed.
            ConflictError: A reference was not where `old` says.
        """
        moves = [update for update in updates if update.old != update.new]
        for update in moves:
            self._check(update)
        try:
            if self._journal.usable:
                self._write_ahead(objects, moves)
            else:
                self._put(objects)
                self._renew_generation(durable=True)
                for name, _, new in moves:
                    self._set(name, new, durable=True)
        except OSError as error:
            raise _refused(self.path, error) from error

    def _write_ahead(self, objects: Sequence[GitObject], moves: Sequence[RefUpdate]) -> None:
        small = list(objects) if len(objects) <= LOOSE_AT_MOST else []
        if not small:
            self._put(objects)
        at = self._journal.append(small, moves)
        try:
            self._renew_generation()
            self._apply(Entry(small, list(moves)))
        except OSError as error:
            self._take_back(at, moves, error)
            raise
        if self._journal.size > SETTLE_AT:
            # The write stands in any case, and the journal for it: the next one tries again.
            with suppress(StoreError):
                self.settle()
        self._done_to = self._journal.mark

    def _take_back(self, at: int, moves: Sequence[RefUpdate], why: OSError) -> None:
        """Undo what of a write was done before the disk refused the rest."""
        try:
            for name, old, _ in reversed(moves):
                if self.ref(name) != old:
                    # Durably: what the journal says of it may be settled long since.
                    self._set(name, old, durable=True)
            self._journal.take_back(at)
        except OSError:
            hint = "Do not repeat it: it is finished once the disk allows."
            raise StoreError(f"it is written, but only half done: {why.strerror}", hint) from why

    def _apply(self, entry: Entry) -> None:
        _put_loose(self.path / "objects", entry.objects, durable=False)
        for name, _, new in entry.updates:
            self._set(name, new, durable=False)
        if len(self._recent) > RECENT_AT_MOST:
            self._recent.clear()
        # The next write begins with the trees and the tail of this one.
        self._recent.update((one.id, (one.kind, one.data)) for one in entry.objects)

    def _renew_generation(self, *, durable: bool = False) -> None:
        # In place: whoever reads it half written sees a token that differs, which is all it is for.
        handle = os.open(self.path / GENERATION, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(handle, nonce().encode(), 0)
            if durable:
                os.fsync(handle)
        finally:
            os.close(handle)

    def write_and_purge(self, objects: Sequence[GitObject], updates: Iterable[RefUpdate]) -> None:
        """Write, then drop whatever no reference reaches any more, and the journal: nothing taken back may stay.

        A process killed in between leaves a mark; whoever next holds the lock drops it.
        """
        try:
            write_file(self.path / PURGE, b"")
        except OSError as error:
            raise _refused(self.path, error) from error
        self.write(objects, updates)
        self._purge()

    def _purge(self) -> None:
        self.pack(keep_superseded=False)
        try:
            # It holds the words, too; all that counts is in the pack now.
            self.forget_journal()
            (self.path / PURGE).unlink(missing_ok=True)
            flush_folder(self.path)
        except OSError as error:
            raise _refused(self.path, error) from error

    def publish(self, objects: Sequence[GitObject], name: str, new: str) -> None:
        """Point a reference outside the protocol (a local view) at new objects; the generation stays."""
        self._put(objects)
        self._set(name, new, durable=True)

    def inherit(self, source: "Repository", prefix: str) -> None:
        """Take over another repository's references under `prefix`, with all they reach.

        Raises:
            StoreError: git could not.
        """
        self._git(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", str(source.path), f"+{prefix}*:{prefix}*"
        )

    def _put(self, objects: Sequence[GitObject]) -> None:
        if len(objects) > LOOSE_AT_MOST:
            self._put_pack(list({obj.id: obj for obj in objects}.values()))
            return
        _put_loose(self.path / "objects", objects, durable=True)

    def _put_pack(self, objects: Sequence[GitObject]) -> None:
        folder = self.path / "objects" / "pack"
        making = folder / f"tmp_{nonce()}"
        try:
            with making.open("wb", buffering=1 << 20) as file:
                places, checksum = pack.write(file.write, objects)
                flush(file)
            name = folder / f"pack-{checksum.hex()}"
            making.replace(name.with_suffix(".pack"))
        except OSError:
            making.unlink(missing_ok=True)
            raise
        index = io.BytesIO()
        write_pack_index_v2(index, sorted((sha, *place) for sha, place in places.items()), checksum)
        write_file(name.with_suffix(".idx"), index.getvalue())

    def _check(self, update: RefUpdate) -> None:
        if self.ref(update.name) != update.old:
            raise ConflictError(
                f"{update.name} moved while it was written", "Something else writes to this repository."
            )

    def _set(self, name: str, new: str | None, *, durable: bool) -> None:
        path = self.path / name
        if new is not None:
            make_folder(path.parent, durable=durable)
            write_file(path, f"{new}\n".encode(), durable=durable)
            return
        # A lock file here is one that a killed process left: whoever moves references holds `lock`.
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
        self._refs.remove_if_equals(Ref(name.encode()), None)
        if durable:
            # Folders that became empty are gone, too.
            flush_folder(next(folder for folder in path.parents if folder.is_dir()))

    def wants_packing(self) -> bool:
        """Say whether `pack` is due; a look at one of 256 folders, as `git gc --auto` does."""
        sample = self.path / "objects" / "17"
        loose = sum(1 for _ in sample.iterdir()) * 256 if sample.is_dir() else 0
        packs = sum(1 for _ in (self.path / "objects" / "pack").glob("*.pack"))
        return loose > LOOSE_BEFORE_PACKING or packs > PACKS_BEFORE_PACKING

    def pack(self, *, keep_superseded: bool = True) -> None:
        """Put everything into one pack; drop what no reference reaches (at once, or when it is an hour old).

        Raises:
            StoreError: git could not.
        """
        since = SUPERSEDED_KEPT if keep_superseded else "now"
        with (self.path / PACKING).open("a") as handle:
            # One that began before would bring back what this one is to drop.
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._git("repack", "-A", "-d", "-q", f"--unpack-unreachable={since}")
            self._git("prune", f"--expire={since}")

    def pack_apart(self) -> None:
        """Do the same in a process of its own that nobody waits for; killed at any point, it does no harm."""
        git = f"git {_FLUSHING} --git-dir={shlex.quote(str(self.path))}"
        steps = (
            f"{git} repack -A -d -q --unpack-unreachable={SUPERSEDED_KEPT} && {git} prune --expire={SUPERSEDED_KEPT}"
        )
        nothing = subprocess.DEVNULL
        with (self.path / PACKING).open("a") as handle, suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its copy of the handle keeps the lock until it has ended.
            subprocess.Popen(
                ["sh", "-c", steps], stdin=nothing, stdout=nothing, stderr=nothing, env=git_environment(),
                start_new_session=True, pass_fds=(handle.fileno(),),
            )  # fmt: skip

    def _git(self, *arguments: str) -> None:
        command = ["git", *_FLUSHING.split(), f"--git-dir={self.path}", *arguments]
        done = subprocess.run(command, capture_output=True, check=False, env=git_environment())
        if done.returncode:
            raise StoreError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()[-300:]}")


def _next_of_batch(answers: IO[bytes], object_id: str) -> bytes:
    """Read what `git cat-file --batch` says of an object."""
    found = answers.readline().split()
    if len(found) != 3 or found[0] != object_id.encode():
        raise StoreError(f"git object {object_id[:12]} is missing or broken", _REPAIR)
    data = answers.read(int(found[2]) + 1)
    return data[:-1]


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write: {error.strerror}", f"Make room or access at {path}.")


def make_folder(path: Path, *, durable: bool = True) -> None:
    """Make a folder, and those above it."""
    if not path.is_dir():
        make_folder(path.parent, durable=durable)
        path.mkdir(exist_ok=True)
        if durable:
            flush_folder(path.parent)


def _put_loose(folder: Path, objects: Iterable[GitObject], *, durable: bool) -> None:
    """Write objects one by one, all of them (durably) before any has its name."""
    made: list[tuple[Path, Path]] = []
    touched: set[Path] = set()
    try:
        for obj in objects:
            path = folder / obj.id[:2] / obj.id[2:]
            touched.add(path.parent)
            # Anew even where it is: the one there may be old enough to be pruned, or what a machine that went down left
            # of a write that was taken back.
            # git prunes files of this name that a killed process left.
            made.append((folder / f"tmp_obj_{nonce()}", path))
            with made[-1][0].open("xb") as handle:
                handle.write(gitobject.loose(obj))
                if durable:
                    flush(handle)
        for making, path in made:
            _into_folder(making, path, durable=durable)
    except OSError:
        for making, _ in made:
            making.unlink(missing_ok=True)
        raise
    for each in touched if durable else ():
        flush_folder(each)


def _into_folder(making: Path, path: Path, *, durable: bool) -> None:
    """Give a file its name in a folder that git removes, beside us, whenever it is empty."""
    for _ in range(_TRIES):
        make_folder(path.parent, durable=durable)
        try:
            making.replace(path)
            return
        except FileNotFoundError as error:
            gone = error
    raise gone


_TRIES = 3
