"""wl why, wl leaderboard: what stamps are worth to me, and why."""

import click

from node import regard
from node.circle import around
from node.cli.common import Output, table, verb
from node.home import Home, locate
from stamps.reputation import OVERALL


@verb()
@click.argument("actor", default="me")
@click.option("--terms", is_flag=True, help="The formula, with the values it is worked out with.")
def why(output: Output, actor: str, terms: bool) -> None:
    """Say why an actor's score is what it is: whose stamps weigh most, and how my trust comes to those."""
    with around(Home(locate())) as here:
        chosen = here.find(actor)
        found, formula = here.circle.why(chosen), here.circle.terms(chosen)
        output.result(
            {"actor": chosen, "why": regard.why_json(found, formula)},
            [*regard.why_lines(found, here.circle.score(chosen), here.name), *(formula if terms else ())],
            [f"wl trust {chosen[:12]} 1"] if chosen != here.me and not found.trust else (),
        )


@verb()
@click.option("--dimension", "-d", default=OVERALL, show_default=True, help="quality, reliability, …, or overall.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def leaderboard(output: Output, dimension: str, limit: int) -> None:
    """List those of whom my circle has evidence enough, the surest first."""
    with around(Home(locate())) as here:
        found = here.circle.leaderboard(dimension)[:limit]
        cells = [(str(line.place), here.name(line.actor), regard.said(line.score)) for line in found]
        output.result(
            {"dimension": dimension, "leaderboard": [regard.ranked_json(line) for line in found]},
            table(cells, 1) or [f"Of nobody: {regard.NO_EVIDENCE} yet."],
            [f"wl why {found[0].actor[:12]}"] if found else ["wl stamp ITEM", "wl trust ACTOR 1"],
        )
