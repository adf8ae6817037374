"""wl unstamp, dispute, answer, trust: what is said of stamps, and of those who give them."""

import click

from node.cli.common import Output, commons_option, offline_option, verb
from node.cli.wl_work import in_step, tell

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


@verb()
@click.argument("actor")
@click.argument("weight", type=click.FloatRange(-1, 1), default=1.0)
@commons_option
@offline_option
def trust(output: Output, actor: str, weight: float, commons: str | None, offline: bool) -> None:
    """Say how much I trust somebody's judgement: from -1 (nothing of it counts for me) to 1; 0 takes it back.

    A weight below zero follows a double dash: wl trust ACTOR -- -1
    """
    with in_step(output, commons, offline) as ours:
        chosen = ours.trust(actor, round(weight * 100))
        name = ours.handles().get(chosen, chosen[:12])
        said = f"You trust {name} at {weight:g}." if weight else f"You say nothing of {name} any more."
        output.result({"actor": chosen, "weight": weight}, said, ["wl sheet show " + chosen[:12]])
