"""What a serving node keeps doing: settle claims as a home, pass news on, keep its store tidy. ⚡

What changes here, by whatever process, is seen by the generation of its store; then claims are settled, whoever reads
the event stream is told, and the links to peers (`node.http.gossip`) pass it on.
"""

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from beads.files import write_file
from beads.gitobject import BLOB, FILE_MODE, TreeEntry, commit, make, tree
from beads.index import Index
from beads.refs import digest
from beads.segment import BOARD
from node import agreement, discovery, proposals, wiring
from node.agreement import Standing
from node.commons import Commons
from node.errors import KNOWN
from node.home import Home
from node.http.gossip import Gossip, apart
from node.terminal import visible
from node.web import readme

LOOK_SECONDS = 0.2
"""How often the generation of each commons is looked at: one small file each."""
REFRESH_SECONDS = 1.0
"""How often the lists of peers are looked at."""
CARE_SECONDS = 60.0
ANNOUNCE_SECONDS = 24 * 3600.0
LIFE_SECONDS = 15.0
"""How often an event stream shows life."""
MOVING_SECONDS = 2.0
"""A writer changes the generation first and moves references then; a digest read within is not kept."""
SUBSCRIBERS = 128
"""Event streams that are answered; they hold connections, of which others need some, too."""
log = logging.getLogger("wasteland")


