"""The merge queue's hands: build a candidate, test it, push it, read it back.

Every step may be the last before a power cut. What makes a second run safe:

1. A candidate is the same commit whenever it is built from the same parts (committer date = author date).
2. Before a push, refs say which commit stands for which handed-in head; a later run that finds that commit in the
   target knows it has landed. Where even these are lost, equal patches are recognised.
3. The push names the commit it expects to find, so it can neither overwrite nor be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from town.bridge import DiffStat, GateResult
from town.config import RigConfig
from town.drivers.gates import GateRunner
from town.drivers.git import Git
from town.errors import GitError
from town.merge_queue import Trial, sift
from town.merge_queue import Verdict as Sifted
from town.rig import SHORT, Rig
from town.runtime_state import RuntimeState, Verdict


@dataclass(frozen=True, slots=True)
class Candidate:
    """A handed-in head."""

    bead: str
    head: str


@dataclass(frozen=True, slots=True)
class Built:
    """A head as it stands in a candidate: its rebased tip, what it stands on, and the tip that was tested."""

    commit: str
    base: str
    tested: str


@dataclass(frozen=True, slots=True)
class Landed:
    """Read back from the remote's target branch."""

    bead: str
    head: str
    built: Built
    diff: DiffStat
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True)
class Pushed:
    """The remote took it; it has not been read back."""

    bead: str
    built: Built


@dataclass(frozen=True, slots=True)
class Rejected:
    """It is at fault. `log` is a file or folder with the whole story."""

    bead: str
    reason: str
    log: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not its fault; it stays in the queue."""

    bead: str
    reason: str


Outcome = Landed | Pushed | Rejected | Deferred


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a batch. `hold`: why the whole queue must stand still, empty when it need not."""

    outcomes: tuple[Outcome, ...]
    hold: str = ""


@dataclass(frozen=True, slots=True)
class _Conflict:
    """A rebase that stopped."""

    files: tuple[str, ...]
    log: Path

    @property
    def reason(self) -> str:
        return f"conflict in {', '.join(self.files)}"


