"""Nodes for tests: real processes, real homes, real git."""

import io
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from node.cli.bd import bd
from node.cli.common import main
from node.cli.wl import wl

DEADLINE = 30.0


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WL_", "GT_", "BD_", "GIT_"))}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1"}
    return kept | quiet | {"WL_HOME": str(home)}


@contextmanager
def site(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a web server of a test's own; yield its address."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Person:
    """Somebody with a home of their own."""

    home: Path
    more: tuple[tuple[str, str], ...] = ()

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"node.cli.{command[0]}", *command[1:]],
            env=environment(self.home) | dict(self.more), cwd=cwd,
            capture_output=True, text=True, check=False, timeout=DEADLINE * 2,
        )  # fmt: skip

    def ok(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def ask(self, *command: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok(*command, "--json"))
        return found

    def commons(self) -> str:
        return str(next(c["id"] for c in self.ask("wl", "list")["commons"] if not c["private"]))

    def repository(self, commons: str | None = None) -> Path:
        return self.home / "commons" / (commons or self.commons()) / "repo.git"

    def post(self, title: str = "Fix the door", *options: str) -> str:
        return str(self.ask("wl", "post", title, "--offline", *options)["item"]["id"])

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run `wl serve`; yield its address."""
        child = subprocess.Popen(
            [sys.executable, "-m", "node.cli.wl", "serve", "--port", "0"],
            env=environment(self.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None
            ready, _, _ = select.select([child.stdout], [], [], DEADLINE)
            assert ready, "the node did not start"
            line = child.stdout.readline()
            assert "http://" in line, child.stderr.read() if child.stderr else line
            yield line.split()[2].rstrip("/")
        finally:
            child.terminate()
            child.communicate(timeout=DEADLINE)


class Resident(Person):
    """Somebody whose commands run in this process: the same code, without waiting for a start each time."""

    def run(self, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        program, group = {"wl": ("wl", wl), "bd": ("bd", bd)}[command[0]]
        out, err = io.StringIO(), io.StringIO()
        known = environment(self.home) | dict(self.more)
        with (
            patch.dict(os.environ, known, clear=True), patch.object(sys, "argv", list(command)),
            redirect_stdout(out), redirect_stderr(err), chdir(cwd or Path.cwd()), pytest.raises(SystemExit) as ended,
        ):  # fmt: skip
            main(group, program)
        return subprocess.CompletedProcess(command, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def git(*arguments: str, cwd: Path | None = None, fails: bool = False) -> str:
    done = subprocess.run(
        ["git", *arguments], env=environment(Path("/nonexistent")), cwd=cwd, capture_output=True, text=True,
        check=False, timeout=DEADLINE * 2,
    )  # fmt: skip
    assert (done.returncode != 0) == fails, f"git {arguments}: {done.stdout}{done.stderr}"
    return done.stdout + (done.stderr if fails else "")


def refs(where: str | Path, commons: str, *kinds: str) -> dict[str, str]:
    patterns = [f"refs/wl/{commons}/{kind}*" for kind in kinds or ("",)]
    lines = git("ls-remote", str(where), *patterns).splitlines()
    return {name: target for target, name in (line.split("\t") for line in lines)}
