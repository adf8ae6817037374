"""A ledger goes to those only whom its owner has agreed to, whatever a repository's file says."""

import subprocess
from pathlib import Path

import pytest

from beads.files import git_environment
from node.home import Home
from node.ledgers import find, write
from tests.bd.support import USAGE, Bd

NETWORK = 6


def relay(path: Path) -> str:
    subprocess.run(["git", "init", "--bare", "-q", str(path)], check=True, env=git_environment())
    return str(path)


def refs(path: str) -> str:
    done = subprocess.run(["git", f"--git-dir={path}", "for-each-ref"], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_peer_that_appears_in_the_file_gets_nothing_until_it_is_agreed_to(bd: Bd, tmp_path: Path) -> None:
    stranger = relay(tmp_path / "stranger.git")
    place = find(Home(bd.home), {}, bd.cwd)
    assert place is not None
    assert place.folder is not None
    write(place.folder, place._replace(peers=(stranger,)))
    done = bd.fails(USAGE, "shared with nobody", "sync")
    assert stranger in done.err
    assert "--accept-peers" in done.err
    assert refs(stranger) == ""
    assert stranger in bd.ok("sync", "--accept-peers").out
    assert "refs/wl/" in refs(stranger)
    assert "Not asked" not in bd.ok("sync").said


@pytest.mark.parametrize(
    "address", ["", "-oProxyCommand=x", "ext::sh -c x", "ftp://host/shop.git", "https://me:secret@host/shop.git"]
)
@pytest.mark.parametrize("option", ["--peer", "--from"])
def test_an_address_that_nobody_speaks_to_is_refused_before_anything_is_made(
    tmp_path: Path, option: str, address: str
) -> None:
    nobody = Bd(tmp_path / "home", tmp_path)
    nobody.fails(NETWORK, "Use http(s)://", "init", f"{option}={address}")
    assert not (tmp_path / ".beads").exists()
    assert not (tmp_path / "home").exists()


def test_a_relay_named_by_a_path_is_found_from_every_folder(bd: Bd, tmp_path: Path) -> None:
    shared = relay(tmp_path / "relay.git")
    relay(bd.cwd / ".git")
    below = bd.cwd / "src"
    below.mkdir()
    assert f"Shared through {shared} from now on" in bd.at(below).ok("init", "--peer", "../../relay.git").out
    assert shared in bd.ok("sync").out
    assert "refs/wl/" in refs(shared)


def test_it_is_said_what_a_ledger_is_shared_through_already(bd: Bd, tmp_path: Path) -> None:
    first, second = (relay(tmp_path / f"{name}.git") for name in ("first", "second"))
    assert bd.json("init", "--peer", first)["new_peers"] == [first]
    again = bd.json("init", "--peer", first, "--peer", second)
    assert (again["peers"], again["new_peers"]) == ([first, second], [second])
    out = bd.ok("init", "--peer", first).out
    assert f"Shared through {first}, as before" in out
    assert "second.git" not in out


def test_asking_for_a_peer_that_the_file_names_is_agreeing_to_it(bd: Bd, tmp_path: Path) -> None:
    shared = relay(tmp_path / "shared.git")
    place = find(Home(bd.home), {}, bd.cwd)
    assert place is not None
    assert place.folder is not None
    write(place.folder, place._replace(peers=(shared,)))
    assert f"Shared through {shared} from now on" in bd.ok("init", "--peer", shared).out
    assert shared in bd.ok("sync").out


def test_a_clone_whose_file_names_no_peer_gets_the_ledger_from_where_it_is_told(bd: Bd, tmp_path: Path) -> None:
    shared = relay(tmp_path / "shared.git")
    place = find(Home(bd.home), {}, bd.cwd)
    assert place is not None
    bead = bd.make()
    bd.ok("init", "--peer", shared)
    bd.ok("sync")
    clone = Bd(tmp_path / "elsewhere", tmp_path / "clone", "bob")
    write(clone.cwd / ".beads", place._replace(folder=clone.cwd / ".beads"))
    assert f"Shared through {shared} from now on" in clone.ok("init", "--from", shared).out
    assert clone.ids("list") == [bead]
    assert shared in clone.ok("sync").out
