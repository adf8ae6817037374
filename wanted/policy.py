"""What a home's node decides by itself: grants, renewals, expiries (protocol, F7 'Claims shown before a grant').

Pure: items in, decisions out. Nothing here has authority; the decisions are operations of the home's log.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from wanted import lifecycle
from wanted.claims import rank
from wanted.view import ItemView

DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class Policy:
    """How grants are given.

    Attributes:
        grant: `auto` or `manual`.
        lease_ms: How long a grant holds.
        held_at_most: Items of this home that one actor may hold at a time.
        expired_at_most: Leases that an actor may let expire before being passed over.
    """

    grant: str = "auto"
    lease_ms: int = 7 * DAY_MS
    held_at_most: int = 3
    expired_at_most: int = 2


class Decision(NamedTuple):
    """An operation that the home's node should write, and why."""

    t: str
    item: ItemView
    actor: str
    until: int
    reason: str


def decide(
    items: Iterable[ItemView], log: str, now_ms: int, policy: Policy, expired: Mapping[str, int],
    is_out: Callable[[str], bool] = lambda _: False,
) -> list[Decision]:  # fmt: skip
    """Return what the home `log` should decide now, in an order that does not depend on that of `items`.

    Args:
        expired: Actor → leases of this home that ran out lately.
        is_out: Says of an actor that what it does counts no longer: it was banned.
    """
    mine = sorted((item for item in items if item.home == log), key=lambda item: (item.created, item.id))
    held = _held(mine)
    decisions: list[Decision] = []
    for item in mine:
        decision = _ending(item, now_ms, is_out) or _grant(item, now_ms, policy, held, expired, is_out)
        if decision is not None:
            decisions.append(decision)
            if decision.t == "wanted.grant":
                held[decision.actor] = held.get(decision.actor, 0) + 1
    return decisions


def _held(items: Iterable[ItemView]) -> dict[str, int]:
    held: dict[str, int] = {}
    for item in items:
        if item.holder is not None:
            held[item.holder.actor] = held.get(item.holder.actor, 0) + 1
    return held


def _ending(item: ItemView, now_ms: int, is_out: Callable[[str], bool]) -> Decision | None:
    if item.holder is None:
        return None
    actor = item.holder.actor
    if item.giving_up:
        return Decision("wanted.revoke", item, actor, 0, "released")
    if is_out(actor) and item.submission_of(actor) is None:
        # Nothing more can come of it.
        return Decision("wanted.revoke", item, actor, 0, "other")
    if item.holder.until < now_ms and item.submission_of(actor) is None:
        return Decision("wanted.revoke", item, actor, 0, "expired")
    return None


def _grant(
    item: ItemView, now_ms: int, policy: Policy, held: Mapping[str, int], expired: Mapping[str, int],
    is_out: Callable[[str], bool],
) -> Decision | None:  # fmt: skip
    if policy.grant != "auto" or item.status != lifecycle.OPEN or item.terms.competition:
        return None
    fits = _fitting(policy, held, expired)
    claimers = [actor for actor in item.claimers if fits(actor) and not is_out(actor)]
    actor = min(claimers, key=lambda each: rank(item.id, each), default=None)
    if actor is None:
        return None
    reason = "first" if len(item.claimers) == 1 else "first_by_hash"
    return Decision("wanted.grant", item, actor, now_ms + policy.lease_ms, reason)


def _fitting(policy: Policy, held: Mapping[str, int], expired: Mapping[str, int]) -> Callable[[str], bool]:
    def fits(actor: str) -> bool:
        return held.get(actor, 0) < policy.held_at_most and expired.get(actor, 0) < policy.expired_at_most

    return fits
