"""Does what was planned. Every action can be repeated, and leaves the ledger true if it fails half-way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from town.action import (
    Action,
    ConfirmLanded,
    CreateWorktree,
    Enqueue,
    MarkNeedsHuman,
    MergeBatch,
    RemoveWorktree,
    Requeue,
    Rework,
    StartSession,
    StopSession,
    Wait,
)
from town.agents import Identity, LaunchSpec, find_preset, launch_spec
from town.bridge import gates_to_field
from town.context import Context
from town.drivers.process import Runtime, slot_lock
from town.errors import ConflictError, NotFoundError, RigError, StateError
from town.ledger import FieldValue, WorkBead
from town.lifecycle import Event, State, agent_name, move, number, state_of, text
from town.refinery import Candidate, Deferred, Landed, Outcome, Pushed, Rejected
from town.runtime_state import RuntimeState, SessionRow

Merging = Callable[[str, tuple[Candidate, ...], bool], None]
"""Start a merge for a rig, of these heads; the last says that they are pushed already and only to be read back."""


def token_hash(token: str) -> str:
    """Write a token as the ledger keeps it: enough to check it, not enough to use it."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Performer:
    """Turns actions into deeds."""

    context: Context
    state: RuntimeState
    runtime: Runtime
    merging: Merging

    def perform(self, action: Action) -> None:
        """Do one thing.

        Raises:
            TownError: it could not be done.
        """
        match action:
            case CreateWorktree():
                self._create_worktree(action)
            case RemoveWorktree():
                self._remove_worktree(action)
            case StartSession():
                self._start_session(action)
            case StopSession():
                self._stop_session(action)
            case Enqueue():
                self._enqueue(action)
            case Requeue():
                self._move(action.bead, Event.REQUEUE, reason=action.reason)
            case MergeBatch():
                self._merge(action)
            case ConfirmLanded():
                beads = [self.context.ledger.get(bead) for bead in action.beads]
                self.merging(action.rig, tuple(_candidate(bead) for bead in beads), True)
            case Rework():
                self._move(action.bead, Event.REWORK)
            case MarkNeedsHuman():
                self._move(action.bead, Event.ESCALATE, reason=action.reason)
                self.context.ledger.comment(action.bead, f"Needs a person: {action.reason}", "supervisor")
            case Wait():
                pass

    def _move(self, bead_id: str, event: Event, **changes: FieldValue) -> WorkBead:
        return self._apply(self.context.ledger.get(bead_id), event, **changes)

    def _apply(self, bead: WorkBead, event: Event, **changes: FieldValue) -> WorkBead:
        step = move(bead, event, **changes)
        return self.context.ledger.update(bead.id, expect=step.expect, **step.changes)

    # Worktrees

    def _create_worktree(self, action: CreateWorktree) -> None:
        rig = self.context.rig(action.rig)
        branch = text(self.context.ledger.get(action.bead), "branch")
        if not rig.git.commit_of(f"refs/heads/{branch}"):
            # A new branch begins at the newest target there is; an old one stays where its worker left it.
            rig.fetch()
        rig.prepare_worktree(action.polecat, branch)

    def _remove_worktree(self, action: RemoveWorktree) -> None:
        # Asked again: somebody may have slung work to this polecat since we looked.
        if any(_belongs(bead, action.rig, action.polecat) for bead in self.context.active_beads()):
            raise ConflictError(f"{action.polecat} has work again.")
        with slot_lock(self.context.layout.slot_lock(action.rig, action.polecat)):
            self.context.rig(action.rig).remove_worktree(action.polecat)

    # Sessions

    def _start_session(self, action: StartSession) -> None:
        bead = self.context.ledger.get(action.bead)
        # A bead taken up again by the same polecat may have left its worktree on another branch.
        rig = self.context.rig(action.rig)
        lock = self.context.layout.slot_lock(action.rig, action.polecat)
        with slot_lock(lock) as held:
            rig.prepare_worktree(action.polecat, text(bead, "branch"))
            who = self._identity(action, bead)
            # The ledger first: from here on an older session's token opens nothing.
            fence = number(bead, "fence") + 1
            self._apply(bead, Event.START, fence=fence, session=who.session, token_hash=token_hash(who.token))
            self._launch(action, fence, who, held)

    def _identity(self, action: StartSession, bead: WorkBead) -> Identity:
        fence = number(bead, "fence") + 1
        return Identity(
            town=self.context.layout.root,
            rig=action.rig,
            polecat=action.polecat,
            agent=agent_name(action.rig, action.polecat),
            session=f"{action.rig}-{action.polecat}-{bead.short}-{fence}",
            token=f"{fence}.{self.context.secret()}",
            email=self.context.config.town.email_domain,
            gt=self.context.gt,
            python=self.context.python,
            plan=self.context.rig_file(action.rig).script.plan,
        )

    def _launch(self, action: StartSession, fence: int, who: Identity, held: int) -> None:
        process = self.runtime.start(self._spec(action, who), self.context.layout.transcript(who.session), (held,))
        now = self.context.clock()
        row = SessionRow(who.session, action.rig, action.polecat, action.bead, fence, process, now, now)
        self.state.record_session(row)

    def _spec(self, action: StartSession, who: Identity) -> LaunchSpec:
        preset = find_preset(self.context.rig_file(action.rig).rig.agent)
        worktree = self.context.layout.rig(action.rig).polecat(action.polecat)
        return launch_spec(preset, who, worktree, self.context.inherited)

    def _stop_session(self, action: StopSession) -> None:
        for row in self.state.open_sessions():
            if row.id == action.session:
                self.runtime.stop([row.process], self.context.config.supervision.stop_grace)
                return
        raise NotFoundError(f"There is no session {action.session!r}.")

    # The queue

    def _enqueue(self, action: Enqueue) -> None:
        bead = self.context.ledger.get(action.bead)
        head = text(bead, "head")
        if self.context.rig(text(bead, "rig")).git.commit_of(head) != head:
            raise RigError(f"The commit handed in, {head[:12]!r}, is not in the rig's repository.")
        self._apply(bead, Event.ENQUEUE)

    def _merge(self, action: MergeBatch) -> None:
        beads = [self._move(bead, Event.TEST) for bead in action.beads]
        self.merging(action.rig, tuple(_candidate(bead) for bead in beads), False)

    def record(self, outcome: Outcome) -> None:
        """Write what became of a merged head into the ledger.

        Raises:
            StateError: the bead has been moved by somebody else meanwhile.
        """
        bead = self.context.ledger.get(outcome.bead)
        match outcome:
            case Landed():
                self._record_landed(bead, outcome)
            case Pushed(built=built):
                self._apply(bead, Event.PUSH, landed_commit=None, base=built.base)
            case Rejected(reason=reason, log=log):
                attempts = number(bead, "attempts") + 1
                self._apply(bead, Event.REJECT, attempts=attempts, reason=reason, gate_log=log)
                self.context.ledger.comment(bead.id, f"Rejected: {reason}", "refinery")
            case Deferred(reason=reason):
                self._apply(bead, Event.REQUEUE, reason=reason)

    def _record_landed(self, bead: WorkBead, landed: Landed) -> None:
        if text(bead, "head") != landed.head:
            raise StateError(f"Bead {bead.short} was handed in again while an older head landed.")
        if state_of(bead) is State.TESTING:
            bead = self._apply(bead, Event.PUSH)
        self._apply(
            bead,
            Event.LAND,
            landed_commit=landed.built.commit,
            base=landed.built.base,
            files=landed.diff.files,
            insertions=landed.diff.insertions,
            deletions=landed.diff.deletions,
            gates=gates_to_field(landed.gates),
            landed_ms=self.context.clock(),
            reason=None,
        )


def _candidate(bead: WorkBead) -> Candidate:
    return Candidate(bead.id, text(bead, "head"))


def _belongs(bead: WorkBead, rig: str, polecat: str) -> bool:
    return (text(bead, "rig"), text(bead, "polecat")) == (rig, polecat)
