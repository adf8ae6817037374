"""Reviewing work that was handed in: fetched, held against the main line, its checks run in a sandbox. ⚡

The commands are the poster's, the code is the submitter's, and both are strangers: without a sandbox nothing runs.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from beads.errors import NotFound
from node import checked, wiring
from node.commons import Commons
from node.errors import Usage
from node.evidence import Difference, Work
from node.warygit import Place
from stamps.stamp import CheckRun
from wanted import meant
from wanted.check import Check, problem, together
from wanted.view import ItemView

_PREFIX = "wl-review-"


class Outcome(NamedTuple):
    """A check that was run, and the beginning of what it printed."""

    run: CheckRun
    output: bytes


class Home(NamedTuple):
    """The repository whose main line work is held against.

    Attributes:
        place: Where it is.
        by: Who says so: `reviewer`, `poster` or, where nobody else does, the `submitter`.
    """

    place: Place
    by: str


class Review(NamedTuple):
    """What a review found.

    Attributes:
        submission: Op id of the work.
        actor: Whose it is.
        repo: Where it was fetched from.
        commit: Its id.
        home: Where the main line is that it is held against.
        difference: What it changes.
        outcomes: What was run on it, in order.
    """

    submission: str
    actor: str
    repo: str
    commit: str
    home: Home
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
        base: The repository that it is held against, whatever the poster says.
        commit: Which commit, where the evidence names several.
        checks: More to be run.
        run: Whether anything is.
        into: A new folder that keeps the checkout, to look around in.
    """

    repo: str | None = None
    base: str | None = None
    commit: str | None = None
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
        WrongStatus: Nothing was handed in.
        NotFound: There is no such submission, or it names no commit.
        RemoteError: The commit cannot be had.
        SandboxError: There are checks, and nothing to shut them in.
    """
    chosen = meant.submission(item, submission, meant.TO_REVIEW, ours.asked())
    commit, repo = _commit_of(item, chosen, wish)
    checks = _checks(item, wish)
    if wish.into is not None and wish.into.exists():
        raise Usage(f"{wish.into} exists already", "Name a folder that does not.")
    place = Place(repo, None if wish.repo else ours.home.config.suggested)
    home = _home(ours, item, place, wish)
    with _folder() as folder:
        bare, tree = folder / "git", folder / "work"
        bare.mkdir()
        # First whether it may run at all, then the network.
        if checks:
            wiring.sandbox(_readable(ours)).check(bare)
        work = Work(bare, place, commit, home.place if home.place != place else None)
        difference = work.difference()
        if checks or wish.into:
            work.check_out(tree)
        outcomes = _outcomes(ours, tree, commit, checks, began) if checks else ()
        if wish.into is not None:
            shutil.move(tree, wish.into)
    if checks:
        checked.keep(ours.home, chosen, [each.run for each in outcomes], [each.output for each in outcomes])
    return Review(chosen, item.submissions[chosen].actor, repo, commit, home, difference, outcomes)


def _readable(ours: Commons) -> list[Path]:
    return [Path(each).expanduser() for each in ours.home.config.review.read]


def _outcomes(
    ours: Commons, tree: Path, commit: str, checks: Sequence[Check], began: Callable[[Check], None]
) -> tuple[Outcome, ...]:
    found: list[Outcome] = []
    with wiring.sandbox(_readable(ours)).holding(tree) as work:
        for check in checks:
            began(check)
            ended = work.run(check.command, check.timeout)
            run = CheckRun(
                command=check.command, commit=commit, exit=ended.exit, seconds=ended.seconds, output=ended.digest
            )  # fmt: skip
            found.append(Outcome(run, ended.output))
    return tuple(found)


def _checks(item: ItemView, wish: Wish) -> list[Check]:
    """Return what is to be run, the reviewer's own first.

    Raises:
        Usage: A check of the reviewer's cannot be recorded, or there are too many.
    """
    for own in wish.checks:
        wrong = problem(own)
        if wrong is not None:
            raise Usage(wrong, "Put what is longer into a script of yours.")
    checks = [*wish.checks, *item.terms.checks] if wish.run else []
    wrong = together(checks)
    if wrong is not None:
        raise Usage(f"{wrong}, and the item has {len(item.terms.checks)} of its own", "--no-run looks only.")
    return checks


def _commit_of(item: ItemView, submission: str, wish: Wish) -> tuple[str, str]:
    """Return the commit that a submission names, and where it is to be had."""
    evidence = item.submissions[submission].evidence
    commits = {str(each["commit"]): each for each in evidence if each.get("kind") == "git_commit" and "commit" in each}
    fits = [commit for commit in commits if commit.startswith(wish.commit or "")]
    if len(fits) != 1:
        several = f"the submission names several commits: {', '.join(each[:12] for each in fits)}"
        what = several if fits else "the submission names no such commit" if commits else "it names no commit"
        raise NotFound(what, "--commit ID says which." if fits else f"Its evidence: wl show {item.id[:12]}")
    repo = wish.repo or str(commits[fits[0]].get("repo") or "") or _posters(item) or ""
    if not repo:
        raise NotFound("the submission does not say where its commit is", "Say it yourself: --repo URL or a path")
    return fits[0], repo


def _posters(item: ItemView) -> str | None:
    """Return the repository that the poster says the work belongs to."""
    return next((check.repo for check in item.terms.checks if check.repo), None)


def _home(ours: Commons, item: ItemView, place: Place, wish: Wish) -> Home:
    """Choose the repository whose main line the work is held against: never the submitter's, where there is another."""
    if wish.base is not None:
        return Home(Place(wish.base, None), "reviewer")
    posters = _posters(item)
    if posters is not None:
        # The same address as the reviewer's own is the reviewer's to open.
        return Home(place if posters == place.url else Place(posters, ours.home.config.suggested), "poster")
    return Home(place, "reviewer" if wish.repo else "submitter")


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder for a review, and leave none behind: not this one, and not those of reviews that were killed."""
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = old.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It is somebody else's, and there.
        return True
    return True
