"""Stamps of a commons that was left go on into new sheets, from the file that was kept of them."""

from pathlib import Path
from typing import Any

import pytest

from tests.node.support import git
from tests.node.test_sheetfiles import Earned, two_stamps


@pytest.fixture
def left(tmp_path: Path) -> Earned:
    """Bob has disputed one of his two stamps, and left; Alice has answered."""
    found = two_stamps(tmp_path / "left")
    found.bob.ok("wl", "dispute", found.items[1], "--reason", "It was the gate's fault.")
    found.alice.ok("wl", "sync")
    found.alice.ok("wl", "answer", found.items[1], "--text", "It was not.")
    found.bob.ok("wl", "sync")
    found.bob.ok("wl", "fork", "Shed of all", "--commons", "Shed")
    found.bob.ok("wl", "leave", "--commons", "Shed", "--yes")
    return found


def written(left: Earned, path: Path, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what Bob is told of a sheet, and what a stranger finds in it."""
    told = left.export(path, *options)
    return told, left.carol.ask("wl", "sheet", "verify", str(path))


def test_what_was_earned_in_a_commons_that_was_left_is_exported(left: Earned, tmp_path: Path) -> None:
    told, found = written(left, tmp_path / "bob.json")
    assert (told["stamps"], told["carried"]) == (2, 2)
    assert {skill for stamp in found["stamps"] for skill in stamp["skills"]} == {"carpentry", "painting"}
    text = left.bob.ok("wl", "sheet", "export", str(tmp_path / "again.json"), "--offline")
    assert "from sheets that are kept here alone: 2." in text


def test_a_choice_leaves_no_trace_of_the_rest(left: Earned, tmp_path: Path) -> None:
    told, found = written(left, tmp_path / "bob.json", "--only", "carpentry")
    assert (told["stamps"], told["of"]) == (1, 2)
    assert [stamp["skills"] for stamp in found["stamps"]] == [["carpentry"]]
    raw = (tmp_path / "bob.json").read_text()
    assert left.items[0] in raw
    assert left.items[1] not in raw
    assert "painting" not in raw


def test_a_dispute_and_its_answer_go_along_with_their_stamp(left: Earned, tmp_path: Path) -> None:
    _, found = written(left, tmp_path / "bob.json", "--only", "painting")
    (stamp,) = found["stamps"]
    assert (stamp["disputed"], stamp["answered"]) == (True, True)


def test_what_is_earned_later_stands_beside_it(left: Earned, tmp_path: Path) -> None:
    """Bob goes on in Carol's commons; one sheet shows both."""
    relay = tmp_path / "elsewhere.git"
    git("init", "-q", "--bare", str(relay))
    left.carol.ok("wl", "peer", "add", str(relay))
    item = left.carol.post("Sweep the yard")
    left.carol.ok("wl", "sync")
    left.bob.ok("wl", "join", str(relay))
    for who, verb in (
        (left.bob, ("claim", item)), (left.carol, ("sync",)), (left.bob, ("done", item, "--summary", "Swept.")),
        (left.carol, ("sync",)), (left.carol, ("accept", item, "--quality", "4", "--skill", "sweeping")),
    ):  # fmt: skip
        at = ("--commons", "Elsewhere") if who is left.bob else ()
        who.ok("wl", *verb, *at)
    left.bob.ok("wl", "sync", "--commons", "Elsewhere")
    told, found = written(left, tmp_path / "bob.json")
    assert (told["stamps"], told["carried"]) == (3, 2)
    assert {each["name"] for each in found["commons"]} == {"Shed", "Elsewhere"}


def test_two_files_that_overlap_show_each_stamp_once(left: Earned, tmp_path: Path) -> None:
    left.export(tmp_path / "one.json", "--only", "carpentry")
    left.bob.ok("wl", "sheet", "import", str(tmp_path / "one.json"))
    told, _ = written(left, tmp_path / "bob.json")
    assert told["stamps"] == 2


def test_a_file_of_somebody_else_adds_nothing_to_mine(left: Earned, tmp_path: Path) -> None:
    left.export(tmp_path / "bob.json")
    left.carol.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    assert left.carol.run("wl", "sheet", "export", str(tmp_path / "carol.json"), "--offline").returncode == 3


def test_a_commons_that_is_followed_again_speaks_for_itself(left: Earned, tmp_path: Path) -> None:
    left.bob.ok("wl", "join", str(tmp_path / "left" / "relay.git"))
    told, _ = written(left, tmp_path / "bob.json")
    assert (told["stamps"], told["carried"]) == (2, 0)


def test_words_go_along_where_a_file_has_them_and_they_are_asked_for(tmp_path: Path) -> None:
    earned = two_stamps(tmp_path / "words")
    earned.export(tmp_path / "said.json", "--with-messages")
    earned.bob.ok("wl", "sheet", "import", str(tmp_path / "said.json"))
    earned.bob.ok("wl", "leave", "--yes")
    for options, said in (("--with-messages",), True), ((), False):
        written(earned, tmp_path / "bob.json", *options)
        assert ("Good carpentry." in earned.carol.ok("wl", "sheet", "verify", str(tmp_path / "bob.json"))) == said
