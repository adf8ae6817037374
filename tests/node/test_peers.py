"""Peers with terms: how long a failing one is left alone, what may be taken of it in a day, and who wins a name."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.errors import NotFound
from node.errors import Usage
from node.peers import DAY_MS, FIRST_WAIT_MS, LONGEST_WAIT_MS, UNKNOWN, Health, Peer, PeerBook, wait_ms

NOW = 20_000 * DAY_MS + 5
CHANCES = st.floats(0, 1)


@given(st.integers(1, 100_000), CHANCES)
def test_the_wait_doubles_up_to_a_bound_and_half_of_it_is_chance(failures: int, chance: float) -> None:
    full = min(FIRST_WAIT_MS * 2 ** min(failures - 1, 30), LONGEST_WAIT_MS)
    assert full / 2 <= wait_ms(failures, chance) <= full


@given(st.lists(st.tuples(st.booleans(), CHANCES), min_size=1, max_size=30))
def test_a_success_makes_all_failures_forgotten(story: list[tuple[bool, float]]) -> None:
    health, now, failures = UNKNOWN, NOW, 0
    for works, chance in story:
        now += 1000
        health = health.after_success(now, 1) if works else health.after_failure(now, "no", chance)
        failures = 0 if works else failures + 1
        assert health.failures == failures
        assert (health.next_ms > now) == (failures > 0)
    assert health.succeeded_ms == max([NOW + 1000 * (n + 1) for n, (works, _) in enumerate(story) if works], default=0)


def test_what_may_be_taken_in_a_day_is_counted_by_the_day() -> None:
    health = UNKNOWN.after_success(NOW, 60).after_success(NOW + 1, 30)
    assert health.room(100, NOW + 2) == 10
    assert health.room(50, NOW + 2) == 0
    assert health.room(0, NOW + 2) is None
    assert health.room(100, NOW + DAY_MS) == 100
    assert health.after_success(NOW + DAY_MS, 1).room(100, NOW + DAY_MS) == 99


def test_peers_have_names_and_terms(tmp_path: Path) -> None:
    book = PeerBook(tmp_path)
    book.add(Peer("https://a.example/x", name="ann"))
    book.add(Peer("https://b.example/x"))
    assert book.find("ann") == book.find("https://a.example/x")
    with pytest.raises(Usage, match="called ann"):
        book.add(Peer("https://c.example/x", name="ann"))
    with pytest.raises(Usage):
        book.change("https://b.example/x", name="ann")
    assert book.change("ann", push=False, daily=7) == Peer("https://a.example/x", name="ann", push=False, daily=7)
    assert book.remove("ann").url == "https://a.example/x"
    with pytest.raises(NotFound):
        book.find("ann")


def test_what_the_owner_decided_stands_whoever_adds_the_address_again(tmp_path: Path) -> None:
    book = PeerBook(tmp_path)
    book.add(Peer("https://a.example/x", blocked=True))
    book.add_if_new(Peer("https://a.example/x", suggested=True))
    assert book.peers() == [Peer("https://a.example/x", blocked=True)]


def test_health_is_noted_of_peers_on_the_list_alone(tmp_path: Path) -> None:
    book = PeerBook(tmp_path)
    book.add(Peer("a"))
    for url in ("a", "b"):
        book.note(url, lambda known: known.after_failure(NOW, "x" * 1000, 0))
    assert list(book.health()) == ["a"]
    assert len(book.health()["a"].error) == 300
    book.remove("a")
    book.add(Peer("b"))
    book.note("b", lambda known: known)
    assert book.health() == {"b": UNKNOWN}


def test_a_list_of_the_first_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "peers.json").write_text('[{"url":"a","pull":true,"push":false}]')
    assert PeerBook(tmp_path).peers() == [Peer("a", push=False)]


def test_two_who_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    book = PeerBook(tmp_path)
    book.add(Peer("a"))

    def many() -> None:
        for _ in range(50):
            PeerBook(tmp_path).note("a", lambda known: known.after_success(NOW, 1))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert book.health()["a"] == Health(succeeded_ms=NOW, day=NOW // DAY_MS, taken=200)
