"""What a key log takes back: revoked keys with their cuts and heirs, and repairs of forked logs (protocol, section 3).

Both stand in the DID document under one more member, `wl`, and each document repeats what the one before said:

1. A key is revoked that an entry before listed. It stays revoked, and stands in no document from then on.
2. A *cut* names the last operation of one log that keeps its effect. It is never dropped nor lowered; it may be raised.
   A log of a revoked key for which no cut is named is cut at its first operation.
3. An *heir* is a device key of the document that first names it, and stays.
4. A *repair* says which operation a forked log goes on with, and stays.
5. All lists are sorted, nothing stands twice, and an unknown member makes the log unread.

By position and never by date: a thief can write any date.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec

from stamps.canon import MAX_INT
from stamps.errors import KeyFormatError, KeyLogError
from stamps.keys import PublicKey

MEMBER: Final = "wl"

LogId = Annotated[str, msgspec.Meta(pattern=r"\A[a-z2-7]{32}\Z")]
OpId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]


class Cut(msgspec.Struct, frozen=True):
    """Where a log of a revoked key ends.

    Attributes:
        log: The log.
        seq: The last position that keeps its effect.
        op: The operation at that position.
        version: The number, from 1, of the entry that first named exactly this cut.
    """

    log: str
    seq: int
    op: str
    version: int


class Revocation(msgspec.Struct, frozen=True):
    """A key that may no longer speak for its actor.

    Attributes:
        key: The did:key.
        heir: The key that what was the revoked one's passes to, or None.
        version: The number of the entry that revoked it.
        at: Sorted by log.
    """

    key: str
    heir: str | None
    version: int
    at: tuple[Cut, ...]

    def cut(self, log: str) -> Cut | None:
        """Return the cut named for a log; None means at its first operation."""
        return next((cut for cut in self.at if cut.log == log), None)


class Repair(msgspec.Struct, frozen=True):
    """Which branch of a forked log goes on.

    Attributes:
        log: The log.
        seq: Where it forks.
        keep: The operation at that position that is kept.
        version: The number of the entry that said so.
    """

    log: str
    seq: int
    keep: str
    version: int


class Withdrawn(msgspec.Struct, frozen=True):
    """Everything that a key log has taken back up to one of its entries."""

    revoked: Mapping[str, Revocation]
    repairs: tuple[Repair, ...]


NOTHING: Final = Withdrawn(MappingProxyType({}), ())


class _Revoked(msgspec.Struct, frozen=True):
    key: str
    at: tuple[tuple[LogId, Seq, OpId], ...]
    heir: str | msgspec.UnsetType = msgspec.UNSET


class _Repaired(msgspec.Struct, frozen=True):
    log: LogId
    seq: Seq
    keep: OpId


class _Said(msgspec.Struct, frozen=True):
    revoked: tuple[_Revoked, ...] = ()
    repairs: tuple[_Repaired, ...] = ()


def follow(
    before: Withdrawn, version: int, document: Mapping[str, Any],
    known: Mapping[str, object], current: Mapping[str, frozenset[str]], device: str,
) -> Withdrawn:  # fmt: skip
    """Return what stands withdrawn after one more document.

    Args:
        before: What stood withdrawn before it.
        version: The number of its entry, from 1.
        known: The did:keys that entries before it list.
        current: The did:keys that it lists itself, with their purposes.
        device: The purpose that makes a key a device key.

    Raises:
        KeyLogError: It breaks a rule (`reason` names it), or it needs a newer reader (`unread`).
    """
    said = _read(document.get(MEMBER, {}), version)
    _check_revoked(before, said, known, current)
    _check_repairs(before, said)
    devices = frozenset(key for key, purposes in current.items() if device in purposes)
    merged = {key: _merged(before.revoked.get(key), now, devices) for key, now in said.revoked.items()}
    repairs = {(repair.log, repair.seq): repair for repair in (*said.repairs, *before.repairs)}
    return Withdrawn(MappingProxyType(merged), tuple(repairs[place] for place in sorted(repairs)))


def member(withdrawn: Withdrawn) -> dict[str, Any]:
    """Return `wl` as a document has it; empty where nothing was taken back."""
    revoked = [_revoked_json(withdrawn.revoked[key]) for key in sorted(withdrawn.revoked)]
    repairs = [{"log": repair.log, "seq": repair.seq, "keep": repair.keep} for repair in withdrawn.repairs]
    return {name: value for name, value in (("revoked", revoked), ("repairs", repairs)) if value}


def _revoked_json(one: Revocation) -> dict[str, Any]:
    heir = {} if one.heir is None else {"heir": one.heir}
    return {"key": one.key, **heir, "at": [[cut.log, cut.seq, cut.op] for cut in one.at]}


# -- reading -------------------------------------------------------------------------------------------------------


def _read(value: object, version: int) -> Withdrawn:
    """Return what one document says, all of it dated to its own entry."""
    _refuse_unknown(value)
    try:
        said = msgspec.convert(value, _Said)
    except msgspec.ValidationError as error:
        raise KeyLogError("wl", f"what the document withdraws is malformed: {error}") from error
    _check_sorted(_did(one.key) for one in said.revoked)
    _check_sorted((one.log, one.seq) for one in said.repairs)
    return Withdrawn(
        {one.key: _revocation(one, version) for one in said.revoked},
        tuple(Repair(one.log, one.seq, one.keep, version) for one in said.repairs),
    )


def _refuse_unknown(value: object) -> None:
    """Refuse members of a newer protocol, wherever they stand."""
    _check_members([value], _Said)
    for name, kind in (("revoked", _Revoked), ("repairs", _Repaired)):
        listed = value.get(name) if isinstance(value, dict) else None
        _check_members(listed if isinstance(listed, list) else [], kind)


def _check_members(values: Iterable[object], kind: type[msgspec.Struct]) -> None:
    known = frozenset(kind.__struct_fields__)
    if not all(value.keys() <= known for value in values if isinstance(value, dict)):
        raise KeyLogError("document", "what the document withdraws has an unknown member", unread=True)


def _revocation(one: _Revoked, version: int) -> Revocation:
    _check_sorted(log for log, _, _ in one.at)
    heir = None if one.heir is msgspec.UNSET else _did(one.heir)
    return Revocation(one.key, heir, version, tuple(Cut(log, seq, op, version) for log, seq, op in one.at))


def _did(text: str) -> str:
    try:
        return PublicKey.from_did(text).did
    except KeyFormatError as error:
        raise KeyLogError("wl", f"a revoked key or an heir is {error}") from error


def _check_sorted(values: Iterable[Any]) -> None:
    listed = list(values)
    if listed != sorted(set(listed)):
        raise KeyLogError("wl", "a list of what the document withdraws is not sorted, or names something twice")


# -- the rules -----------------------------------------------------------------------------------------------------


def _check_revoked(
    before: Withdrawn, said: Withdrawn, known: Mapping[str, object], current: Mapping[str, object]
) -> None:
    if not before.revoked.keys() <= said.revoked.keys():
        raise KeyLogError("revoked", "a revocation was taken back")
    if not said.revoked.keys() <= known.keys():
        raise KeyLogError("revoked", "a key is revoked that no entry before lists")
    if said.revoked.keys() & current.keys():
        raise KeyLogError("revoked", "the document lists a revoked key")


def _check_repairs(before: Withdrawn, said: Withdrawn) -> None:
    keeps = {(repair.log, repair.seq): repair.keep for repair in said.repairs}
    if any(keeps.get((repair.log, repair.seq)) != repair.keep for repair in before.repairs):
        raise KeyLogError("repair", "a repair was changed or taken back")


def _merged(before: Revocation | None, now: Revocation, devices: frozenset[str]) -> Revocation:
    """Return a revocation with the versions in which its parts were first said."""
    if before is not None and before.heir not in (None, now.heir):
        raise KeyLogError("heir", "the heir of a revoked key was changed")
    if now.heir is not None and now.heir not in devices and (before is None or before.heir is None):
        raise KeyLogError("heir", "an heir is no device key of the document that names it")
    if before is None:
        return now
    return Revocation(now.key, now.heir, before.version, _merged_cuts(before, now))


def _merged_cuts(before: Revocation, now: Revocation) -> tuple[Cut, ...]:
    for cut in before.at:
        raised = now.cut(cut.log)
        if raised is None or raised.seq < cut.seq or (raised.seq == cut.seq and raised.op != cut.op):
            raise KeyLogError("cut", f"the cut of log {cut.log[:12]} was lowered or dropped")
    named = {(cut.log, cut.seq): cut for cut in before.at}
    return tuple(named.get((cut.log, cut.seq), cut) for cut in now.at)
