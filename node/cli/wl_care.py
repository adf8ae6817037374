"""wl verify, wl doctor: is everything what it claims to be?"""

import click

from node import care
from node.cli.common import Output, commons_option, verb
from node.errors import BAD_DATA, REFUSED
from node.home import Home, locate


@verb()
@commons_option
def verify(output: Output, commons: str | None) -> None:
    """Check every signature and chain again, from git, and the index against what they fold to."""
    home = Home(locate())
    found = care.verify(home, home.choose(commons))
    output.result(
        {"logs": found.logs, "operations": found.operations, "state_hash": found.state_hash,
         "problems": list(found.problems)},
        [
            f"{found.operations} operations in {found.logs} logs, every signature checked",
            f"state {found.state_hash}",
            *(f"PROBLEM {problem}" for problem in found.problems),
        ],
        ["wl doctor --fix"] if found.problems else (),
    )  # fmt: skip
    if found.problems:
        raise click.exceptions.Exit(BAD_DATA)


@verb()
@click.option("--fix", is_flag=True, help="Mend what is safe to mend.")
@click.option("--check", is_flag=True, help="Exit 1 if anything is wrong.")
def doctor(output: Output, fix: bool, check: bool) -> None:
    """Look for trouble."""
    findings = care.examine(Home(locate()), fix=fix)
    bad = [f for f in findings if not f.ok]
    output.result(
        {"findings": [f._asdict() for f in findings], "ok": not bad},
        [f"{'ok  ' if f.ok else 'BAD '} {f.what}{': ' + f.detail if f.detail else ''}" for f in findings],
        ["wl doctor --fix"] if bad and not fix else (),
    )
    if bad and check:
        raise click.exceptions.Exit(REFUSED)
