"""A rig's git: one bare repository, the polecats' worktrees on it, and the refs that keep work from being lost.

Refs beside the branches:

- `refs/landed/<bead>`: the head a worker handed in, kept as it was after its rebased copy has landed.
- `refs/candidate/<bead>/<head>`: the rebased copy we are about to push; tells a later run what it did.
- `refs/rescue/<bead>/<n>`: what would otherwise have become unreachable.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from town.bridge import DiffStat
from town.drivers.git import Git
from town.drivers.hooks import KEY_VARIABLE, write_hooks
from town.errors import GitError, RigError
from town.layout import RigLayout

SHORT: Final = 12
_IDENTITY: Final[Mapping[str, str]] = {
    "GIT_AUTHOR_NAME": "refinery",
    "GIT_AUTHOR_EMAIL": "refinery@town.invalid",
    "GIT_COMMITTER_NAME": "refinery",
    "GIT_COMMITTER_EMAIL": "refinery@town.invalid",
}


def branch_name(polecat: str, bead: str) -> str:
    """Name the branch a polecat works on for a bead."""
    return f"polecat/{polecat}/{bead[:SHORT]}"


class Rig:
    """One rig's repository. Safe to use from several threads and processes: git's own locks order the refs."""

    def __init__(self, layout: RigLayout, target: str) -> None:
        self.layout = layout
        self.target = target
        self.git = Git(layout.repo, self._power())

    @property
    def target_ref(self) -> str:
        """The target branch in our own repository."""
        return f"refs/heads/{self.target}"

    def _power(self) -> dict[str, str]:
        try:
            key = self.layout.key.read_text()
        except FileNotFoundError:
            key = ""
        return {KEY_VARIABLE: key, **_IDENTITY}

    # Setting up

    @classmethod
    def create(cls, layout: RigLayout, url: str, target: str) -> Rig:
        """Clone a rig. Either the whole of it is there afterwards, or nothing.

        Raises:
            RigError: the remote cannot be read or has no such branch.
        """
        layout.root.mkdir(parents=True, exist_ok=True)
        layout.key.write_text(secrets.token_hex(16))
        layout.key.chmod(0o600)
        fresh = layout.root / "repo.new"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            _clone(fresh, url, target)
            fresh.rename(layout.repo)
        except (GitError, RigError):
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        rig = cls(layout, target)
        rig.repair()
        return rig

    def repair(self) -> None:
        """Put hooks and worktree links right, as after a move of the town's folder or a killed git."""
        write_hooks(self.layout.hooks, self.layout.key, self.target)
        self.git.out("config", "core.hooksPath", str(self.layout.hooks))
        self.git.run("worktree", "prune")

    # The remote

    def fetch(self) -> str:
        """Bring the target branch up to the remote's and return its commit.

        Raises:
            RigError: the remote cannot be read, or the branch is gone from it.
        """
        seen = f"refs/remotes/origin/{self.target}"
        self.git.out("fetch", "--quiet", "--no-tags", "origin", f"+{self.target_ref}:{seen}")
        commit = self.git.out("rev-parse", seen)
        if commit != self.target_commit():
            self.git.out("update-ref", "-m", "fetched", self.target_ref, commit)
        return commit

    def remote_target(self) -> str:
        """Ask the remote itself for its target's commit."""
        answer = self.git.out("ls-remote", "origin", self.target_ref)
        if not answer:
            raise RigError(f"The remote has no branch {self.target!r}.", "Was it renamed?")
        return answer.split()[0]

    def push(self, commit: str, expected: str) -> str | None:
        """Move the remote's target from `expected` to `commit`; return why not, or None when it moved."""
        lease = f"--force-with-lease={self.target_ref}:{expected}"
        result = self.git.run("push", "--quiet", lease, "origin", f"{commit}:{self.target_ref}")
        return None if result.ok else result.err[-500:] or "refused without a word"

    # Commits

    def target_commit(self) -> str | None:
        """Look up our copy of the target."""
        return self.git.commit_of(self.target_ref)

    def ahead(self, head: str) -> int:
        """Count the commits of `head` that the target does not have."""
        return int(self.git.out("rev-list", "--count", f"{self.target_ref}..{head}"))

    def is_contained(self, head: str, base: str) -> bool:
        """Tell whether every change of `head` is in `base`, as the same commit or as the same patch."""
        if self.git.is_ancestor(head, base):
            return True
        marks = [line[:1] for line in self.git.lines("cherry", base, head)]
        return bool(marks) and set(marks) == {"-"}

    def diff_stat(self, base: str, commit: str) -> DiffStat:
        """Measure the change from one commit to another; a binary file counts as a file without lines."""
        rows = [line.split("\t")[:2] for line in self.git.lines("diff", "--numstat", "--no-renames", base, commit)]
        numbers = [[int(count) if count.isdigit() else 0 for count in row] for row in rows]
        return DiffStat(len(rows), sum(row[0] for row in numbers), sum(row[1] for row in numbers))

    # Refs of ours

    def keep(self, ref: str, commit: str) -> None:
        """Point one of our own refs at a commit."""
        self.git.out("update-ref", ref, commit)

    def rescue_refs(self) -> Mapping[str, str]:
        """List what was rescued: ref to commit."""
        lines = self.git.lines("for-each-ref", "--format=%(refname) %(objectname)", "refs/rescue")
        return dict(line.split(" ", 1) for line in lines)

    def rescue(self, bead: str, commit: str) -> str | None:
        """Keep a commit that no durable ref holds; return the new ref, None when it is safe already."""
        if self._is_durable(commit):
            return None
        prefix = f"refs/rescue/{bead[:SHORT]}"
        number = len(self.git.lines("for-each-ref", "--format=x", prefix)) + 1
        ref = f"{prefix}/{number}"
        self.git.out("update-ref", ref, commit, "")
        return ref

    def _is_durable(self, commit: str) -> bool:
        refs = (self.target_ref, "refs/landed", "refs/rescue")
        return bool(self.git.lines("for-each-ref", "--count=1", "--format=x", f"--contains={commit}", *refs))

    # Worktrees

    def polecats(self) -> tuple[str, ...]:
        """List the polecats that have a worktree."""
        try:
            return tuple(sorted(path.name for path in self.layout.polecats.iterdir() if path.is_dir()))
        except FileNotFoundError:
            return ()

    def worktree(self, polecat: str) -> Git:
        """Reach a polecat's worktree."""
        return Git(self.layout.polecat(polecat), self._power())

    def prepare_worktree(self, polecat: str, branch: str) -> Path:
        """Make a polecat's worktree on a branch, from the target where the branch is new. Repeatable."""
        path = self.layout.polecat(polecat)
        if path.exists():
            if self._is_worktree(path):
                return self._switch(polecat, branch)
            self._set_aside(path)
        self.git.run("worktree", "prune")
        known = self.git.commit_of(f"refs/heads/{branch}") is not None
        where = (str(path), branch) if known else ("-b", branch, str(path), self.target_ref)
        self.git.out("worktree", "add", "--quiet", *where)
        return path

    def _is_worktree(self, path: Path) -> bool:
        found = Git(path).run("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir")
        lines = found.out.splitlines()
        return found.ok and len(lines) == 2 and _same(lines[0], path) and _same(lines[1], self.layout.repo)

    def _switch(self, polecat: str, branch: str) -> Path:
        git = self.worktree(polecat)
        if git.run("symbolic-ref", "--short", "HEAD").out != branch:
            self._save_worktree(polecat, branch.rpartition("/")[2])
            known = self.git.commit_of(f"refs/heads/{branch}") is not None
            where = (branch,) if known else ("-b", branch, self.target_ref)
            git.out("checkout", "--quiet", "--force", *where)
            git.out("clean", "--quiet", "-ffd")
        return self.layout.polecat(polecat)

    def _set_aside(self, path: Path) -> None:
        """Move away a folder that stands where a worktree should; it may hold somebody's work."""
        self.layout.broken.mkdir(exist_ok=True)
        number = len(list(self.layout.broken.iterdir())) + 1
        path.rename(self.layout.broken / f"{path.name}-{number}")

    def commit_all(self, polecat: str, message: str) -> bool:
        """Commit everything in a worktree that is not committed; tell whether there was anything."""
        git = self.worktree(polecat)
        if not git.out("status", "--porcelain", "--untracked-files=normal"):
            return False
        git.out("add", "--all")
        git.out("commit", "--quiet", "--no-verify", "-m", message, env=_author(polecat, self.layout))
        return True

    def remove_worktree(self, polecat: str) -> tuple[str, ...]:
        """Take a worktree away, with its branch; return the rescue refs that hold what was nowhere else."""
        path = self.layout.polecat(polecat)
        if not self._is_worktree(path):
            self._set_aside(path)
            return ()
        branch = self.worktree(polecat).run("symbolic-ref", "--short", "HEAD").out
        saved = self._save_worktree(polecat, branch.rpartition("/")[2] or polecat)
        self.git.out("worktree", "remove", "--force", str(path))
        self.drop_branch(branch)
        return saved

    def _save_worktree(self, polecat: str, bead: str) -> tuple[str, ...]:
        git = self.worktree(polecat)
        found = [git.commit_of("HEAD"), self._snapshot(polecat)]
        refs = [self.rescue(bead, commit) for commit in reversed(found) if commit is not None]
        return tuple(ref for ref in refs if ref is not None)

    def _snapshot(self, polecat: str) -> str | None:
        """Commit a worktree's uncommitted files beside its branch; None when there are none."""
        git = self.worktree(polecat)
        if not git.out("status", "--porcelain", "--untracked-files=normal"):
            return None
        index = {"GIT_INDEX_FILE": str(self.layout.root / f"snapshot-{polecat}.index")}
        try:
            git.out("read-tree", "HEAD", env=index)
            git.out("add", "--all", env=index)
            tree = git.out("write-tree", env=index)
        finally:
            Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        return git.out("commit-tree", tree, "-p", "HEAD", "-m", "Rescued: files that were not committed")

    def drop_branch(self, branch: str) -> None:
        """Delete a polecat's branch if a durable ref holds all of it; otherwise leave it."""
        tip = self.git.commit_of(f"refs/heads/{branch}") if branch.startswith("polecat/") else None
        if tip is not None and self._is_durable(tip):
            self.git.out("update-ref", "-d", f"refs/heads/{branch}", tip)


def _same(one: str, other: Path) -> bool:
    return Path(one).resolve() == other.resolve()


def _author(polecat: str, layout: RigLayout) -> dict[str, str]:
    name = f"{layout.root.name}/polecats/{polecat}"
    return {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": f"{polecat}.{layout.root.name}@town.invalid"}


def _clone(folder: Path, url: str, target: str) -> None:
    """Make a bare repository whose own branches are ours alone: the remote's lie under refs/remotes."""
    Git(folder.parent).out("init", "--quiet", "--bare", f"--initial-branch={target}", folder.name)
    git = Git(folder)
    git.out("remote", "add", "origin", url)
    git.out("fetch", "--quiet", "--no-tags", "origin")
    commit = git.commit_of(f"refs/remotes/origin/{target}")
    if commit is None:
        names = git.lines("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes/origin")
        raise RigError(f"{url} has no branch {target!r}.", f"It has: {', '.join(names) or 'none'}.")
    git.out("update-ref", f"refs/heads/{target}", commit)
