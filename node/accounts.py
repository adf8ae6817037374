"""Accounts elsewhere: what an actor says of itself in a commons, and whether the proof lies where it must. ⚡"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from beads.address import Reach, why_not_public
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


def check_place(account: str, reach: Reach) -> None:
    """See to it that an account lies where a proof can be looked up, as far as its address tells.

    Raises:
        NotProven: It does not, whatever lies there.
    """
    hint = "It must be public and https://, save where the configuration's peers.allow lists its network."
    host = urlsplit(account).hostname or ""
    if not _may_be_public(host, reach):
        raise NotProven(f"{account} has no public address, so others cannot look there", hint)
    if account.startswith("http:") and not _is_listed(host, reach):
        raise NotProven(f"{account} is not encrypted, so anybody on the way could have put a proof there", hint)


def _is_listed(host: str, reach: Reach) -> bool:
    """Say whether a host is a number in a network that the configuration lists."""
    try:
        return any(ip_address(host) in network for network in reach.allowed)
    except ValueError:
        return False


def _may_be_public(host: str, reach: Reach) -> bool:
    try:
        return not why_not_public(str(ip_address(host)), reach.allowed)
    except ValueError:
        return bool(reach.allowed) or "." in host


def check(account: str, actor: KeyLog, reach: Reach) -> None:
    """Fetch the file of an account, and hold it against an actor.

    Raises:
        NotProven: It is not there, or does not prove that.
        RemoteError: The place cannot be reached, or may not be.
    """
    check_place(account, reach)
    where = accounts.place(account)
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


def check_file(file: Path, account: str, actor: KeyLog) -> None:
    """See to it that a file here proves an account of mine, and may be put in its place.

    Raises:
        NotProven: It proves something else, or nothing.
    """
    try:
        accounts.check(jcs_parse(file.read_bytes()), account, actor)
    except StampsError as error:
        raise NotProven(
            f"{file} does not prove {account}: {error}", "--out FILE writes a proof beside it; or remove it."
        ) from None


def said(ours: Commons, actor: str) -> tuple[str, ...]:
    """Return the accounts that an actor says are its own, in a form that can be proven."""
    return tuple(link for link in _links(ours, actor) if _is_account(link))


def mine_but(ours: Commons, account: str) -> list[str]:
    """Return what I say is mine elsewhere, accounts or not, without one account."""
    return [link for link in _links(ours, ours.me) if not accounts.same(link, account)]


def _links(ours: Commons, actor: str) -> Sequence[str]:
    state = ours.index.state("actor", actor)
    return state["links"] if state else ()


def _is_account(link: str) -> bool:
    try:
        return accounts.normal(link) == link
    except StampsError:
        return False
