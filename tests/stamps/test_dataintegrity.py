"""eddsa-jcs-2022."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stamps import dataintegrity
from stamps.dataintegrity import Document
from stamps.encoding import base58_decode, base58_encode
from stamps.errors import CredentialError
from stamps.keys import SigningKey

NOW = "2026-11-21T00:00:00Z"
DOCUMENT: Document = {"@context": ["https://www.w3.org/ns/credentials/v2"], "a": 1.5, "b": {"Ü": [None, True]}}


def test_the_w3c_example_is_made_byte_for_byte(vectors: Path) -> None:
    folder = vectors / "vc-di-eddsa"
    expected = json.loads((folder / "eddsa-jcs-2022" / "signedJCS.json").read_text())
    secret = json.loads((folder / "keyPair.json").read_text())["privateKeyMultibase"]
    key = SigningKey.from_seed(base58_decode(secret[1:])[2:])
    document = {name: value for name, value in expected.items() if name != "proof"}
    assert dataintegrity.sign(document, key, created=expected["proof"]["created"]) == expected
    assert dataintegrity.verify(expected) == key.public


def test_the_w3c_example_s_hash(vectors: Path) -> None:
    folder = vectors / "vc-di-eddsa" / "eddsa-jcs-2022"
    document = json.loads((folder / "signedJCS.json").read_text())
    del document["proof"]
    config = json.loads((folder / "proofConfigJCS.json").read_text())
    made = dataintegrity.proof_hash(document, config)
    assert made.hex() == (folder / "combinedHashJCS.txt").read_text().strip()


def test_signing_changes_nothing_in_the_document(alice: SigningKey) -> None:
    before = copy.deepcopy(DOCUMENT)
    signed = dataintegrity.sign(DOCUMENT, alice, created=NOW)
    assert before == DOCUMENT
    assert {name: signed[name] for name in DOCUMENT} == DOCUMENT
    assert dataintegrity.verify(signed) == alice.public


def test_a_document_without_context_has_a_proof_without_one(alice: SigningKey) -> None:
    signed = dataintegrity.sign({"a": 1}, alice, created=NOW)
    assert "@context" not in signed["proof"]
    assert dataintegrity.verify(signed) == alice.public


def test_a_list_of_one_proof_is_a_proof(alice: SigningKey) -> None:
    signed = dataintegrity.sign(DOCUMENT, alice, created=NOW)
    assert dataintegrity.verify(signed | {"proof": [signed["proof"]]}) == alice.public


def test_a_purpose_is_what_the_verifier_asked_for(alice: SigningKey) -> None:
    signed = dataintegrity.sign(DOCUMENT, alice, created=NOW, purpose="authentication")
    assert dataintegrity.verify(signed, purpose="authentication") == alice.public
    with pytest.raises(CredentialError) as caught:
        dataintegrity.verify(signed)
    assert caught.value.reason == "purpose"


Change = Callable[[Document], None]


def in_proof(**members: Any) -> Change:
    return lambda document: document["proof"].update(members)


def drop(member: str) -> Change:
    return lambda document: document["proof"].__delitem__(member)


def replace(**members: Any) -> Change:
    return lambda document: document.update(members)


BOB = SigningKey.from_seed(bytes([2]) * 32).public

BROKEN: dict[str, tuple[str, Change]] = {
    "a member changed": ("signature", replace(a=1.25)),
    "a member added": ("signature", replace(c=None)),
    "a member without canonical form": ("document", replace(a=2**60)),
    "no proof": ("proof", replace(proof=None)),
    "no proofs": ("proof", replace(proof=[])),
    "two proofs": ("proof", lambda document: document.update(proof=[document["proof"]] * 2)),
    "a proof that is text": ("proof", replace(proof="z")),
    "an unknown member": ("proof", in_proof(expires=NOW)),
    "another type": ("suite", in_proof(type="Ed25519Signature2020")),
    "another suite": ("suite", in_proof(cryptosuite="eddsa-rdfc-2022")),
    "no suite": ("suite", drop("cryptosuite")),
    "another purpose": ("purpose", in_proof(proofPurpose="authentication")),
    "a later time": ("signature", in_proof(created="2026-11-21T00:00:01Z")),
    "no time": ("created", drop("created")),
    "a time that is none": ("created", in_proof(created="yesterday")),
    "another context": ("context", in_proof(**{"@context": ["https://example.com/"]})),
    "a shorter context": ("context", in_proof(**{"@context": []})),
    "the context left out": ("signature", drop("@context")),
    "another's key": ("signature", in_proof(verificationMethod=dataintegrity.method_of(BOB))),
    "a key under another's fragment": ("method", in_proof(verificationMethod=f"{BOB.did}#z6Mk")),
    "a method without fragment": ("method", in_proof(verificationMethod=BOB.did)),
    "a method that needs resolving": ("method", in_proof(verificationMethod="did:web:example.com#key")),
    "a method that is a number": ("method", in_proof(verificationMethod=7)),
    "no method": ("method", drop("verificationMethod")),
    "no value": ("signature", drop("proofValue")),
    "a value in hexadecimal": ("signature", in_proof(proofValue="f00")),
    "a value outside base58": ("signature", in_proof(proofValue="z0")),
    "a short value": ("signature", in_proof(proofValue="z" + base58_encode(bytes(63)))),
    "a value of a megabyte": ("signature", in_proof(proofValue="z" * 1_000_000)),
}


@pytest.mark.parametrize(("reason", "change"), BROKEN.values(), ids=BROKEN.keys())
def test_a_proof_is_refused_with(alice: SigningKey, reason: str, change: Change) -> None:
    signed = copy.deepcopy(dataintegrity.sign(DOCUMENT, alice, created=NOW))
    change(signed)
    with pytest.raises(CredentialError) as caught:
        dataintegrity.verify(signed)
    assert caught.value.reason == reason
