"""What waits for somebody in a commons: claims, work to judge, work that was rejected, stamps that are contested."""

from typing import Any

from beads.index import Index
from node import told
from wanted import lookup

_HELD = "SELECT entity, title, status FROM items WHERE holder = :me ORDER BY created"
_CLAIMED = """SELECT i.entity, i.title, CASE WHEN i.holder IS NULL THEN 'unconfirmed' ELSE 'granted to another' END,
                     COALESCE(i.holder, i.provisional)
              FROM claimers c JOIN items i ON i.entity = c.entity
              WHERE c.actor = :me AND i.status NOT IN ('completed', 'withdrawn') AND i.holder IS NOT :me
              ORDER BY i.created"""
_TO_JUDGE = """SELECT i.entity, i.title, s.op, s.actor FROM submissions s JOIN items i ON i.entity = s.entity
               WHERE i.poster = :me AND s.verdict = 'waiting' ORDER BY s.created"""
_REJECTED = """SELECT i.entity, i.title, s.op FROM submissions s JOIN items i ON i.entity = s.entity
               WHERE s.actor = :me AND s.verdict = 'rejected' AND i.status NOT IN ('completed', 'withdrawn')
                 AND NOT EXISTS (SELECT 1 FROM submissions t WHERE t.entity = s.entity AND t.actor = s.actor
                                 AND (t.created > s.created OR t.verdict <> 'rejected'))
               ORDER BY s.created"""
_TO_ANSWER = """SELECT i.entity, i.title, s.op, s.subject FROM stamps s JOIN items i ON i.entity = s.entity
                WHERE s.author = :me AND s.disputed AND NOT s.answered ORDER BY s.created"""

Rows = list[dict[str, Any]]


def waiting(index: Index, me: str) -> dict[str, Rows]:
    """Return what an actor holds and has claimed, and what waits for it, each the oldest first.

    `first` of a claim is whoever holds the item, or comes first while nobody does; a `reason` is "" where its words are
    not held here.
    """
    found = {
        "holding": _rows(index, me, _HELD, "status"),
        "claims": _rows(index, me, _CLAIMED, "standing", "first"),
        "to_judge": _rows(index, me, _TO_JUDGE, "submission", "actor"),
        "rejected": _rows(index, me, _REJECTED, "submission"),
        "to_answer": _rows(index, me, _TO_ANSWER, "stamp", "actor"),
    }
    for row in found["rejected"]:
        row |= _rejection(index, row["item"], row["submission"])
    for row in found["to_answer"]:
        open_ = [
            one for one in told.objections(index, lookup.find(index, row["item"]), row["stamp"]) if not one.answered
        ]
        row["reason"] = open_[0].reason
    return found


def _rows(index: Index, me: str, sql: str, *columns: str) -> Rows:
    rows = index.database.query(sql, {"me": me})
    return [dict(zip(("item", "title", *columns), row, strict=True)) for row in rows]


def _rejection(index: Index, item: str, submission: str) -> dict[str, Any]:
    rejection = lookup.find(index, item).rejection_of(submission)
    if rejection is None:
        return {"reason": "", "final": False}
    return {"reason": index.prose(rejection.op).get("reason", ""), "final": rejection.final}
