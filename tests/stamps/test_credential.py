"""Stamps as Open Badges 3.0, and presentations of them."""

import base64
import copy
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from stamps import credential, dataintegrity
from stamps.credential import StampFacts
from stamps.dataintegrity import Document
from stamps.encoding import sha256_hex
from stamps.errors import CredentialError
from stamps.jcs import jcs_encode
from stamps.keys import SigningKey
from stamps.stamp import CheckRun

ISSUER = SigningKey.from_seed(bytes([1]) * 32)
NOW = "2026-11-21T00:00:00Z"
FACTS = StampFacts(
    commons="wlc1" + "a" * 52,
    log="b" * 32,
    seq=7,
    key_did=ISSUER.public.did,
    actor_scid="QmIssuer",
    actor_did="did:webvh:QmIssuer:wasteland.invalid",
    time_ms=1_795_219_200_999,
    subject_scid="QmSubject",
    subject_did="did:webvh:QmSubject:wasteland.invalid",
    item="1" * 64,
    submission="2" * 64,
    accept="3" * 64,
    title="Tidy work on the parser",
    dims=(("quality", 5), ("reliability", 3)),
    confidence=80,
    severity="branch",
    skills=("go", "python"),
    body_hash=sha256_hex(b"message"),
)


def test_template_1_never_changes() -> None:
    """Signatures in every log depend on these bytes; a difference here is a new template, not a fix."""
    digest = sha256_hex(jcs_encode(credential.build(FACTS)))
    assert digest == "48d9083f1cec6a3eaf6685d27bee5c6d52a35f80ba5f8ab5566ca7757c02d210"


def test_checks_stand_beside_the_evidence_and_are_signed() -> None:
    ran = CheckRun(command="make test", commit="a" * 40, exit=0, seconds=12, output="b" * 64)
    stopped = CheckRun(command="make bench", commit="a" * 40, exit=None, seconds=600, output="c" * 64)
    facts = dataclasses.replace(FACTS, checks=(ran, stopped))
    told = [entry["narrative"] for entry in credential.build(facts)["evidence"] if entry["name"] == "check"]
    assert "make test" in told[0]
    assert "exited with 0 after 12 s" in told[0]
    assert "was stopped after 600 s" in told[1]
    vc = credential.sign_vc(facts, ISSUER)
    assert credential.check(facts, vc)
    assert not credential.check(dataclasses.replace(facts, checks=(ran,)), vc)


def test_the_credential_says_what_the_stamp_says() -> None:
    document = credential.build(FACTS)
    base = f"urn:wl:{FACTS.commons}"
    subject = document["credentialSubject"]
    assert document["id"] == f"{base}:{FACTS.log}:7"
    assert document["name"] == FACTS.title
    assert document["issuer"]["id"] == FACTS.key_did
    assert document["issuer"]["otherIdentifier"][0]["identifier"] == FACTS.actor_did
    assert document["validFrom"] == NOW
    assert subject["id"] == FACTS.subject_did
    assert subject["achievement"]["tag"] == ["go", "python"]
    assert [(entry["name"], entry["id"]) for entry in document["evidence"]] == [
        ("item", f"{base}:{FACTS.item}"),
        ("submission", f"{base}:{FACTS.submission}"),
        ("accept", f"{base}:{FACTS.accept}"),
        ("message", "ni:///sha-256;" + base64.urlsafe_b64encode(bytes.fromhex(FACTS.body_hash or "")).decode()[:-1]),
    ]
    assert {scale_name(document, result): result["value"] for result in subject["result"]} == {
        "quality": "5",
        "reliability": "3",
        "confidence": "80",
        "severity": "branch",
    }


def scale_name(document: Document, result: Document) -> str:
    scales = document["credentialSubject"]["achievement"]["resultDescription"]
    (name,) = [scale["name"] for scale in scales if scale["id"] == result["resultDescription"]]
    assert isinstance(name, str)
    return name


def test_a_dimension_called_confidence_is_kept_apart() -> None:
    document = credential.build(dataclasses.replace(FACTS, dims=(("confidence", 1), ("severity", 2))))
    ids = [scale["id"] for scale in document["credentialSubject"]["achievement"]["resultDescription"]]
    assert len(set(ids)) == 4


