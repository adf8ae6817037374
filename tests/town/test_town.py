"""The verbs, one by one, and what the supervisor does when things go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.town.support import FileLedger, World, commit, git, make_world, open_town
from town.config import Gate
from town.errors import ConfigError, ConflictError, LedgerError, NotFoundError, RefusedError, RigError, StateError
from town.ledger import FieldValue, WorkBead
from town.performer import token_hash
from town.refinery import Refinery, Report
from town.town import Town, now_ms


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = make_world(tmp_path)
    made.add_rig()
    return made


def at_work(world: World, title: str = "Work", **more: FieldValue) -> tuple[WorkBead, Path]:
    """Put a bead into the hands of a session with the token `t`, without a process."""
    bead = world.sling(title)
    tree = world.rig().prepare_worktree(str(bead.fields["polecat"]), str(bead.fields["branch"]))
    fields: dict[str, Any] = {"state": "working", "status": "in_progress", "fence": 1, **more}
    return world.ledger.update(bead.id, token_hash=token_hash("t"), **fields), tree


def test_a_town_is_made_once(tmp_path: Path) -> None:
    Town.install(tmp_path / "t", "one")
    with pytest.raises(ConflictError):
        Town.install(tmp_path / "t", "one")
    with pytest.raises(ConfigError):
        Town.install(tmp_path / "u", "Not A Name")
    with pytest.raises(NotFoundError):
        Town.open(tmp_path / "u", FileLedger(tmp_path / "ledger.json"))


def test_a_rig_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    with pytest.raises(RigError):
        world.town.rig_add("demo", str(world.origin), gates="none", target="trunk")
    assert world.town.rig_list() == ()
    world.add_rig([Gate("test", "true")])
    (rig,) = world.town.rig_list()
    assert (rig.name, rig.target, rig.gates, rig.queue) == ("demo", "main", ("test",), ())
    with pytest.raises(ConflictError):
        world.add_rig()


def test_sling_hangs_a_bead_on_a_hook_and_starts_nothing(world: World) -> None:
    bead = world.sling("Work")
    assert (bead.status, bead.assignee, bead.fields["state"]) == ("hooked", "demo/polecats/rust", "claimed")
    assert world.town.hook("demo/polecats/rust") == bead
    assert world.town.hook("demo/polecats/dust") is None
    assert world.town.status().sessions == ()
    assert world.town.sling(bead.id, "demo") == bead


def test_slings_at_one_moment_choose_different_polecats(world: World) -> None:
    beads = [world.ledger.create(f"Bead {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        slung = list(threads.map(lambda bead: world.town.sling(bead.id, "demo"), beads))
    assert len({bead.assignee for bead in slung}) == 8


def test_sling_to_a_rig_that_is_not_there_lists_the_rigs(world: World) -> None:
    with pytest.raises(NotFoundError) as caught:
        world.town.sling(world.ledger.create("Work").id, "other")
    assert "demo" in caught.value.hint


def test_done_records_the_head_and_the_base(world: World) -> None:
    bead, tree = at_work(world)
    head = commit(tree, "a.txt", "a")
    handed = world.town.done("demo/polecats/rust", "t", "did it")
    assert (handed.fields["state"], handed.fields["head"], handed.fields["summary"]) == ("submitted", head, "did it")
    assert handed.fields["base"] == world.rig().target_commit()
    assert world.town.done("demo/polecats/rust", "t") == handed
    assert [queued.id for queued in world.town.mq_list()] == [bead.id]


def test_done_commits_what_was_forgotten(world: World) -> None:
    _, tree = at_work(world)
    (tree / "new.txt").write_text("new")
    handed = world.town.done("demo/polecats/rust", "t")
    assert (
        git(tree, "show", "--format=%an", "--name-only", str(handed.fields["head"])) == "demo/polecats/rust\n\nnew.txt"
    )


def test_done_refuses_work_without_a_commit(world: World) -> None:
    at_work(world)
    with pytest.raises(RefusedError, match="no commit here"):
        world.town.done("demo/polecats/rust", "t")


def test_done_refuses_work_on_another_branch(world: World) -> None:
    _, tree = at_work(world)
    git(tree, "checkout", "-q", "-b", "elsewhere")
    commit(tree, "a.txt", "a")
    with pytest.raises(RefusedError, match="on elsewhere, not on polecat/rust"):
        world.town.done("demo/polecats/rust", "t")


def test_done_takes_a_report_without_a_commit_and_a_person_reads_it(world: World) -> None:
    bead, _ = at_work(world, kind="report")
    world.town.done("demo/polecats/rust", "t", "All is well.")
    world.settle(bead)
    assert world.state(bead) == "needs_human"
    assert "report" in str(world.field(bead, "reason"))


def test_a_session_that_a_later_one_replaced_can_hand_nothing_in(world: World) -> None:
    _, tree = at_work(world)
    commit(tree, "a.txt", "a")
    with pytest.raises(ConflictError) as caught:
        world.town.done("demo/polecats/rust", "an older token")
    assert caught.value.field == "token_hash"


class Unreadable(FileLedger):
    def list(self, *, status: str | None = None, type: str | None = None, **fields: FieldValue) -> Sequence[WorkBead]:
        raise LedgerError("The ledger cannot be read.")


def test_a_ledger_that_cannot_be_read_is_not_an_empty_hook(world: World) -> None:
    _, tree = at_work(world)
    blind = open_town(world.root, Unreadable(world.root / "ledger.json"))
    with pytest.raises(LedgerError):
        blind.hook("demo/polecats/rust")
    with pytest.raises(LedgerError):
        blind.prime_text("demo/polecats/rust")
    assert not blind.supervisor().run_until(lambda: False, now_ms() + 200)
    assert tree.is_dir(), "no worktree goes because the ledger was silent"
    assert "CannotObserve" in {line["type"] for line in world.decisions()}


def test_an_unslung_bead_is_ready_again_and_its_commits_are_rescued(world: World) -> None:
    bead, tree = at_work(world)
    head = commit(tree, "a.txt", "a")
    freed = world.town.unsling(bead.id)
    assert (freed.status, freed.assignee, freed.fields["state"]) == ("open", None, "ready")
    world.town.supervisor().run_until(lambda: not tree.exists(), now_ms() + 10_000)
    assert list(world.town.rescue_list("demo").values()) == [head]


def test_a_person_can_send_back_retry_and_resume(world: World) -> None:
    bead, tree = at_work(world)
    commit(tree, "a.txt", "a")
    world.town.done("demo/polecats/rust", "t")
    with pytest.raises(StateError):
        world.town.mq_retry(bead.id)
    assert world.town.mq_reject(bead.id, "not so").fields["attempts"] == 1
    world.ledger.update(bead.id, state="needs_human")
    assert [waiting.id for waiting in world.town.status().needs_human] == [bead.id]
    assert world.town.mq_retry(bead.id).fields["state"] == "queued"
    world.ledger.update(bead.id, state="needs_human")
    assert world.town.resume(bead.id).fields["state"] == "claimed"


def test_a_held_queue_says_why_and_can_be_released(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    switch = tmp_path / "green"
    world.add_rig([Gate("red", f"test -e {switch}")])
    bead = world.sling("Held")
    world.town.supervisor().run_until(lambda: world.town.rig_list()[0].hold is not None, now_ms() + 20_000)
    (rig,) = world.town.rig_list()
    assert rig.hold is not None
    assert "fails by itself" in rig.hold.reason
    switch.touch()
    world.town.mq_release("demo")
    world.settle(bead)
    assert world.state(bead) == "landed"


def test_prime_is_given_to_whoever_asks(world: World) -> None:
    bead = world.sling("Work", description="Do it.")
    assert "Do it." in world.town.prime_text("demo/polecats/rust")
    assert world.town.prime_json("demo/polecats/rust")["hook"]["bead"] == bead.id


def test_an_agent_that_cannot_be_started_goes_to_a_person(tmp_path: Path) -> None:
    world = make_world(tmp_path, failure_limit=1)
    world.add_rig(agent="hal")
    bead = world.sling("Work")
    world.settle(bead)
    assert "There is no agent 'hal'" in str(world.field(bead, "reason"))


def test_a_rig_whose_file_is_broken_leaves_the_others_at_work(world: World) -> None:
    world.town.rig_add("other", str(world.origin), gates="none")
    world.town.layout.rig("other").config.write_text("[rig")
    bead = world.sling("Work")
    world.settle(bead)
    assert world.state(bead) == "landed"
    assert [bool(rig.error) for rig in world.town.status().rigs] == [False, True]


def test_status_of_a_town_that_is_down(world: World) -> None:
    status = world.town.status()
    assert (status.name, status.supervisor, status.needs_human) == ("test", None, ())
    assert replace(status.rigs[0], url="").agent == "script"
    assert not world.town.down()


def test_a_bead_in_no_known_state_stops_nobody_else(world: World) -> None:
    lost, tree = at_work(world, state="lost")
    bead = world.sling("Work")
    world.settle(bead)
    assert world.state(bead) == "landed"
    assert tree.is_dir()
    assert {"bead": lost.id, "error": f"Bead {lost.short} is in no known state: 'lost'."} in [
        line["payload"] for line in world.decisions()
    ]


def test_what_was_pushed_but_not_read_back_is_merged_and_lands_when_it_is_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bead, tree = at_work(world)
    commit(tree, "a.txt", "a")
    world.town.done("demo/polecats/rust", "t")
    with monkeypatch.context() as patch:
        patch.setattr(Refinery, "reads_back", lambda self, commit: False)
        patch.setattr(Refinery, "confirm", unreachable)
        world.settle(bead, states=["merged"])
        assert (world.state(bead), world.ledger.get(bead.id).status) == ("merged", "in_progress")
        # The remote stays out of reach: tried again after a pause, not without end.
        world.town.supervisor().run_until(lambda: False, now_ms() + 500)
        tries = [line for line in world.decisions() if line["type"] == "ConfirmLanded"]
        assert 1 <= len(tries) <= 2
    world.settle(bead)
    assert world.field(bead, "landed_commit") == git(world.origin, "rev-parse", "main")


def unreachable(self: Refinery, batch: object) -> Report:
    raise RigError("The remote is out of reach.")


def test_what_was_pushed_and_is_gone_from_the_target_is_merged_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = git(world.origin, "rev-parse", "main")
    bead, tree = at_work(world)
    commit(tree, "a.txt", "a")
    world.town.done("demo/polecats/rust", "t")
    with monkeypatch.context() as patch:
        patch.setattr(Refinery, "reads_back", lambda self, commit: False)
        patch.setattr(Refinery, "confirm", unreachable)
        world.settle(bead, states=["merged"])
    git(world.origin, "update-ref", "refs/heads/main", before)
    world.settle(bead)
    assert world.state(bead) == "landed"
    assert "Deferred" in {line["type"] for line in world.decisions()}


def test_a_remote_out_of_reach_holds_the_queue_for_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bead, tree = at_work(world)
    commit(tree, "a.txt", "a")
    world.town.done("demo/polecats/rust", "t")
    with monkeypatch.context() as patch:
        patch.setattr(Refinery, "merge", unreachable)
        world.town.supervisor().run_until(lambda: world.town.rig_list()[0].hold is not None, now_ms() + 10_000)
    (rig,) = world.town.rig_list()
    assert rig.hold is not None
    assert rig.hold.reason == "the merge could not be done: The remote is out of reach."
    assert rig.hold.until_ms < now_ms() + 60_000
    world.town.mq_release("demo")
    world.settle(bead)
    assert world.state(bead) == "landed"
