"""A ledger goes to those only whom its owner has agreed to, whatever a repository's file says."""

import subprocess
from pathlib import Path

from beads.files import git_environment
from node.home import Home
from node.ledgers import find, write
from tests.bd.support import USAGE, Bd


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
