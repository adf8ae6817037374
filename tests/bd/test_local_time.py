"""People say and read local time; JSON and the ledger say UTC."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node.localtime import LocalZone
from tests.bd.support import USAGE, Bd


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize(
    ("utc", "local"),
    [
        (datetime(2026, 1, 15, 12), "2026-01-15T13:00:00+01:00"),
        (datetime(2026, 7, 15, 12), "2026-07-15T14:00:00+02:00"),
        # In autumn an hour comes twice.
        (datetime(2026, 10, 25, 0, 30), "2026-10-25T02:30:00+02:00"),
        (datetime(2026, 10, 25, 1, 30), "2026-10-25T02:30:00+01:00"),
        (datetime(2026, 3, 29, 1), "2026-03-29T03:00:00+02:00"),
    ],
)
def test_the_machines_zone_knows_summer_and_winter(utc: datetime, local: str) -> None:
    there = utc.replace(tzinfo=UTC).astimezone(LocalZone())
    assert there.isoformat() == local
    assert there.astimezone(UTC) == utc.replace(tzinfo=UTC)


@pytest.mark.usefixtures("berlin")
def test_an_hour_that_is_left_out_in_spring_is_the_next() -> None:
    left_out = datetime(2026, 3, 29, 2, 30, tzinfo=LocalZone())
    assert left_out.astimezone(UTC) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert LocalZone().utcoffset(datetime(2026, 7, 1)) == timedelta(hours=2)


@pytest.mark.usefixtures("berlin")
def test_a_date_is_a_day_here_and_json_says_utc(bd: Bd) -> None:
    bead = bd.make("Door", "--due", "2030-12-01", "--defer", "2030-07-01")
    said = bd.show(bead)
    # Done by a day: by its end. Not before a day: from its beginning.
    assert (said["due_at"], said["defer_until"]) == ("2030-12-01T22:59:59Z", "2030-06-30T22:00:00Z")
    text = bd.ok("show", bead).out
    assert "Due at: 2030-12-01 23:59:59+01:00" in text
    assert "Defer until: 2030-07-01 00:00:00+02:00" in text
    bd.ok("update", bead, "--due", "2030-12-01T10:00")
    assert bd.show(bead)["due_at"] == "2030-12-01T09:00:00Z"
    bd.ok("update", bead, "--due", "2030-12-01T10:00Z")
    assert bd.show(bead)["due_at"] == "2030-12-01T10:00:00Z"
    bd.ok("update", bead, "--due", "")
    assert "due_at" not in bd.show(bead)


@pytest.mark.usefixtures("berlin")
def test_put_off_until_is_said_in_local_time(bd: Bd) -> None:
    bead = bd.make()
    assert "until 2030-07-01 08:30:00+02:00" in bd.ok("defer", bead, "--until", "2030-07-01 08:30").out
    assert bd.show(bead)["defer_until"] == "2030-07-01T06:30:00Z"
    assert "2020-07-01 00:00:00+02:00 is in the past" in bd.ok("defer", bead, "--until", "2020-07-01").err


@pytest.mark.usefixtures("berlin")
def test_filters_mean_days_here(bd: Bd, tmp_path: Path) -> None:
    # Half past midnight of the second of July in Berlin; the first still in UTC.
    line = {"id": "test-a", "title": "Late", "status": "open", "priority": 2, "issue_type": "task",
            "created_at": "2025-07-01T22:30:00Z", "updated_at": "2025-07-01T22:30:00Z"}  # fmt: skip
    (tmp_path / "in.jsonl").write_text(json.dumps(line) + "\n")
    bd.ok("import", str(tmp_path / "in.jsonl"))
    assert bd.ids("list", "--created-after", "2025-07-02") == ["test-a"]
    assert bd.ids("list", "--created-before", "2025-07-02") == []
    assert "Created: 2025-07-02 00:30:00+02:00" in bd.ok("show", "test-a").out
    assert bd.show("test-a")["created_at"] == "2025-07-01T22:30:00Z"


@pytest.mark.usefixtures("berlin")
def test_all_texts_tell_the_same_time(bd: Bd) -> None:
    bead = bd.make()
    bd.ok("comments", "add", bead, "Looked at it")
    bd.ok("update", bead, "--claim")
    for command in (
        ("show", bead), ("history", bead), ("blame", bead), ("comments", bead), ("as-of", "now", bead),
        ("merge-slot", "acquire"), ("merge-slot", "check"),
    ):  # fmt: skip
        out = bd.ok(*command).out
        assert "+01:00" in out or "+02:00" in out, (command, out)
        assert "Z" not in out.replace("Zone", ""), (command, out)
    for command in (("show", bead), ("history", bead), ("comments", bead)):
        assert "+0" not in bd.ok(*command, "--json").out


def test_a_time_that_is_none_says_what_would_be_one(bd: Bd) -> None:
    for said in ("soon", "2026-02-30", "999999y"):
        done = bd.fails(USAGE, "invalid --due format", "create", "X", "--due", said)
        assert "local time" in done.err
