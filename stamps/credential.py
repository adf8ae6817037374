"""A stamp as a credential others can read: VC 2.0, Open Badges 3.0, template 1 (protocol, section 8).

The credential is a function of the stamp operation's header without `vc`, and `vc` is the issuer's
eddsa-jcs-2022 signature over it. So a log carries 64 bytes, and anyone rebuilds the rest. Every byte below
is therefore part of the
protocol: a change is a new template, never an edit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stamps import dataintegrity, timestamp
from stamps.dataintegrity import Document, KeyOf, did_key
from stamps.encoding import b64u_decode, b64u_encode
from stamps.errors import CanonError, CredentialError, KeyFormatError
from stamps.keys import PublicKey, Signer
from stamps.stamp import CheckRun

VC_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
OB_CONTEXT: Final = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"

_SCORES: Final = ("0", "1", "2", "3", "4", "5")
_SEVERITIES: Final = ("leaf", "branch", "root")
_CRITERIA: Final = "The subject submitted work on the item, the item's home accepted it, and the issuer then judged it."


@dataclass(frozen=True, slots=True, kw_only=True)
class StampFacts:
    """What template 1 is filled from; all of it stands in the stamp's header and the two key logs.

    Attributes:
        commons: Id of the commons (`wlc1…`).
        log: Id of the issuer's log.
        seq: Position of the stamp in it.
        key_did: did:key of the log, which signs.
        actor_scid: SCID of the issuer.
        actor_did: DID of the issuer, as the first entry of its key log has it: a later move changes nothing.
        time_ms: The hlc's milliseconds since 1970.
        subject_scid: SCID of the subject.
        subject_did: DID of the subject, likewise.
        item: Op id of the item's post.
        submission: Op id of the submission.
        accept: Op id of the acceptance.
        evidence: Op ids of further evidence, in the order given.
        title: The issuer's words, one line.
        dims: Dimension and score 0 to 5, sorted by name.
        confidence: 0 to 100.
        severity: leaf, branch or root.
        skills: Sorted.
        body_hash: SHA-256 of the message's body, or None.
        checks: What the issuer ran on the work.
    """

    commons: str
    log: str
    seq: int
    key_did: str
    actor_scid: str
    actor_did: str
    time_ms: int
    subject_scid: str
    subject_did: str
    item: str
    submission: str
    accept: str
    title: str
    dims: tuple[tuple[str, int], ...]
    confidence: int
    severity: str
    skills: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    body_hash: str | None = None
    checks: tuple[CheckRun, ...] = ()


def build(facts: StampFacts) -> Document:
    """Return the unsigned credential of a stamp."""
    return {
        "@context": [VC_CONTEXT, OB_CONTEXT],
        "id": _id(facts),
        "type": ["VerifiableCredential", "AchievementCredential"],
        "name": facts.title,
        "issuer": _issuer(facts),
        "validFrom": timestamp.from_ms(facts.time_ms),
        "credentialSubject": {
            "id": facts.subject_did,
            "type": ["AchievementSubject"],
            "achievement": _achievement(facts),
            "result": _results(facts),
        },
        "evidence": _evidence(facts),
    }


def sign_vc(facts: StampFacts, signer: Signer) -> str:
    """Return `vc`: the issuer's signature over the credential, 64 bytes in base64url.

    Raises:
        CredentialError: `signer` is not the key that `facts` names.
        CanonError: `facts` has no canonical form.
    """
    if signer.public.did != facts.key_did:
        raise CredentialError("issuer", "the signer is not the key of the stamp's log")
    document = build(facts)
    return b64u_encode(signer.sign(dataintegrity.proof_hash(document, _config(facts, document))))


def complete(facts: StampFacts, vc: str) -> Document:
    """Return the credential with its proof, ready for others; `vc` is not checked.

    Raises:
        CredentialError: `vc` is not base64url.
    """
    document = build(facts)
    try:
        signature = b64u_decode(vc)
    except ValueError as error:
        raise CredentialError("signature", f"vc is {error}") from error
    return dataintegrity.with_proof(document, _config(facts, document), signature)


def check(facts: StampFacts, vc: str) -> bool:
    """Say whether `vc` is the issuer's signature over the credential of `facts`."""
    document = build(facts)
    try:
        key = PublicKey.from_did(facts.key_did)
        signature = b64u_decode(vc)
        return key.verify(dataintegrity.proof_hash(document, _config(facts, document)), signature)
    except (ValueError, KeyFormatError, CanonError):
        return False


