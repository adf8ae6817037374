"""`bd` for tests: run in this process, as a person or an agent somewhere; by real processes where they matter."""

import io
import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from node.cli.bd import bd
from node.cli.common import main
from tests.node.support import environment

REFUSED, USAGE, NOT_FOUND, CONFLICT = 1, 2, 3, 4


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.err)["error"]
        return found

    @property
    def said(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Bd:
    """The command `bd` of somebody, in a folder."""

    home: Path
    cwd: Path
    actor: str = "alice"

    def __call__(self, *command: str, stdin: str = "") -> Done:
        """Run a verb in this process."""
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        before = Path.cwd()
        given = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
        with (
            mock.patch.dict(os.environ, self.environment, clear=True), mock.patch.object(sys, "argv", ["bd", *command]),
            mock.patch.object(sys, "stdin", given), redirect_stdout(out), redirect_stderr(err),
        ):  # fmt: skip
            os.chdir(self.cwd)
            try:
                main(bd, "bd")
            except SystemExit as end:
                code = end.code
            finally:
                os.chdir(before)
        assert isinstance(code, int)
        return Done(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.home) | {"BD_ACTOR": self.actor}

    def as_(self, actor: str) -> "Bd":
        return replace(self, actor=actor)

    def at(self, folder: Path) -> "Bd":
        return replace(self, cwd=folder)

    def ok(self, *command: str, stdin: str = "") -> Done:
        done = self(*command, stdin=stdin)
        assert done.code == 0, f"{command}: {done.said}"
        return done

    def json(self, *command: str) -> Any:
        return self.ok(*command, "--json").json

    def fails(self, code: int, words: str, *command: str) -> Done:
        """Run a verb that is to be refused: nothing on standard output, these words on the other."""
        done = self(*command)
        assert (done.code, done.out) == (code, ""), f"{command}: {done}"
        assert words in done.err, done.err
        return done

    def make(self, title: str = "Fix the door", *options: str) -> str:
        """Make a bead; return its id."""
        return str(self.json("create", title, *options)["id"])

    def show(self, bead: str) -> dict[str, Any]:
        (found,) = self.json("show", bead)
        return dict(found)

    def ids(self, *command: str) -> list[str]:
        """Return the ids that a list holds, in its order."""
        return [str(one["id"]) for one in self.json(*command)]

    def ready(self, *options: str) -> list[str]:
        return self.ids("ready", *options)

    def blocked(self) -> dict[str, list[str]]:
        return {one["id"]: one["blocked_by"] for one in self.json("blocked")}

    def status(self, bead: str) -> str:
        return str(self.show(bead)["status"])
