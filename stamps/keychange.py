"""Writing the next entry of a key log (protocol, section 3).

1. An entry is signed by the update key that the entry before announced, and announces another: each signs once.
2. An update key signs nothing else: it is never a device's or an agent's.
3. What a change does not mention stays as it is.

What is written is verified before it is returned, so no rule is kept twice.
"""

from collections.abc import Iterable
from copy import deepcopy
from types import MappingProxyType
from typing import Any, Final

import msgspec

from stamps import keylog, revocation, timestamp, webvh
from stamps.errors import KeyLogError
from stamps.keylog import ASSERTION, AUTHENTICATION, KeyLog
from stamps.keys import PublicKey, Signer
from stamps.revocation import Cut, Repair, Revocation, Withdrawn

_PURPOSES: Final = (ASSERTION, AUTHENTICATION)

Place = tuple[str, int, str]
"""Log, position, operation."""


class Revoke(msgspec.Struct, frozen=True, kw_only=True):
    """A key to revoke; or, of one that is revoked, a cut to raise or an heir to name.

    Attributes:
        key: The did:key.
        heir: The did:key of a device that what was the key's passes to.
        at: The last operation to keep of each of its logs; of others nothing is kept.
    """

    key: str
    heir: str | None = None
    at: tuple[Place, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry changes; nothing at all where only the update key is to be another.

    Attributes:
        add: Keys with their purpose, `assertionMethod` for a device or `authentication` for an agent.
        revoke: Keys that may speak no longer.
        repairs: Forked logs, where they fork, and the operation there that is kept.
        location: Where the DID moves to: what follows the SCID, as in `example.org:people:ann`.
        deactivate: Whether this is the last entry there shall ever be.
    """

    add: tuple[tuple[PublicKey, str], ...] = ()
    revoke: tuple[Revoke, ...] = ()
    repairs: tuple[Place, ...] = ()
    location: str | None = None
    deactivate: bool = False


def extend(log: KeyLog, update: Signer, next_update: PublicKey, time: str, change: Change) -> bytes:
    """Return the whole key log with one more entry.

    Args:
        log: The log so far.
        update: The update key that its last entry announced; never to be used again.
        next_update: The only key that can sign the entry after this one.
        time: Now, as `YYYY-MM-DDTHH:MM:SSZ`; later than the last entry.
        change: What is to be another from here on.

    Raises:
        KeyLogError: `update` is not the key announced, a key has two roles, the time does not rise, or what would
            come of it does not verify (`reason` names the rule).
    """
    last = log.entries[-1]
    _check_update(last, update.public)
    _check_roles(log, update.public, next_update, change)
    _check_time(last, time)
    entry = {
        "versionId": last.version_id,
        "versionTime": time,
        "parameters": _parameters(update.public, next_update, change),
        "state": _document(log, change),
    }
    raw = log.raw + webvh.seal(entry, len(log.entries) + 1, update)
    keylog.verify(raw)
    return raw


def _parameters(update: PublicKey, next_update: PublicKey, change: Change) -> dict[str, Any]:
    keys = {"updateKeys": [update.multibase], "nextKeyHashes": [webvh.key_hash(next_update)]}
    return keys | ({"deactivated": True} if change.deactivate else {})


# -- what is refused before anything is signed ---------------------------------------------------------------------


def _check_update(last: webvh.Entry, update: PublicKey) -> None:
    if not announces(last, update):
        raise KeyLogError("rotation", "this is not the recovery key that the key log's last entry announced")


def announces(entry: webvh.Entry, update: PublicKey) -> bool:
    """Say whether a key may sign the entry that follows."""
    if entry.next_key_hashes:
        return webvh.key_hash(update) in entry.next_key_hashes
    return update.multibase in entry.update_keys


def _check_roles(log: KeyLog, update: PublicKey, next_update: PublicKey, change: Change) -> None:
    spent = {key for entry in log.entries for key in entry.update_keys} | {update.multibase}
    if next_update.multibase in spent or next_update.did in log.keys:
        raise KeyLogError("keys", "the next update key must be one that was never used")
    for key, purpose in change.add:
        if purpose not in _PURPOSES:
            raise KeyLogError("purpose", f"a key is added for {' or '.join(_PURPOSES)}, not for {purpose}")
        if key.did in log.current:
            raise KeyLogError("keys", f"{key.did} is listed already")
        if key.multibase in spent or key == next_update:
            raise KeyLogError("keys", f"{key.did} is an update key and cannot be used for anything else")


def _check_time(last: webvh.Entry, time: str) -> None:
    try:
        rises = timestamp.parse(time) > last.time
    except ValueError as error:
        raise KeyLogError("time", f"the time is {error}") from error
    if not rises:
        raise KeyLogError("time", f"{time} is not later than the key log's last entry, {last.time:%Y-%m-%dT%H:%M:%SZ}")


# -- the new document ----------------------------------------------------------------------------------------------


def _document(log: KeyLog, change: Change) -> dict[str, Any]:
    document = deepcopy(log.entries[-1].document)
    if change.location is not None:
        document = _moved(document, f"did:webvh:{log.scid}:{change.location}")
    _drop(document, frozenset(one.key for one in change.revoke))
    for key, purpose in change.add:
        method = keylog.verification_method(document["id"], key)
        document.setdefault("verificationMethod", []).append(method)
        document.setdefault(purpose, []).append(method["id"])
    document.pop(revocation.MEMBER, None)
    withdrawn = revocation.member(_withdrawn(log, change))
    return document | ({revocation.MEMBER: withdrawn} if withdrawn else {})


def _moved(document: dict[str, Any], did: str) -> dict[str, Any]:
    """Give a document another DID, with its former ones as other names (did:webvh 1.0, "DID Portability")."""
    before: str = document["id"]
    if did == before:
        return document
    names = [*document.get("alsoKnownAs", []), before]
    moved: dict[str, Any] = _renamed(document, before, did)
    return moved | {"alsoKnownAs": [name for name in dict.fromkeys(names) if name != did]}


def _renamed(value: Any, before: str, did: str) -> Any:
    """Put the new DID wherever the former one stands, alone or before a fragment, path or query."""
    if isinstance(value, dict):
        return {name: _renamed(member, before, did) for name, member in value.items()}
    if isinstance(value, list):
        return [_renamed(member, before, did) for member in value]
    if isinstance(value, str) and (value == before or value.startswith((f"{before}#", f"{before}/", f"{before}?"))):
        return did + value.removeprefix(before)
    return value


def _drop(document: dict[str, Any], keys: frozenset[str]) -> None:
    """Take keys out of a document, whatever they are listed for."""
    methods = document.get("verificationMethod", [])
    gone = [one["id"] for one in methods if PublicKey.from_multibase(one["publicKeyMultibase"]).did in keys]
    if not gone:
        return
    for name, listed in document.items():
        if name == "verificationMethod":
            document[name] = [one for one in listed if one["id"] not in gone]
        elif name != "alsoKnownAs" and isinstance(listed, list):
            document[name] = [one for one in listed if one not in gone]


def _withdrawn(log: KeyLog, change: Change) -> Withdrawn:
    revoked = dict(log.revoked)
    for one in change.revoke:
        revoked[one.key] = _revocation(revoked.get(one.key), one)
    repairs = {(each.log, each.seq): each for each in (*log.repairs, *_repairs(change.repairs))}
    return Withdrawn(MappingProxyType(revoked), tuple(repairs[place] for place in sorted(repairs)))


def _revocation(before: Revocation | None, one: Revoke) -> Revocation:
    """Return a revocation as the document will have it; its versions are the reader's to count."""
    cuts = {cut.log: cut for cut in before.at} if before else {}
    cuts |= {log: Cut(log, seq, op, 0) for log, seq, op in one.at}
    heir = one.heir or (before.heir if before else None)
    return Revocation(one.key, heir, 0, tuple(cuts[log] for log in sorted(cuts)))


def _repairs(places: Iterable[Place]) -> Iterable[Repair]:
    return (Repair(log, seq, keep, 0) for log, seq, keep in places)
