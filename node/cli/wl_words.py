"""wl erase, shun: words that are to be gone, everywhere or here."""

import click

from beads.errors import Ambiguous, NotFound
from beads.index import Index
from node import wiring
from node.cli.common import Output, commons_option, offline_option, verb
from node.cli.step import in_step
from node.home import Home, locate


@verb()
@click.argument("operation")
@commons_option
@offline_option
def erase(output: Output, operation: str, commons: str | None, offline: bool) -> None:
    """Take my own words back, everywhere: an item's, or those of any operation of mine.

    What was done stays done, and signatures stay whole; the words go from every node that hears of it.
    """
    with in_step(output, commons, offline) as ours:
        chosen = _operation(ours.index, operation)
        ours.ledger.erase(ours.author, chosen)
        said = "Gone here, and from every node that hears of it; copies that others made are beyond anybody's reach."
        output.result({"operation": chosen}, said)


@verb()
@click.argument("operation")
@click.option("--undo", is_flag=True, help="Let them come again with the next sync.")
@commons_option
def shun(output: Output, operation: str, undo: bool, commons: str | None) -> None:
    """Keep the words of an operation on this machine no longer, whoever wrote them; others go on as they like."""
    home = Home(locate())
    chosen = home.choose(commons)
    index = wiring.open_index(home, chosen)
    op = _operation(index, operation)
    index.database.close()
    home.shun(chosen, op, undo=undo)
    wiring.open_ledger(home, chosen).close()
    said = "They may come again, with the next sync." if undo else "Those words are gone here and will not come again."
    output.result({"operation": op, "shunned": not undo}, said)


def _operation(index: Index, start: str) -> str:
    sql = "SELECT id FROM ops WHERE id >= :low AND id < :high ORDER BY id LIMIT 11"
    found = [row[0] for row in index.database.query(sql, {"low": start.lower(), "high": f"{start.lower()}~"})]
    if not found or not start:
        raise NotFound(f"no operation {start} here", "wl show prints ids; the start of one will do.")
    if len(found) > 1:
        raise Ambiguous(start, found)
    return str(found[0])
