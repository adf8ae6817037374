"""Moments as text."""

from datetime import UTC, datetime

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stamps import timestamp


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (999, "1970-01-01T00:00:00Z"),
        (1_795_219_200_000, "2026-11-21T00:00:00Z"),
        (2**47 - 1, "6429-10-17T02:45:55Z"),
    ],
)
def test_milliseconds_become_text(ms: int, text: str) -> None:
    assert timestamp.from_ms(ms) == text


@given(st.integers(0, 2**47 - 1))
def test_text_reads_back_to_the_second(ms: int) -> None:
    assert timestamp.parse(timestamp.from_ms(ms)) == datetime.fromtimestamp(ms // 1000, UTC)


def test_fractions_are_read() -> None:
    assert timestamp.parse("2026-11-21T00:00:00.5Z") > timestamp.parse("2026-11-21T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T00:00Z",
        "2026-11-21T00:00:00",
        "2026-11-21 00:00:00Z",
        "2026-11-21T00:00:00z",
        "2026-11-21T00:00:00+00:00",
        "2026-11-21T00:00:00Z\n",
        "2026-11-21T25:00:00Z",
        "2026-02-30T00:00:00Z",
        "\uff12026-11-21T00:00:00Z",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        timestamp.parse(text)
