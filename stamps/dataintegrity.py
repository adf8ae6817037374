"""Data Integrity proofs of the suite eddsa-jcs-2022 (W3C vc-di-eddsa 1.0, section 3.3).

1. Exactly one proof, and no member in it but those signed here, so nothing in a proof goes unread.
2. The verification method is a did:key, unless the caller knows others: the proof is checked without a network.
3. A proof's `@context` is absent or the document's own; a shorter one would leave some of it unsigned.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from stamps.encoding import base58_decode, base58_encode
from stamps.errors import CanonError, CredentialError, KeyFormatError, quoted
from stamps.jcs import jcs_encode
from stamps.keys import PublicKey, Signer

# JSON from strangers: each member is checked where it is used.
Document: TypeAlias = dict[str, Any]
# Verification method → its key.
KeyOf: TypeAlias = Callable[[str], PublicKey]

ASSERTION: Final = "assertionMethod"
_TYPE: Final = "DataIntegrityProof"
_SUITE: Final = "eddsa-jcs-2022"
_MEMBERS: Final = frozenset(
    ("type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue", "@context")
)
# XML Schema dateTimeStamp, as Data Integrity section 2.1 asks of `created`.
_is_timestamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch


def sign(
    document: Document,
    signer: Signer,
    *,
    created: str,
    purpose: str = ASSERTION,
    verification_method: str | None = None,
) -> Document:
    """Return `document` with a proof by `signer` (section 3.3.1).

    Args:
        document: What to sign; left as it is.
        signer: The key.
        created: The time the proof states, in RFC 3339.
        purpose: The verification relationship the proof claims.
        verification_method: Another name of the key; its did:key by default.

    Raises:
        CanonError: `document` has no canonical form.
    """
    method = verification_method or method_of(signer.public)
    config = proof_config(document, created=created, method=method, purpose=purpose)
    signature = signer.sign(proof_hash(document, config))
    return with_proof(document, config, signature)


def did_key(method: str) -> PublicKey:
    """Return the key that a verification method of a did:key names: the DID, `#`, its Multikey again.

    Raises:
        CredentialError: it names none.
    """
    did, _, fragment = method.partition("#")
    try:
        key = PublicKey.from_did(did)
    except KeyFormatError as error:
        raise CredentialError("method", f"its key {quoted(method)} is no usable did:key: {error}") from error
    if fragment != key.multibase:
        raise CredentialError("method", "the verification method names another key than its DID")
    return key


def verify(document: Document, *, purpose: str = ASSERTION, key_of: KeyOf = did_key) -> PublicKey:
    """Return the key whose proof `document` carries (section 3.3.2).

    Args:
        document: With its proof.
        purpose: The verification relationship that the proof must claim.
        key_of: Says which key a verification method is.

    Raises:
        CredentialError: no proof or more than one, another type, suite, purpose or method, or a signature
            that does not hold.
    """
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    config = dict(only_proof(document))
    signature = _signature(config.pop("proofValue", None))
    _check_config(config, unsecured, purpose)
    method = config.get("verificationMethod")
    if not isinstance(method, str):
        raise CredentialError("method", "the proof names no key")
    key = key_of(method)
    try:
        holds = key.verify(proof_hash(unsecured, config), signature)
    except CanonError as error:
        raise CredentialError("document", str(error)) from error
    if not holds:
        raise CredentialError("signature", f"its signature is not {key.did}'s: it was changed, or signed by another")
    return key


def only_proof(document: Document) -> Document:
    """Return the one proof of a document; its suite and members are looked at, its signature is not.

    Raises:
        CredentialError: there is none, or more than one, or one of another suite.
    """
    proof = document.get("proof")
    if isinstance(proof, list) and len(proof) == 1:
        proof = proof[0]
    if isinstance(proof, list) and proof:
        raise CredentialError("proof", f"it is signed {len(proof)} times, where exactly one proof is wanted")
    if not isinstance(proof, dict):
        raise CredentialError("proof", "it is not signed")
    _check_suite(proof)
    if unknown := sorted(proof.keys() - _MEMBERS):
        raise CredentialError("proof", f"its proof has a member that this reader does not know: {quoted(unknown[0])}")
    return proof


def method_of(key: PublicKey) -> str:
    """Return the verification method of a did:key: the DID, `#`, its Multikey."""
    return f"{key.did}#{key.multibase}"


def proof_config(document: Document, *, created: str, method: str, purpose: str) -> Document:
    """Return the proof without its value (section 3.3.5)."""
    config = {
        "type": _TYPE,
        "cryptosuite": _SUITE,
        "created": created,
        "verificationMethod": method,
        "proofPurpose": purpose,
    }
    return config | {name: document[name] for name in ("@context",) if name in document}


def proof_hash(document: Document, config: Document) -> bytes:
    """Return the 64 bytes to sign: SHA-256 of the proof's form, then of the document's (section 3.3.4).

    Raises:
        CanonError: either has no canonical form.
    """
    return hashlib.sha256(jcs_encode(config)).digest() + hashlib.sha256(jcs_encode(document)).digest()


def with_proof(document: Document, config: Document, signature: bytes) -> Document:
    """Return `document` with the proof that `config` and a raw signature make."""
    return document | {"proof": config | {"proofValue": f"z{base58_encode(signature)}"}}


def _check_suite(proof: Document) -> None:
    """Refuse any suite but ours: first of all, for others have other members."""
    if proof.get("type") == _TYPE and proof.get("cryptosuite") == _SUITE:
        return
    named = proof.get("cryptosuite") if proof.get("type") == _TYPE else proof.get("type")
    raise CredentialError(
        "suite", f"it is signed by {quoted(named)}, and this program verifies {_SUITE} alone",
        "Ask its issuer for one with that suite, or use a verifier of the other.",
    )  # fmt: skip


def _check_config(config: Document, document: Document, purpose: str) -> None:
    if config.get("proofPurpose") != purpose:
        raise CredentialError("purpose", f"the proof's purpose is not {purpose}")
    created = config.get("created")
    if not isinstance(created, str) or not _is_timestamp(created):
        raise CredentialError("created", "the proof states no time")
    if "@context" in config and config["@context"] != document.get("@context"):
        raise CredentialError("context", "the proof's context is not the document's")


def _signature(value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("z"):
        raise CredentialError("signature", "proofValue is not base58btc")
    try:
        return base58_decode(value[1:])
    except ValueError as error:
        raise CredentialError("signature", f"proofValue is malformed: {error}") from error
