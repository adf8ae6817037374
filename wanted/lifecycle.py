"""The life of a wanted item, as a table: CLI, API, pages and fold read this one (protocol, F2).

Only operations of the item's home move it. A condition names what must hold besides; `-` is always.
"""

from typing import NamedTuple

OPEN, CLAIMED, COMPLETED, WITHDRAWN = "open", "claimed", "completed", "withdrawn"
FINAL = frozenset({COMPLETED, WITHDRAWN})
STATUSES = (OPEN, CLAIMED, COMPLETED, WITHDRAWN)
IN_REVIEW = "in_review"
"""Shown in place of `claimed` or `open` while the home has a submission to judge; never a state."""


class Transition(NamedTuple):
    """One row: an operation takes an item from a status to another, if a condition holds."""

    op: str
    source: str
    condition: str
    target: str


TRANSITIONS = (
    Transition("wanted.post", "", "-", OPEN),
    Transition("wanted.edit", OPEN, "-", OPEN),
    Transition("wanted.grant", OPEN, "-", CLAIMED),
    Transition("wanted.grant", CLAIMED, "same_actor", CLAIMED),
    Transition("wanted.revoke", CLAIMED, "-", OPEN),
    Transition("wanted.accept", OPEN, "last_winner", COMPLETED),
    Transition("wanted.accept", OPEN, "more_winners", OPEN),
    Transition("wanted.accept", CLAIMED, "last_winner", COMPLETED),
    Transition("wanted.accept", CLAIMED, "more_winners", CLAIMED),
    Transition("wanted.reject", OPEN, "-", OPEN),
    Transition("wanted.reject", CLAIMED, "final_for_holder", OPEN),
    Transition("wanted.reject", CLAIMED, "holder_may_try_again", CLAIMED),
    Transition("wanted.close", OPEN, "-", COMPLETED),
    Transition("wanted.close", CLAIMED, "-", COMPLETED),
    Transition("wanted.withdraw", OPEN, "-", WITHDRAWN),
    Transition("wanted.withdraw", CLAIMED, "-", WITHDRAWN),
    Transition("wanted.handover", OPEN, "-", OPEN),
    Transition("wanted.handover", CLAIMED, "-", CLAIMED),
)
_ROWS = {(row.op, row.source, row.condition): row.target for row in TRANSITIONS}


def target(op: str, source: str, condition: str = "-") -> str | None:
    """Return the status that an operation leads to, or None where the table has no such row."""
    return _ROWS.get((op, source, condition))


def allowed(op: str, source: str) -> bool:
    """Say whether any condition lets an operation act on an item of this status."""
    return any(row.op == op and row.source == source for row in TRANSITIONS)


def sources(op: str) -> tuple[str, ...]:
    """Return the statuses from which an operation acts."""
    return tuple(dict.fromkeys(row.source for row in TRANSITIONS if row.op == op))
