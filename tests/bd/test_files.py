"""What files of beads say, and what is said of files."""

import json
from typing import Any

from tests.bd.support import REFUSED, Bd


def lines(bd: Bd) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in map(json.loads, bd.ok("export").out.splitlines())}


def dependency(bd: Bd, bead: str) -> dict[str, Any]:
    (found,) = lines(bd)[bead]["dependencies"]
    return dict(found)


# -- links -----------------------------------------------------------------------------------------------------


def test_a_link_says_when_it_was_made_and_by_whom_whatever_is_changed_later(bd: Bd) -> None:
    wall, door = bd.make("Wall"), bd.make("Door")
    bd.as_("polly").ok("dep", "add", door, wall)
    (*_, linked) = bd.json("history", door)
    bd.as_("jack").ok("update", door, "--title", "The door")
    (*_, changed) = bd.json("history", door)
    assert changed["at"] > linked["at"]
    found = dependency(bd, door)
    assert (found["created_at"], found["created_by"]) == (linked["at"], "polly")


def test_a_link_that_a_bead_was_made_with_is_by_whoever_made_the_bead(bd: Bd) -> None:
    wall = bd.make("Wall")
    door = bd.as_("jack").make("Door", "--deps", wall)
    bd.ok("update", door, "--priority", "0")
    found, whole = dependency(bd, door), lines(bd)[door]
    assert (found["created_at"], found["created_by"]) == (whole["created_at"], "jack")
    assert whole["updated_at"] > whole["created_at"]


def test_a_link_that_is_made_twice_was_made_first_when_it_was(bd: Bd) -> None:
    wall, door = bd.make("Wall"), bd.make("Door")
    bd.as_("polly").ok("dep", "add", door, wall)
    first = dependency(bd, door)
    bd.as_("jack").ok("dep", "add", door, wall)
    assert dependency(bd, door) == first


def test_a_link_from_a_file_keeps_what_the_file_says_and_one_made_here_stands_beside_it(bd: Bd) -> None:
    wall = bd.make("Wall")
    at, by = "2026-01-11T10:33:48.1-08:00", "carol"
    said = {"issue_id": "x-1", "depends_on_id": "x-2", "type": "blocks", "created_at": at, "created_by": by}
    line = {"id": "x-1", "title": "Old", "status": "open", "priority": 1, "issue_type": "task", "created_at": at,
            "updated_at": "2026-02-01T00:00:00Z", "dependencies": [said]}  # fmt: skip
    bd.ok("import", "-", stdin=json.dumps(line))
    bd.as_("polly").ok("dep", "add", "x-1", wall, "-t", "related")
    kept, made = lines(bd)["x-1"]["dependencies"]
    assert kept == said
    assert (made["depends_on_id"], made["created_by"]) == (wall, "polly")
    assert made["created_at"] > "2026-03"


# -- lines that are odd ------------------------------------------------------------------------------------------


def line(n: int, **members: Any) -> str:
    at = "2026-01-01T00:00:00Z"
    record = {"id": f"x-{n}", "title": "t", "status": "open", "priority": 2, "issue_type": "task", "created_at": at}
    return json.dumps({**record, "updated_at": at, **members}) + "\n"


def test_what_is_understood_instead_of_an_odd_value_is_told_and_the_line_stays(bd: Bd) -> None:
    raw = line(1) + line(2, priority="high", status="weird")
    done = bd.ok("import", "-", stdin=raw)
    assert 'Line 2: a value is none of its kind (priority "high": understood is 2)' in done.err
    assert 'Line 2: its status is unknown here ("weird"' in done.err
    assert "2 problems, see above" in done.out
    assert "[P2 · weird · task]" in bd.ok("show", "x-2").out
    assert bd.ok("export").out == raw


def test_strictly_nothing_is_brought_in_that_holds_an_odd_value(bd: Bd) -> None:
    done = bd("import", "-", "--strict", stdin=line(1) + line(2, due_at="soon"))
    assert (done.code, done.out) == (REFUSED, "")
    assert "Line 2:" in done.err
    assert bd.ids("list") == []
    bd.ok("import", "-", "--strict", stdin=line(1) + '{"id":"x-2","title":"Early tools left out zeros"}\n')
    assert bd.ids("list") == ["x-2", "x-1"]


def test_of_many_problems_of_a_kind_the_first_are_told(bd: Bd) -> None:
    raw = "".join(line(n, priority="high") for n in range(30))
    done = bd("import", "-", "--dry-run", stdin=raw)
    assert done.err.count("\n") == 21
    assert "… and 10 more: a value is none of its kind (--json)" in done.err
    assert len(bd("import", "-", "--json", stdin=raw).json["problems"]) == 30
