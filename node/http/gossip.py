"""Keeping peers in step: one task for each commons and peer, so that none waits for another. ⚡

1. A link syncs when something changed here, when its peer tells that something changed there, and now and then anyway.
   What happens meanwhile is one more round afterwards, never a second at the same time.
2. Before it does it waits a moment, by chance: of many that hear the same news few are first, and by then the others
   have it. A peer that is known to hold just what is here is left alone.
3. A peer that fails is tried again after a while that doubles, with chance in it; a success begins anew.
4. Exchanges run in threads of their own, not in those that answer requests, and each has a deadline.
"""

import asyncio
import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from urllib3 import BaseHTTPResponse

from beads.errors import BeadsError, RemoteError
from beads.ledger import Ledger
from beads.limits import Patience
from beads.refs import digest
from beads.report import HELD, Exchange
from node import discovery, wiring
from node.commons import Commons
from node.errors import KNOWN
from node.exchange import reach_of, with_one
from node.home import Home
from node.peers import Peer, wait_ms

AT_ONCE = 32
"""Exchanges that run at the same time."""
LISTENED_AT_MOST = 64
"""Event streams that are read; peers beyond are asked now and then."""
PATIENCE = Patience(connect_s=5.0, total_s=120.0)
POLL_SECONDS = 60.0
SPREAD_S = 0.1
"""How long something that changed here may wait before it is passed on."""
HEARD_S = (0.1, 0.3)
"""How long news from a peer wait for that peer to bring it."""
EVENTS = Patience(connect_s=40.0, total_s=math.inf)
"""An event stream that is silent for longer is dead: the other side says something every 15 s."""
EVENTS_BYTES = 1 << 20
LONGEST_SILENCE_MS = 60_000
TRADE_SECONDS = 6 * 3600.0
WITHHELD_S = 600.0
"""How long a log is not offered to a peer again that takes no more of it today."""
log = logging.getLogger("wasteland")

T = TypeVar("T")


class Gossip:
    """All the links of one serving process.

    Args:
        digest: Returns the digest of what is held of a commons.
    """

    def __init__(self, home: Home, digest: Callable[[str], str]) -> None:
        self.home = home
        self.digest = digest
        self.stopping = threading.Event()
        self.places = asyncio.Semaphore(AT_ONCE)
        self.listeners = threading.BoundedSemaphore(LISTENED_AT_MOST)
        self._links: dict[tuple[str, str], tuple[Link, asyncio.Task[None]]] = {}

    def refresh(self) -> None:
        """Start links to new peers, and end those whose terms have changed."""
        wanted = {
            (commons, peer.url): peer
            for commons in self.home.commons()
            for peer in self.home.peers(commons)
            if not peer.blocked
        }
        for key, (link, task) in list(self._links.items()):
            if wanted.get(key) != link.peer or task.done():
                self._end(key)
        for key, peer in wanted.items():
            if key not in self._links:
                link = Link(self, key[0], peer)
                self._links[key] = link, asyncio.create_task(link.run())

    def news(self, commons: str) -> None:
        """Tell the links that a commons has changed here."""
        for (changed, _), (link, _task) in self._links.items():
            if changed == commons:
                link.wake(random.uniform(0, SPREAD_S))

    def stop(self) -> None:
        """End all links."""
        self.stopping.set()
        for key in list(self._links):
            self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        link, task = self._links.pop(key)
        link.closed.set()
        task.cancel()


