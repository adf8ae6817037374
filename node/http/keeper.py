"""What a serving node keeps doing: settle claims as a home, pass news on, listen to peers, keep its store tidy. ⚡

News travels two ways: what changes here is pushed to every peer, and every HTTP peer's event stream is read, so that
a change is seen within a second while both are up. A slow poll covers the rest.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from starlette.concurrency import run_in_threadpool

from beads.errors import BeadsError
from beads.files import write_file
from beads.gitobject import BLOB, FILE_MODE, TreeEntry, commit, make, tree
from beads.index import Index
from beads.segment import BOARD
from node import wiring
from node.commons import Commons
from node.home import Home, Peer
from node.web import readme
from stamps.errors import StampsError

LOOK_SECONDS = 0.2
"""How often the generation of each commons is looked at: one small file each."""
POLL_SECONDS = 60.0
EVENTS_SECONDS = 40.0
"""An event stream that is silent for longer is dead: the other side says something every 15 s."""
log = logging.getLogger("wasteland")


class Keeper:
    """The standing work of one serving process."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._seen: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._subscribers: dict[str, set[asyncio.Event]] = {}
        self._indexes: dict[str, Index] = {}
        self._listening: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._boards: dict[str, str] = {}
        self._mutex = threading.Lock()

    # -- what the doors ask ------------------------------------------------------------------------------------

    def repository(self, commons: str, headers: Mapping[str, str]) -> Path | None:
        """Return where a commons lies, if whoever asks may know of it: a private one is for its owner alone."""
        founding = self.home.commons().get(commons)
        if founding is None or (founding.private and not self._is_owner(headers)):
            return None
        return self.home.commons_folder(commons) / "repo.git"

    def public(self) -> list[str]:
        """Return the commons that may be listed."""
        return [commons for commons, founding in self.home.commons().items() if not founding.private]

    def index(self, commons: str) -> Index:
        """Return the index of a commons, up to date."""
        with self._mutex:
            known = self._indexes.get(commons)
            if known is None or known.generation() != self._generation(commons):
                if known is not None:
                    known.database.close()
                self._indexes[commons] = wiring.open_index(self.home, commons)
            return self._indexes[commons]

    def token(self) -> str:
        """Return the owner's token, made at first use."""
        path = self.home.path / "token"
        if not path.is_file():
            write_file(path, secrets.token_urlsafe(32).encode())
            path.chmod(0o600)
        return path.read_text()

    def _is_owner(self, headers: Mapping[str, str]) -> bool:
        given = headers.get("authorization", "").removeprefix("Bearer ")
        return bool(given) and secrets.compare_digest(given.encode(), self.token().encode())

    def publish_board(self, commons: str) -> None:
        """Write the generated README that a plain `git clone` shows, if anything has changed since."""
        generation = self._generation(commons)
        if self._boards.get(commons) == generation:
            return
        text = readme.render(self.home.commons()[commons].name, commons, self.index(commons))
        store = wiring.open_store(self.home, commons)
        try:
            blob = make(BLOB, text.encode())
            root = tree([TreeEntry("README.md", FILE_MODE, blob.id)])
            head = commit(root.id, (), "wasteland <node@wl.invalid>", wiring.now_ms() // 1000, "The board\n")
            with store.lock():
                store.repository.publish([blob, root, head], BOARD, head.id)
            self._boards[commons] = generation
        finally:
            store.close()

    # -- news --------------------------------------------------------------------------------------------------

    def wake(self, commons: str) -> None:
        """Look at once: something was just written."""
        self._seen.pop(commons, None)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def events(self, commons: str) -> AsyncIterator[str]:
        """Yield the generation of a commons whenever it changes; "" from time to time to show life."""
        event = asyncio.Event()
        self._subscribers.setdefault(commons, set()).add(event)
        try:
            yield self._generation(commons)
            while not self._stopping.is_set():
                try:
                    await asyncio.wait_for(event.wait(), 15)
                    event.clear()
                    yield self._generation(commons)
                except TimeoutError:
                    yield ""
        finally:
            self._subscribers[commons].discard(event)

    async def run(self) -> None:
        """Keep going until cancelled."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._poll())]
        try:
            await asyncio.gather(*tasks)
        finally:
            self._stopping.set()
            for task in tasks:
                task.cancel()
            for subscribers in self._subscribers.values():
                for event in subscribers:
                    event.set()

    async def _watch(self) -> None:
        while True:
            for commons in self.home.commons():
                generation = self._generation(commons)
                if self._seen.get(commons) != generation:
                    self._seen[commons] = generation
                    await self._news(commons)
            self._listen_to_peers()
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), LOOK_SECONDS)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            for commons, founding in self.home.commons().items():
                for work in (self._tidy,) if founding.private else (self._exchange, self._cover, self._tidy):
                    await run_in_threadpool(self._guarded, work, commons)

    async def _news(self, commons: str) -> None:
        for event in self._subscribers.get(commons, ()):
            event.set()
        await run_in_threadpool(self._guarded, self._settle, commons)
        if self.home.peers(commons):
            await run_in_threadpool(self._guarded, self._exchange, commons)

    def _settle(self, commons: str) -> None:
        if self.home.exists:
            with Commons(self.home, commons) as ours:
                for decision in ours.settle():
                    log.info("%s %s to %s: %s", decision.t, decision.item.id[:12], decision.actor, decision.reason)

    def _exchange(self, commons: str) -> None:
        with Commons(self.home, commons) as ours:
            for result in ours.sync():
                if result.error:
                    log.info("peer %s: %s", result.peer.url, result.error)

    def _cover(self, commons: str) -> None:
        if self.home.exists:
            with Commons(self.home, commons) as ours:
                ours.checkpoint()

    def _tidy(self, commons: str) -> None:
        store = wiring.open_store(self.home, commons)
        try:
            if store.repository.wants_packing():
                store.repository.pack()
        finally:
            store.close()

    def _guarded(self, work: Callable[[str], None], commons: str) -> None:
        """Do standing work; what fails is logged and tried again at the next occasion."""
        try:
            work(commons)
        except (BeadsError, StampsError, OSError) as error:
            log.warning("%s: %s", commons[:16], error)

    def _generation(self, commons: str) -> str:
        return wiring.generation(self.home, commons)

    # -- listening ---------------------------------------------------------------------------------------------

    def _listen_to_peers(self) -> None:
        for commons in self.public():
            for peer in self.home.peers(commons):
                address = events_address(peer, commons)
                if address and peer.pull and address not in self._listening:
                    self._listening.add(address)
                    threading.Thread(target=self._listen, args=(address, commons), daemon=True).start()

    def _listen(self, address: str, commons: str) -> None:
        """Read one peer's events until it goes away; the watcher starts another reader after a while."""
        try:
            pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=EVENTS_SECONDS), retries=False)
            response = pool.request("GET", address, preload_content=False, redirect=False)
            with contextlib.closing(response):
                for line in response if response.status == 200 else ():
                    if self._stopping.is_set():
                        return
                    if line.startswith(b"data:"):
                        self._guarded(self._exchange, commons)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            log.debug("events of %s: %s", address, error)
        finally:
            if not self._stopping.wait(5):
                self._listening.discard(address)


def events_address(peer: Peer, commons: str) -> str | None:
    """Return where a peer tells its news, if it is a node reached over HTTP."""
    parts = urlsplit(peer.url)
    if parts.scheme not in ("http", "https") or not parts.path.endswith(f"/git/{commons}"):
        return None
    base = parts.path.removesuffix(f"/git/{commons}")
    return f"{parts.scheme}://{parts.netloc}{base}/api/v1/commons/{commons}/events"
