"""What lies at an address, looked at before it becomes a peer's. ⚡

1. A node's root address (`http://host:port`) stands for the commons' own address there.
2. An address that holds another commons, and not this one, is refused: syncing there would never work, or mix the two.
3. Whoever does not answer may be away just now. That is said, and the address is taken as it is.
"""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from beads import ids
from beads.errors import NotFound, RemoteError
from beads.genesis import Genesis
from beads.limits import Patience
from node import wiring
from node.home import short

BRIEFLY = Patience(connect_s=3.0, total_s=10.0)
LISTING_BYTES = 1 << 20


class Looked(NamedTuple):
    """What came of a look.

    Attributes:
        address: Under which the commons is synced there.
        silent: Why nobody could be asked, or "".
    """

    address: str
    silent: str = ""


def look(address: str, commons: str, founded: Genesis) -> Looked:
    """Look whether a commons can be synced at an address, which is in the form of `beads.address.check_url`.

    Raises:
        NotFound: Another commons lies there, and not this one.
    """
    address = address.rstrip("/")
    last = address.rsplit("/", 1)[-1]
    if ids.COMMONS_ID.fullmatch(last) and last != commons:
        raise _another(address, founded, [last])
    try:
        return Looked(_on_node(address, commons, founded) or _in_repository(address, commons, founded))
    except RemoteError as error:
        # Under a root address alone nothing is ever synced.
        return Looked(f"{address}/git/{commons}" if is_root(address) else address, str(error))


def is_root(address: str) -> bool:
    """Say whether an address is that of a node alone."""
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and not parts.path


def served(address: str, patience: Patience) -> list[str]:
    """Return the public commons that a node lists, by its root address.

    Raises:
        RemoteError: It does not answer as a node.
    """
    with wiring.web(address, patience, LISTING_BYTES) as web:
        said = web.read(f"{urlsplit(address).path}/api/v1/commons", "application/json")
    try:
        return [str(row["id"]) for row in msgspec.json.decode(said)["commons"]]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise RemoteError(f"{address} answers with no list of commons") from error


def _on_node(address: str, commons: str, founded: Genesis) -> str | None:
    """Return the address of a commons on a node; None where none answers.

    Raises:
        RemoteError: A node's root does not answer as one.
    """
    # A private ledger is listed to nobody.
    if not address.startswith(("http://", "https://")) or founded.private:
        return None
    root = address.removesuffix(f"/git/{commons}")
    try:
        offered = served(root, BRIEFLY)
    except RemoteError:
        if is_root(address):
            raise
        # A repository on any host, behind a web server.
        return None
    if commons not in offered:
        raise _another(address, founded, offered)
    return f"{root}/git/{commons}"


def _in_repository(address: str, commons: str, founded: Genesis) -> str:
    """Return an address under which a repository holds the commons, its parent, or no commons yet."""
    names = (name.split("/") for name in wiring.names_at(address, BRIEFLY))
    found = {parts[2] for parts in names if len(parts) > 3 and parts[:2] == ["refs", "wl"]}
    # A fork's parent goes with it, wherever it is kept.
    kin = {commons, founded.parent.commons} if founded.parent else {commons}
    if found and not found & kin:
        raise _another(address, founded, found)
    return address


def _another(address: str, founded: Genesis, offered: Iterable[str]) -> NotFound:
    listed = ", ".join(sorted(map(short, offered)))
    held = f"but another commons: {listed}" if listed else "nor any other commons"
    return NotFound(
        f"{address} does not hold {founded.name}, {held}",
        "Which one is meant? wl list, --commons NAME. A repository for this one alone: git init --bare PATH",
    )
