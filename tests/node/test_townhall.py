"""What `gt` prints of strangers' words: line by line, and nothing that could steer a terminal."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from node import founding, townhall, wiring
from node.home import Home
from node.townhall import LedgerAdapter
from tests.node.support import DEADLINE, Person, environment, git

STEERING = "\x1b[31mred\u202e"
SHOWN = "<U+001B>[31mred<U+202E>"


@pytest.fixture
def ann(tmp_path: Path) -> Person:
    """Somebody with a commons and a town."""
    home = Home(tmp_path / "ann")
    home.make_identity()
    founding.create(home, "Shed", admission="open", validators="poster", dimensions=())
    found = Person(home.path)
    found.ok("gt", "install")
    return found


def bead(ann: Person, title: str, description: str = "", **fields: str) -> str:
    """Make a bead in the town's ledger; return its id."""
    home = Home(ann.home)
    _, ledger = townhall.open_town(home, home.path / "town")
    adapter = LedgerAdapter(ledger, wiring.author(home))
    made = adapter.create(title, description, fields=fields)
    if "landed_commit" in fields:
        adapter.update(made.id, status="closed")
    ledger.close()
    return made.id


def first_word(child: subprocess.Popen[bytes]) -> str:
    """Wait for the first line on stderr."""
    assert child.stderr is not None
    ready, _, _ = select.select([child.stderr], [], [], DEADLINE)
    assert ready, "nothing was said"
    return child.stderr.readline().decode()


def test_what_the_courier_says_of_strangers_steers_no_terminal(ann: Person) -> None:
    bead(
        ann, "Door", origin_item=STEERING, origin_commons=ann.commons(), origin_claim="c", state="landed",
        landed_commit="a" * 40, base="b" * 40, target="main",
    )  # fmt: skip
    command = [sys.executable, "-m", "node.cli.gt", "up", "--foreground"]
    child = subprocess.Popen(command, env=environment(ann.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert first_word(child) == f"cannot hand in yet: no item {SHOWN} here{os.linesep}"
    finally:
        child.terminate()
        child.communicate(timeout=DEADLINE)


def test_an_agent_is_told_its_work_line_by_line(ann: Person, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    git("init", "-q", "-b", "main", str(shop))
    git("-C", str(shop), "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "Begin")
    ann.ok("gt", "rig", "add", "shop", str(shop), "--no-gates")
    ann.ok("gt", "sling", bead(ann, "Door", f"Fix it.\n{STEERING}"), "shop")
    (agent,) = (each["assignee"] for each in ann.ask("gt", "status")["beads"])
    lines = ann.ok("gt", "prime", agent).splitlines()
    assert lines[0] == f"# {agent}"
    assert lines[lines.index("Fix it.") + 1] == SHOWN
