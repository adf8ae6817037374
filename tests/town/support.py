"""What the town's tests share: a small origin, a ledger in a file, a town with a rig."""

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from town.config import Gate, Supervision, TownConfig, TownFile, render
from town.ledger import NO_FIELDS, FieldValue, WorkBead
from town.memory_ledger import MemoryLedger
from town.rig import Rig
from town.town import Town, now_ms

SHIM = Path(__file__).with_name("gt_shim.py")
WHO = {
    "GIT_AUTHOR_NAME": "someone",
    "GIT_AUTHOR_EMAIL": "someone@example.invalid",
    "GIT_COMMITTER_NAME": "someone",
    "GIT_COMMITTER_EMAIL": "someone@example.invalid",
}


def git(cwd: Path, *args: str, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *args], cwd=cwd, env={**os.environ, **WHO, **(env or {})}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(cwd: Path, name: str, text: str, message: str = "") -> str:
    (cwd / name).write_text(text)
    git(cwd, "add", "--all")
    git(cwd, "commit", "-q", "-m", message or f"Write {name}")
    return git(cwd, "rev-parse", "HEAD")


def make_origin(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Make a bare repository with a branch main of one commit."""
    seed, bare = folder / "seed", folder / "origin.git"
    seed.mkdir(parents=True)
    git(seed, "init", "-q", "-b", "main")
    for name, text in {"README.md": "# demo\n", **(files or {})}.items():
        (seed / name).write_text(text)
    git(seed, "add", "--all")
    git(seed, "commit", "-q", "-m", "Begin")
    git(folder, "clone", "-q", "--bare", str(seed), str(bare))
    return bare


def push_to(origin: Path, name: str, text: str) -> str:
    """Move the origin's main from outside the town."""
    clone = origin.parent / f"outside-{len(list(origin.parent.iterdir()))}"
    git(origin.parent, "clone", "-q", str(origin), str(clone))
    sha = commit(clone, name, text)
    git(clone, "push", "-q", "origin", "main")
    return sha


def show(origin: Path, name: str, ref: str = "main") -> str:
    return git(origin, "show", f"{ref}:{name}")


class FileLedger:
    """A ledger in one JSON file under a lock, so that several processes share it."""

    def __init__(self, path: Path, clock: Callable[[], int] = now_ms) -> None:
        self._path = path
        self._clock = clock

    @contextmanager
    def _opened(self) -> Iterator[MemoryLedger]:
        # Written beside and renamed: a process killed here leaves the old file, never half of one.
        with self._path.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            raw = self._path.read_bytes() if self._path.exists() else b""
            plain = msgspec.json.decode(raw) if raw else {"beads": [], "comments": []}
            ledger = MemoryLedger(self._clock, [msgspec.convert(bead, WorkBead) for bead in plain["beads"]])
            yield ledger
            fresh = msgspec.json.encode({"beads": [_plain(bead) for bead in ledger.list()]})
            if raw != fresh:
                new = self._path.with_suffix(".new")
                new.write_bytes(fresh)
                new.replace(self._path)

    def create(
        self,
        title: str,
        description: str = "",
        *,
        type: str = "task",
        priority: int = 2,
        fields: Mapping[str, FieldValue] = NO_FIELDS,
    ) -> WorkBead:
        with self._opened() as ledger:
            return ledger.create(title, description, type=type, priority=priority, fields=fields)

    def update(self, bead_id: str, *, expect: Mapping[str, FieldValue] = NO_FIELDS, **changes: FieldValue) -> WorkBead:
        with self._opened() as ledger:
            return ledger.update(bead_id, expect=expect, **changes)

    def comment(self, bead_id: str, text: str, author: str) -> None:
        with self._opened() as ledger:
            ledger.comment(bead_id, text, author)

    def get(self, bead_id: str) -> WorkBead:
        with self._opened() as ledger:
            return ledger.get(bead_id)

    def list(self, *, status: str | None = None, type: str | None = None, **fields: FieldValue) -> Sequence[WorkBead]:
        with self._opened() as ledger:
            return ledger.list(status=status, type=type, **fields)


def _plain(bead: WorkBead) -> dict[str, Any]:
    return {
        **{name: getattr(bead, name) for name in WorkBead.__dataclass_fields__},
        "fields": dict(bead.fields),
        "labels": sorted(bead.labels),
    }


@dataclass(frozen=True)
class World:
    """A town with a ledger and an origin, all in one folder."""

    root: Path
    origin: Path
    ledger: FileLedger
    town: Town

    def rig(self, name: str = "demo") -> Rig:
        return Rig(self.town.layout.rig(name), "main")

    def add_rig(self, gates: Sequence[Gate] | Literal["none"] = "none", **more: Any) -> None:
        self.town.rig_add("demo", str(self.origin), gates=gates, **more)

    def sling(self, title: str, **more: Any) -> WorkBead:
        return self.town.sling(self.ledger.create(title, **more).id, "demo")

    def settle(self, *beads: WorkBead, states: Sequence[str] = ("landed", "needs_human"), seconds: int = 40) -> None:
        """Run the supervisor in this process until these beads stand still."""
        over = self.town.supervisor().run_until(
            lambda: all(self.state(bead) in states for bead in beads), now_ms() + seconds * 1000
        )
        assert over, [(self.state(bead), self.field(bead, "reason")) for bead in beads]

    def state(self, bead: WorkBead) -> str:
        return str(self.field(bead, "state"))

    def field(self, bead: WorkBead, name: str) -> FieldValue:
        return self.ledger.get(bead.id).fields.get(name)

    def decisions(self) -> list[dict[str, Any]]:
        file = self.town.layout.decisions
        lines = file.read_text().splitlines() if file.exists() else []
        return [msgspec.json.decode(line) for line in lines]

    def transcripts(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.town.layout.sessions.glob("*/transcript.log")))


def make_world(root: Path, files: Mapping[str, str] | None = None, **numbers: int) -> World:
    """Make a town whose sessions reach it through the shim; `numbers` are the supervisor's."""
    origin = make_origin(root, files)
    Town.install(root / "town", "test")
    quick = {"restart_backoff": 0, "stop_grace": 5, "done_grace": 5, **numbers}
    file = TownFile(TownConfig(name="test"), Supervision(**quick))
    (root / "town" / "town.toml").write_text(render(file))
    ledger = FileLedger(root / "ledger.json")
    return World(root, origin, ledger, open_town(root, ledger))


def open_town(root: Path, ledger: FileLedger) -> Town:
    gt = shlex.join([sys.executable, str(SHIM), str(root)])
    return Town.open(root / "town", ledger, gt=gt)


class Clock:
    """A clock in hand."""

    def __init__(self, now: int = 1_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now