def id_of(commons: str, log: str, seq: int) -> str:
    """Return the id of the credential of the stamp at a position of a log."""
    return f"urn:wl:{commons}:{log}:{seq}"


def verify_credential(document: Document) -> None:
    """Verify one credential: its shape as VC 2.0, its proof, and that the issuer is who signed.

    Raises:
        CredentialError: `reason` names what fails.
    """
    if verify_signed(document, "VerifiableCredential").did != issuer_of(document):
        raise CredentialError("issuer", "it is signed with another key than its issuer's")


def verify_signed(document: Document, kind: str, key_of: KeyOf = did_key) -> PublicKey:
    """Verify the shape of a document as VC 2.0, and its proof; return the key, whosever it is.

    Args:
        document: From a stranger.
        kind: Of which type it must be.
        key_of: Says which key a verification method is.

    Raises:
        CredentialError: `reason` names what fails.
    """
    _check_type(document, kind)
    return dataintegrity.verify(document, key_of=key_of)


def issuer_of(document: Document) -> str:
    """Return the id of a credential's issuer (section 4.7).

    Raises:
        CredentialError: it names none.
    """
    issuer = document.get("issuer")
    name = issuer.get("id") if isinstance(issuer, dict) else issuer
    if not isinstance(name, str):
        raise CredentialError("issuer", "it names no issuer")
    return name


def presentation(
    credentials: Iterable[Document],
    holder_did: str,
    signer: Signer,
    created: str,
    extra: Document | None = None,
) -> Document:
    """Return a presentation of `credentials`, signed by a device key of the holder.

    The purpose is `assertionMethod`, not `authentication`: it must be one the holder's key log gives the
    key, and a device key has no other.

    Args:
        credentials: Complete credentials, in the order shown.
        holder_did: DID of the holder.
        signer: A device key of the holder.
        created: Now, as `YYYY-MM-DDTHH:MM:SSZ`.
        extra: Further members, signed too.

    Raises:
        CredentialError: `extra` redefines a member.
        CanonError: a member has no canonical form.
    """
    document: Document = {
        "@context": [VC_CONTEXT],
        "type": ["VerifiablePresentation"],
        "holder": holder_did,
        "verifiableCredential": list(credentials),
    }
    if extra and (extra.keys() & document.keys() or "proof" in extra):
        raise CredentialError("presentation", "extra redefines a member of the presentation")
    return dataintegrity.sign(document | (extra or {}), signer, created=created)


def verify_presentation(document: Document) -> PublicKey:
    """Verify a presentation and every credential in it.

    Returns:
        The key that signed. That it is the holder's is for the holder's key log to say.

    Raises:
        CredentialError: `reason` names what fails.
    """
    key = verify_holder(document)
    for credential in document["verifiableCredential"]:
        verify_credential(credential)
    return key


def verify_holder(document: Document, key_of: KeyOf = did_key) -> PublicKey:
    """Verify who signed a presentation; what it presents is an array of whatever.

    Raises:
        CredentialError: `reason` names what fails.
    """
    key = verify_signed(document, "VerifiablePresentation", key_of)
    if not isinstance(document.get("holder"), str):
        raise CredentialError("holder", "the presentation names no holder")
    if not isinstance(document.get("verifiableCredential"), list):
        raise CredentialError("presentation", "verifiableCredential is not an array")
    return key


