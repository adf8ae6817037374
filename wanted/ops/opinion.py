"""stamp.withdraw, stamp.dispute, stamp.answer: what is said of a stamp once it was given."""

from collections.abc import Callable
from typing import Any

import msgspec

from beads import fields, ids
from beads.rules import Context, Live, OpType, Phase, first_problem
from wanted.item import Item
from wanted.ops.post import item_entity


class Withdraw(msgspec.Struct, frozen=True):
    """Payload: the author takes a stamp back; why is in the body."""

    item: str
    stamp: str
    prose: tuple[str, ...]


class Dispute(msgspec.Struct, frozen=True):
    """Payload: the subject says that a stamp is wrong; why is in the body."""

    item: str
    stamp: str
    prose: tuple[str, ...]


class Answer(msgspec.Struct, frozen=True):
    """Payload: the stamp's author answers a dispute; what is in the body."""

    item: str
    dispute: str
    prose: tuple[str, ...]


Opinion = Withdraw | Dispute | Answer


def withdraw(item: Item, live: Live, payload: Withdraw, context: Context) -> str | None:
    """Take a stamp of one's own off; what it replaced does not come back."""
    author = item.authors.get(payload.stamp)
    if author is None:
        return "withdraw.stamp"
    if not context.governance.same(author, live.actor):
        return "stamp.author"
    item.withdrawn[payload.stamp] = live.op.id
    return None


def dispute(item: Item, live: Live, payload: Dispute, context: Context) -> str | None:
    """Put what the subject says beside the stamp; its weight is the viewer's to judge."""
    key = item.given.get(payload.stamp)
    if key is None:
        return "dispute.stamp"
    if item.stamps[key]["subject"] != live.actor:
        return "dispute.subject"
    item.disputes[live.op.id] = payload.stamp
    return None


def answer(item: Item, live: Live, payload: Answer, context: Context) -> str | None:
    """Put what the stamp's author answers beside the dispute; the latest answer stands."""
    disputed = item.disputes.get(payload.dispute)
    if disputed is None:
        return "answer.dispute"
    if not context.governance.same(item.authors[disputed], live.actor):
        return "stamp.author"
    item.answers[payload.dispute] = live.op.id
    return None


def _problem(payload: Opinion) -> str | None:
    return first_problem(
        (all(map(ids.HEX64.fullmatch, _names(payload))), "an operation id"),
        (fields.valid_prose(payload.prose), "prose must be sorted names"),
    )


def _names(payload: Opinion) -> tuple[str, ...]:
    return (payload.item, payload.dispute if isinstance(payload, Answer) else payload.stamp)


def _row(name: str, payload: type[msgspec.Struct], effect: Callable[[Item, Live, Any, Context], str | None]) -> OpType:
    def apply(bead: Any, live: Live, value: Any, context: Context) -> str | None:
        item: Item | None = bead.facet
        return "item.none" if item is None else effect(item, live, value, context)

    return OpType(name, payload, item_entity, apply, Phase.OPINION, problem=_problem, names=_names)


WITHDRAW = _row("stamp.withdraw", Withdraw, withdraw)
DISPUTE = _row("stamp.dispute", Dispute, dispute)
ANSWER = _row("stamp.answer", Answer, answer)
