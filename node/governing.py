"""Governing a commons: what delegates propose and sign, whom members let in (protocol, A commons). ⚡"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from beads import limits
from beads.errors import Ambiguous, NotAllowed, NotFound
from beads.ledger import Draft, Ledger
from node import proposals, typed
from node.commons import Commons
from node.errors import Usage
from node.proposals import OPEN, PASSED_OVER, Change, Proposal
from node.sheets.words import counted
from wanted import board

_SCID = re.compile("Qm[1-9A-HJ-NP-Za-km-z]{44}")


def propose(commons: Commons, change: Change) -> Proposal:
    """Propose a change; it is in force at once where one delegate is enough.

    Raises:
        NotAllowed: I am no delegate.
    """

    def make(ledger: Ledger) -> list[Draft]:
        return [Draft("charter", {"prev": ledger.index.context.governance.now.id, "change": change})]

    _check_delegate(commons)
    (op,) = commons.write(make)
    return _proposal(commons.ledger, op.id)


def sign(commons: Commons, wanted: str | None) -> Proposal:
    """Agree to a proposal: the one whose id starts so, or the only open one.

    Raises:
        NotAllowed: I am no delegate.
        NotFound: Nothing open is meant.
    """
    _check_delegate(commons)
    chosen = _open(commons.ledger, wanted)
    if commons.me not in chosen.behind:
        commons.write(lambda _: [Draft("charter.sign", {"charter": chosen.id})])
    return _proposal(commons.ledger, chosen.id)


def _open(ledger: Ledger, wanted: str | None) -> Proposal:
    named = [each for each in proposals.standing(ledger.index).proposals if each.id.startswith(wanted or "")]
    fits = [each for each in named if each.standing == OPEN]
    if len(fits) == 1:
        return fits[0]
    if fits and wanted:
        raise Ambiguous(wanted, [each.id for each in fits])
    if fits:
        ids = ", ".join(each.id[:12] for each in fits)
        raise NotFound(f"{len(fits)} proposals are open: {ids}", "Name one: wl charter show says what they are.")
    if wanted and named:
        hint = "Propose it anew: wl charter propose …" if named[0].standing == PASSED_OVER else "See: wl charter show"
        raise NotFound(f"{wanted} is {named[0].standing}", hint)
    raise NotFound(f"no open proposal {wanted}" if wanted else "nothing is proposed", "See: wl charter show")


def _proposal(ledger: Ledger, op: str) -> Proposal:
    return next(each for each in proposals.standing(ledger.index).proposals if each.id == op)


def _check_delegate(commons: Commons) -> None:
    now = commons.index.context.governance.now
    if commons.me not in now.delegates:
        raise NotAllowed("only delegates govern", f"They are {', '.join(_named(commons, now.delegates))}.")


def _named(commons: Commons, actors: Iterable[str]) -> list[str]:
    handles = commons.handles()
    return [handles.get(actor) or actor[:12] for actor in actors]


# -- changes -------------------------------------------------------------------------------------------------------


def delegates(commons: Commons, add: Sequence[str], remove: Sequence[str], threshold: int | None) -> Change:
    """Return the change that makes others delegates; whoever leaves keeps what this node has seen of it.

    Raises:
        NotFound: An actor is unknown, or is no delegate.
        Usage: Nobody is left, too many are, or so many do not act together.
    """
    now = commons.index.context.governance.now
    gone = [commons.find_actor(each) for each in remove]
    for actor in gone:
        if actor not in now.delegates:
            raise NotFound(f"{actor[:12]} is no delegate", "See: wl charter show")
    after = sorted({*now.delegates, *(commons.find_actor(each) for each in add)} - {*gone})
    enough = len(after) // 2 + 1
    together = threshold or max(enough, min(now.threshold, len(after)))
    _check_governable(len(after), enough, together)
    return {
        "kind": "delegates", "delegates": after, "threshold": together, "until": _heads(commons, gone),
    }  # fmt: skip


def _check_governable(count: int, enough: int, together: int) -> None:
    if not 0 < count <= limits.DELEGATES:
        hint = "Name who takes over: --add ACTOR" if count == 0 else "Let some go: --remove ACTOR"
        raise Usage(f"a commons has 1 to {limits.DELEGATES} delegates, and these would be {count}", hint)
    if not enough <= together <= count:
        some = f"{enough}" if enough == count else f"{enough} to {count}"
        said = f"with {counted(count, 'delegate')} it is {some} that act together, not {together}"
        raise Usage(said, f"--threshold {enough}")


def policy(admission: str | None, validators: str | None, dimensions: Sequence[str]) -> Change:
    """Return the change of who may come in, who may stamp, what is judged; what is not given stays.

    Raises:
        Usage: Nothing is changed, or something is no dimension.
    """
    typed.check_dimensions(dimensions)
    said = {"admission": admission, "validators": validators, "dimensions": sorted(set(dimensions)) or None}
    changed = {name: value for name, value in said.items() if value is not None}
    if not changed:
        raise Usage("nothing is changed", "Say --admission, --validators or --dimension.")
    return {"kind": "policy", **changed}


def ban(commons: Commons, actor: str, *, everything: bool) -> Change:
    """Return the change that ends an actor's logs: after what this node has seen, or with everything."""
    chosen = commons.find_actor(actor)
    if chosen in commons.index.context.governance.now.delegates:
        hint = f"First: wl charter propose delegates --remove {chosen[:12]}"
        raise NotAllowed("a delegate is not banned", hint)
    return {"kind": "ban", "actor": chosen, "cuts": [] if everything else _heads(commons, [chosen])}


def adopt(commons: Commons, item: str) -> Change:
    """Return the change that makes this node the home of an item, after what it has seen of the old one.

    Raises:
        NotFound: There is no such item.
    """
    view = board.load(commons.ledger, item)
    head = commons.index.heads().get(view.home)
    if head is None:
        raise NotFound(f"nothing of the home of {view.id[:12]} is here", "Sync first: wl sync")
    place = [view.home, head.seq, head.op]
    return {"kind": "adopt", "item": view.id, "epoch": view.epoch, "from": place, "to": commons.log}


def _heads(commons: Commons, actors: Sequence[str]) -> list[list[Any]]:
    heads, logs = commons.index.heads(), commons.index.logs()
    return [[log, head.seq, head.op] for log, head in sorted(heads.items()) if logs[log].actor in actors]


# -- invitations ---------------------------------------------------------------------------------------------------


def invite(commons: Commons, actor: str) -> str:
    """Let an actor in, as its sponsor; return its SCID.

    Args:
        actor: Known here, or a whole SCID: whoever is not in yet has written nothing here.
    """
    chosen = actor if is_scid(actor) else commons.find_actor(actor)
    commons.write(lambda _: [Draft("admit", {"actor": chosen})])
    return chosen


def is_scid(text: str) -> bool:
    """Say whether a text has the form of a whole SCID."""
    return _SCID.fullmatch(text) is not None