def _check_type(document: Document, name: str) -> None:
    """Hold a document against VC 2.0 sections 4.3 (context) and 4.5 (type)."""
    contexts = document.get("@context") if isinstance(document, dict) else None
    if not isinstance(contexts, list) or contexts[:1] != [VC_CONTEXT]:
        raise CredentialError("context", "not a document of VC 2.0")
    types = document.get("type")
    if name not in (types if isinstance(types, list) else [types]):
        raise CredentialError("type", f"not a {name}")


def _config(facts: StampFacts, document: Document) -> Document:
    return dataintegrity.proof_config(
        document,
        created=document["validFrom"],
        method=f"{facts.key_did}#{facts.key_did.removeprefix('did:key:')}",
        purpose=dataintegrity.ASSERTION,
    )


def _id(facts: StampFacts) -> str:
    return id_of(facts.commons, facts.log, facts.seq)


def _issuer(facts: StampFacts) -> Document:
    """Return the issuer: the key that signs, and under `otherIdentifier` the actor it signs for."""
    return {
        "id": facts.key_did,
        "type": ["Profile"],
        "otherIdentifier": [{"type": "IdentifierEntry", "identifier": facts.actor_did, "identifierType": "ext:did"}],
    }


def _achievement(facts: StampFacts) -> Document:
    """Return the achievement: this work on this item, by the scales of this commons."""
    return {
        "id": f"{_id(facts)}#achievement",
        "type": ["Achievement"],
        "name": facts.title,
        "description": f"Work on item {facts.item}, submitted as {facts.submission}.",
        "criteria": {"narrative": _CRITERIA},
        "creator": {"id": f"urn:wl:{facts.commons}", "type": ["Profile"]},
        "tag": list(facts.skills),
        "resultDescription": _scales(facts),
    }


def _scales(facts: StampFacts) -> list[Document]:
    """Return what each result means; the ids of dimensions have a prefix, for they are free words."""
    confidence = {"resultType": "Percent", "valueMin": "0", "valueMax": "100"}
    severity = {"resultType": "Result", "allowedValue": list(_SEVERITIES)}
    rubric = {"resultType": "RubricScore", "allowedValue": list(_SCORES)}
    return [
        *(_scale(facts, f"dim-{name}", name, rubric) for name, _ in facts.dims),
        _scale(facts, "confidence", "confidence", confidence),
        _scale(facts, "severity", "severity", severity),
    ]


def _scale(facts: StampFacts, fragment: str, name: str, values: Document) -> Document:
    return {"id": f"{_id(facts)}#{fragment}", "type": ["ResultDescription"], "name": name} | values


def _results(facts: StampFacts) -> list[Document]:
    return [
        *(_result(facts, f"dim-{name}", str(score)) for name, score in facts.dims),
        _result(facts, "confidence", str(facts.confidence)),
        _result(facts, "severity", facts.severity),
    ]


def _result(facts: StampFacts, fragment: str, value: str) -> Document:
    return {"type": ["Result"], "resultDescription": f"{_id(facts)}#{fragment}", "value": value}


def _evidence(facts: StampFacts) -> list[Document]:
    """Return what the stamp rests on, by id: operations of the commons, and the message by its hash alone."""
    named = [("item", facts.item), ("submission", facts.submission), ("accept", facts.accept)]
    named += [("evidence", operation) for operation in facts.evidence]
    entries = [(name, f"urn:wl:{facts.commons}:{operation}") for name, operation in named]
    if facts.body_hash is not None:
        entries.append(("message", _hash_uri(facts.body_hash)))
    said = [{"id": uri, "type": ["Evidence"], "name": name} for name, uri in entries]
    return said + [{"type": ["Evidence"], "name": "check", "narrative": _told(run)} for run in facts.checks]


def _told(run: CheckRun) -> str:
    ended = "was stopped" if run.exit is None else f"exited with {run.exit}"
    return (
        f"On commit {run.commit}: {run.command}\nIt {ended} after {run.seconds} s; SHA-256 of its output: {run.output}."
    )


def _hash_uri(digest: str) -> str:
    """Return a SHA-256 in hexadecimal as a URI that names by hash (RFC 6920 section 3)."""
    return f"ni:///sha-256;{b64u_encode(bytes.fromhex(digest))}"
