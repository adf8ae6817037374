"""A git remote spoken to within bounds: http(s), ssh, or a repository on this machine. ⚡

dulwich speaks the protocol; what it leaves open is closed here and in `beads.http`: no redirect leads elsewhere, every
connection has a time-out and every request a deadline, advertised references and packs are counted while they arrive,
and what we have is told by the tips of the logs in question, so that no history is sent twice.
"""

import contextlib
import mmap
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple, Protocol
from urllib.parse import urljoin, urlsplit

from dulwich.client import AbstractHttpGitClient, HTTPUnauthorized, TraditionalGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository, SendPackError
from dulwich.objects import ObjectID
from dulwich.pack import UnpackedObject
from dulwich.protocol import Protocol as GitProtocol
from dulwich.refs import Ref
from urllib3.exceptions import HTTPError

from beads import limits
from beads.address import TYPED, Reach, check_url
from beads.errors import LimitExceeded, RemoteError
from beads.files import git_environment
from beads.gitobject import BLOB, COMMIT, TREE, GitObject
from beads.http import Meter, Web
from beads.limits import PATIENCE, Patience
from beads.pack import USUAL, Bounds, Outside, Pack
from beads.refs import etag

REFS_BYTES = 16 * 1024 * 1024
"""An advertisement of 100 000 references is 10 MB."""
_NUMBERS = {COMMIT: 1, TREE: 2, BLOB: 3}
_FAILURES = (GitProtocolError, HangupException, NotGitRepository, SendPackError, HTTPError, OSError, ValueError)


class RefMove(NamedTuple):
    """A reference to push: from what was read at the remote to what we have."""

    name: str
    old: str | None
    new: str


class _Unchanged(Exception):
    """The peer holds just what we said that we hold."""


class _Http(AbstractHttpGitClient):
    def __init__(self, url: str, web: Web, meter: Meter, known: str) -> None:
        super().__init__(url, thin_packs=False, quiet=True)
        self._web = web
        self._meter = meter
        self._known = known

    def close(self) -> None:
        """Give the connections back."""
        self._web.close()

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        asked = {"If-None-Match": etag(self._known)} if self._known and data is None else {}
        response: Any = self._web.request("GET" if data is None else "POST", url, asked | (headers or {}), data)
        if response.status == 304 and asked:
            response.close()
            raise _Unchanged
        kind = response.headers.get("Content-Type", "")
        if response.status != 200 or not kind.startswith("application/x-git-"):
            detail = ""
            with contextlib.suppress(HTTPError):
                detail = response.read(200).decode("utf-8", "replace").strip()
            response.close()
            raise RemoteError(*_http_problem(response.status, detail))
        response.content_type = kind
        # Within the origin only: `Web` follows none that leads elsewhere.
        moved = response.geturl()
        response.redirect_location = urljoin(url, moved) if moved and urljoin(url, moved) != url else ""
        return response, self._meter.gather(response.read1)


def _http_problem(status: int, detail: str) -> tuple[str, str]:
    if 300 <= status < 400:
        return "the peer redirects elsewhere", "Redirects are not followed; add the peer under its own address."
    if status in (401, 403):
        return "the peer wants credentials", "A private commons needs its owner's token."
    if status == 404:
        return "the peer has no such commons", "Check the address; a node serves /git/<commons>."
    return f"the peer answered {status}: {detail}", ""


class _Pipe(TraditionalGitClient):
    """Speaks to `git upload-pack` or `git receive-pack` in a child process, here or behind ssh."""

    def __init__(self, argv: Callable[[str], list[str]], meter: Meter) -> None:
        super().__init__(thin_packs=False, quiet=True)
        self._argv = argv
        self._meter = meter
        self._open: GitProtocol | None = None

    def close(self) -> None:
        """End the child process, which dulwich leaves running where the peer turns out to be none."""
        if self._open is not None:
            self._open.close()

    def _connect(
        self, cmd: bytes, path: bytes | str, protocol_version: int | None = None
    ) -> tuple[GitProtocol, Callable[[], bool], IO[bytes] | None]:
        child = subprocess.Popen(
            self._argv(cmd.decode()),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=git_environment(),
        )
        assert child.stdin is not None
        assert child.stdout is not None
        stdin = child.stdin
        watch = threading.Timer(self._meter.seconds_left, child.kill)
        watch.daemon = True
        watch.start()

        def write(data: bytes) -> int:
            written = stdin.write(data)
            stdin.flush()
            return written

        def close() -> None:
            watch.cancel()
            for stream in (child.stdin, child.stdout, child.stderr):
                with contextlib.suppress(OSError):
                    if stream:
                        stream.close()
            child.kill()
            child.wait()

        self._open = GitProtocol(self._meter.wrap(child.stdout.read), write, close)
        return self._open, lambda: False, child.stderr

    def get_url(self, path: str) -> str:
        """Return a name for messages."""
        return path


