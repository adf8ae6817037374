"""Brings a commit that somebody handed in to this machine, to be looked at and run. ⚡

Whoever hands work in says where it is, so the address is a stranger's: a public one over HTTP, resolved once and
pinned, no redirect, no proxy, no credentials. An address that the reviewer gives is used as it stands, with the
reviewer's own git. Nothing of the commit is executed here: no hook, no filter, no submodule.
"""

import os
import re
import subprocess
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from beads.address import Reach, check_url
from beads.errors import NotFound, RemoteError
from node import wiring
from node.errors import NodeError, Usage

SECONDS = 600
PACK_BYTES = 1 << 30
TREE_BYTES = 1 << 30
TREE_FILES = 200_000
PATCH_BYTES = 256 << 10
COMMITS = 50

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_WORK, _BASE = "refs/review/work", "refs/review/base"
_PORTS = {"http": 80, "https": 443}
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short")
_SETTINGS = (
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.quotePath=false", "protocol.ext.allow=never",
    "submodule.recurse=false", "fetch.recurseSubmodules=false", "fetch.unpackLimit=1", "transfer.fsckObjects=true",
    "gc.auto=0", "maintenance.auto=false", "init.defaultBranch=main",
)  # fmt: skip
_STRANGERS = (
    "credential.helper=", "http.followRedirects=false", "http.proxy=", "protocol.allow=never",
    "protocol.http.allow=always", "protocol.https.allow=always",
)  # fmt: skip


class Changed(NamedTuple):
    """A file that the work changes; the counts are None where it is no text."""

    path: str
    added: int | None
    removed: int | None


class Difference(NamedTuple):
    """What a commit adds to the main line of its repository.

    Attributes:
        base: The commit it is held against; None where it stands alone.
        commits: The newest first, each as its short id and its subject.
        files: What changes.
        patch: As text, at most `PATCH_BYTES`.
        cut: Whether there is more of it.
    """

    base: str | None
    commits: tuple[str, ...]
    files: tuple[Changed, ...]
    patch: str
    cut: bool


