"""What the supervisor can decide to do. Each action carries the reason it was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from town.merge_queue import Trial


@dataclass(frozen=True, slots=True)
class CreateWorktree:
    """Give a polecat a worktree on its bead's branch."""

    rig: str
    polecat: str
    bead: str
    reason: str


@dataclass(frozen=True, slots=True)
class RemoveWorktree:
    """Take a polecat's worktree away, after saving what is nowhere else."""

    rig: str
    polecat: str
    reason: str


@dataclass(frozen=True, slots=True)
class StartSession:
    """Start a polecat's agent on the bead on its hook."""

    rig: str
    polecat: str
    bead: str
    reason: str


@dataclass(frozen=True, slots=True)
class StopSession:
    """End a session, gently first."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Take a submission into its rig's merge queue."""

    bead: str
    reason: str


@dataclass(frozen=True, slots=True)
class Requeue:
    """Put back into the queue what a merge that was cut short left in testing."""

    bead: str
    reason: str


@dataclass(frozen=True, slots=True)
class MergeBatch:
    """Test these together on the target, and land what is good."""

    rig: str
    beads: Trial
    reason: str


@dataclass(frozen=True, slots=True)
class ConfirmLanded:
    """Read the target branch again for what was pushed but not yet seen there."""

    rig: str
    beads: Trial
    reason: str


@dataclass(frozen=True, slots=True)
class Rework:
    """Hang a rejected bead back on its polecat's hook."""

    bead: str
    reason: str


@dataclass(frozen=True, slots=True)
class MarkNeedsHuman:
    """Stop trying; a person must look."""

    bead: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this moment, unless something happens."""

    until_ms: int
    reason: str


Action = (
    CreateWorktree
    | RemoveWorktree
    | StartSession
    | StopSession
    | Enqueue
    | Requeue
    | MergeBatch
    | ConfirmLanded
    | Rework
    | MarkNeedsHuman
    | Wait
)


def name_of(action: Action) -> str:
    """Name an action's kind."""
    return type(action).__name__


def facts_of(action: Action) -> dict[str, Any]:
    """Lay an action open as plain values."""
    plain: dict[str, Any] = msgspec.to_builtins(action)
    return plain


def key(action: Action) -> str:
    """Tell actions apart by what they act on, whatever the reason."""
    facts = facts_of(action)
    return "/".join([name_of(action), *(str(value) for name, value in facts.items() if name != "reason")])
