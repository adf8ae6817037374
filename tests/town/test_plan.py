from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from town.action import (
    Action,
    ConfirmLanded,
    CreateWorktree,
    Enqueue,
    MarkNeedsHuman,
    MergeBatch,
    RemoveWorktree,
    Requeue,
    Rework,
    StartSession,
    StopSession,
    Wait,
    key,
)
from town.lifecycle import ON_HOOK, State, Work
from town.observation import Crash, Failure, Hold, Observation, RigView, SessionView
from town.plan import plan

NOW = 10_000_000
SLOT = ("demo", "rust")
RIGS = {"demo": RigView("demo")}


def work(state: State = State.CLAIMED, **more: Any) -> Work:
    return Work(**{"id": "b1", "state": state, "rig": "demo", "polecat": "rust", "head": "h1", **more})


def session(**more: Any) -> SessionView:
    return SessionView(**{"id": "s1", "slot": SLOT, "bead": "b1", "fence": 1, "started_ms": NOW, **more})


def seen(*items: Work, **more: Any) -> Observation:
    return Observation(**{"now_ms": NOW, "work": items, "rigs": RIGS, "worktrees": frozenset({SLOT}), **more})


WORKING = work(State.WORKING, fence=1)
CRASHED = [Crash("b1", NOW - 1000)]

