"""Credentials and presentations that somebody else made: verified as far as our one suite reaches.

1. A document of VC 2.0 with one proof by eddsa-jcs-2022 is verified. Whatever else there is has a reason of its own, so
   that its holder knows what to ask for: another suite, a token (JWT), the edition 1.1, a context nobody here knows.
2. The key must be its issuer's. A did:key is its own proof of that; for a did:webvh its history must be given, and the
   key stand in its last document; any other issuer must be known to the verifier beforehand.
3. Nothing is fetched: no context, no schema, no status list. What was not asked is said in `unchecked`.

Source: Verifiable Credentials Data Model 2.0, sections 4.3 to 4.13.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeGuard

from stamps import credential, dataintegrity, timestamp, webvh
from stamps.credential import VC_CONTEXT
from stamps.dataintegrity import Document
from stamps.errors import CredentialError, KeyFormatError, quoted
from stamps.keys import PublicKey
from stamps.webvh import Entry

V1_CONTEXT: Final = "https://www.w3.org/2018/credentials/v1"
SKEW: Final = timedelta(minutes=10)
"""How far ahead another's clock may be; the same for operations (protocol, section 12)."""
_CONTEXTS: Final = frozenset(
    (
        VC_CONTEXT,
        "https://www.w3.org/ns/credentials/examples/v2",
        "https://www.w3.org/ns/credentials/undefined-terms/v2",
        "https://www.w3.org/ns/did/v1",
        "https://w3id.org/security/data-integrity/v1",
        "https://w3id.org/security/data-integrity/v2",
        "https://w3id.org/security/multikey/v1",
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
    )
)
_is_badge_context = re.compile(r"https://purl\.imsglobal\.org/spec/ob/v3p0/context(-3\.0\.\d+)?\.json").fullmatch
_is_token = re.compile(rb"\s*eyJ[\w-]+\.[\w-]+\.[\w-]*(~[\w.~-]*)?\s*", re.ASCII).fullmatch
_is_moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_MARKS: Final = frozenset(("@context", "credentialSubject", "verifiableCredential", "proof", "vc", "vp"))


class Known(NamedTuple):
    """What a verifier knows beforehand.

    Attributes:
        histories: SCID → the verified history of a did:webvh.
        keys: The did:keys that it knows to be its issuer's.
    """

    histories: Mapping[str, tuple[Entry, ...]]
    keys: frozenset[str]


NOTHING: Final = Known(MappingProxyType({}), frozenset())


class Foreign(NamedTuple):
    """A document that verified.

    Attributes:
        kind: `credential` or `presentation`.
        signer: Its issuer's id; of a presentation, its holder's.
        credentials: The credential itself, or those presented.
        unchecked: What nobody has asked, because it needs a network.
    """

    kind: str
    signer: str
    credentials: tuple[Document, ...]
    unchecked: tuple[str, ...]


def known(histories: Iterable[tuple[bytes, bytes | None]], keys: Iterable[str]) -> Known:
    """Return what a verifier knows.

    Args:
        histories: Files `did.jsonl`, each with its `did-witness.json` if there is one.
        keys: The did:keys that it knows to be its issuer's.

    Raises:
        KeyLogError: A history does not hold.
    """
    return Known(dict(webvh.verify(raw, witnessed) for raw, witnessed in histories), frozenset(keys))


def is_document(value: object) -> TypeGuard[Document]:
    """Say whether a JSON value is meant as a credential or a presentation."""
    return isinstance(value, dict) and not value.keys().isdisjoint(_MARKS)


def refuse_token(raw: bytes) -> None:
    """Refuse bytes that are a token, and let all others be.

    Raises:
        CredentialError: they are.
    """
    if _is_token(raw[:65536]):
        raise _token()


