"""The states of a piece of work, as a table.

Rules:

1. A bead without a state is `ready`.
2. Only the moves in `TRANSITIONS` exist. Done is not landed: `submitted` is the worker's word, `merged` is what the
   remote answered to our push, `landed` is what was read back from the target branch.
3. A bead is closed in `landed` and in no other state.
4. Every move names the state it came from as an expectation, so of two writers one loses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from town.errors import StateError
from town.ledger import FieldValue, WorkBead


class State(StrEnum):
    """Where a piece of work stands."""

    READY = "ready"
    CLAIMED = "claimed"
    WORKING = "working"
    SUBMITTED = "submitted"
    QUEUED = "queued"
    TESTING = "testing"
    MERGED = "merged"
    LANDED = "landed"
    REJECTED = "rejected"
    NEEDS_HUMAN = "needs_human"


class Event(StrEnum):
    """What can happen to it."""

    SLING = "sling"
    START = "start"
    SUBMIT = "submit"
    ENQUEUE = "enqueue"
    TEST = "test"
    REQUEUE = "requeue"
    REJECT = "reject"
    PUSH = "push"
    LAND = "land"
    REWORK = "rework"
    ESCALATE = "escalate"
    UNSLING = "unsling"
    RETRY = "retry"


TRANSITIONS: Final[Mapping[State, Mapping[Event, State]]] = MappingProxyType(
    {
        State.READY: {Event.SLING: State.CLAIMED},
        State.CLAIMED: {
            Event.START: State.WORKING,
            Event.UNSLING: State.READY,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.WORKING: {
            Event.START: State.WORKING,
            Event.SUBMIT: State.SUBMITTED,
            Event.UNSLING: State.READY,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.SUBMITTED: {
            Event.ENQUEUE: State.QUEUED,
            Event.REJECT: State.REJECTED,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.QUEUED: {
            Event.TEST: State.TESTING,
            Event.REJECT: State.REJECTED,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.TESTING: {
            Event.PUSH: State.MERGED,
            Event.REQUEUE: State.QUEUED,
            Event.REJECT: State.REJECTED,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.MERGED: {
            Event.LAND: State.LANDED,
            Event.REQUEUE: State.QUEUED,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.REJECTED: {
            Event.REWORK: State.CLAIMED,
            Event.UNSLING: State.READY,
            Event.ESCALATE: State.NEEDS_HUMAN,
        },
        State.NEEDS_HUMAN: {
            Event.REWORK: State.CLAIMED,
            Event.RETRY: State.QUEUED,
            Event.UNSLING: State.READY,
        },
        State.LANDED: {},
    }
)

STATUS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.READY: "open",
        State.CLAIMED: "hooked",
        State.LANDED: "closed",
        **dict.fromkeys(
            (
                State.WORKING,
                State.SUBMITTED,
                State.QUEUED,
                State.TESTING,
                State.MERGED,
                State.REJECTED,
                State.NEEDS_HUMAN,
            ),
            "in_progress",
        ),
    }
)

ACTIVE_STATUSES: Final = ("hooked", "in_progress")
"""Statuses of beads that somebody or something still has to move."""

ON_HOOK: Final = frozenset({State.CLAIMED, State.WORKING})
"""States in which the bead is its polecat's to work on."""


NO_COMMIT_KINDS: Final = frozenset({"report", "no_op"})
"""Kinds of work, declared when it is slung, that may be handed in without a commit."""


@dataclass(frozen=True, slots=True)
class Work:
    """A bead's fields as the town's own code reads them; names as in the ledger."""

    id: str
    state: State
    rig: str = ""
    polecat: str = ""
    head: str = ""
    kind: str = "code"
    reason: str = ""
    priority: int = 2
    fence: int = 0
    attempts: int = 0
    created_ms: int = 0
    submitted_ms: int = 0


def agent_name(rig: str, polecat: str) -> str:
    """Write a polecat's name in full."""
    return f"{rig}/polecats/{polecat}"


def parse_agent(agent: str) -> tuple[str, str]:
    """Split a polecat's full name into rig and name.

    Raises:
        StateError: it is not a polecat's name.
    """
    match agent.split("/"):
        case [rig, "polecats", name] if rig and name:
            return rig, name
    raise StateError(f"{agent!r} is not a polecat.", "Write <rig>/polecats/<name>.")


def text(bead: WorkBead, name: str) -> str:
    """Read a field as text, empty when unset."""
    value = bead.fields.get(name)
    return "" if value is None else str(value)


def number(bead: WorkBead, name: str) -> int:
    """Read a field as a whole number, 0 when unset or not a number."""
    value = bead.fields.get(name)
    return value if isinstance(value, int) else 0


def state_of(bead: WorkBead) -> State:
    """Read a bead's state.

    Raises:
        StateError: the ledger holds a word that is not a state.
    """
    word = text(bead, "state") or State.READY
    try:
        return State(word)
    except ValueError:
        raise StateError(f"Bead {bead.short} is in no known state: {word!r}.") from None


def read_work(bead: WorkBead) -> Work:
    """Read a bead's fields."""
    return Work(
        id=bead.id,
        state=state_of(bead),
        rig=text(bead, "rig"),
        polecat=text(bead, "polecat"),
        head=text(bead, "head"),
        kind=text(bead, "kind") or "code",
        reason=text(bead, "reason"),
        priority=bead.priority,
        fence=number(bead, "fence"),
        attempts=number(bead, "attempts"),
        created_ms=bead.created_ms,
        submitted_ms=number(bead, "submitted_ms"),
    )


@dataclass(frozen=True, slots=True)
class Move:
    """A legal change of state, ready to be written: what must be true, and what becomes so."""

    expect: Mapping[str, FieldValue]
    changes: Mapping[str, FieldValue]


def after(state: State, event: Event) -> State:
    """Look up where an event leads.

    Raises:
        StateError: this cannot happen here.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        allowed = ", ".join(sorted(TRANSITIONS[state])) or "nothing"
        raise StateError(f"Cannot {event} work that is {state}.", f"What can happen: {allowed}.") from None


def move(bead: WorkBead, event: Event, **changes: FieldValue) -> Move:
    """Decide how an event changes a bead.

    Raises:
        StateError: the bead's state does not allow the event.
    """
    state = state_of(bead)
    target = after(state, event)
    return Move(
        # The raw field, not the state: a bead without one is expected to stay without one.
        expect={"state": bead.fields.get("state")},
        changes={"state": str(target), "status": STATUS[target], **changes},
    )


def draw() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = [
        f"    {state} --> {target}: {event}" for state, moves in TRANSITIONS.items() for event, target in moves.items()
    ]
    return "\n".join(["stateDiagram-v2", "    [*] --> ready", *lines, "    landed --> [*]", ""])
