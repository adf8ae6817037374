"""Ten nodes in a ring, a hostile relay on one edge, nodes killed and edges cut at random: do all come to the same?

Real processes and real sockets. The baseline is the same ring in fair weather: what trouble costs is the ratio.
"""

import asyncio
import contextlib
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from beads.ledger import Draft
from bench import _world as world
from bench._world import Figures
from node import founding, wiring
from node.commons import Commons
from node.home import Home
from node.http.app import listen
from node.peers import Peer

NODES = 10
BATCH = 10
SEED = 7
DEADLINE_S = 300.0
KILL_EVERY, CUT_EVERY = 12, 9
"""Batches between two kills of a node, two cuts of an edge."""
CUT_SHARE, FLIP_SHARE, STALL_SHARE = 0.05, 0.05, 0.05
"""Of the pieces that the hostile relay passes on: after which it hangs up, which it changes, which it holds back."""
PIECE = 16_384


def measure(ops: int, runs: int) -> Figures:
    with world.folder() as folder:
        rough = ring(folder / "rough", ops, NODES, trouble=True)
        fair = ring(folder / "fair", ops, NODES, trouble=False)
    slower = round(rough["seconds_until_all_agree"] / max(fair["seconds_until_all_agree"], 0.001), 1)
    return {
        "nodes": NODES, "rough": rough, "baseline_fair_weather": fair,
        "ratios": {"rough_to_fair": slower}, "aims": {"met": [rough["equal_heads"], rough["equal_state_hashes"]]},
    }  # fmt: skip


# -- edges ---------------------------------------------------------------------------------------------------------


