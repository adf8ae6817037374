"""The merge queue on real repositories, and killed at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.town.support import Clock, commit, git, make_origin, push_to, show
from town.config import Gate, make_rig
from town.drivers.gates import GateRunner
from town.drivers.git import Git, Result
from town.layout import RigLayout
from town.refinery import Candidate, Deferred, Landed, Refinery, Rejected, Report
from town.rig import Rig, branch_name
from town.runtime_state import RuntimeState

NOT_BAD = Gate("not-bad", "! grep -rq bad --include=*.txt .")


class Yard:
    """A rig and the submissions made in it."""

    def __init__(self, root: Path, gates: Sequence[Gate] = (NOT_BAD,), files: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.origin = make_origin(root, files)
        self.rig = Rig.create(RigLayout(root / "rig"), str(self.origin), "main")
        self.gates = gates
        self.clock = Clock()

    def submit(self, name: str, *changes: tuple[str, str]) -> Candidate:
        bead = name.encode().hex().ljust(64, "0")
        tree = self.rig.prepare_worktree(name, branch_name(name, bead))
        head = [commit(tree, file, text) for file, text in changes][-1]
        return Candidate(bead, head)

    def open(self, state: RuntimeState) -> Refinery:
        file = make_rig("demo", str(self.origin), list(self.gates) or "none")
        runner = GateRunner(self.rig.layout.gate_note)
        return Refinery(self.rig, file.rig, state, runner, self.clock, 60_000)

    def merge(self, *batch: Candidate) -> Report:
        return self._with_state(lambda refinery: refinery.merge(batch))

    def confirm(self, *batch: Candidate) -> Report:
        return self._with_state(lambda refinery: refinery.confirm(batch))

    def _with_state(self, act: Callable[[Refinery], Report]) -> Report:
        state = RuntimeState(self.root / "state.sqlite")
        try:
            return act(self.open(state))
        finally:
            state.close()


def kinds(report: Report) -> list[str]:
    return [type(outcome).__name__ for outcome in report.outcomes]


def test_a_batch_lands_in_order_each_with_its_own_diff(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    one, two = yard.submit("one", ("1.txt", "1\n")), yard.submit("two", ("2.txt", "2\n2\n"), ("3.txt", "3\n"))
    report = yard.merge(one, two)
    assert kinds(report) == ["Landed", "Landed"]
    first, second = report.outcomes
    assert isinstance(first, Landed)
    assert isinstance(second, Landed)
    assert (first.diff.files, second.diff.files, second.diff.insertions) == (1, 2, 3)
    assert second.built.commit == git(yard.origin, "rev-parse", "main") == second.built.tested
    assert first.gates[0].ok
    assert git(yard.origin, "rev-list", "--count", "main") == "4"


def test_exactly_the_culprit_is_blamed_and_the_rest_land(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    names = {"one": "1", "two": "bad", "three": "3"}
    report = yard.merge(*(yard.submit(name, (f"{name}.txt", text)) for name, text in names.items()))
    assert sorted(kinds(report)) == ["Landed", "Landed", "Rejected"]
    (rejected,) = (outcome for outcome in report.outcomes if isinstance(outcome, Rejected))
    assert bytes.fromhex(rejected.bead[:6]).decode() == "two"
    assert rejected.reason == "gate not-bad: exit 1"
    assert (Path(rejected.log) / "not-bad.log").exists()
    assert "two.txt" not in git(yard.origin, "ls-tree", "--name-only", "main")


def test_the_gates_see_the_candidate_not_the_target_and_not_the_branch(tmp_path: Path) -> None:
    both = Gate("both", "test -e mine.txt && test -e theirs.txt")
    yard = Yard(tmp_path, [both])
    mine = yard.submit("mine", ("mine.txt", "m"))
    push_to(yard.origin, "theirs.txt", "t")
    assert kinds(yard.merge(mine)) == ["Landed"]


def test_a_conflict_goes_back_with_both_sides(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    mine = yard.submit("mine", ("README.md", "mine\n"))
    push_to(yard.origin, "README.md", "theirs\n")
    (outcome,) = yard.merge(mine).outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "conflict in README.md with the target"
    assert "+mine" in (Path(outcome.log) / "branch.diff").read_text()
    assert "+theirs" in (Path(outcome.log) / "target.diff").read_text()


def test_a_conflict_with_a_batch_mate_waits_for_the_mate(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    one, two = yard.submit("one", ("README.md", "one\n")), yard.submit("two", ("README.md", "two\n"))
    report = yard.merge(one, two)
    assert {type(outcome): outcome.bead for outcome in report.outcomes} == {Landed: one.bead, Deferred: two.bead}
    assert kinds(yard.merge(two)) == ["Rejected"]


def test_a_target_that_fails_by_itself_holds_the_queue_and_is_asked_once(tmp_path: Path) -> None:
    count = tmp_path / "count"
    gate = Gate("red", f"echo x >> {count}; ! grep -rq bad --include=*.txt .")
    yard = Yard(tmp_path, [gate], {"old.txt": "bad"})
    one, two = yard.submit("one", ("1.txt", "1")), yard.submit("two", ("2.txt", "2"))
    report = yard.merge(one)
    assert kinds(report) == ["Deferred"]
    assert "fails by itself: gate red: exit 1" in report.hold
    runs = len(count.read_text().splitlines())
    yard.merge(two)
    assert len(count.read_text().splitlines()) - runs == 2, "the red target is remembered; the candidate is asked twice"


def test_what_mends_a_red_target_lands(tmp_path: Path) -> None:
    yard = Yard(tmp_path, files={"old.txt": "bad"})
    assert kinds(yard.merge(yard.submit("fix", ("old.txt", "good")))) == ["Landed"]


@pytest.mark.parametrize(
    ("command", "why"),
    [("no-such-command-here", "exit 127"), ("./README.md", "exit 126"), ("sleep 30", "more than 1 s")],
)
def test_a_gate_that_cannot_run_lands_nothing(command: str, why: str, tmp_path: Path) -> None:
    yard = Yard(tmp_path, [Gate("broken", command, timeout=1)])
    report = yard.merge(yard.submit("one", ("1.txt", "1")))
    assert kinds(report) == ["Deferred"]
    assert why in report.hold


def test_gates_are_read_from_the_rig_not_from_the_candidate(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    text = 'gates = "none"'
    report = yard.merge(yard.submit("sly", ("rig.toml", text), ("x.txt", "bad")))
    assert kinds(report) == ["Rejected"]


def test_a_target_that_moves_during_the_gates_sends_the_batch_round_again(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    gate = Gate(
        "mover", f"test -e {outside}.done || {{ cd {outside} && git push -q origin main && touch {outside}.done; }}"
    )
    yard = Yard(tmp_path, [gate])
    git(tmp_path, "clone", "-q", str(yard.origin), str(outside))
    commit(outside, "theirs.txt", "t")
    mine = yard.submit("mine", ("mine.txt", "m"))
    (outcome,) = yard.merge(mine).outcomes
    assert outcome == Deferred(mine.bead, "the target moved")
    assert kinds(yard.merge(mine)) == ["Landed"]
    assert show(yard.origin, "theirs.txt") == "t"


def test_a_push_the_remote_refuses_holds_the_queue_with_its_words(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    hook = yard.origin / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho closed for the holidays >&2\nexit 1\n")
    hook.chmod(0o755)
    report = yard.merge(yard.submit("one", ("1.txt", "1")))
    assert kinds(report) == ["Deferred"]
    assert "closed for the holidays" in report.hold


def test_work_merged_by_hand_is_recognised_by_its_patches(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    one = yard.submit("one", ("1.txt", "1\n"))
    push_to(yard.origin, "other.txt", "o")
    push_to(yard.origin, "1.txt", "1\n")
    assert kinds(yard.merge(one)) == ["Landed"]
    assert git(yard.origin, "rev-list", "--count", "main") == "3"


def test_merging_again_what_has_landed_changes_nothing(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    push_to(yard.origin, "other.txt", "o")
    one = yard.submit("one", ("1.txt", "1\n"))
    first, again, confirmed = yard.merge(one), yard.merge(one), yard.confirm(one)
    assert first == again == confirmed
    assert git(yard.origin, "rev-list", "--count", "main") == "3"


class Killed(BaseException):
    """Stands for kill -9: no handler of ours may catch it."""


def dying(at: int, calls: list[int]) -> Callable[..., Result]:
    """Make a `Git.run` that dies when its call number `at` has done its work."""
    real = Git.run

    def run(self: Git, *args: str, **more: Any) -> Result:
        result = real(self, *args, **more)
        calls.append(1)
        if len(calls) == at:
            raise Killed
        return result

    return run


@pytest.mark.parametrize("first", range(1, 7))
def test_killed_at_any_git_command_a_second_run_comes_to_the_same_end(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, was_killed = first, True
    while was_killed:
        yard = Yard(tmp_path / str(at), gates=())
        one, two = yard.submit("one", ("1.txt", "1")), yard.submit("two", ("2.txt", "2"))
        push_to(yard.origin, "other.txt", "o")
        was_killed = kill_at(at, yard, (one, two), monkeypatch)
        assert kinds(yard.merge(one, two)) == ["Landed", "Landed"], at
        assert git(yard.origin, "rev-list", "--count", "main") == "4", at
        at += 6  # the other parametrisations take the calls between
    assert at > 24, "there were commands to be killed at"


def kill_at(at: int, yard: Yard, batch: Sequence[Candidate], monkeypatch: pytest.MonkeyPatch) -> bool:
    with monkeypatch.context() as patch:
        patch.setattr(Git, "run", dying(at, []))
        try:
            yard.merge(*batch)
        except Killed:
            return True
    return False
