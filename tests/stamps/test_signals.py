"""Each sign is seen at its threshold and not one before, takes its share of the weight, and is not the subject's."""

from typing import Any

import pytest

from stamps import habits
from stamps.habits import FACTORS, HOUR_MS, Given, Habit, Habits
from stamps.reputation import Circle
from stamps.signals import Taken, signals
from tests.stamps.circles import NOW_MS, circle, stamp

PLAIN = Habit(stamps=20, actors=20, mutual=0, total=60, squares=200, busiest=1, commonest=1)


def given_to(*scores: int, hours: bool = True) -> list[Given]:
    return [Given(score, (("quality", score),), n * HOUR_MS * hours) for n, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("sign", "members", "holds"),
    [
        ("one_sheet", {"stamps": 0, "actors": 0}, True),
        ("one_sheet", {"stamps": 1, "actors": 1}, False),
        ("ring", {"stamps": 6, "actors": 4, "mutual": 3}, True),
        ("ring", {"stamps": 5, "actors": 4, "mutual": 4}, False),
        ("ring", {"stamps": 6, "actors": 4, "mutual": 2}, False),
        ("ring", {"stamps": 9, "actors": 6, "mutual": 6}, False),
        ("ring", {"stamps": 9, "actors": 1, "mutual": 1}, False),
        ("rubber_stamp", {"stamps": 10, "total": 40.0, "squares": 160.0}, True),
        ("rubber_stamp", {"stamps": 9, "total": 36.0, "squares": 144.0}, False),
        ("rubber_stamp", {"stamps": 10, "total": 40.0, "squares": 161.0}, False),
        ("same_scores", {"stamps": 12, "commonest": 9}, True),
        ("same_scores", {"stamps": 12, "commonest": 8}, False),
        ("burst", {"stamps": 12, "busiest": 9}, True),
        ("burst", {"stamps": 12, "busiest": 8}, False),
    ],
)
def test_a_sign_holds_from_its_threshold_on(sign: str, members: dict[str, Any], holds: bool) -> None:
    habit = PLAIN._replace(**members)
    assert getattr(habits, sign)(habit) is holds
    assert (sign in habits.signs(habit)) is holds


def test_an_ordinary_issuer_shows_no_sign() -> None:
    assert habits.signs(PLAIN) == []
    assert habits.factor(PLAIN) == 1.0


def test_of_several_signs_the_strongest_counts() -> None:
    both = PLAIN._replace(busiest=20, commonest=20)
    assert habits.factor(both) == FACTORS["same_scores"]


def test_what_the_subject_got_is_left_out() -> None:
    of = Habits({f"x{n}": given_to(4) for n in range(9)} | {"b": given_to(1, 4, 4)}, frozenset({"b", "x1"}))
    left = of.without("b")
    assert (left.stamps, left.actors, left.mutual, left.total) == (9, 9, 1, 36)
    assert of.without("x0").commonest == 10
    assert of.without("x0").busiest == 9
    assert of.without("stranger") == of.without("")


# -- in a circle ---------------------------------------------------------------------------------------------------


def rubber_stamper() -> Circle:
    """I trust `you`, who gives everybody 4."""
    given = [stamp("you", f"x{n:02}", 4, time_ms=NOW_MS - n * HOUR_MS) for n in range(12)]
    return circle([*given, stamp("you", "b", 4, time_ms=NOW_MS)], {"me": 1.0}, [("me", "you", 1.0)])


def test_a_sign_halves_the_weight_and_is_told() -> None:
    standing = rubber_stamper().standing("b")
    assert standing.overall.effective == pytest.approx(0.5)
    assert [(each.name, each.actor, each.factor) for each in signals(standing)] == [
        ("rubber_stamp", "you", 0.5),
        ("same_scores", "you", 0.5),
    ]


def test_an_anchor_is_never_marked_down() -> None:
    standing = circle([stamp("me", "b", time_ms=NOW_MS)], {"me": 1.0}).standing("b")
    assert standing.overall.effective == pytest.approx(1.0)
    assert signals(standing) == []


def test_two_who_work_for_each_other_only_are_told() -> None:
    given = [stamp("you", "b", 4, op=n) for n in range(3)]
    standing = circle(given, {"me": 1.0}, [("me", "you", 1.0)]).standing("b")
    assert [each.name for each in signals(standing)] == ["one_sheet", "one_issuer", "two_only"]


def test_a_distrusted_actor_is_told() -> None:
    standing = circle([stamp("me", "b")], {"me": 1.0}, [("me", "b", -1.0)]).standing("b")
    assert [each.name for each in signals(standing)] == ["distrusted"]


@pytest.mark.parametrize(("taken", "told"), [(Taken(4, 2), True), (Taken(5, 2), False), (Taken(1, 1), False)])
def test_who_gives_up_half_of_what_was_granted_is_told(taken: Taken, told: bool) -> None:
    standing = circle([], {"me": 1.0}).standing("b")
    assert [each.name for each in signals(standing, taken)] == (["abandons"] if told else [])
