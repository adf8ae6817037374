"""Data Integrity proofs of the suite eddsa-jcs-2022 (W3C vc-di-eddsa 1.0, section 3.3).

1. Exactly one proof, and no member in it but those signed here, so nothing in a proof goes unread.
2. The verification method is a did:key: the proof is checked without resolving anything.
3. A proof's `@context` is absent or the document's own; a shorter one would leave some of it unsigned.
"""

import hashlib
import re
from typing import Any, Final, TypeAlias

from stamps.encoding import base58_decode, base58_encode
from stamps.errors import CanonError, CredentialError, KeyFormatError
from stamps.jcs import jcs_encode
from stamps.keys import PublicKey, Signer

# JSON from strangers: each member is checked where it is used.
Document: TypeAlias = dict[str, Any]

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


def verify(document: Document, *, purpose: str = ASSERTION) -> PublicKey:
    """Return the key whose proof `document` carries (section 3.3.2).

    Raises:
        CredentialError: no proof or more than one, another type, suite, purpose or method, or a signature
            that does not hold.
    """
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    config = dict(_only_proof(document))
    signature = _signature(config.pop("proofValue", None))
    _check_config(config, unsecured, purpose)
    key = _key(config.get("verificationMethod"))
    try:
        holds = key.verify(proof_hash(unsecured, config), signature)
    except CanonError as error:
        raise CredentialError("document", str(error)) from error
    if not holds:
        raise CredentialError("signature", f"the signature is not {key.did}'s over this document")
    return key


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


def _only_proof(document: Document) -> Document:
    proof = document.get("proof")
    if isinstance(proof, list) and len(proof) == 1:
        proof = proof[0]
    if not isinstance(proof, dict):
        raise CredentialError("proof", "exactly one proof is wanted")
    if not proof.keys() <= _MEMBERS:
        raise CredentialError("proof", "the proof has members that this reader does not know")
    return proof


def _check_config(config: Document, document: Document, purpose: str) -> None:
    if config.get("type") != _TYPE or config.get("cryptosuite") != _SUITE:
        raise CredentialError("suite", f"the proof is not a {_TYPE} of {_SUITE}")
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


def _key(method: object) -> PublicKey:
    did, _, fragment = method.partition("#") if isinstance(method, str) else ("", "", "")
    try:
        key = PublicKey.from_did(did)
    except KeyFormatError as error:
        raise CredentialError("method", f"the verification method is no usable did:key: {error}") from error
    if fragment != key.multibase:
        raise CredentialError("method", "the verification method names another key than its DID")
    return key
