"""Whether a peer has gone back, or news are kept from us (the rollback and the freeze of a relay).

1. What we hold never shrinks, whatever a peer offers; so a peer that goes back harms whoever asks it for the first
   time. It is remembered how far each peer had come with each log, and said when it offers less than it did.
2. Whoever is shown an old state for ever cannot tell that from a quiet commons. So it is said when nothing new was
   covered by a delegate's checkpoint for longer than the owner wants to wait; another peer can settle the matter.
"""

from collections.abc import Mapping
from typing import NamedTuple

from beads import report
from beads.index import Index
from beads.op import Head
from beads.refs import parse_ref
from beads.report import Exchange, Outcome
from node.peers import DAY_MS, Health

NOTHING = -1
"""The position of a log that a peer does not hold at all."""


class Served(NamedTuple):
    """How far a peer has come.

    Attributes:
        heads: Log → the furthest position that it is known to have held.
        older: Logs of which it now offered less than that.
    """

    heads: dict[str, int]
    older: tuple[str, ...]


def compare(before: Mapping[str, int], exchange: Exchange, ours: Mapping[str, Head], prefix: str) -> Served:
    """Hold what a peer offers against what it is known to have held.

    Args:
        before: `Served.heads` of the last time.
        ours: The heads held here after the exchange.
        prefix: That of the commons' references.
    """
    listed, pushed, passed = (_logs(names, prefix) for names in (exchange.seen, exchange.pushed, exchange.passed))
    heads, older = dict[str, int](), list[str]()
    for log, head in ours.items():
        # A log that forked has become shorter here; nobody can be asked for more than stands.
        known = min(before.get(log, NOTHING), head.seq)
        now = known if log in passed else _offered(exchange, log, head.seq, known) if log in listed else NOTHING
        if now < known:
            older.append(log)
        heads[log] = head.seq if log in pushed else max(known, now)
    return Served({log: seq for log, seq in heads.items() if seq > NOTHING}, tuple(sorted(older)))


def _logs(names: Mapping[str, str] | list[str] | set[str], prefix: str) -> set[str]:
    refs = (parse_ref(prefix, name) for name in names)
    return {ref.id for ref in refs if ref is not None and ref.kind == "log"}


def _offered(exchange: Exchange, log: str, head: int, known: int) -> int:
    """Return the position that a peer offers of a log; `known` where what it offers could not be judged."""
    outcome = exchange.report.of("log", log)
    if outcome is None or outcome.status in (report.ACCEPTED, report.UNCHANGED):
        return head
    return _position(outcome) if outcome.status == report.STALE else known


def _position(outcome: Outcome) -> int:
    return int(outcome.reason.removeprefix("at_"))


# -- saying it -----------------------------------------------------------------------------------------------------


def covered_ms(index: Index) -> int:
    """Return when a delegate's checkpoint last covered anything; when the commons was founded where none has."""
    ((ms,),) = index.database.query("SELECT MAX(ms) FROM ops WHERE t = 'checkpoint'")
    return index.genesis.created if ms is None else int(ms)


def quiet(covered_ms: int, now_ms: int, most_days: int) -> str | None:
    """Say that nothing new was covered for more than so many days; None where that is not so, or of no interest."""
    days = (now_ms - covered_ms) // DAY_MS
    if not most_days or days <= most_days:
        return None
    return f"nothing new was covered for {days} days: it is quiet, or news are kept from you (ask another peer)"


def gone_back(health: Health, now_ms: int, most_days: int) -> str | None:
    """Say that a peer offered less than before, for some days after it did; None where it did not."""
    if not health.older_ms or now_ms - health.older_ms > most_days * DAY_MS:
        return None
    logs = f"{health.older} log{'' if health.older == 1 else 's'}"
    return f"offered less of {logs} than it had held before; nothing is lost here"
