"""The verbs about peers and bundles, as people meet their refusals."""

import json
import subprocess
from pathlib import Path

import msgspec
import pytest

from node.peers import DAY_MS, PeerBook
from tests.node.support import Person, git, refs

USAGE, NOT_FOUND, NOT_ALLOWED, PEER, BAD_DATA = 2, 3, 5, 6, 7


@pytest.fixture
def ann(tmp_path: Path) -> Person:
    found = Person(tmp_path / "ann")
    found.ok("wl", "create", "Test Commons", "--as", "ann")
    return found


def fails(done: "subprocess.CompletedProcess[str]", code: int, said: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("peer", "add", "/x", "--pull-only", "--push-only"), USAGE, "contradict"),
        (("peer", "add", "ext::sh -c id"), PEER, "not an address"),
        (("peer", "remove", "nobody"), NOT_FOUND, "no peer"),
        (("peer", "block", "https://nobody.example/x"), NOT_FOUND, "no peer"),
        (("peer", "set", "nobody", "--daily", "5"), NOT_FOUND, "no peer"),
        (("peer", "set", "nobody"), USAGE, "nothing to change"),
        (("peer", "set", "x", "--follow", "a", "--follow-all"), USAGE, "contradict"),
        (("peer", "discover", "--accept", "https://nobody.example/x"), NOT_FOUND, "nobody suggests"),
        (("sync", "--peer", "x", "--bundle", "y"), USAGE, "contradict"),
        (("bundle", "read", "/nonexistent"), PEER, "cannot read"),
        (("bundle", "write", "/nonexistent/x"), 1, "cannot be written:"),
    ],
)
def test_what_makes_no_sense_is_said(ann: Person, arguments: tuple[str, ...], code: int, said: str) -> None:
    fails(ann.run("wl", *arguments), code, said)


def test_a_file_that_is_no_bundle_is_named(ann: Person, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello\n")
    fails(ann.run("wl", "bundle", "read", str(tmp_path / "x")), PEER, "not a bundle")
    fails(ann.run("wl", "sync", "--bundle", str(tmp_path / "x")), PEER, "not a bundle")
    assert (tmp_path / "x").read_text() == "hello\n"


def test_a_bundle_of_a_commons_that_nobody_follows_here_says_how_to(ann: Person, tmp_path: Path) -> None:
    bob, path = Person(tmp_path / "bob"), str(tmp_path / "x")
    ann.ok("wl", "bundle", "write", path)
    fails(bob.run("wl", "bundle", "read", path), NOT_FOUND, f"wl join {path}")
    bob.ok("wl", "join", path)
    assert bob.ask("wl", "peer", "list")["peers"] == []


def test_a_private_ledger_is_written_by_its_owner_and_joined_by_nobody(ann: Person, tmp_path: Path) -> None:
    ann.ok("bd", "create", "my secret")
    private = next(c["id"] for c in ann.ask("wl", "list")["commons"] if c["private"])
    path = tmp_path / "mine"
    ann.ok("wl", "bundle", "write", str(path), "--commons", private)
    ann.ok("wl", "bundle", "read", str(path), "--commons", private)
    bob = Person(tmp_path / "bob")
    done = bob.run("wl", "join", str(path))
    assert done.returncode != 0
    assert "owner's alone" in done.stderr
    # The whole of a home's public commons does not bring it along.
    ann.ok("wl", "bundle", "write", str(tmp_path / "all"))
    assert private not in git("bundle", "list-heads", str(tmp_path / "all"))


def test_a_stick_that_holds_what_cannot_be_taken_yet_is_not_written_over(ann: Person, tmp_path: Path) -> None:
    """A key log that this version cannot read may be all that is left of somebody's words."""
    path = tmp_path / "stick"
    mirror = tmp_path / "mirror.git"
    bob = Person(tmp_path / "bob")
    ann.ok("wl", "bundle", "write", str(path))
    bob.ok("wl", "join", str(path), "--as", "bob")
    git("clone", "-q", "--mirror", str(bob.repository()), str(mirror))
    ann_keys = set(refs(ann.repository(), ann.commons(), "id/"))
    for name in set(refs(mirror, ann.commons(), "id/")) - ann_keys:
        git("--git-dir", str(mirror), "update-ref", "-d", name)
    git("--git-dir", str(mirror), "bundle", "create", "-q", str(path), "--all")
    before = path.read_bytes()
    done = ann.run("wl", "sync", "--bundle", str(path))
    assert done.returncode == 1
    assert "not written over" in done.stderr
    assert path.read_bytes() == before


def test_a_peer_that_fails_is_noted_and_left_alone_for_a_while(ann: Person, tmp_path: Path) -> None:
    ann.ok("wl", "peer", "add", "http://127.0.0.1:9/git/x", "--name", "gone")
    assert ann.run("wl", "sync").returncode == PEER
    (listed,) = ann.ask("wl", "peer", "list")["peers"]
    assert (listed["health"]["failures"], listed["name"]) == (1, "gone")
    assert "does not answer" in listed["health"]["error"]
    # A verb does not try it again before its time; a sync that a person asks for does.
    book = PeerBook(ann.home / "commons" / ann.commons())
    book.note(listed["url"], lambda known: msgspec.structs.replace(known, next_ms=known.next_ms + DAY_MS))
    ann.ok("wl", "post", "Fix the door")
    assert ann.ask("wl", "peer", "list")["peers"][0]["health"]["failures"] == 1
    assert ann.run("wl", "sync").returncode == PEER
    assert ann.ask("wl", "peer", "list")["peers"][0]["health"]["failures"] == 2


def test_what_a_sync_did_is_told_to_programs(ann: Person, tmp_path: Path) -> None:
    told = ann.ask("wl", "sync", "--bundle", str(tmp_path / "x"))
    assert (told["accepted"], told["troubles"]) == (0, [])
    assert told["references"] == len(refs(ann.repository(), ann.commons()))
    assert json.loads(ann.ok("wl", "bundle", "read", str(tmp_path / "x"), "--json"))["accepted"] == 0


def test_who_was_banned_is_told_so_leaves_in_peace_and_comes_back_when_let_in(ann: Person, tmp_path: Path) -> None:
    relay = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(relay))
    ann.ok("wl", "peer", "add", str(relay))
    item = ann.ask("wl", "post", "Fix the door")["item"]["id"]
    carol = Person(tmp_path / "carol")
    carol.ok("wl", "join", str(relay), "--as", "carol")
    carol.ok("wl", "claim", item[:12])
    ann.ok("wl", "sync")
    ann.ok("wl", "charter", "propose", "ban", "carol")
    ann.ok("wl", "sync")
    carol.ok("wl", "sync")
    # What she held is open again, and her claim waits for nothing.
    assert ann.ask("wl", "show", item[:12])["item"]["status"] == "open"
    for verb in (("post", "Mine"), ("comment", item[:12], "still here"), ("name", "carla")):
        fails(carol.run("wl", *verb), NOT_ALLOWED, "Test Commons has banned you")
    ann.ok("wl", "charter", "propose", "admit", "carol")
    ann.ok("wl", "sync")
    carol.ok("wl", "sync")
    carol.ok("wl", "post", "Back again")
    assert "Back again" in carol.ok("wl", "browse")
    ann.ok("wl", "charter", "propose", "ban", "carol")
    ann.ok("wl", "sync")
    carol.ok("wl", "sync")
    assert "You have left Test Commons." in carol.ok("wl", "leave", "--yes")


