"""Git as a subprocess, with an environment that holds only what we put there."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from town.errors import GitError

# How to reach a remote and where the owner's settings lie is the owner's to say; everything else under GIT_
# (a repository, an index, settings by environment) belongs to whoever started us.
_KEPT: Final = frozenset(
    {
        "GIT_ASKPASS",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIT_CONFIG_SYSTEM",
        "GIT_EXEC_PATH",
        "GIT_SSH",
        "GIT_SSH_COMMAND",
        "GIT_SSL_CAINFO",
    }
)
_SETTINGS: Final = (
    "commit.gpgsign=false",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "rebase.autosquash=false",
    "rebase.autostash=false",
    "rebase.updaterefs=false",
)
"""Settings of the owner's that would change what our own commands do."""

_TAIL: Final = 2000
ZERO: Final = "0" * 40
"""The old value of a ref that must not exist yet."""


def clean_env(inherited: Mapping[str, str]) -> dict[str, str]:
    """Drop every variable that could point git at another repository."""
    kept = {k: v for k, v in inherited.items() if k in _KEPT or not k.startswith(("GIT_", "GT_"))}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class Result:
    """What a git command answered."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Tell whether it succeeded."""
        return self.code == 0


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git in one folder.

    Attributes:
        cwd: a worktree or a bare repository.
        extra: environment beside the cleaned one, such as an identity.
        timeout: seconds a command may take; a remote that never answers must not stop the town.
    """

    cwd: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    timeout: int = 600

    def run(self, *args: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run a command and report what it answered, success or not."""
        command = ["git", *(part for setting in _SETTINGS for part in ("-c", setting)), *args]
        try:
            done = subprocess.run(
                command,
                cwd=self.cwd,
                env={**clean_env(os.environ), **self.extra, **(env or {})},
                input=stdin if stdin is not None else "",
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=self.timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitError(f"git {args[0]} took more than {self.timeout} s.", "Is the remote reachable?") from None
        except OSError as error:
            raise GitError(f"git could not be run in {self.cwd}: {error}", "Is git installed?") from error
        return Result(done.returncode, done.stdout.strip(), done.stderr.strip())

    def out(self, *args: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run a command that must succeed and return what it printed.

        Raises:
            GitError: it did not succeed; carries the end of what it said.
        """
        result = self.run(*args, stdin=stdin, env=env)
        if not result.ok:
            raise GitError(f"git {' '.join(args[:2])} failed in {self.cwd.name}: {result.err[-_TAIL:]}")
        return result.out

    def commit_of(self, name: str) -> str | None:
        """Look up the commit a name stands for; None when there is none."""
        result = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return result.out if result.ok else None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Tell whether `new` contains `old`.

        Raises:
            GitError: one of them is unknown, which is neither yes nor no.
        """
        result = self.run("merge-base", "--is-ancestor", old, new)
        if result.code not in (0, 1):
            raise GitError(f"git cannot compare {old[:12]} and {new[:12]}: {result.err[-_TAIL:]}")
        return result.ok

    def lines(self, *args: str) -> Sequence[str]:
        """Run a command that must succeed and return the lines it printed."""
        return self.out(*args).splitlines()
