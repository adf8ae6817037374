"""How charters take effect, one after the other (protocol, A commons; F5).

The genesis is the first. From each, the next is the one that names it and that as many of its delegates as it asks
for have proposed or signed; of several the one with the least id. Each changes one thing.

All of it follows from positions, never from dates: what a delegate's log said counts up to where the log first forks,
where its key was revoked, or where the power of one who is a delegate no longer was ended.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from beads.genesis import Genesis
from beads.governance import Adoption, Ban, Governance, founded, speaks
from beads.op import Op
from beads.ops import charter as rows


class Word(NamedTuple):
    """A charter operation of a delegate's log, as far as such logs count."""

    op: Op
    actor: str


def follow(genesis: Genesis, words: Iterable[Word]) -> Governance:
    """Return what is in force after everything that delegates have proposed and signed."""
    book = _Book(words)
    state = founded(genesis)
    while (chosen := book.next(state)) is not None:
        state = _CHANGES[type(chosen.payload.change)](state, chosen, chosen.payload.change)
    return state


class _Book:
    """Who proposed and signed what."""

    def __init__(self, words: Iterable[Word]) -> None:
        self._proposed: defaultdict[str | None, dict[str, Op]] = defaultdict(dict)
        self._agreed: defaultdict[str, list[Word]] = defaultdict(list)
        for word in words:
            payload = word.op.payload
            if isinstance(payload, rows.Charter):
                self._proposed[payload.prev][word.op.id] = word.op
                self._agreed[word.op.id].append(word)
            elif isinstance(payload, rows.Sign):
                self._agreed[payload.charter].append(word)

    def next(self, state: Governance) -> Op | None:
        """Return the charter that follows the one in force, if any has enough behind it."""
        rivals = self._proposed[state.now.id]
        return next((rivals[op] for op in sorted(rivals) if self._carried(rivals[op], state)), None)

    def _carried(self, op: Op, state: Governance) -> bool:
        change = op.payload.change
        if isinstance(change, rows.Ban) and change.actor in state.now.delegates:
            # Who governs is ended by a change of delegates, which says up to where their power counts.
            return False
        last = len(state.charters) - 1
        behind = [
            word for word in self._agreed[op.id] if speaks(state.charters, word.actor, word.op.log, word.op.seq, last)
        ]
        proposed = any(word.op.id == op.id for word in behind)
        return proposed and len({word.actor for word in behind}) >= state.now.threshold


def _set_delegates(state: Governance, op: Op, change: rows.Delegates) -> Governance:
    ended = {log: seq + 1 for log, seq, _ in change.until}
    return _on(state, op, delegates=change.delegates, threshold=change.threshold, ended=ended)


def _set_policy(state: Governance, op: Op, change: rows.Policy) -> Governance:
    said = {"admission": change.admission, "validators": change.validators, "dimensions": change.dimensions}
    return _on(state, op, **{name: value for name, value in said.items() if value is not None})


def _admit(state: Governance, op: Op, change: rows.AdmitActor) -> Governance:
    admits = {**state.admits, op.id: (change.actor, len(state.charters))}
    return msgspec.structs.replace(_on(state, op), admits=admits)


def _ban(state: Governance, op: Op, change: rows.Ban) -> Governance:
    ban = Ban(len(state.charters), {log: (seq, at) for log, seq, at in change.cuts})
    bans = (*state.banned.get(change.actor, ()), ban)
    return msgspec.structs.replace(_on(state, op), banned={**state.banned, change.actor: bans})


def _hide(state: Governance, op: Op, change: rows.Hide) -> Governance:
    return msgspec.structs.replace(_on(state, op), hidden=tuple(sorted({*state.hidden, change.bead})))


def _unhide(state: Governance, op: Op, change: rows.Unhide) -> Governance:
    return msgspec.structs.replace(_on(state, op), hidden=tuple(sorted({*state.hidden} - {change.bead})))


def _adopt(state: Governance, op: Op, change: rows.Adopt) -> Governance:
    log, seq, _ = change.from_
    # Of two adoptions from one epoch the later in the chain counts.
    homes = {**state.adoptions.get(change.item, {}), change.epoch: Adoption(log, seq, change.to)}
    return msgspec.structs.replace(_on(state, op), adoptions={**state.adoptions, change.item: homes})


_CHANGES: Mapping[type, Callable[..., Governance]] = {
    rows.Delegates: _set_delegates, rows.Policy: _set_policy, rows.AdmitActor: _admit, rows.Ban: _ban,
    rows.Hide: _hide, rows.Unhide: _unhide, rows.Adopt: _adopt,
}  # fmt: skip


def _on(state: Governance, op: Op, **members: object) -> Governance:
    """Return the state with one more charter at the end of its chain, otherwise like the one before."""
    named = {"id": op.id, "ended": {}, **members}
    return msgspec.structs.replace(state, charters=(*state.charters, msgspec.structs.replace(state.now, **named)))
