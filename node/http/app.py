"""The application: routes, middleware and the keeper, put together as data. ⚡"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import uvicorn
from msgspec.structs import asdict
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from node.errors import KNOWN
from node.home import Home
from node.http import git, nodes
from node.http.guard import Guard
from node.http.keeper import Keeper
from node.web.pages import Pages

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def build(home: Home, hosts: tuple[str, ...]) -> Starlette:
    """Return the node's application.

    Args:
        hosts: Names that browsers and peers may use; empty allows any.
    """
    keeper = Keeper(home)
    pages = Pages(keeper)
    app = Starlette(
        routes=[
            Route("/healthz", health),
            Route("/api/v1/commons", commons),
            Route("/api/v1/commons/{commons}", standing),
            Route("/api/v1/commons/{commons}/events", events),
            Route("/api/v1/commons/{commons}/nodes", nodes.told),
            Route("/api/v1/commons/{commons}/nodes", nodes.take, methods=["POST"]),
            *git.routes(),
            *pages.routes(),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers=dict.fromkeys(KNOWN, pages.error),
        lifespan=_lifespan(keeper),
    )
    app.state.keeper = keeper
    return app


def _lifespan(keeper: Keeper) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(keeper.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return lifespan


async def health(request: Request) -> Response:
    """Say that the process answers."""
    return PlainTextResponse("ok\n")


async def commons(request: Request) -> Response:
    """List the public commons of this node."""
    keeper: Keeper = request.app.state.keeper
    names = keeper.home.commons()
    rows = [{"id": c, "name": names[c].name, "git": f"{request.base_url}git/{c}"} for c in keeper.public()]
    return JSONResponse({"schema_version": 1, "commons": rows})


async def standing(request: Request) -> Response:
    """Say what is held of a commons, and what that folds to."""
    keeper: Keeper = request.app.state.keeper
    wanted = request.path_params["commons"]
    if keeper.repository(wanted, request.headers) is None:
        return PlainTextResponse("no such commons\n", 404)
    said = await run_in_threadpool(keeper.standing, wanted)
    about = {"id": wanted, "name": keeper.home.commons()[wanted].name, "git": f"{request.base_url}git/{wanted}"}
    return JSONResponse({"schema_version": 1, **about, **asdict(said)})


async def events(request: Request) -> Response:
    """Tell when a commons changes, as server-sent events."""
    keeper: Keeper = request.app.state.keeper
    wanted = request.path_params["commons"]
    if keeper.repository(wanted, request.headers) is None:
        return PlainTextResponse("no such commons\n", 404)
    if keeper.is_full:
        return PlainTextResponse("too many listen already\n", 503, {"Retry-After": "60"})

    async def stream() -> AsyncIterator[str]:
        async for digest in keeper.events(wanted):
            yield f"event: changed\ndata: {json.dumps(digest)}\n\n" if digest else ": still here\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


class Server(uvicorn.Server):
    """Ends the event streams first when it is told to stop; others would wait for them, and then cut them off."""

    def __init__(self, config: uvicorn.Config, keeper: Keeper) -> None:
        super().__init__(config)
        self._keeper = keeper

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        self._keeper.end_streams()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Take an address; connections wait in line until `serve` answers them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=256)


def _hosts(host: str, names: tuple[str, ...], public_url: str) -> tuple[str, ...]:
    """Return the host names that are answered to; none for any."""
    if host not in LOOPBACK and not names:
        return ()
    public = urlsplit(public_url).hostname
    return (host, *LOOPBACK, *names, *((public,) if public else ()))


def serve(home: Home, sock: socket.socket, names: tuple[str, ...]) -> None:
    """Answer on a socket until told to stop.

    Args:
        names: Host names besides the loopback's and that of its public address; a node that listens to the world
            answers to any where there are none.
    """
    app = build(home, _hosts(str(sock.getsockname()[0]), names, home.config.serve.public_url))
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_keep_alive=30, limit_concurrency=256,
        timeout_graceful_shutdown=3, server_header=False,
    )  # fmt: skip
    Server(config, app.state.keeper).run(sockets=[sock])
