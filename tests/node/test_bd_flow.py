"""Formulas, molecules, gates and the merge slot from the command line: real processes in a real repository."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.node.support import DEADLINE, Person, environment, git

EXAMPLES = Path(__file__).parents[2] / "examples" / "formulas"


@dataclass(frozen=True)
class Agent:
    """Somebody who works in a repository with a ledger."""

    person: Person
    folder: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.person.run("bd", *words, cwd=self.folder)

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, *words: str) -> Any:
        return json.loads(self.ok(*words, "--json"))

    def fails(self, code: int, *words: str) -> dict[str, str]:
        done = self.run(*words, "--json")
        assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        assert done.stdout == ""
        error: dict[str, str] = json.loads(done.stderr.splitlines()[-1])["error"]
        return error

    def ready(self) -> list[str]:
        return [one["title"] for one in self.ask("ready")]


@pytest.fixture
def ann(person: Callable[[str], Person], tmp_path: Path) -> Agent:
    """An agent in a repository whose formulas are those of the examples."""
    folder = tmp_path / "repository"
    git("init", "-q", str(folder))
    home = person("ann").home
    found = Agent(Person(home, (("BEADS_ACTOR", "ann"),)), folder)
    found.ok("init")
    formulas = folder / ".beads" / "formulas"
    formulas.mkdir()
    for path in EXAMPLES.glob("*.toml"):
        (formulas / path.name).write_bytes(path.read_bytes())
    return found


def test_formulas_are_found_in_the_repository_then_at_home_then_by_path(ann: Agent, tmp_path: Path) -> None:
    at_home = ann.person.home / "formulas"
    at_home.mkdir()
    own = 'formula = "{name}"\ndescription = "mine"\n[[steps]]\nid = "a"\ntitle = "A"\n'
    for name in ("release", "own"):
        (at_home / f"{name}.formula.toml").write_text(own.format(name=name))
    (at_home / "bad.formula.toml").write_text("formula = 1")
    found = {one["name"]: one for one in ann.ask("formula", "list")}
    assert sorted(found) == ["bad", "own", "patrol", "release", "review"]
    assert found["release"]["description"].startswith("Release")
    assert found["own"]["path"] == str(at_home / "own.formula.toml")
    assert "cannot be used" in found["bad"]["error"]
    apart = tmp_path / "apart.toml"
    apart.write_text(own.format(name="apart"))
    assert ann.ask("formula", "show", str(apart))["formula"]["formula"] == "apart"
    assert ann.ask("formula", "check", "release", str(apart))["ok"] == ["release", "apart"]


@pytest.mark.parametrize(
    ("words", "code", "message", "hint"),
    [
        (["cook", "relaese"], 3, "no formula 'relaese'", "Did you mean 'release'?"),
        (["cook", "release"], 1, "values are missing: version", "--var version=VALUE"),
        (["cook", "release", "--var", "version=one"], 1, "does not fit the pattern", ""),
        (["cook", "release", "--var", "version"], 2, "not a pair", "--var KEY=VALUE"),
        (["cook", "./nowhere.toml"], 3, "no formula at nowhere.toml", ""),
        (["cook", "release", "--proto", "--dry-run"], 2, "give one", ""),
        (["mol", "pour", "bd-nope"], 3, "no formula or proto 'bd-nope'", "bd formula list"),
        (["mol", "show", "nope"], 3, "no issue found", ""),
        (["gate", "create", "--type", "timer"], 2, "a timer needs a time", "--timeout 30m"),
        (["gate", "check", "--run"], 2, "name the gates", "bd gate check GATE --run"),
        (["merge-slot", "check"], 3, "no merge slot yet", "bd merge-slot create"),
        (["merge-slot", "release"], 3, "no merge slot yet", "bd merge-slot create"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_an_error_says_what_to_do(ann: Agent, words: list[str], code: int, message: str, hint: str) -> None:
    error = ann.fails(code, *words)
    assert message in error["message"]
    assert hint in error["hint"]


def test_cooking_shows_and_writes_nothing(ann: Agent) -> None:
    said = ann.ok("cook", "release", "--var", "version=1.2.3")
    assert "Wave 1:\n  freeze: Freeze main for 1.2.3" in said
    data = ann.ask("cook", "release", "--var", "version=1.2.3")
    assert [node["key"] for node in data["nodes"]][:3] == [".", "freeze", "prepare"]
    assert ann.ask("mol", "pour", "release", "--var", "version=1.2.3", "--dry-run") == data
    assert ann.ask("list", "--all") == []


def test_a_release_from_formula_to_end(ann: Agent) -> None:
    poured = ann.ask("mol", "pour", "release", "--var", "version=1.2.3", "--title", "Release 1.2.3", "--label", "big")
    root, beads = poured["id"], poured["beads"]
    assert poured["ready"] == [beads["freeze"]]
    assert ann.ready() == ["Freeze main for 1.2.3"]
    ann.ok("close", beads["freeze"])
    # The steps of an epic wait with it, and go with it.
    assert ann.ask("mol", "current", root)["molecules"][0]["current"] != []
    for key in ("changelog", "bump", "verify"):
        ann.ok("close", beads[key])
    assert f"all of it is done — bd close {beads['prepare']}" in ann.ok("mol", "current")
    ann.ok("close", beads["prepare"])
    assert ann.ready() == []
    assert "nothing can be worked on now" in ann.ok("mol", "current")
    checked = ann.ok("gate", "check")
    assert f"needs a result from you: bd gate resolve {beads['gate-tag']}" in checked
    assert ann.ask("gate", "resolve", beads["gate-tag"])["unblocked"] == [beads["tag"]]
    assert ann.ready() == ["Tag v1.2.3"]
    assert ann.ok("mol", "progress") == f"{root}  Release 1.2.3: 4 of 8 done (50%)\n"
    drawn = ann.ok("mol", "show", root)
    assert f"  ✓ {beads['freeze']}  Freeze main for 1.2.3\n" in drawn
    assert f"← {beads['tag']}, {beads['gate-publish']}" in drawn


def test_a_patrol_leaves_a_digest_and_nothing_else(ann: Agent) -> None:
    made = ann.ask("mol", "wisp", "patrol", "--var", "rig=web", "--type", "patrol")
    assert "-wisp-" in made["id"]
    assert ann.ready() == []
    assert ann.fails(1, "mol", "squash", made["id"])["hint"].startswith("--force")
    for key in ("inbox", "survey", "queue", "settle", "report"):
        ann.ok("close", made["beads"][key])
    squashed = ann.ask("mol", "squash", made["id"], "--summary", "All quiet.", "--force", "--erase")
    assert len(squashed["deleted"]) == len(made["beads"])
    assert squashed["erased"] > 0
    (digest,) = ann.ask("show", squashed["digest"])
    assert "patrol: 5 of 6 steps done" in digest["description"]
    assert "All quiet." in digest["description"]
    assert [one["title"] for one in ann.ask("list", "--all")] == ["Digest: patrol"]
    assert "is gone" in ann.fails(1, "mol", "burn", made["id"])["message"]


def test_wisps_burn_and_molecules_do_not(ann: Agent) -> None:
    wisp = ann.ask("mol", "wisp", "patrol", "--var", "rig=web")["id"]
    molecule = ann.ask("mol", "pour", "patrol", "--var", "rig=web")["id"]
    assert ann.ok("mol", "gc") == "No stale wisps.\n"
    assert wisp in ann.ask("mol", "gc", "--older", "0s", "--dry-run")["stale"]
    assert len(ann.ask("mol", "burn", wisp)["deleted"]) == 8
    assert "no wisps" in ann.fails(1, "mol", "burn", molecule)["message"]
    assert ann.ready() == ["Read the mail of web"]


def test_a_formula_for_wisps_says_so_when_it_is_poured(ann: Agent) -> None:
    assert "bd mol wisp patrol" in ann.run("mol", "pour", "patrol", "--var", "rig=web").stderr


def test_a_proto_is_poured_from_the_ledger(ann: Agent) -> None:
    proto = ann.ask("cook", "release", "--var", "version=2.0.0", "--proto")["id"]
    assert ann.ready() == []
    assert ann.ask("mol", "pour", proto, "--dry-run")["dry_run"] is True
    poured = ann.ask("mol", "pour", proto, "--assignee", "bob")
    assert ann.ready() == ["Freeze main for 2.0.0"]
    assert ann.ask("show", poured["id"])[0]["assignee"] == "bob"


def test_molecules_are_bonded(ann: Agent) -> None:
    one, two = (ann.ask("mol", "pour", "patrol", "--var", f"rig={rig}")["id"] for rig in ("one", "two"))
    assert ann.ok("mol", "bond", one, two) == f"✓ Bonded: {two} begins when {one} is done\n"
    assert ann.ready() == ["Read the mail of one"]
    assert "cycle" in ann.fails(1, "mol", "bond", two, one)["message"]


def test_a_command_runs_only_when_it_is_asked_for_by_name(ann: Agent) -> None:
    bead = ann.ok("q", "waits").strip()
    command = "echo here; echo ran >> ran; test -f go"
    gate = ann.ask("gate", "create", bead, "--type", "command", "--await-id", command)["id"]
    assert f"--run runs: {command}" in ann.ok("gate", "check")
    assert not (ann.folder / "ran").exists()
    checked = ann.ask("gate", "check", gate, "--run")
    assert checked["gates"][0]["reason"] == "not yet: exit code 1"
    assert (ann.folder / "ran").read_text() == "ran\n"
    (ann.folder / "go").touch()
    assert ann.ask("gate", "check", gate, "--run")["resolved"] == [gate]
    assert ann.ready() == ["waits"]
    assert ann.ask("gate", "list") == []
    assert ann.ask("gate", "list", "--all")[0]["reason"] == "the command succeeded"


def test_gates_are_made_shown_and_waited_for(ann: Agent) -> None:
    bead = ann.ok("q", "waits").strip()
    made = ann.ask("gate", "create", "--blocks", bead, "--reason", "Lawyers agree", "--timeout", "1d")
    assert made["holds_back"] == [bead]
    assert ann.ready() == []
    ann.ok("gate", "add-waiter", made["id"], "carol")
    shown = ann.ok("gate", "show", made["id"])
    assert shown.startswith(f"○ {made['id']}  Lawyers agree: waits for a person (holds back {bead})\n")
    assert "Waiters: carol" in shown
    assert ann.ok("gate", "resolve", made["id"]) == f"✓ {made['id']} is open (success). Ready now: {bead}\n"


def test_a_swarm_is_laid_out_and_stands_somewhere(ann: Agent) -> None:
    poured = ann.ask("mol", "pour", "release", "--var", "version=1.2.3")
    root, beads = poured["id"], poured["beads"]
    plan = ann.ask("swarm", "validate", root)
    assert plan["ready_fronts"][1] == {"wave": 2, "issues": [beads["changelog"], beads["bump"]]}
    assert (plan["max_parallelism"], plan["swarmable"]) == (2, True)
    ann.ok("update", beads["freeze"], "--claim")
    standing = ann.ask("swarm", "status", root)
    assert [one["id"] for one in standing["active"]] == [beads["freeze"]]
    assert len(standing["blocked"]) == 7


def test_the_slot_is_handed_on(ann: Agent) -> None:
    assert ann.ask("merge-slot", "create")["created"] is True
    assert ann.ask("merge-slot", "create")["created"] is False
    assert ann.ask("merge-slot", "acquire")["holder"] == "ann"
    error = ann.fails(4, "merge-slot", "acquire", "--as", "bob")
    assert error["code"] == "conflict"
    assert "bob is number 1 in the queue" in error["message"]
    assert ann.ask("merge-slot", "check")["waiters"] == ["bob"]
    assert "ann holds it" in ann.fails(4, "merge-slot", "release", "--as", "bob")["message"]
    assert ann.ask("merge-slot", "release")["holder"] == "bob"
    assert ann.ok("merge-slot", "leave", "--as", "bob") == "✓ Left. The merge slot is free.\n"
    assert ann.ready() == []


def test_of_many_processes_at_once_one_gets_the_slot(ann: Agent) -> None:
    names = [f"w{n}" for n in range(5)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "node.cli.bd", "merge-slot", "acquire", "--as", name],
            cwd=ann.folder, env=environment(ann.person.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    codes = []
    for child in started:
        _, err = child.communicate(timeout=DEADLINE)
        codes.append(child.returncode)
        assert "Traceback" not in err
    assert sorted(codes) == [0, 4, 4, 4, 4]
    slot = ann.ask("merge-slot", "check")
    assert slot["holder"] == names[codes.index(0)]
    assert sorted([slot["holder"], *slot["waiters"]]) == names
