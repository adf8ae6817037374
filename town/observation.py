"""What the supervisor sees at one moment: values only, so that a plan can be made, tested and repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from town.config import Supervision
from town.lifecycle import Work

Slot = tuple[str, str]
"""A rig and a polecat's name: one worktree, and at most one session."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session that is alive."""

    id: str
    slot: Slot
    bead: str
    fence: int
    started_ms: int


@dataclass(frozen=True, slots=True)
class Crash:
    """A session that ended while its bead was still its own to work on."""

    bead: str
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a rig's queue stands still: these heads were tried, and the target is to be looked at again at `until_ms`."""

    until_ms: int
    heads: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True)
class RigView:
    """A rig, as far as planning needs it. `busy`: its merge queue is at work."""

    name: str
    session_timeout_ms: int = 7_200_000
    max_attempts: int = 3
    busy: bool = False
    hold: Hold | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that went wrong so many times; to be left alone until then."""

    count: int
    until_ms: int
    error: str


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a plan is made of.

    Attributes:
        work: every bead the ledger holds that is slung and has not landed.
        crashes: unclean ends of sessions, the oldest first.
        failures: what went wrong of late, by `action.key`.
    """

    now_ms: int
    work: tuple[Work, ...] = ()
    sessions: tuple[SessionView, ...] = ()
    crashes: tuple[Crash, ...] = ()
    worktrees: frozenset[Slot] = frozenset()
    rigs: Mapping[str, RigView] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    max_polecats: int = 4
    numbers: Supervision = field(default_factory=Supervision)
