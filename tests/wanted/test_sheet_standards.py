"""What is exported, held against the standards it names: VC 2.0 as it is, Open Badges 3.0 in its edition at hand.

The public JSON Schema of Open Badges 3.0 is of the edition that builds on VC 1.1. Between the two editions a credential
of ours changes three members (`of_edition_1`); its proof does not carry over, for it signs the words of 2.0.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from stamps.credential import OB_CONTEXT, VC_CONTEXT
from stamps.dataintegrity import Document
from tests.wanted.sheets import ALICE, BOB, earn, home, shown
from wanted import board

VECTORS = Path(__file__).resolve().parents[2].parent / "shared" / "vectors" / "openbadges"
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="no public test data beside the repository")

_is_url = re.compile(r"[a-z][a-z0-9+.-]*:[^\s]+").fullmatch
_is_moment = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)").fullmatch


@pytest.fixture(scope="module")
def presentation() -> Document:
    """Bob's, of a stamp with everything that one can have: skills, a message, a dispute and its answer."""
    ledger = home()
    earn(ledger, ALICE, BOB)
    item = earn(ledger, ALICE, BOB, "Tür & <Tor> “auf”")
    given = board.load(ledger, item).stamps[0].op
    (disputed,) = ledger.write(BOB, lambda at: board.dispute(board.load(at, item), given, BOB.actor, "Not so."))
    ledger.write(ALICE, lambda at: board.answer(board.load(at, item), disputed.id, ALICE.actor, "It is."))
    document: Document = shown(ledger)["presentation"]
    return document


@pytest.fixture
def credential(presentation: Document) -> Document:
    document: Document = copy.deepcopy(presentation["verifiableCredential"][1])
    return document


# -- Verifiable Credentials Data Model 2.0 -------------------------------------------------------------------------


def faults(document: Document, kind: str) -> Iterator[str]:
    """The rules of VC 2.0 that a document breaks, by the section that has them."""
    contexts = document.get("@context")
    if not (isinstance(contexts, list) and contexts[:1] == [VC_CONTEXT]):
        yield "4.3 the first context is that of VC 2.0"
    if "id" in document and not is_url(document["id"]):
        yield "4.4 an id is one URL"
    if not (isinstance(document.get("type"), list) and kind in document["type"]):
        yield f"4.5 it is a {kind}"
    if not all(isinstance(document.get(name, ""), str) for name in ("name", "description")):
        yield "4.6 a name is a text"
    yield from (credential_faults if kind == "VerifiableCredential" else presentation_faults)(document)
    yield from proof_faults(document.get("proof"))


def credential_faults(document: Document) -> Iterator[str]:
    issuer = document.get("issuer")
    if not is_url(issuer.get("id") if isinstance(issuer, dict) else issuer):
        yield "4.7 the issuer is a URL or has one"
    subject = document.get("credentialSubject")
    if not (isinstance(subject, dict) and subject and is_url(subject.get("id", "urn:x"))):
        yield "4.8 it says something of a subject"
    for name in ("validFrom", "validUntil"):
        if name in document and not (isinstance(document[name], str) and _is_moment(document[name])):
            yield f"4.9 {name} is a dateTimeStamp"
    if not all(isinstance(each, dict) and each.get("type") for each in document.get("evidence", [])):
        yield "5.6 evidence has a type"


def presentation_faults(document: Document) -> Iterator[str]:
    if not is_url(document.get("holder")):
        yield "4.13 the holder is a URL"
    if not all(isinstance(each, dict) for each in document.get("verifiableCredential", [])):
        yield "4.13 it presents objects"


def proof_faults(proof: Any) -> Iterator[str]:
    """Data Integrity 1.0, section 2.1."""
    if not isinstance(proof, dict) or proof.get("type") != "DataIntegrityProof":
        yield "2.1 a proof has a type"
        return
    if not isinstance(proof.get("cryptosuite"), str) or not isinstance(proof.get("proofPurpose"), str):
        yield "2.1 a proof has its suite and its purpose"
    if not is_url(proof.get("verificationMethod")) or not _is_moment(proof.get("created", "")):
        yield "2.1 a proof has its method and its time"
    if not re.fullmatch("z[1-9A-HJ-NP-Za-km-z]+", str(proof.get("proofValue"))):
        yield "2.1 a proof value is multibase"


