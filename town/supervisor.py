"""The supervisor: observe, plan, perform, record; then sleep until something happens.

It wakes for three things: a session that ends, a poke in the wake pipe (from `gt sling`, `gt done`, a finished merge
or a signal), and the earliest moment the plan named. It holds nothing that cannot be found again: kill it at any
moment and the next one goes on.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Final

from town.action import Action, ConfirmLanded, MergeBatch, Wait, key
from town.context import Context
from town.decisions import DecisionLog
from town.drivers.gates import GateRunner
from town.drivers.process import Runtime
from town.errors import ConflictError, GateError, TownError
from town.observation import Failure, Hold
from town.observer import Observer
from town.performer import Performer
from town.plan import plan
from town.refinery import Candidate, Landed, Refinery, Report
from town.runtime_state import RuntimeState

_BLIND_PERIOD_MS: Final = 1000
"""How often to look at sessions where the system does not tell us of their end."""
_MERGE_THREADS: Final = 4


class Supervisor:
    """Runs a town. One a town at a time: the lock file is held as long as it lives."""

    def __init__(self, context: Context, runtime: Runtime) -> None:
        self._context = context
        self._runtime = runtime
        self._state = RuntimeState(context.layout.state)
        self._log = DecisionLog(context.layout.decisions, context.clock)
        self._observer = Observer(context, self._state, runtime, self._log)
        self._performer = Performer(context, self._state, runtime, self._start_merge)
        self._failures: dict[str, Failure] = {}
        self._desk = MergeDesk(context)
        self._is_stopping = False

    # The loop

    def run(self) -> None:
        """Work until told to stop; then end every session and leave all work where it is.

        Raises:
            ConflictError: another supervisor runs this town.
        """
        with self._alone(), self._signals(), self._wake_pipe() as pipe:
            try:
                self._repair_rigs()
                while not self._is_stopping:
                    self._turn(pipe, lambda: self._is_stopping)
            finally:
                self._shut_down()

    def run_until(self, is_done: Callable[[], bool], deadline_ms: int) -> bool:
        """Work until a condition holds; for tests and for commands that wait. False when the time ran out."""
        with self._alone(), self._wake_pipe() as pipe:
            try:
                while not is_done() and self._context.clock() < deadline_ms:
                    self._turn(pipe, is_done, deadline_ms)
                return is_done()
            finally:
                self._shut_down()

    def stop(self) -> None:
        """Ask the loop to end; safe from a signal handler and from another thread."""
        self._is_stopping = True
        self._context.wake()

    def run_once(self) -> tuple[Action, ...]:
        """Observe, plan and perform once; return what was decided.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        self._collect()
        seen = self._observer.observe(self._desk.busy, self._failures)
        decided = plan(seen)
        for action in decided:
            self._try(action)
        return decided

    def _turn(self, pipe: int, is_over: Callable[[], bool], deadline_ms: int | None = None) -> None:
        try:
            decided = self.run_once()
        except (TownError, OSError, sqlite3.Error) as error:
            # Not knowing is not the same as having nothing to do: say so, and look again soon.
            self._log.happened("CannotObserve", {"error": str(error)})
            self._sleep(pipe, self._context.clock() + self._pause_ms(1), deadline_ms)
            return
        until = next((action.until_ms for action in decided if isinstance(action, Wait)), None)
        if all(isinstance(action, Wait) for action in decided) and not is_over():
            self._sleep(pipe, until, deadline_ms)

    def _try(self, action: Action) -> None:
        if isinstance(action, Wait):
            return
        try:
            self._performer.perform(action)
        except (TownError, OSError, sqlite3.Error) as error:
            self._remember_failure(key(action), str(error))
            self._log.decided(action, f"failed: {error}")
        else:
            # A merge has only begun: whether it goes well is known when it is collected.
            if not isinstance(action, MergeBatch | ConfirmLanded):
                self._failures.pop(key(action), None)
            self._log.decided(action)

    def _remember_failure(self, name: str, error: str) -> None:
        known = self._failures.get(name)
        count = known.count + 1 if known else 1
        self._failures[name] = Failure(count, self._context.clock() + self._pause_ms(count), error)

    def _pause_ms(self, count: int) -> int:
        numbers = self._context.config.supervision
        pause: int = min(numbers.failure_backoff << (count - 1), numbers.restart_backoff_max)
        return pause * 1000

    # Sleeping

    def _sleep(self, pipe: int, *limits_ms: int | None) -> None:
        watched, is_blind = self._watch_sessions()
        now = self._context.clock()
        limits = [limit - now for limit in limits_ms if limit is not None]
        limits += [_BLIND_PERIOD_MS] if is_blind else []
        try:
            self._wait_events([pipe, *watched], min(limits) if limits else None)
        finally:
            for fd in watched:
                os.close(fd)
        with suppress(BlockingIOError):
            os.read(pipe, 4096)

    @staticmethod
    def _wait_events(fds: list[int], limit_ms: int | None) -> None:
        poll = select.poll()
        for fd in fds:
            poll.register(fd, select.POLLIN)
        poll.poll(None if limit_ms is None else max(0, limit_ms))

    def _watch_sessions(self) -> tuple[list[int], bool]:
        fds = [self._runtime.watch(row.process) for row in self._state.open_sessions()]
        return [fd for fd in fds if fd is not None], None in fds

    @contextmanager
    def _wake_pipe(self) -> Iterator[int]:
        path = self._context.layout.wake
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Read and write: with a writer always there, the pipe never reports its end.
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            yield pipe
        finally:
            os.close(pipe)

    # Merging

    def _start_merge(self, rig: str, batch: tuple[Candidate, ...], is_pushed: bool) -> None:
        self._desk.start(Job(rig, batch, is_pushed))

    def _collect(self) -> None:
        for job, result in self._desk.finished():
            if isinstance(result, Report):
                self._failures.pop(job.key, None)
                self._record(job, result)
            elif not isinstance(result, GateError):
                self._merge_failed(job, str(result))

    def _record(self, job: Job, report: Report) -> None:
        for outcome in report.outcomes:
            try:
                self._performer.record(outcome)
                self._log.happened(type(outcome).__name__, {"rig": job.rig, "bead": outcome.bead})
            except TownError as error:
                self._log.happened("NotRecorded", {"bead": outcome.bead, "error": error.message})
        if any(isinstance(outcome, Landed) for outcome in report.outcomes):
            # The target is another one now: what was held may pass on it.
            self._state.clear_hold(job.rig)
        if report.hold:
            recheck = self._context.config.supervision.hold_recheck * 1000
            self._hold(job, report.hold, self._context.clock() + recheck)

    def _merge_failed(self, job: Job, error: str) -> None:
        """Note a merge that could not be done, as when the remote is out of reach; it is tried again after a pause."""
        self._remember_failure(job.key, error)
        if not job.is_pushed:
            self._hold(job, f"the merge could not be done: {error}", self._failures[job.key].until_ms)

    def _hold(self, job: Job, reason: str, until_ms: int) -> None:
        known = self._state.hold(job.rig)
        heads = frozenset(candidate.head for candidate in job.batch)
        self._state.record_hold(job.rig, Hold(until_ms, heads | (known.heads if known else frozenset()), reason))
        self._log.happened("QueueHeld", {"rig": job.rig, "reason": reason})

    # Beginning and end

    def _repair_rigs(self) -> None:
        for name in self._context.rig_names():
            try:
                self._context.rig(name).repair()
            except TownError as error:
                self._log.happened("RigUnreadable", {"rig": name, "error": error.message})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        path = self._context.layout.lock
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
            yield
        except BlockingIOError:
            raise ConflictError("This town is up already.", "gt status shows it; gt down stops it.") from None
        finally:
            os.close(fd)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def on_signal(number: int, frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _shut_down(self) -> None:
        self._desk.close()
        self._collect()
        rows = self._state.open_sessions()
        self._runtime.stop([row.process for row in rows], self._context.config.supervision.stop_grace)
        for row in rows:
            code = self._runtime.exit_code(row.process)
            self._state.end_session(row.id, self._context.clock(), code, clean=True)
            self._log.happened("SessionStopped", {"session": row.id, "reason": "the town goes down"})
        self._state.close()


@dataclass(frozen=True, slots=True)
class Job:
    """A merge, or with `is_pushed` a reading back."""

    rig: str
    batch: tuple[Candidate, ...]
    is_pushed: bool

    @property
    def key(self) -> str:
        """Name the action this job is the work of, as failures are remembered."""
        beads = tuple(candidate.bead for candidate in self.batch)
        return key(ConfirmLanded(self.rig, beads, "") if self.is_pushed else MergeBatch(self.rig, beads, ""))


class MergeDesk:
    """Runs merges in threads, one a rig. Threads touch git and gates; the ledger belongs to the supervisor's own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._threads = ThreadPoolExecutor(_MERGE_THREADS, thread_name_prefix="refinery")
        self._runners: dict[str, GateRunner] = {}
        self._done: SimpleQueue[tuple[Job, Report | BaseException]] = SimpleQueue()

    @property
    def busy(self) -> frozenset[str]:
        """Name the rigs whose merge has not been collected."""
        return frozenset(self._runners)

    def start(self, job: Job) -> None:
        """Begin a merge."""
        runner = self._runners[job.rig] = GateRunner(self._context.layout.rig(job.rig).gate_note)
        future = self._threads.submit(self._work, job, runner)
        future.add_done_callback(lambda result: self._finish(job, result))

    def finished(self) -> Iterator[tuple[Job, Report | BaseException]]:
        """Take the merges that have ended."""
        with suppress(Empty):
            while True:
                job, result = self._done.get_nowait()
                self._runners.pop(job.rig, None)
                yield job, result

    def close(self) -> None:
        """Cancel what runs; a gate that is cut short says nothing about its candidate."""
        for runner in tuple(self._runners.values()):
            runner.cancel()
        self._threads.shutdown()

    def _work(self, job: Job, gates: GateRunner) -> Report:
        state = RuntimeState(self._context.layout.state)
        try:
            refinery = self._refinery(job.rig, state, gates)
            return refinery.confirm(job.batch) if job.is_pushed else refinery.merge(job.batch)
        finally:
            state.close()

    def _refinery(self, rig: str, state: RuntimeState, gates: GateRunner) -> Refinery:
        recheck = self._context.config.supervision.hold_recheck * 1000
        config = self._context.rig_file(rig).rig
        return Refinery(self._context.rig(rig), config, state, gates, self._context.clock, recheck)

    def _finish(self, job: Job, result: Future[Report]) -> None:
        error = result.exception()
        self._done.put((job, result.result() if error is None else error))
        self._context.wake()
