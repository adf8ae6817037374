"""A character sheet: what verified stamps say of one actor, counted and never weighed (protocol, section 8).

A sheet is a view, a pure function of a set of stamps: order and repetition change nothing. A withdrawn
stamp stays on the timeline and counts nowhere; a disputed one counts, and is marked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from stamps.stamp import SEVERITIES, CheckRun, Severity


class EarnedStamp(msgspec.Struct, frozen=True, kw_only=True):
    """One stamp that passed every rule.

    Attributes:
        op: Id of the stamp operation.
        issuer: SCID of its author.
        subject: SCID of whose work it is.
        commons: Where it was earned.
        item: Op id of the item's post.
        submission: Op id of the work.
        title: The issuer's words.
        dims: Dimension and score 0 to 5.
        confidence: 0 to 100.
        severity: leaf, branch or root.
        skills: What it took.
        time_ms: The hlc's milliseconds since 1970.
        withdrawn: Whether the issuer took it back.
        disputed: Whether the subject contests it.
        answered: Whether the issuer has answered every dispute.
        checks: What the issuer ran on the work before judging it.
    """

    op: str
    issuer: str
    subject: str
    commons: str
    item: str
    submission: str
    title: str
    dims: tuple[tuple[str, int], ...]
    confidence: int
    severity: Severity
    skills: tuple[str, ...]
    time_ms: int
    withdrawn: bool = False
    disputed: bool = False
    answered: bool = False
    checks: tuple[CheckRun, ...] = ()


class DimensionScore(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension: how many scores, their mean, and from how many issuers."""

    count: int
    mean: float
    issuers: int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What the stamps of one actor add up to.

    Attributes:
        subject: SCID of the actor.
        dimensions: Scores by dimension, sorted by name.
        severities: Stamps by severity, leaf first; one that nobody gave has 0.
        skills: Stamps by skill, the commonest first.
        commons: Stamps by commons of origin, sorted by id.
        timeline: Every stamp once, oldest first, the withdrawn included.
        stamps: How many count.
        issuers: From how many actors.
        items: Over how many items.
        withdrawn: How many were taken back.
        disputed: How many of those that count are contested.
    """

    subject: str
    dimensions: Mapping[str, DimensionScore]
    severities: Mapping[Severity, int]
    skills: Mapping[str, int]
    commons: Mapping[str, int]
    timeline: tuple[EarnedStamp, ...]
    stamps: int
    issuers: int
    items: int
    withdrawn: int
    disputed: int


def fold(subject: str, stamps: Iterable[EarnedStamp]) -> Sheet:
    """Return the sheet of `subject`; stamps of others are passed over."""
    timeline = once(stamp for stamp in stamps if stamp.subject == subject)
    counted = [stamp for stamp in timeline if not stamp.withdrawn]
    return Sheet(
        subject=subject,
        dimensions=_dimensions(counted),
        severities=_severities(counted),
        skills=_by_frequency(skill for stamp in counted for skill in stamp.skills),
        commons=dict(sorted(Counter(stamp.commons for stamp in counted).items())),
        timeline=timeline,
        stamps=len(counted),
        issuers=len({stamp.issuer for stamp in counted}),
        items=len({stamp.item for stamp in counted}),
        withdrawn=len(timeline) - len(counted),
        disputed=sum(stamp.disputed for stamp in counted),
    )


def checked(stamp: EarnedStamp) -> str:
    """Say how the checks went that the issuer ran; "" where there were none."""
    passed, ran = sum(run.passed for run in stamp.checks), len(stamp.checks)
    if not ran:
        return ""
    return f"{passed}{'' if passed == ran else f' of {ran}'} check{'' if ran == 1 else 's'} passed"


def once(stamps: Iterable[EarnedStamp]) -> tuple[EarnedStamp, ...]:
    """Return each stamp once, oldest first; what one copy knows of a withdrawal, a dispute or an answer, all know."""
    by_op: dict[str, EarnedStamp] = {}
    for stamp in stamps:
        known = by_op.get(stamp.op, stamp)
        by_op[stamp.op] = stamp if stamp == known else _joined(stamp, known)
    return tuple(sorted(by_op.values(), key=lambda stamp: (stamp.time_ms, stamp.op)))


def _joined(one: EarnedStamp, other: EarnedStamp) -> EarnedStamp:
    return msgspec.structs.replace(
        one,
        withdrawn=one.withdrawn or other.withdrawn,
        disputed=one.disputed or other.disputed,
        answered=one.answered or other.answered,
    )


def _severities(stamps: Iterable[EarnedStamp]) -> Mapping[Severity, int]:
    counts = Counter(stamp.severity for stamp in stamps)
    return {severity: counts[severity] for severity in SEVERITIES}


def _dimensions(stamps: Iterable[EarnedStamp]) -> Mapping[str, DimensionScore]:
    scores: dict[str, list[tuple[int, str]]] = {}
    for stamp in stamps:
        for name, score in stamp.dims:
            scores.setdefault(name, []).append((score, stamp.issuer))
    return {name: _score(given) for name, given in sorted(scores.items())}


def _score(given: list[tuple[int, str]]) -> DimensionScore:
    return DimensionScore(
        count=len(given),
        mean=sum(score for score, _ in given) / len(given),
        issuers=len({issuer for _, issuer in given}),
    )


def _by_frequency(names: Iterable[str]) -> Mapping[str, int]:
    counts = Counter(names).items()
    return dict(sorted(counts, key=lambda pair: (-pair[1], pair[0])))
