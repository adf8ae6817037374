"""Points of time as texts: read for ordering, written for people, never rewritten.

What is stored is RFC 3339 in UTC. What people say and read is local time; the zone comes in from the edge.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):?(\d\d))?"
)


def instant(text: object) -> int | None:
    """Return milliseconds since 1970 UTC, or None where a text is no point of time; without a zone it is UTC."""
    return _instant(text) if isinstance(text, str) else None


@lru_cache(4096)
def _instant(text: str) -> int | None:
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    fraction, _, sign, hours, minutes = found.groups()[6:]
    try:
        # A leap second is the second before it: there is no other in this calendar.
        when = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    seconds = (when - _EPOCH) // _SECOND - offset * 60
    return seconds * 1000 + int((fraction or "0").ljust(3, "0")[:3])


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def text(ms: int) -> str:
    """Write milliseconds since 1970 as RFC 3339, UTC."""
    when = (_EPOCH + timedelta(seconds=ms // 1000)).strftime("%Y-%m-%dT%H:%M:%S")
    part = ms % 1000
    return f"{when}.{part:03d}".rstrip("0") + "Z" if part else f"{when}Z"


def local(ms: int, zone: tzinfo) -> str:
    """Write milliseconds since 1970 as people read them: `2026-12-24 09:00:00+01:00`."""
    try:
        return (_EPOCH + timedelta(seconds=ms // 1000)).astimezone(zone).isoformat(" ")
    except (OverflowError, ValueError):
        # No calendar goes there; strangers may have written it all the same.
        return f"{ms} ms after 1970"


_SPAN = re.compile(r"\+?(\d{1,6})\s*(m|min|h|d|w|mo|y)")
_STEPS = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000, "y": 31536000}
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1, "next week": 7}


_SAID = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:\.\d{1,9})?)?(?: ?([Zz]|[+-]\d\d:?\d\d))?)?")
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""From the year 1 to the end of 9999: a calendar goes no further."""


def when(said: str, now_ms: int, zone: tzinfo, *, back: bool = False, whole_day: bool = False) -> int:
    """Read what people say of a point of time: a date, a date and a time, `2d`, `+6h`, `3d ago`, `tomorrow`.

    Args:
        zone: What a date, a time or a day is meant in, unless it names another.
        back: A bare span lies behind; else it lies ahead.
        whole_day: A day means its last second; else its first.

    Returns:
        Milliseconds since 1970.

    Raises:
        ValueError: It says none.
    """
    words = said.strip().lower()
    if words.endswith(" ago"):
        words = "-" + words.removesuffix(" ago").strip()
    try:
        found = _relative(words, now_ms, zone, back=back, whole_day=whole_day)
        found = _absolute(said.strip(), zone, whole_day=whole_day) if found is None else found
    except (OverflowError, ValueError):
        found = _LAST_MS + 1
    if not _FIRST_MS <= found <= _LAST_MS:
        raise ValueError(f"{said!r} is no point of time")
    return found


def _relative(words: str, now_ms: int, zone: tzinfo, *, back: bool, whole_day: bool) -> int | None:
    if words == "now":
        return now_ms
    if words in _DAYS:
        today = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone).date()
        return _day(today + timedelta(days=_DAYS[words]), zone, whole_day=whole_day)
    span = _SPAN.fullmatch(words.removeprefix("-"))
    if span is None:
        return None
    step = int(span[1]) * _STEPS[span[2]] * 1000
    behind = words.startswith("-") or (back and not words.startswith("+"))
    return now_ms - step if behind else now_ms + step


def _absolute(said: str, zone: tzinfo, *, whole_day: bool) -> int:
    parts = _SAID.fullmatch(said)
    if parts is None:
        raise ValueError(said)
    day, minutes, seconds, named = parts.groups()
    if minutes is None:
        return _day(date.fromisoformat(day), zone, whole_day=whole_day)
    at = f"{day}T{minutes}{seconds or ':00'}"
    if named is None:
        return _ms(datetime.fromisoformat(at).replace(tzinfo=zone))
    found = instant(at + named)
    if found is None:
        raise ValueError(said)
    return found


def _day(day: date, zone: tzinfo, *, whole_day: bool) -> int:
    """Return the first second of a day, or its last."""
    if whole_day:
        return _day(day + timedelta(days=1), zone, whole_day=False) - 1000
    return _ms(datetime.combine(day, time(), zone))


def _ms(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(milliseconds=1)
