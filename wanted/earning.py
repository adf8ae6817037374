"""Stamps as a character sheet counts them."""

from beads.op import Op
from stamps.sheet import EarnedStamp
from wanted.view import ItemView, Stamped


def earned(commons: str, item: ItemView, stamp: Stamped) -> EarnedStamp:
    """Return a stamp that counts."""
    return EarnedStamp(
        op=stamp.op, issuer=stamp.author, subject=stamp.subject, commons=commons, item=item.id,
        submission=stamp.submission, title=stamp.title, dims=stamp.dims, confidence=stamp.confidence,
        severity=stamp.severity, skills=stamp.skills, time_ms=stamp.hlc[0], disputed=item.is_disputed(stamp.op),
        answered=item.is_answered(stamp.op), checks=stamp.checks,
    )  # fmt: skip


def taken_back(commons: str, author: str, op: Op) -> EarnedStamp:
    """Return a stamp that its author has withdrawn: it stays on the timeline, and counts nowhere."""
    stamp = op.payload
    return EarnedStamp(
        op=op.id, issuer=author, subject=stamp.subject, commons=commons, item=stamp.item,
        submission=stamp.submission, title=stamp.title, dims=stamp.dims, confidence=stamp.confidence,
        severity=stamp.severity, skills=stamp.skills, time_ms=op.hlc.ms, withdrawn=True, checks=stamp.checks,
    )  # fmt: skip
