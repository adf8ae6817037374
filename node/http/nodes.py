"""Announcements at `/api/v1/commons/<commons>/nodes`: which nodes serve a commons (protocol, Sync). ⚡"""

import io
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from node import discovery, wiring
from node.http.keeper import Keeper
from node.http.limits import TooLarge, TooSlow, spool


async def told(request: Request) -> Response:
    """Tell which nodes are known, each as a signed line."""
    keeper: Keeper = request.app.state.keeper
    commons = request.path_params["commons"]
    if keeper.repository(commons, request.headers) is None:
        return PlainTextResponse("no such commons\n", 404)
    return PlainTextResponse(await run_in_threadpool(discovery.served, keeper.home, commons))


async def take(request: Request) -> Response:
    """Take the announcements that verify."""
    keeper: Keeper = request.app.state.keeper
    commons = request.path_params["commons"]
    if keeper.repository(commons, request.headers) is None:
        return PlainTextResponse("no such commons\n", 404)
    body = io.BytesIO()
    try:
        await spool(request, body, discovery.LISTING_BYTES)
    except TooLarge:
        return PlainTextResponse("request too large\n", 413)
    except TooSlow:
        return PlainTextResponse("request too slow\n", 408)
    lines = body.getvalue().splitlines(keepends=True)
    taken = await run_in_threadpool(_take, keeper, commons, lines)
    return PlainTextResponse(f"{taken} of {len(lines)}\n")


def _take(keeper: Keeper, commons: str, lines: Sequence[bytes]) -> int:
    ledger = wiring.open_ledger(keeper.home, commons)
    try:
        return discovery.take(keeper.home, ledger, lines)
    finally:
        ledger.close()
