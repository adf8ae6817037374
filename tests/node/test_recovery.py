"""The recovery key: a lost machine is no lost name; keys as people give them; a DID on a domain."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given as given_any
from hypothesis import strategies as st

from beads.errors import Ambiguous, NotFound
from node import identity
from node.errors import NodeError, Usage
from node.home import Home
from node.keybox import RECOVERY
from node.recovery import safe
from stamps import keylog
from stamps.keyfile import dump_openssh
from stamps.keylog import AUTHENTICATION
from stamps.keys import SigningKey
from tests.node.machines import added, error, kept_elsewhere, looked, shown
from tests.node.support import Person, Resident, git

KEY = SigningKey.from_seed(bytes([77]) * 32)


@pytest.fixture
def person(tmp_path: Path) -> Callable[[str], Person]:
    return lambda name: Resident(tmp_path / name)


# -- recovery ------------------------------------------------------------------------------------------------------


def test_a_person_with_the_recovery_key_alone_is_themselves_again(
    alice: Person, laptop: Person, relay: str, tmp_path: Path
) -> None:
    item = alice.ask("wl", "post", "Mine")["item"]["id"]
    stick = kept_elsewhere(alice, tmp_path)
    answer = laptop.ask("wl", "id", "recover", str(stick), "--from", relay)
    assert answer["recovery"] == str(stick.with_name("recovery.2.key"))
    assert shown(laptop)["actor"] == shown(alice)["actor"]
    (revoked,) = shown(laptop)["revoked"]
    assert [cut["op"] for cut in revoked["kept"]] == [item]
    assert revoked["heir"] == next(one["key"] for one in shown(laptop)["keys"] if one["this_machine"])
    laptop.ok("wl", "post", "Here again")
    assert error(alice, "wl", "post", "Who has it now")[:2] == (5, "not_allowed")
    laptop.ok("wl", "id", "rotate", "--recovery", answer["recovery"])


def test_recovery_may_spare_a_machine_that_is_not_lost(
    alice: Person, laptop: Person, person: Callable[[str], Person], relay: str, tmp_path: Path
) -> None:
    lost = added(alice, laptop, relay)
    stick = kept_elsewhere(alice, tmp_path)
    third = person("third")
    third.ok("wl", "id", "recover", str(stick), "--from", relay, "--lost", lost)
    alice.ok("wl", "post", "Still a device")
    assert error(laptop, "wl", "post", "x")[0] == 5


def test_recovery_wants_the_key_that_counts(
    alice: Person, bob: Person, laptop: Person, relay: str, tmp_path: Path
) -> None:
    stick = kept_elsewhere(alice, tmp_path)
    alice.ok("wl", "id", "rotate", "--recovery", str(stick))
    code, name, hint = error(laptop, "wl", "id", "recover", str(stick), "--from", relay)
    assert (code, name) == (5, "not_allowed")
    assert "successor" in hint
    bob.ok("wl", "init")
    other = str(bob.home / "identity" / RECOVERY)
    assert error(laptop, "wl", "id", "recover", other, "--from", relay)[:2] == (3, "not_found")
    assert error(bob, "wl", "id", "recover", str(stick), "--from", relay)[0] == 1
    assert error(alice, "wl", "id", "rotate")[:2] == (3, "not_found")


def test_the_recovery_key_goes_where_its_owner_says(alice: Person, tmp_path: Path) -> None:
    stick = kept_elsewhere(alice, tmp_path)
    safer = tmp_path / "safer.key"
    alice.ok("wl", "id", "rotate", "--recovery", str(stick), "--new-recovery", str(safer))
    assert safer.stat().st_mode & 0o777 == 0o600
    assert not (alice.home / "identity" / RECOVERY).exists()
    command = ("wl", "id", "rotate", "--recovery", str(safer), "--new-recovery")
    assert error(alice, *command, str(stick))[:2] == (2, "usage")
    assert error(alice, *command, str(tmp_path / "nowhere" / "x.key"))[:2] == (2, "usage")
    assert len(shown(alice)["entries"]) == 2
    alice.ok("wl", "id", "rotate", "--recovery", str(safer))
    assert (tmp_path / "safer.3.key").is_file()


def test_two_machines_that_go_on_from_one_recovery_key_are_told(
    alice: Person, laptop: Person, relay: str, tmp_path: Path
) -> None:
    added(alice, laptop, relay)
    stick = kept_elsewhere(alice, tmp_path)
    copy = tmp_path / "copy.key"
    copy.write_bytes(stick.read_bytes())
    copy.chmod(0o600)
    alice.ok("wl", "create", "Another", "--as", "alice")
    another = str(tmp_path / "another.git")
    git("init", "-q", "--bare", another)
    alice.ok("wl", "peer", "add", another, "--commons", "Another")
    alice.ok("wl", "id", "rotate", "--recovery", str(stick))
    laptop.ok("wl", "id", "rotate", "--recovery", str(copy), "--offline")
    assert "forked" in laptop.ok("wl", "sync")
    laptop.ok("wl", "join", another)
    assert error(laptop, "wl", "post", "x", "--commons", "Another")[:2] == (5, "not_allowed")
    findings = [one for one in looked(laptop) if one["what"].startswith("key log")]
    assert [one["ok"] for one in findings] == [False]


# -- keys as people give them --------------------------------------------------------------------------------------


def test_a_key_is_given_as_a_did_a_line_or_a_file(tmp_path: Path) -> None:
    line = openssh_line(KEY)
    (tmp_path / "id.pub").write_text(line + "\n")
    for given in (KEY.public.did, line, str(tmp_path / "id.pub")):
        assert identity.read_key(given) == KEY.public


def openssh_line(key: SigningKey) -> str:
    public = Ed25519PublicKey.from_public_bytes(key.public.raw)
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + " ann@example.org"


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    private = tmp_path / "id"
    private.write_bytes(dump_openssh(KEY, None))
    p256 = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    other = p256.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    for given in ("", "z6Mk", "did:key:z6Mk", "ssh-ed25519 AAAA", other, str(private), str(tmp_path / "none")):
        with pytest.raises(Usage):
            identity.read_key(given)


def test_a_key_of_the_log_is_found_by_how_it_begins(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_identity()
    agent = SigningKey.from_seed(bytes([5]) * 32).public
    keys = identity.add(home, safe(home, None, None), agent, agent=True).keys
    assert keys.purposes(agent.did) == {AUTHENTICATION}
    assert identity.find_key(keys, agent.multibase) == agent.did
    with pytest.raises(Ambiguous):
        identity.find_key(keys, "z6Mk")
    with pytest.raises(NotFound):
        identity.find_key(keys, KEY.public.did)


def test_the_clock_of_a_machine_must_not_be_behind_the_key_log(tmp_path: Path) -> None:
    home = Home(tmp_path)
    early = keylog.incept(
        update=KEY, next_update=SigningKey.from_seed(bytes([2]) * 32).public,
        device=SigningKey.from_seed(bytes([3]) * 32).public, time="2999-01-01T00:00:00Z",
    )  # fmt: skip
    with home.box.opened():
        home.box.stage(RECOVERY, SigningKey.from_seed(bytes([2]) * 32), None)
        home.box.commit(early)
    with pytest.raises(NodeError, match="clock"):
        identity.rotate(home, safe(home, None, None))


def test_changes_within_a_second_still_rise(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_identity()
    for _ in range(3):
        keys = identity.rotate(home, safe(home, None, None)).keys
    times = [entry.time for entry in keys.entries]
    assert times == sorted(set(times))


# -- a domain ------------------------------------------------------------------------------------------------------


def test_a_did_moves_to_a_domain_and_the_file_verifies(alice: Person, tmp_path: Path) -> None:
    file = tmp_path / "did.jsonl"
    command = ("wl", "id", "publish", "--domain", "example.org", "--path", "people/ann", "--out", str(file))
    answer = alice.ask(*command)
    assert answer["address"] == "https://example.org/people/ann/did.jsonl"
    keys = keylog.verify(file.read_bytes())
    assert keys.did == answer["did"] == shown(alice)["did"]
    assert keys.first_did in keys.entries[-1].document["alsoKnownAs"]
    nowhere = ("--out", str(tmp_path / "no" / "did.jsonl"))
    assert alice.run("wl", "id", "publish", "--domain", "example.com", *nowhere).returncode == 1
    assert shown(alice)["did"] == answer["did"]
    again = alice.ask(*command)
    assert again["did"] == answer["did"]
    assert keylog.verify(file.read_bytes()).raw == keys.raw


HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,8}\.[a-z]{2,6}(:[1-9][0-9]{0,4})?", fullmatch=True)
PATHS = st.lists(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True), max_size=3).map("/".join)


@given_any(HOSTS, PATHS)
def test_a_did_leads_back_to_where_it_was_put(host: str, path: str) -> None:
    location = identity.location_of(host, path)
    place = f"{host}/{path or '.well-known'}"
    assert identity.address_of(f"did:webvh:Qm:{location}") == f"https://{place}/did.jsonl"
    assert set(location) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%")


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("", ""), ("localhost", ""), ("Example.org", ""), ("example.org/x", ""), ("exämple.org", ""), ("1.2.3.4", ""),
        ("example.org:", ""), ("example.org:x", ""), ("a..b", ""), ("-a.org", ""), ("example.org\n", ""),
        ("example.org", ".."), ("example.org", "a/../b"), ("example.org", "a b"), ("example.org", "%2e"),
        ("example.org", "a:b"), ("example.org", ".well-known"),
    ],
)  # fmt: skip
def test_what_is_no_place_on_the_web_is_refused(host: str, path: str) -> None:
    with pytest.raises(Usage):
        identity.location_of(host, path)
