"""A git remote spoken to within bounds: http(s), ssh, or a repository on this machine. ⚡

dulwich speaks the protocol; what it leaves open is closed here: no redirect is followed, every connection has a
time-out and every request a deadline, advertised references and packs are counted while they arrive, and what we
have is told by the tips of the logs in question, so that no history is sent twice.
"""

import contextlib
import mmap
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from dulwich.client import AbstractHttpGitClient, HTTPUnauthorized, TraditionalGitClient
from dulwich.errors import GitProtocolError, HangupException, NotGitRepository, SendPackError
from dulwich.objects import ObjectID
from dulwich.pack import UnpackedObject
from dulwich.protocol import Protocol
from dulwich.refs import Ref
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from beads import limits
from beads.address import check_url
from beads.errors import LimitExceeded, RemoteError
from beads.files import git_environment
from beads.gitobject import BLOB, COMMIT, TREE, GitObject
from beads.limits import PATIENCE, Patience
from beads.pack import USUAL, Bounds, Outside, Pack

REFS_BYTES = 16 * 1024 * 1024
"""An advertisement of 100 000 references is 10 MB."""
_NUMBERS = {COMMIT: 1, TREE: 2, BLOB: 3}
_FAILURES = (GitProtocolError, HangupException, NotGitRepository, SendPackError, HTTPError, OSError, ValueError)


class RefMove(NamedTuple):
    """A reference to push: from what was read at the remote to what we have."""

    name: str
    old: str | None
    new: str


