"""Which references of a peer are taken: all, or those of some actors (a peer's terms)."""

from collections.abc import Callable, Collection

from beads import ids
from beads.ledger import Ledger
from beads.refs import RefName

Follows = Callable[[RefName], bool]


def everybody(_: RefName) -> bool:
    """Take all."""
    return True


def some(ledger: Ledger, actors: Collection[str]) -> Follows:
    """Take what some actors wrote, and the delegates, without whom a commons cannot be judged.

    The id of a log does not tell its actor, but the actor's key log tells the ids of all that its keys may write.
    Key logs come first, so once they are here, this is asked for anew.
    """
    followed = {*actors, *ledger.genesis.delegates}
    keys = {ids.actor_ref(actor) for actor in followed}
    logs = {log for log, weighed in ledger.index.logs().items() if weighed.actor in followed}
    for actor in followed:
        known = ledger.key_log(actor)
        logs.update(ids.log_id(ledger.commons, actor, key) for key in known.keys) if known else None

    def follows(ref: RefName) -> bool:
        return ref.kind == "genesis" or ref.id in (keys if ref.kind == "id" else logs)

    return follows
