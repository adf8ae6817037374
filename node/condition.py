"""What a verified state says that its owner should know: logs that fork, end or freeze, items that nobody decides.

Pure: a state goes in, sentences come out.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from beads import ids
from beads.fold import Snapshot
from beads.weigh import Log
from stamps.keylog import KeyLog
from wanted import lifecycle, view
from wanted.view import ItemView

SILENT_MS = 30 * 24 * 60 * 60 * 1000
"""After so long without a word, the home of an item on which somebody waits is taken for lost."""


class Remark(NamedTuple):
    """Something that is as it should be, and yet wants somebody's attention.

    Attributes:
        advice: What to do about it, or "".
    """

    where: str
    what: str
    advice: str = ""


def logs(state: Snapshot, keys: Callable[[str], KeyLog | None], me: str) -> Iterator[Remark]:
    """Say which logs fork, end early or are not read to their end, and why."""
    for log in sorted(state.logs.values(), key=lambda each: each.id):
        where = f"log {log.id[:12]}"
        if log.forked_at is not None:
            yield Remark(where, f"it goes on in two ways from {log.forked_at}, undecided", _decide(log, me))
        elif log.parted_at is not None:
            yield Remark(where, f"it went on in two ways from {log.parted_at}; one was decided on")
        if log.cut_at is not None:
            yield Remark(where, f"it has no effect from {log.cut_at} on: {_why_cut(log, state, keys)}")
        if log.frozen_at is not None:
            yield Remark(where, f"this version cannot read it from {log.frozen_at} on", "Upgrade this program.")


def _decide(log: Log, me: str) -> str:
    if log.actor == me:
        return f"It is yours: wl id repair {log.id[:12]} shows both ways"
    return f"It waits for {log.actor[:12]} to repair it, or for delegates' votes: wl sync"


def _why_cut(log: Log, state: Snapshot, keys: Callable[[str], KeyLog | None]) -> str:
    owner = keys(log.actor)
    revoked = owner is not None and log.key in owner.revoked
    banned = log.actor in state.governance.banned
    reasons = (["its key was revoked"] if revoked else []) + (["its writer was banned"] if banned else [])
    return " and ".join(reasons) or "delegates ended it"


# -- orphans -------------------------------------------------------------------------------------------------------


def orphans(state: Snapshot, last_ms: Mapping[str, int], now_ms: int) -> Iterator[Remark]:
    """Say which unfinished items have a home that will not decide on them."""
    for entity in sorted(entity for entity in state.entities if entity.kind == "bead"):
        folded = state.entities[entity].state
        item = view.read(folded) if folded is not None else None
        if item is None or item.status not in (lifecycle.OPEN, lifecycle.CLAIMED):
            continue
        why = _lost(item, state, last_ms, now_ms)
        if why is not None:
            advice = f"A delegate may give it another home: wl charter propose adopt {ids.short(item.id)}"
            yield Remark(f"item {ids.short(item.id)}", why, advice)


def _lost(item: ItemView, state: Snapshot, last_ms: Mapping[str, int], now_ms: int) -> str | None:
    home = state.logs.get(item.home)
    if home is not None and home.cut_at is not None:
        # An heir would be its home by now.
        return "the log that decides on it was ended, and has no heir"
    silent = now_ms - last_ms.get(item.home, 0)
    if silent > SILENT_MS and _is_waited_for(item, now_ms):
        return f"somebody waits for its home, which has been silent for {silent // (SILENT_MS // 30)} days"
    return None


def _is_waited_for(item: ItemView, now_ms: int) -> bool:
    claimed = item.holder is None and bool(item.claimers)
    expired = item.holder is not None and (item.giving_up or item.holder.until < now_ms)
    return claimed or expired or bool(item.unjudged)
