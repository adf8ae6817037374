"""wl unstamp, dispute, answer, trust: what is said of stamps, and of those who give them."""

from math import isnan

import click

from node import present
from node.cli.common import Output, commons_option, offline_option, table, verb
from node.cli.step import in_step, tell

_stamp = click.option("--stamp", "-s", metavar="ID", help="Which one, where there are several.")


@verb()
@click.argument("item")
@_stamp
@click.option("--reason", default="", help="Why; others can read it.")
@commons_option
@offline_option
def unstamp(output: Output, item: str, stamp: str | None, reason: str, commons: str | None, offline: bool) -> None:
    """Take a stamp of mine back; that it was given and taken back stays on record."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.unstamp(item, stamp, reason), "Taken back.")


@verb()
@click.argument("item")
@_stamp
@click.option("--reason", required=True, help="What is wrong with it.")
@commons_option
@offline_option
def dispute(output: Output, item: str, stamp: str | None, reason: str, commons: str | None, offline: bool) -> None:
    """Say that a stamp I was given is wrong; it stands beside the stamp wherever that is shown."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.dispute(item, stamp, reason), "Disputed.")


@verb()
@click.argument("item")
@_stamp
@click.option("--text", "-t", required=True, help="The answer.")
@commons_option
@offline_option
def answer(output: Output, item: str, stamp: str | None, text: str, commons: str | None, offline: bool) -> None:
    """Answer what was said against a stamp of mine."""
    with in_step(output, commons, offline) as ours:
        tell(output, ours, ours.answer(item, stamp, text), "Answered.")


def _weight(context: click.Context, argument: click.Parameter, given: float) -> float:
    """Refuse what is no number: it lies in no range, and click takes it to lie in every one."""
    if isnan(given):
        raise click.BadParameter("nan is no weight", context, argument)
    return given


# So that a weight may begin with a dash.
@verb(context_settings={"ignore_unknown_options": True})
@click.argument("actor", required=False)
@click.argument("weight", type=click.FloatRange(-1, 1), default=1.0, callback=_weight)
@commons_option
@offline_option
def trust(output: Output, actor: str | None, weight: float, commons: str | None, offline: bool) -> None:
    """Say how much I trust somebody's judgement: from -1 (nothing of it counts for me) to 1, which is the default; 0
    takes it back. Everybody can read it. Without an actor: list what I have said.
    """
    with in_step(output, commons, offline or actor is None) as ours:
        names = ours.handles()
        if actor is None:
            said = [(whom, hundredths / 100) for whom, hundredths in ours.trusts()]
            rows = [(present.name(whom, names), f"{each:g}") for whom, each in said]
            listed = [{"actor": whom, "weight": each} for whom, each in said]
            output.result(
                {"trusts": listed}, table(rows, 0) or ["You have said nothing of anybody."], ["wl trust ACTOR"]
            )
            return
        chosen = ours.trust(actor, round(weight * 100))
        name = present.name(chosen, names)
        told = f"You trust {name} at {weight:g}." if weight else f"You say nothing of {name} any more."
        output.result({"actor": chosen, "weight": weight}, told, ["wl sheet show " + chosen[:12]])