def test_a_signed_stamp_is_a_valid_credential() -> None:
    vc = credential.sign_vc(FACTS, ISSUER)
    document = credential.complete(FACTS, vc)
    assert len(vc) == 86
    assert credential.check(FACTS, vc)
    credential.verify_credential(document)
    assert dataintegrity.sign(credential.build(FACTS), ISSUER, created=NOW) == document
    assert document["proof"]["created"] == document["validFrom"]


def test_only_the_log_s_key_signs(bob: SigningKey) -> None:
    with pytest.raises(CredentialError) as caught:
        credential.sign_vc(FACTS, bob)
    assert caught.value.reason == "issuer"


OTHER: dict[str, Any] = {
    "commons": "wlc1" + "c" * 52,
    "log": "c" * 32,
    "seq": 8,
    "key_did": SigningKey.from_seed(bytes([2]) * 32).public.did,
    "actor_did": "did:webvh:QmOther:wasteland.invalid",
    "time_ms": FACTS.time_ms + 1000,
    "subject_did": "did:webvh:QmOther:wasteland.invalid",
    "item": "4" * 64,
    "submission": "4" * 64,
    "accept": "4" * 64,
    "title": "Other words",
    "dims": (("quality", 4), ("reliability", 3)),
    "confidence": 81,
    "severity": "root",
    "skills": ("go",),
    "evidence": ("5" * 64,),
    "body_hash": None,
}


@pytest.mark.parametrize("name", OTHER)
def test_vc_covers(name: str) -> None:
    assert not credential.check(dataclasses.replace(FACTS, **{name: OTHER[name]}), credential.sign_vc(FACTS, ISSUER))


@pytest.mark.parametrize("vc", ["", "A", "A" * 86, "=" * 86, "A" * 85, "\ud800"])
def test_a_malformed_vc_is_wrong_and_no_error(vc: str) -> None:
    assert not credential.check(FACTS, vc)


def test_facts_without_a_canonical_form_are_wrong_and_no_error() -> None:
    vc = credential.sign_vc(FACTS, ISSUER)
    assert not credential.check(dataclasses.replace(FACTS, title="\ud800"), vc)
    assert not credential.check(dataclasses.replace(FACTS, key_did="did:key:z6Mk"), vc)


def test_no_credential_is_completed_with_a_malformed_vc() -> None:
    with pytest.raises(CredentialError) as caught:
        credential.complete(FACTS, "A")
    assert caught.value.reason == "signature"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.integers(0, 2**47 - 1),
    st.lists(st.tuples(st.from_regex("[a-z][a-z0-9_]{0,5}", fullmatch=True), st.integers(0, 5)), max_size=4),
)
@settings(deadline=None, max_examples=50)
def test_any_stamp_is_rebuilt_and_verifies(title: str, time_ms: int, dims: list[tuple[str, int]]) -> None:
    facts = dataclasses.replace(FACTS, title=title, time_ms=time_ms, dims=tuple(dims))
    credential.verify_credential(json.loads(json.dumps(credential.complete(facts, credential.sign_vc(facts, ISSUER)))))


Change = Callable[[Document], None]

BROKEN: dict[str, tuple[str, Change]] = {
    "another context": ("context", lambda document: document.update({"@context": [credential.OB_CONTEXT]})),
    "no context": ("context", lambda document: document.update({"@context": None})),
    "another type": ("type", lambda document: document.update(type=["Thing"])),
    "another title": ("signature", lambda document: document.update(name="x")),
    "no proof": ("proof", lambda document: document.pop("proof") and None),
}


@pytest.mark.parametrize(("reason", "change"), BROKEN.values(), ids=BROKEN.keys())
def test_a_credential_is_refused_for(reason: str, change: Change) -> None:
    document = copy.deepcopy(credential.complete(FACTS, credential.sign_vc(FACTS, ISSUER)))
    change(document)
    with pytest.raises(CredentialError) as caught:
        credential.verify_credential(document)
    assert caught.value.reason == reason


def test_a_credential_signed_by_another_than_its_issuer_is_refused(bob: SigningKey) -> None:
    forged = dataintegrity.sign(credential.build(FACTS), bob, created=NOW)
    with pytest.raises(CredentialError) as caught:
        credential.verify_credential(forged)
    assert caught.value.reason == "issuer"


