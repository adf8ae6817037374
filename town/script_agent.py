"""The scripted agent: a worker that follows a scenario instead of a model. Run as `python -m town.script_agent`.

It knows nothing of the town but what any agent knows: its environment, `gt prime --json` and `gt done`.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

from town.errors import RefusedError, TownError
from town.script import (
    DEFAULT,
    AnyStep,
    Append,
    Commit,
    Crash,
    Done,
    Exit,
    Hang,
    Lie,
    Run,
    Scenario,
    Write,
    applies,
    fill,
    parse_scenario,
)


class ScriptAgent:
    """Plays one scenario in one worktree."""

    def __init__(self, worktree: Path, gt: Sequence[str], prime: Mapping[str, Any]) -> None:
        hook = prime["hook"]
        self._worktree = worktree.resolve()
        self._gt = tuple(gt)
        words = hook.get("untrusted", hook)
        names = ("bead", "short", "branch", "session_number", "attempts")
        self._facts = {
            **{name: str(hook[name]) for name in names},
            "target": prime["target"],
            "title": _one_line(words["title"]),
            "description": words["description"],
        }
        self._session = int(hook["session_number"])
        self._attempt = int(hook["attempts"]) + 1

    def play(self, scenario: Scenario) -> int:
        """Do the steps; return the exit code."""
        for step in scenario.steps:
            if applies(step, self._session, self._attempt):
                code = self._do(step)
                if code is not None:
                    return code
        return self._done("Played the whole scenario.")

    def _do(self, step: AnyStep) -> int | None:
        """Do a step; an exit code ends the session."""
        print(f"script: {step}", flush=True)
        match step:
            case Write(path=path, text=text):
                self._put(path, text, "w")
            case Append(path=path, text=text):
                self._put(path, text, "a")
            case Run(command=command):
                return self._run(["/bin/sh", "-c", fill(command, self._facts)]) or None
            case Commit(message=message):
                return self._commit(fill(message, self._facts))
            case Done(summary=summary):
                return self._done(summary)
            case Lie():
                return self._done("All done, trust me.")
            case Hang():
                Event().wait()
            case Crash(code=code):
                return code
            case Exit():
                return 0
        return None

    def _put(self, path: str, text: str, mode: str) -> None:
        file = (self._worktree / fill(path, self._facts)).resolve()
        if not file.is_relative_to(self._worktree):
            raise RefusedError(f"{path!r} is outside the worktree.", "Write only inside it.")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open(mode) as sink:
            sink.write(fill(text, self._facts))

    def _commit(self, message: str) -> int | None:
        return self._run(["git", "add", "--all"]) or self._run(["git", "commit", "--quiet", "-m", message]) or None

    def _done(self, summary: str) -> int:
        return self._run([*self._gt, "done", "--summary", summary])

    def _run(self, command: Sequence[str]) -> int:
        return subprocess.run(command, cwd=self._worktree, check=False).returncode


def _one_line(words: str) -> str:
    return " ".join(words.split())


def ask_prime(gt: Sequence[str]) -> Mapping[str, Any]:
    """Ask the town who we are and what is on our hook.

    Raises:
        TownError: the town did not answer, which does not mean that the hook is empty.
    """
    answer = subprocess.run([*gt, "prime", "--json"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise TownError(f"gt prime failed: {answer.stderr.strip()}")
    prime: Mapping[str, Any] = json.loads(answer.stdout)
    return prime


def find_scenario(worktree: Path, name: str) -> Scenario:
    """Read the scenario a rig names, relative to its worktree; without a name, the default one."""
    return parse_scenario((worktree / name).read_text()) if name else DEFAULT


def main() -> int:
    """Play the scenario for whatever is on the hook."""
    gt = shlex.split(os.environ.get("GT_BIN") or "gt")
    worktree = Path.cwd()
    try:
        prime = ask_prime(gt)
        if prime["hook"] is None:
            print("script: the hook is empty")
            return 0
        return ScriptAgent(worktree, gt, prime).play(find_scenario(worktree, os.environ.get("GT_SCRIPT", "")))
    except (TownError, OSError) as error:
        print(f"script: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
