"""Coming in: a commons whose admission is by invitation counts what one writes from the invitation on (protocol, 3)."""

from beads.errors import NotAllowed
from beads.ledger import Author, Draft, Ledger


def come_in(ledger: Ledger, author: Author) -> None:
    """Take up an invitation, where one is needed.

    Raises:
        NotAllowed: There is none: what one wrote would have no effect.
    """
    governance = ledger.index.context.governance
    if governance.now.admission == "open" or author.actor in governance.now.delegates:
        return
    log = ledger.index.log(author.log(ledger.commons))
    if log is not None and log.counted_from is not None:
        return
    admit = _admit_for(ledger, author.actor)
    if admit is None:
        raise NotAllowed(
            f"{ledger.genesis.name} is by invitation, and nobody has let you in yet",
            f"Ask a member to run: wl invite {author.actor}",
        )
    ledger.write(author, lambda _: [Draft("join", {"admit": admit})])


def _admit_for(ledger: Ledger, actor: str) -> str | None:
    by_charter = [op for op, (let_in, _) in ledger.index.context.governance.admits.items() if let_in == actor]
    if by_charter:
        return by_charter[-1]
    logs = ledger.index.logs()
    for (op_id,) in ledger.index.database.query("SELECT id FROM ops WHERE t = 'admit' ORDER BY ms, counter, id"):
        op = ledger.index.op(op_id)
        if op is not None and op.p["actor"] == actor and logs[op.log].device and logs[op.log].counts(op.seq):
            return op.id
    return None
