"""The command line: answers, errors, exit codes; and an index that may vanish at any time."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from beads import gitobject, segment
from beads.gitobject import BLOB, FILE_MODE, TREE_MODE, GitObject, TreeEntry
from beads.journal import RefUpdate
from beads.repository import Repository
from node import wiring
from node.commons import Commons
from node.errors import CONFLICT, NOT_FOUND, USAGE
from node.home import Home
from tests.node.support import Person, git, refs


def damaged(repository: Repository, target: str, forged: bytes) -> tuple[list[GitObject], str]:
    """Encode a log's one segment anew with other bytes."""
    blob = gitobject.make(BLOB, forged)
    folder, name = segment.path(0)
    inner = gitobject.tree([TreeEntry(name, FILE_MODE, blob.id)])
    root = gitobject.tree([TreeEntry(folder, TREE_MODE, inner.id)])
    head = gitobject.commit(root.id, (), "x <x@wl.invalid>", 0, repository.commit(target).message)
    return [blob, inner, root, head], head.id


def test_before_there_is_a_home_verbs_say_what_to_do(person: Callable[[str], Person]) -> None:
    done = person("nobody").run("wl", "browse")
    assert done.returncode == 3
    assert "wl create NAME, or wl join URL" in done.stderr
    assert not (person("nobody").home).exists()


@pytest.mark.parametrize(
    ("command", "code", "name"),
    [
        (["wl", "show", "ffff"], 3, "not_found"),
        (["wl", "claim", "ffff", "--offline"], 3, "not_found"),
        (["wl", "post", "two\nlines", "--offline"], 2, "bad_item"),
        (["wl", "browse", "--status", "nonsense"], 2, "usage"),
        (["wl", "browse", "--commons", "nonsense"], 3, "not_found"),
        (["wl", "join", "ext::sh -c id"], 6, "peer"),
        (["wl", "join", "http://127.0.0.1:9"], 6, "peer"),
        (["wl", "stamp", "{item}", "--offline"], 2, "usage"),
        (["wl", "stamp", "{item}", "--quality", "4", "--offline"], 4, "wrong_status"),
        (["wl", "accept", "{item}", "--offline"], 4, "wrong_status"),
        (["wl", "release", "{item}", "--offline"], 5, "not_yours"),
        (["wl", "done", "{item}", "--offline"], 2, "bad_item"),
        (["wl", "frobnicate"], 2, "usage"),
        (["gt", "status"], 3, "not_found"),
        (["bd", "ready"], 3, "no_home"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_has_an_exit_code_a_name_and_a_hint(alice: Person, command: list[str], code: int, name: str) -> None:
    item = alice.post()
    done = alice.run(*(part.format(item=item) for part in command), "--json")
    assert done.returncode == code, done.stderr
    error = json.loads(done.stderr)["error"]
    assert error["code"] == name
    assert error["message"]
    assert "Traceback" not in done.stderr


def test_a_person_reads_the_error_and_the_hint(alice: Person) -> None:
    item = alice.post()
    done = alice.run("wl", "accept", item, "--offline")
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "Error: no submission waits for you",
        f"Hint:  The worker hands it in with: wl done {item[:12]}",
    ]


def test_a_corrupt_sheet_fails_with_seven(alice: Person, tmp_path: Path) -> None:
    (tmp_path / "sheet.json").write_text('{"schema": "wasteland-sheet/1"}')
    assert alice.run("wl", "sheet", "verify", str(tmp_path / "sheet.json")).returncode == 7


def test_deleting_the_index_changes_no_answer(alice: Person) -> None:
    item = alice.post("One", "--skill", "python")
    alice.post("Two")
    alice.ok("wl", "comment", item, "hello", "--offline")
    bead = alice.ask("bd", "create", "a bead")["id"]
    alice.ok("bd", "create", "another", "--dep", bead)
    verbs = (
        ("wl", "browse"), ("wl", "show", item), ("wl", "me"), ("wl", "list"), ("wl", "sheet", "show"),
        ("wl", "verify"), ("bd", "list"), ("bd", "ready"), ("bd", "show", bead),
    )  # fmt: skip
    before = [alice.ask(*verb) for verb in verbs]
    for verb, answer in zip(verbs, before, strict=True):
        for index in alice.home.glob("commons/*/index.sqlite*"):
            index.unlink()
        assert alice.ask(*verb) == answer, verb


@pytest.mark.parametrize("damage", [b"", b"not a database at all", None], ids=["empty", "garbage", "cut in half"])
def test_a_broken_index_is_built_anew(alice: Person, damage: bytes | None) -> None:
    alice.post("Still here")
    (index,) = alice.home.glob("commons/*/index.sqlite")
    for leftover in alice.home.glob("commons/*/index.sqlite-*"):
        leftover.unlink()
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2] if damage is None else damage)
    assert [i["title"] for i in alice.ask("wl", "browse")["items"]] == ["Still here"]
    alice.post("And another")
    assert len(alice.ask("wl", "browse")["items"]) == 2


