"""Witnesses of a did:webvh history: others who approve each of its entries ("DID Witnesses" of the specification).

1. A list of witnesses binds the entries after the one that names it; that of a first entry binds the first, too.
2. An entry is approved by those of its witnesses who have signed its `versionId`, or that of a later entry of the
   same history; as many as the threshold are needed.
3. Signatures on entries that the history does not have say nothing.

So whoever takes a witness out needs its approval for that, or nobody would have to ask one.
Source: https://identity.foundation/didwebvh/v1.0/#did-witnesses
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stamps import dataintegrity
from stamps.errors import CanonError, CredentialError, KeyLogError
from stamps.jcs import jcs_parse

MAX_FILE: Final = 256 * 1024


class Witness(msgspec.Struct, frozen=True):
    """One witness: a did:key, or its Multikey alone, as some write it."""

    id: str

    @property
    def did(self) -> str:
        """The did:key."""
        return self.id if self.id.startswith("did:") else f"did:key:{self.id}"


class Witnesses(msgspec.Struct, frozen=True):
    """The parameter `witness`; without a threshold nobody is asked."""

    threshold: int = 0
    witnesses: tuple[Witness, ...] = ()


class Signed(msgspec.Struct, frozen=True, rename="camel"):
    """What witnesses have signed of one entry, as the file `did-witness.json` holds it."""

    version_id: str
    proof: dict[str, Any] | tuple[dict[str, Any], ...] = ()


NOBODY: Final = Witnesses()


def parse(value: object) -> Witnesses:
    """Read the parameter.

    Raises:
        KeyLogError: It is malformed, or asks for more witnesses than it names.
    """
    try:
        found = msgspec.convert(value, Witnesses)
    except msgspec.ValidationError as error:
        raise KeyLogError("witness", f"the witnesses are malformed: {error}") from error
    dids = {witness.did for witness in found.witnesses}
    fits = 1 <= found.threshold <= len(dids) == len(found.witnesses)
    if found != NOBODY and not fits:
        raise KeyLogError("witness", "the threshold does not fit the witnesses")
    return found


def check(version_ids: Sequence[str], in_force: Sequence[Witnesses], raw: bytes) -> None:
    """Hold every entry against its witnesses.

    Args:
        version_ids: Those of the history, in order.
        in_force: For each entry, the witnesses that its own parameters leave in force.
        raw: The file `did-witness.json`.

    Raises:
        KeyLogError: The file is none, or an entry is not approved.
    """
    latest = _latest(version_ids, _read(raw))
    for at, version_id in enumerate(version_ids):
        needed = in_force[max(at - 1, 0)]
        approved = sum(latest.get(witness.did, -1) >= at for witness in needed.witnesses)
        if approved < needed.threshold:
            said = f"{approved} of {needed.threshold} witnesses have approved entry {version_id.partition('-')[0]}"
            raise KeyLogError("witness", f"{said} that are needed")


def _read(raw: bytes) -> tuple[Signed, ...]:
    if len(raw) > MAX_FILE:
        raise KeyLogError("witness", f"the file of witnesses is larger than {MAX_FILE >> 10} KiB")
    try:
        return msgspec.convert(jcs_parse(raw), tuple[Signed, ...])
    except (CanonError, msgspec.ValidationError) as error:
        raise KeyLogError("witness", f"the file of witnesses is malformed: {error}") from error


def _latest(version_ids: Sequence[str], signed: Iterable[Signed]) -> Mapping[str, int]:
    """Return did:key → the furthest entry that it has signed, counted from 0."""
    places = {version_id: at for at, version_id in enumerate(version_ids)}
    latest: dict[str, int] = {}
    for each in signed:
        at = places.get(each.version_id)
        for proof in (each.proof,) if isinstance(each.proof, dict) else each.proof:
            did = _signer(each.version_id, proof) if at is not None else None
            if did is not None and at is not None:
                latest[did] = max(at, latest.get(did, 0))
    return latest


def _signer(version_id: str, proof: dict[str, Any]) -> str | None:
    """Return the did:key that signed; a signature that does not hold says nothing."""
    try:
        return dataintegrity.verify({"versionId": version_id, "proof": proof}).did
    except CredentialError:
        return None
