"""A peer that goes back, and news that do not come: neither costs us anything, and both are told."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import ids, report
from beads.op import Head
from beads.report import Exchange
from node import staleness, wiring
from node.peers import DAY_MS, Health
from tests.node.support import Person, Resident
from tests.world import actor, found

COMMONS = ids.commons_id(found(actor("alice")))
PREFIX = f"refs/wl/{COMMONS}/"
LOGS = [letter * 32 for letter in "abcd"]
LENGTHS = st.dictionaries(st.sampled_from(LOGS), st.integers(0, 9), min_size=1)


def ref(log: str) -> str:
    return f"{PREFIX}log/{log[:2]}/{log}"


def exchanged(theirs: Mapping[str, int], ours: Mapping[str, int]) -> Exchange:
    """What a pull from a peer reports that has so much of each log, we having at least as much."""
    done = Exchange(seen={ref(log): "" for log in theirs})
    for log, seq in theirs.items():
        if seq < ours[log]:
            done.report.add("log", log, report.STALE, f"at_{seq}")
    return done


def compared(before: Mapping[str, int], theirs: Mapping[str, int], ours: Mapping[str, int]) -> staleness.Served:
    heads = {log: Head(seq, "") for log, seq in ours.items()}
    return staleness.compare(before, exchanged(theirs, ours), heads, PREFIX)


@given(st.lists(LENGTHS, min_size=1, max_size=6), LENGTHS)
def test_whoever_only_grows_never_goes_back(steps: list[dict[str, int]], more: dict[str, int]) -> None:
    """Both grow, in any steps, we being ahead of the peer by any amount."""
    theirs: dict[str, int] = {}
    before: Mapping[str, int] = {}
    for step in steps:
        theirs = {log: max(theirs.get(log, 0), step.get(log, 0)) for log in {*theirs, *step}}
        ours = {log: theirs.get(log, 0) + more.get(log, 0) for log in {*theirs, *more}}
        served = compared(before, theirs, ours)
        assert (served.heads, served.older) == (theirs, ())
        before = served.heads


@given(LENGTHS, LENGTHS, LENGTHS)
def test_exactly_what_became_less_is_named(first: dict[str, int], second: dict[str, int], more: dict[str, int]) -> None:
    ours = {log: max(each.get(log, 0) for each in (first, second, more)) for log in LOGS}
    before = compared({}, first, ours).heads
    after = compared(before, second, ours)
    less = sorted(log for log, seq in first.items() if second.get(log, -1) < seq)
    assert list(after.older) == less
    assert after.heads == {log: max(first.get(log, -1), second.get(log, -1)) for log in {*first, *second}}


def test_a_log_that_forked_here_is_not_missed_beyond_the_fork() -> None:
    log = LOGS[0]
    assert compared({log: 9}, {log: 4}, {log: 4}).older == ()
    assert compared({log: 9}, {log: 3}, {log: 4}).older == (log,)


def test_what_was_not_read_or_cannot_be_judged_is_not_held_against_anybody() -> None:
    log, heads = LOGS[0], {LOGS[0]: Head(5, "")}
    assert staleness.compare({log: 5}, Exchange(passed={ref(log)}), heads, PREFIX).older == ()
    odd = Exchange(seen={ref(log): ""})
    odd.report.add("log", log, report.HELD, "future")
    assert staleness.compare({log: 5}, odd, heads, PREFIX) == staleness.Served({log: 5}, ())


def test_fourteen_days_are_quiet_and_fifteen_are_too_many() -> None:
    assert staleness.quiet(0, 15 * DAY_MS - 1, 14) is None
    said = staleness.quiet(0, 15 * DAY_MS, 14)
    assert said is not None
    assert "15 days" in said
    assert staleness.quiet(0, 999 * DAY_MS, 0) is None


def test_a_peer_that_went_back_is_told_for_as_many_days() -> None:
    health = Health().after_success(DAY_MS, 0, older=2)
    assert "2 logs" in (staleness.gone_back(health, 15 * DAY_MS, 14) or "")
    assert staleness.gone_back(health, 15 * DAY_MS + 1, 14) is None
    assert staleness.gone_back(health.after_success(2 * DAY_MS, 5), 3 * DAY_MS, 14) is not None, (
        "a success hides nothing"
    )
    assert staleness.gone_back(Health(), DAY_MS, 14) is None


@pytest.fixture
def ann(tmp_path: Path) -> Resident:
    made = Resident(tmp_path / "ann")
    made.ok("wl", "create", "Test Commons", "--as", "ann")
    return made


def test_a_relay_that_goes_back_is_told(alice: Person, relay: str, bob: Person, tmp_path: Path) -> None:
    bob.ok("wl", "join", relay)
    last_week = tmp_path / "last-week.git"
    shutil.copytree(relay, last_week)
    alice.post()
    alice.ok("wl", "sync")
    bob.ok("wl", "sync")
    assert bob.ask("wl", "peer", "list")["peers"][0]["health"]["older"] == 0
    items = bob.ask("wl", "browse")["items"]
    shutil.rmtree(relay)
    last_week.rename(relay)
    bob.ok("wl", "sync")
    assert bob.ask("wl", "browse")["items"] == items
    assert bob.ask("wl", "peer", "list")["peers"][0]["health"]["older"] == 1
    assert "offered less of 1 log" in bob.ok("wl", "peer", "list")
    assert "offered less of 1 log" in bob.ok("wl", "doctor")
    # It was given back what it lacked; that it went back once is remembered.
    bob.ok("wl", "sync")
    assert bob.ask("wl", "peer", "list")["peers"][0]["health"]["older"] == 1


def test_a_commons_in_which_nothing_new_was_covered_for_long_is_told(ann: Resident, tmp_path: Path) -> None:
    ann.ok("wl", "peer", "add", str(tmp_path / "relay"))
    assert ann.ask("wl", "peer", "list")["quiet"] is None
    later = wiring.now_ms() + 15 * DAY_MS
    with patch.object(wiring, "now_ms", lambda: later):
        assert "nothing new was covered for 15 days" in ann.ok("wl", "peer", "list")
        assert "nothing new was covered for 15 days" in ann.ok("wl", "doctor")
        (ann.home / "config.toml").write_text("[peers]\nstale_days = 15\n")
        assert ann.ask("wl", "peer", "list")["quiet"] is None
