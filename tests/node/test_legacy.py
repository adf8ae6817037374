"""wl import: a commons of the reference comes along as it was: unsigned, and without weight."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.errors import BAD_DATA, USAGE
from tests.node.support import Person

DUMP: dict[str, list[dict[str, Any]]] = {
    "rigs": [{"handle": "bob", "display_name": "Bob", "owner_email": "bob@example.org", "trust_level": 1}],
    "wanted": [
        {"id": "w-1", "title": "Fix the door", "description": "It squeaks; write to x@y.example", "status": "open",
         "priority": 1, "effort_level": "small", "tags": '["oil", "doors"]', "project": "shed"},
        {"id": "w-2", "title": "Paint the wall", "status": "completed"},
    ],
    "completions": [{"id": "c-1", "wanted_id": "w-2", "completed_by": "bob", "evidence": "https://example.org/pr/1"}],
    "stamps": [
        {"id": "s-1", "author": "ann", "subject": "bob", "valence": '{"quality": 5}', "confidence": 1.0,
         "severity": "root", "message": "Fine", "created_at": "2026-03-01 10:00:00"},
        {"id": "s-2", "author": "cat", "subject": "bob", "valence": '{"quality": 0.5}', "confidence": 0.7,
         "severity": "root", "stamp_type": "work", "created_at": "2026-03-02 10:00:00"},
    ],
    "leaderboard": [{"handle": "bob"}],
}  # fmt: skip


@pytest.fixture
def ann(tmp_path: Path) -> Person:
    person = Person(tmp_path / "ann")
    person.ok("wl", "create", "Our Commons")
    return person


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "wl-commons.json"
    path.write_text(json.dumps(DUMP))
    return path


def test_a_dump_comes_in_once_with_its_ids_and_without_addresses(ann: Person, dump: Path) -> None:
    dry = ann.ok("wl", "import", str(dump), "--dry-run")
    assert "Would bring from wl-commons: 1 completion, 1 rig, 2 stamps, 2 items" in dry
    assert "left out: leaderboard: not a table that is read" in dry
    assert "Nothing was brought along." in ann.ok("wl", "legacy")
    said = ann.ok("wl", "import", str(dump))
    assert "2 stamps" in said
    assert "unsigned at source" in said
    again = ann.ask("wl", "import", str(dump))
    assert (again["written"], again["known"]) == ({}, 6)
    assert {(row["kind"], row["count"]) for row in ann.ask("wl", "legacy")["rows"]} == {
        ("completion", 1), ("rig", 1), ("stamp", 2), ("wanted", 2),
    }  # fmt: skip
    for file in ann.home.rglob("*"):
        assert not file.is_file() or b"bob@example.org" not in file.read_bytes(), file


def test_stamps_are_shown_for_what_they_are(ann: Person, dump: Path) -> None:
    ann.ok("wl", "import", str(dump), "--from", "hop/wl-commons")
    found = ann.ask("wl", "legacy", "bob")
    assert (found["signed"], found["weight"]) == (False, 0)
    best, warning = found["stamps"]
    assert (best["id"], best["severity"], best["warning"], best["dims"]) == ("s-1", "root", False, {"quality": 5.0})
    assert (warning["id"], warning["severity"], warning["warning"]) == ("s-2", None, True)
    told = ann.ok("wl", "legacy", "bob")
    assert "they weigh nothing" in told
    assert "quality 2.5/5, a warning" in told


def test_what_was_brought_in_moves_no_score(ann: Person, dump: Path) -> None:
    before = ann.ask("wl", "leaderboard")
    ann.ok("wl", "import", str(dump))
    assert ann.ask("wl", "leaderboard") == before
    assert ann.ask("wl", "sheet", "show")["sheet"]["stamps"] == 0


def test_open_items_are_offered_anew_once(ann: Person, dump: Path) -> None:
    done = ann.ask("wl", "import", str(dump), "--offer")
    (item,) = done["offered"]
    shown = ann.ask("wl", "show", item)["item"]
    assert (shown["title"], shown["effort"], shown["priority"]) == ("Fix the door", "small", 1)
    assert (shown["skills"], shown["project"]) == (["doors", "oil"], "shed")
    assert "example" not in shown["description"]
    assert ann.ask("wl", "import", str(dump), "--offer")["offered"] == []


def test_a_row_that_changed_is_brought_anew(ann: Person, dump: Path) -> None:
    ann.ok("wl", "import", str(dump))
    changed = {**DUMP, "rigs": [{"handle": "bob", "display_name": "Robert"}]}
    dump.write_text(json.dumps(changed))
    assert ann.ask("wl", "import", str(dump))["written"] == {"rig": 1}


def test_words_that_were_erased_do_not_come_back(ann: Person, dump: Path) -> None:
    ann.ok("wl", "import", str(dump))
    words = "Nobody says this twice"
    dump.write_text(json.dumps({"stamps": [{**DUMP["stamps"][0], "id": "s-9", "message": words}]}))
    ann.ok("wl", "import", str(dump))
    (op,) = [stamp["op"] for stamp in ann.ask("wl", "legacy", "bob")["stamps"] if stamp["id"] == "s-9"]
    ann.ok("wl", "erase", op)
    assert ann.ask("wl", "import", str(dump))["known"] == 1
    assert not [file for file in ann.home.rglob("*.sqlite") if words.encode() in file.read_bytes()]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [("a.json", "{", BAD_DATA), ("a.json", "[]", BAD_DATA), ("a.json", "{}", USAGE), ("a.sql", "SELECT 'x", BAD_DATA)],
)
def test_what_is_no_dump_is_refused(name: str, text: str, code: int, ann: Person, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    done = ann.run("wl", "import", str(tmp_path / name))
    assert done.returncode == code
    assert "Traceback" not in done.stderr
