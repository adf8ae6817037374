"""An actor's key log: who may sign in its name, and for what (protocol, section 2).

A key log is a did:webvh history (`webvh` says when one verifies) whose documents keep two more rules:

1. Its keys are Ed25519 Multikeys, at most `MAX_KEYS` over all entries.
2. No key ever changes its purposes.
3. What it takes back stays taken back (`revocation` has the rules).

A document with a member this reader does not know makes the log unread: to pass over a revocation would be
worse than to stop.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from stamps import dataintegrity, revocation, timestamp, webvh
from stamps.errors import KeyFormatError, KeyLogError
from stamps.jcs import jcs_encode
from stamps.keys import PublicKey, Signer
from stamps.revocation import Cut, Repair, Revocation

MAX_KEYS: Final = 32
DOMAIN: Final = "wasteland.invalid"

ASSERTION: Final = dataintegrity.ASSERTION
AUTHENTICATION: Final = "authentication"

_CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1")
# What a document may say without changing whose signature counts.
_MEMBERS: Final = frozenset(
    (
        "@context",
        "id",
        "controller",
        "alsoKnownAs",
        "service",
        "verificationMethod",
        ASSERTION,
        AUTHENTICATION,
        "keyAgreement",
        "capabilityInvocation",
        "capabilityDelegation",
        revocation.MEMBER,
    )
)


class KeyLog(msgspec.Struct, frozen=True, kw_only=True):
    """A key log that verified.

    Attributes:
        scid: The actor.
        entries: Oldest first, at least one.
        keys: Every did:key that any entry lists, with its purposes; revoked ones too, for what they signed before.
        current: The did:keys that the last entry lists, with their purposes.
        revoked: The did:keys that may speak no longer, each with where its logs end.
        repairs: Which branches of forked logs go on, sorted by log and position.
    """

    scid: str
    entries: tuple[webvh.Entry, ...]
    keys: Mapping[str, frozenset[str]]
    current: Mapping[str, frozenset[str]]
    revoked: Mapping[str, Revocation]
    repairs: tuple[Repair, ...]

    @property
    def did(self) -> str:
        """The DID as the last entry has it."""
        return self.entries[-1].did

    @property
    def first_did(self) -> str:
        """The DID as the first entry has it: what credentials name, so that a later move changes none."""
        return self.entries[0].did

    @property
    def deactivated(self) -> bool:
        """Whether the actor has closed its log."""
        return self.entries[-1].deactivated

    @property
    def raw(self) -> bytes:
        """The log in canonical form: one log, one sequence of bytes, however a peer spaced it."""
        return b"".join(entry.raw for entry in self.entries)

    def device_keys(self) -> frozenset[str]:
        """Return the did:keys that the last entry lists for `assertionMethod`."""
        return frozenset(did for did, purposes in self.current.items() if ASSERTION in purposes)

    def allows(self, did_key: str, purpose: str) -> bool:
        """Say whether any entry gives `did_key` this purpose; revocation is judged by position, not here."""
        return purpose in self.purposes(did_key)

    def purposes(self, did_key: str) -> frozenset[str]:
        """Return what a key was ever for; nothing where no entry lists it."""
        return self.keys.get(did_key, frozenset())

    def heir_of(self, did_key: str) -> str | None:
        """Return the key that what was a revoked key's passes to; that one may be revoked in its turn."""
        revoked = self.revoked.get(did_key)
        return revoked.heir if revoked else None

    def cut(self, did_key: str, log: str) -> Cut | None:
        """Return the cut that is named for a log of a revoked key; without one the log ends before it begins."""
        revoked = self.revoked.get(did_key)
        return revoked.cut(log) if revoked else None


def incept(*, update: Signer, next_update: PublicKey, device: PublicKey, time: str) -> bytes:
    """Return the one-entry log of a new actor.

    Args:
        update: Signs this entry and is never used again.
        next_update: The only key that can sign the next entry; its private half belongs in a safe place.
        device: The first `assertionMethod` key.
        time: Now, as `YYYY-MM-DDTHH:MM:SSZ`.

    Raises:
        KeyLogError: `time` has another form, or one key was given two roles.
    """
    _check_roles(update.public, next_update, device, time)
    scid = webvh.multihash(jcs_encode(_draft(webvh.PLACEHOLDER, update.public, next_update, device, time)))
    return webvh.seal(_draft(scid, update.public, next_update, device, time), 1, update)


