"""How a sheet says things: dates, ages, counts, what became of a stamp; and strangers' words, kept in their place."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

from beads.wording import counted as counted
from stamps.score import Score
from stamps.sheet import EarnedStamp
from stamps.stamp import CheckRun

NO_SCORE: Final = "–"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999
"""The end of the year 9999: a calendar goes no further."""
_DAY_MS: Final = 86_400_000
_AGES: Final = ((365.25, "year"), (30.44, "month"), (1.0, "day"))
_JOINERS: Final = "\u200c\u200d"
"""What several scripts, and emoji, are written with; it joins or parts two letters and moves nothing else."""
_STRETCHED: Final = "mwMWŒœ@%±…—"
_SLIM: Final = "iIljtfr.,:;'|!()[] ·-"


def date(ms: int) -> str:
    """Show a date, UTC, as people write it."""
    when = moment(ms)
    return f"{when.day} {when:%b %Y}"


def moment(ms: int) -> datetime:
    """Return a time of the calendar, UTC."""
    return _EPOCH + timedelta(milliseconds=in_calendar(ms))


def in_calendar(ms: int) -> int:
    """Return a time that a calendar has: any number can stand in a stamp."""
    return min(max(ms, 0), _LAST_MS)


def age(then_ms: int, now_ms: int) -> str:
    """Say how long ago something was, in its largest unit."""
    days = (now_ms - then_ms) / _DAY_MS
    for length, unit in _AGES:
        if days >= length:
            return f"{counted(int(days / length), unit)} ago"
    return "today"


def number(score: Score) -> str:
    """Say a score with its uncertainty; a dash where there is too little evidence."""
    return NO_SCORE if score.value is None else f"{score.value:.1f} ± {score.uncertainty:.1f}"


def state(stamp: EarnedStamp) -> str:
    """Say what became of a stamp; "" where nothing did."""
    if stamp.withdrawn:
        return "taken back"
    if stamp.disputed:
        return "disputed and answered" if stamp.answered else "disputed"
    return ""


def ran(run: CheckRun) -> str:
    """Say how a check ended, on what and how long it took."""
    ended = "took too long" if run.exit is None else "passed" if run.passed else f"ended with {run.exit}"
    return f"{ended} on {run.commit[:12]}, {took(run)}"


def took(run: CheckRun) -> str:
    """Say how long a check ran."""
    return f"{run.seconds} s" if run.seconds else "under 1 s"


# -- strangers' words ----------------------------------------------------------------------------------------------


def plain(text: str, also: str = "") -> str:
    """Leave out what is not to be seen and may move what stands around it: controls and directions.

    Args:
        also: What stays besides, such as the ends of lines.
    """
    return "".join(c for c in text if c.isprintable() or c in _JOINERS or c in also)


def width(text: str) -> float:
    """Estimate how wide a text is, in ems of a sans serif; rather too wide than too narrow."""
    return sum(map(_advance, text))


def fit(text: str, ems: float) -> str:
    """Cut a text so that it is no wider than so many ems."""
    shown = plain(text)
    if width(shown) <= ems:
        return shown
    kept = ""
    room = ems - _advance("…")
    for c in shown:
        room -= _advance(c)
        if room < 0:
            break
        kept += c
    return kept.rstrip() + "…"


def _advance(c: str) -> float:
    if unicodedata.combining(c) or c in _JOINERS:
        return 0.0
    if c in _SLIM:
        return 0.42
    if c in _STRETCHED or c.isupper():
        return 0.96 if c in _STRETCHED else 0.74
    return 1.1 if unicodedata.east_asian_width(c) in "WF" or ord(c) > 0x2E80 else 0.64
