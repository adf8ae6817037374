"""--quiet: the answer alone, without hints, notes and progress; what went wrong is told all the same."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from node.errors import PEER
from tests.bd.support import Bd
from tests.bd.test_terminal import on_a_terminal
from tests.node.support import Person, git
from tests.test_docs import LINES, commands


@pytest.mark.parametrize("program", sorted(LINES))
def test_every_verb_can_be_quiet(program: str) -> None:
    for words, command in commands(program):
        if not isinstance(command, click.Group):
            (option,) = (one for one in command.params if one.name == "quiet")
            assert option.opts == ["--quiet", "-q"], words


@pytest.fixture
def shop(tmp_path: Path) -> Bd:
    (tmp_path / "shop").mkdir()
    git("init", "-q", str(tmp_path / "shop"))
    return Bd(tmp_path / "home", tmp_path / "shop")


def test_notes_and_hints_are_left_out_and_what_must_be_kept_is_said(shop: Bd) -> None:
    first = shop.ok("create", "Fix the door", "-q")
    assert "recovery key" in first.err, "nobody can do without it"
    assert "No ledger of this repository" not in first.err
    assert "No ledger of this repository" in shop.ok("create", "Paint the door").err
    assert "Next:" in on_a_terminal(shop, "create", "Hang a lamp")
    said = on_a_terminal(shop, "create", "Sweep", "-q")
    assert "✓ Created issue:" in said
    assert "Next:" not in said
    assert "bd init" not in said


def test_a_quiet_sync_of_a_ledger_tells_only_what_went_wrong(shop: Bd, tmp_path: Path) -> None:
    relay = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(relay))
    shop.ok("init", "--prefix", "shop", "--peer", str(relay))
    assert "✓" in shop.ok("sync").out
    done = shop.ok("sync", "-q")
    assert (done.out, done.err) == ("", "")
    shutil.rmtree(relay)
    done = shop("sync", "-q")
    assert done.code == PEER
    assert f"✗ {relay}" in done.out
    assert "no peer answered" in done.err


def test_a_quiet_sync_of_a_commons_tells_only_what_went_wrong(person: Callable[[str], Person], tmp_path: Path) -> None:
    alice = person("alice")
    alice.ok("wl", "create", "yard")
    assert alice.ok("wl", "sync", "-q") == ""
    relay = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(relay))
    alice.ok("wl", "peer", "add", str(relay))
    assert str(relay) in alice.ok("wl", "sync")
    done = alice.run("wl", "sync", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    shutil.rmtree(relay)
    done = alice.run("wl", "sync", "-q")
    assert done.returncode == PEER
    assert str(relay) in done.stdout
