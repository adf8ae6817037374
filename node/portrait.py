"""An identity as text and as JSON: its keys, what became of them, where their work ends."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from beads import ids
from node.holdings import Kept
from node.localtime import clock
from stamps.keylog import ASSERTION, AUTHENTICATION, KeyLog
from stamps.revocation import Revocation

_INDENT = " " * 11
_WHOSE = MappingProxyType({"device": "a device's key", "agent": "an agent's key", "other": "a key without a purpose"})


class Viewpoint(NamedTuple):
    """From where an identity is looked at.

    Attributes:
        here: This machine's did:key, if the identity is this home's.
        names: The names of the commons followed here, by id.
    """

    here: str | None
    names: Mapping[str, str]


def as_json(keys: KeyLog, view: Viewpoint) -> dict[str, Any]:
    """Return an identity as JSON."""
    return {
        "actor": keys.scid,
        "did": keys.did,
        "deactivated": keys.deactivated,
        "entries": [{"version": one.version_id, "time": f"{one.time:%Y-%m-%dT%H:%M:%SZ}"} for one in keys.entries],
        "keys": [
            {"key": did, "kind": _kind(keys, did), "status": _status(keys, did), "this_machine": did == view.here}
            for did in sorted(keys.keys)
        ],
        "revoked": [_revocation(keys, one, view) for one in keys.revoked.values()],
        "repairs": [{"log": one.log, "seq": one.seq, "keep": one.keep} for one in keys.repairs],
    }


def _revocation(keys: KeyLog, one: Revocation, view: Viewpoint) -> dict[str, Any]:
    known = _logs(keys, one.key, view)
    cuts = [
        {"log": cut.log, "commons": known.get(cut.log), "seq": cut.seq, "op": cut.op, "entry": cut.version}
        for cut in one.at
    ]
    return {"key": one.key, "heir": one.heir, "entry": one.version, "kept": cuts}


def lines(keys: KeyLog, view: Viewpoint) -> list[str]:
    """Return an identity as people read it."""
    order = sorted(keys.keys, key=lambda did: (did not in keys.current, did))
    return [
        keys.scid,
        keys.did,
        f"{entries(keys)}, the last of {clock(int(keys.entries[-1].time.timestamp() * 1000))}",
        *(["Closed for good."] if keys.deactivated else []),
        *(line for did in order for line in _key(keys, did, view)),
        *(f"  repair   log {one.log[:12]} goes on with {one.keep[:12]} at position {one.seq}" for one in keys.repairs),
    ]


def entries(keys: KeyLog) -> str:
    """Say how many entries a key log has."""
    count = len(keys.entries)
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _key(keys: KeyLog, did: str, view: Viewpoint) -> Iterator[str]:
    kind, status = _kind(keys, did), _status(keys, did)
    word = kind if status == "current" else status
    yield f"  {word:<8} {did}{'  (this machine)' if did == view.here else ''}"
    revoked = keys.revoked.get(did)
    if revoked is None:
        return
    yield f"{_INDENT}{_WHOSE[kind]}, by entry {revoked.version}"
    if revoked.heir is not None:
        yield f"{_INDENT}heir {revoked.heir}"
    known = _logs(keys, did, view)
    for cut in revoked.at:
        where = view.names[known[cut.log]] if cut.log in known else f"log {cut.log[:12]}"
        yield f"{_INDENT}{where}: its work stands up to position {cut.seq} ({cut.op[:12]})"
    yield f"{_INDENT}{'elsewhere' if revoked.at else 'everywhere'}: nothing of its work stands"


def _kind(keys: KeyLog, did: str) -> str:
    purposes = keys.purposes(did)
    return "device" if ASSERTION in purposes else "agent" if AUTHENTICATION in purposes else "other"


def _status(keys: KeyLog, did: str) -> str:
    return "revoked" if did in keys.revoked else "current" if did in keys.current else "unlisted"


def _logs(keys: KeyLog, did: str, view: Viewpoint) -> dict[str, str]:
    """Return the commons followed here by the id of the log that a key has, or would have, there."""
    return {ids.log_id(commons, keys.scid, did): commons for commons in view.names}


def going_on(keys: KeyLog, here: str | None) -> list[str]:
    """Say which keys go on speaking for their owner in everything, once another does no longer."""
    return [f"{did}{' (this machine)' if did == here else ''} goes on." for did in sorted(keys.device_keys())]


# -- what a revocation leaves ----------------------------------------------------------------------------------------


def left_json(left: Sequence[Kept]) -> list[dict[str, Any]]:
    """Return what the logs of a revoked key keep as JSON."""
    return [
        {"commons": one.holding.commons, "log": one.holding.log, "held": one.holding.head.seq + 1,
         "kept": one.last[1] + 1 if one.last else 0, "last": one.last[2] if one.last else None}
        for one in left
    ]  # fmt: skip


ELSEWHERE = "Anywhere else nothing of its work stands; where you join later, wl id revoke KEY --keep all mends that."


def left_lines(left: Sequence[Kept]) -> list[str]:
    """Return what the logs of a revoked key keep as people read it."""
    return [f"  {one.holding.name}: {_left(one)}" for one in left]


def _left(one: Kept) -> str:
    held = one.holding.head.seq + 1
    kept = one.last[1] + 1 if one.last else 0
    if kept == 0:
        return f"none of the {held} operations held here counts any more"
    if kept >= held:
        return f"all {held} operations held here stand; what it wrote or writes after them counts for nothing"
    return f"the first {kept} of {held} operations stand, the others count for nothing"
