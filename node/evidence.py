"""Brings a commit that somebody handed in to this machine, to be looked at and run. ⚡

1. Whoever hands work in says where it is, so the address is a stranger's: a public one over HTTP, resolved once and
   pinned, no redirect, no proxy, no credentials, an environment of its own. An address that the reviewer gives is used
   as it stands, with the reviewer's own git.
2. Nothing of the commit is executed here: no hook, no filter, no submodule. What is small as a pack and immense as
   files is measured before anything walks it; every git has a time, a memory and a size that it may use.
3. What the work changes is never guessed: what cannot be held against a main line is shown whole.
"""

import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from beads.address import Reach, check_url
from beads.errors import NotFound, RemoteError
from node import wiring
from node.errors import NodeError, Usage
from node.terminal import visible

SECONDS = 600
PACK_BYTES = 1 << 30
TREE_BYTES = 1 << 30
TREE_FILES = 200_000
PATCH_BYTES = 256 << 10
COMMITS = 50
SUBJECT = 120
COMMIT_BYTES = 1 << 20
MEMORY_BYTES = 4 << 30

_WATCH_S = 0.2
_HOST = re.compile("[a-z0-9.-]{1,253}")
_OWN = ("PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_EXEC_PATH")
"""What a git that speaks to a stranger is given of this environment: nothing that names a password or a program."""
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


