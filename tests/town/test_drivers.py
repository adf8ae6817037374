"""Processes, gates and the runtime state."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from town.agents import LaunchSpec
from town.bridge import GateResult
from town.config import Gate
from town.drivers.gates import GateRunner
from town.drivers.process import ProcessId, ProcessRuntime, identify, is_alive, slot_lock, wait_end
from town.errors import GateError, SessionError
from town.observation import Hold
from town.runtime_state import RuntimeState, SessionRow, Verdict


def spec(tmp_path: Path, command: str) -> LaunchSpec:
    return LaunchSpec(("/bin/sh", "-c", command), {"PATH": os.environ["PATH"]}, tmp_path)


def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1000):
        if is_so():
            return
        select.select([], [], [], 0.01)
    pytest.fail("it never came")


def test_a_session_writes_its_transcript_and_its_end_is_seen(tmp_path: Path) -> None:
    runtime = ProcessRuntime()
    process = runtime.start(spec(tmp_path, "echo out; echo err >&2; exit 3"), tmp_path / "s" / "log")
    assert wait_end(process, 10)
    assert not runtime.is_alive(process)
    assert runtime.exit_code(process) == 3
    assert (tmp_path / "s" / "log").read_text() == "out\nerr\n"


def test_stop_asks_first(tmp_path: Path) -> None:
    runtime = ProcessRuntime()
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    process = runtime.start(spec(tmp_path, script), tmp_path / "log")
    until(lambda: "ready" in (tmp_path / "log").read_text())
    runtime.stop([process], 10)
    assert runtime.exit_code(process) == 0
    assert "bye" in (tmp_path / "log").read_text()


def test_stop_makes_the_deaf_and_their_children_end(tmp_path: Path) -> None:
    runtime = ProcessRuntime()
    script = "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & wait"
    process = runtime.start(spec(tmp_path, script), tmp_path / "log")
    until(lambda: (tmp_path / "log").read_text().strip().isdigit())
    child = identify(int((tmp_path / "log").read_text()))
    assert child is not None
    runtime.stop([process], 0.1)
    assert wait_end(child, 10)
    assert runtime.exit_code(process) == -signal.SIGKILL


def test_a_number_used_again_is_another_process() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(ProcessId(me.pid, "long ago"))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no-such-agent"):
        ProcessRuntime().start(LaunchSpec(("no-such-agent",), {}, tmp_path), tmp_path / "log")


def test_a_slot_stays_locked_while_what_was_started_in_it_lives(tmp_path: Path) -> None:
    runtime = ProcessRuntime()
    with slot_lock(tmp_path / "slot") as held:
        process = runtime.start(spec(tmp_path, "exec sleep 30"), tmp_path / "log", (held,))
    with pytest.raises(SessionError), slot_lock(tmp_path / "slot"):
        pass
    runtime.stop([process], 5)
    assert runtime.exit_code(process) == -signal.SIGTERM
    with slot_lock(tmp_path / "slot"):
        pass


def test_gates_run_in_order_up_to_the_first_failure(tmp_path: Path) -> None:
    gates = [Gate("one", "echo $GT_GATE"), Gate("two", "exit 4"), Gate("three", "true")]
    results = GateRunner(tmp_path / "note").run_all(gates, tmp_path, tmp_path / "log")
    assert results == (GateResult("one", True), GateResult("two", False, 0, "exit 4"))
    assert (tmp_path / "log" / "one.log").read_text() == "one\n"
    assert not (tmp_path / "note").exists()


def test_a_gate_knows_nothing_of_the_session_that_started_the_town(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GT_TOKEN", "secret")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    GateRunner(tmp_path / "note").run_all([Gate("env", "env")], tmp_path, tmp_path)
    assert not {"GT_TOKEN", "GIT_DIR"} & {line.partition("=")[0] for line in (tmp_path / "env.log").read_text().split()}


def test_a_gate_out_of_time_has_failed_and_leaves_nothing_running(tmp_path: Path) -> None:
    gate = Gate("slow", "sleep 60 & echo $!; wait", timeout=1)
    (result,) = GateRunner(tmp_path / "note").run_all([gate], tmp_path, tmp_path)
    assert (result.ok, result.detail) == (False, "took more than 1 s")
    left = identify(int((tmp_path / "slow.log").read_text()))
    assert left is None or wait_end(left, 10)


def test_a_cancelled_gate_says_nothing(tmp_path: Path) -> None:
    runner = GateRunner(tmp_path / "note")
    errors: list[GateError] = []

    def run() -> None:
        try:
            runner.run_all([Gate("slow", "echo on; exec sleep 60")], tmp_path, tmp_path)
        except GateError as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    until(lambda: (tmp_path / "slow.log").exists() and bool((tmp_path / "slow.log").read_text()))
    runner.cancel()
    thread.join(10)
    assert len(errors) == 1


def test_a_gate_left_behind_is_ended(tmp_path: Path) -> None:
    runtime = ProcessRuntime()
    process = runtime.start(spec(tmp_path, "exec sleep 60"), tmp_path / "log")
    (tmp_path / "note").write_text(f'{{"pid": {process.pid}, "started": "{process.started}"}}')
    GateRunner(tmp_path / "note").end_leftover()
    assert wait_end(process, 10)
    assert runtime.exit_code(process) == -signal.SIGKILL
    assert not (tmp_path / "note").exists()


def test_the_state_remembers_sessions_verdicts_and_holds(tmp_path: Path) -> None:
    state = RuntimeState(tmp_path / "run" / "state.sqlite")
    row = SessionRow("s1", "demo", "rust", "b1", 1, ProcessId(7, "x"), 10, 10)
    state.record_session(row)
    state.heartbeat("s1", 20)
    assert [open_row.heartbeat_ms for open_row in state.open_sessions()] == [20]
    state.end_session("s1", 30, 1, clean=False)
    assert (state.open_sessions(), len(state.crashes(0)), state.crashes(30)) == ((), 1, ())
    assert state.recent_sessions(1)[0].exit_code == 1
    state.forgive("b1")
    assert state.crashes(0) == ()
    verdict = Verdict(False, 5, (GateResult("t", False, 1, "exit 1"),))
    state.record_verdict("demo", "sha", "gates", verdict)
    state.record_hold("demo", Hold(9, frozenset({"h"}), "red"))
    assert state.verdict("demo", "sha", "gates") == verdict
    assert state.hold("demo") == Hold(9, frozenset({"h"}), "red")
    state.clear_hold("demo")
    assert (state.hold("demo"), state.verdict("demo", "sha", "gates")) == (None, None)
    state.close()
