"""What strangers may give in a day: at each bound and one past it; and whatever is held comes another day."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from beads import limits
from beads.rates import DAY_MS, UNBOUNDED, Rates, Today
from tests.world import Said, actor, create, found, keys_of, memory_ledger, said, write

ALICE, BOB = actor("alice"), actor("bob")
LOGS = st.sampled_from(["a", "b", "c"])


def rates(
    *, today: Today | None = None, covered: Mapping[str, int] | None = None, admitted: bool = False,
    own: frozenset[str] = frozenset(), stranger: bool = True, left: int = 1 << 30,
) -> Rates:  # fmt: skip
    known = covered or {}
    return Rates(
        today if today is not None else Today(1), lambda log: known.get(log, 0), lambda _: admitted, own.__contains__,
        stranger, lambda: limits.UNCOVERED_BYTES - left,
    )  # fmt: skip


def test_a_log_may_be_given_so_many_lines_a_day() -> None:
    for admitted, most in ((False, limits.UNCOVERED_LINES), (True, limits.UNCOVERED_LINES_ADMITTED)):
        allowed = rates(admitted=admitted)
        assert allowed.room("a", 7) == most
        allowed.took("a", 7, 1)
        assert allowed.room("a", 7 + most - 1) == 1
        assert allowed.room("a", 7 + most) == 0


def test_what_a_checkpoint_covers_does_not_count() -> None:
    most = limits.UNCOVERED_LINES
    assert rates(today=Today(1, {"a": 0}), covered={"a": most}).room("a", most) == most
    assert rates(today=Today(1, {"a": 0}), covered={"a": most - 1}).room("a", most) == most - 1


def test_a_new_day_begins_anew() -> None:
    today = Today(1, {"a": 0})
    assert today.at(DAY_MS) is today
    assert today.at(2 * DAY_MS) == Today(2)


def test_so_many_new_logs_a_day() -> None:
    begun = {f"log {n}": 0 for n in range(limits.NEW_LOGS - 1)}
    assert rates(today=Today(1, begun)).room("one more", 0) > 0
    begun["the last"] = 0
    assert rates(today=Today(1, begun)).room("one more", 0) == 0
    assert rates(today=Today(1, begun)).room("older", 1) > 0
    assert rates(today=Today(1, begun), covered={"the last": 1}).room("one more", 0) > 0


def test_the_bytes_of_a_commons_are_bounded_whoever_brings_them() -> None:
    for stranger in (True, False):
        allowed = rates(stranger=stranger, left=10)
        assert allowed.room("a", 0) > 0
        allowed.took("a", 0, 10)
        assert allowed.room("b", 0) == 0


def test_own_logs_are_exempt_and_so_is_a_chosen_peer_s_history() -> None:
    assert rates(own=frozenset({"a"}), left=0).room("a", 10**6) == UNBOUNDED
    assert rates(stranger=False).room("a", 10**6) == UNBOUNDED


@given(st.lists(st.tuples(LOGS, st.integers(0, 60)), max_size=20))
def test_nothing_that_is_offered_bit_by_bit_gets_further_than_at_once(offers: list[tuple[str, int]]) -> None:
    """The bound holds however the lines are cut, and notes of two processes put together change nothing."""
    today, other, lengths = Today(1), Today(1), dict.fromkeys("abc", 0)
    for n, (log, count) in enumerate(offers):
        mine = today if n % 2 else other
        allowed = rates(today=Today(1, mine.with_starts((other if n % 2 else today).starts).starts))
        taken = min(count, allowed.room(log, lengths[log]))
        if taken:
            allowed.took(log, lengths[log], taken)
            lengths[log] += taken
        if n % 2:
            today = today.with_starts(allowed.today.starts)
        else:
            other = other.with_starts(allowed.today.starts)
    for log, length in lengths.items():
        offered = sum(count for each, count in offers if each == log)
        assert length == min(offered, limits.UNCOVERED_LINES)


# -- in the ledger ---------------------------------------------------------------------------------------------


def test_what_is_too_much_is_held_and_the_rest_is_taken() -> None:
    source, ours = memory_ledger(found(ALICE)), memory_ledger(found(ALICE))
    write(source, BOB, *(create(f"bead {n}") for n in range(80)))
    log = BOB.log(source.commons)
    today = Today(1)
    done = ours.ingest(said(source.store), rates(today=today))
    outcome = done.of("log", log)
    assert outcome is not None
    assert (outcome.status, outcome.reason, outcome.taken) == ("held", "rate", limits.UNCOVERED_LINES)
    assert len(ours.store.lines(log)) == limits.UNCOVERED_LINES
    assert len(list(ours.store.bodies(log))) == limits.UNCOVERED_LINES - 1
    again = ours.ingest(said(source.store), rates(today=today)).of("log", log)
    assert again is not None
    assert (again.status, again.reason, again.taken) == ("held", "rate", 0)
    ours.ingest(said(source.store), rates(today=today.at(2 * DAY_MS)))
    assert ours.store.lines(log) == source.store.lines(log)
    assert ours.index.state_hash() == source.index.state_hash()


def test_just_as_much_as_may_be_is_no_matter() -> None:
    source, ours = memory_ledger(found(ALICE)), memory_ledger(found(ALICE))
    write(source, BOB, *(create(f"bead {n}") for n in range(limits.UNCOVERED_LINES - 1)))
    done = ours.ingest(said(source.store), rates())
    assert done.troubles == []
    assert ours.store.lines(BOB.log(source.commons)) == source.store.lines(BOB.log(source.commons))


def test_key_logs_of_new_actors_are_as_few_a_day_as_logs() -> None:
    crowd = [actor(f"actor {n}") for n in range(limits.NEW_LOGS + 5)]
    ours, today = memory_ledger(found(ALICE)), Today(1)
    done = ours.ingest(Said(keys=keys_of(*crowd)), rates(today=today))
    assert len(ours.store.key_logs()) == limits.NEW_LOGS
    assert {(o.what, o.status, o.reason) for o in done.troubles} == {("keys", "held", "rate")}
    again = ours.ingest(Said(keys=keys_of(*crowd)), rates(today=today))
    assert len(again.troubles) == 5, "offering it again makes no more room"
    assert rates(today=today).room("a log", 0) > 0, "they are counted apart from logs"
    ours.ingest(Said(keys=keys_of(*crowd)), rates(today=Today(2)))
    assert len(ours.store.key_logs()) == len(crowd)


def test_many_new_logs_are_let_in_day_by_day() -> None:
    crowd = [actor(f"actor {n}") for n in range(limits.NEW_LOGS + 5)]
    source, ours = memory_ledger(found(ALICE)), memory_ledger(found(ALICE))
    for each in crowd:
        write(source, each, create("hello"))
    told = Said(keys=keys_of(*crowd), chains=said(source.store).chains)
    ours.ingest(Said(keys=told.keys))
    done = ours.ingest(told, rates())
    assert len(ours.store.logs()) == limits.NEW_LOGS
    assert [(o.status, o.reason) for o in done.troubles] == [("held", "rate")] * 5
