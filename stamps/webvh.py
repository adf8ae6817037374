"""Histories in did:webvh 1.0: a DID document, every version of it, and proof that nobody else wrote one.

One JSON object a line, oldest first. A history verifies when:

1. Each line has at most `MAX_ENTRY` bytes with its LF, and is I-JSON with exactly the members of an entry.
2. `versionId` is `<n>-<hash>`: n counts from 1, the hash covers the entry and names the one before.
3. The SCID is the hash of the first entry with `{SCID}` in its own place, so an identifier cannot be chosen.
4. `versionTime` is in UTC and rises.
5. One proof, eddsa-jcs-2022, by an active update key: one of the entry's own where it is the first, or where
   the entry before announced `nextKeyHashes` (and then every key named must have been announced); else one of
   the entry before.
6. `portable` is granted in the first entry or never; the DID moves only under it, and names its former self.
7. Nothing follows a deactivation.
8. Where witnesses are named, enough of them have approved every entry (`stamps.witnesses`).

A method version, parameter or member that this reader does not know makes a history unread, not invalid; so
do witnesses where the file with their proofs is not at hand. Specification: https://identity.foundation/didwebvh/v1.0/
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from stamps import dataintegrity, timestamp, witnesses
from stamps.encoding import base58_encode
from stamps.errors import CanonError, CredentialError, KeyLogError
from stamps.jcs import jcs_encode, jcs_parse
from stamps.keys import PublicKey, Signer
from stamps.witnesses import NOBODY, Witnesses

METHOD: Final = "did:webvh:1.0"
PLACEHOLDER: Final = "{SCID}"
MAX_ENTRY: Final = 16 * 1024

# Multihash code and length of SHA2-256, the one hash that version 1.0 permits.
_SHA2_256: Final = b"\x12\x20"
_MEMBERS: Final = frozenset(("versionId", "versionTime", "parameters", "state", "proof"))


class Parameters(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The parameters of one entry; what is unset keeps its value from the entry before.

    Source: did:webvh 1.0, "DID Method Parameters".
    """

    method: str | UnsetType = UNSET
    scid: str | UnsetType = UNSET
    update_keys: tuple[str, ...] | UnsetType = UNSET
    next_key_hashes: tuple[str, ...] | UnsetType = UNSET
    portable: bool | UnsetType = UNSET
    deactivated: bool | UnsetType = UNSET
    witness: Witnesses | UnsetType = UNSET
    watchers: tuple[str, ...] | UnsetType = UNSET
    ttl: int | UnsetType = UNSET


