"""wl badge: a small picture for a README that says how my circle regards somebody."""

from pathlib import Path
from urllib.parse import quote

import click

from node import wiring
from node.circle import around
from node.cli.common import Output, verb
from node.errors import Usage
from node.home import Home, locate
from node.sheets import drawn

FILE = "wasteland.svg"
_PICTURES = (".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp")


@verb()
@click.argument("actor", required=False)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, writable=True))
def badge(output: Output, actor: str | None, file: Path | None) -> None:
    """Write a badge for a README, and print the line that shows it; without ACTOR, mine."""
    whose, chosen = _meant(actor, file)
    with around(Home(locate())) as here:
        view = here.view(here.find(whose))
    raw = drawn.badge(view).encode()
    wiring.replace_file(chosen, raw)
    line = f"![{'wasteland: ' + drawn.badge_value(view)}]({quote(chosen.as_posix())})"
    output.result(
        {"file": str(chosen), "bytes": len(raw), "says": drawn.badge_value(view), "markdown": line},
        [f"Wrote {chosen}: {drawn.badge_value(view)}.", f"In a README: {line}"],
        ["wl badge again when it has changed", "wl sheet show --out sheet.html"],
    )


def _meant(actor: str | None, file: Path | None) -> tuple[str, Path]:
    """Return whose badge goes into which file; what looks like a path and stands alone is the file for mine."""
    if file is None and actor is not None and ("/" in actor or actor.lower().endswith(_PICTURES)):
        return _meant(None, Path(actor))
    chosen = file or Path(FILE)
    if chosen.suffix.lower() != ".svg":
        raise Usage(f"a badge is a picture in SVG, so {chosen} must end in .svg", f"Try: {chosen.with_suffix('.svg')}")
    return actor or "me", chosen