def verify(document: Document, now_ms: int, known: Known = NOTHING) -> Foreign:
    """Return what a document says, once everything in it holds.

    Args:
        document: Of VC 2.0.
        now_ms: The verifier's clock.
        known: Keys of issuers that the document cannot prove by itself.

    Raises:
        CredentialError: `reason` names what fails, or what this verifier has not.
    """
    _check_form(document)
    is_shown = "VerifiablePresentation" in _types(document)
    found = _presentation(document, now_ms, known) if is_shown else _credential(document, now_ms, known)
    return found._replace(unchecked=tuple(dict.fromkeys(_unchecked(found.credentials))))


# -- what is looked at ---------------------------------------------------------------------------------------------


def _credential(document: Document, now_ms: int, known: Known) -> Foreign:
    credential.verify_signed(document, "VerifiableCredential", lambda method: _key(method, known))
    issuer = credential.issuer_of(document)
    _check_issuer(issuer, document, known)
    check_times(document, now_ms)
    check_created(document, now_ms)
    if not isinstance(document.get("credentialSubject"), (dict, list)) or not document["credentialSubject"]:
        raise CredentialError("subject", "it says nothing of anybody: it has no credentialSubject")
    return Foreign("credential", issuer, (document,), ())


def _presentation(document: Document, now_ms: int, known: Known) -> Foreign:
    shown = document.get("verifiableCredential", [])
    for number, one in enumerate(shown if isinstance(shown, list) else [shown], 1):
        try:
            _check_form(one)
            _credential(one, now_ms, known)
        except CredentialError as error:
            raise CredentialError(error.reason, f"credential {number} in it: {error}", error.hint) from None
    credential.verify_holder(document, lambda method: _key(method, known))
    check_created(document, now_ms)
    _check_issuer(document["holder"], document, known)
    return Foreign("presentation", document["holder"], tuple(shown), ())


def _check_form(document: object) -> None:
    """Refuse what has another form than VC 2.0 with an embedded proof, saying which."""
    if not isinstance(document, dict):
        raise _token() if isinstance(document, str) else CredentialError("type", "a credential is an object")
    types, contexts = _types(document), document.get("@context")
    if any(f"EnvelopedVerifiable{kind}" in types for kind in ("Credential", "Presentation")):
        raise _token()
    if "VerifiableCredential" not in types and "VerifiablePresentation" not in types:
        raise CredentialError("type", "it is neither a credential nor a presentation: its type says neither")
    dataintegrity.only_proof(document)
    listed = contexts if isinstance(contexts, list) else [contexts]
    if V1_CONTEXT in listed:
        raise CredentialError(
            "edition", "it is of the edition 1.1 of the data model, and this program verifies 2.0",
            "Ask its issuer for one of VC 2.0.",
        )  # fmt: skip
    for context in listed:
        if not (isinstance(context, str) and (context in _CONTEXTS or _is_badge_context(context))):
            raise CredentialError(
                "context", f"its words are defined by a context that this program does not know: {quoted(context)}"
            )


def _types(document: Document) -> list[Any]:
    types = document.get("type")
    return types if isinstance(types, list) else [types]


def _token() -> CredentialError:
    return CredentialError(
        "jwt", "it is a token (JWT or SD-JWT), and this program verifies embedded proofs alone",
        "Ask its issuer for one with an eddsa-jcs-2022 proof, or use a verifier of tokens.",
    )  # fmt: skip


def _unchecked(documents: Iterable[Document]) -> Iterable[str]:
    for document in documents:
        if "credentialStatus" in document:
            yield "whether its issuer has taken it back since: its status list is elsewhere"
        if "credentialSchema" in document:
            yield "whether it fits the schema that it names"


# -- times ---------------------------------------------------------------------------------------------------------


def check_times(document: Document, now_ms: int) -> None:
    """Refuse a credential that is not yet valid or no longer (section 4.9).

    Raises:
        CredentialError: it is not valid now, or its times are none.
    """
    now = timestamp.EPOCH + timedelta(milliseconds=now_ms)
    start, end = (_moment(document, name) for name in ("validFrom", "validUntil"))
    if start is not None and start > now + SKEW:
        raise CredentialError("future", f"it is valid from {document['validFrom']} only, which is in the future")
    if end is not None and end < now:
        raise CredentialError("expired", f"it has expired: it was valid until {document['validUntil']}")


