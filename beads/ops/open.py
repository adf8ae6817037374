"""open: the first operation of every log names the actor and the key that write it."""

from typing import Any

import msgspec

from beads.op import Op
from beads.rules import Context, Entity, Live, OpType, Phase


class Open(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        actor: SCID of the writer's key log.
        key: did:key of the log's one key.
    """

    actor: str
    key: str


def apply(state: Any, live: Live, payload: Open, context: Context) -> str | None:
    """Record the log among the actor's; that it opens is judged when it is read (`beads.verify`)."""
    state.logs.add(live.op.log)
    return None


def entity(op: Op, actor: str) -> Entity:
    """An actor's own operations belong to the actor."""
    return Entity("actor", actor)


TYPE = OpType("open", Open, entity, apply, Phase.CREATE, agent=True)
