"""Git over HTTP at `/git/<commons>`: fetch for all, push for whatever verifies (protocol, Sync 6). ⚡

Fetches are answered by `git upload-pack` itself, over a repository in which nothing but our own encoding lies.
Pushes never reach git: they are read here, quarantined, verified, and written by our own encoder (`beads.receive`).
"""

import asyncio
import mmap
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import IO

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from beads import limits
from beads.errors import BeadsError, RemoteError
from beads.pack import USUAL, Pack
from beads.receive import NOTHING, Answer, Command, receive
from beads.refs import etag
from node import rates, wiring
from node.http.keeper import Keeper
from node.http.limits import TooLarge, TooSlow, spool

SERVICES = ("git-upload-pack", "git-receive-pack")
UPLOAD_REQUEST = 4 * 1024 * 1024
"""A fetch names wants and haves, 50 bytes each."""
COMMANDS = 20_000
GIT_SECONDS = 600.0
_LENGTH = re.compile(rb"[0-9a-fA-F]{4}")
_CACHE = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}
_RECEIVE = b"report-status ofs-delta agent=wasteland"


def routes() -> list[Route]:
    """Return the routes of git's smart protocol."""
    return [
        Route("/git/{commons}/info/refs", advertise),
        Route("/git/{commons}/git-upload-pack", upload, methods=["POST"]),
        Route("/git/{commons}/git-receive-pack", take, methods=["POST"]),
    ]


async def advertise(request: Request) -> Response:
    """List the references, for a fetch or for a push."""
    service = request.query_params.get("service", "")
    keeper: Keeper = request.app.state.keeper
    path = keeper.repository(request.path_params["commons"], request.headers)
    if path is None:
        return PlainTextResponse("no such commons\n", 404)
    if service not in SERVICES:
        return PlainTextResponse("only git's smart protocol is served here\n", 403)
    kind = f"application/x-{service}-advertisement"
    if service == "git-receive-pack":
        refs = await run_in_threadpool(_refs, keeper, request.path_params["commons"])
        return Response(_preamble(service) + b"".join(_advertised(refs)), media_type=kind, headers=_CACHE)
    tag = etag(await run_in_threadpool(keeper.digest, request.path_params["commons"]))
    known = request.headers.get("if-none-match", "")
    if tag in (each.strip() for each in known.split(",")):
        return Response(status_code=304, headers=_CACHE | {"ETag": tag})
    if not known:
        # A peer names what it knows, and is not kept waiting for a page that it does not read.
        await run_in_threadpool(keeper.publish_board, request.path_params["commons"])
    body = _upload_pack(path, _protocol(request), None, "--advertise-refs")
    preamble = b"" if "version=2" in _protocol(request) else _preamble(service)
    return StreamingResponse(_after(preamble, body), media_type=kind, headers=_CACHE | {"ETag": tag})


async def upload(request: Request) -> Response:
    """Answer a fetch."""
    keeper: Keeper = request.app.state.keeper
    path = keeper.repository(request.path_params["commons"], request.headers)
    if path is None:
        return PlainTextResponse("no such commons\n", 404)
    # The request is read whole before git starts: a response that still reads its request can wait for itself.
    body = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115 - closed when the answer has been sent
    try:
        await spool(request, body, UPLOAD_REQUEST)
    except TooLarge:
        body.close()
        return PlainTextResponse("request too large\n", 413)
    except TooSlow:
        body.close()
        return PlainTextResponse("request too slow\n", 408)
    body.seek(0)
    return _Pack(_upload_pack(path, _protocol(request), body), body)


class _Pack(StreamingResponse):
    """The answer to a fetch; it closes the request's file, even where the client has gone before the first byte."""

    def __init__(self, content: AsyncIterator[bytes], body: IO[bytes]) -> None:
        super().__init__(content, media_type="application/x-git-upload-pack-result", headers=_CACHE)
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._body.close()


async def take(request: Request) -> Response:
    """Take a push, as far as it verifies."""
    keeper: Keeper = request.app.state.keeper
    commons = request.path_params["commons"]
    if keeper.repository(commons, request.headers) is None:
        return PlainTextResponse("no such commons\n", 404)
    with tempfile.TemporaryFile() as body:
        try:
            await spool(request, body, limits.FETCH_BYTES)
            answer = await run_in_threadpool(_receive, keeper, commons, body)
        except TooLarge:
            return PlainTextResponse("push too large; push fewer references at a time\n", 413)
        except TooSlow:
            return PlainTextResponse("push too slow\n", 408)
        except RemoteError as error:
            return PlainTextResponse(f"{error}\n", 422)
    keeper.wake(commons)
    return Response(answer, media_type="application/x-git-receive-pack-result", headers=_CACHE)


