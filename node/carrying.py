"""Bundles: a commons written to a file and read from one, for where no network goes. ⚡"""

from collections.abc import Callable
from pathlib import Path

from beads.errors import NotAllowed, NotFound
from beads.report import Report
from beads.terms import Step, Terms
from node import rates, wiring
from node.commons import Commons
from node.home import Home


def write(ours: Commons, path: Path, since: Path | None = None) -> int:
    """Write a commons to a file; return how many references went in.

    Raises:
        NotAllowed: It is private, and not this home's own.
        Refused: Nothing is new since the older bundle.
        RemoteError: The older bundle cannot be read.
    """
    _check_owner(ours)
    return wiring.write_bundle(path, wiring.store_of(ours.ledger), since)


def read(ours: Commons, path: Path, progress: Callable[[Step], None] | None = None) -> Report:
    """Take what a file brings, as strictly as from a stranger.

    Raises:
        NotAllowed: It is private, and not this home's own.
        RemoteError: It cannot be read, or continues another that was not.
    """
    _check_owner(ours)
    # Somebody handed the file over, and the owner reads it: as with a peer that was chosen, only the bytes are bounded.
    allowed = rates.of(ours.home, ours.ledger, stranger=False)
    terms = Terms(rates=allowed, progress=progress)
    return wiring.syncer(ours.ledger, wiring.bundle(path), terms).sync(push=False).report


def commons_of(home: Home, path: Path, wanted: str | None) -> str:
    """Return which followed commons a bundle is about.

    Raises:
        NotFound: None is followed here, or several are and none was named.
    """
    if wanted is not None:
        return home.choose(wanted)
    refs = wiring.bundle(path).header.refs
    named = {parts[2] for name in refs if len(parts := name.split("/")) > 3 and parts[1] == "wl"}
    followed = sorted(named & home.commons().keys())
    if not followed:
        raise NotFound(f"{path} brings no commons that is followed here", f"wl join {path} follows it.")
    if len(followed) > 1:
        raise NotFound(f"{path} brings several commons", "Name one: --commons NAME")
    return followed[0]


def _check_owner(ours: Commons) -> None:
    if ours.ledger.genesis.private and not (ours.home.exists and ours.me in ours.ledger.genesis.delegates):
        raise NotAllowed("a private commons is its owner's alone", "Ask its owner.")