class _Haves:
    """Tells a peer what we have: the tips of the logs in question, nothing else."""

    def __init__(self, tips: Sequence[str]) -> None:
        self._tips = iter(tips)
        self.shallow: set[ObjectID] = set()

    def __next__(self) -> ObjectID | None:
        tip = next(self._tips, None)
        return ObjectID(tip.encode()) if tip else None

    next = __next__

    def ack(self, sha: ObjectID) -> None:
        """A common point; there is nothing older worth asking for."""

    def nak(self) -> None:
        """Nothing in common."""


class Fetched(NamedTuple):
    """What one round with a peer brought.

    Attributes:
        refs: Everything the peer advertises.
        pack: The objects asked for, or None where nothing was.
        unchanged: The peer holds what we hold; it advertised nothing.
    """

    refs: Mapping[str, str]
    pack: Pack | None
    unchanged: bool = False


class Wanted(NamedTuple):
    """What to ask for, decided once the references are seen."""

    wants: Sequence[str]
    haves: Sequence[str]


Choose = Callable[[Mapping[str, str]], Wanted]


class Remote(Protocol):
    """What a sync asks of a peer; `GitRemote`, and a file that was carried over (`beads.bundle`)."""

    @property
    def url(self) -> str:
        """Its address, for messages."""

    def fetch(
        self, choose: Choose, outside: Outside, bounds: Bounds = USUAL, known: str = ""
    ) -> contextlib.AbstractContextManager[Fetched]:
        """See `GitRemote.fetch`."""

    def push(self, moves: Sequence[RefMove], objects: Callable[[], Sequence[GitObject]]) -> dict[str, str | None]:
        """See `GitRemote.push`."""


