"""wl import: a commons of the reference comes along as it was: unsigned, and without weight."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.errors import BAD_DATA, NOT_FOUND, USAGE
from tests.node.support import Person
from tests.world import git

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


@pytest.mark.parametrize("source", ["ann@x.org", "ann%40x.org", "a\x1b[2Jb", "x" * 81])
def test_a_source_that_cannot_be_kept_is_refused_before_anything_is_written(
    source: str, ann: Person, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**DUMP, "_meta": [{"key": "wasteland_name", "value": source}]}))
    done = ann.run("wl", "import", str(path))
    assert done.returncode == USAGE
    assert "--from" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_rows_that_are_odd_stop_no_others(ann: Person, tmp_path: Path) -> None:
    odd = {"nan": {"confidence": "nan"}, "huge": {"valence": '{"quality": 1' + "0" * 400 + "}"},
           "not": {"valence": '{"quality": NaN}'}, "escape": {"created_at": "\x1b[2J", "author": "\x1b[2J"},
           "many": {f"c{n}": "v" for n in range(70)}, "long": {f"c{n}": "v" * 2000 for n in range(12)},
           "texts": {"message": "\u97f3" * 60_000, "title": "\u97f3" * 60_000}}  # fmt: skip
    items = [
        {"id": "w-1", "title": " \n"}, {"id": "w-2", "title": "\x1b[2J"}, {"id": "w-3", "title": "\u202e"},
        {"id": "w-4", "title": "Fix the door"},
    ]  # fmt: skip
    stamps = [{**DUMP["stamps"][0], "id": name, "message": "e\u0301", **row} for name, row in odd.items()]
    (tmp_path / "a.json").write_text(json.dumps({"stamps": stamps, "wanted": items}))
    done = ann.ask("wl", "import", str(tmp_path / "a.json"), "--offer")
    assert done["written"] == {"stamp": 5, "wanted": 4}
    assert ann.ask("wl", "import", str(tmp_path / "a.json"))["written"] == {}
    assert [each.partition(":")[0] for each in done["left_out"]] == [f"stamps, row {n}" for n in (5, 6, 7)]
    titles = [ann.ask("wl", "show", item)["item"]["title"] for item in done["offered"]]
    assert titles == ["w-1", "w-2", "w-3", "Fix the door"]
    assert "NaN" not in ann.ok("wl", "legacy", "bob", "--json")
    told = ann.ok("wl", "legacy", "bob")
    assert "<U+001B>" in told
    assert "\x1b" not in told


def test_who_was_called_by_an_address_is_found_by_what_stands_for_it(ann: Person, tmp_path: Path) -> None:
    rows = {"rigs": [{"handle": "bob@x.org"}], "stamps": [{**DUMP["stamps"][0], "subject": "bob@x.org"}]}
    (tmp_path / "a.json").write_text(json.dumps(rows))
    told = ann.ok("wl", "import", str(tmp_path / "a.json"))
    assert "bob@x.org is called someone-1" in told
    assert len(ann.ask("wl", "legacy", "someone-1")["stamps"]) == 1
    assert "wl import DUMP --dry-run" in ann.ok("wl", "legacy", "bob@x.org")
    assert not [file for file in ann.home.rglob("*") if file.is_file() and b"bob@x.org" in file.read_bytes()]


def test_what_ends_no_line_ends_no_row(ann: Person, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "stamps.csv").write_bytes("id,author,subject\r\ns-1,a\x0cb\u2028c,bob\r\n".encode())
    done = ann.ask("wl", "import", str(tmp_path / "t"))
    assert (done["written"], done["left_out"]) == ({"stamp": 1}, [])
    (tmp_path / "t" / "stamps.csv").write_bytes(b"id,author\ns-1,\xff\n")
    assert ann.run("wl", "import", str(tmp_path / "t")).returncode == BAD_DATA


def test_of_importers_who_differ_i_am_believed_else_the_first(ann: Person, tmp_path: Path) -> None:
    relay, cat, dan = tmp_path / "relay.git", Person(tmp_path / "cat"), Person(tmp_path / "dan")
    git(relay, "init", "--quiet", "--bare")
    ann.ok("wl", "peer", "add", str(relay))
    ann.ok("wl", "sync")
    for person, name in ((cat, "cat"), (dan, "dan")):
        person.ok("wl", "join", str(relay), "--as", name)
    # Ann brings it first. Cat says that it was about another.
    for person, subject in ((ann, "bob"), (cat, "eve")):
        (tmp_path / "a.json").write_text(json.dumps({"stamps": [{**DUMP["stamps"][0], "subject": subject}]}))
        person.ok("wl", "import", str(tmp_path / "a.json"))
    for person in (ann, dan):
        person.ok("wl", "sync")
    for person, subject, other in ((ann, "bob", "eve"), (dan, "bob", "eve"), (cat, "eve", "bob")):
        (shown,) = person.ask("wl", "legacy", subject)["stamps"]
        assert shown["importer"] not in shown["differing"]
        assert len(shown["differing"]) == 1
        assert person.run("wl", "legacy", other).returncode == NOT_FOUND
    assert "as cat ·" in cat.ok("wl", "legacy", "eve")
