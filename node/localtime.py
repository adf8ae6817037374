"""The zone of this machine, TZ or what the system was set to, and times as people there read and say them. ⚡"""

from datetime import UTC, datetime, timedelta, tzinfo

from beads import times
from beads.errors import BadWord


class LocalZone(tzinfo):
    """What the C library knows of local time, with its changes in spring and autumn, without a table of our own."""

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """Return how far local time is ahead of UTC, then."""
        then = datetime.now() if dt is None else dt.replace(tzinfo=None)
        # Whole seconds: a fraction would be noise of floating point.
        then = then.replace(microsecond=0)
        return then - datetime.fromtimestamp(then.timestamp(), UTC).replace(tzinfo=None)

    def dst(self, dt: datetime | None) -> None:
        """Return nothing: whether that is summer time is not asked here."""

    def tzname(self, dt: datetime | None) -> str:
        """Return what the zone is called, then."""
        then = datetime.now() if dt is None else dt.replace(tzinfo=None)
        return then.astimezone().tzname() or ""

    def fromutc(self, dt: datetime) -> datetime:
        """Turn a time, UTC, into local time."""
        then = datetime.fromtimestamp(dt.replace(tzinfo=UTC, microsecond=0).timestamp())
        return then.replace(tzinfo=self, microsecond=dt.microsecond)


def clock(ms: int) -> str:
    """Show a point of time as people read it: local time, with how far that is from UTC."""
    return times.local(ms, LocalZone())


def moment(said: str, option: str, now_ms: int, *, back: bool = False, whole_day: bool = False) -> int:
    """Read what an option says of a point of time; where it names no zone, local time is meant.

    Args:
        back: A bare span lies behind; else it lies ahead.
        whole_day: A day means its end; else its beginning.

    Raises:
        BadWord: It is none.
    """
    try:
        return times.when(said, now_ms, LocalZone(), back=back, whole_day=whole_day)
    except ValueError:
        spans = "6h ago, 2d (ago), yesterday" if back else "+6h, 2d, tomorrow"
        raise BadWord(
            f"invalid {option} format {said!r}",
            f"2026-12-24, 2026-12-24T18:00 (local time, or with Z or +02:00), {spans}.",
        ) from None
