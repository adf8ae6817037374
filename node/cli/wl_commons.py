"""wl create, join, list, fork: commons come to this home."""

import click

from beads.genesis import Genesis
from node import founding
from node.cli.common import Output, commons_option, table, verb
from node.cli.wl_identity import ensure_identity
from node.commons import Commons
from node.home import Home, locate, short


@verb()
@click.argument("name")
@click.option("--admission", type=click.Choice(["open", "invite"]), default="open", show_default=True)
@click.option(
    "--validators", type=click.Choice(["poster", "poster+delegates", "any"]), default="poster", show_default=True,
    help="Who may stamp accepted work.",
)  # fmt: skip
@click.option("--as", "handle", metavar="NAME", help="How you want to be called there.")
@click.option("--dimension", "dimensions", multiple=True, help="Judge this too, besides the three that always hold.")
def create(
    output: Output, name: str, admission: str, validators: str, handle: str | None, dimensions: tuple[str, ...]
) -> None:  # fmt: skip
    """Found a commons."""
    home = Home(locate())
    ensure_identity(home, output)
    commons = founding.create(home, name, admission=admission, validators=validators, dimensions=dimensions)
    _introduce(home, commons, handle)
    output.result(
        {"commons": commons, "name": name},
        [f"Founded {name}.", f"It is {commons}", *_not_meant(home, commons, name)],
        ['wl post "Title"', "wl serve"],
    )


def _not_meant(home: Home, commons: str, name: str) -> list[str]:
    """Say that verbs still mean another commons, where they do."""
    meant = home.choose(None)
    if meant == commons:
        return []
    return [f"Verbs go on meaning {home.commons()[meant].name}: name this one with --commons, or run wl use {name!r}."]


@verb()
@click.argument("commons")
def use(output: Output, commons: str) -> None:
    """Say which commons verbs mean, where none is named."""
    home = Home(locate())
    chosen = home.choose(commons)
    home.set_default(chosen)
    output.result({"commons": chosen}, f"Verbs mean {home.commons()[chosen].name} now.")


@verb()
@click.argument("url")
@click.option("--as", "handle", metavar="NAME", help="How you want to be called there.")
def join(output: Output, url: str, handle: str | None) -> None:
    """Follow a commons, from any node or git repository that holds it."""
    home = Home(locate())
    joined = founding.join(home, url, output.note)
    ensure_identity(home, output)
    _introduce(home, joined.commons, handle)
    report = joined.exchange.report
    output.result(
        {
            "commons": joined.commons, "name": joined.founding.name, "operations": report.accepted,
            "troubles": [str(outcome) for outcome in report.troubles],
        },
        [
            f"Joined {joined.founding.name}: {report.accepted} operations, every one verified.",
            *(f"  {outcome}" for outcome in report.troubles),
            *_history(home, joined.founding),
            *_not_meant(home, joined.commons, joined.founding.name),
        ],
        ["wl browse", "wl claim ITEM"],
    )  # fmt: skip


def _history(home: Home, founded: Genesis) -> list[str]:
    """Say where a fork's inherited items are."""
    parent = founded.parent.commons if founded.parent else None
    if parent is None or parent not in home.commons():
        return []
    name = home.commons()[parent].name
    return [
        f"What it inherits is in {name} ({short(parent)}), which is followed too: wl browse --commons {short(parent)}"
    ]


def _introduce(home: Home, commons: str, handle: str | None) -> None:
    if handle:
        with Commons(home, commons) as ours:
            ours.profile(handle)
            ours.sync()


@verb(name="list")
def list_(output: Output) -> None:
    """The commons followed here."""
    home = Home(locate())
    meant = home.meant()
    rows = [
        (
            "*" if commons == meant else "",
            short(commons),
            founded.name,
            "private" if founded.private else founded.admission,
            str(len(home.peers(commons))),
        )
        for commons, founded in home.commons().items()
    ]
    output.result(
        {
            "commons": [
                {"id": c, "name": g.name, "private": g.private, "meant": c == meant,
                 "parent": g.parent.commons if g.parent else None, "peers": [p.url for p in home.peers(c)]}
                for c, g in home.commons().items()
            ]
        },
        table([("", "ID", "NAME", "ADMISSION", "PEERS"), *rows], 2) if rows else "You follow no commons yet.",
        [] if rows else ["wl create NAME", "wl join URL"],
    )  # fmt: skip


@verb()
@click.argument("name")
@commons_option
def fork(output: Output, name: str, commons: str | None) -> None:
    """Found a commons that inherits this one's history; stamps keep where they were earned."""
    home = Home(locate())
    ensure_identity(home, output)
    made = founding.fork(home, home.choose(commons), name)
    output.result(
        {
            "commons": made.commons,
            "name": name,
            "parent": made.founding.parent.commons if made.founding.parent else None,
         "inherited": made.inherited},
        [
            f"Founded {name}, with {made.inherited} operations inherited, read-only.",
            f"It is {made.commons}",
            *_history(home, made.founding),
            *_not_meant(home, made.commons, name),
        ],
        ["wl serve", "wl list"],
    )  # fmt: skip
