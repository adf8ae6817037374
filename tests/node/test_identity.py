"""One person, several machines: devices and agents come and go, and a key that is revoked is heard no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beads.errors import Ambiguous, NotAllowed, NotFound
from node import holdings
from node.commons import Commons
from node.errors import NodeError
from node.holdings import ALL, NONE
from node.home import Home
from node.keybox import RECOVERY
from node.recovery import change, safe
from stamps.keychange import Change
from stamps.revocation import Cut, Revocation
from tests.node.machines import added, error, looked, shown, titles
from tests.node.support import Person, Resident
from tests.world import TERMS


@pytest.fixture
def person(tmp_path: Path) -> Callable[[str], Person]:
    return lambda name: Resident(tmp_path / name)


# -- a second machine ----------------------------------------------------------------------------------------------


def test_a_second_machine_becomes_a_device_and_speaks_for_the_same_person(
    alice: Person, laptop: Person, relay: str
) -> None:
    key = added(alice, laptop, relay)
    laptop.ok("wl", "post", "From the laptop")
    alice.ok("wl", "sync")
    assert titles(alice) == {"From the laptop"}
    (item,) = alice.ask("wl", "browse")["items"]
    assert item["poster"] == shown(alice)["actor"] == shown(laptop)["actor"]
    assert {one["key"]: one["this_machine"] for one in shown(laptop)["keys"]}[key]
    assert not {one["key"]: one["this_machine"] for one in shown(alice)["keys"]}[key]
    assert shown(laptop)["recovery"] is None
    assert shown(alice)["recovery"] is not None


def test_a_machine_that_asks_makes_no_identity_of_its_own(alice: Person, laptop: Person, relay: str) -> None:
    key = laptop.ask("wl", "id", "request")["key"]
    assert laptop.ask("wl", "id", "request")["key"] == key
    for command in (("wl", "create", "x"), ("wl", "init"), ("wl", "join", relay), ("bd", "create", "x")):
        code, _, hint = error(laptop, *command)
        assert (code, "wl id adopt" in hint) == (1, True), command
    assert error(laptop, "wl", "id", "adopt", relay)[:2] == (3, "not_found")
    laptop.ok("wl", "id", "request", "--cancel")
    laptop.ok("wl", "init")
    assert error(laptop, "wl", "id", "request")[0] == 1


def test_a_machine_may_adopt_from_a_file(alice: Person, laptop: Person, relay: str) -> None:
    key = laptop.ask("wl", "id", "request")["key"]
    alice.ok("wl", "id", "add-device", key)
    laptop.ok("wl", "id", "adopt", str(alice.home / "identity" / "keys.jsonl"))
    assert shown(laptop)["actor"] == shown(alice)["actor"]


def test_whoever_lists_my_key_does_not_become_me_unasked(
    alice: Person, bob: Person, laptop: Person, relay: str
) -> None:
    """A stranger who has seen the key can list it too; then the person says who they are."""
    bob.ok("wl", "join", relay, "--as", "bob")
    key = laptop.ask("wl", "id", "request")["key"]
    for one in (alice, bob):
        one.ok("wl", "id", "add-device", key)
    code, name, _ = error(laptop, "wl", "id", "adopt", relay)
    assert (code, name) == (3, "ambiguous")
    me = shown(alice)["actor"]
    laptop.ok("wl", "id", "adopt", relay, "--actor", me[:20])
    assert shown(laptop)["actor"] == me


def test_an_agent_elsewhere_may_claim_and_not_judge(alice: Person, bob: Person, laptop: Person, relay: str) -> None:
    bob.ok("wl", "join", relay, "--as", "bob")
    key = laptop.ask("wl", "id", "request")["key"]
    bob.ok("wl", "id", "add-agent", key)
    laptop.ok("wl", "id", "adopt", relay)
    item = alice.ask("wl", "post", "Fix the door")["item"]["id"]
    laptop.ok("wl", "claim", item)
    alice.ok("wl", "sync")
    assert alice.ask("wl", "show", item)["item"]["claimers"] == [shown(bob)["actor"]]
    assert error(laptop, "wl", "id", "rotate")[0] == 3  # it has no recovery key
    code, name, _ = error(laptop, "wl", "stamp", item, "--quality", "4")
    assert (code, name) in {(5, "not_allowed"), (4, "wrong_status")}


# -- rotation and revocation ---------------------------------------------------------------------------------------


def test_a_new_device_key_is_the_heir_of_the_old_one_where_that_stood(alice: Person, bob: Person, relay: str) -> None:
    item = alice.ask("wl", "post", "Before")["item"]["id"]
    old = next(one["key"] for one in shown(alice)["keys"])
    new = alice.ask("wl", "id", "rotate", "--device")["device"]
    (revoked,) = shown(alice)["revoked"]
    assert (revoked["key"], revoked["heir"], revoked["entry"]) == (old, new, 2)
    assert [(cut["op"], cut["commons"]) for cut in revoked["kept"]] == [(item, alice.commons())]
    alice.ok("wl", "post", "After")
    bob.ok("wl", "join", relay)
    assert titles(bob) == {"Before", "After"}
    assert shown(bob, shown(alice)["actor"])["revoked"] == [revoked]
    bob.ok("wl", "verify")


def test_another_machine_of_mine_learns_that_it_was_revoked_and_writes_no_more(
    alice: Person, laptop: Person, relay: str
) -> None:
    key = added(alice, laptop, relay)
    laptop.ok("wl", "post", "From the laptop")
    alice.ok("wl", "id", "revoke", key.removeprefix("did:key:")[:12])
    code, name, hint = error(laptop, "wl", "post", "A thief's")
    assert (code, name) == (5, "not_allowed")
    assert "wl id request" in hint
    assert laptop.ask("wl", "me")["revoked"]
    assert "revoked" in laptop.ok("wl", "me")
    findings = {one["what"]: one["ok"] for one in looked(laptop)}
    assert findings["this machine"] is False
    alice.ok("wl", "sync")
    assert titles(alice) == {"From the laptop"}


def test_a_revoked_machine_comes_back_with_a_new_key(alice: Person, laptop: Person, relay: str) -> None:
    key = added(alice, laptop, relay)
    alice.ok("wl", "id", "revoke", key)
    laptop.ok("wl", "sync")
    fresh = laptop.ask("wl", "id", "request")["key"]
    assert fresh != key
    alice.ok("wl", "id", "add-device", fresh)
    laptop.ok("wl", "sync")
    laptop.ok("wl", "post", "Back again")
    alice.ok("wl", "sync")
    assert "Back again" in titles(alice)


def test_a_thief_with_a_device_key_cannot_change_the_key_log(alice: Person, laptop: Person, relay: str) -> None:
    added(alice, laptop, relay)
    stolen = str(laptop.home / "identity" / "device.key")
    code, name, _ = error(laptop, "wl", "id", "rotate", "--recovery", stolen)
    assert (code, name) == (5, "not_allowed")
    assert len(shown(laptop)["entries"]) == 2
    assert not list((laptop.home / "identity").glob("*.next.key"))


def test_a_revocation_keeps_all_or_nothing_or_up_to_an_operation(alice: Person, laptop: Person, relay: str) -> None:
    key = added(alice, laptop, relay)
    items = [laptop.ask("wl", "post", f"{n}")["item"]["id"] for n in range(3)]
    alice.ok("wl", "sync")
    home = Home(alice.home)
    held = holdings.of_key(home, home.key_log().scid, key)
    (log,) = [one.log for one in held]

    def kept(*wanted: str) -> list[tuple[str, int, str] | None]:
        return [one.last for one in holdings.keep(home, held, wanted, None)]

    assert kept() == kept(ALL) == [(log, 3, items[2])]
    assert kept(NONE) == [None]
    assert kept(items[0][:12]) == [(log, 1, items[0])]
    with pytest.raises(NotFound):
        kept("ffff")
    with pytest.raises(Ambiguous):
        kept("")


def test_a_cut_that_was_named_is_lowered_by_nothing(alice: Person, laptop: Person, relay: str) -> None:
    key = added(alice, laptop, relay)
    items = [laptop.ask("wl", "post", f"{n}")["item"]["id"] for n in range(3)]
    alice.ok("wl", "sync")
    home = Home(alice.home)
    held = holdings.of_key(home, home.key_log().scid, key)
    log = held[0].log

    def kept(cut: Cut, *wanted: str) -> list[tuple[str, int, str] | None]:
        return [one.last for one in holdings.keep(home, held, wanted, Revocation(key, None, 2, (cut,)))]

    known, beyond = Cut(log, 2, items[1], 2), Cut(log, 99, "f" * 64, 2)
    assert kept(known) == kept(known, NONE) == kept(known, items[1]) == [(log, 2, items[1])]
    assert kept(known, ALL) == kept(known, items[2]) == [(log, 3, items[2])]
    assert kept(beyond) == kept(beyond, ALL) == [(log, 99, "f" * 64)]
    with pytest.raises(NotAllowed):
        kept(known, items[0])


def test_what_a_revocation_kept_may_grow_and_never_shrink(alice: Person, laptop: Person, relay: str) -> None:
    key = added(alice, laptop, relay)
    items = [laptop.ask("wl", "post", f"{n}")["item"]["id"] for n in range(3)]
    alice.ok("wl", "sync")

    def kept() -> list[str]:
        (revoked,) = shown(alice)["revoked"]
        return [cut["op"] for cut in revoked["kept"]]

    said = alice.ok("wl", "id", "revoke", key, "--keep", items[1])
    assert "the first 3 of 4 operations stand" in said
    assert kept() == [items[1]]
    assert error(alice, "wl", "id", "revoke", key, "--keep", items[0])[:2] == (5, "not_allowed")
    assert error(alice, "wl", "id", "revoke", key)[0] == 1
    assert error(alice, "wl", "id", "revoke", key, "--keep", "none")[0] == 1
    alice.ok("wl", "id", "revoke", key, "--keep", "all")
    assert kept() == [items[2]]


def test_an_heir_may_be_named_later(alice: Person, laptop: Person, relay: str) -> None:
    key = added(alice, laptop, relay)
    alice.ok("wl", "id", "revoke", key)
    mine = next(one["key"] for one in shown(alice)["keys"] if one["this_machine"])
    alice.ok("wl", "id", "revoke", key, "--heir", mine)
    (revoked,) = shown(alice)["revoked"]
    assert (revoked["heir"], revoked["entry"]) == (mine, 3)


def test_a_changed_key_log_goes_into_every_commons_that_knows_me_and_no_other(alice: Person, relay: str) -> None:
    home = Home(alice.home)
    alice.ok("wl", "create", "Another", "--as", "alice")
    alice.ok("wl", "create", "Silent", "--nameless")
    alice.ok("bd", "create", "a bead")
    alice.ok("wl", "id", "rotate")
    lengths = {}
    for commons, founded in home.commons().items():
        with Commons(home, commons) as ours:
            keys = ours.ledger.key_log(home.key_log().scid)
            lengths[founded.name] = len(keys.entries) if keys else 0
    assert lengths == {"Test Commons": 2, "Another": 2, "private ledger": 2, "Silent": 0}


def test_what_was_changed_offline_goes_out_with_the_next_sync(alice: Person, bob: Person, relay: str) -> None:
    alice.ok("wl", "id", "rotate", "--offline")
    me = shown(alice)["actor"]
    bob.ok("wl", "join", relay)
    assert len(shown(bob, me)["entries"]) == 1
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    assert len(shown(bob, me)["entries"]) == 2


def test_a_home_that_is_open_signs_with_the_key_that_another_process_has_made(alice: Person) -> None:
    home = Home(alice.home)
    before = home.device_key().public
    alice.ok("wl", "id", "rotate", "--device")
    assert home.device_key().public != before
    with Commons(home, alice.commons()) as ours:
        ours.comment(ours.post("By the new key", "", TERMS).id, "and this")


def test_a_commons_that_is_broken_keeps_nobody_from_revoking(alice: Person, laptop: Person, relay: str) -> None:
    key = added(alice, laptop, relay)
    alice.ok("wl", "create", "Broken", "--as", "alice")
    broken = next(one["id"] for one in alice.ask("wl", "list")["commons"] if one["name"] == "Broken")
    (alice.repository(broken) / "HEAD").unlink()
    done = alice.run("wl", "id", "rotate")
    assert (done.returncode, "no repository" in done.stderr) == (0, True)
    assert len(shown(laptop)["entries"]) == 2
    laptop.ok("wl", "sync")
    assert len(shown(laptop)["entries"]) == 3
    assert key in {one["key"] for one in shown(laptop)["keys"]}


def test_a_key_log_that_is_full_says_so(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_identity()
    many = Change(repairs=tuple(("a" * 32, n, "0" * 64) for n in range(200)))
    with pytest.raises(NodeError, match="no room"):
        change(home, safe(home, None, None), lambda _: many)
    assert len(home.key_log().entries) == 1
    assert {path.name for path in home.box.folder.glob("*.key")} == {"device.key", RECOVERY}


def test_a_machine_whose_key_is_revoked_serves_what_it_holds(
    alice: Person, laptop: Person, bob: Person, relay: str
) -> None:
    key = added(alice, laptop, relay)
    alice.ok("wl", "post", "Still to be read")
    alice.ok("wl", "id", "revoke", key)
    laptop.ok("wl", "sync")
    with laptop.serving() as url:
        bob.ok("wl", "join", url)
    assert titles(bob) == {"Still to be read"}
