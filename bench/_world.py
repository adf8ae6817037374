"""What the measurements share: actors, ledgers full of operations, processes timed, figures summed up."""

import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from beads import genesis, ids, limits
from beads.database import Sqlite
from beads.index import Index
from beads.ledger import Author, Draft, Ledger
from beads.memory_store import MemoryStore
from beads.op import Op
from beads.projection import BEADS, SEARCH
from beads.store import Store
from node import wiring
from stamps import keylog
from stamps.encoding import b64u_encode
from stamps.keys import SigningKey
from wanted import board
from wanted.item import Terms
from wanted.ops.table import BOARD
from wanted.projection import TABLES

BATCH = 500
TERMS = Terms(
    project="bench", effort="small", priority=2, skills=("git", "python"), dimensions=(), winners=1, competition=False,
    checks=(), deadline=None,
)  # fmt: skip
WORDS = "Paint the shed, oil the hinge and say what colour it was before. "

Figures = dict[str, Any]


# -- actors and ledgers ----------------------------------------------------------------------------------------


def actor() -> Author:
    """A new actor."""
    update, following, device = (SigningKey.from_seed(os.urandom(32)) for _ in range(3))
    time_ = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    raw = keylog.incept(update=update, next_update=following.public, device=device.public, time=time_)
    return Author(keylog.verify(raw), device)


def founded(*delegates: Author) -> bytes:
    return genesis.build(
        name="Bench", salt=b64u_encode(os.urandom(16)), created=wiring.now_ms(),
        delegates=tuple(delegate.actor for delegate in delegates),
    )  # fmt: skip


def ledger_over(store: Store, path: Path | None = None) -> Ledger:
    """A ledger over a store, its index in a file or in memory."""
    database = Sqlite(path or Path(":memory:"))

    def index(ledger: Ledger) -> Index:
        return Index(database, ledger.commons, ledger.genesis, BOARD, (BEADS, SEARCH, *TABLES), ledger.key_log)

    return Ledger(store, index, BOARD, wiring.now_ms, wiring.salt)


def bead(n: int) -> Draft:
    """A task, with a title and a description."""
    fields = [["priority", n % 5], ["status", "open"]]
    prose = {"title": f"Bead {n}", "description": WORDS * 3}
    return Draft("bead.create", {"type": "task", "fields": fields, "prose": sorted(prose)}, prose)


def post(n: int) -> Draft:
    """An offer of work."""
    (draft,) = board.post(f"Item {n}", WORDS * 3, TERMS)
    return draft


def mixed(items: Sequence[str]) -> Iterator[Draft]:
    """What goes on in a commons, without end: an offer, a claim, a comment, work handed in."""
    n = 0
    while True:
        n += 1
        yield post(n)
        if items:
            item = items[n % len(items)]
            yield Draft("wanted.claim", {"item": item})
            yield Draft("bead.comment", {"bead": item}, {"text": WORDS})
            evidence = [{"kind": "git_commit", "commit": f"{n:040x}", "repo": "https://example.org/shed.git"}]
            yield Draft("wanted.submit", {"item": item, "evidence": evidence, "prose": ["summary"]}, {"summary": WORDS})


def write_all(ledger: Ledger, author: Author, drafts: Iterable[Draft]) -> list[Op]:
    """Write drafts in batches."""
    rest = iter(drafts)
    written: list[Op] = []
    while batch := list(islice(rest, BATCH)):
        written += ledger.write(author, lambda _, batch=batch: batch)  # type: ignore[misc]
    return written


def populate(ledger: Ledger, authors: Sequence[Author], ops: int, talked_of: int = 20) -> None:
    """Fill a ledger with about `ops` mixed operations, spread evenly over the authors' logs.

    Args:
        talked_of: Items that all claims, comments and submissions are about.
    """
    each = math.ceil(ops / len(authors))
    items = [op.id for op in write_all(ledger, authors[0], map(post, range(talked_of)))]
    for author in authors:
        done = talked_of if author is authors[0] else 0
        write_all(ledger, author, islice(mixed(items), each - done - 1))


class Offered:
    """Everything a ledger holds, as `beads.ingest.Source`: a peer without a network."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lines = {log: store.lines(log) for log in store.logs()}

    def key_logs(self) -> dict[str, bytes]:
        return {ids.actor_ref(actor): raw for actor, raw in self._store.key_logs().items()}

    def logs(self) -> list[str]:
        return list(self.lines)

    def segments(self, log: str) -> int:
        return math.ceil(len(self.lines[log]) / limits.SEGMENT)

    def segment(self, log: str, n: int) -> list[bytes]:
        return self.lines[log][n * limits.SEGMENT : (n + 1) * limits.SEGMENT]

    def branches(self) -> list[tuple[str, Callable[[], Iterable[bytes]]]]:
        return []

    def bodies(self) -> Iterator[tuple[str, Callable[[], Iterable[tuple[int, bytes]]]]]:
        for log in self.lines:
            yield log, partial(self._store.bodies, log)


def offered(ops: int, logs: int) -> tuple[bytes, Offered]:
    """A commons with about `ops` operations over `logs` logs, in memory: its genesis and what it holds."""
    authors = [actor() for _ in range(logs)]
    raw = founded(authors[0])
    ledger = ledger_over(MemoryStore(raw))
    populate(ledger, authors, ops)
    return raw, Offered(ledger.store)


# -- time ------------------------------------------------------------------------------------------------------


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def spread(times: Sequence[float]) -> Figures:
    """Sum up durations, in milliseconds."""
    ordered = sorted(times)

    def at(share: float) -> float:
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 2)

    return {"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "runs": len(ordered)}


def rate(count: int, took: float) -> int:
    return round(count / took)


# -- processes -------------------------------------------------------------------------------------------------


def script(name: str) -> str:
    """The installed command beside this interpreter."""
    return str(Path(sys.executable).parent / name)


def environment(home: Path | None = None, **more: str) -> dict[str, str]:
    """An environment in which .pyc files are written and used, as they are where the package is installed."""
    left_out = {"PYTHONDONTWRITEBYTECODE", "WL_HOME", "WL_TESTING"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out and not name.startswith("GIT_")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
    return kept | quiet | ({"WL_HOME": str(home)} if home else {}) | more


def run(argv: Sequence[str], env: Mapping[str, str], cwd: Path | None = None, data: bytes | None = None) -> bytes:
    """Run a process that must succeed; return what it printed."""
    done = subprocess.run(argv, env=env, cwd=cwd, input=data, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: {done.stderr.decode(errors='replace')}")
    return done.stdout


@contextmanager
def serving(home: Path, port: int = 0) -> Iterator[str]:
    """Run `wl serve` over a home; yield its address."""
    argv = [script("wl"), "serve", "--port", str(port), "--json"]
    with subprocess.Popen(argv, env=environment(home), stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            lines = b""
            while not lines.rstrip().endswith(b"\n}"):
                lines += child.stdout.readline() or _gone()
            yield str(json.loads(lines)["url"])
        finally:
            child.terminate()


def _gone() -> bytes:
    raise SystemExit("wl serve ended before it served")


def cold(argv: Sequence[str], env: Mapping[str, str], runs: int, cwd: Path | None = None) -> Figures:
    """Time a process from start to end, several times, after one run that warms the disk's cache."""
    run(argv, env, cwd)
    return spread([seconds(lambda: run(argv, env, cwd)) for _ in range(runs)])


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def machine() -> Figures:
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "git": run(["git", "--version"], environment()).decode().split()[2],
    }
