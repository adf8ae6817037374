"""A character sheet is a pure function of a set of stamps."""

import random
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from stamps import sheet
from stamps.sheet import DimensionScore, EarnedStamp

FIRST = EarnedStamp(
    op="a" * 64,
    issuer="QmIssuer",
    subject="QmSubject",
    commons="wlc1one",
    item="1" * 64,
    submission="2" * 64,
    title="Tidy work",
    dims=(("quality", 5), ("reliability", 2)),
    confidence=80,
    severity="leaf",
    skills=("go",),
    time_ms=1000,
)


def another(**members: Any) -> EarnedStamp:
    return msgspec.structs.replace(FIRST, **members)


SECOND = another(
    op="b" * 64,
    issuer="QmOther",
    commons="wlc1two",
    item="3" * 64,
    dims=(("quality", 2),),
    severity="root",
    skills=("ada", "go"),
    time_ms=500,
)


@st.composite
def earned(draw: st.DrawFn) -> EarnedStamp:
    """A stamp whose content follows from its op id, as in life; flags are what a peer happens to know."""
    number = draw(st.integers(0, 11))
    seed = random.Random(number)
    return EarnedStamp(
        op=f"{number:064x}",
        issuer=seed.choice("xyz"),
        subject=seed.choice("ST"),
        commons=seed.choice("cd"),
        item=seed.choice("ij"),
        submission="s",
        title="t",
        dims=tuple((name, seed.randrange(6)) for name in sorted(seed.sample("abc", 2))),
        confidence=50,
        severity=seed.choice(["leaf", "branch", "root"]),
        skills=tuple(sorted(seed.sample("pqr", 2))),
        time_ms=seed.randrange(3),
        withdrawn=draw(st.booleans()),
        disputed=draw(st.booleans()),
        answered=draw(st.booleans()),
    )


@given(st.lists(earned(), max_size=20), st.randoms())
@settings(deadline=None, max_examples=150)
def test_order_and_repetition_change_nothing(stamps: list[EarnedStamp], chance: random.Random) -> None:
    shuffled = stamps + stamps[: len(stamps) // 2]
    chance.shuffle(shuffled)
    made, again = sheet.fold("S", stamps), sheet.fold("S", shuffled)
    assert made == again
    # Equality of mappings passes over their order, and a sheet is shown in order.
    assert repr(made) == repr(again)


@given(st.lists(earned(), max_size=20))
def test_the_totals_agree_with_the_timeline(stamps: list[EarnedStamp]) -> None:
    made = sheet.fold("S", stamps)
    assert {stamp.op for stamp in made.timeline} == {stamp.op for stamp in stamps if stamp.subject == "S"}
    assert made.stamps + made.withdrawn == len(made.timeline)
    assert sum(made.severities.values()) == sum(made.commons.values()) == made.stamps
    assert all(1 <= score.issuers <= score.count <= made.stamps for score in made.dimensions.values())
    assert all(0 <= score.mean <= 5 for score in made.dimensions.values())


def test_two_stamps_add_up() -> None:
    made = sheet.fold("QmSubject", [FIRST, SECOND])
    assert made.dimensions == {
        "quality": DimensionScore(count=2, mean=3.5, issuers=2),
        "reliability": DimensionScore(count=1, mean=2.0, issuers=1),
    }
    assert list(made.severities.items()) == [("leaf", 1), ("branch", 0), ("root", 1)]
    assert list(made.skills.items()) == [("go", 2), ("ada", 1)]
    assert made.commons == {"wlc1one": 1, "wlc1two": 1}
    assert made.timeline == (SECOND, FIRST)
    assert (made.stamps, made.issuers, made.items) == (2, 2, 2)


def test_issuers_are_counted_once() -> None:
    made = sheet.fold("QmSubject", [FIRST, another(op="c" * 64), another(op="d" * 64)])
    assert made.dimensions["quality"] == DimensionScore(count=3, mean=5.0, issuers=1)
    assert (made.issuers, made.items) == (1, 1)


def test_a_withdrawn_stamp_is_shown_and_not_counted() -> None:
    made = sheet.fold("QmSubject", [SECOND, another(withdrawn=True)])
    assert (made.stamps, made.withdrawn, len(made.timeline)) == (1, 1, 2)
    assert "reliability" not in made.dimensions


def test_a_disputed_stamp_counts_and_is_marked() -> None:
    made = sheet.fold("QmSubject", [another(disputed=True), SECOND])
    assert (made.stamps, made.disputed) == (2, 1)


def test_stamps_of_others_are_passed_over() -> None:
    made = sheet.fold("QmOther", [FIRST])
    assert (made.stamps, made.timeline, made.dimensions) == (0, (), {})


def test_a_sheet_is_frozen_and_becomes_json() -> None:
    made = sheet.fold("QmSubject", [FIRST])
    with pytest.raises(AttributeError):
        made.stamps = 9  # type: ignore[misc]
    assert msgspec.json.decode(msgspec.json.encode(made), type=sheet.Sheet) == made
