"""Rows of the reference: which is which, and what a stamp of it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanted import legacy
from wanted.ops.legacy import CLIENTS, KINDS, TYPE, Legacy, entity_of, is_source, parts_of

STAMP = {"author": "ann", "subject": "bob", "valence": '{"quality": 4}', "severity": "root"}
lines = st.text(alphabet="ab@:/ ", min_size=1, max_size=8)


@given(lines.filter(is_source), st.sampled_from(KINDS), lines)
def test_which_row_it_is_follows_from_the_id_alone(source: str, kind: str, row: str) -> None:
    assert parts_of(entity_of(source, kind, row)) == (source, kind, row)


def test_a_source_that_would_make_one_entity_of_two_rows_is_refused() -> None:
    # Else rig b@c of d and rig b of c@d would be one.
    assert TYPE.problem(Legacy("d", "rig", "b@c", CLIENTS[0], (), ())) is None
    assert TYPE.problem(Legacy("c@d", "rig", "b", CLIENTS[0], (), ())) is not None


def test_root_is_the_most_for_one_client_and_a_warning_for_the_other() -> None:
    best = legacy.stamp("s-1", "wl", STAMP)
    warning = legacy.stamp("s-1", "gt", STAMP)
    assert (best.severity, best.warning) == ("root", False)
    assert (warning.severity, warning.warning) == (None, True)


@pytest.mark.parametrize(
    ("valence", "dims"),
    [
        ('{"quality": 4, "reliability": 5}', (("quality", 4), ("reliability", 5))),
        ('{"quality": 0.8, "care": 1}', (("care", 5), ("quality", 4))),
        ('{"quality": 1}', (("quality", 1),)),
        ('{"quality": 3.6}', (("quality", 3.6),)),
        ('{"quality": 9, "x": -1, "y": true, "z": "5"}', (("quality", 5), ("x", 0))),
        ("[1]", ()),
        ("nonsense", ()),
        ('{"quality": NaN, "care": Infinity, "x": -Infinity, "y": 3}', (("y", 3),)),
        ('{"quality": 1' + "0" * 400 + ', "y": 1e400, "z": 3}', (("z", 3),)),
        ('{"\\ud800": 3, "\\u001b[2J": 3, "z": 3}', (("z", 3),)),
        ("", ()),
    ],
)
def test_a_valence_is_read_on_the_scale_that_it_was_written_on(
    valence: str, dims: tuple[tuple[str, float], ...]
) -> None:
    assert legacy.stamp("s-1", "wl", {"valence": valence}).dims == dims


@pytest.mark.parametrize(
    ("text", "confidence"), [("0.7", 70), ("1", 100), ("", 100), ("7", 100), ("x", 100), ("nan", 100), ("-inf", 100)]
)
def test_a_confidence_is_a_share(text: str, confidence: int) -> None:
    assert legacy.stamp("s-1", "wl", {"confidence": text}).confidence == confidence
