"""Brings a commit that somebody handed in to this machine, to be looked at and run. ⚡

1. Whoever hands work in says where it is, so the address is a stranger's: a public one over HTTP, resolved once and
   pinned, no redirect, no proxy, no credentials, an environment of its own. An address that the reviewer gives is used
   as it stands, with the reviewer's own git.
2. Nothing of the commit is executed here: no hook, no filter, no submodule. What is small as a pack and immense as
   files is measured before anything walks it; every git has a time, a memory and a size that it may use.
3. What the work changes is never guessed: what cannot be held against a main line is shown whole.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from beads.errors import NotFound, RemoteError
from node.errors import NodeError, Usage
from node.warygit import Place, WaryGit

TREE_BYTES = 1 << 30
TREE_FILES = 200_000
PATCH_BYTES = 256 << 10
COMMITS = 50
SUBJECT = 120

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_WORK, _BASE = "refs/review/work", "refs/review/base"
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short")


class Changed(NamedTuple):
    """A file that the work changes; the counts are None where it is no text."""

    path: str
    added: int | None
    removed: int | None


class Difference(NamedTuple):
    """What a commit adds to the main line of its repository.

    Attributes:
        base: The commit it is held against; None where it stands alone.
        note: What is to be known of that, or "".
        commits: The newest first, each as its short id and its subject.
        files: What changes.
        patch: As text, at most `PATCH_BYTES`.
        cut: Whether there is more of it.
    """

    base: str | None
    note: str
    commits: tuple[str, ...]
    files: tuple[Changed, ...]
    patch: str
    cut: bool


class Work:
    """A commit, in a repository of its own.

    Args:
        folder: An empty folder for the repository.
        place: Where the commit is.
        commit: Its id in full.
        home: The repository whose main line it is held against, if that is another.

    Raises:
        RemoteError: It cannot be had from there.
        NotFound: That repository does not have it.
        NodeError: It is too large to be laid out.
    """

    def __init__(self, folder: Path, place: Place, commit: str, home: Place | None) -> None:
        if not _COMMIT.fullmatch(commit):
            raise Usage(f"not the id of a commit: {commit[:80]!r}", "It takes all of its 40 letters.")
        self.commit = commit
        self._git = WaryGit(folder)
        self._git.do("init", "--quiet", "--bare", ".")
        self._bring(place)
        main = self._git.fetch(home or place, f"+HEAD:{_BASE}")
        if home is not None and main.code != 0:
            raise RemoteError(f"cannot fetch what the work belongs to: {main.reason}", "Give --base.")
        self._measure(commit)

    def difference(self) -> Difference:
        """Say what the commit changes."""
        base, note = self._base()
        if base is not None:
            self._measure(base)
        span = (base or self._git.output("hash-object", "-t", "tree", "/dev/null"), self.commit)
        patch, cut = self._git.beginning(PATCH_BYTES, "diff", *_PLAIN, "--find-renames", *span, "--")
        since = (f"^{base}",) if base else ()
        form = f"--format=%h %<({SUBJECT},trunc)%s"
        log, _ = self._git.beginning(PATCH_BYTES, "log", f"-{COMMITS}", "--no-color", form, self.commit, *since, "--")
        commits = tuple(line.strip() for line in log.split("\n") if line.strip())
        return Difference(base, note, commits, tuple(self._changed(span)), patch, cut)

    def check_out(self, folder: Path) -> None:
        """Lay the commit out in a new folder, as a repository of its own."""
        folder.mkdir(parents=True)
        there = WaryGit(folder)
        there.do("init", "--quiet", ".")
        there.do("fetch", "--quiet", "--no-tags", str(self._git.folder), f"{_WORK}:{_WORK}")
        there.do("checkout", "--quiet", "--detach", self.commit)

    def _bring(self, place: Place) -> None:
        one = self._git.fetch(place, f"+{self.commit}:{_WORK}")
        if one.code != 0 and "not our ref" in one.err:
            # Some servers give out what a name stands for, and nothing by its id.
            one = self._git.fetch(place, "+refs/heads/*:refs/review/heads/*", "+refs/tags/*:refs/review/tags/*")
            if one.code == 0 and self._git.answer("update-ref", _WORK, self.commit).code != 0:
                raise NotFound(f"the repository has no commit {self.commit[:12]}", f"It is {place.url}")
        if one.code != 0:
            raise RemoteError(f"cannot fetch the work: {one.reason}", "Give --repo if it is elsewhere.")
        if self._git.output("cat-file", "-t", self.commit) != "commit":
            raise NotFound(f"{self.commit[:12]} is no commit", f"It is something else at {place.url}")

    def _measure(self, commit: str) -> None:
        """Refuse a tree that is small as a pack and immense as files, before anything walks it.

        Folders count, too: some hold nothing but folders.
        """
        count = size = 0
        with closing(self._git.entries("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit)) as entries:
            for entry in entries:
                length = entry.partition(b"\t")[0].split()[-1]
                count, size = count + 1, size + (int(length) if length.isdigit() else 0)
                if count > TREE_FILES or size > TREE_BYTES:
                    limit = f"{TREE_FILES} files or {TREE_BYTES >> 20} MiB"
                    raise NodeError(f"the work has more than {limit}", "Reject it, or ask for something smaller.")

    def _base(self) -> tuple[str | None, str]:
        """Find what to hold the work against, and say what is to be known of that."""
        main = self._git.output("rev-parse", "--verify", "--quiet", f"{_BASE}^{{commit}}")
        if not main:
            return None, "the repository has no main line: all of it is shown"
        left = self._git.output("merge-base", _BASE, self.commit)
        if not left:
            return main, "it has nothing in common with the main line, and is held against the end of that"
        if left != self.commit:
            return left, ""
        parent = self._git.output("rev-parse", "--verify", "--quiet", f"{self.commit}^1")
        return parent or None, "it has landed on the main line; this is its last commit alone"

    def _changed(self, span: Sequence[str]) -> Iterator[Changed]:
        with closing(self._git.entries("diff", *_PLAIN, "--no-renames", "--numstat", "-z", *span, "--")) as entries:
            for entry in entries:
                added, removed, path = entry.decode(errors="replace").split("\t", 2)
                yield Changed(path, _count(added), _count(removed))


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None
