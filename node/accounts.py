"""Accounts elsewhere: what an actor says of itself in a commons, and whether the proof lies where it must. ⚡"""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from beads.address import Reach
from beads.errors import RemoteError
from beads.limits import Patience
from node import wiring
from node.commons import Commons
from node.errors import NotProven
from stamps import account as accounts
from stamps.errors import StampsError
from stamps.jcs import jcs_parse
from stamps.keylog import KeyLog

LARGEST = 64 << 10
WAIT = Patience(connect_s=5.0, total_s=15.0)


def proof(ours: Commons, account: str) -> dict[str, Any]:
    """Return the file that proves an account of mine, signed now."""
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return accounts.build(account, ours.author.key_log.first_did, ours.author.signer, created)


def check(account: str, actor: KeyLog, reach: Reach) -> None:
    """Fetch the file of an account, and hold it against an actor.

    Raises:
        NotProven: It is not there, or does not prove that.
        RemoteError: The place cannot be reached, or may not be.
    """
    where = accounts.place(account)
    if account.startswith("http:") and not reach.allowed:
        raise NotProven(f"{account} is not encrypted, so anybody on the way could have put a proof there")
    with wiring.web(where, WAIT, LARGEST, reach) as web:
        response = web.request("GET", where, redirects=0)
        with closing(response), web.translated():
            if response.status != 200:
                raise NotProven(f"there is no proof at {where}", f"It answered {response.status}.")
            raw = b"".join(web.pieces(response))
    try:
        accounts.check(jcs_parse(raw), account, actor)
    except StampsError as error:
        raise NotProven(str(error), f"Looked at: {where}") from None


def why_not(account: str, actor: KeyLog, reach: Reach) -> str:
    """Return why an account is not proven; "" where it is."""
    try:
        check(account, actor, reach)
    except (NotProven, RemoteError) as error:
        return str(error)
    return ""


def said(ours: Commons, actor: str) -> tuple[str, ...]:
    """Return the accounts that an actor says are its own, in a form that can be proven."""
    state = ours.index.state("actor", actor)
    return tuple(link for link in (state["links"] if state else ()) if _is_account(link))


def _is_account(link: str) -> bool:
    try:
        return accounts.normal(link) == link
    except StampsError:
        return False
