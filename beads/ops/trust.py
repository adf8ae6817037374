"""trust, actor.link: what an actor says of others: whom it trusts, and with whom it shares an owner.

Trust is an edge of whoever looks from there; nothing in the fold depends on it. A link counts once both have declared
it, and then for ever (`beads.weigh`): whoever owns both is one author.
"""

from typing import Any

import msgspec

from beads.op import Op
from beads.ops.open import entity
from beads.rules import Context, Entity, Live, OpType, Phase, first_problem, one_line

FULL = 100
SCID_LENGTH = 80


class Trust(msgspec.Struct, frozen=True):
    """Payload.

    Attributes:
        actor: Whom.
        weight: Hundredths, from -100 (nothing that comes from there counts) to 100; 0 takes back what was said.
    """

    actor: str
    weight: int


class Link(msgspec.Struct, frozen=True):
    """Payload: `actor` and the writer belong to one owner."""

    actor: str


def _trust_problem(payload: Trust) -> str | None:
    return first_problem(
        (one_line(payload.actor, SCID_LENGTH), "actor"),
        (-FULL <= payload.weight <= FULL, "weight goes from -100 to 100"),
    )


def _link_problem(payload: Link) -> str | None:
    return None if one_line(payload.actor, SCID_LENGTH) else "actor"


def trust(state: Any, live: Live, payload: Trust, context: Context) -> str | None:
    """Take over: operations come in order, so the last one on an actor stands."""
    if payload.actor == live.actor:
        return "trust.self"
    state.trusts[payload.actor] = (payload.weight, live.op.id)
    return None


def link(state: Any, live: Live, payload: Link, context: Context) -> str | None:
    """Record the declaration; whether the other has declared it, too, is found out when logs are weighed."""
    if payload.actor == live.actor:
        return "link.self"
    state.owned_with.add(payload.actor)
    return None


def _entity(op: Op, actor: str) -> Entity:
    return entity(op, actor)


TRUST = OpType("trust", Trust, _entity, trust, Phase.FIELD, problem=_trust_problem)
LINK = OpType("actor.link", Link, _entity, link, Phase.FIELD, problem=_link_problem)
