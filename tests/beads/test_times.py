"""What people say of time, and how it is written for them; the zone is given."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import times

TOKYO = timezone(timedelta(hours=9))
NEW_YORK = timezone(timedelta(hours=-5))
NOW = 1_796_000_000_000
"""2026-11-30T00:53:20Z: in New York it is still the 29th."""
DAY = 86_400_000
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.integers(-60_000_000_000_000, 253_300_000_000_000)


@pytest.mark.parametrize(
    ("said", "zone", "found"),
    [
        ("2026-12-01", UTC, "2026-12-01T00:00:00Z"),
        ("2026-12-01", TOKYO, "2026-11-30T15:00:00Z"),
        ("2026-12-01T10:00", TOKYO, "2026-12-01T01:00:00Z"),
        ("2026-12-01 10:00:30", NEW_YORK, "2026-12-01T15:00:30Z"),
        ("2026-12-01t10:00:30.5", NEW_YORK, "2026-12-01T15:00:30.5Z"),
        # A zone that is named counts, wherever one is.
        ("2026-12-01T10:00Z", TOKYO, "2026-12-01T10:00:00Z"),
        ("2026-12-01T10:00:00+01:00", TOKYO, "2026-12-01T09:00:00Z"),
        ("2026-12-01 10:00:00 +01:00", TOKYO, "2026-12-01T09:00:00Z"),
        ("2026-12-01T10:00-0130", TOKYO, "2026-12-01T11:30:00Z"),
        ("today", TOKYO, "2026-11-29T15:00:00Z"),
        ("today", NEW_YORK, "2026-11-29T05:00:00Z"),
        ("tomorrow", NEW_YORK, "2026-11-30T05:00:00Z"),
        ("Yesterday", NEW_YORK, "2026-11-28T05:00:00Z"),
        ("now", TOKYO, times.text(NOW)),
        ("+3d", TOKYO, times.text(NOW + 3 * DAY)),
        ("6h ago", TOKYO, times.text(NOW - DAY // 4)),
    ],
)
def test_what_names_no_zone_is_local_time(said: str, zone: timezone, found: str) -> None:
    assert times.text(times.when(said, NOW, zone)) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("2026-12-01", "2026-12-02T04:59:59Z"),
        ("today", "2026-11-30T04:59:59Z"),
        ("tomorrow", "2026-12-01T04:59:59Z"),
        ("2026-12-01T10:00", "2026-12-01T15:00:00Z"),
        ("2d", times.text(NOW + 2 * DAY)),
    ],
)
def test_by_a_day_means_by_its_end(said: str, found: str) -> None:
    assert times.text(times.when(said, NOW, NEW_YORK, whole_day=True)) == found


@pytest.mark.parametrize(
    "said",
    [
        "", "soon", "2026-02-30", "2026-12-01T25:00", "2026-12-01T10", "2026-12-01T10:00+1", "12/01/2026", "999999y",
        "2026-13-01", "2d later", "0000-01-01", "9999-12-31T23:59-14:00",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="is no point of time"):
        times.when(said, NOW, NEW_YORK)


@given(MOMENTS, ZONES)
def test_what_is_written_for_people_is_read_back(ms: int, zone: timezone) -> None:
    said = times.local(ms, zone)
    assert times.when(said, NOW, TOKYO) == ms - ms % 1000
    assert times.instant(said) == ms - ms % 1000


@given(MOMENTS, ZONES)
def test_a_day_begins_and_ends_where_people_live(ms: int, zone: timezone) -> None:
    there = datetime.fromtimestamp(ms // 1000, zone) if ms >= 0 else datetime(1969, 5, 5, tzinfo=zone)
    day = there.date().isoformat()
    first = times.when(day, NOW, zone)
    last = times.when(day, NOW, zone, whole_day=True)
    assert last - first == DAY - 1000
    assert first <= (there - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) < first + DAY


@pytest.mark.parametrize("ms", [10**18, -(10**18), 253_402_300_799_999, -62_135_596_800_000])
def test_a_time_that_no_calendar_holds_is_shown_all_the_same(ms: int) -> None:
    assert all(times.local(ms, zone) for zone in (UTC, TOKYO, NEW_YORK))