def test_leaving_needs_no_stamp_and_joining_no_commons_that_verbs_mean(ann: Person, tmp_path: Path) -> None:
    places = {}
    for name in ("one", "two", "three"):
        founder = Person(tmp_path / name)
        founder.ok("wl", "create", name, "--as", "x")
        places[name] = tmp_path / f"{name}.bundle"
        founder.ok("wl", "bundle", "write", str(places[name]))
        ann.ok("wl", "join", str(places[name]))
    ann.ok("wl", "use", "one")
    left = ann.ask("wl", "leave", "--yes")
    assert left["sheet"] is None
    fails(ann.run("wl", "browse"), USAGE, "several commons")
    ann.ok("wl", "join", str(places["one"]))
    ann.ok("wl", "browse")


def test_one_damaged_repository_does_not_hide_the_others(ann: Person) -> None:
    damaged = ann.repository()
    ann.ok("wl", "create", "Other")
    git("--git-dir", str(damaged), "repack", "-adq")
    (damaged / "wl-journal").unlink()
    for pack in (damaged / "objects" / "pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(b"")
    done = ann.run("wl", "doctor", "--json")
    assert done.returncode == BAD_DATA
    found = {each["what"]: each for each in json.loads(done.stdout)["findings"]}
    about = [each for what, each in found.items() if what.startswith("commons ")]
    assert sorted(each["ok"] for each in about) == [False, True]
    (bad,) = [each for each in about if not each["ok"]]
    assert "wl join" in bad["advice"]
    assert str(damaged.parent) in bad["advice"]


def test_a_proposal_that_another_passed_over_is_named_and_so_are_several_open_ones(ann: Person, tmp_path: Path) -> None:
    relay = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(relay))
    ann.ok("wl", "peer", "add", str(relay))
    ann.ok("wl", "sync")
    bob = Person(tmp_path / "bob")
    bob.ok("wl", "join", str(relay), "--as", "bob")
    ann.ok("wl", "sync")
    ann.ok("wl", "charter", "propose", "delegates", "--add", "bob", "--threshold", "2")
    item = ann.ask("wl", "post", "Fix the door")["item"]["id"]
    first = ann.ask("wl", "charter", "propose", "policy", "--admission", "invite")["id"]
    second = ann.ask("wl", "charter", "propose", "hide", item[:12])["id"]
    bob.ok("wl", "sync")
    fails(bob.run("wl", "charter", "sign"), NOT_FOUND, "2 proposals are open")
    said = bob.ok("wl", "charter", "sign", first[:12])
    assert "Passed over by it, propose it anew" in said
    fails(bob.run("wl", "charter", "sign", second[:12]), NOT_FOUND, "passed over")
    assert "  invite  " in bob.ok("wl", "list")
