"""An address is looked at before it becomes a peer's; `wl sync` says which commons it means, and does them all."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node.errors import NOT_FOUND, PEER, REFUSED, USAGE
from tests.node.support import Person, Resident, git

ABSENT = "http://127.0.0.1:9"


@pytest.fixture
def ann(tmp_path: Path) -> Resident:
    found = Resident(tmp_path / "ann")
    found.ok("wl", "create", "Shed", "--as", "ann")
    return found


@pytest.fixture
def bare(tmp_path: Path) -> Callable[[str], str]:
    def make(name: str) -> str:
        git("init", "-q", "--bare", str(tmp_path / name))
        return str(tmp_path / name)

    return make


def peers(person: Person, commons: str = "Shed") -> list[str]:
    return [each["url"] for each in person.ask("wl", "peer", "list", "--commons", commons)["peers"]]


# -- wl peer add -----------------------------------------------------------------------------------------------------


@pytest.fixture
def node(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A node that serves Bob's Garden; its address and the id of the commons."""
    bob = Resident(tmp_path / "bob")
    bob.ok("wl", "create", "Garden", "--as", "bob")
    bob.ok("wl", "create", "Orchard")
    commons = next(each["id"] for each in bob.ask("wl", "list")["commons"] if each["name"] == "Garden")
    with bob.serving() as url:
        yield url, commons


def test_the_root_of_a_node_stands_for_the_commons_there(ann: Resident, node: tuple[str, str]) -> None:
    url, garden = node
    ann.ok("wl", "join", f"{url}/git/{garden}")
    ann.ok("wl", "peer", "remove", f"{url}/git/{garden}", "--commons", "Garden")
    for address in url, f"{url}/", f"{url}/git/{garden}", f"{url}/git/{garden}/":
        assert ann.ask("wl", "peer", "add", address, "--commons", "Garden")["peer"] == f"{url}/git/{garden}"
    assert peers(ann, "Garden") == [f"{url}/git/{garden}"]


def test_a_node_without_this_commons_is_refused(ann: Resident, node: tuple[str, str]) -> None:
    url, garden = node
    for address in url, f"{url}/git/{garden}", f"{url}/git/{ann.commons()}":
        done = ann.run("wl", "peer", "add", address)
        assert (done.returncode, "does not hold Shed" in done.stderr, "Hint" in done.stderr) == (NOT_FOUND, True, True)
    assert peers(ann) == []


def test_a_repository_of_another_commons_is_refused(ann: Resident, bare: Callable[[str], str]) -> None:
    relay = bare("relay.git")
    ann.ok("wl", "create", "Yard")
    assert ann.ask("wl", "peer", "add", relay, "--commons", "Yard")["silent"] is None
    ann.ok("wl", "sync", "--commons", "Yard")
    assert ann.run("wl", "peer", "add", relay, "--commons", "Shed").returncode == NOT_FOUND
    ann.ok("wl", "peer", "add", relay, "--commons", "Yard")


def test_a_fork_may_lie_beside_its_parent(ann: Resident, bare: Callable[[str], str]) -> None:
    relay = bare("relay.git")
    ann.ok("wl", "peer", "add", relay)
    ann.ok("wl", "sync")
    ann.ok("wl", "fork", "Barn")
    ann.ok("wl", "peer", "add", relay, "--commons", "Barn")


@pytest.mark.parametrize("address", [ABSENT + "/git/{}", "/nowhere/relay.git"])
def test_who_is_away_is_added_and_it_is_said(ann: Resident, address: str) -> None:
    url = address.format(ann.commons())
    out = ann.ok("wl", "peer", "add", url)
    assert f"Added {url}." in out
    assert "could not be asked" in out
    assert peers(ann) == [url]


def test_the_root_of_a_node_that_is_away_becomes_the_address_that_it_will_have(ann: Resident) -> None:
    assert ann.ask("wl", "peer", "add", ABSENT)["peer"] == f"{ABSENT}/git/{ann.commons()}"


# -- wl sync ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(ann: Resident, bare: Callable[[str], str]) -> Resident:
    """Ann follows two commons, each with a relay."""
    ann.ok("wl", "create", "Yard")
    for name in "Shed", "Yard":
        ann.ok("wl", "peer", "add", bare(f"{name}.git"), "--commons", name)
    return ann


def test_a_sync_of_one_commons_says_so_where_there_are_others(two: Resident) -> None:
    assert "That was Shed. Not synced: Yard (wl sync --all)" in two.ok("wl", "sync")
    assert two.ok("wl", "sync", "--quiet") == ""


def test_whoever_has_one_commons_is_told_of_no_other(ann: Resident, bare: Callable[[str], str]) -> None:
    ann.ok("wl", "peer", "add", bare("relay.git"))
    assert "Not synced" not in ann.ok("wl", "sync")


def test_all_commons_are_synced(two: Resident, tmp_path: Path) -> None:
    answer = two.ask("wl", "sync", "--all")
    assert [(each["name"], each["peers"][0]["pushed"] > 0) for each in answer["commons"]] == [
        ("Shed", True), ("Yard", True),
    ]  # fmt: skip
    assert git("ls-remote", str(tmp_path / "Yard.git"))


def reached(answer: dict[str, Any]) -> list[str]:
    return [each["name"] for each in answer["commons"] if any("error" not in peer for peer in each["peers"])]


def test_what_fails_in_one_commons_keeps_no_other_waiting(two: Resident, tmp_path: Path) -> None:
    """The exit code is that of the gravest."""
    shed = next(each["id"] for each in two.ask("wl", "list")["commons"] if each["name"] == "Shed")
    (tmp_path / "Shed.git").rename(tmp_path / "gone.git")
    done = two.run("wl", "sync", "--all", "--json")
    assert (done.returncode, reached(json.loads(done.stdout))) == (PEER, ["Yard"])
    (two.home / "commons" / shed / "peers.json").write_text("{]")
    done = two.run("wl", "sync", "--all", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, reached(answer), "is damaged" in answer["commons"][0]["error"]) == (
        REFUSED,
        ["Yard"],
        True,
    )
    (tmp_path / "Yard.git").rename(tmp_path / "gone too.git")
    assert two.run("wl", "sync", "--all").returncode == PEER


def test_all_stands_alone(two: Resident) -> None:
    for option in ("--commons", "Shed"), ("--peer", "x"), ("--bundle", "x"):
        assert two.run("wl", "sync", "--all", *option).returncode == USAGE