def check_created(document: Document, now_ms: int) -> None:
    """Refuse a proof that is dated in the future; that there is one was checked.

    Raises:
        CredentialError: it is.
    """
    created = _moment(dataintegrity.only_proof(document), "created")
    if created is not None and created > timestamp.EPOCH + timedelta(milliseconds=now_ms) + SKEW:
        raise CredentialError("future", "its signature is dated in the future", "Is this machine's clock right?")


def _moment(document: Document, name: str) -> datetime | None:
    text = document.get(name)
    if text is None:
        return None
    found = _is_moment(text) if isinstance(text, str) else None
    try:
        return datetime.fromisoformat(text) if found else _no_moment(name, text)
    except ValueError:
        return _no_moment(name, text)


def _no_moment(name: str, text: object) -> datetime:
    raise CredentialError("time", f"its {name} is no time with a zone: {quoted(text)}")


# -- whose key it is -----------------------------------------------------------------------------------------------


def _key(method: str, known: Known) -> PublicKey:
    """Return the key of a verification method, from what is at hand.

    Raises:
        CredentialError: nothing at hand says which key it is.
    """
    did, _, fragment = method.partition("#")
    if did.startswith("did:webvh:"):
        return _webvh_key(method, _document_of(did, known))
    if did.startswith("did:key:"):
        # Some write a did:key without its fragment; it has one key only.
        return dataintegrity.did_key(method if fragment else f"{method}#{did.removeprefix('did:key:')}")
    raise CredentialError(
        "method", f"its key is found at {quoted(method)}, which is neither a did:key nor a did:webvh",
        "Nothing is fetched here: ask its issuer for one that is signed with a did:key.",
    )  # fmt: skip


def _document_of(did: str, known: Known) -> Document:
    history = known.histories.get(did.split(":")[2])
    if history is None:
        raise CredentialError(
            "method", f"its key is one of {quoted(did)}, whose history is not at hand",
            "Give the history, a file did.jsonl: --did-log FILE",
        )  # fmt: skip
    if history[-1].deactivated:
        raise CredentialError("deactivated", f"{quoted(did)} was closed by its owner")
    if did not in {entry.did for entry in history}:
        raise CredentialError("method", f"{quoted(did)} is not what the history given is of")
    return history[-1].document


def _webvh_key(method: str, document: Document) -> PublicKey:
    """Return a key that the last document of a history gives for assertions, inside it or by its name."""
    names = (method, method[method.index("#") :] if "#" in method else method)
    asserting = _listed(document, dataintegrity.ASSERTION)
    if any(name in asserting for name in names):
        asserting += _listed(document, "verificationMethod")
    found = next((one for one in asserting if isinstance(one, dict) and one.get("id") in names), None)
    if found is None:
        raise CredentialError("method", f"the key {quoted(method)} is none that its DID asserts with now")
    try:
        return PublicKey.from_multibase(str(found.get("publicKeyMultibase")))
    except KeyFormatError as error:
        raise CredentialError("method", f"the key {quoted(method)} is of no use here: {error}") from error


def _listed(document: Document, member: str) -> list[Any]:
    value = document.get(member)
    return list(value) if isinstance(value, list) else []


def _check_issuer(issuer: str, document: Document, known: Known) -> None:
    """Refuse a document whose key is not shown to be its issuer's; its proof holds."""
    did = str(dataintegrity.only_proof(document)["verificationMethod"]).partition("#")[0]
    if issuer == did or did in known.keys:
        return
    if did.startswith("did:webvh:") and issuer in {entry.did for entry in known.histories[did.split(":")[2]]}:
        return
    raise CredentialError(
        "issuer", f"it is signed by {did}, and nothing here shows that this key speaks for {quoted(issuer)}",
        f"If you know from elsewhere that it does: --key {did}",
    )  # fmt: skip