class Keeper:
    """The standing work of one serving process."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._seen: dict[str, str] = {}
        self._since: dict[str, float] = {}
        self._digests: dict[str, tuple[str, str]] = {}
        self._standings: dict[str, tuple[str, Standing]] = {}
        self._changed = asyncio.Event()
        self._subscribers: dict[str, set[asyncio.Event]] = {}
        self._indexes: dict[str, Index] = {}
        self._settling: dict[str, Repeated] = {}
        self._gossip: Gossip | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._boards: dict[str, str] = {}
        self._asked: set[str] = set()
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

    def digest(self, commons: str) -> str:
        """Return the digest of what is held of a commons (`beads.refs.digest`)."""
        generation = self._generation(commons)
        known = self._digests.get(commons)
        if known is not None and known[0] == generation:
            return known[1]
        if self._since.setdefault(generation, time.monotonic()) > time.monotonic() - MOVING_SECONDS:
            return self._read_digest(commons)
        found = self._read_digest(commons)
        self._digests[commons] = generation, found
        self._since.clear()
        return found

    def _read_digest(self, commons: str) -> str:
        store = wiring.open_store(self.home, commons)
        try:
            return digest(store.refs())
        finally:
            store.close()

    def standing(self, commons: str) -> Standing:
        """Return what is held of a commons and what that folds to; worked out once for each state."""
        for _ in range(3):
            generation = self._generation(commons)
            known = self._standings.get(commons)
            if known is not None and known[0] == generation:
                return known[1]
            said = agreement.standing(self.home, commons, self.index(commons))
            # A write in between would have one half stand for what was before it, and the other for what came after.
            if self._generation(commons) == generation:
                self._standings[commons] = generation, said
        return said

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

    @property
    def is_full(self) -> bool:
        """True where no more event streams are answered."""
        return sum(map(len, self._subscribers.values())) >= SUBSCRIBERS

    async def events(self, commons: str) -> AsyncIterator[str]:
        """Yield the digest of a commons whenever it changes; "" from time to time to show life."""
        event = asyncio.Event()
        self._subscribers.setdefault(commons, set()).add(event)
        told = ""
        try:
            while not self._stopping.is_set():
                found = await apart(lambda: self.digest(commons))
                yield "" if found == told else found
                told = found
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), LIFE_SECONDS)
                event.clear()
        finally:
            self._subscribers[commons].discard(event)

    async def run(self) -> None:
        """Keep going until cancelled."""
        self._loop = asyncio.get_running_loop()
        self._gossip = Gossip(self.home, self.digest)
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._care())]
        try:
            await asyncio.gather(*tasks)
        finally:
            self.end_streams()
            self._gossip.stop()
            for task in tasks:
                task.cancel()

    def end_streams(self) -> None:
        """End the event streams: a server that stops would wait for them."""
        self._stopping.set()
        for subscribers in self._subscribers.values():
            for event in subscribers:
                event.set()

    async def _watch(self) -> None:
        refreshed = -REFRESH_SECONDS
        while True:
            if time.monotonic() - refreshed > REFRESH_SECONDS:
                refreshed = time.monotonic()
                self._guarded(self._refresh)
            self._guarded(self._look)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), LOOK_SECONDS)

    def _refresh(self) -> None:
        if self._gossip is not None:
            self._gossip.refresh()

    def _look(self) -> None:
        for commons in self.home.commons():
            generation = self._generation(commons)
            if self._seen.get(commons) != generation:
                self._seen[commons] = generation
                self._news(commons)

    def _tell(self, commons: str) -> None:
        for event in self._subscribers.get(commons, ()):
            event.set()
        if self._gossip is not None:
            self._gossip.news(commons)

    def _news(self, commons: str) -> None:
        self._tell(commons)
        # The references may just have been moving; who finds nothing new then does nothing.
        asyncio.get_running_loop().call_later(MOVING_SECONDS, self._tell, commons)
        self._settling.setdefault(commons, Repeated(lambda: self._guarded(self._settle, commons))).ask()

    async def _care(self) -> None:
        announced = -ANNOUNCE_SECONDS
        while True:
            due = time.monotonic() - announced > ANNOUNCE_SECONDS
            announced = time.monotonic() if due else announced
            for commons, founding in self.home.commons().items():
                public = (self._announce, self._tidy) if due else (self._cover, self._adopt, self._tidy)
                for work in (self._tidy,) if founding.private else public:
                    await run_in_threadpool(self._guarded, work, commons)
            await asyncio.sleep(CARE_SECONDS)

    def _settle(self, commons: str) -> None:
        if self.home.exists:
            with Commons(self.home, commons) as ours:
                for decision in ours.settle():
                    log.info("%s %s to %s: %s", decision.t, decision.item.id[:12], decision.actor, decision.reason)
                self._ask_to_sign(ours)

    def _ask_to_sign(self, ours: Commons) -> None:
        """Tell a delegate who runs this node what waits for a signature, each once."""
        lines = proposals.waiting_lines(ours.index, ours.me, ours.handles)
        for line in lines:
            if line not in self._asked:
                log.warning("%s: %s", self.home.commons()[ours.id].name, visible(line))
        self._asked.update(lines)

    def _cover(self, commons: str) -> None:
        if self.home.exists:
            with Commons(self.home, commons) as ours:
                ours.checkpoint()

    def _announce(self, commons: str) -> None:
        with Commons(self.home, commons) as ours:
            discovery.announce(self.home, ours.ledger)

    def _adopt(self, commons: str) -> None:
        if self.home.config.peers.discover:
            with Commons(self.home, commons) as ours:
                for peer in discovery.adopt(self.home, ours.ledger):
                    log.info("%s: syncing with %s, which was suggested", commons[:16], peer.url)

    def _tidy(self, commons: str) -> None:
        store = wiring.open_store(self.home, commons)
        try:
            if store.repository.wants_packing():
                store.repository.pack()
        finally:
            store.close()

    def _guarded(self, work: Callable[..., None], *of: str) -> None:
        """Do standing work; what fails is logged and tried again at the next occasion, and never ends the rest."""
        try:
            work(*of)
        except (*KNOWN, OSError) as error:
            log.warning("%s: %s", " ".join(each[:16] for each in of) or "peers", error)
        except Exception:
            log.exception("standing work failed")

    def _generation(self, commons: str) -> str:
        return wiring.generation(self.home, commons)


class Repeated:
    """Work in a thread that is done once more where it is asked for meanwhile; never twice at the same time."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Have it done."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._again:
            self._again = False
            await run_in_threadpool(self._work)
