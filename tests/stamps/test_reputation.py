"""What a circle promises: nobody makes weight out of nothing, nor moves their own score."""

import random
from dataclasses import dataclass
from itertools import product

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given, settings

from stamps.reputation import OVERALL, Circle
from stamps.score import Score
from stamps.sheet import EarnedStamp
from stamps.testimony import Trust, together
from tests.stamps.circles import ACTORS, HOUR_MS, NOW_MS, circle, many_stamps, many_trusts, some_anchors, stamp

YEAR_MS = 8766 * HOUR_MS


def same(one: Score, other: Score, rel: float = 1e-9) -> bool:
    return one == pytest.approx(other, rel=rel, abs=1e-9)


# -- nobody makes weight out of nothing ----------------------------------------------------------------------------


@dataclass
class Farm:
    """Actors that an attacker made: they praise the attacker and each other, and run everybody else down."""

    size: int

    def stamps(self, attacker: str, honest: list[str]) -> list[EarnedStamp]:
        names = [f"z{n:05}" for n in range(self.size)]
        found = []
        for n, name in enumerate(names):
            found += [stamp(attacker, name, 5), stamp(name, attacker, 5), stamp(name, names[n - 1], 5)]
            found.append(stamp(name, honest[n % len(honest)], 0))
        return found


def village(seed: int, actors: int = 20) -> list[EarnedStamp]:
    """Honest actors of different skill, each judged by six others, who differ by a point at most."""
    chance = random.Random(seed)
    names = [f"h{n:02}" for n in range(actors)]
    skill = {name: 1.5 + 3 * n / actors for n, name in enumerate(names)}
    return [
        stamp(issuer, subject, min(5, max(0, round(skill[subject] + chance.uniform(-0.7, 0.7)))))
        for subject in names
        for issuer in chance.sample([name for name in names if name != subject], 6)
    ]


@pytest.mark.parametrize("edges", [0, 3])
def test_ten_times_the_sybils_move_no_rank_and_no_score(edges: int) -> None:
    honest = sorted({each.subject for each in village(1)})
    seen = []
    for size in (500, 5000):
        fooled = [stamp(name, "attacker", 4) for name in honest[3 : 3 + edges]]
        ours = circle([*village(1), *fooled, *Farm(size).stamps("attacker", honest)], {"h00": 1.0, "h01": 0.5})
        seen.append({name: ours.score(name) for name in [*honest, "attacker"]})
    few, many = seen
    assert all(few[name].estimate == pytest.approx(many[name].estimate, rel=0.01) for name in few)
    assert all(few[name].effective == pytest.approx(many[name].effective, rel=0.01) for name in few)
    assert sorted(honest, key=lambda n: few[n].bound) == sorted(honest, key=lambda n: many[n].bound)


@given(st.integers(0, 50), st.integers(0, 4), st.integers(2, 4))
@settings(max_examples=10, deadline=None)
def test_sybils_move_no_honest_score_by_more_than_one_percent(seed: int, edges: int, more: int) -> None:
    honest = sorted({each.subject for each in village(seed)})
    fooled = [stamp(name, "attacker", 4) for name in honest[3 : 3 + edges]]
    few, many = (
        circle([*village(seed), *fooled, *Farm(size).stamps("attacker", honest)], {"h00": 1.0})
        for size in (60, 60 * more)
    )
    assert all(few.score(name).estimate == pytest.approx(many.score(name).estimate, rel=0.01) for name in honest)
    assert few.score("attacker").estimate == pytest.approx(many.score("attacker").estimate, rel=0.01)


@given(many_stamps(), many_stamps(), many_trusts, some_anchors)
@settings(deadline=None, max_examples=40)
def test_whom_nobody_reaches_changes_nothing(
    stamps: list[EarnedStamp], others: list[EarnedStamp], trusts: list[Trust], anchors: dict[str, float]
) -> None:
    apart = [stamp(f"z{each.issuer}", f"z{each.subject}", op=n, dims=each.dims) for n, each in enumerate(others)]
    # They speak of those within reach, too: trust never flows backwards.
    apart += [stamp(f"z{each.issuer}", each.subject, op=n, dims=each.dims) for n, each in enumerate(others, 500)]
    hostile = [*trusts, *((f"z{one}", other, weight) for one, other, weight in trusts)]
    alone, beside = circle(stamps, anchors, trusts), circle([*stamps, *apart], anchors, hostile)
    for actor in ACTORS:
        one, other = alone.score(actor), beside.score(actor)
        assert one[:4] == pytest.approx(other[:4])


