"""Checking a commons again, from git alone: every signature, every chain, every word, and what all of it folds to. ⚡

1. Nothing is written, and nothing is believed: the index is what is compared, not what is asked.
2. No log needs another to be checked, so several processes share the work; where there can be none, this one does it.
3. What does not hold is a problem in a report; everything else is checked all the same.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from beads import body, fold, genesis, op
from beads.clock import FOREVER_MS
from beads.errors import BeadsError
from beads.fold import Snapshot
from beads.genesis import Genesis
from beads.op import Op
from beads.store import Store
from beads.terms import Step
from beads.verify import START, Position, Verifier
from node import wiring
from node.home import Home
from stamps import keylog
from stamps.errors import KeyLogError
from stamps.keylog import KeyLog
from wanted.ops.table import BOARD

ALONE_UP_TO = 20_000
"""Operations that one process checks sooner than others have started."""
SHARE = 5_000
"""Operations that a process is given at a time, or one log that is longer."""
WORKERS = 8

Progress = Callable[[Step], None]


class Problem(NamedTuple):
    """Something that does not hold.

    Attributes:
        where: Which log, key log or table.
        what: What is wrong with it; for a log the reason of the protocol.
        advice: What to do about it.
    """

    where: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Checked(NamedTuple):
    """What came of one log.

    Attributes:
        lengths: Verified operations of the kept chain, then of each branch beside it.
    """

    log: str
    lengths: tuple[int, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Verification:
    """What a full check found.

    Attributes:
        last_ms: Log → the time of its last operation.
        keys: Looks key logs up that verify.
        generation: The token of the store when it began to be read.
    """

    logs: int
    operations: int
    snapshot: Snapshot
    last_ms: Mapping[str, int]
    keys: Callable[[str], KeyLog | None]
    problems: tuple[Problem, ...]
    state_hash: str
    generation: str


def verify(home: Home, commons: str, tell: Progress | None = None, workers: int | None = None) -> Verification:
    """Verify every line of a commons from git, fold it from nothing, and compare with the index.

    Args:
        tell: Called as logs are done.
        workers: Processes to share the work; None for as many as it is worth.
    """
    store = wiring.open_store(home, commons)
    try:
        generation = store.generation()
        reader = _Reader(store)
        problems = list(reader.check_key_logs())
        ops: list[Op] = []
        logs = len(store.logs())
        # While others check the next, this process reads what they found to hold.
        for one in _told(_check_all(home, store, workers), logs, tell):
            problems += one.problems
            ops += reader.verified(one)
        snapshot = fold.fold(ops, commons, reader.genesis, BOARD, reader.key_log)
        fresh = snapshot.state_hash()
        problems += _compare(home, commons, generation, fresh)
        last = {each.log: each.hlc.ms for each in sorted(ops, key=lambda each: each.hlc)}
        return Verification(logs, len(ops), snapshot, last, reader.key_log, tuple(sorted(problems)), fresh, generation)
    finally:
        store.close()


def _told(checked: Iterator[Checked], of: int, tell: Progress | None) -> Iterator[Checked]:
    operations = 0
    for n, one in enumerate(checked, 1):
        operations += sum(one.lengths)
        if tell is not None:
            tell(Step(n, of, operations))
        yield one


def _compare(home: Home, commons: str, generation: str, fresh: str) -> list[Problem]:
    """Hold the index against what the operations fold to; one that is behind is brought up by the next verb."""
    where, advice = "index", "It can be built anew: wl doctor --fix"
    try:
        index = wiring.index_as_is(home, commons)
        if index is None:
            return []
        try:
            same = index.generation() != generation or index.state_hash() == fresh
        finally:
            index.database.close()
    except BeadsError as error:
        return [Problem(where, str(error), advice)]
    return [] if same else [Problem(where, "it is not what the operations fold to", advice)]


# -- sharing the work ----------------------------------------------------------------------------------------------


def _check_all(home: Home, store: Store, workers: int | None) -> Iterator[Checked]:
    sizes = {log: _length(store, log) for log in store.logs()}
    wanted = _workers(sum(sizes.values())) if workers is None else workers
    done: set[str] = set()
    if wanted > 1:
        try:
            for one in _shared(home.path, store.commons, sizes, wanted):
                done.add(one.log)
                yield one
        except (OSError, BrokenProcessPool):
            # There is no room for more processes, or they may not be started: what is left is done here.
            pass
    reader = _Reader(store)
    yield from (reader.check(log) for log in sizes if log not in done)


def _workers(operations: int) -> int:
    return 1 if operations <= ALONE_UP_TO else min(os.cpu_count() or 1, WORKERS)


def _length(store: Store, log: str) -> int:
    try:
        head = store.head(log)
    except BeadsError:
        # What is broken is found by whoever reads it.
        return 1
    return head.seq + 1 if head is not None else 1


def _shared(home: Path, commons: str, sizes: Mapping[str, int], workers: int) -> Iterator[Checked]:
    # A fork would take along threads and open files; a fresh interpreter takes nothing.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: list[Future[list[Checked]]] = [
            pool.submit(check_logs, home, commons, share) for share in shares(sizes)
        ]
        for each in as_completed(waiting):
            yield from each.result()


def shares(sizes: Mapping[str, int]) -> list[list[str]]:
    """Divide logs into lists of about `SHARE` operations, the longest logs first."""
    found: list[list[str]] = []
    room = 0
    for log in sorted(sizes, key=lambda log: (-sizes[log], log)):
        if sizes[log] > room:
            found.append([])
            room = SHARE
        found[-1].append(log)
        room -= sizes[log]
    return found


def check_logs(home: Path, commons: str, logs: Sequence[str]) -> list[Checked]:
    """Check some logs: what a process of its own is given to do."""
    store = wiring.open_store(Home(home), commons)
    try:
        reader = _Reader(store)
        return [reader.check(log) for log in logs]
    finally:
        store.close()


# -- one log after the other ---------------------------------------------------------------------------------------

_ADVICE = {
    "key_log": "Its writer's key log is missing here: wl sync",
    "future": "Your clock is behind, or the writer's is ahead.",
    "version": "Upgrade this program.",
}
_DAMAGED = "It was changed where it lies. Take the commons anew: wl leave, then wl join URL"


class _Reader:
    """Reads what lies in a store, and believes nothing of it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.genesis: Genesis = genesis.parse(store.genesis)
        self._keys: dict[str, KeyLog | None] = {}
        self._verifier = Verifier(store.commons, self.genesis.private, BOARD, self.key_log, FOREVER_MS)

    def key_log(self, actor: str) -> KeyLog | None:
        """Return an actor's key log if it is held and verifies."""
        if actor not in self._keys:
            raw = self._store.key_log(actor)
            try:
                self._keys[actor] = None if raw is None else keylog.verify(raw)
            except KeyLogError:
                self._keys[actor] = None
        return self._keys[actor]

    def check_key_logs(self) -> Iterator[Problem]:
        """Say which key logs do not verify."""
        for actor, raw in self._store.key_logs().items():
            try:
                keylog.verify(raw)
            except KeyLogError as error:
                yield Problem(f"key log {actor[:12]}", error.reason, _DAMAGED)

    def check(self, log: str) -> Checked:
        """Verify a log, its branches and its words."""
        where = f"log {log[:12]}"
        try:
            return self._checked(log, where)
        except BeadsError as error:
            return Checked(log, (), (Problem(where, str(error), error.hint or _DAMAGED),))

    def _checked(self, log: str, where: str) -> Checked:
        chain, problems = self._chain(where, log, self._store.lines(log), START)
        lengths = [len(chain)]
        for lines in self._store.branches(log):
            seq = op.parse(lines[0]).seq
            # What a branch grew from may not be here; then it is evidence of nothing yet, and no fault.
            before = self._before(chain, seq) if seq <= len(chain) else None
            branch, more = ([], []) if before is None else self._chain(f"{where}, a branch", log, lines, before)
            lengths.append(len(branch))
            problems += more
        return Checked(log, tuple(lengths), (*problems, *self._words(where, log, chain)))

    def _chain(self, where: str, log: str, lines: Sequence[bytes], at: Position) -> tuple[list[Op], list[Problem]]:
        verdict = self._verifier.read(log, lines, at)
        if verdict.stopped is None:
            return verdict.ops, []
        reason, seq = verdict.stopped[1], verdict.end.head.seq + 1 if verdict.end.head else 0
        return verdict.ops, [Problem(f"{where} at {seq}", reason, _ADVICE.get(reason, _DAMAGED))]

    def _before(self, chain: Sequence[Op], seq: int) -> Position:
        """Return the place in a log after which a branch begins."""
        return self._verifier.read(chain[0].log, [one.raw for one in chain[:seq]], START).end if seq else START

    def _words(self, where: str, log: str, chain: Sequence[Op]) -> Iterator[Problem]:
        for seq, raw in self._store.bodies(log):
            if seq < len(chain) and not body.matches(raw, chain[seq].body):
                yield Problem(f"{where} at {seq}", "words that were not signed", _DAMAGED)

    def verified(self, checked: Checked) -> Iterator[Op]:
        """Read again what was found to hold."""
        if not checked.lengths:
            return
        chains = [self._store.lines(checked.log), *self._store.branches(checked.log)]
        # Where somebody writes meanwhile there may be other branches by now; the index is then not compared.
        for lines, length in zip(chains, checked.lengths, strict=False):
            for raw in lines[:length]:
                yield BOARD.read(op.recall(raw))