def is_url(value: Any) -> bool:
    return isinstance(value, str) and _is_url(value) is not None


def test_a_presentation_and_its_credentials_keep_the_rules_of_vc_2(presentation: Document) -> None:
    assert list(faults(presentation, "VerifiablePresentation")) == []
    for each in presentation["verifiableCredential"]:
        assert list(faults(each, "VerifiableCredential")) == []


BREAKS: dict[str, Callable[[Document], Any]] = {
    "4.3": lambda it: it.update({"@context": [OB_CONTEXT, VC_CONTEXT]}),
    "4.4": lambda it: it.update(id="no url"),
    "4.5": lambda it: it.update(type=["Thing"]),
    "4.6": lambda it: it.update(name=7),
    "4.7": lambda it: it.update(issuer={}),
    "4.8": lambda it: it.update(credentialSubject={}),
    "4.9": lambda it: it.update(validFrom="2026-11-21"),
    "5.6": lambda it: it.update(evidence=[{"id": "urn:x"}]),
    "2.1": lambda it: it["proof"].pop("created"),
}


@pytest.mark.parametrize(("section", "change"), BREAKS.items(), ids=BREAKS.keys())
def test_each_rule_can_be_broken(credential: Document, section: str, change: Callable[[Document], Any]) -> None:
    change(credential)
    assert [fault.split(" ")[0] for fault in faults(credential, "VerifiableCredential")] == [section]


@needs_vectors
def test_every_term_that_is_used_is_defined_by_the_contexts(presentation: Document) -> None:
    files = ("credentials-v2.jsonld", "ob-v3p0-3.0.3.json", "data-integrity-v1.jsonld")
    defined = {term for name in files for term in keys_in(json.loads((VECTORS / "contexts" / name).read_text()))}
    for credential in presentation["verifiableCredential"]:
        assert set(keys_in(credential)) <= defined
        assert set(types_in(credential)) <= defined


def keys_in(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_in(inner)
    yield from value if isinstance(value, dict) else ()


def types_in(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from types_in(inner)
    if isinstance(value, dict) and "type" in value:
        yield from value["type"] if isinstance(value["type"], list) else [value["type"]]


# -- Open Badges 3.0 -----------------------------------------------------------------------------------------------


def of_edition_1(credential: Document) -> Document:
    """The same credential in the words of VC 1.1, as docs/howto/portability.md has the mapping."""
    renamed = {"validFrom": "issuanceDate", "validUntil": "expirationDate"}
    contexts = {VC_CONTEXT: "https://www.w3.org/2018/credentials/v1"}
    mapped = {renamed.get(name, name): value for name, value in credential.items() if name != "proof"}
    return mapped | {"@context": [contexts.get(each, each) for each in mapped["@context"]]}


@pytest.fixture(scope="module")
def schema() -> Any:
    path = VECTORS / "schema" / "ob_v3p0_achievementcredential_schema_draft4.json"
    return jsonschema.Draft4Validator(json.loads(path.read_text()))


@needs_vectors
def test_the_credentials_fit_the_open_badges_schema(presentation: Document, schema: Any) -> None:
    for credential in presentation["verifiableCredential"]:
        assert [error.message for error in schema.iter_errors(of_edition_1(credential))] == []


@needs_vectors
@pytest.mark.parametrize(
    ("member", "value"),
    [("name", None), ("credentialSubject", {}), ("issuanceDate", 7), ("evidence", [{"name": "x"}])],
)
def test_the_schema_bites(credential: Document, schema: Any, member: str, value: Any) -> None:
    assert list(schema.iter_errors(of_edition_1(credential) | {member: value}))


@needs_vectors
def test_the_public_badges_fit_it_too(schema: Any) -> None:
    """So that the mapping is held against what others made, and not against us alone."""
    for name in ("simple", "simple-did-key-method"):
        badge = json.loads((VECTORS / "ob30" / f"{name}.json").read_text())
        assert [error.message for error in schema.iter_errors(of_edition_1(badge))] == []
