"""A commons cloned from a real node, caught up, and found unchanged; beside stock git on the same address."""

from pathlib import Path

from bench import _world as world
from bench._world import Figures
from node import founding, wiring
from node.commons import Commons
from node.founding import FIRST_SYNC
from node.home import Home
from node.peers import Peer

LOGS = 20
MORE = 100
OPS_AN_ITEM = 50
CHECKPOINTS = 2
JOIN_AIM_S, INCREMENT_AIM_MS = 10.0, 150.0
"""For 100 000 operations on two cores, and for 100 more."""


def measure(ops: int, runs: int) -> Figures:
    with world.folder() as folder:
        home = Home(folder / "a")
        home.make_identity()
        commons = founding.create(home, "Bench", admission="open", validators="poster", dimensions=())
        ledger = wiring.open_ledger(home, commons)
        author = wiring.author(home)
        others = [world.actor() for _ in range(LOGS - 1)]
        world.populate(ledger, [author, *others], ops, max(ops // OPS_AN_ITEM, 20))
        count = sum(head.seq + 1 for head in ledger.index.heads().values())
        with world.serving(home.path) as base:
            url = f"{base}/git/{commons}"
            clone = min(_git_clone(url, folder / f"mirror{n}.git") for n in range(runs))
            join = min(_join(url, folder / f"b{n}") for n in range(runs))
            increments, fetches = [], []
            for _ in range(runs):
                world.write_all(ledger, author, map(world.post, range(MORE)))
                increments.append(_sync(folder / "b0", commons, url, MORE))
                fetches.append(_git_fetch(folder / "mirror0.git"))
            nothing = [_sync_nothing(folder / "b0", commons, url) for _ in range(runs)]
            nothing_git = [_git_fetch(folder / "mirror0.git") for _ in range(runs)]
            verb = world.cold([world.script("wl"), "sync", "--json"], world.environment(folder / "b0"), runs)
        same = _state(home, commons) == _state(Home(folder / "b0"), commons)
        ledger.close()
    return {
        "operations": count,
        "logs": LOGS,
        "join_s": round(join, 2),
        "join_operations_per_second": world.rate(count, join),
        "baseline_git_clone_mirror_s": round(clone, 2),
        "pull_of_100_operations": world.spread(increments),
        "baseline_git_fetch_of_100_operations": world.spread(fetches),
        "pull_of_nothing": world.spread(nothing),
        "baseline_git_fetch_of_nothing": world.spread(nothing_git),
        "cold_wl_sync_of_nothing": verb,
        "same_state_hash": same,
        "aims": {
            "join_below_s": JOIN_AIM_S,
            "increment_p50_below_ms": INCREMENT_AIM_MS,
            "met": [join < JOIN_AIM_S, world.spread(increments)["p50_ms"] < INCREMENT_AIM_MS],
        },
        "ratios": {
            "join_to_git_clone": round(join / clone, 1),
            "increment_to_git_fetch": round(min(increments) / min(fetches), 1),
            "nothing_to_git_fetch": round(min(nothing) / min(nothing_git), 1),
        },
    }


def _git_clone(url: str, into: Path) -> float:
    return world.seconds(lambda: world.run(["git", "clone", "-q", "--mirror", url, str(into)], world.environment()))


def _git_fetch(mirror: Path) -> float:
    argv = ["git", f"--git-dir={mirror}", "fetch", "-q", "--prune", "origin"]
    return world.seconds(lambda: world.run(argv, world.environment()))


def _join(url: str, home: Path) -> float:
    """A fresh home in a fresh process: keys made, everything fetched, verified, folded, indexed."""
    return world.seconds(lambda: world.run([world.script("wl"), "join", url, "--json"], world.environment(home)))


def _sync(home: Path, commons: str, url: str, wanted: int) -> float:
    took, taken = _timed(home, commons, url)
    # The node that serves is a delegate, and may have written a checkpoint meanwhile.
    if wanted <= taken <= wanted + CHECKPOINTS:
        return took
    raise SystemExit(f"{taken} operations taken where {wanted} were written")


def _sync_nothing(home: Path, commons: str, url: str) -> float:
    for _ in range(CHECKPOINTS + 1):
        took, taken = _timed(home, commons, url)
        if not taken:
            return took
    raise SystemExit("there is always something new")


def _timed(home: Path, commons: str, url: str) -> tuple[float, int]:
    taken: list[int] = []
    with Commons(Home(home), commons) as ours:
        took = world.seconds(lambda: taken.append(ours.sync_with(Peer(url, push=False), FIRST_SYNC).report.accepted))
    return took, sum(taken)


def _state(home: Home, commons: str) -> str:
    with Commons(home, commons) as ours:
        return ours.index.state_hash()
