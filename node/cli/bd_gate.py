"""bd gate, merge-slot: what work waits for besides work, and whose turn it is to merge."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click

from beads import settings, times, workflow_slot
from beads.errors import BadWord, ConflictError
from beads.gate import AWAIT_TYPES, Slot, Standing
from beads.reading import Reader
from beads.workflow import Workflow
from beads.workflow_gates import PULL, RUN, GateView, gates, held, look
from node import wiring
from node.cli.bd_common import Desk, bd_verb, dated, listed, who
from node.cli.common import Verbs
from node.localtime import clock

COMMAND_SECONDS = 600
TIMED_OUT = 124
"""What timeout(1) ends with."""
_MARKS = {Standing.OPEN: "○", Standing.RESOLVED: "✓", Standing.ESCALATE: "!"}


def _gate(reader: Reader, one: GateView) -> dict[str, Any]:
    due = one.verdict.due_ms
    said = {
        "id": reader.name_of(one.id), "title": one.title, "await_type": one.gate.await_type,
        "await_id": one.gate.await_id, "standing": one.verdict.standing.value, "reason": one.verdict.reason,
        "due_at": None if due is None else times.text(due), "waiters": list(one.waiters),
        "holds_back": [reader.name_of(bead) for bead in held(reader, one.id)],
    }  # fmt: skip
    return {name: value for name, value in said.items() if value not in (None, "")}


def _line(said: Mapping[str, Any]) -> str:
    mark = _MARKS[Standing(said["standing"])]
    holds = f" (holds back {', '.join(said['holds_back'])})" if said["holds_back"] else ""
    return f"{mark} {said['id']}  {said['title']}: {said['reason']}{holds}"


@bd_verb(name="create")
@click.argument("blocks", nargs=-1)
@click.option("--blocks", "more", multiple=True, help="What it holds back; the same as naming it.")
@click.option("--type", "-t", "await_type", default="human", show_default=True, help=", ".join(AWAIT_TYPES))
@click.option("--await-id", default="", help="What it waits for: a bead, from:NAME, a command, a run, a pull request.")
@click.option("--timeout", default="", help="When a timer opens; when any other calls for a person: 30m, 2h, 1d.")
@click.option("--title", default="", help="Its title; else it is made from the reason.")
@click.option("--reason", "-r", default="", help="Why it is there.")
@click.option("--waiter", "waiters", multiple=True, help="Who wants to hear of it.")
def gate_create(
    desk: Desk, blocks: tuple[str, ...], more: tuple[str, ...], await_type: str, await_id: str, timeout: str,
    title: str, reason: str, waiters: tuple[str, ...],
) -> None:  # fmt: skip
    """Make a gate that holds beads back until it opens."""
    with desk.writing() as tracker:
        made = Workflow(tracker).gates.create(
            await_type, blocks=(*blocks, *listed(more)), await_id=await_id, timeout=timeout, title=title,
            reason=reason, waiters=listed(waiters),
        )  # fmt: skip
        desk.touched(tracker, made)
        said = _gate(tracker.read, look(tracker.read, made, tracker.now_ms()))
        held_back = f" It holds back {', '.join(said['holds_back'])}." if said["holds_back"] else ""
        following = [f"bd gate resolve {said['id']}" if await_type == "human" else "bd gate check"]
        desk.output.result(said, f"✓ Made gate {said['id']}: {said['title']}.{held_back}", following)


@bd_verb(name="list")
@click.option("--all", "every", is_flag=True, help="Those that are open by now, too.")
def gate_list(desk: Desk, every: bool) -> None:
    """The gates that hold something back."""
    now = wiring.now_ms()
    with desk.reading() as reader:
        found = [_gate(reader, look(reader, bead, now)) for bead in gates(reader, every=every)]
        desk.array(found, [_line(one) for one in found] or "No gates.")


@bd_verb(name="show")
@click.argument("gate")
def gate_show(desk: Desk, gate: str) -> None:
    """One gate: what it waits for, what it holds back, who wants to hear of it."""
    with desk.reading() as reader:
        said = _gate(reader, look(reader, reader.find(gate), wiring.now_ms()))
        waits = " ".join(filter(None, (said["await_type"], said.get("await_id", ""))))
        lines = [_line(said), f"  Waits for: {waits}"]
        lines += [f"  Until: {dated(said['due_at'])}"] if "due_at" in said else []
        lines += [f"  Waiters: {', '.join(said['waiters'])}"] if said["waiters"] else []
        desk.output.result(said, lines)


@bd_verb(name="check")
@click.argument("gates_", metavar="[GATE]...", nargs=-1)
@click.option("--run", is_flag=True, help="Run the commands of the gates named, in a shell, here.")
def gate_check(desk: Desk, gates_: tuple[str, ...], run: bool) -> None:
    """Look at gates, all where none are named, and open those whose time has come."""
    if run and not gates_:
        raise BadWord("--run runs commands that the ledger holds: name the gates", "bd gate check GATE --run")
    codes = _run(desk, gates_) if run else {}
    with desk.writing() as tracker:
        found = Workflow(tracker).gates.check(gates_ or None, codes=codes)
        said = [_gate(tracker.read, one) for one in found]
        lines = [_line(one) + _by_hand(one) for one in said]
        groups = {
            standing.value: [one["id"] for one in said if one["standing"] == standing.value] for standing in Standing
        }
        desk.output.result({"gates": said, **groups}, lines or "No gates are waiting.")


def _by_hand(said: Mapping[str, Any]) -> str:
    """Say what a person is to do about a gate that nothing here can look at."""
    if said["standing"] == Standing.RESOLVED:
        return ""
    if said["await_type"] in (RUN, PULL):
        return f" — needs a result from you: bd gate resolve {said['id']} --outcome success|failure"
    if said["await_type"] == "command":
        return f" — bd gate check {said['id']} --run runs: {said['await_id']}"
    return f" — a person must decide: bd gate resolve {said['id']}" if said["standing"] == Standing.ESCALATE else ""


def _run(desk: Desk, chosen: Iterable[str]) -> dict[str, int]:
    """Run the commands of gates, before anything is locked."""
    codes: dict[str, int] = {}
    with desk.reading() as reader:
        found = [look(reader, reader.find(one), wiring.now_ms()) for one in chosen]
    for one in found:
        if one.gate.await_type == "command" and not one.closed:
            desk.output.warn(f"$ {one.gate.await_id}")
            codes[one.id] = _exit_code(one.gate.await_id)
    return codes


def _exit_code(command: str) -> int:
    try:
        # What it says goes beside the answer, which may be JSON.
        return subprocess.run(
            ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False,
            timeout=COMMAND_SECONDS,
        ).returncode  # fmt: skip
    except subprocess.TimeoutExpired:
        return TIMED_OUT


@bd_verb(name="resolve")
@click.argument("gate")
@click.option("--reason", "-r", default="", help="What came of it.")
@click.option("--outcome", type=click.Choice(["success", "failure"]), default="success", show_default=True)
def gate_resolve(desk: Desk, gate: str, reason: str, outcome: str) -> None:
    """Open a gate by hand. What it blocks goes on, whatever the outcome; failure also starts what waits for one."""
    with desk.writing() as tracker:
        freed = Workflow(tracker).gates.resolve(gate, reason, outcome=outcome)
        name = tracker.read.name_of(tracker.read.find(gate))
        ready = [tracker.read.name_of(bead) for bead in freed]
        then = f"Ready now: {', '.join(ready)}" if ready else "Nothing became ready by it."
        text = f"✓ {name} is open ({outcome}). {then}"
        desk.output.result({"id": name, "outcome": outcome, "unblocked": ready}, text)


@bd_verb(name="add-waiter")
@click.argument("gate")
@click.argument("name")
def gate_add_waiter(desk: Desk, gate: str, name: str) -> None:
    """Note who wants to hear when a gate opens."""
    with desk.writing() as tracker:
        added = Workflow(tracker).gates.add_waiter(gate, name)
        bead = tracker.read.name_of(tracker.read.find(gate))
        text = f"✓ {name} waits for {bead}" if added else f"{name} waits for {bead} already"
        desk.output.result({"id": bead, "waiter": name, "added": added}, text)


gate = Verbs(
    "gate", "What work waits for besides work: create, list, show, check, resolve, add-waiter.",
    gate_create, gate_list, gate_show, gate_check, gate_resolve, gate_add_waiter,
)  # fmt: skip


# -- the merge slot ------------------------------------------------------------------------------------------------


_AS = click.option("--as", "--holder", "name", default="", help="Who asks; else who acts.")


def _slot(reader: Reader, state: workflow_slot.SlotState) -> dict[str, Any]:
    slot = state.slot
    until = times.text(slot.until_ms) if slot.holder else None
    return {
        "id": reader.name_of(state.bead), "available": not slot.holder, "holder": slot.holder or None,
        "until": until, "waiters": list(slot.waiters),
    }  # fmt: skip


def _slot_line(slot: Slot) -> str:
    if not slot.holder:
        return "The merge slot is free."
    queue = f" Then: {', '.join(slot.waiters)}." if slot.waiters else ""
    return f"{slot.holder} holds the merge slot until {clock(slot.until_ms)}.{queue}"


@bd_verb(name="create")
def slot_create(desk: Desk) -> None:
    """Make the merge slot; acquire does so, too."""
    with desk.writing() as tracker:
        flow = Workflow(tracker)
        before = workflow_slot.find(tracker.read)
        name = tracker.read.name_of(flow.slot.create())
        text = f"{name} is there already." if before else f"✓ Made the merge slot {name}"
        desk.output.result({"id": name, "created": before is None}, text, ["bd merge-slot acquire"])


@bd_verb(name="check")
def slot_check(desk: Desk) -> None:
    """Who holds the merge slot, and who waits."""
    with desk.reading() as reader:
        state = workflow_slot.check(reader, wiring.now_ms())
        desk.output.result(_slot(reader, state), _slot_line(state.slot))


@bd_verb(name="acquire")
@_AS
@click.option("--lease", help="How long to hold it without a sign of life: 30m, 2h. Default: as for claims.")
def slot_acquire(desk: Desk, name: str, lease: str | None) -> None:
    """Take the merge slot, or wait in turn (exit code 4). Ask again to see if it is yours, or to renew it."""
    lease_ms = None if lease is None else settings.duration(lease)
    asked = name or who()
    with desk.writing() as tracker:
        state = Workflow(tracker).slot.acquire(asked, lease_ms)
        said = _slot(tracker.read, state)
    slot = state.slot
    if slot.holder != asked:
        place = slot.waiters.index(asked) + 1
        raise ConflictError(
            f"{slot.holder} holds the merge slot until {dated(said['until'])}; {asked} is number {place} in the queue",
            "Ask again later: bd merge-slot acquire. bd merge-slot leave gives your turn up.",
        )
    desk.output.result(said, f"✓ {asked} holds the merge slot until {dated(said['until'])}.", ["bd merge-slot release"])


@bd_verb(name="release")
@_AS
def slot_release(desk: Desk, name: str) -> None:
    """Give the merge slot to the next in turn."""
    with desk.writing() as tracker:
        state = Workflow(tracker).slot.release(name)
        desk.output.result(_slot(tracker.read, state), f"✓ Released. {_slot_line(state.slot)}")


@bd_verb(name="leave")
@_AS
def slot_leave(desk: Desk, name: str) -> None:
    """Neither hold the merge slot nor wait for it any more."""
    with desk.writing() as tracker:
        state = Workflow(tracker).slot.leave(name)
        desk.output.result(_slot(tracker.read, state), f"✓ Left. {_slot_line(state.slot)}")


merge_slot = Verbs(
    "merge-slot", "Whose turn it is to merge: create, check, acquire, release, leave.",
    slot_create, slot_check, slot_acquire, slot_release, slot_leave,
)  # fmt: skip
