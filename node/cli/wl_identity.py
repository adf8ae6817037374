"""wl init, wl me: who I am."""

import os
import sys
from pathlib import Path

import click

from node import wiring
from node.cli.common import Output, commons_option, verb
from node.commons import earned
from node.errors import Usage
from node.home import Home, locate
from node.keybox import RECOVERY
from stamps.errors import PassphraseNeeded
from stamps.keyfile import load
from stamps.keys import SigningKey


def ensure_identity(home: Home, output: Output) -> None:
    """Make an identity where there is none, and say so."""
    if not home.exists:
        keys = home.make_identity()
        output.note(f"New identity {keys.scid}. Its recovery key is {home.path / 'identity' / RECOVERY}; keep a copy.")


@verb()
@click.option("--ssh-key", type=click.Path(path_type=Path, exists=True), help="Use this ed25519 key to sign.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase that protects the new key.")
def init(output: Output, ssh_key: Path | None, passphrase: bool) -> None:
    """Make an identity: keys that stay here, and a key log that everybody may read."""
    home = Home(locate())
    secret = new_passphrase() if passphrase else None
    device = existing_key(ssh_key) if ssh_key else None
    keys = home.make_identity(device, secret)
    recovery = home.path / "identity" / RECOVERY
    output.result(
        {"actor": keys.scid, "did": keys.did, "home": str(home.path), "recovery": str(recovery)},
        [
            f"You are {keys.scid}",
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
    mine = {"me": keys.scid}
    query = index.database.query
    held = query("SELECT entity, title, status FROM items WHERE holder = :me", mine)
    claimed = query(
        """SELECT i.entity, i.title, CASE WHEN i.holder IS NULL THEN 'unconfirmed' ELSE 'granted to another' END
           FROM claimers c JOIN items i ON i.entity = c.entity
           WHERE c.actor = :me AND i.status NOT IN ('completed', 'withdrawn') AND i.holder IS NOT :me""",
        mine,
    )
    waiting = query(
        """SELECT i.entity, i.title, s.op FROM submissions s JOIN items i ON i.entity = s.entity
           WHERE i.poster = :me AND s.verdict = 'waiting' AND i.status NOT IN ('completed', 'withdrawn')""",
        mine,
    )
    stamps = len(earned(index, chosen, keys.scid))
    revoked = home.is_revoked
    output.result(
        {
            "actor": keys.scid, "did": keys.did, "commons": chosen, "stamps": stamps, "revoked": revoked,
            "holding": [{"item": i, "title": t, "status": s} for i, t, s in held],
            "claims": [{"item": i, "title": t, "standing": s} for i, t, s in claimed],
            "to_judge": [{"item": i, "title": t, "submission": s} for i, t, s in waiting],
        },
        [
            f"You are {keys.scid}",
            *(["This machine's key is revoked: it can read, and write no more. See: wl id show"] if revoked else []),
            f"{stamps} stamp(s) in {home.commons()[chosen].name}",
            *(f"  holding  {i[:12]}  {t}  ({s})" for i, t, s in held),
            *(f"  claimed  {i[:12]}  {t}  ({s})" for i, t, s in claimed),
            *(f"  to judge {i[:12]}  {t}" for i, t, _ in waiting),
        ],
        [f"wl accept {i[:12]} --stamp --quality 4" for i, _, _ in waiting] or ["wl browse"],
    )  # fmt: skip
    index.database.close()
