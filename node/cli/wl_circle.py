"""wl why, wl leaderboard: what stamps are worth to me, and why."""

import click

from beads.errors import NotFound
from node import circle, regard
from node.circle import around
from node.cli.common import Output, table, verb
from node.home import Home, locate
from node.sheets import plain
from node.sheets.view import Evidence, SheetView
from stamps.reputation import OVERALL


@verb()
@click.argument("actor", default="me")
@click.option("--dimension", "-d", default=OVERALL, show_default=True, help="quality, reliability, …, or overall.")
@click.option("--terms", is_flag=True, help="The formula, with the values it is worked out with.")
def why(output: Output, actor: str, dimension: str, terms: bool) -> None:
    """Say why an actor's score is what it is: which stamps weigh most, and how my trust comes to their issuers."""
    with around(Home(locate())) as here:
        view = here.view(here.find(actor))
        each = _evidence(view, dimension)
        found, formula = here.circle.why(view.actor, dimension=dimension), here.circle.terms(view.actor)
        output.result(
            {
                "actor": view.actor, "dimension": dimension,
                "why": regard.why_json(found, formula) | {"stamps": plain.evidence(each)["stamps"]},
            },
            [
                *regard.why_lines(found, each.score, here.name, here.circle.owners), *plain.evidence_lines(view, each),
                *(formula if terms else ()),
            ],
            [f"wl trust {view.actor[:12]} 1"] if view.actor != here.me and not found.trust else (),
        )  # fmt: skip


def _evidence(view: SheetView, dimension: str) -> Evidence:
    known = {each.name: each for each in (view.overall, *view.dimensions)}
    if dimension not in known:
        raise NotFound(f"no stamp of {view.who} scores {dimension}", f"There are: {', '.join(known)}")
    return known[dimension]


@verb()
@click.option("--dimension", "-d", default=OVERALL, show_default=True, help="quality, reliability, …, or overall.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
def leaderboard(output: Output, dimension: str, limit: int) -> None:
    """List those of whom my circle has evidence enough, the surest first."""
    with around(Home(locate())) as here:
        found = here.circle.leaderboard(circle.dimension(dimension, here.indexes))[:limit]
        cells = [(str(line.place), here.name(line.actor), regard.said(line.score)) for line in found]
        output.result(
            {"dimension": dimension, "leaderboard": [regard.ranked_json(line) for line in found]},
            table(cells, 1) or ["Of nobody there is evidence enough in your circle yet."],
            [f"wl why {found[0].actor[:12]}"] if found else ["wl stamp ITEM", "wl trust ACTOR 1"],
        )
