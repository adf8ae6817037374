"""wl create, join, list, fork: commons come to this home."""

import shlex
import sys
from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import click

from beads.errors import NotAllowed
from beads.genesis import Genesis
from node import founding, leaving, ownname, present, typed, wiring
from node.cli.common import Output, commons_option, offline_option, table, verb
from node.cli.owner import ensure_identity
from node.cli.progress import shown
from node.cli.step import in_step
from node.commons import Commons
from node.errors import Usage, hint_of
from node.home import Home, locate, short
from stamps.errors import StampsError


def naming(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options of what the owner is called in a commons; the verb gets them as `handle`, "" for nothing."""

    def run(*args: Any, handle: str | None, nameless: bool, **kwargs: Any) -> None:
        if handle is not None and nameless:
            raise Usage("--as and --nameless contradict each other", "Leave one out.")
        if handle is not None:
            # Before anything is founded or fetched.
            typed.check_handle(handle)
        function(*args, handle="" if nameless else handle, **kwargs)

    said = "How you want to be called there; without it as elsewhere, where that is one name."
    as_option = click.option("--as", "handle", metavar="NAME", help=said)
    nameless_option = click.option("--nameless", is_flag=True, help="Say no name there, and write nothing.")
    return as_option(nameless_option(update_wrapper(run, function)))


@verb()
@click.argument("name")
@click.option("--admission", type=click.Choice(["open", "invite"]), default="open", show_default=True)
@click.option(
    "--validators", type=click.Choice(["poster", "poster+delegates", "any"]), default="poster", show_default=True,
    help="Who may stamp accepted work.",
)  # fmt: skip
@naming
@click.option("--dimension", "dimensions", multiple=True, help="Judge this too, besides the three that always hold.")
def create(
    output: Output, name: str, admission: str, validators: str, handle: str | None, dimensions: tuple[str, ...]
) -> None:  # fmt: skip
    """Found a commons."""
    home = Home(locate())
    ensure_identity(home, output)
    commons = founding.create(home, name, admission=admission, validators=validators, dimensions=dimensions)
    called = _introduce(output, home, commons, handle)
    output.result(
        {"commons": commons, "name": name, "called": called},
        [f"Founded {name}.", f"It is {commons}", *_told(called, handle), *_not_meant(home, commons, name)],
        ['wl post "Title"', "wl serve"],
    )


def _not_meant(home: Home, commons: str, name: str) -> list[str]:
    """Say that verbs still mean another commons, where they do."""
    meant = home.meant()
    if meant in (None, commons):
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
@click.option("--as", "handle", metavar="NAME", help="How you want to be called there; without it nothing is written.")
def join(output: Output, url: str, handle: str | None) -> None:
    """Follow a commons, from any node or git repository that holds it."""
    home = Home(locate())
    if handle is not None:
        # Before anything is fetched.
        typed.check_handle(handle)
    if not home.exists:
        # Before anything is fetched, not when all of it is here.
        home.refuse_identity()
        home.refuse_loss()
    with shown(output, "Joining") as tell:
        joined = founding.join(home, url, output.note, tell)
    ensure_identity(home, output)
    # Following says nothing to anybody: a name is said there when it is given.
    called = _introduce(output, home, joined.commons, handle or "")
    report = joined.exchange.report
    output.result(
        {
            "commons": joined.commons, "name": joined.founding.name, "called": called, "operations": report.accepted,
            "troubles": [str(outcome) for outcome in report.troubles],
        },
        [
            f"Joined {joined.founding.name}: {report.accepted} operations, every one verified.",
            *(f"  {outcome}" for outcome in report.troubles),
            *_unsaid(home, joined.commons, handle),
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


def _introduce(output: Output, home: Home, commons: str, handle: str | None) -> str | None:
    """Say in a commons what the owner is called; return it with what tells it apart, None where nothing was said."""
    own = ownname.of(home) if handle is None else handle
    if not own:
        return None
    with Commons(home, commons) as ours:
        if handle is None and ownname.here(ours):
            # Somebody who comes back is called there what they were.
            return None
        try:
            ours.profile(own)
        except (NotAllowed, StampsError) as error:
            if handle is not None and isinstance(error, StampsError):
                raise
            # The commons is here all the same, also where nobody can be asked for the passphrase of a key.
            output.trouble(f"{error}. {hint_of(error)}")
            return None
        ours.sync()
        return present.name(ours.me, ours.handles())


def _unsaid(home: Home, commons: str, handle: str | None) -> list[str]:
    """Say how to be called as elsewhere, to whoever has not said a name."""
    own = ownname.of(home) if handle is None else None
    if not own:
        return []
    with Commons(home, commons) as ours:
        return [] if ownname.here(ours) else [f"Nobody knows you as {own} here yet: wl name {shlex.quote(own)}"]


def _told(called: str | None, handle: str | None) -> list[str]:
    """Say that a name went along, unasked."""
    return [f"You are {called} there, as elsewhere; wl name changes that."] if called and handle is None else []


def _admission(home: Home, commons: str, founded: Genesis) -> str:
    """Return how one comes in today; as it was founded, where the index is not at hand."""
    index = wiring.index_as_is(home, commons)
    if index is None:
        return founded.admission
    try:
        return index.context.governance.now.admission
    finally:
        index.database.close()


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
            "private" if founded.private else _admission(home, commons, founded),
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
@naming
@commons_option
def fork(output: Output, name: str, handle: str | None, commons: str | None) -> None:
    """Found a commons that inherits this one's history; stamps keep where they were earned."""
    home = Home(locate())
    ensure_identity(home, output)
    made = founding.fork(home, home.choose(commons), name)
    called = _introduce(output, home, made.commons, handle)
    output.result(
        {
            "commons": made.commons,
            "name": name,
            "called": called,
            "parent": made.founding.parent.commons if made.founding.parent else None,
            "inherited": made.inherited,
        },
        [
            f"Founded {name}, with {made.inherited} operations inherited, read-only.",
            f"It is {made.commons}",
            *_told(called, handle),
            *_history(home, made.founding),
            *_not_meant(home, made.commons, name),
        ],
        ["wl serve", "wl list"],
    )  # fmt: skip


@verb()
@commons_option
@offline_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def leave(output: Output, commons: str | None, offline: bool, yes: bool) -> None:
    """Follow a commons no longer; your stamps there go along, in a file that proves them."""
    home = Home(locate())
    chosen = home.choose(commons)
    name = home.commons()[chosen].name
    if not yes and sys.stdin.isatty():
        click.confirm(f"Leave {name}?", abort=True)
    with in_step(output, chosen, offline) as ours:
        given_up = leaving.give_up(ours)
    left = leaving.leave(home, chosen)
    output.result(
        {"commons": chosen, "folder": str(left.folder), "sheet": str(left.sheet) if left.sheet else None,
         "released": given_up},
        [
            f"You have left {name}.",
            *([f"Given up: {', '.join(item[:12] for item in given_up)}"] if given_up else []),
            f"Everything is put away in {left.folder}; wl join brings it back.",
            *([f"Your stamps are in {left.sheet}: wl sheet verify checks it anywhere."] if left.sheet else []),
            *(["wl sheet show goes on showing them, from that file."] if left.sheet else []),
        ],
        ["wl list"],
    )  # fmt: skip


@verb()
@click.argument("item")
@commons_option
@offline_option
def adopt(output: Output, item: str, commons: str | None, offline: bool) -> None:
    """Offer an open item of a fork's parent anew, in the fork."""
    with in_step(output, commons, offline) as ours:
        taken = leaving.take_over(ours.home, ours.id, item)
        output.result(
            {"item": taken.id},
            [f"Offered anew as {taken.id[:12]}; its history stays in the parent."],
            [f"wl show {taken.id[:12]}"],
        )
