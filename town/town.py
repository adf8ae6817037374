"""The town as the command line sees it: one class, one method a verb. No method here starts a session.

Every method may raise `LedgerError` (the ledger cannot be read) and `NotFoundError`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from town.bridge import diff_from_bead, evidence_from_landed, gates_from_bead
from town.config import Gate, RigConfig, TownConfig, TownFile, make_rig, parse_town, render
from town.context import Context
from town.drivers.process import ProcessRuntime, Runtime, identify, wait_end
from town.errors import ConfigError, ConflictError, NotFoundError, RefusedError, SessionError, StateError
from town.layout import TownLayout
from town.ledger import NO_FIELDS, FieldValue, WorkBead, WorkLedger
from town.lifecycle import (
    NO_COMMIT_KINDS,
    ON_HOOK,
    Event,
    State,
    agent_name,
    move,
    number,
    parse_agent,
    read_work,
    state_of,
    text,
)
from town.merge_queue import Entry, order
from town.names import free_name
from town.observation import Hold
from town.performer import token_hash
from town.prime import Prime, render_json, render_text
from town.rig import Rig, branch_name
from town.runtime_state import RuntimeState, SessionRow
from town.supervisor import Supervisor

_UP_SECONDS: Final = 30.0
_UP_POLL: Final = 0.02


@dataclass(frozen=True, slots=True)
class RigStatus:
    """A rig and its queue, the next to merge first; `error`: its configuration cannot be read."""

    name: str
    target: str = ""
    url: str = ""
    agent: str = ""
    gates: tuple[str, ...] = ()
    queue: tuple[WorkBead, ...] = ()
    hold: Hold | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class TownStatus:
    """Everything that moves in a town. `supervisor`: its process id, None when the town is down."""

    name: str
    supervisor: int | None
    rigs: tuple[RigStatus, ...]
    beads: tuple[WorkBead, ...]
    sessions: tuple[SessionRow, ...]

    @property
    def needs_human(self) -> tuple[WorkBead, ...]:
        """The beads that wait for a person."""
        return tuple(bead for bead in self.beads if state_of(bead) is State.NEEDS_HUMAN)


def now_ms() -> int:
    """Read the clock: milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


