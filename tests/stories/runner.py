"""Runs pages of commands and compares what they print; README.md tells the format."""

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.node.support import DEADLINE, environment

SOMEBODY = "ann"
PROGRAMS = ("bd", "wl", "gt")
_BLOCK = re.compile(r"^```console *(?P<who>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]*)\}(?!\})")
_CODE = re.compile(r"\[(\d+)\]")
_WORD = r"[\w.:-]+"


@dataclass(frozen=True)
class Step:
    """A command of a page, and what it is to print.

    Attributes:
        line: Where it stands.
    """

    line: int
    who: str
    command: str
    output: tuple[str, ...] = ()
    code: int = 0


def steps(page: str) -> Iterator[Step]:
    """Read the commands of a page."""
    for block in _BLOCK.finditer(page):
        first = page.count("\n", 0, block.start("text")) + 1
        who, at = block["who"] or SOMEBODY, first
        chunk: list[str] = []
        for n, line in enumerate(block["text"].splitlines()):
            if line.startswith("$ ") and chunk:
                yield _step(at, who, chunk)
                chunk = []
            at = first + n if line.startswith("$ ") else at
            chunk.append(line)
        yield _step(at, who, chunk)


def _step(line: int, who: str, chunk: list[str]) -> Step:
    assert chunk[0].startswith("$ "), f"line {line}: a block begins with a command"
    going_on = next((n for n, one in enumerate(chunk[1:], 1) if one[:2] not in ("> ", ">")), len(chunk))
    command = "\n".join(one[2:] for one in chunk[:going_on])
    output = [one.rstrip() for one in chunk[going_on:]]
    while output and not output[-1]:
        output.pop()
    ended = _CODE.fullmatch(output[-1]) if output else None
    return Step(line, who, command, tuple(output[:-1] if ended else output), int(ended[1]) if ended else 0)


@dataclass
class Stage:
    """Where a story plays: a folder with a machine for everybody, and one that all see."""

    root: Path
    known: dict[str, str] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)

    def tell(self, page: Path) -> None:
        """Run a page from top to bottom.

        Raises:
            AssertionError: Something else was printed, or the exit code is another.
        """
        for step in steps(page.read_text()):
            said, code = self.run(step)
            if not self._fits(step, said) or code != step.code:
                raise AssertionError(self._difference(page, step, said, code))

    def run(self, step: Step) -> tuple[list[str], int]:
        """Run a command; return the lines that it printed, and its exit code."""
        folder = self._folder(step.who)
        command = self._filled(step.command).replace("/srv/", f"{self.root}/srv/")
        ended = self.root / f"{step.who}.cwd"
        script = f"trap 'code=$?; pwd > {ended}; exit $code' EXIT\n{command}\n"
        done = subprocess.run(
            ["sh", "-c", script], cwd=folder, env=self._environment(step.who), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=DEADLINE * 2,
        )  # fmt: skip
        self.folders[step.who] = Path(ended.read_text().rstrip("\n"))
        said = done.stdout.replace(f"{self.root}/srv", "/srv").replace(str(self.root), "")
        return [line.rstrip() for line in said.splitlines()], done.returncode

    def _folder(self, who: str) -> Path:
        if who not in self.folders:
            self.folders[who] = self.root / who
            for folder in (self.root / who, self.root / "srv", self.root / "bin"):
                folder.mkdir(parents=True, exist_ok=True)
            self._programs()
        return self.folders[who]

    def _programs(self) -> None:
        for name in PROGRAMS:
            path = self.root / "bin" / name
            path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m node.cli.{name} "$@"\n')
            path.chmod(0o755)

    def _environment(self, who: str) -> dict[str, str]:
        git = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
               for part, value in (("NAME", who), ("EMAIL", f"{who}@example.org"))}  # fmt: skip
        branch = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "init.defaultBranch", "GIT_CONFIG_VALUE_0": "main"}
        path = f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return environment(self.root / who / ".wasteland") | git | branch | {
            "PATH": path, "HOME": str(self.root / who), "BD_ACTOR": who, "USER": who, "LC_ALL": "C.UTF-8",
            "COLUMNS": "100", "PYTHONUTF8": "1", "TZ": "UTC",
        }  # fmt: skip

    # -- comparing ---------------------------------------------------------------------------------------------

    def _filled(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda found: self.known.get(found[1], found[0]), text)

    def _fits(self, step: Step, said: list[str]) -> bool:
        named: set[str] = set()
        pattern = "".join(self._pattern(line, named) for line in step.output)
        found = re.fullmatch(pattern, "".join(f"{line}\n" for line in said))
        if found is not None:
            self.known |= {name: found[name] for name in named}
        return found is not None

    def _pattern(self, line: str, named: set[str]) -> str:
        """Return what a line of the page matches; `named` are the words that it is the first to see."""
        if line.strip() == "…":
            return r"(?:.*\n)*?"
        parts = []
        for n, part in enumerate(_PLACEHOLDER.split(line)):
            if n % 2 == 0:
                parts.append(".*?".join(map(re.escape, part.split("…"))))
            elif part in self.known:
                parts.append(re.escape(self.known[part]))
            else:
                parts.append(f"(?P={part})" if part in named else f"(?P<{part}>{_WORD})")
                named.add(part)
        return "".join(parts) + r"\n"

    def _difference(self, page: Path, step: Step, said: list[str], code: int) -> str:
        wanted = [*map(self._filled, step.output), *([f"[{step.code}]"] if step.code else [])]
        found = [*said, *([f"[{code}]"] if code else [])]
        lines = difflib.ndiff(wanted, found)
        shown = "\n".join(f"    {line}" for line in lines if not line.startswith("?"))
        return f"{page.name}:{step.line}\n    $ {step.command}   ({step.who})\n{shown}\n    - the page   + now"