class Refinery:
    """Merges for one rig. One at a time; the supervisor sees to that."""

    def __init__(
        self,
        rig: Rig,
        config: RigConfig,
        state: RuntimeState,
        gates: GateRunner,
        clock: Callable[[], int],
        recheck_ms: int,
    ) -> None:
        """Set up for one run.

        Args:
            recheck_ms: how long a failure of the bare target is believed, in milliseconds.
        """
        self._rig = rig
        self._config = config
        self._state = state
        self._runner = gates
        self._clock = clock
        self._recheck_ms = recheck_ms
        self._digest = hashlib.sha256(msgspec.json.encode(config.gate_list)).hexdigest()[:16]
        self._git = Git(rig.layout.refinery, rig.git.extra)

    # The two things it does

    def merge(self, batch: Sequence[Candidate]) -> Report:
        """Test a batch on the target and land what is good.

        Raises:
            TownError: it could not be done at all, which says nothing about the batch.
        """
        self._runner.end_leftover()
        base = self._rig.fetch()
        self._open_worktree(base)
        known = [self._recognise(candidate, base) for candidate in batch]
        found = [landed for landed in known if landed is not None]
        fresh = [candidate for candidate, landed in zip(batch, known, strict=True) if landed is None]
        run = _Run(self, base)
        stacked = run.stack(fresh)
        report = run.land(stacked)
        return replace(report, outcomes=(*found, *run.outcomes, *report.outcomes))

    def confirm(self, batch: Sequence[Candidate]) -> Report:
        """Look again for what was pushed."""
        base = self._rig.fetch()
        seen = [(candidate, self._recognise(candidate, base)) for candidate in batch]
        lost = "pushed, but the target does not contain it"
        return Report(tuple(landed or Deferred(candidate.bead, lost) for candidate, landed in seen))

    # Recognising

    def remember(self, candidate: Candidate, built: Built) -> None:
        """Note in the repository which commit is about to stand for a head."""
        for name, commit in (("base", built.base), ("tested", built.tested), ("commit", built.commit)):
            self._rig.keep(f"{_memory(candidate)}/{name}", commit)

    def _recognise(self, candidate: Candidate, base: str) -> Landed | None:
        """Find a head in the target, by what an earlier run noted or by its patches."""
        names = ("commit", "base", "tested")
        noted = [self._rig.git.commit_of(f"{_memory(candidate)}/{name}") for name in names]
        commit, parent, tested = noted
        if commit and parent and tested and self._rig.git.is_ancestor(commit, base):
            return self.landed(candidate, Built(commit, parent, tested))
        if self._rig.is_contained(candidate.head, base):
            return self._landed_elsewhere(candidate, base)
        return None

    def landed(self, candidate: Candidate, built: Built) -> Landed:
        """Put together what is known of a landed head, and keep the head itself for good."""
        self._rig.keep(f"refs/landed/{candidate.bead[:SHORT]}", candidate.head)
        verdict = self._state.verdict(self._config.name, built.tested, self._digest)
        diff = self._rig.diff_stat(built.base, built.commit)
        return Landed(candidate.bead, candidate.head, built, diff, verdict.results if verdict else ())

    def _landed_elsewhere(self, candidate: Candidate, base: str) -> Landed:
        """The target has these patches, but not from us: what we can name is where we read them, and no gates."""
        self._rig.keep(f"refs/landed/{candidate.bead[:SHORT]}", candidate.head)
        return Landed(candidate.bead, candidate.head, Built(base, base, base), DiffStat(), ())

    # Building

    def rebase(self, candidate: Candidate, onto: str, base: str) -> str | _Conflict:
        """Rebase a head on a commit that contains `base`; return the new tip, or where it stopped."""
        if self._rig.git.is_ancestor(onto, candidate.head):
            return candidate.head
        self._clean(onto)
        result = self._git.run(
            "rebase", "--quiet", "--committer-date-is-author-date", "--empty=drop",
            "--onto", onto, base, candidate.head,
        )  # fmt: skip
        if result.ok:
            return self._git.out("rev-parse", "HEAD")
        files = tuple(self._git.lines("diff", "--name-only", "--diff-filter=U"))
        if not files:
            raise GitError(f"git rebase failed without a conflict: {result.err[-500:]}")
        return self._save_conflict(candidate, onto, files)

    def _save_conflict(self, candidate: Candidate, onto: str, files: tuple[str, ...]) -> _Conflict:
        """Keep both sides of a conflict for whoever resolves it."""
        folder = self._rig.layout.logs / candidate.bead[:SHORT] / f"conflict-{candidate.head[:SHORT]}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, side in (("target", onto), ("branch", candidate.head)):
            # Three dots: what the side changed since both were one.
            other = candidate.head if side == onto else onto
            diff = self._git.out("diff", f"{other}...{side}", "--", *files)
            (folder / f"{name}.diff").write_text(diff + "\n", errors="surrogateescape")
        self._clean(onto)
        return _Conflict(files, folder)

    # Testing

    def passes(self, commit: str, *, is_target: bool) -> bool:
        """Run the gates on a commit, unless it is known to pass.

        A failure is remembered for the bare target alone: a candidate's may be a flaky gate, and is asked for again.
        """
        if not self._config.gate_list:
            return True
        known = self._state.verdict(self._config.name, commit, self._digest)
        if known is not None and (known.ok or (is_target and self._is_fresh(known))):
            return known.ok
        self._clean(commit)
        results = self._runner.run_all(self._config.gate_list, self._rig.layout.refinery, self.log_of(commit))
        ok = all(result.ok for result in results)
        verdict = Verdict(ok, self._clock(), results)
        self._state.record_verdict(self._config.name, commit, self._digest, verdict)
        return ok

    def _is_fresh(self, verdict: Verdict) -> bool:
        return self._clock() < verdict.at_ms + self._recheck_ms

    def failure(self, commit: str) -> str:
        """Say in one line why a commit failed."""
        verdict = self._state.verdict(self._config.name, commit, self._digest)
        failed = [result for result in verdict.results if not result.ok] if verdict else []
        return "; ".join(f"gate {result.name}: {result.detail}" for result in failed) or "gates failed"

    def log_of(self, commit: str) -> Path:
        """Where the gates' output on a commit is kept."""
        return self._rig.layout.logs / "gates" / commit[:SHORT]

    # Landing

    def push(self, commit: str, base: str) -> tuple[str, bool]:
        """Push by compare-and-swap; return why not (or nothing), and whether the target had moved."""
        refusal = self._rig.push(commit, base)
        if refusal is None:
            return "", False
        return refusal, self._rig.remote_target() != base

    def reads_back(self, commit: str) -> bool:
        """Tell whether the remote's target, asked now, contains a commit."""
        return self._rig.git.is_ancestor(commit, self._rig.fetch())

    # The worktree

    def _open_worktree(self, commit: str) -> None:
        path = self._rig.layout.refinery
        if not self._git_works():
            self._rig.git.run("worktree", "remove", "--force", "--force", str(path))
            self._rig.git.run("worktree", "prune")
            self._rig.git.out("worktree", "add", "--quiet", "--detach", "--force", str(path), commit)
        # A lock left by a killed git: nobody else may use this worktree, so it is stale for certain.
        Path(self._git.out("rev-parse", "--path-format=absolute", "--git-path", "index.lock")).unlink(missing_ok=True)

    def _git_works(self) -> bool:
        path = self._rig.layout.refinery
        return path.is_dir() and self._git.run("rev-parse", "--show-toplevel").out == str(path.resolve())

    def _clean(self, commit: str) -> None:
        """Make the worktree exactly this commit, whatever state it was left in."""
        self._git.run("rebase", "--quit")
        self._git.out("checkout", "--quiet", "--force", "--detach", commit)
        self._git.out("clean", "--quiet", "-ffdx")


