"""Gates: what a step waits for besides other steps. And the merge slot, which one name holds at a time.

A gate is a bead of type `gate`. `evaluate` says from facts alone whether it still holds back what depends on it:

| await type | resolved | escalate |
|---|---|---|
| `human` | its bead is closed | |
| `timer` | created + timeout has passed | it has no timeout |
| `bead` | the bead `await_id` is closed | |
| `mail` | a message came after the gate that `await_id` fits: `from:NAME`, `to:NAME` or both | it names nobody |
| `command` | the exit code is 0 | it could not run (126, 127, below 0); any other code means not yet |
| `gh:run` | success, skipped, neutral | failure, cancelled, timed_out and the like |
| `gh:pr` | merged | closed |

A gate whose bead is closed is resolved, whatever its type. What is not resolved when its timeout is over escalates,
and so does a type that nobody knows: a gate never opens because it was not understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

AWAIT_TYPES: Final = ("human", "timer", "bead", "mail", "command", "gh:run", "gh:pr")
_NS_A_MS: Final = 1_000_000
_UNITS: Final[Mapping[str, int]] = {
    "ns": 1,
    "us": 1_000,
    "ms": _NS_A_MS,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_DURATION: Final = re.compile(r"(\d{1,9})(ns|us|ms|s|m|h|d|w)", re.ASCII)
_LONGEST_NS: Final = 3650 * _UNITS["d"]
_CANNOT_RUN: Final = (126, 127)
_RUN: Final[Mapping[str, bool]] = {
    "success": True,
    "skipped": True,
    "neutral": True,
    "failure": False,
    "cancelled": False,
    "canceled": False,
    "timed_out": False,
    "startup_failure": False,
    "action_required": False,
    "stale": False,
}
_PULL: Final[Mapping[str, bool]] = {"merged": True, "closed": False}
_OUTCOMES: Final[Mapping[str, Mapping[str, bool]]] = {"gh:run": _RUN, "gh:pr": _PULL}


class Standing(StrEnum):
    """How a gate stands."""

    OPEN = "open"
    RESOLVED = "resolved"
    ESCALATE = "escalate"


class Verdict(NamedTuple):
    """What became of a gate.

    Attributes:
        reason: Why, in words for a person.
        due_ms: When the timer ends or the wait escalates; None without a timeout.
    """

    standing: Standing
    reason: str
    due_ms: int | None = None


@dataclass(frozen=True)
class Gate:
    """A gate as its bead has it; 0 in `timeout_ns` means none."""

    await_type: str
    created_ms: int
    await_id: str = ""
    timeout_ns: int = 0

    @property
    def due_ms(self) -> int | None:
        """When the timeout is over; never before, so a part of a millisecond counts as a whole one."""
        return self.created_ms - (-self.timeout_ns // _NS_A_MS) if self.timeout_ns > 0 else None


class Mail(NamedTuple):
    """A message bead."""

    sender: str
    to: str
    created_ms: int


@dataclass(frozen=True)
class Facts:
    """What the caller found out; nothing here looks anything up.

    Attributes:
        closed: The gate's own bead is closed.
        statuses: The status of beads that gates await, by the gate's `await_id`.
        mails: Messages, in any order.
        exit_code: What a `command` gate's command ended with; None: it has not run.
        outcome: What the host says of a run (its conclusion) or a pull request (merged, closed, open); "": not asked.
    """

    now_ms: int
    closed: bool = False
    statuses: Mapping[str, str] = field(default_factory=dict)
    mails: Sequence[Mail] = ()
    exit_code: int | None = None
    outcome: str = ""


def duration_ns(text: str) -> int | None:
    """Read a duration such as `30m`, `2h`, `1d` or `1h30m`: nanoseconds, or None if it is none or over ten years."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    total = sum(int(number) * _UNITS[unit] for number, unit in parts)
    return total if 0 < total <= _LONGEST_NS else None


def evaluate(gate: Gate, facts: Facts) -> Verdict:
    """Judge a gate; what resolved it counts even when the timeout is over."""
    if facts.closed:
        return Verdict(Standing.RESOLVED, "closed by hand", gate.due_ms)
    standing, reason = _look(gate, facts)
    late = gate.due_ms is not None and facts.now_ms >= gate.due_ms
    if standing is Standing.OPEN and late:
        return Verdict(Standing.ESCALATE, f"timeout: {reason}", gate.due_ms)
    return Verdict(standing, reason, gate.due_ms)


def _look(gate: Gate, facts: Facts) -> tuple[Standing, str]:
    match gate.await_type:
        case "human":
            return Standing.OPEN, "waits for a person"
        case "timer":
            return _timer(gate, facts)
        case "bead":
            return _bead(gate, facts)
        case "mail":
            return _mail(gate, facts)
        case "command":
            return _command(facts.exit_code)
        case "gh:run" | "gh:pr":
            return _outcome(gate.await_type, facts.outcome)
    return Standing.ESCALATE, f"nobody knows gates of type {gate.await_type!r}"


