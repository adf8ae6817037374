"""wl badge: a small picture for a README that says how my circle regards somebody."""

from pathlib import Path
from urllib.parse import quote

import click

from node import wiring
from node.circle import around
from node.cli.common import Output, verb
from node.home import Home, locate
from node.sheets import drawn

FILE = "wasteland.svg"


@verb()
@click.argument("actor", default="me")
@click.argument("file", default=FILE, type=click.Path(path_type=Path, dir_okay=False, writable=True))
def badge(output: Output, actor: str, file: Path) -> None:
    """Write a badge for a README, and print the line that shows it; ACTOR may be left out before a FILE in .svg."""
    if actor.endswith(".svg"):
        actor, file = "me", Path(actor)
    with around(Home(locate())) as here:
        view = here.view(here.find(actor))
    raw = drawn.badge(view).encode()
    wiring.replace_file(file, raw)
    line = f"![{'wasteland: ' + drawn.badge_value(view)}]({quote(file.as_posix())})"
    output.result(
        {"file": str(file), "bytes": len(raw), "says": drawn.badge_value(view), "markdown": line},
        [f"Wrote {file}: {drawn.badge_value(view)}.", f"In a README: {line}"],
        ["wl badge again when it has changed", "wl sheet show --out sheet.html"],
    )