class Town:
    """A town on this machine."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._layout = context.layout
        self._ledger = context.ledger

    # Making and opening

    @staticmethod
    def install(path: Path, name: str, *, max_polecats: int = 4) -> None:
        """Make a town's folder.

        Raises:
            ConflictError: there is a town already.
            ConfigError: the name cannot be one.
        """
        layout = TownLayout(path.resolve())
        if layout.config.exists():
            raise ConflictError(f"{path} is a town already.", "gt status shows it.")
        source = render(TownFile(TownConfig(name=name, max_polecats=max_polecats)))
        parse_town(source)
        for folder in (layout.rigs, layout.sessions, layout.run, layout.decisions.parent):
            folder.mkdir(parents=True, exist_ok=True)
        layout.config.write_text(source)

    @classmethod
    def open(
        cls,
        path: Path,
        ledger: WorkLedger,
        *,
        gt: str = "gt",
        clock: Callable[[], int] = now_ms,
        secret: Callable[[], str] = secrets.token_urlsafe,
        inherited: Mapping[str, str] | None = None,
    ) -> Town:
        """Open a town.

        Args:
            gt: how its sessions call the `gt` command, as a shell would read it.
            clock: milliseconds since 1970, UTC.
            inherited: the environment its sessions start from; this process's own when not given.

        Raises:
            NotFoundError: there is no town.
        """
        layout = TownLayout(path.resolve())
        try:
            config = parse_town(layout.config.read_text())
        except FileNotFoundError:
            raise NotFoundError(f"There is no town in {path}.", "Make one: gt install.") from None
        env = dict(os.environ) if inherited is None else dict(inherited)
        return cls(Context(layout, config, ledger, clock, secret, gt, sys.executable, env))

    @property
    def layout(self) -> TownLayout:
        """Where things lie."""
        return self._layout

    # Rigs

    def rig_add(
        self,
        name: str,
        url: str,
        *,
        gates: Sequence[Gate] | Literal["none"],
        target: str = "main",
        agent: str = "script",
        **more: Any,
    ) -> RigConfig:
        """Clone a repository as a rig. `more`: `session_timeout`, `max_attempts`, `plan`.

        Raises:
            ConflictError: there is a rig of this name.
            ConfigError: a value is not allowed, or there are no gates and no `"none"`.
            RigError: the repository cannot be cloned.
        """
        file = make_rig(name, url, gates, target=target, agent=agent, **more)
        layout = self._layout.rig(name)
        if layout.config.exists():
            raise ConflictError(f"There is a rig {name!r} already.", "Choose another name.")
        shutil.rmtree(layout.repo, ignore_errors=True)  # of an earlier try that did not get so far as rig.toml
        Rig.create(layout, url, target)
        # Last: a rig exists when its file does.
        layout.config.write_text(render(file))
        self._context.wake()
        return file.rig

    def rig_list(self) -> tuple[RigStatus, ...]:
        """List rigs with their queues."""
        beads = self._context.active_beads()
        with self._state() as state:
            return tuple(self._rig_status(name, beads, state) for name in self._context.rig_names())

    def _rig_status(self, name: str, beads: Sequence[WorkBead], state: RuntimeState) -> RigStatus:
        try:
            rig = self._context.rig_file(name).rig
        except ConfigError as error:
            return RigStatus(name, error=error.message)
        gates = tuple(gate.name for gate in rig.gate_list)
        mine = [bead for bead in beads if text(bead, "rig") == name]
        queue = self._in_order(mine)
        return RigStatus(name, rig.target, rig.url, rig.agent, gates, queue, state.hold(name))

    # Work

    def sling(self, bead_id: str, rig: str, *, kind: str = "code") -> WorkBead:
        """Hang a bead on a free polecat's hook: one update of the ledger. Repeating it changes nothing.

        Raises:
            StateError: the bead is not ready.
            ConflictError: somebody else moved it at this moment.
        """
        target = self._context.rig_file(rig).rig.target
        with self._one_sling():
            bead = self._ledger.get(bead_id)
            if state_of(bead) in ON_HOOK and text(bead, "rig") == rig:
                return bead
            polecat = free_name(self._taken_names(rig))
            hook: dict[str, FieldValue] = {
                "rig": rig,
                "polecat": polecat,
                "assignee": agent_name(rig, polecat),
                "branch": branch_name(polecat, bead.id),
                "target": target,
                "kind": kind,
            }
            return self._move(bead, Event.SLING, hook)

    def unsling(self, bead_id: str) -> WorkBead:
        """Take a bead off its hook; what was committed for it is rescued when its worktree goes."""
        nobody: dict[str, FieldValue] = dict.fromkeys(("rig", "polecat", "assignee", "branch", "head"))
        return self._move(self._ledger.get(bead_id), Event.UNSLING, nobody)

    def resume(self, bead_id: str) -> WorkBead:
        """Give a bead that waited for a person back to its polecat, its crashes forgiven."""
        bead = self._ledger.get(bead_id)
        with self._state() as state:
            state.forgive(bead.id)
        return self._move(bead, Event.REWORK, {"attempts": 0})

    def _taken_names(self, rig: str) -> set[str]:
        return {text(bead, "polecat") for bead in self._context.active_beads() if text(bead, "rig") == rig}

    # A session's own verbs

    def hook(self, agent: str) -> WorkBead | None:
        """Read what is on a polecat's hook; None says that the ledger was read and nothing is there."""
        rig, polecat = parse_agent(agent)
        mine = [bead for bead in self._context.active_beads() if _is_on_hook(bead, rig, polecat)]
        mine.sort(key=lambda bead: (state_of(bead) is not State.WORKING, bead.priority, bead.created_ms, bead.id))
        return mine[0] if mine else None

    def prime(self, agent: str, session: str = "") -> Prime:
        """Gather what a session is told; render it with `town.prime`."""
        rig, polecat = parse_agent(agent)
        config = self._context.rig_file(rig).rig
        if session:
            with self._state() as state:
                state.heartbeat(session, self._context.clock())
        return Prime(
            agent=agent,
            rig=rig,
            target=config.target,
            worktree=str(self._layout.rig(rig).polecat(polecat)),
            gt=self._context.gt,
            gates=tuple(gate.name for gate in config.gate_list),
            bead=self.hook(agent),
        )

    def prime_text(self, agent: str, session: str = "") -> str:
        """Write what a session is told, for a model."""
        return render_text(self.prime(agent, session))

    def prime_json(self, agent: str, session: str = "") -> dict[str, Any]:
        """Write what a session is told, for a program."""
        return render_json(self.prime(agent, session))

    def done(self, agent: str, token: str, summary: str = "") -> WorkBead:
        """Hand in the work of a session.

        What is not committed is committed, with a note. Repeating it after it was accepted changes nothing.

        Raises:
            RefusedError: there is nothing to hand in, or it is not where it should be; says what is missing.
            ConflictError: a later session holds this bead.
        """
        bead = self._held_by(agent, token)
        if state_of(bead) is not State.WORKING:
            return bead
        head, base = self._check_work(bead)
        handed: dict[str, FieldValue] = {
            "head": head,
            "base": base,
            "summary": summary,
            "submitted_ms": self._context.clock(),
        }
        return self._move(bead, Event.SUBMIT, handed, {"token_hash": token_hash(token)})

    def _held_by(self, agent: str, token: str) -> WorkBead:
        """Find the bead a token opens."""
        rig, polecat = parse_agent(agent)
        mine = [bead for bead in self._context.active_beads() if _is_of(bead, rig, polecat)]
        held = [bead for bead in mine if text(bead, "token_hash") == token_hash(token)]
        if not held:
            raise ConflictError(
                f"This session holds no work of {agent}: a later one has taken over, or the bead was taken away.",
                "End this session.",
                field="token_hash",
            )
        return held[0]

    def _check_work(self, bead: WorkBead) -> tuple[str | None, str | None]:
        """Find the head to hand in, or say what is missing."""
        polecat, rig = text(bead, "polecat"), self._context.rig(text(bead, "rig"))
        branch = rig.worktree(polecat).run("symbolic-ref", "--short", "HEAD").out
        if branch != text(bead, "branch"):
            raise RefusedError(
                f"The worktree is on {branch or 'no branch'}, not on {text(bead, 'branch')}.",
                f"git switch {text(bead, 'branch')}, bring your commits there, and run done again.",
            )
        if rig.commit_all(polecat, f"{bead.title}\n\nCommitted by gt done: these files were left uncommitted."):
            self._ledger.comment(bead.id, "gt done committed files that were left uncommitted.", text(bead, "assignee"))
        head = rig.worktree(polecat).out("rev-parse", "HEAD")
        if rig.ahead(head):
            return head, rig.target_commit()
        if text(bead, "kind") in NO_COMMIT_KINDS:
            return None, None
        raise RefusedError(
            f"There is no commit here that {rig.target} does not have.", "Do the work and commit it first."
        )

    # The merge queue

    def mq_list(self, rig: str | None = None) -> tuple[WorkBead, ...]:
        """List what is handed in and has not landed, the next to merge first."""
        beads = [bead for bead in self._context.active_beads() if rig in (None, text(bead, "rig"))]
        return self._in_order(beads)

    def _in_order(self, beads: Sequence[WorkBead]) -> tuple[WorkBead, ...]:
        waiting = (State.SUBMITTED, State.QUEUED, State.TESTING, State.MERGED)
        queued = {bead.id: bead for bead in beads if state_of(bead) in waiting}
        works = [read_work(bead) for bead in queued.values()]
        entries = [Entry(work.id, work.priority, work.submitted_ms) for work in works]
        return tuple(queued[entry.id] for entry in order(entries, self._context.clock()))

    def mq_reject(self, bead_id: str, reason: str) -> WorkBead:
        """Send a queued bead back to its worker."""
        bead = self._ledger.get(bead_id)
        return self._move(bead, Event.REJECT, {"reason": reason, "attempts": number(bead, "attempts") + 1})

    def mq_retry(self, bead_id: str) -> WorkBead:
        """Put a bead that waited for a person into the queue again, as it was handed in.

        Raises:
            StateError: it was never handed in.
        """
        bead = self._ledger.get(bead_id)
        if not text(bead, "head"):
            raise StateError(f"Bead {bead.short} was never handed in.", "gt resume gives it to its polecat.")
        return self._move(bead, Event.RETRY, {"reason": None})

    def rescue_list(self, rig: str) -> Mapping[str, str]:
        """List what was saved from being lost in a rig: ref to commit."""
        return self._context.rig(rig).rescue_refs()

    def mq_release(self, rig: str) -> None:
        """Let a held queue go on, and forget which gates failed in it."""
        self._context.rig_file(rig)
        with self._state() as state:
            state.clear_hold(rig)
        self._context.wake()

    def evidence(self, bead_id: str) -> dict[str, object]:
        """Build the evidence of a landed bead."""
        bead = self._ledger.get(bead_id)
        url = self._context.rig_file(text(bead, "rig")).rig.url if text(bead, "rig") else ""
        return evidence_from_landed(bead, url, diff_from_bead(bead), gates_from_bead(bead))

    # The town as a whole

    def status(self) -> TownStatus:
        """See everything that moves."""
        with self._state() as state:
            sessions = state.open_sessions()
        name = self._context.config.town.name
        return TownStatus(name, self.running(), self.rig_list(), self._context.active_beads(), sessions)

    def sessions(self, limit: int = 50) -> tuple[SessionRow, ...]:
        """List the latest sessions, the newest first; transcripts lie at `layout.transcript(session.id)`."""
        with self._state() as state:
            return state.recent_sessions(limit)

    def running(self) -> int | None:
        """Tell the process id of the supervisor; None when the town is down."""
        try:
            with self._layout.lock.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return None
        except BlockingIOError:
            return int(self._layout.lock.read_text() or 0)
        return None

    def supervisor(self, runtime: Runtime | None = None) -> Supervisor:
        """Make the supervisor, not yet at work."""
        return Supervisor(self._context, runtime or ProcessRuntime())

    def up(self, runtime: Runtime | None = None) -> None:
        """Supervise in this process until it is told to stop.

        Raises:
            ConflictError: the town is up already.
        """
        self.supervisor(runtime).run()

    def up_detached(self, command: Sequence[str]) -> int:
        """Start the supervisor as a process of its own and return its id; `command` is one that calls `up`.

        Raises:
            ConflictError: the town is up already.
        """
        if (pid := self.running()) is not None:
            raise ConflictError(f"This town is up already, as process {pid}.", "gt down stops it.")
        with (self._layout.run / "supervisor.log").open("ab") as log:
            child = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + _UP_SECONDS
        while self.running() is None and child.poll() is None and time.monotonic() < deadline:
            time.sleep(_UP_POLL)
        if self.running() is None:
            child.kill()
            raise SessionError("The supervisor did not come up.", f"Read {log.name}.")
        child.returncode = 0  # it is on its own from here; nobody is to wait for it
        return child.pid

    def down(self, timeout: float = 60.0) -> bool:
        """Stop the supervisor and every session; tell whether anything ran. `timeout` in seconds.

        Raises:
            SessionError: the supervisor did not end in time.
        """
        pid = self.running()
        process = identify(pid) if pid else None
        if process is not None:
            os.kill(process.pid, signal.SIGTERM)
            if not wait_end(process, timeout):
                raise SessionError(f"The supervisor, process {pid}, does not end.", "Kill it; no work is lost.")
        return self._stop_orphans() or process is not None

    def _stop_orphans(self) -> bool:
        """End sessions whose supervisor was killed: a town that is down must not go on spending."""
        with self._state() as state:
            rows = state.open_sessions()
            runtime = ProcessRuntime()
            living = [row for row in rows if runtime.is_alive(row.process)]
            runtime.stop([row.process for row in living], self._context.config.supervision.stop_grace)
            for row in rows:
                state.end_session(row.id, self._context.clock(), None, clean=True)
        return bool(living)

    # Parts of the above

    def _move(
        self,
        bead: WorkBead,
        event: Event,
        changes: Mapping[str, FieldValue] = NO_FIELDS,
        expect: Mapping[str, FieldValue] = NO_FIELDS,
    ) -> WorkBead:
        step = move(bead, event, **changes)
        moved = self._ledger.update(bead.id, expect={**step.expect, **expect}, **step.changes)
        self._context.wake()
        return moved

    @contextmanager
    def _state(self) -> Iterator[RuntimeState]:
        state = RuntimeState(self._layout.state)
        try:
            yield state
        finally:
            state.close()

    @contextmanager
    def _one_sling(self) -> Iterator[None]:
        """Let one sling at a time choose a name; two would choose the same."""
        self._layout.run.mkdir(parents=True, exist_ok=True)
        with self._layout.sling_lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_of(bead: WorkBead, rig: str, polecat: str) -> bool:
    return (text(bead, "rig"), text(bead, "polecat")) == (rig, polecat)


def _is_on_hook(bead: WorkBead, rig: str, polecat: str) -> bool:
    return _is_of(bead, rig, polecat) and state_of(bead) in ON_HOOK
