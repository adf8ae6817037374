"""Sheets in files, at the command line: chosen, verified on another home, kept there with where they come from."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.node.support import Person, Resident, git


class Earned(NamedTuple):
    """Bob has earned two stamps of Alice's; Carol follows another commons and has never heard of theirs."""

    alice: Resident
    bob: Resident
    carol: Resident
    commons: str
    items: tuple[str, str]

    def export(self, path: Path, *options: str) -> dict[str, Any]:
        return self.bob.ask("wl", "sheet", "export", str(path), "--offline", *options)

    def me(self, person: Resident) -> str:
        return str(person.ask("wl", "me")["actor"])


@pytest.fixture(scope="module")
def earned(tmp_path_factory: pytest.TempPathFactory) -> Earned:
    return two_stamps(tmp_path_factory.mktemp("sheets"))


@pytest.fixture
def followed(tmp_path: Path) -> Earned:
    """The same, for those who change it."""
    return two_stamps(tmp_path / "followed")


def two_stamps(folder: Path) -> Earned:
    folder.mkdir(exist_ok=True)
    alice, bob, carol = (Resident(folder / name) for name in ("alice", "bob", "carol"))
    git("init", "-q", "--bare", str(folder / "relay.git"))
    alice.ok("wl", "create", "Shed", "--as", "alice")
    commons = alice.commons()
    alice.ok("wl", "peer", "add", str(folder / "relay.git"))
    items = (alice.post("Fix the door"), alice.post("Paint the gate"))
    alice.ok("wl", "sync")
    bob.ok("wl", "join", str(folder / "relay.git"), "--as", "bob")
    for item in items:
        bob.ok("wl", "claim", item, "--offline")
    bob.ok("wl", "sync")
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    for item in items:
        bob.ok("wl", "done", item, "--url", "https://example.org/done", "--offline")
    bob.ok("wl", "sync")
    alice.ok("wl", "sync")
    for item, skill in zip(items, ("carpentry", "painting"), strict=True):
        alice.ok("wl", "accept", item, "--stamp", "--quality", "5", "--skill", skill, "--message", f"Good {skill}.",
                 "--offline")  # fmt: skip
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    carol.ok("wl", "create", "Elsewhere", "--as", "carol")
    return Earned(alice, bob, carol, commons, items)