@dataclass
class Meter:
    """Counts bytes and time of one exchange."""

    deadline: float
    left: int = REFS_BYTES

    def allow(self, more: int) -> None:
        """Raise the bound, once references were read and a pack is to come."""
        self.left += more

    def check(self, count: int) -> None:
        """Count bytes that have come.

        Raises:
            LimitExceeded: They are too many.
            RemoteError: Time is up.
        """
        self.left -= count
        if self.left < 0:
            raise LimitExceeded("the peer sends more than one request may bring")
        if time.monotonic() > self.deadline:
            raise RemoteError("the peer takes too long", "Try again later; wl peer remove drops it for good.")

    def wrap(self, read: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Count what a reader returns."""

        def counted(size: int = -1) -> bytes:
            data = read(size)
            self.check(len(data))
            return data

        return counted

    def gather(self, read_some: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """Make exact reads of partial ones, looking at the clock in between: a byte a second is no answer."""

        def exact(size: int) -> bytes:
            parts: list[bytes] = []
            left = size
            while left > 0 and (part := read_some(left)):
                self.check(len(part))
                parts.append(part)
                left -= len(part)
            return b"".join(parts)

        return exact


class _Http(AbstractHttpGitClient):
    def __init__(self, url: str, meter: Meter, timing: Patience, headers: Mapping[str, str]) -> None:
        super().__init__(url, thin_packs=False, quiet=True)
        self._meter = meter
        self._own_headers = dict(headers)
        self._pool = PoolManager(
            timeout=Timeout(connect=timing.connect_s, read=timing.connect_s),
            retries=Retry(0, redirect=0, raise_on_redirect=False),
        )

    def _http_request(
        self,
        url: str,
        headers: dict[str, str] | None = None,
        data: bytes | Iterator[bytes] | None = None,
        raise_for_status: bool = True,
    ) -> tuple[Any, Callable[[int], bytes]]:
        response: Any = self._pool.request(
            "GET" if data is None else "POST",
            url,
            headers=self._own_headers | (headers or {}),
            body=data,
            redirect=False,
            preload_content=False,
        )
        kind = response.headers.get("Content-Type", "")
        if response.status != 200 or not kind.startswith("application/x-git-"):
            with contextlib.suppress(HTTPError):
                detail = response.read(200).decode("utf-8", "replace").strip()
            response.close()
            raise RemoteError(*_http_problem(response.status, detail))
        response.content_type = kind
        response.redirect_location = ""
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
        self._open: Protocol | None = None

    def close(self) -> None:
        """End the child process, which dulwich leaves running where the peer turns out to be none."""
        if self._open is not None:
            self._open.close()

    def _connect(
        self, cmd: bytes, path: bytes | str, protocol_version: int | None = None
    ) -> tuple[Protocol, Callable[[], bool], IO[bytes] | None]:
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
        watch = threading.Timer(max(self._meter.deadline - time.monotonic(), 0), child.kill)
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

        self._open = Protocol(self._meter.wrap(child.stdout.read), write, close)
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
    """

    refs: Mapping[str, str]
    pack: Pack | None


class Wanted(NamedTuple):
    """What to ask for, decided once the references are seen."""

    wants: Sequence[str]
    haves: Sequence[str]


class GitRemote:
    """A git repository elsewhere.

    Args:
        url: http(s)://…, ssh://…, user@host:path, file://… or a path.
        headers: Sent with every HTTP request (a token for the owner's own node).

    Raises:
        RemoteError: The address is none we speak to.
    """

    def __init__(self, url: str, timing: Patience = PATIENCE, headers: Mapping[str, str] | None = None) -> None:
        self.url = check_url(url)
        self._timing = timing
        self._headers = headers or {}

    def fetch(
        self, choose: Callable[[Mapping[str, str]], Wanted], outside: Outside, bounds: Bounds = USUAL
    ) -> contextlib.AbstractContextManager[Fetched]:
        """Read the references and, in the same round, what `choose` wants of them.

        The pack lies in a temporary file until the context ends.

        Raises:
            RemoteError: The peer cannot be reached or misbehaves.
            LimitExceeded: It sends too much.
        """
        return self._fetch(choose, outside, bounds)

    @contextlib.contextmanager
    def _fetch(
        self, choose: Callable[[Mapping[str, str]], Wanted], outside: Outside, bounds: Bounds
    ) -> Iterator[Fetched]:
        seen: dict[str, str] = {}
        haves: list[str] = []
        meter = self._meter()

        def determine_wants(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            seen.update(_names(refs))
            wanted = choose(seen)
            haves.extend(wanted.haves)
            meter.allow(bounds.total)
            return [ObjectID(want.encode()) for want in dict.fromkeys(wanted.wants)]

        with tempfile.TemporaryFile() as spool:
            with self._translated(), contextlib.closing(self._client(meter)) as client:
                client.fetch_pack(self._path(), determine_wants, _LateHaves(haves), spool.write, protocol_version=0)
            yield Fetched(seen, _open_pack(spool, outside, bounds))

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
        with self._translated(), contextlib.closing(self._client(self._meter())) as client:
            result = client.send_pack(self._path(), update_refs, pack_data)
        status = {name.decode(): error for name, error in (result.ref_status or {}).items()}
        return refused | {name: status.get(name) for name in expected}

    def _meter(self) -> Meter:
        return Meter(time.monotonic() + self._timing.total_s)

    def _path(self) -> bytes:
        parts = urlsplit(self.url)
        return (parts.path if parts.scheme in ("http", "https") else self.url).encode()

    def _client(self, meter: Meter) -> AbstractHttpGitClient | TraditionalGitClient:
        parts = urlsplit(self.url)
        if parts.scheme in ("http", "https"):
            return _Http(f"{parts.scheme}://{parts.netloc}", meter, self._timing, self._headers)
        if parts.scheme == "ssh":
            return _Pipe(lambda command: _ssh_command(self.url, command), meter)
        path = parts.path if parts.scheme == "file" else self.url
        return _Pipe(lambda command: ["git", command, path], meter)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except RemoteError:
            raise
        except HTTPUnauthorized as error:
            raise RemoteError(f"{self.url} wants credentials") from error
        except HTTPError as error:
            raise RemoteError(f"{self.url} does not answer", "Is the peer up? See: wl peer list") from error
        except _FAILURES as error:
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise RemoteError(f"cannot talk to {self.url}: {reason}", "Is the peer up? Try: wl peer list") from error


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
