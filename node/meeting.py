"""The owner's key log in this home and in a commons: kept the same. ⚡"""

from beads.ledger import Ledger
from node.keybox import Keybox


def meet(box: Keybox, ledger: Ledger) -> None:
    """Bring the owner's key log here and in a commons to the same state; whichever goes on from the other stands.

    A commons that has never heard of the owner is not told. Two that do not go on from each other stay as they are:
    writing says so (`Ledger.learn`).
    """
    ours = box.key_log
    theirs = ledger.key_log(ours.scid) if ours else None
    if ours is None or theirs is None or theirs.raw == ours.raw:
        return
    if ours.raw.startswith(theirs.raw):
        ledger.learn(ours)
    else:
        box.learn(theirs)
