"""Whether another node comes to the same state: the one thing that no verification here can show. ⚡

A node says of each public commons what it holds and what that folds to. Where two hold the same, they must come to the
same; if they do not, one of the two programs has a defect, or one of the two machines lies.
"""

from typing import NamedTuple

import msgspec

from beads.errors import RemoteError
from beads.fold import FOLD_VERSION
from beads.index import Index
from beads.limits import Patience
from beads.refs import digest, parse_ref
from node import discovery, wiring
from node.exchange import reach_of
from node.home import Home
from node.peers import Peer

ASKING = Patience(connect_s=5.0, total_s=15.0)
ANSWER_BYTES = 4096
KIND = "application/json"


class Standing(msgspec.Struct, frozen=True):
    """What a node holds of a commons, and what that folds to.

    Attributes:
        heads: The digest of its references, but for words: nodes that hold the same operations and key logs have the
            same.
        fold_version: State hashes of other versions are not comparable.
    """

    heads: str
    state_hash: str
    fold_version: int


class Answer(NamedTuple):
    """What one peer said.

    Attributes:
        agrees: None where it cannot be told.
    """

    peer: str
    agrees: bool | None
    detail: str


def heads(refs: dict[str, str], prefix: str) -> str:
    """Return the digest of what decides a state: all references but those of words, which may be taken back."""
    found = {name: target for name, target in refs.items() if (ref := parse_ref(prefix, name)) and ref.kind != "body"}
    return digest(found)


def standing(home: Home, commons: str, index: Index) -> Standing:
    """Return what this node says of itself; `index` must be up to date."""
    store = wiring.open_store(home, commons)
    try:
        return Standing(heads(store.refs(), store.prefix), index.state_hash(), FOLD_VERSION)
    finally:
        store.close()


def ask_all(home: Home, commons: str, ours: Standing) -> list[Answer]:
    """Ask every peer that is a node what it comes to."""
    found: list[Answer] = []
    for peer in home.peers(commons):
        doors = None if peer.blocked else discovery.doors_of(peer, commons)
        if doors is not None:
            found.append(_ask(home, peer, doors, ours))
    return found


def _ask(home: Home, peer: Peer, doors: str, ours: Standing) -> Answer:
    try:
        with wiring.web(doors, ASKING, ANSWER_BYTES, reach_of(home, peer)) as web:
            theirs = msgspec.json.decode(web.read(doors, KIND), type=Standing)
    except (RemoteError, msgspec.DecodeError) as error:
        return Answer(peer.url, None, f"it could not be asked: {error}")
    return judge(peer.url, ours, theirs)


def judge(url: str, ours: Standing, theirs: Standing) -> Answer:
    """Compare two standings."""
    if theirs.fold_version != ours.fold_version:
        return Answer(url, None, f"it folds by version {theirs.fold_version}, this node by {ours.fold_version}")
    if theirs.heads != ours.heads:
        return Answer(url, None, "it holds something else at the moment")
    if theirs.state_hash != ours.state_hash:
        return Answer(url, False, f"it holds the same and comes to another state, {theirs.state_hash[:16]}")
    return Answer(url, True, "it comes to the same state")
