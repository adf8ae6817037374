"""wl link: accounts elsewhere, and actors, that are mine too."""

import json
from pathlib import Path

import click

from beads.errors import NotFound, RemoteError
from node import accounts, present
from node.cli.common import Output, Verbs, commons_option, offline_option, verb
from node.cli.step import in_step
from node.commons import Commons
from node.errors import BAD_DATA, NotProven, Usage
from node.home import Home, locate
from stamps import account as proofs
from stamps.account import FILE
from stamps.errors import CredentialError


@verb()
@click.argument("account")
@click.option("--out", type=click.Path(path_type=Path), default=FILE, show_default=True, help="The file of the proof.")
@commons_option
@offline_option
def add(output: Output, account: str, out: Path, commons: str | None, offline: bool) -> None:
    """Say that an account elsewhere is mine: github.com/ann, gitlab.com/ann, codeberg.org/ann, or my domain.

    The first time it writes a signed file. Put that where it tells you to, and run it again.
    """
    with in_step(output, commons, offline) as ours:
        chosen = _normal(account)
        reach = ours.home.config.suggested
        accounts.check_place(chosen, reach)
        missing = _missing(chosen, ours, required=out.exists())
        if not missing:
            ours.link([*accounts.mine_but(ours, chosen), chosen])
            said = f"Proven and said: {chosen} is yours."
            output.result({"account": chosen, "proven": True}, said, ["wl link check"])
            return
        if out.exists():
            accounts.check_file(out, chosen, ours.author.key_log)
            raise NotProven(missing, f"Put {out} there, or remove it for a new one.")
        out.write_text(json.dumps(accounts.proof(ours, chosen), indent=1) + "\n")
        where = proofs.place(chosen)
        output.result(
            {"account": chosen, "proven": False, "file": str(out), "place": where},
            [f"Wrote {out}. Put it at", f"  {where}", "and run this again."],
            [f"wl link add {account}"],
        )


def _normal(account: str) -> str:
    try:
        return proofs.normal(account)
    except CredentialError as error:
        raise Usage(str(error), "wl link add --help") from None


def _missing(account: str, ours: Commons, *, required: bool) -> str:
    """Say why an account is not proven; a place that cannot be reached is an error once a proof should lie there."""
    try:
        accounts.check(account, ours.author.key_log, ours.home.config.suggested)
    except NotProven as error:
        return str(error)
    except RemoteError as error:
        if required:
            raise
        return str(error)
    return ""


@verb()
@click.argument("actor", default="me")
@commons_option
def check(output: Output, actor: str, commons: str | None) -> None:
    """Look whether the accounts that an actor names are proven; 7 if one is not."""
    home = Home(locate())
    with Commons(home, home.choose(commons)) as ours:
        chosen = ours.find_actor(actor)
        key_log = home.key_log() if chosen == ours.me else ours.ledger.key_log(chosen)
        named = accounts.said(ours, chosen)
        found = {each: accounts.why_not(each, key_log, home.config.suggested) for each in named} if key_log else {}
    lines = [f"{'no    ' if why else 'proven'}  {each}{f': {why}' if why else ''}" for each, why in found.items()]
    output.result(
        {"actor": chosen,
         "accounts": [{"account": each, "proven": not why, "why": why} for each, why in found.items()]},
        lines or ["No accounts elsewhere are named."],
        ["wl link add github.com/NAME"] if not found and chosen == ours.me else (),
    )  # fmt: skip
    if any(found.values()):
        raise click.exceptions.Exit(BAD_DATA)


@verb()
@click.argument("account")
@commons_option
@offline_option
def remove(output: Output, account: str, commons: str | None, offline: bool) -> None:
    """Say no longer that an account is mine."""
    with in_step(output, commons, offline) as ours:
        chosen = _normal(account)
        if not any(proofs.same(each, chosen) for each in accounts.said(ours, ours.me)):
            raise NotFound(f"{chosen} is not named", "See: wl link check")
        ours.link(accounts.mine_but(ours, chosen))
        output.result({"account": chosen}, f"{chosen} is not named any more.")


@verb()
@click.argument("actor")
@click.option("--yes", is_flag=True, help="It cannot be taken back, and I know what it costs.")
@commons_option
@offline_option
def owner(output: Output, actor: str, yes: bool, commons: str | None, offline: bool) -> None:
    """Say that another actor is mine, too; it counts, for ever, once that one has said the same of me.

    Actors of one owner are one judge: what they have stamped each other counts no more, and their stamps on a piece of
    work are one.
    """
    with in_step(output, commons, offline) as ours:
        chosen = ours.find_actor(actor)
        name = present.name(chosen, ours.handles())
        if not yes:
            cost = f"You and {name} become one, for ever: what you have stamped each other counts no more."
            raise Usage(cost, f"If that is so: wl link owner {actor} --yes")
        ours.same_owner(chosen)
        both = ours.index.context.governance.same(ours.me, chosen)
        said = f"You and {name} are of one owner." if both else f"Said. It counts once {name} has said it of you."
        output.result({"actor": chosen, "mutual": both}, said)


link = Verbs(
    "link", "Accounts elsewhere, and actors, that are mine too: add, check, remove, owner.", add, check, remove, owner
)