_PARAMETERS: Final = frozenset(Parameters.__struct_encode_fields__)
# Those that an entry inherits and this module acts on, with their values where nobody has set them.
_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"update_keys": (), "next_key_hashes": (), "portable": False, "deactivated": False, "witness": NOBODY}
)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One verified entry, with the parameters in force after it.

    Attributes:
        version_id: `<n>-<hash>`.
        time: `versionTime`.
        document: The DID document from here on.
        update_keys: Multikeys that may sign the next entry, unless that one is bound by `next_key_hashes`.
        next_key_hashes: Hashes of the only keys the next entry may name; empty without pre-rotation.
        portable: Whether the DID may move.
        deactivated: Whether this is the last entry there can be.
        witness: Who must approve the next entry.
        raw: The line in canonical form (RFC 8785 and one LF).
    """

    version_id: str
    time: datetime
    document: dict[str, Any]
    update_keys: tuple[str, ...]
    next_key_hashes: tuple[str, ...]
    portable: bool
    deactivated: bool
    witness: Witnesses
    raw: bytes

    @property
    def did(self) -> str:
        """The DID from this entry on."""
        did: str = self.document["id"]
        return did


def verify(raw: bytes, witnessed: bytes | None = None) -> tuple[str, tuple[Entry, ...]]:
    """Return the SCID and the entries of a history.

    Args:
        raw: The file `did.jsonl`.
        witnessed: The file `did-witness.json`, if there is one.

    Raises:
        KeyLogError: it breaks a rule (`reason` names it), or it needs a newer reader (`unread`).
    """
    scid = ""
    entries: list[Entry] = []
    for line in _lines(raw):
        body = _parse(line)
        parameters = _parameters(body["parameters"])
        scid = scid or _scid(body, parameters)
        entries.append(_entry(body, parameters, scid, entries[-1] if entries else None))
    _check_witnesses(entries, witnessed)
    return scid, tuple(entries)


def seal(entry: dict[str, Any], number: int, signer: Signer) -> bytes:
    """Return the line of an entry that is complete but for its own hash and its proof.

    Args:
        entry: Its `versionId` is that of the entry before, or the SCID in a first one.
        number: Which entry of the history this is, from 1.
        signer: A key that may update the history.
    """
    hashed = entry | {"versionId": f"{number}-{multihash(jcs_encode(entry))}"}
    signed = dataintegrity.sign(hashed, signer, created=entry["versionTime"])
    return jcs_encode(signed | {"proof": [signed["proof"]]}) + b"\n"


def multihash(data: bytes) -> str:
    """Return base58btc(multihash(data)) with SHA2-256, as SCIDs and entry hashes are written."""
    return base58_encode(_SHA2_256 + hashlib.sha256(data).digest())


def key_hash(key: PublicKey) -> str:
    """Return the pre-rotation hash of a key: that of its Multikey text."""
    return multihash(key.multibase.encode())


def _lines(raw: bytes) -> list[bytes]:
    lines = raw.removesuffix(b"\n").split(b"\n")
    if any(len(line) >= MAX_ENTRY for line in lines):
        raise KeyLogError("size", f"an entry is longer than {MAX_ENTRY} bytes")
    return lines


def _parse(line: bytes) -> dict[str, Any]:
    try:
        body = jcs_parse(line)
    except CanonError as error:
        raise KeyLogError("json", f"an entry is {error}") from error
    if not isinstance(body, dict) or not body.keys() >= _MEMBERS:
        raise KeyLogError("entry", "an entry lacks a member")
    if not body.keys() <= _MEMBERS:
        raise KeyLogError("entry", "an entry has an unknown member", unread=True)
    return body


def _parameters(value: object) -> Parameters:
    if isinstance(value, dict) and not value.keys() <= _PARAMETERS:
        raise KeyLogError("parameter", "an entry has an unknown parameter", unread=True)
    own = value.get("witness") if isinstance(value, dict) else None
    if own is not None:
        witnesses.parse(own)
    try:
        parameters = msgspec.convert(value, Parameters)
    except msgspec.ValidationError as error:
        raise KeyLogError("parameter", f"a parameter is malformed: {error}") from error
    if parameters.method not in (UNSET, METHOD):
        raise KeyLogError("method", "the log needs another version of did:webvh", unread=True)
    return parameters


def _check_witnesses(entries: Sequence[Entry], witnessed: bytes | None) -> None:
    in_force = [entry.witness for entry in entries]
    if witnessed is not None:
        witnesses.check([entry.version_id for entry in entries], in_force, witnessed)
    elif any(each.threshold for each in in_force):
        said = "the log is bound to witnesses, and did-witness.json, which holds what they have signed, is not here"
        raise KeyLogError("witness", said, unread=True)


def _scid(body: dict[str, Any], parameters: Parameters) -> str:
    """Return the SCID of a first entry, recomputed ("SCID Generation and Verification")."""
    if parameters.method is UNSET or not isinstance(parameters.scid, str) or not parameters.scid:
        raise KeyLogError("parameter", "the first entry names no method or no SCID")
    draft = jcs_encode(_without_proof(body) | {"versionId": PLACEHOLDER})
    if multihash(draft.replace(parameters.scid.encode(), PLACEHOLDER.encode())) != parameters.scid:
        raise KeyLogError("scid", "the SCID is not the hash of the first entry")
    return parameters.scid


def _entry(body: dict[str, Any], parameters: Parameters, scid: str, before: Entry | None) -> Entry:
    """Hold one entry against rules 2 to 7; `before` is the one it follows."""
    if before and before.deactivated:
        raise KeyLogError("deactivated", "an entry follows the deactivation")
    entry = Entry(
        version_id=_version_id(body, before.version_id if before else scid),
        time=_time(body["versionTime"], before),
        document=_document(body["state"], scid),
        raw=jcs_encode(body) + b"\n",
        **_in_force(parameters, before),
    )
    _check_parameters(parameters, before)
    _check_move(entry, before)
    _check_rotation(parameters, before)
    _check_proof(body, _active_keys(entry, before))
    return entry


def _version_id(body: dict[str, Any], predecessor: str) -> str:
    """Return `versionId` once its number and hash hold ("Entry Hash Generation and Verification")."""
    # An SCID has no dash, so what stands before the dash of a first entry's predecessor is empty.
    number = int(predecessor.rpartition("-")[0] or 0) + 1
    version_id = f"{number}-{multihash(jcs_encode(_without_proof(body) | {'versionId': predecessor}))}"
    if body["versionId"] != version_id:
        raise KeyLogError("hash", "versionId does not follow from the entry and the one before")
    return version_id


def _time(value: object, before: Entry | None) -> datetime:
    try:
        time = timestamp.parse(value if isinstance(value, str) else "")
    except ValueError as error:
        raise KeyLogError("time", f"versionTime is {error}") from error
    if before and time <= before.time:
        raise KeyLogError("time", "versionTime does not rise")
    return time


def _document(state: object, scid: str) -> dict[str, Any]:
    did = state.get("id") if isinstance(state, dict) else None
    prefix = f"did:webvh:{scid}:"
    if not isinstance(state, dict) or not isinstance(did, str) or not did.startswith(prefix) or did == prefix:
        raise KeyLogError("did", "the document is not about this SCID")
    return state


def _in_force(parameters: Parameters, before: Entry | None) -> dict[str, Any]:
    """Return the parameters in force after an entry: its own, else those before, else the defaults."""
    inherited = {name: getattr(before, name) for name in _DEFAULTS} if before else _DEFAULTS
    own = {name: getattr(parameters, name) for name in _DEFAULTS}
    return {name: inherited[name] if value is UNSET else value for name, value in own.items()}


def _check_parameters(parameters: Parameters, before: Entry | None) -> None:
    if before is None:
        return
    if parameters.scid is not UNSET:
        raise KeyLogError("parameter", "only the first entry names the SCID")
    if parameters.portable is True and not before.portable:
        raise KeyLogError("portable", "portability was granted after the first entry")


def _check_move(entry: Entry, before: Entry | None) -> None:
    """Hold a change of the DID against "DID Portability"."""
    if before is None or entry.did == before.did:
        return
    if not entry.portable:
        raise KeyLogError("portable", "the DID moved and is not portable")
    if before.did not in _list(entry.document.get("alsoKnownAs")):
        raise KeyLogError("portable", "the DID moved and does not name its former self")


def _check_rotation(parameters: Parameters, before: Entry | None) -> None:
    """Under pre-rotation an entry names its keys, each announced before ("Pre-Rotation Key Hash…")."""
    if before is None or not before.next_key_hashes:
        return
    if parameters.update_keys is UNSET or parameters.next_key_hashes is UNSET:
        raise KeyLogError("rotation", "under pre-rotation an entry names updateKeys and nextKeyHashes")
    announced = frozenset(before.next_key_hashes)
    if not all(multihash(key.encode()) in announced for key in parameters.update_keys):
        raise KeyLogError("rotation", "an update key was not announced by the entry before")


def _active_keys(entry: Entry, before: Entry | None) -> tuple[str, ...]:
    """Return the Multikeys one of which must have signed `entry` ("Authorized Keys")."""
    if before is None or before.next_key_hashes:
        return entry.update_keys
    return before.update_keys


def _check_proof(body: dict[str, Any], active: tuple[str, ...]) -> None:
    if not isinstance(body["proof"], list):
        raise KeyLogError("proof", "proof is not an array")
    try:
        key = dataintegrity.verify(body)
    except CredentialError as error:
        raise KeyLogError("proof", str(error)) from error
    if key.multibase not in active:
        raise KeyLogError("proof", "the entry is signed by a key that may not update the log")


def _without_proof(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "proof"}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