class GitRemote:
    """A git repository elsewhere.

    Args:
        url: http(s)://…, ssh://…, user@host:path, file://… or a path.
        headers: Sent with every HTTP request (a token for the owner's own node).
        reach: How far requests may go.

    Raises:
        RemoteError: The address is none we speak to.
    """

    def __init__(
        self, url: str, timing: Patience = PATIENCE, headers: Mapping[str, str] | None = None, reach: Reach = TYPED
    ) -> None:
        self.url = check_url(url)
        self._timing = timing
        self._headers = headers or {}
        self._reach = reach
        if reach.suggested and urlsplit(self.url).scheme not in ("http", "https"):
            raise RemoteError(f"{url} was suggested by a stranger, and such addresses are spoken to over HTTP only")

    def fetch(
        self, choose: Choose, outside: Outside, bounds: Bounds = USUAL, known: str = ""
    ) -> contextlib.AbstractContextManager[Fetched]:
        """Read the references and, in the same round, what `choose` wants of them.

        The pack lies in a temporary file until the context ends.

        Args:
            known: The digest of what is here (`beads.refs.digest`): a node that holds the same says only so.

        Raises:
            RemoteError: The peer cannot be reached or misbehaves.
            LimitExceeded: It sends too much.
        """
        return self._fetch(choose, outside, bounds, known)

    @contextlib.contextmanager
    def _fetch(self, choose: Choose, outside: Outside, bounds: Bounds, known: str) -> Iterator[Fetched]:
        seen: dict[str, str] = {}
        haves: list[str] = []
        meter = self._meter()
        unchanged = False

        def determine_wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            seen.update(_names(refs))
            wanted = choose(seen)
            haves.extend(wanted.haves)
            meter.allow(bounds.total)
            return [ObjectID(want.encode()) for want in dict.fromkeys(wanted.wants)]

        with tempfile.TemporaryFile() as spool:
            with self._translated(meter), contextlib.closing(self._client(meter, known)) as client:
                try:
                    client.fetch_pack(self._path(), determine_wants, _LateHaves(haves), spool.write, protocol_version=0)
                except _Unchanged:
                    unchanged = True
            yield Fetched(seen, _open_pack(spool, outside, bounds), unchanged)

    def push(self, moves: Sequence[RefMove], objects: Callable[[], Sequence[GitObject]]) -> dict[str, str | None]:
        """Move references by compare-and-swap.

        Returns:
            Reference → why it was refused, or None where it moved.

        Raises:
            RemoteError: The peer cannot be reached or misbehaves.
        """
        expected = {move.name: move for move in moves}

        def update_refs(refs: Mapping[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            there = _names(refs)
            for name in [name for name, move in expected.items() if there.get(name) != move.old]:
                refused[name] = "moved meanwhile"
                del expected[name]
            return {Ref(name.encode()): ObjectID(move.new.encode()) for name, move in expected.items()}

        def pack_data(*_: object, **__: object) -> tuple[int, Iterator[UnpackedObject]]:
            made = objects()
            return len(made), map(_unpacked, made)

        refused: dict[str, str | None] = {}
        meter = self._meter()
        with self._translated(meter), contextlib.closing(self._client(meter)) as client:
            result = client.send_pack(self._path(), update_refs, pack_data)
        status = {name.decode(): error for name, error in (result.ref_status or {}).items()}
        return refused | {name: status.get(name) for name in expected}

    def _meter(self) -> Meter:
        return Meter(self._timing.total_s, REFS_BYTES)

    def _path(self) -> bytes:
        parts = urlsplit(self.url)
        return (parts.path if parts.scheme in ("http", "https") else self.url).encode()

    def _client(self, meter: Meter, known: str = "") -> AbstractHttpGitClient | TraditionalGitClient:
        parts = urlsplit(self.url)
        if parts.scheme in ("http", "https"):
            web = Web(self.url, meter, self._timing, self._reach, self._headers)
            return _Http(web.origin, web, meter, known)
        if parts.scheme == "ssh":
            return _Pipe(lambda command: _ssh_command(self.url, command), meter)
        path = parts.path if parts.scheme == "file" else self.url
        # Logs hardly shrink by deltas, and looking for some takes longer than all else in a fetch.
        return _Pipe(lambda command: ["git", "-c", "pack.window=0", command, path], meter)

    @contextlib.contextmanager
    def _translated(self, meter: Meter) -> Iterator[None]:
        try:
            yield
        except RemoteError:
            raise
        except _FAILURES as error:
            if meter.seconds_left:
                raise RemoteError(*self._problem(error)) from error
            raise RemoteError(f"{self.url} takes too long", "Try again later; wl peer remove drops it.") from error

    def _problem(self, error: Exception) -> tuple[str, str]:
        if isinstance(error, HTTPUnauthorized):
            return f"{self.url} wants credentials", "A private commons needs its owner's token."
        if isinstance(error, HTTPError):
            return f"{self.url} does not answer", "Is the peer up? See: wl peer list"
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        return f"cannot talk to {self.url}: {reason}", "Is the peer up? Try: wl peer list"


class _LateHaves(_Haves):
    """The list is filled by the time the first one is asked for."""

    def __init__(self, tips: list[str]) -> None:
        super().__init__(())
        self._late: list[str] | None = tips

    def __next__(self) -> ObjectID | None:
        if self._late is not None:
            self._tips, self._late = iter(tuple(self._late)), None
        return super().__next__()

    next = __next__


def _ssh_command(url: str, command: str) -> list[str]:
    parts = urlsplit(url)
    port = ["-p", str(parts.port)] if parts.port else []
    user = f"{parts.username}@" if parts.username else ""
    path = parts.path[1:] if parts.path.startswith("/~") else parts.path
    quoted = "'" + path.replace("'", "'\\''") + "'"
    options = ["-oBatchMode=yes", "-oConnectTimeout=10", *port]
    return ["ssh", *options, "--", f"{user}{parts.hostname}", f"git-{command} {quoted}"]


def _names(refs: Mapping[Ref, ObjectID]) -> dict[str, str]:
    if len(refs) > limits.REFS:
        raise LimitExceeded(f"{len(refs)} references; {limits.REFS} are allowed")
    return {name.decode("utf-8", "replace"): target.decode() for name, target in refs.items() if target}


def _open_pack(spool: IO[bytes], outside: Outside, bounds: Bounds) -> Pack | None:
    spool.flush()
    if os.fstat(spool.fileno()).st_size == 0:
        return None
    # A memory map: the pack is bounded, and what is not looked at costs no memory.
    mapped = mmap.mmap(spool.fileno(), 0, access=mmap.ACCESS_READ)
    return Pack(memoryview(mapped), outside, bounds)


def _unpacked(obj: GitObject) -> UnpackedObject:
    return UnpackedObject(_NUMBERS[obj.kind], decomp_chunks=[obj.data], sha=bytes.fromhex(obj.id))