class Work:
    """A commit, in a repository of its own.

    Args:
        folder: An empty folder for the repository.
        url: Where the commit is.
        commit: Its id in full.
        reach: How far a stranger's address may lead; None where the reviewer gave it.
        home: Where the work belongs, if that is another repository; a stranger's address.

    Raises:
        RemoteError: It cannot be had from there.
        NotFound: That repository does not have it.
        NodeError: It is too large to be laid out.
    """

    def __init__(
        self, folder: Path, url: str, commit: str, reach: Reach | None, home: tuple[str, Reach] | None = None
    ) -> None:  # fmt: skip
        if not _COMMIT.fullmatch(commit):
            raise Usage(f"not the id of a commit: {commit[:80]!r}", "It takes all of its 40 letters.")
        self.commit = commit
        self._folder = folder
        self._quiet = wiring.git_environment()
        self._git("init", "--quiet", "--bare", ".")
        source = _Source(check_url(url, str(Path.cwd())), reach, folder)
        self._bring(source)
        self._fetch(_Source(*home, folder) if home else source, f"+HEAD:{_BASE}")
        self._measure(commit)

    def difference(self) -> Difference:
        """Say what the commit changes."""
        base = self._base()
        span = (base or self._output("hash-object", "-t", "tree", "/dev/null"), self.commit)
        patch, cut = self._beginning("diff", *_PLAIN, "--find-renames", *span, "--")
        since = (f"^{base}",) if base else ()
        commits = self._output("log", f"-{COMMITS}", "--no-color", "--format=%h %s", self.commit, *since, "--")
        return Difference(base, tuple(commits.splitlines()), tuple(self._changed(span)), patch, cut)

    def check_out(self, folder: Path) -> None:
        """Lay the commit out in a new folder, as a repository of its own."""
        folder.mkdir(parents=True)
        self._git("init", "--quiet", ".", cwd=folder)
        self._git("fetch", "--quiet", "--no-tags", str(self._folder), f"{_WORK}:{_WORK}", cwd=folder)
        self._git("checkout", "--quiet", "--detach", self.commit, cwd=folder)

    # -- fetching ------------------------------------------------------------------------------------------------

    def _bring(self, source: "_Source") -> None:
        one = self._fetch(source, f"+{self.commit}:{_WORK}")
        if one.returncode != 0 and "not our ref" in one.stderr:
            # Some servers give out what a name stands for, and nothing by its id.
            one = self._fetch(source, "+refs/heads/*:refs/review/heads/*", "+refs/tags/*:refs/review/tags/*")
            if one.returncode == 0 and self._run("update-ref", _WORK, self.commit).returncode != 0:
                raise NotFound(f"the repository has no commit {self.commit[:12]}", f"It is {source.url}")
        if one.returncode != 0:
            raise RemoteError(f"cannot fetch the work: {_last(one.stderr)}", "Give --repo if it is elsewhere.")
        if self._output("cat-file", "-t", self.commit) != "commit":
            raise NotFound(f"{self.commit[:12]} is no commit", f"It is something else at {source.url}")

    def _fetch(self, source: "_Source", *names: str) -> "subprocess.CompletedProcess[str]":
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", source.url, *names)
        return self._run(*words, settings=source.settings, environment=source.environment)

    def _measure(self, commit: str) -> None:
        """Refuse a tree that is small as a pack and immense as files, before anything walks it."""
        count = size = 0
        with closing(self._entries("ls-tree", "-r", "-l", "-z", "--full-tree", commit)) as entries:
            for entry in entries:
                length = entry.partition(b"\t")[0].split()[-1]
                count, size = count + 1, size + (int(length) if length.isdigit() else 0)
                if count > TREE_FILES or size > TREE_BYTES:
                    limit = f"{TREE_FILES} files or {TREE_BYTES >> 20} MiB"
                    raise NodeError(f"the work has more than {limit}", "Reject it, or ask for something smaller.")

    # -- comparing -----------------------------------------------------------------------------------------------

    def _base(self) -> str | None:
        """Find where the work left the main line; what has landed there already is held against its parent."""
        found = self._run("merge-base", _BASE, self.commit).stdout.strip()
        if not found or found == self.commit:
            found = self._run("rev-parse", "--verify", "--quiet", f"{self.commit}^1").stdout.strip()
        if found:
            self._measure(found)
        return found or None

    def _changed(self, span: Sequence[str]) -> Iterator[Changed]:
        with closing(self._entries("diff", *_PLAIN, "--no-renames", "--numstat", "-z", *span, "--")) as entries:
            for entry in entries:
                added, removed, path = entry.decode(errors="replace").split("\t", 2)
                yield Changed(path, _count(added), _count(removed))

    # -- git -----------------------------------------------------------------------------------------------------

    def _git(self, *words: str, cwd: Path | None = None) -> None:
        done = self._run(*words, cwd=cwd)
        if done.returncode != 0:
            raise NodeError(f"git {words[0]} failed: {_last(done.stderr)}")

    def _output(self, *words: str) -> str:
        return self._run(*words).stdout.strip()

    def _run(
        self, *words: str, cwd: Path | None = None, settings: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":  # fmt: skip
        try:
            return subprocess.run(
                _command(words, settings), cwd=cwd or self._folder, env=environment or self._quiet,
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RemoteError(f"git {words[0]} took more than {SECONDS} s", "Is the repository reachable?") from None

    def _beginning(self, *words: str) -> tuple[str, bool]:
        """Return the beginning of what git prints, and whether there is more."""
        with self._pipe(words) as child:
            raw = child.stdout.read(PATCH_BYTES + 1) if child.stdout else b""
            child.kill()
        return raw[:PATCH_BYTES].decode(errors="replace"), len(raw) > PATCH_BYTES

    def _entries(self, *words: str) -> Generator[bytes]:
        """Yield what git prints, split at each zero byte."""
        with self._pipe(words) as child:
            try:
                rest = b""
                while child.stdout and (chunk := child.stdout.read(1 << 16)):
                    *whole, rest = (rest + chunk).split(b"\0")
                    yield from whole
            finally:
                child.kill()

    def _pipe(self, words: Sequence[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            _command(words), cwd=self._folder, env=self._quiet, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip


class _Source:
    """How git is to reach a repository."""

    def __init__(self, url: str, reach: Reach | None, nowhere: Path) -> None:
        self.url = url
        self.settings: Sequence[str] = ()
        if reach is None:
            self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        else:
            self.settings = (*_STRANGERS, f"http.curloptResolve={_pin(url, reach)}")
            # No password of mine: curl looks for a .netrc in the home directory.
            self.environment = wiring.git_environment() | {"HOME": str(nowhere)}


def _pin(url: str, reach: Reach) -> str:
    """Resolve a stranger's address, once; return the host with its numbers as curl takes them."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RemoteError(f"the work is at {url[:200]!r}, which only you can say to open", f"--repo {url[:200]}")
    port = parts.port or _PORTS[parts.scheme]
    try:
        numbers = wiring.resolve(parts.hostname, port, reach)
    except OSError as error:
        raise RemoteError(f"{parts.hostname} has no address: {error}", "Give --repo if it is elsewhere.") from None
    return f"{parts.hostname}:{port}:" + ",".join(f"[{each}]" if ":" in each else each for each in numbers)


def _command(words: Sequence[str], settings: Sequence[str] = ()) -> list[str]:
    given = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
    # A pack is one file: whoever sends more than this meets the end of it.
    return ["/bin/sh", "-c", f'ulimit -f {PACK_BYTES // 512}; exec "$@"', "sh", "git", *given, *words]


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "git said nothing"
