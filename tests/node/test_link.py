"""wl link: accounts elsewhere with a proof that others can look up, and actors of one owner."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from node.errors import BAD_DATA, NOT_FOUND, USAGE
from tests.node.support import Person, site
from tests.world import git


@pytest.fixture
def people(tmp_path: Path) -> tuple[Person, Person]:
    ann, bob = Person(tmp_path / "ann"), Person(tmp_path / "bob")
    relay = tmp_path / "relay.git"
    git(relay, "init", "--quiet", "--bare")
    ann.ok("wl", "create", "Our Commons", "--as", "ann")
    ann.ok("wl", "peer", "add", str(relay))
    ann.ok("wl", "sync")
    bob.ok("wl", "join", str(relay), "--as", "bob")
    ann.ok("wl", "sync")
    for each in (ann, bob):
        (each.home / "config.toml").write_text('[peers]\nallow = ["127.0.0.0/8"]\n')
    return ann, bob


def test_an_account_is_said_once_its_proof_lies_in_its_place(people: tuple[Person, Person], tmp_path: Path) -> None:
    ann, bob = people
    folder, file = tmp_path / "site", tmp_path / "proof.json"
    (folder / ".well-known").mkdir(parents=True)
    with site(partial(SimpleHTTPRequestHandler, directory=folder)) as url:
        first = ann.ok("wl", "link", "add", url, "--out", str(file))
        assert f"{url}/.well-known/wasteland.json" in first
        again = ann.run("wl", "link", "add", url, "--out", str(file))
        assert again.returncode == BAD_DATA
        assert "there is no proof at" in again.stderr
        file.rename(folder / ".well-known" / "wasteland.json")
        assert "Proven and said" in ann.ok("wl", "link", "add", url, "--out", str(file))
        bob.ok("wl", "sync")
        (found,) = bob.ask("wl", "link", "check", "ann")["accounts"]
        assert (found["account"], found["proven"]) == (url, True)
        # Whoever takes the file, or the account, over.
        stolen = bob.run("wl", "link", "add", url, "--out", str(tmp_path / "x"))
        assert stolen.returncode == 0
        assert "Wrote" in stolen.stdout
        (folder / ".well-known" / "wasteland.json").write_text((tmp_path / "x").read_text())
        lost = bob.run("wl", "link", "check", "ann")
    assert lost.returncode == BAD_DATA
    assert "somebody else's" in lost.stdout
    assert json.loads(ann.ok("wl", "link", "remove", url, "--json"))["account"] == url
    assert ann.run("wl", "link", "remove", url).returncode == NOT_FOUND
    assert ann.ask("wl", "link", "check")["accounts"] == []
    # The handle is what it was.
    assert ann.ask("wl", "link", "check", "ann")["accounts"] == []


class Elsewhere(SimpleHTTPRequestHandler):
    """Sends everybody to another page of the same site."""

    def do_GET(self) -> None:
        if self.path == "/there.json":
            super().do_GET()
            return
        self.send_response(302)
        self.send_header("Location", "/there.json")
        self.end_headers()


def test_a_proof_that_lies_elsewhere_is_none(people: tuple[Person, Person], tmp_path: Path) -> None:
    ann, _ = people
    file = tmp_path / "there.json"
    with site(partial(Elsewhere, directory=tmp_path)) as url:
        ann.ok("wl", "link", "add", url, "--out", str(file))
        done = ann.run("wl", "link", "add", url, "--out", str(file))
    assert done.returncode == BAD_DATA
    assert "there is no proof at" in done.stderr


def test_a_strangers_account_leads_to_no_private_network(people: tuple[Person, Person], tmp_path: Path) -> None:
    ann, bob = people
    folder, file = tmp_path / "site", tmp_path / "proof.json"
    (folder / ".well-known").mkdir(parents=True)
    with site(partial(SimpleHTTPRequestHandler, directory=folder)) as url:
        ann.ok("wl", "link", "add", url, "--out", str(file))
        file.rename(folder / ".well-known" / "wasteland.json")
        ann.ok("wl", "link", "add", url)
        bob.ok("wl", "sync")
        (bob.home / "config.toml").write_text('[peers]\nallow = ["10.9.0.0/16"]\n')
        done = bob.run("wl", "link", "check", "ann")
    assert done.returncode == BAD_DATA
    assert "no public address" in done.stdout


@pytest.mark.parametrize("account", ["github.com/ann/repo", "http://[x"])
def test_what_cannot_be_an_account(account: str, tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann")
    ann.ok("wl", "create", "Our Commons")
    done = ann.run("wl", "link", "add", account)
    assert done.returncode == USAGE
    assert "github.com/NAME" in done.stderr


def test_what_can_never_be_proven_is_said_at_once(tmp_path: Path) -> None:
    ann, file = Person(tmp_path / "ann"), tmp_path / "proof.json"
    ann.ok("wl", "create", "Our Commons")
    for account in ("127.0.0.1:1", "localhost", "http://example.org"):
        done = ann.run("wl", "link", "add", account, "--out", str(file))
        assert done.returncode == BAD_DATA
        assert "peers.allow" in done.stderr
    assert not file.exists()


def test_a_file_that_is_there_is_told_for_what_it_proves(people: tuple[Person, Person], tmp_path: Path) -> None:
    ann, bob = people
    file = tmp_path / "proof.json"
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with site(handler) as one, site(handler) as two:
        ann.ok("wl", "link", "add", one, "--out", str(file))
        same = ann.run("wl", "link", "add", one, "--out", str(file))
        assert f"Put {file} there" in same.stderr
        for person, account in ((ann, two), (bob, one)):
            other = person.run("wl", "link", "add", account, "--out", str(file))
            assert other.returncode == BAD_DATA
            assert f"{file} does not prove {account}" in other.stderr
            assert "--out" in other.stderr
            assert f"Put {file} there" not in other.stderr
        file.write_text("{")
        assert "does not prove" in ann.run("wl", "link", "add", one, "--out", str(file)).stderr


def test_actors_of_one_owner_are_one_once_both_have_said_it(people: tuple[Person, Person]) -> None:
    ann, bob = people
    assert ann.ask("wl", "link", "owner", "bob", "--yes")["mutual"] is False
    assert "Said. It counts once" in ann.ok("wl", "link", "owner", "bob", "--yes")
    assert bob.ask("wl", "link", "owner", "ann", "--yes")["mutual"] is True
    item = str(bob.ask("wl", "post", "Sweep", "--competition")["item"]["id"])
    ann.ok("wl", "done", item, "--url", "https://example.org/1")
    bob.ok("wl", "accept", item)
    done = bob.run("wl", "stamp", item, "--quality", "5")
    assert bob.ask("wl", "show", item)["item"]["stamps"] == []
    assert done.returncode != 0
