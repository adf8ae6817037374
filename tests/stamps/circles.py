"""Small worlds of stamps and trust, by hand and by chance."""

from itertools import count
from typing import Any

import hypothesis.strategies as st

from stamps.reputation import Circle
from stamps.sheet import EarnedStamp
from stamps.testimony import Trust

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
ACTORS = tuple("abcdefgh")


def stamp(issuer: str, subject: str, score: int = 4, *, op: int = 0, item: str = "", **members: Any) -> EarnedStamp:
    """A stamp given an hour before now, more or less; op and item follow from who and when."""
    op_id = f"{issuer}-{subject}-{op}"
    given: dict[str, Any] = {
        "op": op_id, "issuer": issuer, "subject": subject, "commons": "wlc1test", "item": item or f"item-{op_id}",
        "submission": f"s-{op_id}", "title": "t", "dims": (("quality", score),), "confidence": 100, "severity": "leaf",
        "skills": (), "time_ms": NOW_MS - HOUR_MS + op,
    }  # fmt: skip
    return EarnedStamp(**(given | members))


@st.composite
def a_stamp(draw: st.DrawFn, numbers: Any) -> EarnedStamp:
    issuer, subject = draw(st.permutations(ACTORS))[:2]
    dims = draw(st.dictionaries(st.sampled_from(["quality", "reliability"]), st.integers(0, 5), min_size=1))
    return stamp(
        issuer, subject, op=next(numbers), item=f"item-{draw(st.integers(0, 9))}", dims=tuple(sorted(dims.items())),
        confidence=draw(st.sampled_from([50, 100])), time_ms=NOW_MS - draw(st.integers(0, 20_000)) * HOUR_MS,
        disputed=draw(st.booleans()), answered=draw(st.booleans()),
    )  # fmt: skip


@st.composite
def many_stamps(draw: st.DrawFn) -> list[EarnedStamp]:
    numbers = count()
    return [draw(a_stamp(numbers)) for _ in range(draw(st.integers(0, 30)))]


@st.composite
def a_trust(draw: st.DrawFn) -> Trust:
    one, other = draw(st.permutations(ACTORS))[:2]
    return one, other, draw(st.sampled_from([-1.0, -0.25, 0.5, 1.0]))


many_trusts = st.lists(a_trust(), max_size=5)
some_anchors = st.dictionaries(st.sampled_from(ACTORS), st.sampled_from([0.5, 1.0]), min_size=1, max_size=3)


def circle(stamps: list[EarnedStamp], anchors: dict[str, float], trusts: list[Trust] | None = None) -> Circle:
    return Circle(stamps, trusts or [], anchors, NOW_MS)
