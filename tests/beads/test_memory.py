"""What agents remember: nothing takes the place of something else unless it is told to."""

import pytest

from beads import memory
from beads.remembering import remember
from tests.beads.test_import_vectors import GENESIS, tracker
from tests.world import memory_ledger


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("日本語のメモ", "日本のもう一つ"),
        ("…", "!"),
        ("When you run the test suite on a laptop use -n 2", "When you run the test suite on a server use -n 32"),
        ("word " * 8 + "one", "word " * 8 + "two"),
    ],
)
def test_a_text_that_begins_like_another_is_kept_beside_it(first: str, second: str) -> None:
    ledger = memory_ledger(GENESIS)
    ledger.refresh()
    tracked = tracker(ledger)
    keys = [remember(tracked, text) for text in (first, second, first, second)]
    assert keys[:2] == keys[2:]
    assert all(map(memory.is_key, keys))
    assert {one.text for one in memory.memories(tracked.read)} == {first, second}
    ledger.close()


def test_a_key_that_is_given_takes_the_place_of_what_it_had() -> None:
    ledger = memory_ledger(GENESIS)
    ledger.refresh()
    tracked = tracker(ledger)
    for text in ("one", "two"):
        assert remember(tracked, text, "key") == "key"
    assert [one.text for one in memory.memories(tracked.read)] == ["two"]
    ledger.close()


def test_a_key_keeps_its_letters() -> None:
    assert memory.slug("Öl ins Schloß, täglich!") == "öl-ins-schloß-täglich"
