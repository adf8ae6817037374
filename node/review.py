"""Reviewing work that was handed in: fetched, held against the main line, its checks run in a sandbox. ⚡

The commands are the poster's, the code is the submitter's, and both are strangers: without a sandbox nothing runs.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from beads.address import Reach
from beads.errors import NotFound
from node import checked, wiring
from node.commons import Commons
from node.errors import Usage
from node.evidence import Difference, Work
from stamps.stamp import MAX_CHECKS, CheckRun
from wanted.check import Check
from wanted.view import ItemView


class Outcome(NamedTuple):
    """A check that was run, and the beginning of what it printed."""

    run: CheckRun
    output: bytes


class Review(NamedTuple):
    """What a review found.

    Attributes:
        submission: Op id of the work.
        actor: Whose it is.
        repo: Where it was fetched from.
        commit: Its id.
        difference: What it changes.
        outcomes: What was run on it, in order.
    """

    submission: str
    actor: str
    repo: str
    commit: str
    difference: Difference
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> int:
        """How many checks did not pass."""
        return sum(not outcome.run.passed for outcome in self.outcomes)


class Wish(NamedTuple):
    """What the reviewer asks for beyond the item's own terms.

    Attributes:
        repo: Where the work is, whatever its evidence says.
        checks: More to be run.
        run: Whether anything is.
        into: A new folder that keeps the checkout, to look around in.
    """

    repo: str | None = None
    checks: Sequence[Check] = ()
    run: bool = True
    into: Path | None = None


def review(ours: Commons, item: ItemView, submission: str | None, wish: Wish, began: Callable[[Check], None]) -> Review:
    """Review a submission, and remember what was run for the stamp that comes next.

    Args:
        ours: Its commons.
        item: Its item.
        submission: Its id or the beginning of it; None for the only one there is to judge.
        wish: What the reviewer asks for.
        began: Is told of each check before it runs.

    Raises:
        NotFound: There is no such submission, or it names no commit.
        RemoteError: The commit cannot be had.
        SandboxError: There are checks, and nothing to shut them in.
    """
    chosen = choose(item, submission)
    commit, repo = _commit_of(item, chosen, wish)
    checks = [*item.terms.checks, *wish.checks][:MAX_CHECKS] if wish.run else []
    if wish.into is not None and wish.into.exists():
        raise Usage(f"{wish.into} exists already", "Name a folder that does not.")
    with tempfile.TemporaryDirectory(prefix="wl-review-", ignore_cleanup_errors=True) as name:
        bare, tree = Path(name, "git"), Path(name, "work")
        bare.mkdir()
        # First whether it may run at all, then the network.
        box = _Box(ours, checks, bare, began)
        work = Work(bare, repo, commit, _reach(ours, wish), _upstream(ours, item, repo, wish))
        difference = work.difference()
        if checks or wish.into:
            work.check_out(tree)
        outcomes = tuple(box.run(check, tree, commit) for check in checks)
        if wish.into is not None:
            shutil.move(tree, wish.into)
    if checks:
        checked.keep(ours.home, chosen, [each.run for each in outcomes], [each.output for each in outcomes])
    return Review(chosen, item.submissions[chosen].actor, repo, commit, difference, outcomes)


def choose(item: ItemView, submission: str | None) -> str:
    """Return the submission meant: the one named, or the only one that waits, or the only one there is.

    Raises:
        NotFound: There is none, or several.
    """
    fits = [op for op in item.submissions if submission is None or op.startswith(submission)]
    if submission is None and len(item.unjudged) == 1:
        fits = list(item.unjudged)
    if len(fits) == 1:
        return fits[0]
    if not fits:
        raise NotFound("nothing like that was handed in", f"See: wl show {item.id[:12]}")
    named = ", ".join(op[:12] for op in fits)
    raise NotFound(f"several submissions fit: {named}", "Name one: --submission ID")


class _Box:
    """The sandbox, where there is something to run in it."""

    def __init__(self, ours: Commons, checks: Sequence[Check], folder: Path, began: Callable[[Check], None]) -> None:
        self._sandbox = wiring.sandbox([Path(each).expanduser() for each in ours.home.config.review.read])
        self._began = began
        if checks:
            self._sandbox.check(folder)

    def run(self, check: Check, tree: Path, commit: str) -> Outcome:
        self._began(check)
        ended = self._sandbox.run(check.command, tree, check.timeout)
        run = CheckRun(
            command=check.command, commit=commit, exit=ended.exit, seconds=ended.seconds, output=ended.digest
        )  # fmt: skip
        return Outcome(run, ended.output)


def _commit_of(item: ItemView, submission: str, wish: Wish) -> tuple[str, str]:
    """Return the commit that a submission names, and where it is to be had."""
    evidence = item.submissions[submission].evidence
    commits = [each for each in evidence if each.get("kind") == "git_commit" and each.get("commit")]
    if not commits:
        raise NotFound("the submission names no commit", f"Its evidence: wl show {item.id[:12]}")
    repo = wish.repo or str(commits[0].get("repo") or "") or _home_of(item) or ""
    if not repo:
        raise NotFound("the submission does not say where its commit is", "Say it yourself: --repo URL or a path")
    return str(commits[0]["commit"]), repo


def _home_of(item: ItemView) -> str | None:
    """Return the repository that the poster says the work belongs to."""
    return next((check.repo for check in item.terms.checks if check.repo), None)


def _reach(ours: Commons, wish: Wish) -> Reach | None:
    return None if wish.repo else ours.home.config.suggested


def _upstream(ours: Commons, item: ItemView, repo: str, wish: Wish) -> tuple[str, Reach] | None:
    home = _home_of(item)
    return (home, ours.home.config.suggested) if home and home != repo and not wish.repo else None
