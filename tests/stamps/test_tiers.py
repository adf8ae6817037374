"""One ladder: every rung at its threshold and one step below; badges by their rules."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stamps.score import Score
from stamps.tiers import LADDER, Tier, badges, rung
from tests.stamps.circles import HOUR_MS, NOW_MS, circle, stamp


def score(effective: float, independent: float, estimate: float) -> Score:
    return Score(estimate, 0.3, effective, independent, 1, estimate)


@pytest.mark.parametrize("tier", LADDER[1:])
def test_a_rung_is_reached_at_its_threshold_and_no_sooner(tier: Tier) -> None:
    name, effective, independent, estimate = tier
    assert rung(score(effective, independent, estimate)).tier == name
    assert rung(score(effective - 0.1, independent, estimate)).tier != name
    below = rung(score(effective, independent - 0.2, estimate))
    assert (below.tier != name, below.next) == (True, name)


def test_what_is_next_says_what_is_missing() -> None:
    assert rung(score(2.0, 1.0, 2.5)).missing == (
        "1.0 more effective stamps",
        "1.0 more independent issuers",
        "a score of 3 (now 2.5)",
    )


@given(st.floats(0, 40), st.floats(0, 20), st.floats(0, 5), st.floats(0, 10), st.floats(0, 5))
def test_more_evidence_never_takes_a_rung_away(a: float, b: float, c: float, more: float, hands: float) -> None:
    names = [tier.name for tier in LADDER]
    assert names.index(rung(score(a + more, b + hands, c)).tier) >= names.index(rung(score(a, b, c)).tier)


def earned(**members: Any) -> tuple[str, ...]:
    """The badges of whom ten anchors gave twelve stamps over twelve months, one of which is another's."""
    given_ = [
        stamp(f"me{n % 10}", "b", 4, op=n, time_ms=NOW_MS - n * 30 * 24 * HOUR_MS, **members) for n in range(12)
    ]  # fmt: skip
    return badges(circle(given_, {f"me{n}": 1.0 for n in range(10)}).standing("b"))


def test_badges_follow_their_rules() -> None:
    assert earned() == ("many-hands", "all-year", "flawless")
    assert "root-work" in earned(severity="root")
    assert earned(skills=("go",))[-1] == "skill:go"
    assert "flawless" not in earned(dims=(("quality", 5), ("reliability", 3)))


def test_stamps_of_strangers_earn_no_badge() -> None:
    given_ = [stamp(f"z{n}", "b", 5, commons=f"c{n}", severity="root") for n in range(12)]
    assert badges(circle(given_, {"me": 1.0}).standing("b")) == ()
    shared = [stamp("me", "b", 5, op=n, commons=f"c{n}") for n in range(3)]
    assert badges(circle(shared, {"me": 1.0}).standing("b")) == ("travelled",)
