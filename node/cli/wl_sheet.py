"""wl sheet: what stamps say of an actor, taken along in a file that proves it anywhere."""

from pathlib import Path

import click

from node.circle import around
from node.cli.common import Output, Verbs, verb
from node.cli.wl_sheetfiles import export, forget, import_, kept, verify
from node.errors import Usage
from node.home import Home, locate
from node.localtime import LocalZone
from node.sheets import formats, plain
from node.sheets.formats import FORMATS
from node.sheets.view import SheetView


@verb()
@click.argument("actor", default="me")
@click.option(
    "--format", "-f", "form", type=click.Choice(tuple(FORMATS)), help="By default what FILE ends in, or text."
)
@click.option(
    "--out", "-o", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write it to a file.",
)  # fmt: skip
def show(output: Output, actor: str, form: str | None, out: Path | None) -> None:
    """Show what stamps say of an actor, in all commons followed here, and what they are worth in my circle."""
    chosen = form or (formats.of_file(out.name) if out else "json" if output.json else "text")
    if output.json and out is None and chosen != "json":
        raise Usage(
            f"--json and --format {chosen} are two answers", "Leave one out, or write the other with --out FILE."
        )
    with around(Home(locate())) as here:
        view = here.view(here.find(actor))
    if out is not None:
        raw = FORMATS[chosen].make(view).encode()
        out.write_bytes(raw)
        output.result({"file": str(out), "format": chosen, "bytes": len(raw)}, f"Wrote {out}.")
    elif chosen == "text":
        output.result({}, plain.lines(view, LocalZone()), _following(view, view.actor == here.me))
    else:
        click.echo(FORMATS[chosen].make(view), nl=False)


def _following(view: SheetView, mine: bool) -> list[str]:
    if not view.sheet.stamps:
        return []
    whose = ["wl sheet export sheet.json", "wl badge"] if mine else []
    return [*whose, f"wl why {view.actor[:12]}", f"wl sheet show {view.actor[:12]} --out sheet.html"]


sheet = Verbs("sheet", "Character sheets: show, export, verify, import.", show, export, verify, import_, kept, forget)