CASES: dict[str, tuple[Observation, list[type]]] = {
    "an idle town does nothing": (seen(worktrees=frozenset()), []),
    "a hook without a worktree gets one": (seen(work(), worktrees=frozenset()), [CreateWorktree]),
    "a hook with work and no session gets a session": (seen(work()), [StartSession]),
    "a working bead whose session is lost gets another": (seen(WORKING), [StartSession]),
    "a working session is left alone until its time is over": (seen(WORKING, sessions=(session(),)), [Wait]),
    "a session out of time is stopped": (seen(WORKING, sessions=(session(started_ms=0),)), [StopSession]),
    "a session whose bead was taken away is stopped": (seen(sessions=(session(),)), [StopSession]),
    "a session that a later one fenced off is stopped": (
        seen(replace(WORKING, fence=2), sessions=(session(),)),
        [StopSession],
    ),
    "a session that has handed in may end by itself": (
        seen(work(State.QUEUED, fence=1, submitted_ms=NOW), sessions=(session(),), rigs={}),
        [Wait],
    ),
    "a session that does not end after handing in is stopped": (
        seen(work(State.QUEUED, fence=1, submitted_ms=1), sessions=(session(),), rigs={}),
        [StopSession],
    ),
    "a crash is followed by a pause": (seen(WORKING, crashes=tuple(CRASHED)), [Wait]),
    "after the pause it goes on": (seen(WORKING, crashes=(Crash("b1", NOW - 31_000),)), [StartSession]),
    "a crash loop goes to a person": (seen(WORKING, crashes=tuple(CRASHED * 5)), [MarkNeedsHuman]),
    "old crashes are forgotten": (seen(WORKING, crashes=(Crash("b1", NOW - 901_000),) * 5), [StartSession]),
    "what is handed in is queued": (seen(work(State.SUBMITTED)), [Enqueue]),
    "a report goes to a person": (seen(work(State.SUBMITTED, kind="report", head="")), [MarkNeedsHuman]),
    "a queue is merged": (seen(work(State.QUEUED)), [MergeBatch]),
    "a busy queue is left alone": (seen(work(State.QUEUED), rigs={"demo": RigView("demo", busy=True)}), []),
    "what a lost merge left in testing is queued again": (seen(work(State.TESTING)), [Requeue]),
    "what is being tested is left alone": (
        seen(work(State.TESTING), rigs={"demo": RigView("demo", busy=True)}),
        [],
    ),
    "what was pushed is read back before anything else": (
        seen(work(State.MERGED), work(State.QUEUED, id="b2")),
        [ConfirmLanded],
    ),
    "a held queue waits": (
        seen(
            work(State.QUEUED),
            rigs={"demo": RigView("demo", hold=Hold(NOW + 1, frozenset({"h1"}), "red"))},
        ),
        [Wait],
    ),
    "something new is tried though the queue is held": (
        seen(
            work(State.QUEUED, head="h2"),
            rigs={"demo": RigView("demo", hold=Hold(NOW + 1, frozenset({"h1"}), "red"))},
        ),
        [MergeBatch],
    ),
    "a hold that is over is tried again": (
        seen(work(State.QUEUED), rigs={"demo": RigView("demo", hold=Hold(NOW, frozenset({"h1"}), "red"))}),
        [MergeBatch],
    ),
    "a rejected bead goes back to its worker": (seen(work(State.REJECTED, attempts=1)), [Rework]),
    "a bead rejected too often goes to a person": (seen(work(State.REJECTED, attempts=3)), [MarkNeedsHuman]),
    "what waits for a person is left alone": (seen(work(State.NEEDS_HUMAN)), []),
    "a worktree of landed work goes": (seen(), [RemoveWorktree]),
    "a worktree goes only after its session": (
        seen(sessions=(session(),)),
        [StopSession],
    ),
    "a session is not stopped because its rig cannot be read": (
        seen(WORKING, sessions=(session(started_ms=0),), rigs={}),
        [],
    ),
    "a rig that cannot be read is left alone": (seen(work(State.QUEUED), work(id="b2"), rigs={}), []),
    "what failed is left alone for a while": (
        seen(work(), failures={"StartSession/demo/rust/b1": Failure(1, NOW + 5, "no")}),
        [Wait],
    ),
    "what keeps failing goes to a person": (
        seen(work(), failures={"StartSession/demo/rust/b1": Failure(5, NOW + 5, "no")}),
        [MarkNeedsHuman],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_plan(name: str) -> None:
    observation, wanted = CASES[name]
    assert [type(action) for action in plan(observation)] == wanted


def test_no_more_sessions_than_allowed_and_the_urgent_first() -> None:
    beads = [work(id=f"b{n}", polecat=f"p{n}", priority=4 - n) for n in range(5)]
    trees = frozenset(("demo", f"p{n}") for n in range(5))
    actions = plan(seen(*beads, worktrees=trees, max_polecats=2))
    assert [action.bead for action in actions if isinstance(action, StartSession)] == ["b4", "b3"]


def test_a_pause_doubles_up_to_ten_minutes() -> None:
    def pause(crashes: int) -> int:
        observation = seen(WORKING, crashes=(Crash("b1", NOW),) * crashes)
        numbers = type(observation.numbers)(crash_limit=99)
        (wait,) = plan(replace(observation, numbers=numbers))
        assert isinstance(wait, Wait)
        return (wait.until_ms - NOW) // 1000

    assert [pause(n) for n in range(1, 8)] == [30, 60, 120, 240, 480, 600, 600]


# A model of the town: what the performers do, on values.


def perform(now: Observation, action: Action) -> Observation:
    match action:
        case CreateWorktree(rig=rig, polecat=polecat):
            return replace(now, worktrees=now.worktrees | {(rig, polecat)})
        case RemoveWorktree(rig=rig, polecat=polecat):
            unfinished = {(item.rig, item.polecat) for item in now.work}
            assert (rig, polecat) not in unfinished, "never a worktree with unlanded work"
            return replace(now, worktrees=now.worktrees - {(rig, polecat)})
        case StartSession(rig=rig, polecat=polecat, bead=bead):
            assert all(old.slot != (rig, polecat) for old in now.sessions), "never two sessions for one hook"
            (item,) = (item for item in now.work if item.id == bead)
            fresh = SessionView(f"s-{bead}-{item.fence + 1}", (rig, polecat), bead, item.fence + 1, now.now_ms)
            after = change(now, bead, state=State.WORKING, fence=item.fence + 1)
            return replace(after, sessions=(*after.sessions, fresh))
        case StopSession(session=name):
            return replace(now, sessions=tuple(old for old in now.sessions if old.id != name))
        case Enqueue(bead=bead) | Requeue(bead=bead):
            return change(now, bead, state=State.QUEUED)
        case Rework(bead=bead):
            return change(now, bead, state=State.CLAIMED)
        case MarkNeedsHuman(bead=bead):
            return change(now, bead, state=State.NEEDS_HUMAN)
        case MergeBatch(beads=beads) | ConfirmLanded(beads=beads):
            assert len({item.rig for item in now.work if item.id in beads}) == 1
            return replace(now, work=tuple(item for item in now.work if item.id not in beads))
        case Wait():
            return now


def change(now: Observation, bead: str, **more: Any) -> Observation:
    return replace(now, work=tuple(replace(item, **more) if item.id == bead else item for item in now.work))


@st.composite
def towns(draw: st.DrawFn) -> Observation:
    names = st.sampled_from(["rust", "dust", "flint"])
    rigs = st.sampled_from(["demo", "other"])
    states = st.sampled_from([state for state in State if state not in (State.READY, State.LANDED)])
    items = [
        work(
            draw(states), id=f"b{n}", rig=draw(rigs), polecat=draw(names), head=f"h{n}",
            priority=draw(st.integers(0, 4)), fence=draw(st.integers(0, 2)), attempts=draw(st.integers(0, 4)),
            submitted_ms=draw(st.integers(0, NOW)),
        )
        for n in range(draw(st.integers(0, 6)))
    ]  # fmt: skip
    slots = draw(st.lists(st.tuples(rigs, names), unique=True, max_size=4))
    living = tuple(
        session(id=f"s{n}", slot=slot, bead=f"b{draw(st.integers(0, 7))}", fence=draw(st.integers(0, 2)),
                started_ms=draw(st.integers(0, NOW)))
        for n, slot in enumerate(slots)
    )  # fmt: skip
    return seen(
        *items,
        sessions=living,
        worktrees=frozenset(draw(st.lists(st.tuples(rigs, names), max_size=5))),
        rigs={"demo": RigView("demo"), "other": RigView("other")},
        crashes=tuple(Crash(f"b{draw(st.integers(0, 6))}", NOW - 1) for _ in range(draw(st.integers(0, 8)))),
        max_polecats=draw(st.integers(1, 4)),
    )


@settings(max_examples=150, deadline=None)
@given(towns())
def test_performing_plans_comes_to_rest_and_breaks_no_rule(now: Observation) -> None:
    most = max(len(now.sessions), now.max_polecats)
    for _ in range(30):
        actions = plan(now)
        assert sum(isinstance(action, Wait) for action in actions) <= 1
        assert len({key(action) for action in actions}) == len(actions)
        if all(isinstance(action, Wait) for action in actions):
            break
        for action in actions:
            now = perform(now, action)
        assert len(now.sessions) <= most
    else:
        pytest.fail("no rest")
    assert {item.state for item in now.work} <= {*ON_HOOK, State.NEEDS_HUMAN}


@settings(deadline=None)
@given(towns())
def test_planning_twice_says_the_same(now: Observation) -> None:
    assert plan(now) == plan(now)
