"""Gates open for what they wait for and for nothing else; the merge slot is fair, and never two hold it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.gate import (
    AWAIT_TYPES,
    Facts,
    Gate,
    Mail,
    Slot,
    Standing,
    acquire,
    duration_ns,
    evaluate,
    expire,
    leave,
    metadata_of,
    release,
    slot_of,
)

MINUTE_NS = 60_000_000_000
LEASE = 10
OPEN, RESOLVED, ESCALATE = Standing.OPEN, Standing.RESOLVED, Standing.ESCALATE


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("30m", 30 * MINUTE_NS),
        ("2h", 120 * MINUTE_NS),
        ("1d", 1440 * MINUTE_NS),
        ("1h30m", 90 * MINUTE_NS),
        ("5ms", 5_000_000),
        ("0s", None),
        ("", None),
        ("30", None),
        ("1h 30m", None),
        ("-1h", None),
        ("4000d", None),
        ("m", None),
    ],
)
def test_durations(text: str, nanoseconds: int | None) -> None:
    assert duration_ns(text) == nanoseconds


@pytest.mark.parametrize(
    ("await_type", "await_id", "facts", "standing"),
    [
        ("human", "", Facts(1), OPEN),
        ("bead", "web:bd-1", Facts(1), OPEN),
        ("bead", "bd-1", Facts(1, statuses={"bd-1": "in_progress"}), OPEN),
        ("bead", "bd-1", Facts(1, statuses={"bd-1": "closed"}), RESOLVED),
        ("mail", "from:alice", Facts(1, mails=[Mail("alice", "bob", 5)]), RESOLVED),
        ("mail", "alice", Facts(1, mails=[Mail("alice", "bob", 5)]), RESOLVED),
        ("mail", "from:alice to:carol", Facts(1, mails=[Mail("alice", "bob", 5)]), OPEN),
        ("mail", "to:bob", Facts(1, mails=[Mail("alice", "bob", 0)]), OPEN),
        ("mail", "", Facts(1, mails=[Mail("alice", "bob", 5)]), ESCALATE),
        ("command", "make check", Facts(1), OPEN),
        ("command", "make check", Facts(1, exit_code=0), RESOLVED),
        ("command", "make check", Facts(1, exit_code=1), OPEN),
        ("command", "make check", Facts(1, exit_code=127), ESCALATE),
        ("command", "make check", Facts(1, exit_code=-9), ESCALATE),
        ("gh:run", "7", Facts(1), OPEN),
        ("gh:run", "7", Facts(1, outcome="skipped"), RESOLVED),
        ("gh:run", "7", Facts(1, outcome="cancelled"), ESCALATE),
        ("gh:run", "7", Facts(1, outcome="something new"), OPEN),
        ("gh:pr", "7", Facts(1, outcome="MERGED"), RESOLVED),
        ("gh:pr", "7", Facts(1, outcome="closed"), ESCALATE),
        ("gh:pr", "7", Facts(1, outcome="open"), OPEN),
        ("moon", "full", Facts(1), ESCALATE),
        ("timer", "", Facts(1), ESCALATE),
    ],
)
def test_what_a_gate_waits_for(await_type: str, await_id: str, facts: Facts, standing: Standing) -> None:
    assert evaluate(Gate(await_type, 0, await_id), facts).standing is standing


@pytest.mark.parametrize("await_type", [*AWAIT_TYPES, "moon"])
def test_a_closed_gate_is_resolved_whatever_its_type(await_type: str) -> None:
    assert evaluate(Gate(await_type, 0), Facts(9**9, closed=True)).standing is RESOLVED


@pytest.mark.parametrize(("now", "standing"), [(60_999, OPEN), (61_000, RESOLVED)])
def test_a_timer_resolves_to_the_millisecond(now: int, standing: Standing) -> None:
    assert evaluate(Gate("timer", 1000, "", MINUTE_NS), Facts(now))[::2] == (standing, 61_000)


@pytest.mark.parametrize("await_type", [each for each in AWAIT_TYPES if each != "timer"])
def test_what_is_not_resolved_in_time_escalates(await_type: str) -> None:
    gate = Gate(await_type, 0, "from:x", MINUTE_NS)
    assert evaluate(gate, Facts(59_999)).standing is OPEN
    assert evaluate(gate, Facts(60_000)).standing is ESCALATE


def test_what_came_counts_even_when_the_time_is_over() -> None:
    assert evaluate(Gate("bead", 0, "b", 1), Facts(9, statuses={"b": "closed"})).standing is RESOLVED


@given(st.integers(0, 10**13), st.integers(1, 10**18), st.integers(0, 10**13))
def test_a_timer_is_never_early(created: int, timeout: int, now: int) -> None:
    resolved = evaluate(Gate("timer", created, "", timeout), Facts(now)).standing is RESOLVED
    assert resolved == ((now - created) * 1_000_000 >= timeout)


# -- the slot --------------------------------------------------------------------------------------------------

NAMES = st.sampled_from("abcde")
MOVES = st.lists(st.tuples(st.sampled_from([acquire, release, leave]), NAMES, st.integers(0, 7)), max_size=40)
Move = Callable[[Slot, str, int, int], Slot]


def sound(slot: Slot) -> None:
    everybody = [slot.holder, *slot.waiters]
    assert len(set(everybody)) == len(everybody)
    assert slot.holder or slot == Slot()
    assert "" not in slot.waiters


@given(MOVES)
def test_never_two_hold_nobody_is_lost_and_the_first_comes_first(moves: list[tuple[Move, str, int]]) -> None:
    slot, now = Slot(), 0
    for move, name, passed in moves:
        now += passed
        queue = [each for each in (slot.holder, *slot.waiters) if each]
        if slot.holder and slot.until_ms <= now:
            queue.pop(0)
        if move is acquire and name not in queue:
            queue.append(name)
        if move is leave or (move is release and queue[:1] == [name]):
            queue = [each for each in queue if each != name]
        before, slot = slot, move(slot, name, now, LEASE)
        sound(slot)
        after = [each for each in (slot.holder, *slot.waiters) if each]
        assert after == queue, (before, move.__name__, name, now)


@given(MOVES, NAMES)
def test_asking_again_changes_no_turn(moves: list[tuple[Move, str, int]], name: str) -> None:
    slot, now = Slot(), 0
    for move, each, passed in moves:
        now += passed
        slot = move(slot, each, now, LEASE)
    once = acquire(slot, name, now, LEASE)
    assert acquire(once, name, now, LEASE) == once


@given(st.lists(NAMES, unique=True, min_size=1))
def test_everybody_holds_it_in_the_order_of_asking(names: list[str]) -> None:
    slot = Slot()
    for name in names:
        slot = acquire(slot, name, 0, LEASE)
    held = []
    while slot.holder:
        held.append(slot.holder)
        slot = release(slot, slot.holder, 1, LEASE)
    assert held == names


def test_a_holder_that_is_gone_loses_one_lease_and_those_behind_it_keep_their_turns() -> None:
    slot = Slot("a", 10, ("b", "c"))
    assert expire(slot, 9, LEASE) == slot
    assert expire(slot, 10, LEASE) == Slot("b", 20, ("c",))
    assert acquire(slot, "a", 10, LEASE) == Slot("b", 20, ("c", "a"))


def test_a_holder_renews_and_a_stranger_releases_nothing() -> None:
    slot = Slot("a", 10)
    assert acquire(slot, "a", 5, LEASE) == Slot("a", 15)
    assert release(slot, "b", 5, LEASE) == slot
    assert release(slot, "", 5, LEASE) == slot
    assert acquire(slot, "a", 10, LEASE).holder == "a"


def test_a_name_is_needed() -> None:
    with pytest.raises(ValueError, match="name"):
        acquire(Slot(), "", 0, LEASE)


@given(st.lists(NAMES, unique=True), st.integers(0, 99))
def test_a_slot_comes_back_from_its_metadata(names: list[str], until: int) -> None:
    slot = Slot(names[0], until, tuple(names[1:])) if names else Slot()
    assert slot_of(metadata_of(slot)) == slot


@given(st.dictionaries(st.sampled_from(["holder", "waiters", "until_ms"]), st.none() | NAMES | st.lists(NAMES)))
def test_any_metadata_gives_a_sound_slot(metadata: dict[str, object]) -> None:
    sound(slot_of(metadata))


def test_upstreams_slot_is_read() -> None:
    assert slot_of({"holder": "a", "waiters": ["b", "a", "b"]}) == Slot("a", 0, ("b",))
    assert replace(slot_of({"holder": "", "waiters": []}), holder="") == Slot()
