"""Selective disclosure: which stamps a word means, and what a file then holds."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.errors import Ambiguous, NotFound
from stamps.sheet import EarnedStamp
from tests.wanted.sheets import ALICE, BOB, MALLORY, NOW_MS, earn, home, read, shown, verify
from wanted import board, telling, verifying
from wanted.choosing import choose, meant
from wanted.errors import BundleError

NAMES = {"wlc1a": "Shed", "wlc1b": "Yard"}


def stamp(n: int, commons: str = "wlc1a", *skills: str, item: str = "") -> EarnedStamp:
    op = sha256(str(n).encode()).hexdigest()
    return EarnedStamp(
        op=op, issuer="QmAlice", subject="QmBob", commons=commons, item=item or op[::-1], submission=op, title="x",
        dims=(("quality", 5),), confidence=90, severity="leaf", skills=skills, time_ms=n,
    )  # fmt: skip


STAMPS = [stamp(1, "wlc1a", "go"), stamp(2, "wlc1b", "go", "python"), stamp(3, "wlc1b"), stamp(4, item="ab" * 32)]


def ops(*numbers: int) -> frozenset[str]:
    return frozenset(STAMPS[n - 1].op for n in numbers)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("go", ops(1, 2)),
        ("python", ops(2)),
        ("Yard", ops(2, 3)),
        ("wlc1a", ops(1, 4)),
        (STAMPS[0].op[:8], ops(1)),
        ("abab", ops(4)),
    ],
)
def test_a_word_means_a_skill_a_commons_an_item_or_a_stamp(word: str, found: frozenset[str]) -> None:
    assert meant(word, STAMPS, NAMES) == found


@pytest.mark.parametrize("word", ["", "rust", "Sh", "zz"])
def test_a_word_that_means_nothing_is_an_error(word: str) -> None:
    with pytest.raises(NotFound):
        meant(word, STAMPS, NAMES)


def test_the_start_of_several_ids_lists_them() -> None:
    twins = [stamp(5, item="cd" + "0" * 62), stamp(6, item="cd" + "1" * 62)]
    with pytest.raises(Ambiguous):
        meant("cd", twins, NAMES)


words = st.lists(st.sampled_from(["go", "python", "Yard", "wlc1a", STAMPS[2].op, "abab"]), max_size=4)


@given(words, words)
def test_what_is_left_out_is_left_out_whatever_else_means_it(only: list[str], without: list[str]) -> None:
    shown = choose(STAMPS, NAMES, only, without)
    assert not any(shown & meant(word, STAMPS, NAMES) for word in without)
    assert all(any(op in meant(word, STAMPS, NAMES) for word in only) for op in shown) or not only
    assert choose(STAMPS, NAMES, only, without) == choose(STAMPS, NAMES, [*reversed(only)], [*without, *without])


# -- in a file -----------------------------------------------------------------------------------------------------


def test_a_stamp_that_is_not_shown_leaves_no_trace_in_the_file() -> None:
    ledger = home()
    secret, public = earn(ledger, ALICE, BOB, "The secret door"), earn(ledger, ALICE, BOB, "The front door")
    hidden = board.load(ledger, secret).stamps[0]
    file = shown(ledger, chosen=lambda each: each.op != hidden.op)
    assert [each.item for each in verify(file).stamps] == [public]
    assert secret not in json.dumps(file)
    assert "secret" not in json.dumps(file)


def test_of_two_stamps_on_one_item_one_may_be_shown() -> None:
    """Work of two: each is stamped by the poster; the other's stamp is nobody's business."""
    ledger = home()
    earn(ledger, ALICE, BOB)
    earn(ledger, ALICE, MALLORY, "Not Bob's")
    assert "Not Bob's" not in json.dumps(shown(ledger))


def test_words_go_along_by_choice_and_are_held_against_what_was_signed() -> None:
    ledger = home()
    item = earn(ledger, ALICE, BOB)
    given = board.load(ledger, item).stamps[0].op
    (disputed,) = ledger.write(BOB, lambda at: board.dispute(board.load(at, item), given, BOB.actor, "Better still."))
    ledger.write(ALICE, lambda at: board.answer(board.load(at, item), disputed.id, ALICE.actor, "It was not."))
    assert "bodies" not in shown(ledger)
    assert verify(shown(ledger)).words == {}
    file = shown(ledger, words=True)
    assert sorted(verify(file).words.values()) == ["Better still.", "It was not.", "well done"]
    assert verify(file).words[given] == "well done"


CHANGES: list[Any] = [
    lambda text: text.replace("well done", "superbly"),
    lambda text: text[:-1],
    lambda text: text + " ",
    lambda text: "{}",
]


@pytest.mark.parametrize("change", CHANGES)
def test_changed_words_refuse_the_file(change: Any) -> None:
    ledger = home()
    earn(ledger, ALICE, BOB)
    file = shown(ledger, words=True)
    file["bodies"] = [change(text) for text in file["bodies"]]
    with pytest.raises(BundleError) as refused:
        verify(file)
    assert refused.value.reason == "body"


def test_words_that_were_erased_do_not_come_along() -> None:
    ledger = home()
    item = earn(ledger, ALICE, BOB)
    ledger.erase(ALICE, board.load(ledger, item).stamps[0].op)
    found = verify(shown(ledger, words=True))
    assert (len(found.stamps), found.words) == (1, {})


def test_the_words_of_a_file_stand_in_json_beside_their_stamp() -> None:
    ledger = home()
    earn(ledger, ALICE, BOB)
    found = read(json.dumps(shown(ledger, words=True)).encode())
    assert telling.as_json(found)["stamps"][0]["words"] == "well done"
    assert verifying.verify_file(json.dumps(shown(ledger)).encode(), NOW_MS) != found
