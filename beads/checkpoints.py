"""What a delegate's node has yet to cover (protocol, Types: checkpoint)."""

from beads import limits
from beads.ledger import Draft, Ledger

COVERED = """SELECT MAX(seq) FROM ops WHERE log = :log AND t != 'checkpoint'"""


def due(ledger: Ledger, delegate: str) -> list[Draft]:
    """Return the checkpoint that a delegate should write now; none where nothing but checkpoints is uncovered."""
    state = ledger.index.state("commons", ledger.commons) or {"covered": [], "covered_keys": []}
    covered = {log: seq for actor, log, seq, _ in state["covered"] if actor == delegate}
    keys = {whose: entries for actor, whose, entries in state["covered_keys"] if actor == delegate}
    heads = [
        [log, head.seq, head.op]
        for log, head in sorted(ledger.index.heads().items())
        if _spoken(ledger, log) > covered.get(log, -1)
    ]
    moved = [
        [actor, len(found.entries)]
        for actor in sorted({log.actor for log in ledger.index.logs().values()})
        if (found := ledger.key_log(actor)) is not None and len(found.entries) > keys.get(actor, 0)
    ]
    if not heads and not moved:
        return []
    # Key logs are few and go first, or a busy commons would never come to them.
    moved = moved[: limits.CHECKPOINT_HEADS // 2]
    charter = ledger.index.context.governance.now.id
    named = {} if charter is None else {"charter": charter}
    return [Draft("checkpoint", {"heads": heads[: limits.CHECKPOINT_HEADS - len(moved)], "keys": moved, **named})]


def _spoken(ledger: Ledger, log: str) -> int:
    """Return the last position of a log that is more than a checkpoint."""
    ((seq,),) = ledger.index.database.query(COVERED, {"log": log})
    return -1 if seq is None else int(seq)