def _timer(gate: Gate, facts: Facts) -> tuple[Standing, str]:
    if gate.due_ms is None:
        return Standing.ESCALATE, "a timer without a timeout never ends"
    if facts.now_ms >= gate.due_ms:
        return Standing.RESOLVED, "the time is over"
    return Standing.OPEN, "the time is not over"


def _bead(gate: Gate, facts: Facts) -> tuple[Standing, str]:
    status = facts.statuses.get(gate.await_id)
    if status == "closed":
        return Standing.RESOLVED, f"{gate.await_id} is closed"
    return Standing.OPEN, f"{gate.await_id} is {status or 'not known here'}"


def _mail(gate: Gate, facts: Facts) -> tuple[Standing, str]:
    sender, to = _people(gate.await_id)
    if not sender and not to:
        return Standing.ESCALATE, "the gate names neither sender nor recipient"
    for mail in facts.mails:
        fits = sender in ("", mail.sender) and to in ("", mail.to)
        if fits and mail.created_ms > gate.created_ms:
            return Standing.RESOLVED, f"mail from {mail.sender} to {mail.to} came"
    return Standing.OPEN, f"waits for mail {gate.await_id}"


def _people(await_id: str) -> tuple[str, str]:
    """Split `from:A to:B` into both names; a bare name is the sender."""
    sender = to = ""
    for word in await_id.split():
        if word.startswith("to:"):
            to = word.removeprefix("to:")
        else:
            sender = word.removeprefix("from:")
    return sender, to


def _command(code: int | None) -> tuple[Standing, str]:
    if code is None:
        return Standing.OPEN, "the command has not run"
    if code == 0:
        return Standing.RESOLVED, "the command succeeded"
    if code < 0 or code in _CANNOT_RUN:
        return Standing.ESCALATE, f"the command could not run: exit code {code}"
    return Standing.OPEN, f"not yet: exit code {code}"


def _outcome(await_type: str, outcome: str) -> tuple[Standing, str]:
    good = _OUTCOMES[await_type].get(outcome.lower())
    if good is None:
        return Standing.OPEN, f"{await_type}: {outcome or 'not asked yet'}"
    return Standing.RESOLVED if good else Standing.ESCALATE, f"{await_type}: {outcome}"


# -- the merge slot ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """Who holds the slot, until when, and who waits, first come first.

    No name is there twice; where somebody waits, somebody holds.
    """

    holder: str = ""
    until_ms: int = 0
    waiters: tuple[str, ...] = ()


def expire(slot: Slot, now_ms: int, lease_ms: int) -> Slot:
    """Take the slot from a holder whose lease is over, and give it to the first who waits."""
    over = slot.holder and slot.until_ms <= now_ms
    return _hand_on(slot, now_ms, lease_ms) if over else slot


def acquire(slot: Slot, name: str, now_ms: int, lease_ms: int) -> Slot:
    """Ask for the slot: hold it if it is free, renew the lease as its holder, or wait; asking again changes no turn.

    Raises:
        ValueError: The name is empty.
    """
    if not name:
        raise ValueError("whoever asks for the slot has a name")
    slot = expire(slot, now_ms, lease_ms)
    if slot.holder in ("", name):
        return replace(slot, holder=name, until_ms=max(slot.until_ms, now_ms + lease_ms))
    return slot if name in slot.waiters else replace(slot, waiters=(*slot.waiters, name))


def release(slot: Slot, name: str, now_ms: int, lease_ms: int) -> Slot:
    """Give the slot to the first who waits; from anybody but its holder this changes nothing but what expired."""
    slot = expire(slot, now_ms, lease_ms)
    return _hand_on(slot, now_ms, lease_ms) if name and slot.holder == name else slot


def leave(slot: Slot, name: str, now_ms: int, lease_ms: int) -> Slot:
    """Neither hold nor wait any more."""
    waiting = tuple(each for each in slot.waiters if each != name)
    return release(replace(slot, waiters=waiting), name, now_ms, lease_ms)


def _hand_on(slot: Slot, now_ms: int, lease_ms: int) -> Slot:
    if not slot.waiters:
        return Slot()
    # A lease of its own from now on: if the one who waited is gone, the next in turn loses one lease, not all.
    return Slot(slot.waiters[0], now_ms + lease_ms, slot.waiters[1:])


def slot_of(metadata: Mapping[str, Any]) -> Slot:
    """Read a slot from its bead's metadata; what breaks the rules of a slot is mended, never refused."""
    names = [name for name in _texts(metadata.get("waiters")) if name]
    holder, until = metadata.get("holder"), metadata.get("until_ms")
    queue = list(dict.fromkeys([holder, *names] if isinstance(holder, str) and holder else names))
    if not queue:
        return Slot()
    return Slot(queue[0], until if isinstance(until, int) else 0, tuple(queue[1:]))


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []


def metadata_of(slot: Slot) -> dict[str, Any]:
    """Write a slot as its bead's metadata; `slot_of` reads it back."""
    return {"holder": slot.holder, "until_ms": slot.until_ms, "waiters": list(slot.waiters)}
