"""Credentials that others made: verified as far as our suite reaches, and refused with the reason where it does not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stamps import dataintegrity, foreign
from stamps.credential import OB_CONTEXT, VC_CONTEXT
from stamps.dataintegrity import Document
from stamps.errors import CredentialError
from stamps.foreign import Known
from stamps.keys import SigningKey
from tests.stamps.support import DEVICE, OTHER, UPDATE, document, first, names, then

NOW_MS = 1_700_000_000_000
CREATED = "2023-01-01T00:00:00Z"
ALICE, BOB = (SigningKey.from_seed(bytes([n]) * 32) for n in (1, 2))


def badge(issuer: str = ALICE.public.did, **members: Any) -> Document:
    return {
        "@context": [VC_CONTEXT, OB_CONTEXT],
        "id": "urn:uuid:1",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "Teamwork",
        "issuer": {"id": issuer, "type": ["Profile"]},
        "validFrom": "2022-01-01T00:00:00+01:00",
        "credentialSubject": {"id": "did:example:b", "type": ["AchievementSubject"]},
    } | members


def signed(document: Document, signer: SigningKey = ALICE, method: str | None = None) -> Document:
    return dataintegrity.sign(document, signer, created=CREATED, verification_method=method)


def reason(document: Any, known: Known = foreign.NOTHING, now_ms: int = NOW_MS) -> str:
    with pytest.raises(CredentialError) as refused:
        foreign.verify(document, now_ms, known)
    assert len(str(refused.value)) > 15
    assert "\x1b" not in str(refused.value)
    return refused.value.reason


def test_a_badge_by_a_did_key_verifies() -> None:
    found = foreign.verify(signed(badge()), NOW_MS)
    assert (found.kind, found.signer, found.unchecked) == ("credential", ALICE.public.did, ())


def test_an_issuer_may_be_a_text() -> None:
    assert foreign.verify(signed(badge() | {"issuer": ALICE.public.did}), NOW_MS).signer == ALICE.public.did


def test_a_did_key_without_its_fragment_is_the_same_key() -> None:
    assert foreign.verify(signed(badge(), method=ALICE.public.did), NOW_MS).signer == ALICE.public.did


def test_what_nobody_asked_is_said() -> None:
    status = {"type": "BitstringStatusListEntry", "statusListCredential": "https://example.org/1"}
    found = foreign.verify(signed(badge(credentialStatus=status, credentialSchema=[])), NOW_MS)
    assert [said.split(":")[0] for said in found.unchecked] == [
        "whether its issuer has taken it back since",
        "whether it fits the schema that it names",
    ]


Change = Callable[[], Any]

REFUSED: dict[str, tuple[Change, str]] = {
    "unsigned": (badge, "proof"),
    "signed twice": (lambda: badge() | {"proof": [signed(badge())["proof"]] * 2}, "proof"),
    "changed": (lambda: signed(badge()) | {"name": "Leadership"}, "signature"),
    "by another key": (lambda: signed(badge(), BOB), "issuer"),
    "by a key that says it is the issuer's": (
        lambda: signed(badge(), BOB, dataintegrity.method_of(ALICE.public)),
        "signature",
    ),
    "of an issuer at an address": (lambda: signed(badge("https://example.edu/1")), "issuer"),
    "of nobody": (lambda: signed(badge() | {"issuer": None}), "issuer"),
    "of a method that needs a network": (lambda: signed(badge(), method="did:web:example.edu#k"), "method"),
    "of a key at an address": (lambda: signed(badge(), method="https://example.edu/1#k"), "method"),
    "of a history not at hand": (lambda: signed(badge(), method="did:webvh:Qm:example.org#k"), "method"),
    "not yet valid": (lambda: signed(badge(validFrom="2030-01-01T00:00:00Z")), "future"),
    "no longer valid": (lambda: signed(badge(validUntil="2023-01-01T00:00:00.5Z")), "expired"),
    "at no time": (lambda: signed(badge(validFrom="yesterday")), "time"),
    "at an impossible time": (lambda: signed(badge(validFrom="2023-13-01T00:00:00Z")), "time"),
    "at a time without zone": (lambda: signed(badge(validUntil="2030-01-01T00:00:00")), "time"),
    "saying nothing": (lambda: signed(badge(credentialSubject=[])), "subject"),
    "of an unknown context": (lambda: signed(badge() | {"@context": [VC_CONTEXT, "https://evil.example"]}), "context"),
    "of a context of its own": (lambda: signed(badge() | {"@context": [VC_CONTEXT, {"name": "x"}]}), "context"),
    "of contexts out of order": (lambda: signed(badge() | {"@context": [OB_CONTEXT, VC_CONTEXT]}), "context"),
    "of the edition 1.1": (lambda: signed(badge() | {"@context": [foreign.V1_CONTEXT]}), "edition"),
    "of another type": (lambda: signed(badge(type="Thing")), "type"),
    "a token in an envelope": (
        lambda: badge(type="EnvelopedVerifiableCredential", id="data:application/vc+jwt,eyJ"),
        "jwt",
    ),
    "of an RDF suite": (lambda: badge(proof={"type": "DataIntegrityProof", "cryptosuite": "eddsa-rdfc-2022"}), "suite"),
    "of an older suite": (lambda: badge(proof={"type": "Ed25519Signature2018", "jws": "a..b"}), "suite"),
    "with control characters": (lambda: badge(proof={"type": "\x1b[2J"}), "suite"),
    "a list": (lambda: [badge()], "type"),
    "a text": (lambda: "eyJ", "jwt"),
}


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_credential_is_refused_with_its_reason(make: Change, why: str) -> None:
    assert reason(make()) == why


def test_a_signature_dated_in_the_future_is_refused() -> None:
    assert reason(dataintegrity.sign(badge(), ALICE, created="2030-01-01T00:00:00Z")) == "future"


def test_a_key_that_the_verifier_knows_may_be_of_any_issuer() -> None:
    at_an_address = signed(badge("https://example.edu/1"))
    known = foreign.known([], [ALICE.public.did])
    assert foreign.verify(at_an_address, NOW_MS, known).signer == "https://example.edu/1"
    assert reason(at_an_address, foreign.known([], [BOB.public.did])) == "issuer"


@pytest.mark.parametrize("raw", [b"eyJhbGciOi.eyJpc3Mi.c2ln", b"  eyJhbGciOi.eyJpc3Mi.c2ln~eyJ4~\n"])
def test_a_token_is_told_apart_from_what_is_nothing(raw: bytes) -> None:
    with pytest.raises(CredentialError) as refused:
        foreign.refuse_token(raw)
    assert refused.value.reason == "jwt"
    foreign.refuse_token(b"eyJ, and so on")


# -- did:webvh -----------------------------------------------------------------------------------------------------


def history(*keys: SigningKey) -> bytes:
    return first(state=document(*((key, "assertionMethod") for key in keys)))


def of(raw: bytes, signer: SigningKey = DEVICE) -> tuple[Document, Known]:
    """A badge by the owner of a history, and the history."""
    did = json.loads(raw.splitlines()[0])["state"]["id"]
    made = signed(badge(did), signer, f"{did}#{signer.public.multibase}")
    return made, foreign.known([(raw, None)], [])


def test_a_badge_by_a_did_webvh_verifies_with_its_history() -> None:
    made, known = of(history(DEVICE))
    assert foreign.verify(made, NOW_MS, known).signer == made["issuer"]["id"]
    assert reason(made) == "method"


def test_a_key_that_left_the_document_signs_no_more() -> None:
    raw = history(DEVICE)
    state = json.loads(raw)["state"] | {"verificationMethod": [], "assertionMethod": []}
    made, _ = of(raw)
    assert reason(made, foreign.known([(then(raw, UPDATE, state=state), None)], [])) == "method"


def test_a_key_for_other_purposes_signs_no_credential() -> None:
    made, known = of(first(state=document((DEVICE, "authentication"))))
    assert reason(made, known) == "method"


def test_a_history_that_was_closed_proves_nothing_now() -> None:
    raw = history(DEVICE)
    made, _ = of(raw)
    closed = then(raw, UPDATE, {"deactivated": True, "updateKeys": names()})
    assert reason(made, foreign.known([(closed, None)], [])) == "deactivated"


def test_a_key_of_one_did_does_not_speak_for_another() -> None:
    made, known = of(history(DEVICE))
    theirs = json.loads(history(OTHER))["state"]["id"]
    forged = signed(badge(theirs), DEVICE, made["proof"]["verificationMethod"])
    assert reason(forged, known) == "issuer"


# -- presentations -------------------------------------------------------------------------------------------------


def presented(*credentials: Any, holder: Any = BOB.public.did, signer: SigningKey = BOB) -> Document:
    shown = {"@context": [VC_CONTEXT], "type": "VerifiablePresentation", "holder": holder}
    return signed(shown | {"verifiableCredential": list(credentials)}, signer)


def test_a_presentation_verifies_with_all_that_it_shows() -> None:
    found = foreign.verify(presented(signed(badge()), signed(badge(id="urn:uuid:2"))), NOW_MS)
    assert (found.kind, found.signer, len(found.credentials)) == ("presentation", BOB.public.did, 2)


SHOWN: dict[str, tuple[Change, str]] = {
    "a changed credential": (lambda: presented(signed(badge()) | {"name": "x"}), "signature"),
    "an unsigned credential": (lambda: presented(badge()), "proof"),
    "a token": (lambda: presented("eyJ.eyJ.x"), "jwt"),
    "a holder that another signs for": (lambda: presented(signed(badge()), holder=ALICE.public.did), "issuer"),
    "no holder": (lambda: presented(signed(badge()), holder=None), "holder"),
    "one credential outside an array": (
        lambda: signed(
            {"@context": [VC_CONTEXT], "type": "VerifiablePresentation", "holder": BOB.public.did}
            | {"verifiableCredential": signed(badge())},
            BOB,
        ),
        "presentation",
    ),
}


@pytest.mark.parametrize(("make", "why"), SHOWN.values(), ids=SHOWN.keys())
def test_a_presentation_is_refused_for(make: Change, why: str) -> None:
    assert reason(make()) == why


# -- anything ------------------------------------------------------------------------------------------------------

odd = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "proof"]), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(signed(badge()))), odd)
def test_any_member_replaced_is_refused_by_name_or_was_the_same(name: str, value: Any) -> None:
    made = signed(badge())
    forged = copy.deepcopy(made) | {name: value}
    try:
        assert foreign.verify(forged, NOW_MS).credentials == (forged,)
    except CredentialError:
        assert forged != made


@given(st.sampled_from(sorted(signed(badge())["proof"])), odd)
def test_any_member_of_a_proof_replaced_is_refused_by_name_or_was_the_same(name: str, value: Any) -> None:
    made = signed(badge())
    forged = made | {"proof": made["proof"] | {name: value}}
    try:
        foreign.verify(forged, NOW_MS)
        assert forged == made
    except CredentialError:
        assert forged != made


# -- the public files ----------------------------------------------------------------------------------------------

W3C_KEY = "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
PUBLIC = {
    "openbadges/ob30/complete.json": "suite",
    "openbadges/ob30/endorsement-valid.json": "suite",
    "openbadges/ob30/simple-did-key-method.json": "suite",
    "openbadges/ob30/simple-eddsa-2022.json": "suite",
    "openbadges/ob30/simple-noproof.json": "proof",
    "openbadges/ob30/simple.json": "suite",
    "openbadges/contexts/credentials-v2.jsonld": "type",
    "openbadges/contexts/data-integrity-v1.jsonld": "type",
    "openbadges/contexts/did-v1.jsonld": "type",
    "openbadges/contexts/ob-v3p0-3.0.3.json": "type",
    "openbadges/contexts/ob-v3p0-extensions.json": "type",
    "openbadges/contexts/ob-v3p0.json": "type",
    "openbadges/schema/ob_v3p0_achievementcredential_schema_draft4.json": None,
    "vc-di-eddsa/eddsa-jcs-2022/signedJCS.json": "issuer",
    "vc-di-eddsa/employmentAuth.json": "proof",
    "vc-di-eddsa/unsigned.json": "proof",
}
"""What comes of each public file: a reason, or None where it is no credential at all."""


@pytest.mark.parametrize(("name", "why"), PUBLIC.items(), ids=PUBLIC.keys())
def test_a_public_file_has_its_answer(vectors: Path, name: str, why: str | None) -> None:
    value = json.loads((vectors / name).read_text())
    assert foreign.is_document(value) == (why is not None)
    if why is not None:
        assert reason(value) == why


def test_no_public_badge_is_without_a_row(vectors: Path) -> None:
    files = {str(path.relative_to(vectors)) for path in (vectors / "openbadges").rglob("*.json*")}
    assert files == {name for name in PUBLIC if name.startswith("openbadges/")}


def test_the_w3c_example_verifies_for_whoever_knows_its_key(vectors: Path) -> None:
    value = json.loads((vectors / "vc-di-eddsa" / "eddsa-jcs-2022" / "signedJCS.json").read_text())
    found = foreign.verify(value, NOW_MS, foreign.known([], [W3C_KEY]))
    assert found.signer == "https://vc.example/issuers/5678"


def test_the_public_badges_verify_once_they_bear_our_suite(vectors: Path) -> None:
    """Nothing but the suite keeps us from them: the same words, signed with the one that we have."""
    for name in ("complete", "endorsement-valid", "simple", "simple-did-key-method"):
        value = json.loads((vectors / "openbadges" / "ob30" / f"{name}.json").read_text())
        unsigned = {member: inner for member, inner in value.items() if member != "proof"}
        unsigned["issuer"] = unsigned["issuer"] | {"id": ALICE.public.did}
        assert foreign.verify(signed(unsigned), NOW_MS).kind == "credential"