def test_offline_work_goes_out_at_the_next_sync(alice: Person, bob: Person) -> None:
    with alice.serving() as url:
        bob.ok("wl", "join", url)
    done = bob.run("wl", "post", "While away")
    assert done.returncode == 0
    assert "goes out at the next sync" in done.stderr
    assert alice.ask("wl", "browse")["items"] == []
    with alice.serving() as url:
        bob.ok("wl", "peer", "add", f"{url}/git/{alice.commons()}")
        bob.ok("wl", "sync")
    assert [i["title"] for i in alice.ask("wl", "browse")["items"]] == ["While away"]


def test_a_second_claimer_is_told(alice: Person, bob: Person, person: Callable[[str], Person]) -> None:
    item = alice.post()
    carol = person("carol")
    with alice.serving() as url:
        bob.ok("wl", "join", url)
        carol.ok("wl", "join", url)
        bob.ok("wl", "claim", item, "--wait")
        late = carol.run("wl", "claim", item, "--wait", "--json")
    assert late.returncode == 4
    assert json.loads(late.stderr)["error"]["code"] == "taken"


def test_a_relay_needs_no_node(alice: Person, bob: Person, tmp_path: Path) -> None:
    relay = tmp_path / "relay.git"
    git("init", "--quiet", "--bare", str(relay))
    alice.post("Through a plain repository")
    alice.ok("wl", "peer", "add", str(relay))
    alice.ok("wl", "sync")
    bob.ok("wl", "join", str(relay))
    item = bob.ask("wl", "browse")["items"][0]["id"]
    bob.ok("wl", "claim", item)
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    shown = bob.ask("wl", "show", item)["item"]
    assert shown["status"] == "claimed"
    assert shown["confirmed"]
    assert alice.ask("wl", "verify")["state_hash"] == bob.ask("wl", "verify")["state_hash"]


