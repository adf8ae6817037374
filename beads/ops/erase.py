"""erase: the author of a body takes its words back, everywhere; chain, signature and fold stay whole."""

from typing import Any

import msgspec

from beads import ids
from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase


class Erase(msgspec.Struct, frozen=True):
    """Payload: the operation whose body goes."""

    op: str


def problem(payload: Erase) -> str | None:
    """Say what is wrong with a payload of the right shape."""
    return None if ids.HEX64.fullmatch(payload.op) else "op is not an operation id"


def entity(op: Op, actor: str) -> Entity:
    """Erasures are the actor's own; the ledger acts on them (`beads.ledger`)."""
    return Entity("actor", actor)


def apply(state: Any, live: Live, payload: Erase, context: Context) -> str | None:
    """Record it; an erasure of another actor's body has no effect when it is acted on.

    A device takes back any words of its actor's, an agent only those of its own log.
    """
    if live.device:
        state.erased.add(payload.op)
    else:
        state.agents_erased.add((payload.op, live.op.log))
    return None


def named(payload: Erase) -> tuple[str, ...]:
    """The one operation."""
    return (payload.op,)


TYPE = OpType("erase", Erase, entity, apply, Phase.FIELD, problem=problem, names=named, agent=True, private_agent=True)
