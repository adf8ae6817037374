"""wl review: work that was handed in, looked at and tried before it is judged."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from beads import ids
from node import checked, present
from node import review as reviews
from node.cli.common import Output, commons_option, offline_option, verb
from node.cli.step import in_step
from node.commons import Commons
from node.errors import REFUSED
from node.evidence import Changed, Difference
from node.review import Outcome, Review, Wish
from node.sheets.words import counted, took
from node.terminal import Shown, visible
from wanted.check import MAX_TIMEOUT_S, TIMEOUT_S, Check
from wanted.view import ItemView

TAIL_LINES = 20
FILES = 100
TERMINATED = 143
_MAIN = {
    "reviewer": "by the main line of",
    "poster": "by the main line of the poster's",
    "submitter": "by the main line of the submitter's own",
}


@verb()
@click.argument("item")
@click.option("--submission", metavar="ID", help="Which one, where several wait.")
@click.option("--repo", help="Where the commit is, whatever the evidence says: an address or a path.")
@click.option("--base", help="The repository whose main line it is held against, whatever the item says.")
@click.option("--commit", metavar="ID", help="Which commit, where the evidence names several.")
@click.option("--check", "commands", multiple=True, metavar="COMMAND", help="Run this too; repeat for more.")
@click.option(
    "--timeout", type=click.IntRange(1, MAX_TIMEOUT_S), default=TIMEOUT_S, show_default=True,
    help="Seconds that a --check may take.",
)  # fmt: skip
@click.option("--no-run", is_flag=True, help="Look only, and run nothing.")
@click.option("--stat", is_flag=True, help="Name the files that change, without the changes.")
@click.option("--into", type=click.Path(path_type=Path), help="Keep the checkout in this new folder.")
@commons_option
@offline_option
def review(
    output: Output, item: str, submission: str | None, repo: str | None, base: str | None, commit: str | None,
    commands: tuple[str, ...], timeout: int, no_run: bool, stat: bool, into: Path | None, commons: str | None,
    offline: bool,
) -> None:  # fmt: skip
    """Look at handed-in work: fetch its commit, show what it changes, run the item's checks in a sandbox.

    A check gets a copy of the work, and no network, home directory or secret. What came of it goes into the stamp
    that you give next.
    """
    # So that a review that is ended from outside leaves neither folders nor processes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    own = tuple(Check(command=command, repo=None, timeout=timeout) for command in commands)
    with in_step(output, commons, offline) as ours:
        found = ours.item(item)
        wish = Wish(repo, base, commit, own, not no_run, into)
        done = reviews.review(ours, found, submission, wish, lambda check: output.note(f"Running: {check.command}"))
        lines = [
            *_head(done, present.name(done.actor, ours.handles())),
            *_difference(done.difference, with_patch=not stat),
            *_outcomes(ours, found, done),
            *([f"The checkout is in {into}."] if into else []),
        ]
        output.result(_json(ours, done), lines, _following(found, done))
    if done.failed:
        raise click.exceptions.Exit(REFUSED)


def _following(item: ItemView, done: Review) -> list[str]:
    short = ids.short(item.id)
    if done.submission not in item.unjudged:
        return [f"wl stamp {short} --quality 4"]
    judge = [f"wl accept {short} --stamp --quality 4", f'wl reject {short} --reason "…"']
    return judge[::-1] if done.failed else judge


def _head(done: Review, who: str) -> list[str]:
    against = done.difference.base
    return [
        f"Submission {ids.short(done.submission)} by {who}",
        f"  commit   {done.commit[:12]} from {visible(done.repo)}",
        f"  against  {against[:12] if against else 'nothing'}, {_MAIN[done.home.by]} {visible(done.home.place.url)}",
        *([f"  note     {done.difference.note}"] if done.difference.note else []),
    ]


def _difference(difference: Difference, *, with_patch: bool) -> list[str]:
    commits = [f"    {visible(line)}" for line in difference.commits]
    added = sum(each.added or 0 for each in difference.files)
    removed = sum(each.removed or 0 for each in difference.files)
    total = f"  {counted(len(difference.files), 'file')} changed, +{added} -{removed}"
    files = [f"    {_changes(each):<11} {visible(each.path)}" for each in difference.files[:FILES]]
    more = [f"    and {len(difference.files) - FILES} more"] if len(difference.files) > FILES else []
    patch = _patch(difference) if with_patch else []
    return ["", f"  {counted(len(commits), 'commit')}", *commits, "", total, *files, *more, *patch]


def _changes(changed: Changed) -> str:
    return "binary" if changed.added is None else f"+{changed.added} -{changed.removed}"


def _patch(difference: Difference) -> list[str]:
    lines = [Shown(_coloured(visible(line))) for line in difference.patch.removesuffix("\n").split("\n")]
    return ["", *lines, *(["… and more: --into FOLDER keeps the whole of it."] if difference.cut else [])]


def _coloured(line: str) -> str:
    if line.startswith(("diff ", "--- ", "+++ ")):
        return click.style(line, bold=True)
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
    return click.style(line, fg=colour) if colour else line


def _outcomes(ours: Commons, item: ItemView, done: Review) -> list[str]:
    if not done.outcomes:
        checks = item.terms.checks
        return ["", "Nothing was run." if checks else "The item asks for no checks; --check COMMAND runs one of yours."]
    lines = ["", "Checks, in a sandbox without network:"]
    for outcome in done.outcomes:
        lines += [f"  {_said(outcome):<9} {outcome.run.command}  ({took(outcome.run)})"]
        if not outcome.run.passed:
            log = checked.log_of(ours.home, done.submission, outcome.run)
            tail = _tail(outcome.output) if outcome.output.strip() else []
            lines += [f"            {line}" for line in tail] + ([f"            all of it: {log}"] if tail else [])
    return lines


def _said(outcome: Outcome) -> str:
    if outcome.run.passed:
        return "passed"
    return "too long" if outcome.run.exit is None else f"exit {outcome.run.exit}"


def _tail(output: bytes) -> Sequence[str]:
    return [visible(line) for line in output.decode(errors="replace").strip("\n").split("\n")[-TAIL_LINES:]]


def _json(ours: Commons, done: Review) -> dict[str, Any]:
    difference = done.difference
    checks = [
        {
            **msgspec.to_builtins(outcome.run),
            "passed": outcome.run.passed,
            "log": str(checked.log_of(ours.home, done.submission, outcome.run)),
        }
        for outcome in done.outcomes
    ]
    return {
        "submission": done.submission, "actor": done.actor, "repo": done.repo, "commit": done.commit,
        "main_line": {"repo": done.home.place.url, "by": done.home.by}, "base": difference.base,
        "note": difference.note, "commits": list(difference.commits),
        "files": [each._asdict() for each in difference.files], "patch": difference.patch, "cut": difference.cut,
        "checks": checks,
    }  # fmt: skip