def test_a_peer_behind_ssh(alice: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ssh` itself is a script here that runs the command at home, as git's own tests have it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "ssh").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nfor last; do :; done\nexec sh -c "$last"\n')
    (tools / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    relay = tmp_path / "it's a relay.git"
    git("init", "--quiet", "--bare", str(relay))
    alice.post("Through ssh")
    done = alice.run("wl", "peer", "add", f"ssh://git@relay.example:2222{relay}")
    assert done.returncode == 6, "an address has no spaces"
    relay = relay.rename(tmp_path / "relay's.git")
    alice.ok("wl", "peer", "add", f"ssh://git@relay.example:2222{relay}")
    alice.ok("wl", "sync")
    assert refs(relay, alice.commons(), "log/") == refs(alice.repository(), alice.commons(), "log/")
    assert (
        "-oBatchMode=yes -oConnectTimeout=10 -p 2222 -- git@relay.example git-upload-pack"
        in (tmp_path / "asked").read_text()
    )


def test_a_delegate_covers_what_has_moved_and_then_rests(alice: Person) -> None:
    alice.post()
    home = Home(alice.home)
    with Commons(home, alice.commons()) as ours:
        assert ours.checkpoint() == 1
        assert ours.checkpoint() == 0
    alice.post("Another")
    with Commons(home, alice.commons()) as ours:
        assert ours.checkpoint() == 1
        state = ours.index.state("commons", ours.id)
    assert state is not None
    assert state["covered"][0][2] == 4, "open, profile, post, checkpoint, post"
    assert state["covered_keys"] == [[home.key_log().scid, home.key_log().scid, 1]]


def test_an_ssh_key_becomes_the_device_key(person: Callable[[str], Person], tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    somebody = person("ssh")
    somebody.ok("wl", "init", "--ssh-key", str(key))
    somebody.ok("wl", "create", "C")
    assert somebody.post("Signed by ssh")
    assert somebody.ask("wl", "verify")["problems"] == []


def test_an_early_end_keeps_its_exit_code(alice: Person, tmp_path: Path) -> None:
    alice.ok("wl", "peer", "add", "http://127.0.0.1:9/git/" + alice.commons())
    assert alice.run("wl", "sync").returncode == 6
    (alice.home / "identity" / "device.key").chmod(0o644)
    assert alice.run("wl", "doctor", "--check").returncode == 7


def test_a_log_that_was_damaged_on_disk_is_found(alice: Person) -> None:
    """A letter of a signature, changed where it lies: `wl verify` says so and ends with seven."""
    alice.post()
    with Commons(Home(alice.home), alice.commons()) as ours:
        log = ours.author.log(ours.id)
        repository = wiring.store_of(ours.ledger).repository
        ref = wiring.store_of(ours.ledger).log_ref(log)
        target = repository.ref(ref)
        assert target is not None
        lines = ours.ledger.store.lines(log)
        forged = b"".join([b"A" + lines[0][1:], *lines[1:]]) if not lines[0].startswith(b"A") else b"B" + lines[0][1:]
        objects, head = damaged(repository, target, forged)
        repository.write(objects, [RefUpdate(ref, target, head)])
    done = alice.run("wl", "verify")
    assert done.returncode == 7, done.stdout + done.stderr
    assert "PROBLEM" in done.stdout
    assert "signature" in done.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["wl", "sheet", "export", "/nowhere/x.json"], "No such file or directory: /nowhere/x.json"),
        (["wl", "serve", "--port", "{port}"], "cannot listen on port {port}: Address already in use"),
    ],
    ids=["a folder that is not there", "a port that is taken"],
)
def test_what_the_system_refuses_is_one_sentence(alice: Person, bob: Person, command: list[str], words: str) -> None:
    item = alice.post()
    with alice.serving() as url:
        bob.ok("wl", "join", url)
        bob.ok("wl", "claim", item, "--wait")
        bob.ok("wl", "done", item, "--url", "https://example.org")
        alice.ok("wl", "accept", item, "--stamp", "--quality", "5")
        port = url.rsplit(":", 1)[1]
        done = bob.run(*(part.format(port=port) for part in command))
    assert done.returncode == 1
    assert words.format(port=port) in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_stamps_their_own_work(alice: Person) -> None:
    item = alice.post()
    alice.ok("wl", "claim", item)
    alice.ok("wl", "done", item, "--url", "https://example.org")
    assert alice.run("wl", "accept", item, "--stamp", "--quality", "5").returncode == 5
    alice.ok("wl", "accept", item)
    assert alice.run("wl", "stamp", item, "--quality", "5").returncode == 5
    assert alice.ask("wl", "show", item)["item"]["stamps"] == []


def test_work_handed_in_without_a_claim_can_be_granted_and_taken(alice: Person, bob: Person) -> None:
    item = alice.post()
    with alice.serving() as url:
        bob.ok("wl", "join", url, "--as", "bob")
        assert "never granted" in bob.ok("wl", "done", item, "--url", "https://example.org", "-m", "It closes now.")
        refused = alice.run("wl", "accept", item)
        assert refused.returncode == 4
        assert "wl grant" in refused.stderr
        alice.ok("wl", "grant", item, "bob")
        shown = alice.ok("wl", "accept", item, "--stamp", "--quality", "4")
    assert "It closes now." in shown
    assert len(alice.ask("wl", "show", item)["item"]["stamps"]) == 1


def test_verbs_go_on_meaning_the_first_commons(alice: Person) -> None:
    assert "wl use" in alice.ok("wl", "create", "Second")
    alice.post("In the first")
    assert alice.ask("wl", "browse")["commons"] == next(
        c["id"] for c in alice.ask("wl", "list")["commons"] if c["meant"]
    )
    assert alice.ask("wl", "browse", "-c", "Seco")["items"] == []
    alice.ok("wl", "use", "Second")
    assert alice.ask("wl", "browse")["items"] == []


def test_a_verb_that_fails_leaves_no_identity_behind(person: Callable[[str], Person]) -> None:
    nobody = person("nobody")
    assert nobody.run("wl", "post", "x").returncode == 3
    assert nobody.run("wl", "join", "http://127.0.0.1:9").returncode == 6
    assert not (nobody.home / "identity").exists()


def test_a_passphrase_protects_the_key(person: Callable[[str], Person]) -> None:
    careful = person("careful")
    refused = careful.run("wl", "init", "--passphrase")
    assert refused.returncode == 2
    careful = Person(careful.home, (("WL_PASSPHRASE", "open sesame"),))
    careful.ok("wl", "init", "--passphrase")
    careful.ok("wl", "create", "C")
    assert careful.post()
    locked = Person(careful.home).run("wl", "post", "x", "--offline")
    assert locked.returncode == 5
    assert "WL_PASSPHRASE" in locked.stderr


def test_a_fork_takes_history_and_stamps_along(alice: Person, bob: Person, person: Callable[[str], Person]) -> None:
    item = alice.post()
    with alice.serving() as url:
        bob.ok("wl", "join", url)
        bob.ok("wl", "claim", item, "--wait")
        bob.ok("wl", "done", item, "--url", "https://example.org")
        alice.ok("wl", "accept", item, "--stamp", "--quality", "5")
        bob.ok("wl", "sync")
    fork = bob.ask("wl", "fork", "Second", "--commons", "Test Commons")
    assert fork["parent"] == alice.commons()
    carol = person("carol")
    with bob.serving() as url:
        carol.ok("wl", "join", f"{url}/git/{fork['commons']}")
    followed = {c["id"] for c in carol.ask("wl", "list")["commons"]}
    assert followed == {fork["commons"], fork["parent"]}
    actor = bob.ask("wl", "me", "--commons", "Second")["actor"]
    sheet = carol.ask("wl", "sheet", "show", actor)["sheet"]
    assert sheet["stamps"] == 1
    assert sheet["commons"][0]["id"] == fork["parent"]


def test_a_commons_is_judged_by_its_own_dimensions(tmp_path: Path) -> None:
    ann, bob = Person(tmp_path / "ann"), Person(tmp_path / "bob")
    ann.ok("wl", "create", "Our Commons")
    relay = tmp_path / "relay.git"
    git("init", "--quiet", "--bare", str(relay))
    ann.ok("wl", "peer", "add", str(relay))
    item = str(ann.ask("wl", "post", "Tell a joke", "--competition", "--dimension", "wit")["item"]["id"])
    bob.ok("wl", "join", str(relay))
    bob.ok("wl", "done", item, "--summary", "Knock, knock.")
    ann.ok("wl", "accept", item)
    refused = ann.run("wl", "stamp", item, "--dimension", "wit=4")
    assert refused.returncode == USAGE
    assert "The dimensions here are: creativity, quality, reliability." in refused.stderr
    assert ann.run("wl", "stamp", item, "--dimension", "wit").returncode == USAGE
    ann.ok("wl", "charter", "propose", "policy", "--dimension", "wit")
    (stamp,) = ann.ask("wl", "stamp", item, "--dimension", "wit=4", "--quality", "3")["item"]["stamps"]
    assert stamp["dims"] == {"quality": 3, "wit": 4}


def test_an_offer_is_changed_until_somebody_has_it(tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann")
    ann.ok("wl", "create", "Our Commons")
    options = ("--skill", "oil", "--effort", "small", "--deadline", "2026-12-24", "-d", "It squeaks.")
    item = str(ann.ask("wl", "post", "Fix the door", *options)["item"]["id"])
    changed = ann.ask("wl", "edit", item, "--priority", "0", "--title", "Oil the door", "--check", "make test")["item"]
    assert (changed["title"], changed["description"]) == ("Oil the door", "It squeaks.")
    assert (changed["priority"], changed["effort"], changed["skills"]) == (0, "small", ["oil"])
    assert [check["command"] for check in changed["checks"]] == ["make test"]
    assert changed["deadline"] == 1_798_156_799_000
    again = ann.ask("wl", "edit", item, "--skill", "wood", "-d", "")["item"]
    assert (again["skills"], again["description"], again["priority"]) == (["wood"], "", 0)
    assert ann.run("wl", "edit", item, "--title", "two\nlines").returncode == USAGE
    ann.ok("wl", "claim", item)
    assert ann.run("wl", "edit", item, "--priority", "1").returncode == CONFLICT


@pytest.fixture
def shed(tmp_path: Path) -> tuple[Person, Person]:
    """Two people who meet in a repository."""
    ann, bob = Person(tmp_path / "ann"), Person(tmp_path / "bob")
    ann.ok("wl", "create", "Our Shed", "--as", "ann")
    relay = tmp_path / "relay.git"
    git("init", "--quiet", "--bare", str(relay))
    ann.ok("wl", "peer", "add", str(relay))
    ann.ok("wl", "sync")
    bob.ok("wl", "join", str(relay), "--as", "bob")
    ann.ok("wl", "sync")
    return ann, bob


def handed_in(ann: Person, bob: Person, *options: str) -> str:
    item = str(ann.ask("wl", "post", "Sweep", "--competition", *options)["item"]["id"])
    bob.ok("wl", "sync")
    bob.ok("wl", "done", item, "--summary", "Swept.")
    ann.ok("wl", "sync")
    return item


def test_a_score_means_a_stamp(shed: tuple[Person, Person]) -> None:
    ann, bob = shed
    item = handed_in(ann, bob, "--check", "make test")
    done = ann.run("wl", "accept", item, "--quality", "5")
    assert "Accepted and stamped." in done.stdout
    assert "1 check of this item did not run before this stamp" in done.stderr
    again = ann.run("wl", "stamp", item, "--quality", "4")
    assert "it takes the place of what you said before" in again.stdout
    bob.ok("wl", "sync")
    bob.ok("wl", "dispute", item, "--reason", "It shines.")
    ann.ok("wl", "sync")
    assert "still stands: wl answer" in ann.run("wl", "stamp", item, "--quality", "4").stderr
    shown = ann.ask("wl", "show", item)["item"]
    assert len(shown["disputes"]) == len(shown["stamps"]) == 1
    assert bob.run("wl", "unstamp", item).returncode == NOT_FOUND


def test_a_commit_is_named_as_a_whole(shed: tuple[Person, Person], tmp_path: Path) -> None:
    _, bob = shed
    item = str(shed[0].ask("wl", "post", "Sweep", "--competition")["item"]["id"])
    bob.ok("wl", "sync")
    assert bob.run("wl", "done", item, "--commit", "zzz").returncode == USAGE
    project = tmp_path / "project"
    git("init", "--quiet", str(project))
    git("-C", str(project), "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--allow-empty", "-qm", "One")
    done = bob.run("wl", "done", item, "--commit", "HEAD", "--json", cwd=project)
    (submission,) = json.loads(done.stdout)["item"]["submissions"]
    (evidence,) = submission["evidence"]
    assert len(evidence["commit"]) == 40
    assert "repo" not in evidence


def test_trust_is_said_listed_and_taken_back(shed: tuple[Person, Person]) -> None:
    ann, bob = shed
    assert "You have said nothing of anybody." in ann.ok("wl", "trust")
    ann.ok("wl", "trust", "bob", "-1")
    (said,) = ann.ask("wl", "trust")["trusts"]
    assert said["weight"] == -1
    ann.ok("wl", "trust", "bob", "0")
    assert ann.ask("wl", "trust")["trusts"] == []
    assert bob.ask("wl", "name", "robert")["handle"] == "robert"
    ann.ok("wl", "sync")
    ann.ok("wl", "trust", "robert")


def test_a_letter_names_no_item_where_something_is_signed(shed: tuple[Person, Person]) -> None:
    ann, _ = shed
    item = str(ann.ask("wl", "post", "Sweep")["item"]["id"])
    done = ann.run("wl", "claim", item[:2])
    assert done.returncode == USAGE
    assert "too short to sign for" in done.stderr
    assert "no item nope" in ann.run("wl", "claim", "nope").stderr
