"""wl init, wl me: who I am."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from beads import ids
from node import present, proposals, wiring
from node.cli.common import Output, commons_option, verb
from node.errors import Usage
from node.home import Home, locate
from node.keybox import RECOVERY
from node.sheets.words import plain
from node.waiting import Rows, waiting
from stamps.errors import PassphraseNeeded
from stamps.keys import SigningKey
from wanted import earned


@verb()
@click.option("--ssh-key", type=click.Path(path_type=Path, exists=True), help="Use this ed25519 key to sign.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase that protects the new key.")
def init(output: Output, ssh_key: Path | None, passphrase: bool) -> None:
    """Make an identity: keys that stay here, and a key log that everybody may read; a new one where that is lost."""
    home = Home(locate())
    secret = new_passphrase() if passphrase else None
    device = existing_key(ssh_key) if ssh_key else None
    before = home.remembers
    keys = home.make_identity(device, secret, anew=True)
    recovery = home.path / "identity" / RECOVERY
    output.result(
        {"actor": keys.scid, "did": keys.did, "home": str(home.path), "recovery": str(recovery)},
        [
            f"You are {keys.scid}",
            *([f"{before}, whose home this was, is somebody else from here on."] if before else []),
            f"Keys are in {home.path / 'identity'}.",
            f"Put {recovery} somewhere safe: it is the only way back if this machine is lost.",
        ],
        ['wl create "Our Commons"', "wl join URL"],
    )


def new_passphrase() -> bytes:
    """Ask for the passphrase of a new key, or take WL_PASSPHRASE.

    Raises:
        Usage: There is nobody to ask.
    """
    given = os.environ.get("WL_PASSPHRASE")
    if not given and not sys.stdin.isatty():
        raise Usage("there is nobody to ask for a passphrase", "Run it on a terminal, or set WL_PASSPHRASE.")
    return (given or click.prompt("Passphrase", hide_input=True, confirmation_prompt=True)).encode()


def existing_key(path: Path) -> SigningKey:
    """Read a key that the user has already.

    Raises:
        Usage: The file holds no private key.
    """
    # Start-up time: `cryptography` takes 20 ms, and only keys of other makes need it.
    from stamps.keyfile import load  # noqa: PLC0415

    raw = path.read_bytes()
    if b"PRIVATE KEY" not in raw:
        raise Usage(f"{path} is not a private key", "Give the file without .pub.")
    try:
        return load(raw, None)
    except PassphraseNeeded:
        return load(raw, click.prompt("Passphrase of the key", hide_input=True).encode())


@verb()
@commons_option
def me(output: Output, commons: str | None) -> None:
    """Who I am, what I hold, what waits for me."""
    home = Home(locate())
    keys = home.key_log()
    chosen = home.choose(commons)
    index = wiring.open_index(home, chosen)
    waits, names = waiting(index, keys.scid), present.names_in(index)
    stamps = len(earned.by(index, chosen, keys.scid))
    unsigned = proposals.to_sign(index, keys.scid)
    revoked = home.is_revoked
    output.result(
        {"actor": keys.scid, "did": keys.did, "commons": chosen, "stamps": stamps, "revoked": revoked, **waits,
         "to_sign": [{"proposal": each.id, "by": each.by, "change": dict(each.change)} for each in unsigned]},
        [
            f"You are {keys.scid}",
            *(["This machine's key is revoked: it can read, and write no more. See: wl id show"] if revoked else []),
            f"{stamps} stamp(s) in {home.commons()[chosen].name}",
            *_waiting_lines(waits, keys.scid, names),
            *(f"  {'to sign':<9} {ids.short(one.id)}  {proposals.change_text(one.change, names)}" for one in unsigned),
        ],
        [*(f"wl charter sign {ids.short(each.id)}" for each in unsigned), *_next(waits)],
    )  # fmt: skip
    index.database.close()


def _waiting_lines(waits: Mapping[str, Rows], me: str, names: Mapping[str, str]) -> Iterator[str]:
    for row in waits["holding"]:
        yield _line("holding", row, f"({row['status']})")
    for row in waits["claims"]:
        behind = row["first"] not in (None, me)
        first = present.name(row["first"], names) if behind else ""
        comes = f": {first}" if row["standing"] != "unconfirmed" else f"; {first} comes first"
        yield _line("claimed", row, f"({row['standing']}{comes if behind else ''})")
    for row in waits["to_judge"]:
        yield _line("to judge", row, f"(by {present.name(row['actor'], names)})")
    for row in waits["rejected"]:
        yield _line("rejected for good" if row["final"] else "rejected", row, f"({_brief(row['reason'])})")
    for row in waits["to_answer"]:
        yield _line(
            "to answer", row, f"({present.name(row['actor'], names)} disputes your stamp: {_brief(row['reason'])})"
        )


def _line(what: str, row: Mapping[str, Any], more: str) -> str:
    return plain(f"  {what:<9} {ids.short(row['item'])}  {row['title'] or present.NO_WORDS}  {more}")


def _brief(text: str) -> str:
    """Return what is said on one line."""
    return " ".join(text.split()) or present.NO_WORDS


def _next(waits: Mapping[str, Rows]) -> list[str]:
    """Return the verbs that what waits is waiting for."""
    verbs = (
        ("to_judge", "wl accept {} --stamp --quality 4"), ("rejected", "wl show {}"),
        ("to_answer", "wl answer {} --text …"),
    )  # fmt: skip
    found = [verb.format(ids.short(row["item"])) for name, verb in verbs for row in waits[name]]
    return found or ["wl browse"]
