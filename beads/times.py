"""Points of time as texts (RFC 3339): read for ordering, written for people, never rewritten."""

import re
from datetime import UTC, datetime, timedelta
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


_SPAN = re.compile(r"\+?(\d{1,6})\s*(m|min|h|d|w|mo|y)")
_STEPS = {"m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2592000, "y": 31536000}
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1, "next week": 7}


def when(said: str, now_ms: int, *, back: bool = False) -> int:
    """Read what people say of a point of time: a date, RFC 3339, `2d`, `+6h`, `3d ago`, `tomorrow`.

    Args:
        back: A bare span lies behind; else it lies ahead.

    Returns:
        Milliseconds since 1970.

    Raises:
        ValueError: It says none.
    """
    words = said.strip().lower()
    if words.endswith(" ago"):
        words = "-" + words.removesuffix(" ago").strip()
    if words == "now":
        return now_ms
    if words in _DAYS:
        return now_ms - now_ms % 86_400_000 + _DAYS[words] * 86_400_000
    span = _SPAN.fullmatch(words.removeprefix("-"))
    if span is not None:
        step = int(span[1]) * _STEPS[span[2]] * 1000
        behind = words.startswith("-") or (back and not words.startswith("+"))
        return now_ms - step if behind else now_ms + step
    found = instant(said.strip()) or instant(f"{said.strip()}T00:00:00Z")
    if found is None:
        raise ValueError(said)
    return found
