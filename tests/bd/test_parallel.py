"""Many processes on one ledger, indexes that vanish, and a git repository of which nothing is touched."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from beads.errors import DamagedIndex
from beads.reading import Reader
from node.cli.bd import VERBS
from tests.bd.support import CONFLICT, NOT_FOUND, REFUSED, Bd
from tests.node.support import Person, environment, git

AGENTS = 20

# -- in parallel ---------------------------------------------------------------------------------------------------


def together(bd: Bd, *commands: Sequence[str]) -> list[subprocess.CompletedProcess[str]]:
    """Run commands as processes at the same time, each as an agent of its own."""

    def run(number: int) -> subprocess.CompletedProcess[str]:
        person = Person(bd.home, (("BD_ACTOR", f"agent-{number}"),))
        return person.run("bd", *commands[number], cwd=bd.cwd)

    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(run, range(len(commands))))


def test_what_twenty_processes_write_survives(bd: Bd) -> None:
    issue = bd.make("Shared")
    verbs = (("label", "add", issue, "l{}"), ("comments", "add", issue, "said by {}"), ("create", "Issue {}"),
             ("create", "Child {}", "--parent", issue))  # fmt: skip
    done = together(bd, *([part.format(n) for part in verbs[n % 4]] for n in range(AGENTS)))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * AGENTS
    shown = bd.show(issue)
    assert shown["labels"] == sorted(f"l{n}" for n in range(0, AGENTS, 4))
    assert sorted(one["text"] for one in shown["comments"]) == sorted(f"said by {n}" for n in range(1, AGENTS, 4))
    titles = [one["title"] for one in bd.json("list", "--limit", "0")]
    assert sorted(titles) == sorted(
        ["Shared", *(f"Issue {n}" for n in range(2, AGENTS, 4)), *(f"Child {n}" for n in range(3, AGENTS, 4))]
    )
    assert sorted(bd.ids("children", issue)) == [f"{issue}.{n}" for n in range(1, 6)]


def test_of_twenty_claims_one_wins_and_the_losers_are_told(bd: Bd) -> None:
    issues = [bd.make("One"), bd.make("Two")]
    done = together(bd, *(("update", issues[n % 2], "--claim") for n in range(AGENTS)))
    codes = Counter((issues[n % 2], one.returncode) for n, one in enumerate(done))
    assert codes == {(one, code): times for one in issues for code, times in ((0, 1), (CONFLICT, AGENTS // 2 - 1))}
    for n, one in enumerate(done):
        winner = bd.show(issues[n % 2])["assignee"]
        assert one.returncode == 0 or f"already claimed by {winner}" in one.stderr
        assert (one.returncode == 0) == (winner == f"agent-{n}")


def test_agents_who_take_the_next_ready_issue_get_one_each(bd: Bd) -> None:
    issues = [bd.make(f"Issue {n}") for n in range(6)]
    done = together(bd, *[("ready", "--claim")] * 8)
    assert sorted(one.returncode for one in done) == [0] * 6 + [CONFLICT] * 2
    owners = {bd.show(issue)["assignee"] for issue in issues}
    assert owners == {f"agent-{n}" for n, one in enumerate(done) if one.returncode == 0}


# -- indexes -------------------------------------------------------------------------------------------------------

Damage = Callable[[Path, bytes], object]
DAMAGES: dict[str, Damage] = {
    "deleted": lambda path, _: path.unlink(),
    "empty": lambda path, _: path.write_bytes(b""),
    "cut in half": lambda path, _: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut within a page": lambda path, _: path.write_bytes(path.read_bytes()[:-100]),
    "garbage": lambda path, _: path.write_bytes(b"not a database at all" * 1000),
    "garbage in its middle": lambda path, _: path.write_bytes(scribbled(path.read_bytes())),
    "stale": lambda path, former: path.write_bytes(former),
}


def scribbled(raw: bytes) -> bytes:
    return raw[:4096] + b"\xa5" * (len(raw) - 4096)


def index_of(bd: Bd) -> Path:
    (path,) = bd.home.glob("commons/*/index.sqlite")
    for leftover in path.parent.glob("index.sqlite-*"):
        leftover.unlink()
    return path


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_the_answers_are_the_same_whatever_becomes_of_the_index(bd: Bd, damage: Damage) -> None:
    blocker = bd.make("Blocker", "-l", "one")
    former = index_of(bd).read_bytes()
    epic = bd.make("Epic", "-t", "epic", "--deps", blocker)
    child = bd.make("Child", "--parent", epic)
    bd.ok("update", blocker, "--claim")
    bd.ok("comments", "add", child, "words to find")
    bd.ok("close", bd.make("Done"))
    verbs = (("ready",), ("blocked",), ("list", "--all"), ("show", child, blocker), ("search", "words"), ("stats",),
             ("history", blocker), ("label", "list-all"), ("children", epic), ("config", "list"))  # fmt: skip
    before = [bd.ok(*verb, "--json").out for verb in verbs]
    for verb, answer in zip(verbs, before, strict=True):
        damage(index_of(bd), former)
        assert bd.ok(*verb, "--json").out == answer, verb
    damage(index_of(bd), former)
    another = bd.make("Written on a broken index")
    assert sorted(bd.ids("list", "--all")) == sorted([another, *(one["id"] for one in json.loads(before[2]))])


def test_a_verb_that_has_written_is_not_run_again_when_the_index_breaks(
    bd: Bd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise DamagedIndex("the index is damaged", "Run it again: it is built anew from git.")

    monkeypatch.setattr(Reader, "record", broken)
    done = bd("create", "Once")
    assert done.code == REFUSED
    assert "it is written" in done.err
    assert [one["title"] for one in bd.json("list")] == ["Once"]


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_lost(bd: Bd) -> None:
    issue = bd.make("Before")
    command = 'ulimit -f 0; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "node.cli.bd", "create", "While full"], cwd=bd.cwd,
        env=bd.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == REFUSED, done.stderr
    assert "Traceback" not in done.stderr
    assert bd.ids("list") == [issue]
    bd.make("After")


# -- git -----------------------------------------------------------------------------------------------------------


def snapshot(repository: Path, *worktrees: Path) -> dict[str, object]:
    """Everything in a repository's own folder, and in its worktrees but for `.beads/ledger.toml`."""
    found: dict[str, object] = {}
    for folder in (repository, *worktrees):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and ".beads" not in file.parts:
                found[str(file)] = (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_mode)
    return found