class _Run:
    """One batch on its way: what each trial was built to, and what became of whom."""

    def __init__(self, refinery: Refinery, base: str) -> None:
        self._refinery = refinery
        self._base = base
        self._members: dict[str, Candidate] = {}
        self._stacks: dict[Trial, tuple[str, ...] | _Conflict] = {(): ()}
        self._blamed: dict[str, tuple[str, Path]] = {}
        self.outcomes: list[Outcome] = []

    def stack(self, candidates: Sequence[Candidate]) -> Trial:
        """Leave out what cannot be stacked; return the rest in order."""
        trial: Trial = ()
        for candidate in candidates:
            self._members[candidate.bead] = candidate
            longer = (*trial, candidate.bead)
            built = self._build(longer)
            if isinstance(built, _Conflict):
                self.outcomes.append(self._refuse(candidate, built, alone=not trial))
            else:
                trial = longer
        return trial

    def _refuse(self, candidate: Candidate, conflict: _Conflict, *, alone: bool) -> Outcome:
        """Blame a conflict with the target on the candidate; one with a batch-mate may go away, so it waits."""
        at_target = conflict if alone else self._build((candidate.bead,))
        if isinstance(at_target, _Conflict):
            return Rejected(candidate.bead, f"{at_target.reason} with the target", str(at_target.log))
        return Deferred(candidate.bead, f"{conflict.reason} with another of its batch")

    def _build(self, trial: Trial) -> tuple[str, ...] | _Conflict:
        """Build a trial member by member; every longer trial begins with a shorter one that is built already."""
        if trial not in self._stacks:
            ground = self._build(trial[:-1])
            if isinstance(ground, _Conflict):
                return ground
            onto = ground[-1] if ground else self._base
            tip = self._refinery.rebase(self._members[trial[-1]], onto, self._base)
            self._stacks[trial] = tip if isinstance(tip, _Conflict) else (*ground, tip)
        return self._stacks[trial]

    def land(self, batch: Trial) -> Report:
        """Test, blame, push and read back."""
        if not batch:
            return Report(())
        verdict = self._sift(batch)
        if verdict.held:
            reason = f"the target {self._base[:SHORT]} fails by itself: {self._refinery.failure(self._base)}"
            return Report(tuple(Deferred(bead, reason) for bead in batch), hold=reason)
        blamed = [Rejected(bead, *self._blame(bead)) for bead in verdict.culprits]
        report = self._push(verdict.good) if verdict.good else Report(())
        return replace(report, outcomes=(*blamed, *report.outcomes))

    def _sift(self, batch: Trial) -> Sifted:
        questions = sift(batch)
        trial = next(questions)
        while True:
            try:
                trial = questions.send(self._try(trial))
            except StopIteration as stop:
                verdict: Sifted = stop.value
                return verdict

    def _try(self, trial: Trial) -> bool:
        built = self._build(trial)
        if isinstance(built, _Conflict):
            self._blamed[trial[-1]] = (built.reason, built.log)
            return False
        tip = built[-1] if built else self._base
        if self._refinery.passes(tip, is_target=not trial):
            return True
        if trial:
            self._blamed[trial[-1]] = (self._refinery.failure(tip), self._refinery.log_of(tip))
        return False

    def _blame(self, bead: str) -> tuple[str, str]:
        reason, log = self._blamed[bead]
        return reason, str(log)

    def _push(self, good: Trial) -> Report:
        commits = self._build(good)
        assert not isinstance(commits, _Conflict)  # what is good has been tested, so it was built
        built = {
            bead: Built(commit, base, commits[-1])
            for bead, commit, base in zip(good, commits, (self._base, *commits[:-1]), strict=True)
        }
        for bead in good:
            self._refinery.remember(self._members[bead], built[bead])
        refusal, has_moved = self._refinery.push(commits[-1], self._base)
        if refusal:
            reason = "the target moved" if has_moved else f"the push was refused: {refusal}"
            hold = "" if has_moved else reason
            return Report(tuple(Deferred(bead, reason) for bead in good), hold)
        return Report(self._read_back(built, commits[-1]))

    def _read_back(self, built: dict[str, Built], tip: str) -> tuple[Outcome, ...]:
        try:
            is_there = self._refinery.reads_back(tip)
        except GitError:
            is_there = False
        if not is_there:
            return tuple(Pushed(bead, one) for bead, one in built.items())
        return tuple(self._refinery.landed(self._members[bead], one) for bead, one in built.items())


def _memory(candidate: Candidate) -> str:
    """Name the refs that say which commit stands for a head."""
    return f"refs/candidate/{candidate.bead[:SHORT]}/{candidate.head[:SHORT]}"
