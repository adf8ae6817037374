"""Which nodes there are: announcing this one, learning of others, going there where the owner wants it. ⚡

Announcements are signed (`beads.announcement`) and travel from node to node over HTTP. What comes is a suggestion: it
is shown by `wl peer discover`, and only with `peers.discover` are a few of the suggested nodes synced with by
themselves.
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from beads import announcement
from beads.announcement import LINE, Announcement
from beads.errors import InvalidLine, RemoteError
from beads.ledger import Ledger
from beads.limits import Patience
from node import wiring
from node.exchange import reach_of
from node.home import Home
from node.peers import Peer

ASKING = Patience(connect_s=5.0, total_s=15.0)
LISTING_BYTES = announcement.KEPT * LINE
KIND = "text/plain"
ADOPTED_AT_MOST = 8
"""Suggested nodes that are synced with by themselves."""


def suggestions(home: Home, ledger: Ledger) -> list[Announcement]:
    """Return the nodes that others announce, the newest first."""
    found = _read(ledger, (line.encode() for line in home.peer_book(ledger.commons).suggestions()))
    me = home.key_log().scid if home.exists else ""
    return sorted((each for each in found if each.actor != me), key=lambda each: -each.ms)


def take(home: Home, ledger: Ledger, lines: Iterable[bytes]) -> int:
    """Keep the announcements that verify, within bounds; return how many of those that came do."""
    now = wiring.now_ms()
    new = _read(ledger, lines)

    def change(known: Sequence[str]) -> list[str]:
        before = _read(ledger, (line.encode() for line in known))
        return [each.line.decode() for each in announcement.kept(before, new, now)]

    home.peer_book(ledger.commons).keep(change)
    return len(new)


def announce(home: Home, ledger: Ledger) -> None:
    """Sign anew where this node is, if the owner has said where."""
    url = home.config.serve.public_url
    if not url or not home.exists or ledger.genesis.private:
        return
    me = wiring.author(home)
    at = f"{url}/git/{ledger.commons}"
    line = announcement.make(ledger.commons, at, me.actor, me.signer, wiring.now_ms())
    take(home, ledger, [line])


def served(home: Home, commons: str) -> bytes:
    """Return what this node tells others, as lines."""
    return "".join(home.peer_book(commons).suggestions()).encode()


def ask_all(home: Home, ledger: Ledger) -> list[str]:
    """Trade announcements with every peer that is a node; return what went wrong, in words."""
    troubles: list[str] = []
    for peer in home.peers(ledger.commons):
        if not peer.blocked and doors_of(peer, ledger.commons) is not None:
            try:
                trade(home, ledger, peer)
            except RemoteError as error:
                troubles.append(f"{peer.url}: {error}")
    return troubles


def trade(home: Home, ledger: Ledger, peer: Peer) -> None:
    """Take a node's announcements and give it ours.

    Raises:
        RemoteError: It does not answer, or is none.
    """
    doors = doors_of(peer, ledger.commons)
    if doors is None:
        return
    with wiring.web(doors, ASKING, LISTING_BYTES, reach_of(home, peer)) as web:
        said = web.read(f"{doors}/nodes", KIND)
        if peer.pull:
            take(home, ledger, said.splitlines(keepends=True))
        ours = served(home, ledger.commons)
        if peer.push and ours != said:
            web.request("POST", f"{doors}/nodes", {"Content-Type": KIND}, ours).close()


def adopt(home: Home, ledger: Ledger) -> list[Peer]:
    """Add a few suggested nodes as peers, where the owner wants it; return those that are new."""
    book = home.peer_book(ledger.commons)
    if not home.config.peers.discover:
        return []
    known = book.peers()
    room = ADOPTED_AT_MOST - sum(peer.suggested for peer in known)
    fresh = {each.url for each in suggestions(home, ledger)} - {peer.url for peer in known}
    new = [Peer(url, suggested=True) for url in sorted(fresh)[: max(room, 0)]]
    for peer in new:
        book.add_if_new(peer)
    return new


def doors_of(peer: Peer, commons: str) -> str | None:
    """Return where a peer answers questions about a commons, if it is a node reached over HTTP."""
    parts = urlsplit(peer.url)
    if parts.scheme not in ("http", "https") or not parts.path.endswith(f"/git/{commons}"):
        return None
    base = parts.path.removesuffix(f"/git/{commons}")
    return f"{parts.scheme}://{parts.netloc}{base}/api/v1/commons/{commons}"


def _read(ledger: Ledger, lines: Iterable[bytes]) -> list[Announcement]:
    found: list[Announcement] = []
    for line in lines:
        try:
            found.append(announcement.read(line, ledger.commons, ledger.key_log, wiring.now_ms()))
        except InvalidLine:
            continue
    return found