class Place(NamedTuple):
    """Where a repository is.

    Attributes:
        url: Its address, or a path.
        reach: How far it may lead as a stranger's; None where the reviewer gave it.
    """

    url: str
    reach: Reach | None


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
        self._folder = folder
        self._quiet = wiring.git_environment()
        self._git("init", "--quiet", "--bare", ".")
        self._bring(_Source(place, folder))
        main = self._fetch(_Source(home or place, folder), f"+HEAD:{_BASE}")
        if home is not None and main.returncode != 0:
            raise RemoteError(f"cannot fetch what the work belongs to: {_last(main.stderr)}", "Give --base.")
        self._measure(commit)

    def difference(self) -> Difference:
        """Say what the commit changes."""
        base, note = self._base()
        if base is not None:
            self._measure(base)
        span = (base or self._output("hash-object", "-t", "tree", "/dev/null"), self.commit)
        patch, cut = self._beginning("diff", *_PLAIN, "--find-renames", *span, "--")
        since = (f"^{base}",) if base else ()
        form = f"--format=%h %<({SUBJECT},trunc)%s"
        log, _ = self._beginning("log", f"-{COMMITS}", "--no-color", form, self.commit, *since, "--")
        commits = tuple(line.strip() for line in log.split("\n") if line.strip())
        return Difference(base, note, commits, tuple(self._changed(span)), patch, cut)

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
        """Refuse a tree that is small as a pack and immense as files, before anything walks it.

        Folders count, too: some hold nothing but folders.
        """
        count = size = 0
        with closing(self._entries("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit)) as entries:
            for entry in entries:
                length = entry.partition(b"\t")[0].split()[-1]
                count, size = count + 1, size + (int(length) if length.isdigit() else 0)
                if count > TREE_FILES or size > TREE_BYTES:
                    limit = f"{TREE_FILES} files or {TREE_BYTES >> 20} MiB"
                    raise NodeError(f"the work has more than {limit}", "Reject it, or ask for something smaller.")

    # -- comparing -----------------------------------------------------------------------------------------------

    def _base(self) -> tuple[str | None, str]:
        """Find what to hold the work against, and say what is to be known of that."""
        main = self._output("rev-parse", "--verify", "--quiet", f"{_BASE}^{{commit}}")
        if not main:
            return None, "the repository has no main line: all of it is shown"
        left = self._output("merge-base", _BASE, self.commit)
        if not left:
            return main, "it has nothing in common with the main line, and is held against the end of that"
        if left != self.commit:
            return left, ""
        parent = self._output("rev-parse", "--verify", "--quiet", f"{self.commit}^1")
        return parent or None, "it has landed on the main line; this is its last commit alone"

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
        """Run git to its end, and watch what it writes."""
        folder = cwd or self._folder
        with self._child(words, folder, settings, environment, subprocess.PIPE) as child:
            until = time.monotonic() + SECONDS
            while True:
                try:
                    out, err = child.communicate(timeout=_WATCH_S)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() > until:
                        raise RemoteError(f"git {words[0]} took more than {SECONDS} s", "Is it reachable?") from None
                    if _size(self._folder) > PACK_BYTES:
                        raise RemoteError(f"the repository is larger than {PACK_BYTES >> 20} MiB") from None
            text = (out.decode(errors="replace"), err.decode(errors="replace"))
            return subprocess.CompletedProcess(words, child.returncode, *text)

    def _beginning(self, *words: str) -> tuple[str, bool]:
        """Return the beginning of what git prints, and whether there is more."""
        raw = bytearray()
        with closing(self._chunks(words)) as chunks:
            for chunk in chunks:
                raw += chunk
                if len(raw) > PATCH_BYTES:
                    break
        return raw[:PATCH_BYTES].decode(errors="replace"), len(raw) > PATCH_BYTES

    def _entries(self, *words: str) -> Generator[bytes]:
        """Yield what git prints, split at each zero byte."""
        rest = b""
        with closing(self._chunks(words)) as chunks:
            for chunk in chunks:
                *whole, rest = (rest + chunk).split(b"\0")
                yield from whole

    def _chunks(self, words: Sequence[str]) -> Generator[bytes]:
        """Yield what git prints as it comes.

        Raises:
            NodeError: It took too long, or failed, so that what came is not all there is.
        """
        until = time.monotonic() + SECONDS
        with self._child(words, self._folder, (), None, subprocess.DEVNULL) as child:
            assert child.stdout is not None
            fd = child.stdout.fileno()
            while select.select([fd], [], [], max(0.0, until - time.monotonic()))[0]:
                chunk = os.read(fd, 1 << 16)
                if not chunk:
                    break
                yield chunk
            else:
                raise NodeError(f"git {words[0]} took more than {SECONDS} s", "Reject it, or ask for less.")
            if child.wait() != 0:
                raise NodeError(f"git {words[0]} failed, so what the work changes is not known")

    @contextmanager
    def _child(
        self, words: Sequence[str], folder: Path, settings: Sequence[str], environment: Mapping[str, str] | None,
        errors: int,
    ) -> Iterator["subprocess.Popen[bytes]"]:  # fmt: skip
        """Start git as the first of a group, and end the group: git has helpers that outlive it."""
        child = subprocess.Popen(
            _command(words, settings), cwd=folder, env=environment or self._quiet, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
        with child:
            try:
                yield child
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)


class _Source:
    """How git is to reach a repository."""

    def __init__(self, place: Place, nowhere: Path) -> None:
        self.url = check_url(place.url, str(Path.cwd()))
        self.settings: Sequence[str] = ()
        if place.reach is None:
            self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        else:
            self.settings = (*_STRANGERS, f"http.curloptResolve={_pin(self.url, place.reach)}")
            # Curl looks for a .netrc in the home directory.
            quiet = {"HOME": str(nowhere), "GIT_ASKPASS": "false", "GIT_CONFIG_GLOBAL": os.devnull}
            own = {name: os.environ[name] for name in _OWN if name in os.environ}
            self.environment = own | quiet | {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def _pin(url: str, reach: Reach) -> str:
    """Resolve a stranger's address, once; return the host with its numbers as curl takes them."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    # Of a name in another script curl looks up another form than the one that is pinned.
    if parts.scheme not in _PORTS or not _HOST.fullmatch(host):
        yours = shlex.quote(visible(url))
        raise RemoteError(f"the work is at {visible(url)[:200]}, which only you can say to open", f"--repo {yours}")
    port = parts.port or _PORTS[parts.scheme]
    try:
        numbers = wiring.resolve(host, port, reach)
    except OSError as error:
        raise RemoteError(f"{host} has no address: {error}", "Give --repo if it is elsewhere.") from None
    return f"{host}:{port}:" + ",".join(f"[{each}]" if ":" in each else each for each in numbers)


def _command(words: Sequence[str], settings: Sequence[str] = ()) -> list[str]:
    given = [word for setting in (*_SETTINGS, *settings) for word in ("-c", setting)]
    limits = f"ulimit -f {PACK_BYTES // 512}; ulimit -v {MEMORY_BYTES // 1024}"
    return ["/bin/sh", "-c", f'{limits}; exec "$@"', "sh", "git", *given, *words]


def _size(folder: Path) -> int:
    """Return how many bytes lie below a folder, as far as they can be seen while somebody writes there."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(place, name).stat().st_size
    return total


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "git said nothing"
