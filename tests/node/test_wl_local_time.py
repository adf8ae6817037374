"""`wl` reads and says local time as `bd` does; JSON, pages, sheets in files and what is signed say UTC."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from node import founding
from node.commons import Commons
from node.home import Home
from node.http.app import build
from tests.node.support import Resident, git
from tests.world import actor

USAGE, NOT_FOUND = 2, 3
TIME = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?P<zone>[+-]\d\d:\d\d)?)?")


@pytest.fixture
def ann(tmp_path: Path, berlin: None) -> Resident:
    """Somebody in Berlin with a commons of her own."""
    home = Home(tmp_path / "ann")
    home.make_identity()
    founding.create(home, "Shed", admission="open", validators="poster", dimensions=())
    return Resident(home.path, (("COLUMNS", "300"),))


def handed_in(ann: Resident, item: str, worker: str) -> str:
    """Let somebody hand work in; return the submission."""
    with Commons(Home(ann.home), ann.commons(), actor(worker)) as theirs:
        return max(theirs.submit(item, [], "Done.").submissions.items(), key=lambda each: each[1].hlc)[0]


def stamped(ann: Resident) -> str:
    """Have an item that was claimed, handed in, accepted and stamped; return it."""
    item = ann.post("Fix the door", "--competition")
    handed_in(ann, item, "bob")
    ann.ok("wl", "comment", item, "Well done.", "--offline")
    ann.ok("wl", "accept", item, "--quality", "4", "--offline")
    return item


def zones(text: str) -> list[str | None]:
    """Return the zone of each time in a text; None where it names none."""
    return [found["zone"] for found in TIME.finditer(text)]


@pytest.mark.parametrize(
    ("said", "utc_ms", "shown"),
    [
        # A day is over when it is over here, in winter as in summer.
        ("2030-12-01", 1_922_396_399_000, "2030-12-01 23:59:59+01:00"),
        ("2030-07-01", 1_909_173_599_000, "2030-07-01 23:59:59+02:00"),
        ("2030-12-01T10:00", 1_922_346_000_000, "2030-12-01 10:00:00+01:00"),
        ("2030-12-01T10:00Z", 1_922_349_600_000, "2030-12-01 11:00:00+01:00"),
    ],
)
def test_a_deadline_is_read_and_shown_as_time_here(ann: Resident, said: str, utc_ms: int, shown: str) -> None:
    item = ann.post("Fix the door", "--deadline", said)
    assert ann.ask("wl", "show", item)["item"]["deadline"] == utc_ms
    assert f"  until       {shown}" in ann.ok("wl", "show", item).splitlines()


def test_a_deadline_that_is_none_says_what_would_be_one(ann: Resident) -> None:
    done = ann.run("wl", "post", "Fix the door", "--deadline", "soon", "--offline")
    assert done.returncode == USAGE
    assert "invalid --deadline format 'soon'" in done.stderr
    assert "local time" in done.stderr


def test_whoever_reads_elsewhere_reads_the_same_moment_there(ann: Resident) -> None:
    item = ann.post("Fix the door", "--deadline", "2030-12-01")
    in_tokyo = Resident(ann.home, (*ann.more, ("TZ", "JST-9")))
    # A process of its own: the zone of this one is Berlin's.
    shown = super(Resident, in_tokyo).run("wl", "show", item).stdout
    assert "  until       2030-12-02 07:59:59+09:00" in shown.splitlines()


def test_all_times_of_an_item_name_the_zone_here(ann: Resident) -> None:
    item = stamped(ann)
    shown = zones(ann.ok("wl", "show", item))
    # Posted, handed in, stamped, commented.
    assert len(shown) == 4
    assert set(shown) <= {"+01:00", "+02:00"}
    held = ann.post("Paint the door")
    ann.ok("wl", "claim", held, "--offline")
    (lease,) = (line for line in ann.ok("wl", "show", held).splitlines() if "held by" in line)
    assert zones(lease)[0] in {"+01:00", "+02:00"}


def test_whoever_must_choose_reads_time_here(ann: Resident) -> None:
    item = ann.post("Fix the door", "--competition")
    for worker in ("bob", "carol"):
        handed_in(ann, item, worker)
    refused = ann.run("wl", "accept", item, "--offline")
    assert refused.returncode == NOT_FOUND
    assert len(zones(refused.stderr)) == 2
    assert set(zones(refused.stderr)) <= {"+01:00", "+02:00"}


def test_a_sheet_is_local_on_a_terminal_and_utc_in_a_file(ann: Resident, tmp_path: Path) -> None:
    stamped(ann)
    bob = actor("bob").actor
    here = ann.ok("wl", "sheet", "show", bob)
    assert len(zones(here)) == 1
    assert set(zones(here)) <= {"+01:00", "+02:00"}
    ann.ok("wl", "sheet", "show", bob, "--out", str(tmp_path / "bob.txt"))
    assert zones((tmp_path / "bob.txt").read_text()) == ["+00:00"]


def test_a_page_says_utc(ann: Resident) -> None:
    item = ann.post("Fix the door", "--deadline", "2030-12-02T00:30")
    assert "2030-12-02 00:30:00+01:00" in ann.ok("wl", "show", item)
    with TestClient(build(Home(ann.home), ("127.0.0.1",)), base_url="http://127.0.0.1") as client:
        page = client.get(f"/c/{ann.commons()}/items/{item}", headers={"accept": "text/html"}).text
    assert "1 Dec 2030" in page
    assert "2 Dec 2030" not in page


def test_a_key_log_and_a_peer_are_told_in_time_here(ann: Resident, tmp_path: Path) -> None:
    (zone,) = zones(ann.ok("wl", "id", "show"))
    assert zone in {"+01:00", "+02:00"}
    relay = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(relay))
    ann.ok("wl", "peer", "add", str(relay))
    assert "not tried yet" in ann.ok("wl", "peer", "list")
    ann.ok("wl", "sync")
    (zone,) = zones(ann.ok("wl", "peer", "list"))
    assert zone in {"+01:00", "+02:00"}
    relay.rename(tmp_path / "gone.git")
    assert ann.run("wl", "sync").returncode != 0
    shown = ann.ok("wl", "peer", "list")
    assert re.search(r"failed 1 times \(answered \d{4}-.*\), again ", shown)