def status(worktree: Path) -> str:
    done = subprocess.run(
        ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=all"], cwd=worktree, check=True,
        env=environment(Path("/nonexistent")) | {"GIT_OPTIONAL_LOCKS": "0"}, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with history, a hook, settings, staged and unstaged changes."""
    folder = tmp_path / "project"
    git("init", "--quiet", "--initial-branch=main", str(folder))
    git("config", "user.name", "Somebody", cwd=folder)
    git("config", "user.email", "somebody@example.org", cwd=folder)
    (folder / "src" / "deep").mkdir(parents=True)
    (folder / "src" / "deep" / "code.py").write_text("print()\n")
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "-m", "Begin", cwd=folder)
    hook = folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    hook.chmod(0o755)
    (folder / "staged.txt").write_text("staged\n")
    git("add", "staged.txt", cwd=folder)
    (folder / "src" / "deep" / "code.py").write_text("print(1)\n")
    git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"), cwd=folder)
    status(folder)
    return folder


COMMANDS: tuple[str, ...] = (
    "create Another -l one", "q Quick", "ready", "list", "show {0}", "search door", "update {0} --claim",
    "heartbeat {0}", "release {0}", "close {0}", "reopen {0}", "defer {0} --until 2d", "undefer {0}",
    "duplicate {1} --of {0}", "supersede {2} --with {0}", "delete {3} --force", "restore {3}", "dep add {4} {0}",
    "dep tree {4}", "dep cycles", "label add {0} two", "comments add {0} words", "children {0}", "epic status", "graph",
    "blocked", "stale", "count", "stats", "history {0}", "as-of now", "blame {0}", "conflicts", "prime",
    "remember that", "memories", "recall that", "forget that", "compact", "export -o {out}", "import {out}", "lint",
    "config set jira.url x", "config list", "sync", "doctor", "where", "ping", "init", "formula list",
    "cook {formula} --proto", "mol wisp {formula}", "mol gc", "swarm status {0}", "gate create {0} --reason so",
    "gate check", "merge-slot acquire", "merge-slot release",
)  # fmt: skip
STANDING = {"mcp", "serve"}
"""Verbs that go on until they are stopped."""
FORMULA = """\
formula = "small"
version = 1

[[steps]]
id = "first"
title = "First"
"""


def test_no_verb_touches_git(bd: Bd, project: Path, tmp_path: Path) -> None:
    linked, relay = tmp_path / "linked", tmp_path / "relay.git"
    git("init", "--quiet", "--bare", str(relay))
    before, clean = snapshot(project / ".git", project, linked), status(project)
    here = bd.at(project)
    here.ok("init", "--prefix", "proj", "--peer", str(relay))
    assert snapshot(project / ".git", project, linked) == before
    assert status(project).splitlines() == [*clean.splitlines(), "? .beads/ledger.toml"]
    said = status(project), status(linked)
    issues = [here.make(f"Fix the door {n}") for n in range(5)]
    (tmp_path / "small.formula.toml").write_text(FORMULA)
    names = {"out": tmp_path / "out.jsonl", "formula": tmp_path / "small.formula.toml"}
    for number, command in enumerate(COMMANDS):
        place = here.at((project, linked, project / "src" / "deep")[number % 3])
        done = place(*command.format(*issues, **names).split())
        assert done.code == (REFUSED if command == "lint" else 0), (command, done)
        assert snapshot(project / ".git", project, linked) == before, command
        assert (status(project), status(linked)) == said, command


def test_every_verb_is_tried_on_git() -> None:
    assert VERBS.keys() - {command.split()[0] for command in COMMANDS} <= STANDING


def test_the_file_of_issues_is_the_only_other_thing_written_and_only_if_asked_for(bd: Bd, project: Path) -> None:
    here = bd.at(project)
    here.ok("init", "--prefix", "proj")
    here.ok("config", "set", "export.auto", "true")
    before = snapshot(project / ".git", project)
    here.make()
    assert snapshot(project / ".git", project) == before
    assert sorted(file.name for file in (project / ".beads").iterdir()) == ["issues.jsonl", "ledger.toml"]


def test_any_subfolder_and_any_linked_worktree_find_the_ledger(bd: Bd, project: Path, tmp_path: Path) -> None:
    here = bd.at(project)
    here.ok("init", "--prefix", "proj")
    issue = here.make()
    (tmp_path / "linked" / "src" / "more").mkdir()
    places = (project / "src", project / "src" / "deep", tmp_path / "linked", tmp_path / "linked" / "src" / "more")
    for place in places:
        assert bd.at(place).ready() == [issue]
        assert bd.at(place).json("where")["ledger"] == here.json("where")["ledger"]
        assert bd.at(tmp_path).json("-C", str(place), "where")["prefix"] == "proj"
    made = [bd.at(place).make("From here") for place in places]
    assert set(here.ids("list")) == {issue, *made}
    assert not list(tmp_path.glob("linked/.beads"))


def test_init_in_a_linked_worktree_or_a_subfolder_founds_no_second_ledger(
    bd: Bd, project: Path, tmp_path: Path
) -> None:
    here = bd.at(project)
    made = here.json("init", "--prefix", "proj")["ledger"]
    for place in (tmp_path / "linked", project / "src", tmp_path / "linked" / "src"):
        assert bd.at(place).json("init")["ledger"] == made
        assert not (place / ".beads").exists()


def test_worktrees_of_a_bare_repository_share_a_ledger(bd: Bd, project: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare" / "hub.git"
    git("clone", "--quiet", "--bare", str(project), str(bare))
    worktrees = [tmp_path / "bare" / name for name in ("one", "two")]
    for worktree in worktrees:
        git("worktree", "add", "--quiet", "-b", worktree.name, str(worktree), cwd=bare)
    shutil.copytree(bd.cwd / ".beads", bare.parent / ".beads")
    issue = bd.at(worktrees[0]).make()
    assert bd.at(worktrees[1]).ready() == [issue]


def test_a_clone_finds_the_ledger_by_the_committed_file(bd: Bd, project: Path, tmp_path: Path) -> None:
    here = bd.at(project)
    here.ok("init", "--prefix", "proj")
    issue = here.make()
    git("add", ".beads", cwd=project)
    git("commit", "--quiet", "-m", "Beads", cwd=project)
    git("clone", "--quiet", str(project), str(tmp_path / "clone"))
    assert bd.at(tmp_path / "clone" / "src").ready() == [issue]


def test_a_clone_of_somebody_else_says_how_to_get_the_ledger(bd: Bd, project: Path, tmp_path: Path) -> None:
    relay = tmp_path / "relay.git"
    git("init", "--quiet", "--bare", str(relay))
    here = bd.at(project)
    here.ok("init", "--prefix", "proj", "--peer", str(relay))
    issue = here.make()
    here.ok("sync")
    other = replace(here, home=tmp_path / "other", actor="bob")
    other.fails(NOT_FOUND, "not on this machine yet", "ready")
    other.ok("init")
    assert other.ready() == [issue]