def test_a_sheet_verifies_on_a_machine_without_a_home(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    answer = Resident(tmp_path / "nobody").ask("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    assert (answer["verified"], answer["sheet"]["stamps"]) == (True, 2)
    assert [each["actor"] for each in answer["issuers"]] == [earned.me(earned.alice)]
    assert not (tmp_path / "nobody").exists()


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], {"carpentry", "painting"}),
        (["--only", "painting"], {"painting"}),
        (["--except", "painting"], {"carpentry"}),
        (["--only", "Shed", "--except", "{first}"], {"painting"}),
    ],
    ids=["all", "one skill", "all but one skill", "a commons but one item"],
)
def test_the_holder_chooses_what_is_shown(earned: Earned, tmp_path: Path, options: list[str], shown: set[str]) -> None:
    words = [option.format(first=earned.items[0][:10]) for option in options]
    answer = earned.export(tmp_path / "bob.json", *words)
    assert (answer["stamps"], answer["of"]) == (len(shown), 2)
    found = earned.carol.ask("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    assert {skill for stamp in found["stamps"] for skill in stamp["skills"]} == shown
    hidden = {"carpentry", "painting"} - shown
    assert not any(skill in (tmp_path / "bob.json").read_text() for skill in hidden)


def test_a_word_that_means_no_stamp_writes_no_file(earned: Earned, tmp_path: Path) -> None:
    done = earned.bob.run("wl", "sheet", "export", str(tmp_path / "bob.json"), "--offline", "--only", "masonry")
    assert (done.returncode, (tmp_path / "bob.json").exists()) == (3, False)
    everything = ("--except", "Shed")
    done = earned.bob.run("wl", "sheet", "export", str(tmp_path / "bob.json"), "--offline", *everything)
    assert (done.returncode, (tmp_path / "bob.json").exists()) == (3, False)


def test_a_verified_sheet_is_told_in_the_readers_zone_and_is_utc_itself(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    in_tokyo = Person(earned.carol.home, (("TZ", "JST-9"),))
    assert in_tokyo.ok("wl", "sheet", "verify", str(tmp_path / "bob.json")).count("+09:00  ") == 2
    assert "+09:00" not in (tmp_path / "bob.json").read_text()


def test_messages_go_along_when_asked_for(earned: Earned, tmp_path: Path) -> None:
    for options, said in ((), False), (("--with-messages",), True):
        earned.export(tmp_path / "bob.json", *options)
        text = earned.carol.ok("wl", "sheet", "verify", str(tmp_path / "bob.json"))
        assert ("Good carpentry." in text) == said


def test_an_imported_sheet_keeps_its_commons_and_its_issuers(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    bob = earned.me(earned.bob)
    assert earned.carol.run("wl", "sheet", "show", bob).returncode == 3
    answer = earned.carol.ask("wl", "sheet", "import", str(tmp_path / "bob.json"))
    assert (answer["holder"], answer["mine"], answer["stamps"]) == (bob, False, 2)
    shown = earned.carol.ask("wl", "sheet", "show", bob[:12])["sheet"]
    assert [(each["id"], each["stamps"]) for each in shown["commons"]] == [(earned.commons, 2)]
    assert {each["issuer"] for each in shown["timeline"]} == {earned.me(earned.alice)}
    assert "Shed (from a file)" in earned.carol.ok("wl", "sheet", "show", bob[:12])
    # The same file again is the same file.
    earned.carol.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    assert len(earned.carol.ask("wl", "sheet", "kept")["kept"]) == 1
    earned.carol.ok("wl", "sheet", "forget", bob[:12])
    assert earned.carol.run("wl", "sheet", "show", bob).returncode == 3
    assert earned.carol.run("wl", "sheet", "forget", bob[:12]).returncode == 3


def test_a_name_that_only_a_file_knows_is_shown_as_a_claim(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    bob, alice = earned.me(earned.bob), earned.me(earned.alice)
    earned.carol.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    shown = earned.carol.ok("wl", "sheet", "show", bob)
    assert f'by "alice" ({alice[:12]}, from a file)' in shown
    assert "alice ·" not in shown, "that is how somebody is shown whom a commons followed here knows"
    kept = earned.carol.ok("wl", "sheet", "kept").splitlines()
    assert kept[0].startswith(bob)
    assert kept[1:] == [f'  issued by    {alice} (calls itself "alice")']
    (told,) = earned.carol.ask("wl", "sheet", "kept")["kept"]
    assert (told["holder"], told["problem"]) == (bob, None)
    assert told["issuers"] == [{"actor": alice, "handles": ["alice"], "stamps": 2}]
    earned.carol.ok("wl", "sheet", "forget", bob)


def test_a_name_that_is_known_here_is_not_replaced_by_a_files(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    earned.alice.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    shown = earned.alice.ok("wl", "sheet", "show", "bob")
    assert "from a file" not in shown
    assert "by alice ·" in shown
    earned.alice.ok("wl", "sheet", "forget", "bob")


def test_a_stamp_that_is_known_here_is_not_counted_twice(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    before = earned.bob.ask("wl", "sheet", "show")["sheet"]["stamps"]
    assert earned.bob.ask("wl", "sheet", "import", str(tmp_path / "bob.json"))["mine"]
    assert earned.bob.ask("wl", "sheet", "show")["sheet"]["stamps"] == before
    earned.bob.ok("wl", "sheet", "forget", earned.me(earned.bob))


def test_what_a_followed_commons_says_itself_is_newer_than_any_file(followed: Earned, tmp_path: Path) -> None:
    followed.export(tmp_path / "bob.json")
    alice, bob = followed.alice, followed.bob
    me = followed.me(bob)
    bob.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    clean = bob.ask("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    assert clean["known_here"] == []
    assert "nothing against what is shown" in bob.ok("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    alice.ok("wl", "unstamp", followed.items[0], "--offline")
    bob.ok("wl", "dispute", followed.items[1], "--reason", "Not so.", "--offline")
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    known = bob.ask("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    assert known["verified"]
    assert sorted(each["became"] for each in known["known_here"]) == ["disputed", "withdrawn"]
    said = bob.ok("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    assert ("1 taken back since" in said, "1 disputed since" in said) == (True, True)
    imported = bob.ask("wl", "sheet", "import", str(tmp_path / "bob.json"))
    assert sorted(each["became"] for each in imported["known_here"]) == ["disputed", "withdrawn"]
    assert followed.carol.ask("wl", "sheet", "verify", str(tmp_path / "bob.json"))["known_here"] == []
    # Actors of one owner: nothing that one gave the other counts any more, and no file brings it back.
    alice.ok("wl", "link", "owner", "bob", "--yes", "--offline")
    bob.ok("wl", "link", "owner", "alice", "--yes", "--offline")
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    shown = bob.ask("wl", "sheet", "show")["sheet"]
    assert (shown["stamps"], shown["commons"]) == (0, [])
    known = bob.ask("wl", "sheet", "verify", str(tmp_path / "bob.json"))
    assert {each["became"] for each in known["known_here"]} == {"uncounted"}
    bob.ok("wl", "sheet", "forget", me)


def test_a_sheet_is_forgotten_by_any_name_of_its_holder(followed: Earned, tmp_path: Path) -> None:
    followed.export(tmp_path / "bob.json")
    followed.alice.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    followed.alice.ok("wl", "sheet", "forget", "BOB")
    refused = followed.alice.run("wl", "sheet", "forget", "bob")
    assert (refused.returncode, "no sheet is kept of bob" in refused.stderr) == (3, True)


def test_a_sheet_from_a_file_makes_nobody_an_actor_of_a_commons(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    bob = earned.me(earned.bob)
    earned.carol.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    refused = earned.carol.run("wl", "trust", bob[:6], "1", "--offline")
    earned.carol.ok("wl", "sheet", "forget", bob)
    assert (refused.returncode, "is no actor of this commons" in refused.stderr) == (3, True)


def test_a_kept_sheet_is_verified_at_each_look(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    bob = earned.me(earned.bob)
    earned.carol.ok("wl", "sheet", "import", str(tmp_path / "bob.json"))
    assert earned.carol.run("wl", "doctor", "--check", "--offline").returncode == 0
    (kept,) = (earned.carol.home / "sheets").glob("*/*.json")
    kept.write_text(kept.read_text().replace("carpentry", "alchemy"))
    done = earned.carol.run("wl", "doctor", "--check", "--offline")
    assert (done.returncode, f"wl sheet forget {bob[:12]}" in done.stdout) == (7, True)
    assert earned.carol.ask("wl", "sheet", "show", bob)["sheet"]["stamps"] == 0
    earned.carol.ok("wl", "sheet", "forget", bob)


def test_nothing_that_does_not_verify_is_kept(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    forged = tmp_path / "forged.json"
    forged.write_text((tmp_path / "bob.json").read_text().replace("carpentry", "alchemy"))
    done = earned.carol.run("wl", "sheet", "import", str(forged), "--json")
    assert done.returncode == 7
    assert json.loads(done.stderr)["error"]["reason"] == "signature"
    assert not list((earned.carol.home / "sheets").glob("*/*.json"))


@pytest.mark.parametrize("verb", ["verify", "import"])
def test_a_file_that_is_not_there_is_not_found(earned: Earned, tmp_path: Path, verb: str) -> None:
    done = earned.carol.run("wl", "sheet", verb, str(tmp_path / "nothing.json"), "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (3, "not_found")


def test_the_history_of_an_issuer_must_hold(earned: Earned, tmp_path: Path) -> None:
    earned.export(tmp_path / "bob.json")
    (tmp_path / "did.jsonl").write_text("{}")
    done = earned.carol.run(
        "wl", "sheet", "verify", str(tmp_path / "bob.json"), "--did-log", str(tmp_path / "did.jsonl")
    )
    assert done.returncode == 7


def test_a_credential_of_another_making_is_no_sheet(earned: Earned, tmp_path: Path) -> None:
    path = tmp_path / "badge.json"
    earned.export(tmp_path / "bob.json")
    shown = json.loads((tmp_path / "bob.json").read_text())["presentation"]["verifiableCredential"][0]
    path.write_text(json.dumps(shown))
    answer = earned.carol.ask("wl", "sheet", "verify", str(path))
    assert (answer["kind"], answer["credentials"][0]["id"]) == ("credential", shown["id"])
    assert earned.carol.run("wl", "sheet", "import", str(path)).returncode == 2
