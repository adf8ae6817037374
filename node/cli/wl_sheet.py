"""wl sheet: what stamps say of an actor, taken along in a file that proves it anywhere."""

from datetime import UTC, datetime
from pathlib import Path

import click

from node import present, regard, wiring
from node.circle import around
from node.cli.common import Output, Verbs, offline_option, verb
from node.commons import Commons
from node.home import Home, locate
from stamps import sheet as sheets
from wanted import portable


@verb()
@click.argument("actor", default="me")
def show(output: Output, actor: str) -> None:
    """Show what stamps say of an actor, in all commons followed here, and what they are worth in my circle."""
    with around(Home(locate())) as here:
        chosen = here.find(actor)
        found, standing, taken = here.sheet(chosen), here.circle.standing(chosen), here.taken(chosen)
        lines = present.sheet_lines(found, present.name(chosen, here.called), here.names, here.called)
        mine = ["wl sheet export sheet.json"] if chosen == here.me and found.stamps else []
        output.result(
            {"sheet": present.sheet_json(found, here.names), "circle": regard.standing_json(standing, taken)},
            [*lines, *regard.standing_lines(standing, taken, here.name)],
            [*mine, f"wl why {chosen[:12]}"] if found.stamps else (),
        )


@verb()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, writable=True))
@offline_option
def export(output: Output, file: Path, offline: bool) -> None:
    """Write my stamps to a file that proves them: no network, node or account is needed to check it."""
    home = Home(locate())
    author = wiring.author(home)
    parts = []
    for commons in (c for c, founded in home.commons().items() if not founded.private):
        with Commons(home, commons, author) as ours:
            for result in [] if offline else ours.sync(push=False):
                if result.error:
                    output.note(f"{result.error}; newer stamps may be missing")
            parts.append(portable.gather(ours.ledger, author.actor))
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raw = portable.export(parts, author, created)
    file.write_bytes(raw)
    count = sum(len(part.credentials) for part in parts)
    output.result(
        {"file": str(file), "stamps": count, "bytes": len(raw)}, f"Wrote {count} stamp(s) to {file}.",
        [f"wl sheet verify {file}"],
    )  # fmt: skip


@verb()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def verify(output: Output, file: Path) -> None:
    """Check a sheet: every signature, every rule, with nothing but the file."""
    found = portable.verify_file(file.read_bytes())
    summary = sheets.fold(found.holder, found.stamps)
    lines = present.sheet_lines(summary, found.holder, found.commons, {})
    output.result(
        {"verified": True, "holder": found.holder, "sheet": present.sheet_json(summary, found.commons)},
        ["verified offline", *lines, "Not withdrawn as far as this file shows."],
    )


sheet = Verbs("sheet", "Character sheets: show, export, verify.", show, export, verify)