@dataclass
class Edge:
    """Carries bytes to a node, as long as it is whole; a hostile one loses, changes and delays some."""

    target: int
    hostile: bool
    chance: random.Random
    whole: bool = True
    port: int = 0
    harm: Counter[str] = field(default_factory=Counter)
    server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = int(self.server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        self.whole = False
        for writer in self._open:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if not self.whole:
                writer.transport.abort()
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._open |= {writer, back}
            try:
                await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
            finally:
                self._open -= {writer, back}
                back.transport.abort()
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            writer.write(await self._harmed(piece, writer))
            await writer.drain()
        writer.write_eof()

    async def _harmed(self, piece: bytes, writer: asyncio.StreamWriter) -> bytes:
        dice = self.chance.random() if self.hostile else 1.0
        if dice < CUT_SHARE:
            self.harm["cut"] += 1
            writer.transport.abort()
        elif dice < CUT_SHARE + FLIP_SHARE:
            self.harm["changed"] += 1
            at = self.chance.randrange(len(piece))
            return piece[:at] + bytes([piece[at] ^ 0x55]) + piece[at + 1 :]
        elif dice < CUT_SHARE + FLIP_SHARE + STALL_SHARE:
            self.harm["held back"] += 1
            await asyncio.sleep(self.chance.random())
        return piece


@contextmanager
def edges(ports: Sequence[int], *, trouble: bool) -> Iterator[list[Edge]]:
    """Run an edge to each node, in a thread of their own."""
    made = [Edge(port, trouble and n == 0, random.Random(SEED + n)) for n, port in enumerate(ports)]
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    for edge in made:
        asyncio.run_coroutine_threadsafe(edge.start(), loop).result()
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(_hang_up(made), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _hang_up(ways: Sequence[Edge]) -> None:
    for edge in ways:
        edge.cut()
        if edge.server is not None:
            edge.server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


# -- nodes ---------------------------------------------------------------------------------------------------------


class Node:
    """A home and the process that serves it."""

    def __init__(self, home: Home, port: int, commons: str) -> None:
        self.home, self.port, self.commons = home, port, commons
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [world.script("wl"), "serve", "--port", str(self.port), "--json"]
        nothing = subprocess.DEVNULL
        self._process = subprocess.Popen(argv, env=world.environment(self.home.path), stdout=nothing, stderr=nothing)

    def kill(self) -> None:
        """As a power cut would: nothing is finished."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def heads(self) -> dict[str, tuple[int, str]]:
        store = wiring.open_store(self.home, self.commons)
        try:
            return {log: (head.seq, head.op) for log in store.logs() if (head := store.head(log)) is not None}
        finally:
            store.close()

    def state_hash(self) -> str:
        ledger = wiring.open_ledger(self.home, self.commons)
        try:
            return ledger.index.state_hash()
        finally:
            ledger.close()


def ring(folder: Path, ops: int, size: int, *, trouble: bool) -> Figures:
    """Let nodes in a ring do so many operations; return what happened, and whether all came to the same."""
    homes = [Home(folder / str(n)) for n in range(size)]
    for home in homes:
        home.make_identity()
    commons = founding.create(homes[0], "Ring", admission="open", validators="poster", dimensions=())
    source = str(homes[0].commons_folder(commons) / "repo.git")
    for home in homes[1:]:
        founding.join(home, source, lambda _: None)
        home.peer_book(commons).remove(source)
    nodes = [Node(home, _free_port(), commons) for home in homes]
    with edges([node.port for node in nodes], trouble=trouble) as ways:
        for n, home in enumerate(homes):
            home.peer_book(commons).add(Peer(f"http://127.0.0.1:{ways[(n + 1) % size].port}/git/{commons}"))
        try:
            return _run(nodes, ways, ops, trouble=trouble)
        finally:
            for node in nodes:
                node.kill()


def _run(nodes: Sequence[Node], ways: Sequence[Edge], ops: int, *, trouble: bool) -> Figures:
    chance, done = random.Random(SEED), Counter[str]()
    for node in nodes:
        node.start()
    began = time.perf_counter()
    items: list[str] = []
    work = _work(items, chance)
    for n in range(ops // BATCH):
        with Commons(chance.choice(nodes).home, nodes[0].commons) as ours:
            drafts = list(islice(work, BATCH))
            written = ours.ledger.write(ours.author, lambda _, drafts=drafts: drafts)  # type: ignore[misc]
        items += [op.id for op in written if op.t == "wanted.post"]
        if trouble:
            _trouble(n, nodes, ways, chance, done)
    for edge in ways:
        edge.whole = True
    wrote = time.perf_counter() - began
    agreed = _until_equal(nodes)
    hashes = {node.state_hash() for node in nodes}
    return {
        "operations": sum(seq + 1 for seq, _ in nodes[0].heads().values()), "kills": done["kill"], "cuts": done["cut"],
        "hostile_relay": dict(ways[0].harm), "seconds_writing": round(wrote, 1),
        "seconds_until_all_agree": round(agreed, 1), "equal_heads": agreed < DEADLINE_S,
        "equal_state_hashes": len(hashes) == 1, "state_hash": min(hashes),
    }  # fmt: skip


def _work(items: Sequence[str], chance: random.Random) -> Iterator[Draft]:
    """What goes on, without end, all over the board: offers, claims that homes grant, words, work handed in."""
    n = 0
    while True:
        n += 1
        yield world.post(n)
        if items:
            item = chance.choice(items)
            yield Draft("wanted.claim", {"item": item})
            yield Draft("bead.comment", {"bead": item}, {"text": world.WORDS})
            yield Draft("wanted.submit", {"item": item, "evidence": [], "prose": ["summary"]}, {"summary": world.WORDS})


def _trouble(n: int, nodes: Sequence[Node], ways: Sequence[Edge], chance: random.Random, done: Counter[str]) -> None:
    if n % KILL_EVERY == 0:
        victim = chance.choice(nodes)
        victim.kill()
        victim.start()
        done["kill"] += 1
    if n % CUT_EVERY == 0:
        for edge in ways:
            edge.whole = True
        for edge in chance.sample(list(ways[1:]), 2):
            # Two cuts part a ring.
            edge.cut()
            done["cut"] += 1


def _until_equal(nodes: Sequence[Node]) -> float:
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < DEADLINE_S:
        first = nodes[0].heads()
        if all(node.heads() == first for node in nodes[1:]):
            return took
        time.sleep(0.2)
    return took


def _free_port() -> int:
    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])
