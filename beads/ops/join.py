"""admit and join: how an actor comes into a commons whose admission is by invitation.

Both are judged when logs are weighed (`beads.weigh`), before any entity; here they only leave a trace. A log that was
opened before its actor was let in counts from its join, so there it is the join that brings the actor into being.
"""

from typing import Any

import msgspec

from beads import ids
from beads.op import Op
from beads.ops.open import entity
from beads.rules import Context, Entity, Live, OpType, Phase


class Admit(msgspec.Struct, frozen=True):
    """Payload: a member lets `actor` in and answers for it."""

    actor: str


class Join(msgspec.Struct, frozen=True):
    """Payload: from here on this log counts, by the operation `admit`."""

    admit: str


def record_admit(state: Any, live: Live, payload: Admit, context: Context) -> str | None:
    """Record whom the actor sponsors."""
    state.sponsors.add(payload.actor)
    return None


def record_join(state: Any, live: Live, payload: Join, context: Context) -> str | None:
    """Record the log among the actor's."""
    state.logs.add(live.op.log)
    return None


def _named(payload: Join) -> tuple[str, ...]:
    return (payload.admit,)


def _problem(payload: Join) -> str | None:
    return None if ids.HEX64.fullmatch(payload.admit) else "admit is not an operation id"


def _entity(op: Op, actor: str) -> Entity:
    return entity(op, actor)


ADMIT = OpType("admit", Admit, _entity, record_admit, Phase.FIELD)
JOIN = OpType("join", Join, _entity, record_join, Phase.CREATE, problem=_problem, names=_named, agent=True)
