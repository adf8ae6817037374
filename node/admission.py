"""Coming in, and coming back: from when on what one writes counts (protocol, 3)."""

from beads.errors import NotAllowed
from beads.ledger import Author, Draft, Ledger


def come_in(ledger: Ledger, author: Author) -> None:
    """Take up an invitation, where one is needed: to a commons that is by invitation, or after a ban.

    Raises:
        NotAllowed: There is none: what one wrote would have no effect.
    """
    governance = ledger.index.context.governance
    log = ledger.index.log(author.log(ledger.commons))
    if log is not None and log.cut_at is not None and author.actor in governance.banned:
        _come_back(ledger, author)
        return
    free = governance.now.admission == "open" or author.actor in governance.now.delegates
    if not free and (log is None or log.counted_from is None):
        _come_in_first(ledger, author)


def _come_in_first(ledger: Ledger, author: Author) -> None:
    admit = _admit_for(ledger, author.actor)
    if admit is None:
        raise NotAllowed(
            f"{ledger.genesis.name} is by invitation, and nobody has let you in yet",
            f"Ask a member to run: wl invite {author.actor}",
        )
    _join(ledger, author, admit)


def _come_back(ledger: Ledger, author: Author) -> None:
    admits = ledger.index.context.governance.let_in_again(author.actor)
    if not admits:
        raise NotAllowed(
            f"{ledger.genesis.name} has banned you: what you write there has no effect",
            "wl charter show tells more; wl leave takes the stamps you have earned along.",
        )
    _join(ledger, author, admits[-1])


def _join(ledger: Ledger, author: Author, admit: str) -> None:
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
