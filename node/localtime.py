"""The zone of this machine: TZ, or what the system was set to. ⚡"""

from datetime import UTC, datetime, timedelta, tzinfo


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