def shown(signer: SigningKey, extra: Document | None = None) -> Document:
    credentials = [credential.complete(FACTS, credential.sign_vc(FACTS, ISSUER))]
    return credential.presentation(credentials, FACTS.subject_did, signer, NOW, extra)


def test_a_presentation_verifies_and_says_who_signed(bob: SigningKey) -> None:
    document = shown(bob, {"bundle": {"keys": 1}})
    assert credential.verify_presentation(document) == bob.public
    assert document["holder"] == FACTS.subject_did
    assert document["bundle"] == {"keys": 1}


@pytest.mark.parametrize("member", ["holder", "type", "@context", "verifiableCredential", "proof"])
def test_extra_members_redefine_none(bob: SigningKey, member: str) -> None:
    with pytest.raises(CredentialError):
        shown(bob, {member: "x"})


def resign(document: Document, signer: SigningKey, **members: Any) -> Document:
    unsigned = {name: value for name, value in (document | members).items() if name != "proof"}
    return dataintegrity.sign(unsigned, signer, created=NOW)


def test_a_broken_presentation_is_refused(bob: SigningKey) -> None:
    document = shown(bob)
    inner = copy.deepcopy(document["verifiableCredential"][0]) | {"name": "Better words"}
    cases = {
        "signature": document | {"holder": "did:example:other"},
        "holder": resign(document, bob, holder=None),
        "presentation": resign(document, bob, verifiableCredential={}),
        "type": resign(document, bob, type="VerifiableCredential"),
        "context": resign(document, bob, verifiableCredential=["not an object"]),
    }
    for reason, case in cases.items():
        assert refusal(case) == reason
    assert refusal(resign(document, bob, verifiableCredential=[inner])) == "signature"


def refusal(document: Document) -> str:
    with pytest.raises(CredentialError) as caught:
        credential.verify_presentation(document)
    return caught.value.reason


def test_the_credential_fits_the_open_badges_schema(vectors: Path) -> None:
    path = vectors / "openbadges" / "schema" / "ob_v3p0_achievementcredential_schema_draft4.json"
    schema = json.loads(path.read_text())
    # That schema is of the VC 1.1 edition, whose one difference here is the name of this member.
    schema["required"] = [name.replace("issuanceDate", "validFrom") for name in schema["required"]]
    document = credential.complete(FACTS, credential.sign_vc(FACTS, ISSUER))
    assert list(faults(document, schema, schema["$defs"], "$")) == []
    del document["credentialSubject"]["achievement"]["criteria"]
    assert list(faults(document, schema, schema["$defs"], "$")) == ["$.credentialSubject.achievement lacks criteria"]


TYPES: dict[str, type] = {"string": str, "object": dict, "array": list, "boolean": bool, "number": int}


def faults(value: Any, schema: Document, defs: Document, at: str) -> list[str]:
    """The part of JSON Schema draft 4 that the Open Badges schema uses."""
    if "$ref" in schema:
        return faults(value, defs[schema["$ref"].rpartition("/")[2]], defs, at)
    choices = schema.get("oneOf", []) + schema.get("anyOf", [])
    if choices and all(faults(value, choice, defs, at) for choice in choices):
        return [f"{at} fits no choice"]
    if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
        return [f"{at} is no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at} is not in the enumeration"]
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{at} does not match"]
    if isinstance(value, list):
        items = schema.get("items", {})
        return [fault for n, item in enumerate(value) for fault in faults(item, items, defs, f"{at}[{n}]")]
    return member_faults(value, schema, defs, at) if isinstance(value, dict) else []


def member_faults(value: Document, schema: Document, defs: Document, at: str) -> list[str]:
    members = schema.get("properties", {})
    lacking = [f"{at} lacks {name}" for name in schema.get("required", []) if name not in value]
    closed = schema.get("additionalProperties") is False
    unknown = [f"{at}.{name} is unknown" for name in value if closed and name not in members]
    inner = [
        fault
        for name, member in value.items()
        if name in members
        for fault in faults(member, members[name], defs, f"{at}.{name}")
    ]
    return lacking + unknown + inner
