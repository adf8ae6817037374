"""What is told of many beads, and of one as it was."""

from tests.bd.support import Bd


def test_stats_has_a_line_for_every_status_that_work_goes_through(bd: Bd) -> None:
    bead = bd.make("On a hook")
    bd.make("Open")
    bd.ok("update", bead, "--status", "hooked")
    assert bd.json("stats")["summary"]["hooked_issues"] == 1
    lines = bd.ok("stats").out.splitlines()
    assert "Hooked: 1" in lines
    assert "Open: 1" in lines


def test_a_bead_as_it_was_is_shown_as_beads_are(bd: Bd) -> None:
    door = bd.make("Door")
    bead = bd.make("Paint", "--deps", door, "-l", "wood,red", "-d", "First\nSecond")
    bd.ok("comments", "add", bead, "A word")
    out = bd.ok("as-of", "now", bead).out
    assert out == bd.ok("show", bead, "--as-of", "now").out
    assert "Labels: red, wood" in out
    assert f"Dependencies (1):\n  {door} (blocks)" in out
    assert "    A word" in out
    assert "[{" not in out
    assert "['" not in out


def test_a_bead_as_it_was_is_not_as_it_is(bd: Bd) -> None:
    bead = bd.make("Before")
    (made,) = bd.json("history", bead)
    bd.ok("update", bead, "--title", "After", "--status", "in_progress")
    out = bd.ok("as-of", made["at"], bead).out
    assert out.startswith(f"○ {bead} · Before")
    assert "After" not in out
