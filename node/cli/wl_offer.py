"""wl post, edit: offering work."""

from collections.abc import Callable
from typing import Any

import click
import msgspec

from node import wiring
from node.cli.common import Output, commons_option, offline_option, verb
from node.cli.step import in_step, tell
from node.errors import Usage
from node.localtime import moment
from wanted.check import MAX_TIMEOUT_S, TIMEOUT_S, Check
from wanted.item import Terms
from wanted.ops.post import EFFORTS

NEW = Terms(
    project=None, effort="medium", priority=2, skills=(), dimensions=(), winners=1, competition=False, checks=(),
    deadline=None,
)  # fmt: skip
"""An offer of which nothing is said."""


def offering(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of an offer; what is not given is left as it is, or as a new offer has it."""
    for option in reversed(
        (
            click.option("--description", "-d", help="What is to be done, and how one sees that it is."),
            click.option("--project"),
            click.option("--effort", type=click.Choice(EFFORTS), help="[new: medium]"),
            click.option("--priority", type=click.IntRange(0, 4), help="0 critical, 4 backlog. [new: 2]"),
            click.option("--skill", "skills", multiple=True, help="A skill that helps; repeat for more."),
            click.option("--dimension", "dimensions", multiple=True, help="To be judged by; repeat for more."),
            click.option("--winners", type=click.IntRange(1, 100), help="How many are accepted. [new: 1]"),
            click.option("--competition/--no-competition", default=None, help="Anyone may be accepted, with no claim."),
            click.option("--deadline", help="By when: a date (by its end), 2026-12-24T18:00, 2d, tomorrow."),
            click.option(
                "--check", "commands", multiple=True, metavar="COMMAND", help="Must pass on the work; repeat for more."
            ),
            click.option("--repo", help="The git repository that the work belongs to."),
            click.option(
                "--check-timeout", type=click.IntRange(1, MAX_TIMEOUT_S), default=TIMEOUT_S, show_default=True,
                help="Seconds that a check may take.",
            ),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def terms_of(
    before: Terms, *, skills: tuple[str, ...], dimensions: tuple[str, ...], deadline: str | None,
    commands: tuple[str, ...], repo: str | None, check_timeout: int, **plain: object,
) -> Terms:  # fmt: skip
    """Put the options of an offer over the terms that there are."""
    if repo is not None and not commands:
        raise Usage("--repo says where checks run, and there are none", "Add --check COMMAND.")
    given = {
        **plain,
        "skills": tuple(sorted(set(skills))) or None,
        "dimensions": tuple(sorted(set(dimensions))) or None,
        "checks": tuple(Check(command=each, repo=repo, timeout=check_timeout) for each in commands) or None,
        "deadline": None if deadline is None else moment(deadline, "--deadline", wiring.now_ms(), whole_day=True),
    }
    return msgspec.structs.replace(before, **{name: value for name, value in given.items() if value is not None})


def _tell_of_past(output: Output, terms: Terms) -> None:
    if terms.deadline is not None and terms.deadline < wiring.now_ms():
        output.trouble("That deadline has passed already: wl edit ITEM --deadline gives another.")


@verb()
@click.argument("title")
@commons_option
@offline_option
@offering
def post(
    output: Output, title: str, commons: str | None, offline: bool, description: str | None, **options: Any
) -> None:  # fmt: skip
    """Offer work."""
    terms = terms_of(NEW, **options)
    with in_step(output, commons, offline) as ours:
        _tell_of_past(output, terms)
        item = ours.post(title, description or "", terms)
        tell(output, ours, item, "Posted.", "wl serve   (so that others can join and claim it)")


@verb()
@click.argument("item")
@click.option("--title")
@commons_option
@offline_option
@offering
def edit(
    output: Output, item: str, title: str | None, commons: str | None, offline: bool, description: str | None,
    **options: Any,
) -> None:  # fmt: skip
    """Change an offer of mine while nobody has been granted it; what is given takes the place of what was."""
    with in_step(output, commons, offline) as ours:
        terms = terms_of(ours.item(item).terms, **options)
        _tell_of_past(output, terms)
        tell(output, ours, ours.edit(item, terms, title, description), "Changed.")
