"""How soon a change is seen elsewhere: by a connected peer, and at the far side of a ring; real node processes.

The baseline is stock git: push to a bare repository and fetch from it, one process after the other.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import _world as world
from bench._world import Figures
from node import founding, wiring
from node.commons import Commons
from node.home import Home
from node.http.app import listen
from node.peers import Peer
from wanted import board

RING = 10
SETTLE_S = 3.0
DEADLINE_S = 60.0
PEER_AIM_S, RING_AIM_S = 1.0, 5.0


def measure(ops: int, runs: int) -> Figures:
    with world.folder() as folder:
        peer = _measured(folder / "pair", 2, ops, runs)
        ring = _measured(folder / "ring", RING, ops, max(runs // 4, 5))
        git = [_push_and_fetch(folder / f"git{n}") for n in range(max(runs // 4, 5))]
    return {
        "operations_before": ops,
        "connected_peer": world.spread(peer),
        "ring_of_10_until_all_have_it": world.spread(ring),
        "baseline_git_push_and_fetch": world.spread(git),
        "aims": {
            "peer_p99_below_s": PEER_AIM_S, "ring_p99_below_s": RING_AIM_S,
            "met": [world.spread(peer)["p99_ms"] < PEER_AIM_S * 1000, world.spread(ring)["p99_ms"] < RING_AIM_S * 1000],
        },
    }  # fmt: skip


def _measured(folder: Path, size: int, ops: int, runs: int) -> list[float]:
    homes, commons, ports = _neighbours(folder, size, ops)
    with ExitStack() as stack:
        for home, port in zip(homes, ports, strict=True):
            stack.enter_context(world.serving(home.path, port))
        time.sleep(SETTLE_S)
        return [_seen(homes, commons, n) for n in range(runs)]


def _neighbours(folder: Path, size: int, ops: int) -> tuple[list[Home], str, list[int]]:
    """Homes with one commons, each a peer of the next."""
    homes = [Home(folder / str(n)) for n in range(size)]
    for home in homes:
        home.make_identity()
    commons = founding.create(homes[0], "Bench", admission="open", validators="poster", dimensions=())
    ledger = wiring.open_ledger(homes[0], commons)
    world.populate(ledger, [wiring.author(homes[0])], ops)
    ledger.close()
    ports = [_free_port() for _ in homes]
    source = str(homes[0].commons_folder(commons) / "repo.git")
    for home in homes[1:]:
        founding.join(home, source, lambda _: None)
        home.peer_book(commons).remove(source)
    for n, home in enumerate(homes):
        home.peer_book(commons).add(Peer(f"http://127.0.0.1:{ports[(n + 1) % size]}/git/{commons}"))
    return homes, commons, ports


def _free_port() -> int:
    with listen("127.0.0.1", 0) as sock:
        return int(sock.getsockname()[1])


def _seen(homes: Sequence[Home], commons: str, n: int) -> float:
    """Write at the first home; return how long until the others have it, their nodes having done it all."""
    with Commons(homes[0], commons) as ours:
        drafts = board.post(f"News {n}", world.WORDS, world.TERMS)
        began = time.perf_counter()
        (op,) = ours.ledger.write(ours.author, lambda _: drafts)
    waiting = set(homes[1:])
    while waiting:
        waiting = {home for home in waiting if not _has(home, commons, op.log, op.id)}
        if time.perf_counter() - began > DEADLINE_S:
            raise SystemExit(f"{len(waiting)} nodes have not seen it after {DEADLINE_S} s")
        time.sleep(0.005)
    return time.perf_counter() - began


def _has(home: Home, commons: str, log: str, op: str) -> bool:
    """Look into a home from outside: its store, which its node has written."""
    store = wiring.open_store(home, commons)
    try:
        head = store.head(log)
        return head is not None and head.op == op
    finally:
        store.close()


def _push_and_fetch(folder: Path) -> float:
    """What git alone takes: a commit pushed to a bare repository, and fetched by somebody else."""
    who = {f"GIT_{role}_{part}": "bench" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = world.environment() | who
    relay, one, other = (str(folder / name) for name in ("relay.git", "one", "other"))
    world.run(["git", "init", "-q", "--bare", relay], env)
    for clone in (one, other):
        world.run(["git", "clone", "-q", relay, clone], env)
    Path(one, "file").write_bytes(os.urandom(300))
    world.run(["git", "-C", one, "add", "."], env)
    world.run(["git", "-C", one, "commit", "-qm", "x"], env)

    def trade() -> None:
        world.run(["git", "-C", one, "push", "-q", relay, "HEAD:refs/heads/main"], env)
        world.run(["git", "-C", other, "fetch", "-q", "origin"], env)

    return world.seconds(trade)
