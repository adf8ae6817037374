"""Nodes that serve in threads of this process: real homes, real sockets, and every request noted."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from beads.report import Exchange
from node import founding, wiring
from node.commons import Commons
from node.founding import FIRST_SYNC
from node.home import Home
from node.http.app import Server, build, listen
from node.peers import Peer
from wanted import board
from wanted.item import Terms

DEADLINE = 30.0
TERMS = Terms(
    project=None, effort="small", priority=2, skills=(), dimensions=(), winners=1, competition=False, checks=(),
    deadline=None,
)  # fmt: skip


class Noted:
    """Notes the requests that an application is asked."""

    def __init__(self, app: ASGIApp, asked: list[str]) -> None:
        self._app = app
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            query = scope["query_string"].decode()
            self._asked.append(f"{scope['method']} {scope['path']}{'?' if query else ''}{query}")
        await self._app(scope, receive, send)


class Node:
    """A home, and a server over it when it is up."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.home = Home(folder)
        self.home.make_identity()
        self.asked: list[str] = []
        self.url = ""
        self._port = 0
        if config:
            self.configure(config)

    def configure(self, text: str) -> None:
        (self.home.path / "config.toml").write_text(text)

    @property
    def commons(self) -> str:
        return next(commons for commons, founded in self.home.commons().items() if not founded.private)

    @property
    def git(self) -> str:
        return f"{self.url}/git/{self.commons}"

    def create(self) -> str:
        return founding.create(self.home, "Test Commons", admission="open", validators="poster", dimensions=())

    def join(self, url: str) -> None:
        founding.join(self.home, url, lambda _: None)

    def post(self, title: str = "Fix the door", times: int = 1) -> str:
        """Post items; return the id of the last."""
        with Commons(self.home, self.commons) as ours:
            drafts = [draft for n in range(times) for draft in board.post(f"{title} {n}", "", TERMS)]
            return ours.ledger.write(ours.author, lambda _: drafts)[-1].id

    def has(self, op: str) -> bool:
        index = wiring.open_index(self.home, self.commons)
        try:
            return index.place(op) is not None
        finally:
            index.database.close()

    def sync(self, url: str, *, pull: bool = True, push: bool = True, peer: Peer | None = None) -> Exchange:
        with Commons(self.home, self.commons) as ours:
            return ours.sync_with(peer or Peer(url), FIRST_SYNC, pull=pull, push=push)

    def peer_with(self, *others: "Node") -> None:
        for other in others:
            self.home.peer_book(self.commons).add(Peer(other.git))

    def reserve(self) -> None:
        """Take a port, before the server is up."""
        if not self._port:
            with listen("127.0.0.1", 0) as sock:
                self._port = sock.getsockname()[1]
            self.url = f"http://127.0.0.1:{self._port}"

    @contextmanager
    def up(self) -> Iterator[str]:
        """Serve; at the same address each time."""
        self.reserve()
        sock = listen("127.0.0.1", self._port)
        app = build(self.home, ())
        config = uvicorn.Config(
            Noted(app, self.asked), log_level="error", access_log=False, timeout_graceful_shutdown=5
        )  # fmt: skip
        server = Server(config, app.state.keeper)
        thread = threading.Thread(target=_run, args=(server, sock), daemon=True)
        thread.start()
        try:
            until(lambda: server.started)
            yield self.url
        finally:
            server.should_exit = True
            thread.join(DEADLINE)
            sock.close()


def _run(server: uvicorn.Server, sock: socket.socket) -> None:
    asyncio.run(server.serve(sockets=[sock]))


def until(holds: Callable[[], bool], seconds: float = DEADLINE) -> float:
    """Wait until something holds; return how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, "it never came about"
        time.sleep(0.01)
    return time.monotonic() - began


def refs(node: Node) -> dict[str, str]:
    store = wiring.open_store(node.home, node.commons)
    try:
        return store.refs()
    finally:
        store.close()