# -- nobody moves their own score ----------------------------------------------------------------------------------


@given(many_stamps(), many_trusts, some_anchors, st.sampled_from(ACTORS))
@settings(deadline=None, max_examples=60)
def test_what_a_subject_says_changes_nothing_in_its_own_score(
    stamps: list[EarnedStamp], trusts: list[Trust], anchors: dict[str, float], subject: str
) -> None:
    silent = [each for each in stamps if each.issuer != subject]
    unsaid = [each for each in trusts if each[0] != subject]
    spoken = circle(stamps, anchors, trusts)
    for dimension in (OVERALL, "quality", "reliability"):
        with_it, without = spoken.score(subject, dimension), circle(silent, anchors, unsaid).score(subject, dimension)
        assert same(with_it, without)


@given(many_stamps(), many_trusts, some_anchors, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_order_and_repetition_change_nothing_to_the_last_bit(
    stamps: list[EarnedStamp], trusts: list[Trust], anchors: dict[str, float], chance: random.Random
) -> None:
    mixed, turned = [*stamps, *stamps[:3]], [*trusts, *trusts[:2]]
    chance.shuffle(mixed)
    chance.shuffle(turned)
    backwards = dict(reversed(anchors.items()))
    one, other = circle(stamps, anchors, trusts), circle(mixed, backwards, turned)
    for actor in ACTORS:
        assert one.standing(actor) == other.standing(actor)
        assert one.why(actor) == other.why(actor)
    assert one.leaderboard() == other.leaderboard()


@given(many_stamps(), many_trusts, some_anchors, st.sampled_from(ACTORS), st.integers(0, 5), st.data())
@settings(deadline=None, max_examples=60)
def test_what_an_anchor_gives_at_or_above_the_score_does_not_lower_it(
    stamps: list[EarnedStamp], trusts: list[Trust], anchors: dict[str, float], subject: str, given_: int,
    data: st.DataObject,
) -> None:  # fmt: skip
    anchor = data.draw(st.sampled_from(sorted(anchors)))
    assume(anchor != subject)
    before = circle(stamps, anchors, trusts).score(subject)
    assume(given_ >= before.estimate)
    after = circle([*stamps, stamp(anchor, subject, given_, op=999, time_ms=NOW_MS)], anchors, trusts).score(subject)
    assert after.estimate >= before.estimate - 1e-9
    assert after.bound >= before.bound - 1e-9


# -- the terms, one by one -----------------------------------------------------------------------------------------


def test_below_one_full_stamp_there_is_no_number() -> None:
    ours = circle([stamp("me", "b", 5, confidence=90)], {"me": 1.0})
    assert ours.score("b").value is None
    assert ours.leaderboard() == []


def test_my_own_stamp_is_one_full_stamp_and_shrinks_to_the_mean() -> None:
    score = circle([stamp("me", "b", 4, time_ms=NOW_MS)], {"me": 1.0}).score("b")
    assert score == pytest.approx(Score((3 * 3.0 + 4) / 4, 1 / 2, 1.0, 1.0, 1, 4.0))


def test_leniency_is_seen_in_what_an_issuer_gave_to_others() -> None:
    given_ = [stamp("you", "x", 4, time_ms=NOW_MS), stamp("you", "b", 5, time_ms=NOW_MS)]
    score = circle(given_, {"me": 1.0}, [("me", "you", 1.0)]).score("b")
    assert score.estimate == pytest.approx((3 * 3.0 + (5 - (4 - 3.0) / (1 + 5))) / 4)


def test_weight_halves_in_two_years() -> None:
    score = circle([stamp("me", "b", time_ms=NOW_MS - 2 * YEAR_MS)], {"me": 1.0}).score("b")
    assert score.effective == pytest.approx(0.5)


def test_the_second_stamp_of_one_pair_counts_half() -> None:
    score = circle([stamp("me", "b", op=n, time_ms=NOW_MS) for n in range(2)], {"me": 1.0}).score("b")
    assert score.effective == pytest.approx(1.5)
    assert score.independent == pytest.approx(1.0)


@pytest.mark.parametrize(("answered", "effective"), [(False, 0.5), (True, 1.0)])
def test_a_disputed_stamp_counts_half_until_it_is_answered(answered: bool, effective: float) -> None:
    given_ = stamp("me", "b", time_ms=NOW_MS, disputed=True, answered=answered)
    assert circle([given_], {"me": 1.0}).score("b").effective == pytest.approx(effective)


def test_a_withdrawn_stamp_counts_nowhere() -> None:
    ours = circle([stamp("me", "b", withdrawn=True), stamp("b", "c")], {"me": 1.0})
    assert ours.score("b").stamps == 0
    assert ours.score("c").effective == 0


def test_severity_is_no_weight() -> None:
    leaf, root = (circle([stamp("me", "b", severity=each)], {"me": 1.0}).score("b") for each in ("leaf", "root"))
    assert leaf == root


def test_whoever_gives_everybody_the_best_says_little_by_it() -> None:
    others = [stamp("you", f"x{n}", 5, op=n) for n in range(6)] + [stamp("me", "you", 5)]
    lenient = circle([*others, stamp("you", "b", 5)], {"me": 1.0}, [("me", "you", 1.0)])
    fair = circle([*others[3:], *(stamp("you", f"y{n}", 2, op=n) for n in range(3)), stamp("you", "b", 5)], {"me": 1.0})
    assert lenient.score("b").estimate < fair.score("b").estimate


def test_actors_of_one_owner_are_one() -> None:
    owners = together([("b3", "b2"), ("b2", "b")])
    assert owners == {"b2": "b", "b3": "b"}
    given_ = [stamp("me", "b2", time_ms=NOW_MS), stamp("b3", "b", 5), stamp("me", "b3", time_ms=NOW_MS)]
    ours = Circle(given_, [], {"me": 1.0}, NOW_MS, owners)
    assert ours.score("b") == ours.score("b3")
    assert ours.score("b").stamps == 2


@given(st.lists(st.tuples(st.sampled_from(ACTORS), st.sampled_from(ACTORS))))
def test_owners_follow_from_links_in_any_order(links: list[tuple[str, str]]) -> None:
    owners = together(links)
    assert all(owners.get(one, one) == owners.get(other, other) for one, other in links)
    assert together([(other, one) for one, other in reversed(links)]) == owners
    assert all(owner <= actor for actor, owner in owners.items())


# -- declared trust, and distrust ----------------------------------------------------------------------------------


def test_declared_trust_reaches_where_no_stamp_was_given() -> None:
    given_ = [stamp("b", "c", 5, time_ms=NOW_MS)]
    assert circle(given_, {"me": 1.0}).score("c").effective == 0
    assert circle(given_, {"me": 1.0}, [("me", "b", 1.0)]).score("c").effective > 0


@pytest.mark.parametrize("weight", [-1.0, -0.01])
def test_whom_an_anchor_distrusts_says_nothing_any_more(weight: float) -> None:
    given_ = [stamp("me", "b", 5), stamp("you", "b", 5), stamp("b", "c", 5)]
    ours = circle(given_, {"me": 1.0, "you": 1.0}, [("me", "b", weight)])
    assert ours.score("c").effective == 0
    assert ours.standing("b").distrusted
    assert [line.actor for line in ours.leaderboard()] == []


def test_more_trust_than_one_has_takes_one_out_and_less_does_not() -> None:
    given_ = [stamp("me", "b", 5), stamp("b", "c", 5), stamp("c", "d", 5)]
    out = circle(given_, {"me": 1.0}, [("b", "c", -1.0), ("me", "c", 0.01)])
    assert out.score("d").effective == 0
    stays = circle([*given_, stamp("me", "c", 5)], {"me": 1.0}, [("d", "c", -1.0)])
    assert stays.score("d").effective > 0


@pytest.mark.parametrize("anchors", [{"me": 1.0}, {"me": 1.0, "b": 1.0}])
def test_nobody_gets_rid_of_a_judge_by_distrusting_them(anchors: dict[str, float]) -> None:
    given_ = [stamp("me", "b", 5), stamp("b", "c", 5), stamp("me", "d", 5), stamp("d", "c", 5), stamp("c", "b", 1)]
    silent = circle(given_, anchors).score("b")
    spoken = circle(given_, anchors, [("b", "c", -1.0)])
    assert same(spoken.score("b"), silent)
    assert spoken.standing("c").distrusted


def test_whoever_distrusts_everybody_silences_nobody() -> None:
    known = [f"h{n}" for n in range(20)]
    given_ = [stamp("me", "b", 5), stamp("me", "you", 5), *(stamp("you", name, 5) for name in known)]
    trusted = {name: circle(given_, {"me": 1.0}).standing(name).trust for name in known}
    assert min(trusted.values()) > 0
    one = circle(given_, {"me": 1.0}, [("b", "h0", -1.0)])
    assert one.standing("h0").distrusted
    everybody = circle(given_, {"me": 1.0}, [("b", name, -1.0) for name in [*known, "me", "you"]])
    assert not any(everybody.standing(name).distrusted for name in [*known, "me", "you"])


def test_an_anchor_of_half_weight_does_not_take_me_out() -> None:
    ours = circle([stamp("me", "b", time_ms=NOW_MS)], {"me": 1.0, "you": 0.5}, [("you", "me", -1.0)])
    assert ours.score("b").effective == pytest.approx(1.0)


# -- why -----------------------------------------------------------------------------------------------------------


def test_the_evidence_behind_a_score_is_named() -> None:
    given_ = [stamp("me", "b", 5, item="shed"), stamp("b", "c", 4, item="hinge")]
    why = circle(given_, {"me": 1.0}).why("c")
    assert [(each.issuer, each.items) for each in why.reasons] == [("b", ("hinge",))]
    (way,) = why.reasons[0].ways
    assert [(step.issuer, step.subject, step.items) for step in way.steps] == [("me", "b", ("shed",))]
    assert why.ways[0].mass == pytest.approx(0.6 * 0.8 / 3)


def test_a_reason_names_the_actors_of_an_owner_that_gave_the_stamps() -> None:
    given_ = [stamp("b2", "c", 4, item="hinge"), stamp("d", "e")]
    ours = Circle(given_, [], {"b3": 1.0}, NOW_MS, together([("b3", "b2"), ("b2", "b")]))
    (reason,) = ours.why("c").reasons
    assert (reason.issuer, reason.actors) == ("b", ("b2",))
    assert ours.owners == dict.fromkeys(["b", "b2", "b3"], ("b", "b2", "b3"))
    assert circle(given_, {"b2": 1.0}).owners == {}


@given(many_stamps(), many_trusts, some_anchors, st.sampled_from(ACTORS))
def test_the_reasons_for_a_dimension_add_up_to_it(
    stamps: list[EarnedStamp], trusts: list[Trust], anchors: dict[str, float], subject: str
) -> None:
    ours = circle(stamps, anchors, trusts)
    standing = ours.standing(subject)
    scores = {OVERALL: standing.overall, **standing.dimensions}
    found = ours.reasons(subject, scores, limit=len(ACTORS))
    for dimension, score in scores.items():
        assert sum(each.weight for each in found[dimension]) == pytest.approx(score.effective)
        assert found[dimension][:2] == ours.why(subject, 2, dimension).reasons
        named = {item for each in found[dimension] for item in each.items}
        scored = {one.stamp.item for one in standing.weighed if dimension in (OVERALL, *dict(one.stamp.dims))}
        assert named <= scored
    for each in (reason for reasons in found.values() for reason in reasons):
        assert not any(subject in (step.issuer, step.subject) for way in each.ways for step in way.steps)


@given(many_stamps(), many_trusts, some_anchors)
@settings(deadline=None, max_examples=30)
def test_the_leaderboard_is_the_scores_in_order(
    stamps: list[EarnedStamp], trusts: list[Trust], anchors: dict[str, float]
) -> None:
    ours = circle(stamps, anchors, trusts)
    for dimension in (OVERALL, "quality"):
        board = ours.leaderboard(dimension)
        assert [line.score for line in board] == [ours.score(line.actor, dimension) for line in board]
        bounds = [line.score.bound for line in board]
        assert bounds == sorted(bounds, reverse=True)


def test_the_terms_name_every_constant_and_the_anchors() -> None:
    said = "\n".join(circle([stamp("me", "b")], {"me": 1.0, "you": 0.5}).terms("b"))
    assert all(word in said for word in ("me 1, you 0.5", "0.6", "mean = 3.000", "effective"))


@pytest.mark.parametrize(("anchor", "weight"), list(product(["me"], [0.0, -1.0])))
def test_an_anchor_without_weight_is_none(anchor: str, weight: float) -> None:
    assert circle([stamp("me", "b")], {anchor: weight}).score("b").effective == 0
