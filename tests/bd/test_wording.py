"""How things are said: counts, names, columns, and what is the ledger's own business."""

import re

import pytest

from beads.wording import counted
from tests.bd.support import CONFLICT, NOT_FOUND, USAGE, Bd
from tests.node.support import Resident

LONG = "a-very-long-name-of-an-agent"


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 logs"), (1, "1 log"), (2, "2 logs"), (1000, "1 000 logs"), (1_000_000, "1 000 000 logs")]
)
def test_counts_are_said_as_people_say_them(count: int, said: str) -> None:
    assert counted(count, "log").replace("\u202f", " ").replace("\u00a0", " ") == said


def test_a_plural_of_its_own_is_used() -> None:
    assert [counted(n, "memory", "memories") for n in (1, 2)] == ["1 memory", "2 memories"]


def test_one_is_never_several(bd: Bd) -> None:
    bead = bd.make()
    assert bd.ok("doctor").out == "✓ 1 bead, index up to date\n"
    assert "Exported 1 bead to" in bd.ok("export", "-o", str(bd.cwd / "x.jsonl")).out
    assert "(0 links)" in bd.ok("delete", bead).out
    assert "in 1 log, every signature checked" in Resident(bd.home).ok("wl", "doctor")


def test_the_ledgers_own_beads_are_not_counted(bd: Bd) -> None:
    bead, gone = bd.make("Door"), bd.make("Gone")
    bd.ok("config", "set", "claim.lease", "2h")
    bd.ok("remember", "The key is under the mat.")
    bd.ok("delete", gone, "--force")
    assert bd.json("doctor")["beads"] == bd.json("ping")["beads"] == len(bd.ids("list", "--all")) == 1
    assert bd.ids("list") == [bead]


def test_a_part_of_an_id_never_means_a_setting(bd: Bd) -> None:
    for n in range(40):
        bd.ok("config", "set", f"custom.{n}", "x")
    for digit in "0123456789abcdef":
        bd.fails(NOT_FOUND, "no issue found", "show", digit)


@pytest.mark.parametrize("who", ["", "bob", LONG])
def test_history_and_blame_stand_in_columns_whoever_wrote(bd: Bd, who: str) -> None:
    bead = bd.make("Door")
    bd.as_(who).ok("update", bead, "--title", "The door")
    bd.as_("jo").ok("update", bead, "--priority", "0")
    history = bd.ok("history", bead).out.splitlines()
    found = [match.start() for line in history for match in re.finditer("  (create|set) ", line)]
    assert (len(found), len(set(found))) == (len(history), 1)
    blame = bd.ok("blame", bead).out.splitlines()
    assert len({line.index("+00:00") for line in blame}) == 1
    assert max(len(line) for line in history) < 200


def test_history_lists_what_was_added_and_taken_away_without_brackets(bd: Bd) -> None:
    wall, door = bd.make("Wall"), bd.make("Door", "-l", "wood,red")
    bd.ok("dep", "add", door, wall)
    bd.ok("label", "remove", door, "red")
    out = bd.ok("history", door).out
    assert "labels: +red, +wood" in out
    assert f"dependencies: +blocks:{wall}" in out
    assert "labels: -red" in out


def test_an_actors_id_is_cut_for_people_and_whole_for_programs(bd: Bd) -> None:
    bead = bd.make("Door")
    bd.as_("").ok("update", bead, "--title", "The door")
    (*_, event) = bd.json("history", bead)
    assert event["by"] == event["actor"]
    out = bd.ok("history", bead).out
    assert event["actor"] not in out
    assert event["actor"][:12] in out


def test_a_wait_for_the_merge_slot_is_said_in_local_time(bd: Bd) -> None:
    bd.ok("merge-slot", "acquire")
    done = bd.as_("bob").fails(CONFLICT, "holds the merge slot until", "merge-slot", "acquire")
    assert not re.search(r"\dZ", done.err)


def test_a_verb_on_several_beads_needs_one(bd: Bd) -> None:
    bd.make()
    bd.fails(USAGE, "Missing argument", "defer", "--until", "2d")