def verify(raw: bytes) -> KeyLog:
    """Return the key log in `raw`.

    Raises:
        KeyLogError: it does not verify (`reason` names the rule), or it needs a newer reader (`unread`).
    """
    scid, entries = webvh.verify(raw)
    keys: dict[str, frozenset[str]] = {}
    current: dict[str, frozenset[str]] = {}
    withdrawn = revocation.NOTHING
    for version, entry in enumerate(entries, 1):
        current = _document_keys(entry.document)
        _check_unchanged(keys, current)
        withdrawn = revocation.follow(withdrawn, version, entry.document, keys, current, ASSERTION)
        keys |= current
    if len(keys) > MAX_KEYS:
        raise KeyLogError("keys", f"the actor has more than {MAX_KEYS} keys")
    return KeyLog(
        scid=scid, entries=entries, keys=MappingProxyType(keys), current=MappingProxyType(current),
        revoked=withdrawn.revoked, repairs=withdrawn.repairs,
    )  # fmt: skip


def _check_roles(update: PublicKey, next_update: PublicKey, device: PublicKey, time: str) -> None:
    if len({update, next_update, device}) != 3:
        raise KeyLogError("keys", "the update key, the next one and the device key must differ")
    try:
        timestamp.parse(time)
    except ValueError as error:
        raise KeyLogError("time", f"the time is {error}") from error


def _draft(scid: str, update: PublicKey, next_update: PublicKey, device: PublicKey, time: str) -> dict[str, Any]:
    """Return the preliminary entry ("SCID Generation"), with `scid` or its placeholder wherever it stands."""
    return {
        "versionId": scid,
        "versionTime": time,
        "parameters": {
            "method": webvh.METHOD,
            "scid": scid,
            "portable": True,
            "updateKeys": [update.multibase],
            "nextKeyHashes": [webvh.key_hash(next_update)],
        },
        "state": _document(f"did:webvh:{scid}:{DOMAIN}", device),
    }


def _document(did: str, device: PublicKey) -> dict[str, Any]:
    method = verification_method(did, device)
    return {"@context": list(_CONTEXTS), "id": did, "verificationMethod": [method], ASSERTION: [method["id"]]}


def verification_method(did: str, key: PublicKey) -> dict[str, str]:
    """Return how a key stands in the document of a DID (Controlled Identifiers 1.0, section 2.2)."""
    name = f"{did}#{key.multibase}"
    return {"id": name, "type": "Multikey", "controller": did, "publicKeyMultibase": key.multibase}


def _document_keys(document: dict[str, Any]) -> dict[str, frozenset[str]]:
    """Return the did:keys of one DID document, each with its purposes."""
    if not document.keys() <= _MEMBERS:
        raise KeyLogError("document", "the DID document has an unknown member", unread=True)
    purposes: dict[str, set[str]] = {}
    for method in _list(document, "verificationMethod"):
        name, key = _method(method)
        purposes.setdefault(key.did, set()).update(_purposes(document, name))
    return {did: frozenset(names) for did, names in purposes.items()}


def _method(method: object) -> tuple[str, PublicKey]:
    """Return the id and the key of one verification method."""
    if not isinstance(method, dict) or method.get("type") != "Multikey":
        raise KeyLogError("document", "a verification method is no Multikey", unread=True)
    name, multikey = method.get("id"), method.get("publicKeyMultibase")
    if not isinstance(name, str) or not isinstance(multikey, str):
        raise KeyLogError("document", "a verification method lacks its id or its key")
    try:
        return name, PublicKey.from_multibase(multikey)
    except KeyFormatError as error:
        raise KeyLogError("keys", f"a verification method is {error}") from error


def _purposes(document: dict[str, Any], name: str) -> Iterable[str]:
    return [purpose for purpose in (ASSERTION, AUTHENTICATION) if name in _list(document, purpose)]


def _list(document: dict[str, Any], member: str) -> list[object]:
    value = document.get(member, [])
    if not isinstance(value, list):
        raise KeyLogError("document", f"{member} is not an array")
    return value


def _check_unchanged(known: Mapping[str, frozenset[str]], document: Mapping[str, frozenset[str]]) -> None:
    for did, purposes in document.items():
        if known.get(did, purposes) != purposes:
            raise KeyLogError("purpose", f"{did} changed its purpose")
