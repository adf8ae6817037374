"""Molecules, gates and the merge slot in a ledger: what is made, what opens, who holds, what is left."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beads import listing
from beads.cook import cook
from beads.cooked import Cooked
from beads.errors import BadWord, ConflictError, NotFound, Refused
from beads.formula_read import parse
from beads.gate import Standing
from beads.ledger import Ledger
from beads.listing import Query
from beads.memory_store import MemoryStore
from beads.molecule import BondError
from beads.nursery import NewBead, NewLink
from beads.tracker import Tracker
from beads.workflow import Poured, Workflow
from beads.workflow_plan import plan_of
from beads.workflow_swarm import status, validate
from beads.workflow_tree import open_molecules
from tests.world import Clock, actor, found, ledger_over, memory_ledger, second

ALICE, BOB = actor("alice"), actor("bob")
GENESIS = found(ALICE, BOB, private=True)
HOUR = 3_600_000
EXAMPLES = Path(__file__).parents[2] / "examples" / "formulas"


def flow(ledger: Ledger | None = None, who: str = "alice", clock: Clock | None = None) -> Workflow:
    clock = clock or Clock()
    ledger = ledger or memory_ledger(GENESIS, clock)
    ledger.refresh()
    return Workflow(Tracker(ledger, ALICE, who, clock))


def nobody(name: str) -> Any:
    raise NotFound(name)


def cooked(*steps: Mapping[str, Any], values: Mapping[str, str] | None = None, **more: Any) -> Cooked:
    raw = msgspec.json.encode({"formula": "f", "steps": steps, **more})
    return cook(parse(raw, "f.json"), values or {}, nobody)


def s(id_: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "title": id_.upper(), "needs": needs, **more}


def ready(work: Workflow) -> list[str]:
    query = Query(ready=True, sort="title", now=work.tracker.now_ms())
    return [row.title for row in listing.rows(work.read, listing.check(query, work.read))]


def titles(work: Workflow, beads: Any) -> list[str]:
    return [work.read.view(bead).texts.get("title", "") for bead in beads]


def done(work: Workflow, made: Poured, *keys: str) -> None:
    for key in keys:
        assert work.tracker.close([made.beads[key]], "fine").closed


def operations(work: Workflow) -> int:
    ((count,),) = work.read.rows("SELECT COUNT(*) FROM ops")
    return int(count)


# -- pouring -------------------------------------------------------------------------------------------------------


def test_what_is_poured_becomes_ready_step_by_step() -> None:
    work = flow()
    made = work.pour(cooked(s("a"), s("b", "a"), s("c", "a"), s("d", "b", "c")))
    assert ready(work) == ["A"]
    done(work, made, "a")
    assert ready(work) == ["B", "C"]
    done(work, made, "b", "c")
    assert ready(work) == ["D"]
    assert titles(work, work.current(made.root)) == ["D"]
    assert work.progress(made.root)[:3] == (3, 4, 75)


def test_a_step_may_need_one_that_is_written_below_it() -> None:
    work = flow()
    made = work.pour(cooked(s("a", "z"), {**s("p"), "children": [s("x", "a")]}, s("z")))
    assert ready(work) == ["P", "Z"]
    done(work, made, "z")
    assert ready(work) == ["A", "P"]


def test_a_poured_molecule_says_where_it_is_from() -> None:
    work = flow()
    source = cooked(
        s("a", labels=["x"], metadata={"n": 1}, assignee="bob", notes="N", priority=0), vars={"v": "1"},
        description="Of {{v}}.",
    )  # fmt: skip
    made = work.pour(source, title="All of it", assignee="carol", labels=["big"], metadata={"why": "so"})
    root, step = (work.read.record(work.read.view(made.beads[key])) for key in (".", "a"))
    assert (root["title"], root["issue_type"], root["assignee"]) == ("All of it", "molecule", "carol")
    assert (root["labels"], root["source_formula"], root["description"]) == (["big"], "f", "Of 1.")
    assert root["metadata"] == {"formula_version": 1, "vars": {"v": "1"}, "why": "so"}
    assert (step["labels"], step["metadata"], step["assignee"], step["notes"]) == (["x"], {"n": 1}, "bob", "N")
    assert (step["priority"], step["source_formula"], step["source_location"]) == (0, "f", "a")
    assert step["id"] == f"{root['id']}.1"


def test_pouring_makes_all_or_nothing() -> None:
    work = flow()
    work.tracker.create(NewBead("before"))
    before = operations(work)
    with pytest.raises(BadWord, match="type"):
        work.pour(cooked(s("a"), s("b", "a"), s("c", "b", type="nonsense")))
    assert operations(work) == before
    with pytest.raises(NotFound):
        work.pour(cooked(s("a")), parent="bd-nope")
    assert operations(work) == before


def test_pouring_is_one_write() -> None:
    work = flow()
    generations: list[str] = []
    store = work.tracker.ledger.store
    before = int(store.generation())
    work.pour(cooked(*(s(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(50))))
    generations.append(store.generation())
    assert int(generations[0]) == before + 1


def test_the_release_of_the_examples_can_be_worked_through() -> None:
    work = flow()
    formula = parse((EXAMPLES / "release.formula.toml").read_bytes(), "release.formula.toml")
    made = work.pour(cook(formula, {"version": "1.2.3"}, nobody))
    for gate in work.gates.check():
        work.gates.resolve(gate.id)
    seen = 0
    while steps := work.current(made.root):
        seen += len(steps)
        work.tracker.close(steps, "fine")
        work.tracker.close([part.id for part in work.tree(made.root).closable(0)], "fine")
    assert work.progress(made.root).percent == 100
    assert seen == work.progress(made.root).total
    assert open_molecules(work.read, work.tracker.now_ms()) == []


def test_any_children_of_a_formula_means_any_in_the_ledger() -> None:
    work = flow()
    one = {**s("p"), "children": [s("x"), s("y")]}
    made = work.pour(cooked(one, s("after", waits_for="any-children", depends_on=["p"])))
    note = next(link[2] for link in work.read.view(made.beads["after"]).links if link[0] == "waits-for")
    assert msgspec.json.decode(msgspec.json.decode(note)["metadata"]) == {"gate": "any-children"}
    tree = work.tree(made.root)
    assert [edge.note for edge in tree.edges if edge.kind == "waits-for"] == ['{"gate":"any-children"}']


# -- protos, wisps -------------------------------------------------------------------------------------------------


def test_a_proto_is_never_ready_and_is_poured_again_and_again() -> None:
    work = flow()
    proto = work.cook(cooked(s("a", gate={"type": "timer", "timeout": "1h"}), s("b", "a"), formula="f"))
    assert ready(work) == []
    assert open_molecules(work.read, work.tracker.now_ms()) == []
    for _ in range(2):
        made = work.pour(proto.root)
        record = work.read.record(work.read.view(made.root))
        assert "is_template" not in record
        assert "labels" not in record
        assert len(made.beads) == 4
    assert len(open_molecules(work.read, work.tracker.now_ms())) == 2
    assert work.gates.check() != []


def test_blanks_of_a_proto_made_by_hand_are_filled_once() -> None:
    work = flow()
    root, _, _ = work.tracker.create(
        NewBead("Move {{who}}", {"issue_type": "epic"}, labels=["template"]),
        NewBead("Pack for {{who}}", {"description": "{{what}}"}, parent="#0"),
        NewBead("Drive", parent="#0", links=[NewLink("blocks", "#1")]),
    )
    made = work.pour(root, values={"who": "{{what}}", "what": "books"})
    assert titles(work, made.beads.values()) == ["Move {{what}}", "Pack for {{what}}", "Drive"]
    assert work.read.record(work.read.view(list(made.beads.values())[1]))["description"] == "books"
    assert work.read.view(made.root).labels == {}
    with pytest.raises(BadWord, match="values are missing: who, what"):
        work.pour(root)
    with pytest.raises(BadWord, match="unknown variable 'whom'"):
        work.pour(root, values={"who": "x", "what": "y", "whom": "z"})


def test_only_a_proto_is_copied() -> None:
    work = flow()
    (bead,) = work.tracker.create(NewBead("no proto"))
    with pytest.raises(Refused, match="is no proto"):
        work.pour(bead)
    with pytest.raises(NotFound):
        work.pour("bd-nope")


def test_wisps_are_never_ready_but_have_current_steps() -> None:
    work = flow()
    made = work.wisp(cooked(s("a"), s("b", "a")), wisp_type="patrol")
    assert ready(work) == []
    assert titles(work, work.current(made.root)) == ["A"]
    record = work.read.record(work.read.view(made.beads["b"]))
    assert record["id"].startswith("bd-wisp-")
    assert (record["ephemeral"], record["wisp_type"]) == (True, "patrol")


# -- bonds ---------------------------------------------------------------------------------------------------------


def test_a_sequential_bond_holds_all_of_the_second_back() -> None:
    work = flow()
    one, two = work.pour(cooked(s("a"))), work.pour(cooked(s("b")))
    work.bond(one.root, two.root)
    assert ready(work) == ["A"]
    assert work.current(two.root) == ()
    done(work, one, "a")
    assert [part.id for part in work.tree(one.root).closable(0)] == [one.root]
    work.tracker.close([one.root])
    assert ready(work) == ["B"]
    entry = work.read.record(work.read.view(two.root))["bonded_from"]
    assert entry == [{"source_id": work.read.name_of(one.root), "bond_type": "sequential"}]


def test_a_conditional_bond_waits_for_failure_and_a_parallel_one_for_nothing() -> None:
    work = flow()
    one, two, three = (work.pour(cooked(s(name))) for name in "abc")
    work.bond(one.root, two.root, "conditional")
    work.bond(one.root, three.root, "parallel")
    assert ready(work) == ["A", "C"]
    assert three.root in work.tree(one.root).parts
    work.tracker.close([one.beads["a"], three.beads["c"], three.root])
    work.tracker.close([one.root], "it failed", outcome="failure")
    assert ready(work) == ["B"]


def test_a_bond_point_of_the_formula_is_between_its_steps() -> None:
    work = flow()
    compose = {"bond_points": [{"id": "mid", "after_step": "a"}, {"id": "early", "before_step": "b"}]}
    one = work.pour(cooked(s("a"), s("b", "a"), compose=compose))
    two, three = work.pour(cooked(s("x"))), work.pour(cooked(s("y")))
    work.bond(one.root, two.root, point="mid")
    work.bond(one.root, three.root, point="early")
    assert ready(work) == ["A", "Y"]
    done(work, one, "a")
    assert ready(work) == ["X", "Y"]
    done(work, three, "y")
    work.tracker.close([three.root])
    assert ready(work) == ["B", "X"]
    with pytest.raises(BondError, match="no bond point 'midd'") as caught:
        work.bond(one.root, two.root, point="midd")
    assert caught.value.hint == "Did you mean 'mid'?"


def test_bonding_twice_changes_nothing_and_round_about_is_refused() -> None:
    work = flow()
    one, two = work.pour(cooked(s("a"))), work.pour(cooked(s("b")))
    work.bond(one.root, two.root)
    before = operations(work)
    work.bond(one.root, two.root)
    assert operations(work) == before
    with pytest.raises(Refused, match="cycle"):
        work.bond(two.root, one.root)
    with pytest.raises(BondError):
        work.bond(one.root, one.root)
    assert operations(work) == before


# -- ends ----------------------------------------------------------------------------------------------------------


def test_squashing_leaves_a_digest_and_tombstones() -> None:
    work = flow()
    made = work.wisp(cooked(s("a"), s("b", "a")), title="The round")
    with pytest.raises(Refused, match="2 steps not done"):
        work.ending.squash(made.root)
    done(work, made, "a", "b")
    squashed = work.ending.squash(made.root, "All quiet.")
    record = work.read.record(work.read.view(squashed.digest))
    assert (record["title"], record["status"], record["labels"]) == ("Digest: The round", "closed", ["digest"])
    assert "The round: 2 of 2 steps done" in record["description"]
    assert "All quiet." in record["description"]
    assert "- [x] A" in record["description"]
    assert "ephemeral" not in record
    assert {work.read.view(bead).status for bead in squashed.gone} == {"tombstone"}
    assert len(squashed.gone) == 3
    with pytest.raises(Refused, match="is gone"):
        work.ending.squash(made.root)


def test_an_interrupted_squash_goes_on_with_its_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    work = flow()
    made = work.wisp(cooked(s("a")))

    def stopped(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(work.ending, "_bury", stopped)
        with pytest.raises(KeyboardInterrupt):
            work.ending.squash(made.root, force=True)
    squashed = work.ending.squash(made.root, force=True)
    digests = work.read.rows("SELECT entity FROM labels WHERE label = 'digest'")
    assert digests == [(squashed.digest,)]


def test_a_molecule_that_stays_keeps_the_digest_of_its_wisps() -> None:
    work = flow()
    made = work.pour(cooked(s("a")))
    (child,) = work.tracker.create(NewBead("a try", {"ephemeral": True}, parent=made.root))
    squashed = work.ending.squash(made.root, force=True)
    assert squashed.gone == (child,)
    assert squashed.digest in work.tree(made.root).parts
    assert work.read.view(made.root).status == "open"


def test_what_stays_is_not_squashed() -> None:
    work = flow()
    with pytest.raises(Refused, match="has no wisps"):
        work.ending.squash(work.pour(cooked(s("a"))).root)


def test_burning_wants_wisps_or_force() -> None:
    work = flow()
    gone = work.ending.burn(work.wisp(cooked(s("a"))).root)
    assert {work.read.view(bead).status for bead in gone} == {"tombstone"}
    made = work.pour(cooked(s("a"), s("b")))
    with pytest.raises(Refused, match="3 of 3 beads are no wisps"):
        work.ending.burn(made.root)
    assert ready(work) == ["A", "B"]
    work.ending.burn(made.root, force=True)
    assert ready(work) == []
    work.tracker.restore(made.beads["a"])
    assert ready(work) == ["A"]


def test_words_of_what_went_can_be_taken_back() -> None:
    work = flow()
    made = work.wisp(cooked(s("a", description="a secret")))
    work.tracker.comment(made.beads["a"], "another secret")
    gone = work.ending.burn(made.root)
    store = work.tracker.ledger.store
    held = [raw for log in store.logs() for _, raw in store.bodies(log)]
    assert any(b"secret" in raw for raw in held)
    assert work.ending.erase(gone) > 0
    held = [raw for log in store.logs() for _, raw in store.bodies(log)]
    assert not any(b"secret" in raw for raw in held)
    assert work.read.view(made.beads["a"]).status == "tombstone"


def test_another_actors_words_stay() -> None:
    work = flow()
    made = work.wisp(cooked(s("a")))
    other = Tracker(work.tracker.ledger, BOB, "bob", work.tracker.now_ms)
    other.comment(made.root, "mine")
    store = work.tracker.ledger.store
    work.ending.erase(work.ending.burn(made.root))
    assert any(b"mine" in raw for _, raw in store.bodies(BOB.log(work.tracker.ledger.commons)))


def test_an_agent_takes_back_only_what_it_wrote() -> None:
    clock = Clock()
    ledger = memory_ledger(found(ALICE, private=True), clock)
    owner = Workflow(Tracker(ledger, ALICE, "alice", clock))
    made = owner.wisp(cooked(s("a")))
    agent = Workflow(Tracker(ledger, second("alice", "authentication"), "agent", clock))
    agent.tracker.comment(made.root, "the agent's")
    assert agent.ending.erase([made.root]) == 1
    assert work_texts(owner, made.root) == "F"


def work_texts(work: Workflow, bead: str) -> str:
    return work.read.view(bead).texts.get("title", "").upper()


def test_wisps_go_when_their_time_is_over() -> None:
    clock = Clock()
    work = flow(clock=clock)
    old, other = work.wisp(cooked(s("a"), s("b")), wisp_type="heartbeat"), work.wisp(cooked(s("x")))
    clock.ms += 5 * HOUR
    # A sign of life of one step keeps the whole.
    work.tracker.comment(old.beads["b"], "still here")
    clock.ms += 5 * HOUR
    assert work.stale() == []
    clock.ms += 2 * HOUR
    assert work.stale() == [old.root]
    assert work.stale(HOUR) == [old.root, other.root]
    assert len(work.ending.collect()) == 3
    assert work.stale(HOUR) == [other.root]
    assert work.ending.collect() == ()


# -- gates ---------------------------------------------------------------------------------------------------------


def test_a_timer_opens_by_itself_and_is_closed_when_looked_at() -> None:
    clock = Clock()
    work = flow(clock=clock)
    work.pour(cooked(s("a", gate={"type": "timer", "timeout": "1h"})))
    assert ready(work) == []
    assert [one.verdict.standing for one in work.gates.check()] == [Standing.OPEN]
    clock.ms += 2 * HOUR
    assert ready(work) == ["A"]
    (one,) = work.gates.check(work.read.rows("SELECT entity FROM beads WHERE type = 'gate'")[0])
    assert one.verdict.standing is Standing.RESOLVED
    assert work.read.view(one.id).status == "closed"
    assert work.gates.check() == []


def test_a_long_timer_keeps_its_time() -> None:
    clock = Clock()
    work = flow(clock=clock)
    (bead,) = work.tracker.create(NewBead("later"))
    work.gates.create("timer", blocks=[bead], timeout="365d")
    clock.ms += 300 * 24 * HOUR
    assert [one.verdict.standing for one in work.gates.check()] == [Standing.OPEN]
    assert ready(work) == []
    clock.ms += 66 * 24 * HOUR
    work.gates.check()
    assert ready(work) == ["later"]


def test_a_gate_for_a_bead_or_mail_opens_when_it_comes() -> None:
    work = flow()
    waits, other, third = work.tracker.create(NewBead("waits"), NewBead("other"), NewBead("third"))
    work.gates.create("bead", blocks=[waits], await_id=other)
    work.gates.create("mail", blocks=[third], await_id="from:bob to:alice")
    message = {"issue_type": "message", "sender": "bob", "assignee": "carol"}
    work.tracker.create(NewBead("hello", message))
    assert [one.verdict.standing for one in work.gates.check()] == [Standing.OPEN] * 2
    work.tracker.create(NewBead("hello", {**message, "assignee": "alice"}))
    work.tracker.close([other])
    assert [one.verdict.standing for one in work.gates.check()] == [Standing.RESOLVED] * 2
    assert ready(work) == ["third", "waits"]


def test_part_of_an_id_opens_no_gate() -> None:
    work = flow()
    waits, near = work.tracker.create(NewBead("waits"), NewBead("near", alias="bd-abcd"))
    gate = work.gates.create("human", blocks=[waits])
    work.tracker.update(gate, {"await_type": "bead", "await_id": "bd-abc"})
    work.tracker.close([near])
    (one,) = work.gates.check()
    assert one.verdict.reason == "bd-abc is not known here"


def test_commands_and_runs_are_told_from_outside() -> None:
    work = flow()
    one, two = work.tracker.create(NewBead("one"), NewBead("two"))
    command = work.gates.create("command", blocks=[one], await_id="make test")
    run = work.gates.create("gh:run", blocks=[two], await_id="ci", timeout="1h")
    assert [view.verdict.standing for view in work.gates.check(codes={command: 1})] == [Standing.OPEN] * 2
    found_ = work.gates.check(codes={command: 127}, outcomes={run: "failure"})
    assert [view.verdict.standing for view in found_] == [Standing.ESCALATE] * 2
    assert ready(work) == []
    work.gates.check([command], codes={command: 0})
    assert ready(work) == ["one"]
    assert work.gates.resolve(run) == [two]
    assert ready(work) == ["one", "two"]


def test_a_gate_is_resolved_by_hand_once() -> None:
    work = flow()
    (bead,) = work.tracker.create(NewBead("waits"))
    gate = work.gates.create(blocks=[bead], reason="Lawyers agree")
    assert work.gates.add_waiter(gate, "carol")
    assert not work.gates.add_waiter(gate, "carol")
    record = work.read.record(work.read.view(gate))
    assert (record["title"], record["waiters"]) == ("Lawyers agree", ["carol"])
    assert work.gates.resolve(gate, "they do", outcome="failure") == [bead]
    assert work.read.record(work.read.view(gate))["close_reason"] == "they do"
    with pytest.raises(Refused, match="already"):
        work.gates.resolve(gate)


@pytest.mark.parametrize(
    ("type_", "more", "complaint"),
    [
        ("humn", {}, "no type of gates"),
        ("timer", {}, "a timer needs a time"),
        ("timer", {"timeout": "soon"}, "no span of time"),
        ("bead", {}, "what does a bead gate wait for"),
        ("command", {}, "what does a command gate wait for"),
        ("gh:pr", {}, "what does a gh:pr gate wait for"),
        ("mail", {}, "what does a mail gate wait for"),
    ],
)
def test_a_gate_that_could_never_open_is_refused(type_: str, more: dict[str, Any], complaint: str) -> None:
    work = flow()
    before = operations(work)
    with pytest.raises(BadWord, match=complaint):
        work.gates.create(type_, **more)
    assert operations(work) == before


def test_a_gate_for_what_itself_waits_is_refused() -> None:
    work = flow()
    first, second_ = work.tracker.create(NewBead("first"), NewBead("second", links=[NewLink("blocks", "#0")]))
    with pytest.raises(Refused, match="cycle"):
        work.gates.create("bead", blocks=[first], await_id=second_)
    with pytest.raises(BadWord, match="is no gate"):
        work.gates.resolve(first)


# -- the merge slot ------------------------------------------------------------------------------------------------


def test_the_slot_goes_round_in_turn() -> None:
    work = flow()
    assert work.slot.acquire("a").slot.holder == "a"
    assert work.slot.acquire("b").slot.waiters == ("b",)
    assert work.slot.acquire("c").slot.waiters == ("b", "c")
    assert work.slot.acquire("b").slot.waiters == ("b", "c")
    bead, slot = work.slot.check()
    record = work.read.record(work.read.view(bead))
    assert (record["id"], record["status"], record["assignee"]) == ("bd-merge-slot", "in_progress", "a")
    assert record["labels"] == ["gt:slot"]
    assert record["metadata"] == {"holder": "a", "until_ms": slot.until_ms, "waiters": ["b", "c"]}
    with pytest.raises(ConflictError, match="b does not hold the merge slot: a holds it"):
        work.slot.release("b")
    assert work.slot.release("a").slot.holder == "b"
    assert work.slot.leave("c").slot.waiters == ()
    assert work.slot.release("b").slot.holder == ""
    assert work.read.view(bead).status == "open"
    with pytest.raises(ConflictError, match="nobody holds it"):
        work.slot.release("b")


def test_the_slot_is_no_work_and_is_not_closed_by_mistake() -> None:
    work = flow()
    bead = work.slot.create()
    assert work.slot.create() == bead
    assert ready(work) == []
    assert work.tracker.close([bead]).refused
    work.tracker.delete(bead)
    with pytest.raises(Refused, match="was deleted"):
        work.slot.acquire("a")


def test_a_lease_that_is_over_hands_the_slot_on() -> None:
    clock = Clock()
    work = flow(clock=clock)
    work.slot.acquire("a", HOUR)
    work.slot.acquire("b", HOUR)
    clock.ms += HOUR
    assert work.slot.check().slot.holder == "b"
    assert work.slot.acquire("a").slot.waiters == ("a",)
    with pytest.raises(NotFound, match="no merge slot yet"):
        flow().slot.check()


def test_two_who_race_for_the_slot_do_not_both_get_it() -> None:
    clock, store = Clock(), MemoryStore(GENESIS)
    one, two = (flow(ledger_over(store, clock), who, clock) for who in ("a", "b"))
    # Each looked before the other wrote: what counts is what stands there under the lock.
    assert one.slot.create() == two.slot.create()
    assert one.slot.check() == two.slot.check()
    assert one.slot.acquire().slot.holder == "a"
    assert two.slot.acquire().slot.holder == "a"
    assert one.slot.release().slot.holder == "b"
    assert one.slot.acquire().slot.holder == "b"
    assert one.slot.check() == two.slot.check()
    assert two.slot.check().slot.waiters == ("a",)


def test_many_at_once_all_get_the_slot_one_after_the_other() -> None:
    clock, store = Clock(), MemoryStore(GENESIS)
    held: list[str] = []
    flow(ledger_over(store, clock), "maker", clock).slot.create()

    def compete(name: str) -> None:
        work = flow(ledger_over(store, clock), name, clock)
        if work.slot.acquire().slot.holder == name:
            held.append(name)

    threads = [threading.Thread(target=compete, args=(f"w{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = flow(ledger_over(store, clock), "maker", clock)
    slot = last.slot.check().slot
    assert held == [slot.holder]
    assert sorted((slot.holder, *slot.waiters)) == [f"w{n}" for n in range(6)]


# -- swarms --------------------------------------------------------------------------------------------------------


def test_waves_of_what_is_left() -> None:
    work = flow()
    made = work.pour(cooked(s("a"), s("b", "a"), s("c", "a"), s("d", "b", "c", gate={"type": "human"})))
    (outside,) = work.tracker.create(NewBead("outside"))
    work.tracker.link(made.beads["b"], outside)
    swarm = validate(work.read, work.tree(made.root), work.tracker.now_ms())
    assert [[part.title for part in front] for front in swarm.fronts] == [["A"], ["B", "C"], ["D"]]
    assert (swarm.max_parallelism, swarm.swarmable) == (2, True)
    assert len(swarm.warnings) == 2
    done(work, made, "a")
    work.tracker.claim(made.beads["c"])
    swarm = validate(work.read, work.tree(made.root), work.tracker.now_ms())
    assert [[part.title for part in front] for front in swarm.fronts] == [["B", "C"], ["D"]]
    standing = status(work.read, work.tree(made.root), work.tracker.now_ms())
    assert [part.title for part in standing.done] == ["A"]
    assert [part.title for part in standing.active] == ["C"]
    assert next((part.title, blockers[0].title) for part, blockers in standing.blocked) == ("B", "outside")
    assert standing.ready == []


def test_an_epic_without_work_is_not_swarmable() -> None:
    work = flow()
    (epic,) = work.tracker.create(NewBead("epic", {"issue_type": "epic"}))
    swarm = validate(work.read, work.tree(epic), work.tracker.now_ms())
    assert (swarm.swarmable, swarm.warnings) == (False, ("it has no children",))


def test_plans_put_what_is_named_first() -> None:
    plan = plan_of(cooked(s("a", "c"), s("b"), s("c", "d"), s("d")))
    assert [key for key, _ in plan.beads()] == [".", "b", "d", "c", "a"]
