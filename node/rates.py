"""What strangers may still give a commons today, kept over the hours in a file (`beads.rates`). ⚡

`commons/<id>/rates.json` holds where logs stood when the day began; without it a day begins anew, nothing worse.
"""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from beads import ids, limits
from beads.ledger import Ledger
from beads.rates import Rates, Today
from node import wiring
from node.home import Home

FILE = "rates.json"


def of(home: Home, ledger: Ledger, *, stranger: bool) -> Rates | None:
    """Return what may be taken now; None for a private ledger, which has no strangers."""
    if ledger.genesis.private:
        return None
    covered = _covered(ledger)
    return Rates(
        today=_read(home.commons_folder(ledger.commons) / FILE).at(wiring.now_ms()),
        covered=lambda log: covered.get(log, 0),
        admitted=lambda log: _is_admitted(ledger, log),
        exempt=_own_logs(home, ledger).__contains__,
        stranger=stranger,
        uncovered=lambda: _uncovered_bytes(ledger, covered),
    )


def keep(home: Home, commons: str, rates: Rates | None) -> None:
    """Remember what was taken, beside what other processes remember."""
    if rates is None or not rates.today.starts:
        return
    path = home.commons_folder(commons) / FILE
    with path.with_suffix(".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        known = _read(path)
        merged = known.with_starts(rates.today.starts) if known.day == rates.today.day else rates.today
        if merged != known:
            wiring.replace_file(path, msgspec.json.encode(merged))


def _read(path: Path) -> Today:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Today)
    except (FileNotFoundError, msgspec.DecodeError, msgspec.ValidationError):
        return Today()


def _covered(ledger: Ledger) -> Mapping[str, int]:
    """Return up to which length each log is covered by a delegate's checkpoint."""
    state: dict[str, Any] = ledger.index.state("commons", ledger.commons) or {}
    found: dict[str, int] = {}
    for _, log, seq, *_ in state.get("covered", ()):
        found[log] = max(found.get(log, 0), seq + 1)
    return found


def _is_admitted(ledger: Ledger, log: str) -> bool:
    weighed = ledger.index.log(log)
    return ledger.genesis.admission == "open" or (weighed is not None and weighed.counted_from is not None)


def _own_logs(home: Home, ledger: Ledger) -> frozenset[str]:
    if not home.exists:
        return frozenset()
    me = home.key_log()
    return frozenset(ids.log_id(ledger.commons, me.scid, key) for key in me.keys)


def _uncovered_bytes(ledger: Ledger, covered: Mapping[str, int]) -> int:
    """Return the size of the lines that no checkpoint covers, or a number above it that is small."""
    heads = {log: head.seq + 1 for log, head in ledger.index.heads().items()}
    largest = limits.LINE * sum(max(length - covered.get(log, 0), 0) for log, length in heads.items())
    if largest < limits.UNCOVERED_BYTES // 2:
        # So few lines need not be looked at, whatever is in them.
        return largest
    sql = "SELECT COALESCE(SUM(LENGTH(header) + 88), 0) FROM ops WHERE log = :log AND seq >= :at"
    query = ledger.index.database.query
    return sum(int(query(sql, {"log": log, "at": covered.get(log, 0)})[0][0]) for log in heads)
