"""Reading request bodies within bounds of size and time."""

import asyncio
import zlib
from collections.abc import Callable
from typing import IO

from starlette.requests import ClientDisconnect, Request

CHUNK_SECONDS = 30.0


class TooLarge(Exception):
    """The body is larger than this door allows."""


class TooSlow(Exception):
    """The client stopped sending."""


async def spool(request: Request, into: IO[bytes], largest: int) -> None:
    """Write a request's body to a file, inflating gzip; both sizes are bounded.

    Raises:
        TooLarge: It is larger than `largest`.
        TooSlow: Nothing came for half a minute.
    """
    take = _inflating(largest) if request.headers.get("content-encoding") == "gzip" else _plain
    total = 0
    stream = request.stream().__aiter__()
    while True:
        try:
            chunk = await asyncio.wait_for(anext(stream), CHUNK_SECONDS)
        except (StopAsyncIteration, ClientDisconnect):
            return
        except TimeoutError:
            raise TooSlow from None
        data = take(chunk)
        total += len(data)
        if total > largest:
            raise TooLarge
        into.write(data)


def _plain(chunk: bytes) -> bytes:
    return chunk


def _inflating(largest: int) -> Callable[[bytes], bytes]:
    machine = zlib.decompressobj(31)

    def take(chunk: bytes) -> bytes:
        try:
            return machine.decompress(chunk, largest + 1)
        except zlib.error:
            raise TooLarge from None

    return take