class Link:
    """One commons and one peer."""

    def __init__(self, gossip: Gossip, commons: str, peer: Peer) -> None:
        self.peer = peer
        self.closed = threading.Event()
        self._gossip = gossip
        self._commons = commons
        self._news = asyncio.Event()
        self._pause = 0.0
        self._failures = 0
        self._theirs = ""
        self._traded = -math.inf
        self._withheld: dict[str, float] = {}
        self._loop = asyncio.get_running_loop()

    def wake(self, pause: float) -> None:
        """Have a look soon."""
        self._pause = pause
        self._news.set()

    async def run(self) -> None:
        """Keep going until cancelled."""
        self._listen_apart()
        await asyncio.sleep(random.uniform(0, SPREAD_S))
        while True:
            if not self._is_same(await apart(self._digest)):
                async with self._gossip.places:
                    await apart(self._exchange_guarded)
            await self._until_due()

    async def _until_due(self) -> None:
        """Wait for news or for the next poll; after a failure for the whole of the pause, whatever is heard."""
        if self._failures:
            await asyncio.sleep(wait_ms(self._failures, random.random()) / 1000)
        else:
            try:
                await asyncio.wait_for(self._news.wait(), POLL_SECONDS * random.uniform(0.75, 1.25))
                await asyncio.sleep(self._pause)
            except TimeoutError:
                # Whatever was heard of it last may be wrong by now.
                self._theirs = ""
        self._news.clear()

    def _is_same(self, ours: str) -> bool:
        return bool(ours) and ours == self._theirs

    def _digest(self) -> str:
        try:
            return self._gossip.digest(self._commons)
        except (BeadsError, OSError):
            return ""

    # -- exchanging, in a thread of its own --------------------------------------------------------------------

    def _exchange_guarded(self) -> None:
        try:
            self._exchange()
            self._failures = 0
        except (*KNOWN, OSError) as error:
            self._failed(error)
        except Exception as error:
            # A link must not end over something that nobody thought of.
            log.exception("peer %s", self.peer.url)
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._theirs = ""
        log.info("peer %s: %s", self.peer.url, error)

    def _exchange(self) -> None:
        with Commons(self._gossip.home, self._commons) as ours:
            done = with_one(self._gossip.home, ours.ledger, self.peer, PATIENCE, withheld=self._withheld_now())
            until = time.monotonic() + WITHHELD_S
            self._withheld |= {name: until for name, reason in done.refused.items() if reason.startswith("held(")}
            if self.peer.pull and self.peer.push and _is_even(done):
                # What was exchanged, not what is here by now: somebody may have written meanwhile.
                self._theirs = digest(done.ours)
            if not ours.ledger.genesis.private and time.monotonic() - self._traded > TRADE_SECONDS:
                self._traded = time.monotonic()
                self._trade(ours.ledger)

    def _trade(self, ledger: Ledger) -> None:
        try:
            discovery.trade(self._gossip.home, ledger, self.peer)
        except RemoteError as error:
            # It syncs, and that is what a peer is for.
            log.info("announcements of %s: %s", self.peer.url, error)

    def _withheld_now(self) -> frozenset[str]:
        now = time.monotonic()
        self._withheld = {name: until for name, until in self._withheld.items() if until > now}
        return frozenset(self._withheld)

    # -- listening, in another ---------------------------------------------------------------------------------

    def _listen_apart(self) -> None:
        doors = discovery.doors_of(self.peer, self._commons)
        private = self._gossip.home.commons()[self._commons].private
        if doors is not None and self.peer.pull and not private:
            threading.Thread(target=self._listen, args=(f"{doors}/events",), daemon=True).start()

    def _listen(self, address: str) -> None:
        if not self._gossip.listeners.acquire(blocking=False):
            return
        try:
            failures = 0
            while not self._is_over():
                heard = self._listen_once(address)
                failures = 1 if heard else failures + 1
                self.closed.wait(min(wait_ms(failures, random.random()), LONGEST_SILENCE_MS) / 1000)
        finally:
            self._gossip.listeners.release()

    def _listen_once(self, address: str) -> bool:
        """Read a peer's events until the stream ends; return whether there were any."""
        heard = False
        try:
            with wiring.web(address, EVENTS, EVENTS_BYTES, reach_of(self._gossip.home, self.peer)) as web:
                response = web.request("GET", address)
                with contextlib.closing(response), web.translated():
                    for line in _lines(web.pieces(response)) if _tells(response) else ():
                        if self._is_over():
                            break
                        if line.startswith(b"data: "):
                            heard = True
                            self._hear(line[6:].strip().decode("ascii", "replace").strip('"'))
        except (BeadsError, OSError) as error:
            log.debug("events of %s: %s", address, error)
        return heard

    def _hear(self, theirs: str) -> None:
        self._theirs = theirs
        if theirs != self._digest():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.wake, random.uniform(*HEARD_S))

    def _is_over(self) -> bool:
        return self.closed.is_set() or self._gossip.stopping.is_set()


def _is_even(done: Exchange) -> bool:
    """Say whether both sides hold the same after an exchange."""
    return not done.refused and not done.passed and not any(each.status == HELD for each in done.report.troubles)


def _tells(response: BaseHTTPResponse) -> bool:
    return response.status == 200 and response.headers.get("Content-Type", "").startswith("text/event-stream")


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole


async def apart(work: Callable[[], T]) -> T:
    """Do blocking work in a thread of its own, which does not keep the process from ending."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(give: Callable[[], None]) -> None:
        # Whoever waited may have gone, and the loop too.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if done.done() else give())

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            finish(lambda: done.set_exception(failure))
        else:
            finish(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True).start()
    return await done
