"""Where things lie in a town's folder. Only this file knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RigLayout:
    """The folder of one rig."""

    root: Path

    @property
    def config(self) -> Path:
        """The rig's `rig.toml`."""
        return self.root / "rig.toml"

    @property
    def repo(self) -> Path:
        """The bare repository all worktrees share."""
        return self.root / "repo.git"

    @property
    def hooks(self) -> Path:
        """Our git hooks, the only ones that run in this rig."""
        return self.root / "hooks"

    @property
    def key(self) -> Path:
        """The word that opens the protected branch; known to the merge queue alone."""
        return self.root / "refinery.key"

    @property
    def refinery(self) -> Path:
        """The worktree in which candidates are built and tested."""
        return self.root / "refinery"

    @property
    def gate_note(self) -> Path:
        """Which gate runs at this moment."""
        return self.root / "gate.json"

    @property
    def logs(self) -> Path:
        """Gate outputs and the diffs of conflicts."""
        return self.root / "log"

    @property
    def polecats(self) -> Path:
        """The folder of the polecats' worktrees."""
        return self.root / "polecats"

    @property
    def broken(self) -> Path:
        """Folders found where a worktree should be, kept for a person to look at."""
        return self.root / "broken"

    def polecat(self, name: str) -> Path:
        """The worktree of one polecat."""
        return self.polecats / name


@dataclass(frozen=True, slots=True)
class TownLayout:
    """The folder of a town."""

    root: Path

    @property
    def config(self) -> Path:
        """The town's `town.toml`."""
        return self.root / "town.toml"

    @property
    def rigs(self) -> Path:
        """The folder of rigs."""
        return self.root / "rigs"

    @property
    def sessions(self) -> Path:
        """The folder of transcripts, one folder a session."""
        return self.root / "sessions"

    @property
    def run(self) -> Path:
        """What is free to lose: locks, the wake pipe, the runtime state."""
        return self.root / "run"

    @property
    def state(self) -> Path:
        """The SQLite file of sessions and gate verdicts."""
        return self.run / "state.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the supervisor as long as it lives; holds its process id."""
        return self.run / "supervisor.lock"

    @property
    def sling_lock(self) -> Path:
        """Held while a polecat's name is chosen."""
        return self.run / "sling.lock"

    @property
    def wake(self) -> Path:
        """The named pipe that wakes the supervisor."""
        return self.run / "wake"

    @property
    def decisions(self) -> Path:
        """One JSON line for each decision of the supervisor."""
        return self.root / "log" / "decisions.jsonl"

    def rig(self, name: str) -> RigLayout:
        """The folder of one rig."""
        return RigLayout(self.rigs / name)

    def slot_lock(self, rig: str, polecat: str) -> Path:
        """Held by whatever runs in a polecat's worktree."""
        return self.run / "slots" / f"{rig}.{polecat}.lock"

    def transcript(self, session: str) -> Path:
        """What a session wrote."""
        return self.sessions / session / "transcript.log"
