"""What people type by mistake, and what befalls a home: said in a sentence with the way on, and nothing is done."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from node.errors import BAD_DATA, NOT_ALLOWED, NOT_FOUND, REFUSED, USAGE
from node.keybox import DEVICE, KEYS, RECOVERY
from tests.node.support import DEADLINE, Person, Resident, environment, git, refs
from tests.node.test_sheetfiles import Earned, two_stamps

LONG = "x" * 200


@pytest.fixture
def ann(tmp_path: Path) -> Resident:
    found = Resident(tmp_path / "ann")
    found.ok("wl", "create", "Shed", "--as", "ann")
    return found


def said(person: Person, *command: str) -> tuple[int, str, str]:
    """Return exit code, message and hint of what was refused."""
    done = person.run(*command, "--json")
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    return done.returncode, error["message"], error["hint"]


# -- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("name", ""), "a name is one line"),
        (("name", "a\u202eb"), "a name is one line"),
        (("create", ""), "the name of a commons"),
        (("create", "Yard", "--dimension", "Bad Word"), "'Bad Word' is no dimension"),
        (("create", "Yard", "--as", LONG), "a name is one line"),
        (("fork", LONG), "the name of a commons"),
        (("post", "T", "--dimension", "Bad Word"), "a dimension has small letters"),
        (("post", "T", *(f"--skill=s{n}" for n in range(17))), "at most 16 skills"),
        (("post", "T", "--deadline", "1960-01-01"), "after 1970"),
        (("post", "T", "--offline", "-d", "x" * 300_000), "too long to be signed"),
        (("post", os.fsdecode(b"bad\xff"), "--offline"), "not UTF-8"),
        (("charter", "propose", "delegates", "--threshold", "5"), "with 1 delegate it is 1"),
        (("charter", "propose", "delegates", "--remove", "ann"), "these would be 0"),
        (("charter", "propose", "policy", "--dimension", "Bad Word"), "'Bad Word' is no dimension"),
        (("charter", "propose", "policy"), "nothing is changed"),
        (("trust", "ann", "nan"), "nan is no weight"),
    ],
    ids=lambda each: " ".join(each[:4])[:50] if isinstance(each, tuple) else "",
)
def test_what_cannot_be_meant_is_a_slip_with_a_way_on(ann: Resident, command: tuple[str, ...], words: str) -> None:
    before = ann.ask("wl", "list")["commons"]
    code, message, hint = said(ann, "wl", *command)
    assert (code, words in message, bool(hint)) == (USAGE, True, True), message
    assert "payload" not in message
    assert ann.ask("wl", "list")["commons"] == before


def test_a_comment_says_something(ann: Resident) -> None:
    item = ann.post()
    assert said(ann, "wl", "comment", item, " ", "--offline")[0] == USAGE


@pytest.mark.parametrize("options", [("--url", ""), ("--url", "a\nb"), ("--url", "x" * 2001), ("--repo", "a\nb")])
def test_evidence_that_nobody_could_follow_is_a_slip(ann: Resident, options: tuple[str, str]) -> None:
    code, message, _ = said(ann, "wl", "done", ann.post(), "--summary", "Done.", *options, "--offline")
    assert (code, "an address is one line" in message) == (USAGE, True)


def test_too_much_evidence_is_a_slip_too(ann: Resident) -> None:
    """Nothing looks for this one before it is signed."""
    urls = (f"--url=https://example.org/{n}" for n in range(17))
    code, message, _ = said(ann, "wl", "done", ann.post(), *urls, "--offline")
    assert (code, message) == (USAGE, "that cannot be said here: more than 16 pieces of evidence")


def test_a_deadline_that_has_passed_is_taken_and_told(ann: Resident) -> None:
    done = ann.run("wl", "post", "T", "--deadline", "2020-01-01", "--offline")
    assert (done.returncode, "has passed already" in done.stderr) == (0, True)
    assert "passed" not in ann.run("wl", "post", "T", "--deadline", "2099-01-01", "--offline").stderr


def test_whoever_has_no_id_of_an_actor_is_not_let_in(ann: Resident) -> None:
    assert said(ann, "wl", "charter", "propose", "admit", "Qm" + "0" * 44, "--offline")[0] == NOT_FOUND


@pytest.fixture(scope="module")
def earned(tmp_path_factory: pytest.TempPathFactory) -> Earned:
    return two_stamps(tmp_path_factory.mktemp("slips"))


@pytest.mark.parametrize("options", [("--title", LONG), ("--skill", ""), ("--dimension", "wit=3")])
def test_a_stamp_that_cannot_be_given_is_a_slip(earned: Earned, options: tuple[str, str]) -> None:
    code, message, _ = said(earned.alice, "wl", "stamp", earned.items[0], "--quality", "3", *options, "--offline")
    assert (code, "payload" in message) == (USAGE, False)


def test_who_accepts_what_is_over_is_told_so_with_and_without_a_stamp(earned: Earned) -> None:
    for options in (), ("--stamp", "--quality", "3"):
        code, message, hint = said(earned.alice, "wl", "accept", earned.items[0], *options, "--offline")
        assert (code, message, "wl stamp" in hint) == (4, "the item is completed", True)


# -- a name that goes along ------------------------------------------------------------------------------------------


def test_the_one_name_of_a_home_goes_along_into_the_next_commons(ann: Resident, tmp_path: Path) -> None:
    assert "as elsewhere" in ann.ok("wl", "create", "Yard")
    assert ann.ask("wl", "fork", "Barn", "--commons", "Shed")["called"].startswith("ann ·")
    git("init", "-q", "--bare", str(tmp_path / "relay.git"))
    bob = Resident(tmp_path / "bob")
    bob.ok("wl", "create", "Garden", "--as", "bob")
    bob.ok("wl", "peer", "add", str(tmp_path / "relay.git"))
    bob.ok("wl", "sync")
    assert "wl name ann" in ann.ok("wl", "join", str(tmp_path / "relay.git"))
    assert len(refs(ann.repository(bob.commons()), bob.commons(), "log")) == 1, "following says nothing to anybody"
    ann.ok("wl", "name", "anna", "--commons", "Yard", "--offline")
    assert ann.ask("wl", "create", "Field")["called"] is None, "two names: nobody knows which"


def test_a_name_that_is_given_counts_and_is_not_told_as_elsewhere(ann: Resident) -> None:
    out = ann.ok("wl", "create", "Yard", "--as", "anna")
    assert "elsewhere" not in out
    ann.ok("wl", "create", "Lawn", "--nameless")
    assert ann.run("wl", "create", "Hedge", "--nameless", "--as", "ann").returncode == USAGE
    assert ann.ask("wl", "create", "Field")["called"] is None


# -- an identity that is lost ----------------------------------------------------------------------------------------


def test_a_home_that_has_lost_its_identity_makes_no_other_unasked(ann: Resident) -> None:
    owner = ann.ask("wl", "me")["actor"]
    kept = ann.home.with_name("kept")
    shutil.move(ann.home / "identity", kept)
    for command in ("post", "X"), ("create", "Yard"), ("join", "/nowhere"), ("me",):
        code, message, hint = said(ann, "wl", *command)
        assert (code, owner in message, "wl id recover" in hint, "wl init" in hint) == (NOT_FOUND, True, True, True)
    assert not (ann.home / "identity" / KEYS).exists()
    assert ann.run("wl", "doctor", "--offline").returncode == BAD_DATA
    shutil.rmtree(ann.home / "identity", ignore_errors=True)
    shutil.move(kept, ann.home / "identity")
    ann.post()
    assert ann.ask("wl", "me")["actor"] == owner


def test_whoever_has_the_recovery_key_goes_on_in_the_same_home(ann: Resident, tmp_path: Path) -> None:
    relay = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(relay))
    ann.ok("wl", "peer", "add", str(relay))
    ann.ok("wl", "sync")
    owner = ann.ask("wl", "me")["actor"]
    shutil.move(ann.home / "identity", tmp_path / "kept")
    ann.ok("wl", "id", "recover", str(tmp_path / "kept" / RECOVERY), "--from", str(relay))
    ann.post()
    assert ann.ask("wl", "me")["actor"] == owner


def test_somebody_new_on_purpose_is_let(ann: Resident) -> None:
    owner = ann.ask("wl", "me")["actor"]
    shutil.rmtree(ann.home / "identity")
    assert owner in ann.ok("wl", "init")
    ann.post()
    assert ann.ask("wl", "me")["actor"] != owner


def test_keys_without_their_key_log_are_not_written_over(ann: Resident) -> None:
    (ann.home / "identity" / KEYS).unlink()
    before = (ann.home / "identity" / RECOVERY).read_bytes()
    assert said(ann, "wl", "init")[0] == REFUSED
    assert (ann.home / "identity" / RECOVERY).read_bytes() == before


# -- damage ----------------------------------------------------------------------------------------------------------


def test_an_empty_key_is_named(ann: Resident) -> None:
    path = ann.home / "identity" / DEVICE
    path.write_bytes(b"")
    code, message, _ = said(ann, "wl", "post", "X", "--offline")
    assert (code, str(path) in message) == (NOT_ALLOWED, True)
    out = ann.run("wl", "doctor", "--offline").stdout
    assert f"BAD  {DEVICE}: {path} is empty" in out


def test_a_damaged_key_is_named(ann: Resident) -> None:
    path = ann.home / "identity" / DEVICE
    path.write_bytes(path.read_bytes()[:80])
    assert str(path) in said(ann, "wl", "post", "X", "--offline")[1]


def test_a_doctor_looks_at_the_rest_where_the_configuration_is_broken(ann: Resident) -> None:
    (ann.home / "config.toml").write_text("x = \n")
    done = ann.run("wl", "doctor", "--offline")
    assert done.returncode == BAD_DATA
    assert "BAD  configuration" in done.stdout
    assert "every signature checked" in done.stdout


@pytest.mark.parametrize("name", ["state.json", "commons/{}/peers.json"])
def test_a_damaged_file_of_the_home_is_named(ann: Resident, name: str) -> None:
    path = ann.home / name.format(ann.commons())
    path.write_text("{]")
    code, message, hint = said(ann, "wl", "sync")
    assert (code, str(path) in message, bool(hint)) == (REFUSED, True, True)


def test_a_doctor_without_findings_ends_with_0_and_with_bad_ones_with_7(ann: Resident) -> None:
    assert ann.run("wl", "doctor", "--offline").returncode == 0
    (ann.home / "identity" / DEVICE).chmod(0o644)
    assert ann.run("wl", "doctor", "--offline").returncode == BAD_DATA
    assert ann.run("wl", "doctor", "--fix", "--offline").returncode == BAD_DATA


# -- bundles ---------------------------------------------------------------------------------------------------------


def test_a_bundle_is_written_over_a_bundle_and_nothing_else(ann: Resident, tmp_path: Path) -> None:
    file = tmp_path / "README"
    file.write_text("Precious.\n")
    code, message, _ = said(ann, "wl", "bundle", "write", str(file))
    assert (code, str(file) in message, file.read_text()) == (REFUSED, True, "Precious.\n")
    assert str(tmp_path / "none") in said(ann, "wl", "bundle", "write", str(tmp_path / "none" / "a"))[1]
    assert str(file) in said(ann, "wl", "bundle", "read", str(file))[1]
    for _ in range(2):
        ann.ok("wl", "bundle", "write", str(tmp_path / "a.bundle"))


# -- forks and signatures --------------------------------------------------------------------------------------------


def test_an_item_of_the_parent_is_offered_anew_once(ann: Resident) -> None:
    item = ann.post()
    ann.ok("wl", "fork", "Barn", "--commons", "Shed")
    anew = ann.ask("wl", "adopt", item, "--commons", "Barn")["item"]
    code, message, _ = said(ann, "wl", "adopt", item, "--commons", "Barn")
    assert (code, anew[:12] in message) == (4, True)
    ann.ok("wl", "withdraw", anew, "--commons", "Barn")
    ann.ok("wl", "adopt", item, "--commons", "Barn")


def first_word_of_a_node(person: Person) -> str:
    """Run `wl serve` until it says something beside its address."""
    child = subprocess.Popen(
        [sys.executable, "-m", "node.cli.wl", "serve", "--port", "0"], env=environment(person.home),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stderr is not None
        ready, _, _ = select.select([child.stderr], [], [], DEADLINE)
        return child.stderr.readline() if ready else ""
    finally:
        child.terminate()
        child.communicate(timeout=DEADLINE)


def test_a_delegate_is_told_what_waits_for_a_signature(ann: Resident, tmp_path: Path) -> None:
    git("init", "-q", "--bare", str(tmp_path / "relay.git"))
    ann.ok("wl", "peer", "add", str(tmp_path / "relay.git"))
    ann.ok("wl", "sync")
    bob = Resident(tmp_path / "bob")
    bob.ok("wl", "join", str(tmp_path / "relay.git"), "--as", "bob")
    ann.ok("wl", "sync")
    ann.ok("wl", "charter", "propose", "delegates", "--add", "bob", "--threshold", "2")
    proposal = ann.ask("wl", "charter", "propose", "policy", "--validators", "any")["id"]
    assert f"wl charter sign {proposal[:12]}" in bob.ok("wl", "sync")
    assert "wl charter sign" not in ann.ok("wl", "sync"), "who has proposed it stands behind it"
    assert [each["proposal"] for each in bob.ask("wl", "me")["to_sign"]] == [proposal]
    assert f"to sign   {proposal[:12]}" in bob.ok("wl", "me")
    assert f"wl charter sign {proposal[:12]}" in first_word_of_a_node(bob)
    bob.ok("wl", "charter", "sign")
    assert bob.ask("wl", "me")["to_sign"] == []


def test_a_revocation_says_which_keys_go_on(ann: Resident, tmp_path: Path) -> None:
    laptop = Resident(tmp_path / "laptop")
    key = laptop.ask("wl", "id", "request")["key"]
    ann.ok("wl", "id", "add-device", key, "--offline")
    out = ann.ok("wl", "id", "revoke", key, "--offline")
    here = next(each["key"] for each in ann.ask("wl", "id", "show")["keys"] if each["this_machine"])
    assert f"{here} (this machine) goes on." in out


# -- an end in the middle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [(("post", "X"), "nothing was written"), (("id", "rotate"), "nothing was changed")],
    ids=["a verb of the board", "a change of keys"],
)
def test_whoever_ends_a_verb_before_it_writes_is_told(
    alice: Person, command: tuple[str, ...], words: str, slow: Callable[[Person], socket.socket]
) -> None:
    server = slow(alice)
    before = alice.ask("wl", "id", "show")["entries"]
    child = subprocess.Popen(
        [sys.executable, "-m", "node.cli.wl", *command], env=environment(alice.home),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    connection, _ = server.accept()
    with connection:
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=DEADLINE)
    assert (child.returncode, words in err) == (130, True), err
    assert alice.ask("wl", "browse")["items"] == []
    assert alice.ask("wl", "id", "show")["entries"] == before


@pytest.fixture
def slow(request: pytest.FixtureRequest) -> Callable[[Person], socket.socket]:
    """Make somebody the peer of a server that takes connections and never answers."""

    def make(person: Person) -> socket.socket:
        server = socket.create_server(("127.0.0.1", 0))
        server.settimeout(DEADLINE)
        request.addfinalizer(server.close)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/git/{person.commons()}"
        path = person.home / "commons" / person.commons() / "peers.json"
        path.write_text(json.dumps([{"url": url}]))
        return server

    return make
