"""Moments as text: RFC 3339 in UTC, the one form that credentials and key logs share."""

import re
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_is_utc = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII).fullmatch


def from_ms(ms: int) -> str:
    """Return `YYYY-MM-DDTHH:MM:SSZ` for milliseconds since 1970, rounded down to the second."""
    # Not datetime.fromtimestamp: its range is the platform's, and every node must write the same text.
    return (EPOCH + timedelta(seconds=ms // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> datetime:
    """Return the moment that an RFC 3339 text in UTC names; fractions to the microsecond.

    Raises:
        ValueError: another form, another zone, or no such moment.
    """
    if not _is_utc(text):
        raise ValueError("not a moment of the form YYYY-MM-DDTHH:MM:SSZ")
    return datetime.fromisoformat(text)
