"""The whole way: sling, session, worktree, commit, done, merge queue, landed; every agent a real process."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.town.support import SHIM, World, git, make_world, show
from town.config import Gate
from town.drivers.process import identify, wait_end
from town.errors import ConflictError
from town.town import now_ms


def test_a_slung_bead_is_worked_on_tested_and_landed(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.add_rig([Gate("has-log", "test -s worklog/*.md")])
    bead = world.sling("Write the log")
    world.settle(bead)
    assert [row.bead for row in world.town.sessions()] == [bead.id]
    landed = world.ledger.get(bead.id)
    assert (landed.status, world.state(bead)) == ("closed", "landed"), world.transcripts()
    assert show(world.origin, f"worklog/{bead.short}.md") == "Write the log"
    assert git(world.origin, "rev-parse", "main") == landed.fields["landed_commit"]
    evidence = world.town.evidence(bead.id)
    assert evidence["diff"] == {"files": 1, "insertions": 1, "deletions": 0}
    assert evidence["gates"] == [{"name": "has-log", "ok": True, "seconds": 0}]
    assert {"CreateWorktree", "StartSession", "Enqueue", "MergeBatch", "Landed"} <= {
        line["type"] for line in world.decisions()
    }


SCENARIOS = {
    "crashes once and is started again": (
        """
        [[steps]]
        do = "append"
        path = "notes.txt"
        text = "kept\\n"
        on_session = 1
        [[steps]]
        do = "commit"
        on_session = 1
        [[steps]]
        do = "crash"
        on_session = 1
        [[steps]]
        do = "append"
        path = "notes.txt"
        text = "finished\\n"
        [[steps]]
        do = "commit"
        """,
        "kept\nfinished",
    ),
    "leaves its files uncommitted, and done commits them": (
        """
        [[steps]]
        do = "write"
        path = "notes.txt"
        text = "saved"
        """,
        "saved",
    ),
    "fails the gate, reads why, and mends it": (
        """
        [[steps]]
        do = "write"
        path = "notes.txt"
        text = "bad"
        on_attempt = 1
        [[steps]]
        do = "write"
        path = "notes.txt"
        text = "good"
        on_attempt = 2
        [[steps]]
        do = "commit"
        """,
        "good",
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_worker_that(name: str, tmp_path: Path) -> None:
    script, wanted = SCENARIOS[name]
    world = make_world(tmp_path, {"plan.toml": script})
    world.add_rig([Gate("not-bad", "! grep -q bad notes.txt")], plan="plan.toml")
    bead = world.sling("Take notes")
    world.settle(bead)
    assert world.state(bead) == "landed", world.transcripts()
    assert show(world.origin, "notes.txt") == wanted


LOSERS = {
    "says done with nothing done": ('[[steps]]\ndo = "lie"\n', "crash loop", "There is no commit here"),
    "ends without a word": ('[[steps]]\ndo = "exit"\n', "crash loop", ""),
    "crashes every time": ('[[steps]]\ndo = "crash"\ncode = 3\n', "crash loop", ""),
}


@pytest.mark.parametrize("name", LOSERS)
def test_a_person_is_asked_about_a_worker_that(name: str, tmp_path: Path) -> None:
    script, reason, said = LOSERS[name]
    world = make_world(tmp_path, {"plan.toml": script}, crash_limit=2)
    world.add_rig(plan="plan.toml")
    bead = world.sling("Do something")
    world.settle(bead)
    assert world.state(bead) == "needs_human"
    assert reason in str(world.field(bead, "reason"))
    assert said in world.transcripts()
    assert git(world.origin, "rev-list", "--count", "main") == "1"


def test_a_worker_that_hangs_is_stopped_when_its_time_is_over(tmp_path: Path) -> None:
    script = '[[steps]]\ndo = "hang"\non_session = 1\n[[steps]]\ndo = "append"\n[[steps]]\ndo = "commit"\n'
    world = make_world(tmp_path, {"plan.toml": script})
    world.add_rig(plan="plan.toml", session_timeout=1)
    bead = world.sling("Wait for it")
    assert world.town.supervisor().run_until(lambda: bool(stops(world)), now_ms() + 40_000)
    config = world.town.layout.rig("demo").config
    config.write_text(config.read_text().replace("session_timeout = 1\n", "session_timeout = 60\n"))
    world.settle(bead)
    assert world.state(bead) == "landed"
    assert stops(world)[0]["payload"]["reason"] == "it ran out of time"


def stops(world: World) -> list[dict[str, Any]]:
    return [line for line in world.decisions() if line["type"] == "StopSession"]


def test_three_beads_are_worked_on_at_once_and_all_land(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.add_rig()
    beads = [world.sling(f"Bead {number}") for number in range(3)]
    assert len({world.field(bead, "polecat") for bead in beads}) == 3
    world.settle(*beads)
    assert [world.state(bead) for bead in beads] == ["landed"] * 3


def test_a_rejected_worker_keeps_its_branch_and_a_person_is_asked_at_last(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.add_rig([Gate("never", "test ! -e worklog")], max_attempts=2)
    bead = world.sling("Cannot pass")
    world.settle(bead)
    assert (world.state(bead), world.field(bead, "attempts")) == ("needs_human", 2)
    branch = str(world.field(bead, "branch"))
    assert world.rig().git.commit_of(branch) == world.field(bead, "head")
    assert world.rig().layout.polecat(str(world.field(bead, "polecat"))).is_dir()
    assert "gate never: exit 1" in str(world.field(bead, "reason"))


def test_an_idle_town_plans_nothing_and_its_landed_worktrees_are_gone(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.add_rig()
    bead = world.sling("Once")
    over = world.town.supervisor().run_until(
        lambda: world.state(bead) == "landed" and not world.rig().polecats(), now_ms() + 30_000
    )
    assert over
    head = str(world.field(bead, "head"))
    assert world.rig().git.commit_of(f"refs/landed/{bead.id[:12]}") == head
    assert world.town.status().sessions == ()
    quiet = world.town.supervisor()
    assert quiet.run_once() == ()


def start(world: World) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, str(SHIM), str(world.root), "up"], start_new_session=True)
    wait_for(world, lambda: world.town.running() == process.pid)
    return process


def wait_for(world: World, is_so: object, seconds: float = 30.0) -> None:
    """Wait for a condition on the town, looking whenever its diary or ledger may have changed."""
    assert callable(is_so)
    deadline = now_ms() + seconds * 1000
    while not is_so():
        assert now_ms() < deadline, world.transcripts()
        select.select([], [], [], 0.02)


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recorded", "not yet recorded"])
def test_a_worker_goes_on_when_the_supervisor_is_killed_and_is_not_doubled(is_recorded: bool, tmp_path: Path) -> None:
    line = tmp_path / "line"
    os.mkfifo(line)
    wait, write = f'do = "run"\ncommand = "cat {line}"', 'do = "append"\npath = "worklog/notes.txt"\ntext = "once"'
    script = f"[[steps]]\n{wait}\n[[steps]]\n{write}\n"
    world = make_world(tmp_path, {"plan.toml": script})
    world.add_rig(plan="plan.toml")
    bead = world.sling("Survive")
    first = start(world)
    with line.open("wb"):  # open as soon as the worker reads, and the worker waits until we close it
        wait_for(world, lambda: bool(world.town.status().sessions))
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        if not is_recorded:
            with sqlite3.connect(world.town.layout.state) as state:
                state.execute("DELETE FROM session")
        second = start(world)
        wait_for(world, lambda: is_recorded or "failed: " in world.town.layout.decisions.read_text())
    wait_for(world, lambda: world.state(bead) == "landed")
    assert world.town.down()
    assert second.wait(10) == 0
    assert show(world.origin, "worklog/notes.txt") == "once"
    assert world.field(bead, "fence") == 1, "the living session was taken over, not doubled"


def test_a_supervisor_killed_while_a_gate_runs_begins_it_anew(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    gate = tmp_path / "gate-began"
    world.add_rig([Gate("slow", f"test -e {gate} || {{ touch {gate}; exec sleep 30; }}")])
    bead = world.sling("Survive")
    first = start(world)
    wait_for(world, lambda: world.state(bead) == "testing" and gate.exists())
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = start(world)
    wait_for(world, lambda: world.state(bead) == "landed")
    assert world.town.down()
    assert second.wait(10) == 0
    assert git(world.origin, "log", "--format=%s", "main").count("Note ") == 1
    assert world.field(bead, "fence") == 1


def test_down_ends_sessions_and_up_goes_on_with_their_work(tmp_path: Path) -> None:
    script = '[[steps]]\ndo = "hang"\non_session = 1\n[[steps]]\ndo = "append"\n'
    world = make_world(tmp_path, {"plan.toml": script})
    world.add_rig(plan="plan.toml")
    bead = world.sling("Go on")
    process = start(world)
    wait_for(world, lambda: bool(world.town.status().sessions))
    session = world.town.status().sessions[0]
    assert world.town.down()
    assert process.wait(10) == 0
    assert identify(session.process.pid) is None
    assert wait_end(session.process, 0)
    assert world.state(bead) == "working"
    world.settle(bead)
    assert world.state(bead) == "landed"


def test_two_supervisors_cannot_run_one_town(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    command = [sys.executable, str(SHIM), str(world.root), "up"]
    pid = world.town.up_detached(command)
    with pytest.raises(ConflictError):
        world.town.up_detached(command)
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (again.returncode, "up already" in again.stderr) == (1, True)
    assert world.town.running() == pid
    assert world.town.down()
    assert world.town.running() is None


def test_the_example_scenario_plays_in_two_sessions(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "script_agent" / "plan.toml"
    world = make_world(tmp_path, {"plan.toml": example.read_text()})
    world.add_rig(plan="plan.toml")
    bead = world.sling("Greet")
    world.settle(bead)
    assert (world.state(bead), world.field(bead, "fence")) == ("landed", 2)
    greeting = show(world.origin, f"greetings/{bead.short}.txt")
    assert greeting == f"Hello from {world.field(bead, 'branch')}.\nDone on the second try: Greet"