# -- fetch -----------------------------------------------------------------------------------------------------


async def _upload_pack(path: Path, protocol: str, body: IO[bytes] | None, *options: str) -> AsyncIterator[bytes]:
    child = await asyncio.create_subprocess_exec(
        # Logs hardly shrink by deltas, and looking for some takes longer than all else in a fetch.
        "git", "-c", "pack.window=0", "upload-pack", "--stateless-rpc", *options, str(path),
        stdin=body if body is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=wiring.git_environment() | ({"GIT_PROTOCOL": protocol} if protocol else {}), limit=1 << 18,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        async with asyncio.timeout(GIT_SECONDS):
            while chunk := await child.stdout.read(1 << 17):
                yield chunk
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk


def _protocol(request: Request) -> str:
    version = request.headers.get("git-protocol", "")
    return version if version in ("version=1", "version=2") else ""


# -- push ------------------------------------------------------------------------------------------------------


def _refs(keeper: Keeper, commons: str) -> dict[str, str]:
    store = wiring.open_store(keeper.home, commons)
    try:
        return store.refs()
    finally:
        store.close()


def _advertised(refs: dict[str, str]) -> Iterator[bytes]:
    listed = sorted(refs.items()) or [("capabilities^{}", NOTHING)]
    for n, (name, target) in enumerate(listed):
        capabilities = b"\0" + _RECEIVE if n == 0 else b""
        yield _packet(f"{target} {name}".encode() + capabilities + b"\n")
    yield b"0000"


def _receive(keeper: Keeper, commons: str, body: IO[bytes]) -> bytes:
    body.flush()
    size = os.fstat(body.fileno()).st_size
    if size == 0:
        return b""
    raw = memoryview(mmap.mmap(body.fileno(), 0, access=mmap.ACCESS_READ))
    commands, at = read_commands(raw)
    if not commands:
        return b""
    ledger = wiring.open_ledger(keeper.home, commons)
    try:
        store = wiring.store_of(ledger)
        received = Pack(raw[at:], store.repository.get, USUAL) if at < size else None
        allowed = rates.of(keeper.home, ledger, stranger=True)
        answer = receive(ledger, store, commands, received, allowed)
        rates.keep(keeper.home, commons, allowed)
        return _report(answer)
    except RemoteError as error:
        return _packet(f"unpack {error}\n".encode()) + b"".join(_refused(commands, str(error))) + b"0000"
    except BeadsError as error:
        return _packet(b"unpack ok\n") + b"".join(_refused(commands, str(error))) + b"0000"
    finally:
        ledger.close()


def read_commands(raw: memoryview) -> tuple[list[Command], int]:
    """Read the commands of a push; return them and where the pack starts.

    Raises:
        RemoteError: They are broken or too many.
    """
    commands: list[Command] = []
    at = 0
    while True:
        length = _length(raw, at)
        if length == 0:
            return commands, at + 4
        line = bytes(raw[at + 4 : at + length]).partition(b"\0")[0].rstrip(b"\n")
        at += length
        if line.startswith(b"push-cert") or len(commands) >= COMMANDS:
            raise RemoteError("a push with a certificate or too many references")
        commands.append(_command(line))


def _command(line: bytes) -> Command:
    try:
        old, new, ref = line.decode("ascii").split(" ", 2)
    except ValueError:
        raise RemoteError("a push command is broken") from None
    if len(old) != 40 or len(new) != 40 or set(old + new) - set("0123456789abcdef"):
        raise RemoteError("a push command is broken")
    return Command(old, new, ref)


def _length(raw: memoryview, at: int) -> int:
    digits = bytes(raw[at : at + 4])
    # Four digits, no fewer: `int` reads signs, spaces and underscores, too.
    if _LENGTH.fullmatch(digits) is None:
        raise RemoteError("a push is broken")
    length = int(digits, 16)
    if length and (length < 4 or at + length > len(raw)):
        raise RemoteError("a push is broken")
    return length


def _report(answer: Answer) -> bytes:
    lines = [_packet(b"unpack ok\n")]
    for name, reason in answer.refs.items():
        lines.append(_packet((f"ok {name}\n" if reason is None else f"ng {name} {reason}\n").encode()))
    return b"".join(lines) + b"0000"


def _refused(commands: Sequence[Command], reason: str) -> Iterator[bytes]:
    for command in commands:
        yield _packet(f"ng {command.ref} {reason}\n".encode())


def _preamble(service: str) -> bytes:
    return _packet(f"# service={service}\n".encode()) + b"0000"


def _packet(data: bytes) -> bytes:
    return b"%04x%s" % (len(data) + 4, data)
