"""wl verify, wl doctor: is everything what it claims to be?"""

from collections.abc import Iterator

import click

from node import care
from node.care import Finding, Way
from node.cli.common import Output, commons_option, verb
from node.cli.progress import shown
from node.errors import BAD_DATA
from node.home import Home, locate
from node.verifying import Verification
from node.verifying import verify as verify_all


@verb()
@commons_option
@click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Processes that share the work.")
@click.option("--offline", is_flag=True, help="Do not compare with peers.")
def verify(output: Output, commons: str | None, workers: int | None, offline: bool) -> None:
    """Check every signature, chain and word again, from git; the index, and nodes that hold the same, beside it."""
    home = Home(locate())
    chosen = home.choose(commons)
    with shown(output, "Verifying") as tell:
        found = verify_all(home, chosen, tell, workers)
    answers = [] if offline else list(care.compared(home, chosen, found))
    wrong = [each for each in answers if not each.ok]
    output.result(
        {"logs": found.logs, "operations": found.operations, "state_hash": found.state_hash,
         "problems": [str(problem) for problem in found.problems],
         "advice": sorted({problem.advice for problem in found.problems}),
         "peers": [{"peer": a.what, "agrees": None if a.remark else a.ok, "detail": a.detail} for a in answers]},
        [*_verified(found), *(line for each in answers for line in _lines(each))],
        ["wl doctor"] if found.problems or wrong else (),
    )  # fmt: skip
    if found.problems or wrong:
        raise click.exceptions.Exit(BAD_DATA)


def _verified(found: Verification) -> Iterator[str]:
    yield f"{found.operations} operations in {found.logs} logs, every signature checked"
    yield f"state {found.state_hash}"
    for problem in found.problems:
        yield f"PROBLEM {problem}"
        yield f"        {problem.advice}"


@verb()
@click.option("--fix", is_flag=True, help="Mend what is safe to mend: the index, half-done writes, packing.")
@click.option("--check", is_flag=True, help="For scripts: a line for what is bad or worth knowing; nothing is written.")
@click.option("--offline", is_flag=True, help="Do not compare with peers.")
def doctor(output: Output, fix: bool, check: bool, offline: bool) -> None:
    """Look for trouble, and say what to do about it; ends with 7 if anything is, or stays, bad."""
    if fix and check:
        raise click.UsageError("--fix and --check contradict each other")
    with shown(output, "Verifying") as tell:
        findings = list(care.examine(Home(locate()), Way(fix, not offline, tell)))
    bad = [f for f in findings if not f.ok]
    worth = [f for f in findings if not f.ok or f.remark] if check else findings
    output.result(
        {"findings": [f._asdict() for f in findings], "ok": not bad},
        [_line(f) for f in worth] if check else [line for f in worth for line in _lines(f)],
        ["wl doctor --fix"] if bad and not fix else (),
    )
    if bad:
        raise click.exceptions.Exit(BAD_DATA)


def _mark(finding: Finding) -> str:
    return "BAD " if not finding.ok else "note" if finding.remark else "ok  "


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{_mark(finding)} {finding.what}{': ' + finding.detail if finding.detail else ''}"
    if finding.advice:
        yield f"       {finding.advice}"


def _line(finding: Finding) -> str:
    return "; ".join(filter(None, (next(_lines(finding)), finding.advice)))
