"""What an item's home decides: grant, revoke, accept, reject, close, withdraw, handover (protocol, F2 and F3)."""

from collections.abc import Callable
from typing import Any

import msgspec

from beads import ids
from beads.rules import Context, Live, OpType, Phase, first_problem
from wanted.item import Accepted, Holder, Item, Rejected
from wanted.ops.post import by_epoch, item_entity

REVOKE_REASONS = ("expired", "released", "other")


class Grant(msgspec.Struct, frozen=True):
    """Payload: `actor` holds the item until `until` (ms); a second grant to the holder renews."""

    item: str
    epoch: int
    claim: str
    actor: str
    until: int


class Revoke(msgspec.Struct, frozen=True):
    """Payload: the item is open again."""

    item: str
    epoch: int
    reason: str


class Accept(msgspec.Struct, frozen=True):
    """Payload: a submission of `actor` is what was asked for."""

    item: str
    epoch: int
    submission: str
    actor: str


class Reject(msgspec.Struct, frozen=True):
    """Payload: a submission is not what was asked for; `final` takes the item from its holder."""

    item: str
    epoch: int
    submission: str
    actor: str
    final: bool


class Decision(msgspec.Struct, frozen=True):
    """Payload of close and withdraw."""

    item: str
    epoch: int


class Handover(msgspec.Struct, frozen=True):
    """Payload: from here on the log `to` decides."""

    item: str
    epoch: int
    to: str


def grant(item: Item, live: Live, payload: Grant) -> str | None:
    """Give the item to the claimer, or renew the holder's lease."""
    same = item.holder is not None and item.holder.actor == payload.actor
    broken = item.move("wanted.grant", "same_actor" if same else "-")
    if broken is None:
        item.holder = Holder(payload.actor, payload.claim, payload.until, live.op.id)
        item.granted.add(payload.actor)
    return broken


def revoke(item: Item, live: Live, payload: Revoke) -> str | None:
    """Open the item again."""
    return item.move("wanted.revoke")


def accept(item: Item, live: Live, payload: Accept) -> str | None:
    """Count a winner; the last one completes the item."""
    if payload.actor not in item.granted and not item.terms.competition:
        return "accept.not_granted"
    if any(payload.submission == a.submission or payload.actor == a.actor for a in item.accepted):
        return "accept.twice"
    last = len(item.accepted) + 1 >= item.terms.winners
    broken = item.move("wanted.accept", "last_winner" if last else "more_winners")
    if broken is None:
        accepted = Accepted(payload.submission, payload.actor, live.op.id, live.actor, live.op.hlc)
        item.accepted.append(accepted)
    return broken


def reject(item: Item, live: Live, payload: Reject) -> str | None:
    """Refuse a submission; the holder may try again unless it is final."""
    condition = "-"
    if item.holder is not None:
        ends = payload.final and payload.actor == item.holder.actor
        condition = "final_for_holder" if ends else "holder_may_try_again"
    broken = item.move("wanted.reject", condition)
    if broken is None:
        item.rejected.append(Rejected(payload.submission, payload.actor, live.op.id, payload.final))
    return broken


def close(item: Item, live: Live, payload: Decision) -> str | None:
    """End the item without a further winner."""
    return item.move("wanted.close")


def withdraw(item: Item, live: Live, payload: Decision) -> str | None:
    """Take the offer back."""
    return item.move("wanted.withdraw")


def handover(item: Item, live: Live, payload: Handover) -> str | None:
    """Let another log decide from the next epoch on; holder and all else carry over."""
    holder = item.holder
    broken = item.move("wanted.handover")
    if broken is None:
        item.home, item.epoch, item.holder = payload.to, item.epoch + 1, holder
    return broken


def _problem(payload: Any) -> str | None:
    named = [getattr(payload, name) for name in ("item", "claim", "submission") if hasattr(payload, name)]
    return first_problem(
        (all(map(ids.HEX64.fullmatch, named)), "an operation id"),
        (payload.epoch >= 0, "epoch"),
        (getattr(payload, "reason", "other") in REVOKE_REASONS, f"reason must be one of {', '.join(REVOKE_REASONS)}"),
        (getattr(payload, "until", 1) > 0, "until"),
        (bool(ids.LOG_ID.fullmatch(getattr(payload, "to", "a" * 32))), "to is not a log id"),
    )


def _names(payload: Any) -> tuple[str, ...]:
    return tuple(getattr(payload, name) for name in ("item", "claim", "submission") if hasattr(payload, name))


def _row(name: str, payload: type[msgspec.Struct], effect: Callable[[Item, Live, Any], str | None]) -> OpType:
    def apply(bead: Any, live: Live, value: Any, context: Context) -> str | None:
        item: Item | None = bead.facet
        if item is None:
            return "item.none"
        broken = item.not_home(live, value.epoch, context.governance) or effect(item, live, value)
        if broken is None:
            bead.touch(live.op.hlc)
        return broken

    return OpType(name, payload, item_entity, apply, Phase.HOME, order=by_epoch, problem=_problem, names=_names)


GRANT = _row("wanted.grant", Grant, grant)
REVOKE = _row("wanted.revoke", Revoke, revoke)
ACCEPT = _row("wanted.accept", Accept, accept)
REJECT = _row("wanted.reject", Reject, reject)
CLOSE = _row("wanted.close", Decision, close)
WITHDRAW = _row("wanted.withdraw", Decision, withdraw)
HANDOVER = _row("wanted.handover", Handover, handover)
