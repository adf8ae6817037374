"""A home that was copied and used twice: its log goes on in two ways, and its owner says which one stands."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.machines import error, titles
from tests.node.support import Person, git


@pytest.fixture
def bobs(bob: Person, tmp_path: Path) -> str:
    """A repository with a commons that Bob has founded; he is not there to decide."""
    path = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(path))
    bob.ok("wl", "create", "Test Commons", "--as", "bob")
    bob.ok("wl", "peer", "add", str(path))
    bob.ok("wl", "sync")
    return str(path)


@pytest.fixture
def alice(bobs: str, person: Callable[[str], Person], tmp_path: Path) -> Person:
    """Somebody whose home was copied, and who has worked in both: neither knows what the other wrote."""
    alice, copy = person("alice"), person("copy")
    alice.ok("wl", "join", bobs)
    alice.ok("wl", "post", "Before")
    shutil.copytree(alice.home, copy.home)
    alice.ok("wl", "post", "Here", "--offline")
    copy.ok("wl", "post", "There", "--offline")
    copy.ok("wl", "post", "There, too", "--offline")
    alice.ok("wl", "sync")
    copy.run("wl", "sync")
    alice.ok("wl", "sync")
    assert titles(alice) == {"Before"}
    return alice


def test_the_owner_is_shown_both_ways_and_decides_for_everybody(
    alice: Person, bob: Person, person: Callable[[str], Person]
) -> None:
    assert "wl id repair" in alice.ok("wl", "doctor", "--offline")
    (parting,) = alice.ask("wl", "id", "repair")["partings"]
    assert sorted(len(way["operations"]) for way in parting["ways"]) == [1, 2]
    wanted = next(way for way in parting["ways"] if len(way["operations"]) == 2)
    said = alice.ok("wl", "id", "repair", parting["log"][:8], "--keep", wanted["operations"][1][:10])
    assert "wl id rotate --device" in said
    assert len(alice.ask("wl", "browse")["items"]) == 3, "the words of two of them are with the copy"
    person("copy").ok("wl", "sync")
    alice.ok("wl", "sync")
    assert titles(alice) == {"Before", "There", "There, too"}
    alice.ok("wl", "post", "After")
    bob.ok("wl", "sync")
    assert titles(bob) == {"Before", "There", "There, too", "After"}
    assert alice.ask("wl", "id", "repair")["partings"] == []
    assert "one was decided on" in alice.ok("wl", "doctor", "--offline")
    assert alice.ask("wl", "verify", "--offline")["problems"] == []


def test_what_is_not_meant_is_said(alice: Person, bob: Person) -> None:
    (parting,) = alice.ask("wl", "id", "repair")["partings"]
    code, name, hint = error(alice, "wl", "id", "repair", parting["log"], "--keep", "0" * 64)
    assert (code, name) == (3, "not_found")
    assert all(way["start"][:12] in hint for way in parting["ways"])
    assert error(alice, "wl", "id", "repair", "zzz")[:2] == (3, "not_found")
    assert error(alice, "wl", "id", "repair", parting["log"], "--keep", "")[:2] == (3, "ambiguous")
    bob.ok("wl", "sync")
    assert bob.ask("wl", "id", "repair")["partings"] == [], "another's log is not mine to repair"
    assert error(bob, "wl", "id", "repair", parting["log"], "--keep", parting["ways"][0]["start"])[:2] == (
        3, "not_found",
    )  # fmt: skip


def test_nothing_to_repair_is_said(bobs: str, bob: Person) -> None:
    assert "No log of yours goes on in two ways" in bob.ok("wl", "id", "repair")
