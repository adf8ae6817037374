"""How commons come to a home: created, joined, forked. ⚡"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from beads import genesis, ids
from beads.address import check_url
from beads.errors import InvalidGenesis, NotFound, RemoteError
from beads.genesis import Genesis, Parent
from beads.limits import Patience
from beads.report import Exchange
from beads.sync import Founding, fetch_founding
from beads.terms import Step
from node import looking, typed, wiring
from node.commons import Commons
from node.home import Home
from node.peers import Peer
from stamps.encoding import b64u_encode

FIRST_SYNC = Patience(connect_s=10.0, total_s=1800.0)
ASKING = Patience(connect_s=10.0, total_s=20.0)


class Joined(NamedTuple):
    """What a join brought."""

    commons: str
    founding: Genesis
    exchange: Exchange


class Forked(NamedTuple):
    """What a fork made."""

    commons: str
    founding: Genesis
    inherited: int


def create(home: Home, name: str, *, admission: str, validators: str, dimensions: tuple[str, ...]) -> str:
    """Found a commons with this home's actor as its one delegate; return its id.

    Raises:
        Usage: A value is outside the protocol.
    """
    typed.check_name(name)
    typed.check_dimensions(dimensions)
    with typed.sayable():
        raw = genesis.build(
            name=name, salt=b64u_encode(wiring.salt()), created=wiring.now_ms(), delegates=(home.key_log().scid,),
            admission=admission, validators=validators, dimensions=dimensions,
        )  # fmt: skip
    _settle_down(home, Founding(raw, None))
    return ids.commons_id(raw)


def join(home: Home, url: str, say: Callable[[str], None], progress: Callable[[Step], None] | None = None) -> Joined:
    """Follow a commons: fetch its founding document, then everything else, verified; keep the address as a peer.

    A fork's parent comes along, read-only, from the same address.

    Raises:
        RemoteError: The address does not answer as a node or a repository should.
        NotFound: It holds no commons, or several.
    """
    address, wanted = resolve(url)
    founding = fetch_founding(wiring.remote(address, FIRST_SYNC), wanted)
    commons = ids.commons_id(founding.genesis)
    if wanted is not None and commons != wanted:
        raise InvalidGenesis("the genesis offered is not that of the commons asked for")
    parsed = genesis.parse(founding.genesis)
    _check_cut(parsed, founding)
    if parsed.private:
        raise InvalidGenesis("a private commons is its owner's alone")
    say(f"Joining {parsed.name} …")
    _come_back(home, commons, say)
    _settle_down(home, founding)
    _add_peer(home, commons, Peer(address))
    with Commons(home, commons) as ours:
        exchange = ours.sync_with(Peer(address, push=False), FIRST_SYNC, progress=progress)
    if parsed.parent is not None and parsed.parent.commons not in home.commons():
        try:
            _follow_parent(home, address, parsed.parent, say)
        except NotFound:
            say("What it inherited is not there; wl join the parent where you find it.")
    return Joined(commons, parsed, exchange)


def fork(home: Home, parent: str, name: str) -> Forked:
    """Found a commons that inherits another's history up to now; both are followed from here on.

    Raises:
        Usage: The name is outside the protocol.
    """
    typed.check_name(name)
    with Commons(home, parent) as source:
        cut = cut_of(source)
        raw = genesis.build(
            name=name, salt=b64u_encode(wiring.salt()), created=wiring.now_ms(), delegates=(home.key_log().scid,),
            parent=Parent(parent, sha256(cut).hexdigest()),
        )  # fmt: skip
        commons = _settle_down(home, Founding(raw, cut))
        store, heir = wiring.store_of(source.ledger), wiring.open_store(home, commons)
        try:
            heir.repository.inherit(store.repository, store.prefix)
        finally:
            heir.close()
    return Forked(commons, genesis.parse(raw), sum(int(line.split()[1]) + 1 for line in cut.splitlines()))


def cut_of(source: Commons) -> bytes:
    """Return where every log stands: sorted lines of log, seq and operation (protocol, A commons)."""
    heads = source.index.heads()
    return b"".join(f"{log} {head.seq} {head.op}\n".encode() for log, head in sorted(heads.items()))


def resolve(url: str) -> tuple[str, str | None]:
    """Return the git address behind what a person gave, and the commons that it names.

    The address of a node alone (`http://host:port`) will do where the node serves one public commons.

    Raises:
        RemoteError: It is no address.
        NotFound: The node serves none or several.
    """
    address = check_url(url, str(Path.cwd())).rstrip("/")
    last = address.rsplit("/", 1)[-1]
    if ids.COMMONS_ID.fullmatch(last):
        return address, last
    return _only_commons(address) if looking.is_root(address) else (address, None)


def _only_commons(address: str) -> tuple[str, str]:
    try:
        offered = looking.served(address, ASKING)
    except RemoteError as error:
        raise RemoteError(f"{address} does not answer as a node", "Is it up? wl serve prints its address.") from error
    if len(offered) != 1:
        listed = "; ".join(f"wl join {address}/git/{each}" for each in offered)
        raise NotFound(f"{address} serves {len(offered)} commons", listed or "Nothing to join there.")
    return f"{address}/git/{offered[0]}", offered[0]


def _come_back(home: Home, commons: str, say: Callable[[str], None]) -> None:
    if home.bring_back(commons):
        say("You have been here before: your own log goes on where it ended.")


def _settle_down(home: Home, founding: Founding) -> str:
    """Make room for a commons. Verbs mean it where they meant none before; else it is named with --commons."""
    meant = home.meant()
    commons = wiring.found(home, founding.genesis, founding.cut)
    if meant is None:
        home.set_default(commons)
    return commons


def _add_peer(home: Home, commons: str, peer: Peer) -> None:
    """Keep where a commons came from, unless the owner has decided about it already; a file is not asked again."""
    if not wiring.is_bundle(peer.url):
        home.peer_book(commons).add_if_new(peer)


def _check_cut(parsed: Genesis, founding: Founding) -> None:
    if parsed.parent is None:
        return
    if founding.cut is None or sha256(founding.cut).hexdigest() != parsed.parent.cut:
        raise InvalidGenesis("the fork's cut is missing or is not what its genesis names")


def _follow_parent(home: Home, address: str, parent: Parent, say: Callable[[str], None]) -> None:
    founding = fetch_founding(wiring.remote(address, FIRST_SYNC), parent.commons)
    _come_back(home, parent.commons, say)
    _settle_down(home, founding)
    _add_peer(home, parent.commons, Peer(address, push=False))
    with Commons(home, parent.commons) as ours:
        ours.sync_with(Peer(address, push=False), FIRST_SYNC)
