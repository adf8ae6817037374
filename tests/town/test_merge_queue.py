from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from town.merge_queue import AGEING, Entry, Trial, Verdict, next_batch, order, score, sift

HOUR = 3_600_000


def run(batch: Trial, passes: Callable[[Trial], bool]) -> tuple[Verdict, list[Trial]]:
    asked: list[Trial] = []
    questions = sift(batch)
    try:
        trial = next(questions)
        while True:
            asked.append(trial)
            trial = questions.send(passes(trial))
    except StopIteration as stop:
        verdict: Verdict = stop.value
        return verdict, asked


def one_after_another(batch: Trial, passes: Callable[[Trial], bool]) -> Verdict:
    """The slow way that cannot be wrong."""
    good: Trial = ()
    for member in batch:
        if passes((*good, member)):
            good = (*good, member)
    return Verdict(good, tuple(member for member in batch if member not in good))


members = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8).map(tuple)
broken_sets = st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=4)


@settings(deadline=None)
@given(members, broken_sets)
def test_blames_exactly_whom_testing_one_after_another_blames(batch: Trial, broken: list[frozenset[str]]) -> None:
    def passes(trial: Trial) -> bool:
        return not any(bad <= set(trial) for bad in broken)

    verdict, _ = run(batch, passes)
    assert verdict == one_after_another(batch, passes)


@settings(deadline=None)
@given(members, st.data())
def test_whatever_the_gates_answer_nothing_lands_untested_and_nobody_is_lost(batch: Trial, data: st.DataObject) -> None:
    answers: dict[Trial, bool] = {}
    failures: dict[Trial, int] = {}

    def passes(trial: Trial) -> bool:
        answers[trial] = data.draw(st.booleans())
        failures[trial] = failures.get(trial, 0) + (not answers[trial])
        return answers[trial]

    verdict, _ = run(batch, passes)
    if verdict.held:
        assert (verdict.good, verdict.culprits, answers[()]) == ((), (), False)
        return
    assert sorted((*verdict.good, *verdict.culprits)) == sorted(batch)
    assert not verdict.good or answers[verdict.good]
    for culprit in verdict.culprits:
        assert max(count for trial, count in failures.items() if trial[-1:] == (culprit,)) >= 2


def test_a_flaky_gate_is_asked_once_more() -> None:
    answers = iter([False, True])
    assert run(("a", "b"), lambda trial: next(answers))[0] == Verdict(good=("a", "b"))


def test_a_red_target_blames_nobody() -> None:
    assert run(("a", "b"), lambda trial: False) == (Verdict(held=True), [("a", "b"), ("a", "b"), ()])


def test_one_culprit_of_five_costs_few_tests() -> None:
    verdict, asked = run(tuple("abcde"), lambda trial: "d" not in trial)
    assert verdict == Verdict(tuple("abce"), ("d",))
    assert len(asked) <= 8


def test_urgent_work_goes_first_and_the_longest_waiting_of_equals() -> None:
    queue = [Entry("late", 2, 20), Entry("urgent", 0, 30), Entry("early", 2, 10)]
    assert [entry.id for entry in order(queue, 40)] == ["urgent", "early", "late"]


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 4))
def test_nothing_waits_for_ever(waiting: int, newcomer: int) -> None:
    hours = 4 * 100 // AGEING + 1
    old, new = Entry("old", waiting, 0), Entry("new", newcomer, hours * HOUR)
    assert score(old, hours * HOUR) > score(new, hours * HOUR)


def test_a_batch_is_the_front_of_the_queue() -> None:
    assert next_batch([Entry(str(n), 2, n) for n in range(9)], 100) == ("0", "1", "2", "3", "4")
