"""Ed25519 as libsodium judges it, and did:key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from nacl.bindings import crypto_core_ed25519_add

from stamps.encoding import base58_encode
from stamps.errors import KeyFormatError
from stamps.keys import PublicKey, SigningKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493


def point(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


# One of the two y of the points of order 8.
Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7

UNUSABLE = {
    "the identity": point(1),
    "the identity, sign bit set": point(1, 1),
    "order 2": point(P - 1),
    "order 4": point(0),
    "order 4, sign bit set": point(0, 1),
    "order 8": point(Y8),
    "order 8, sign bit set": point(Y8, 1),
    "order 8, the other y": point(P - Y8),
    "the identity, not canonical": point(P + 1),
    "order 4, not canonical": point(P),
    "y beyond the field": point(2**255 - 1),
    "off the curve": point(2),
    "31 bytes": bytes(31),
    "33 bytes": bytes(33),
    "nothing": b"",
}


@pytest.mark.parametrize("raw", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_no_key_is_made_from(raw: bytes) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey(raw)
    with pytest.raises(KeyFormatError):
        PublicKey.from_did("did:key:z" + base58_encode(b"\xed\x01" + raw))


def test_no_key_is_made_from_a_point_of_mixed_order(alice: SigningKey) -> None:
    mixed = crypto_core_ed25519_add(alice.public.raw, point(Y8))
    with pytest.raises(KeyFormatError):
        PublicKey(mixed)


def test_a_signature_holds_over_its_message_and_key_only(alice: SigningKey, bob: SigningKey) -> None:
    signature = alice.sign(b"message")
    assert alice.public.verify(b"message", signature)
    assert not alice.public.verify(b"massage", signature)
    assert not bob.public.verify(b"message", signature)


def shifted(signature: bytes) -> bytes:
    return signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "S + L": shifted,
    "cut short": lambda signature: signature[:-1],
    "made longer": lambda signature: signature + b"\0",
    "nothing": lambda signature: b"",
    "R of small order": lambda signature: point(1) + signature[32:],
    "R and S zero": lambda signature: point(1) + bytes(32),
    "one bit": lambda signature: bytes([signature[0] ^ 1]) + signature[1:],
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_signature_is_refused(alice: SigningKey, forge: Callable[[bytes], bytes]) -> None:
    assert not alice.public.verify(b"message", forge(alice.sign(b"message")))


def test_the_border_between_signature_and_message_is_fixed(alice: SigningKey) -> None:
    signature = alice.sign(b"message")
    assert not alice.public.verify(signature[-1:] + b"message", signature[:-1])
    assert not alice.public.verify(b"essage", signature + b"m")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
@settings(deadline=None, max_examples=60)
def test_any_seed_signs_and_its_did_reads_back(seed: bytes, message: bytes) -> None:
    key = SigningKey.from_seed(seed)
    public = PublicKey.from_did(key.public.did)
    assert public == key.public
    assert hash(public) == hash(key.public)
    assert public.verify(message, key.sign(message))
    assert key.seed == seed


@given(st.text(max_size=60) | st.text(alphabet="z6Mk1abc", max_size=50).map("did:key:z".__add__))
def test_a_malformed_did_is_a_key_format_error(did: str) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.from_did(did)


BASE_POINT = point(4 * pow(5, -1, P) % P)

OTHER_DIDS = {
    "another method": "did:web:example.com",
    "an X25519 key": "did:key:z6LShs9GGnqk85isEBzzshkuVWrVKsRp24GnDuHk8QWkARMW",
    "a usable point under the code of another curve": "did:key:z" + base58_encode(b"\xec\x01" + BASE_POINT),
    "base64 instead of base58": "did:key:m7QE",
    "a fragment": "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp#z6Mk",
    "upper-case method": "DID:KEY:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp",
}


@pytest.mark.parametrize("did", OTHER_DIDS.values(), ids=OTHER_DIDS.keys())
def test_another_did_is_refused(did: str) -> None:
    with pytest.raises(KeyFormatError):
        PublicKey.from_did(did)


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_a_seed_has_32_bytes(seed: bytes) -> None:
    with pytest.raises(KeyFormatError):
        SigningKey.from_seed(seed)


def test_neither_repr_nor_str_shows_the_secret(alice: SigningKey) -> None:
    shown = f"{alice!r} {alice}"
    assert alice.public.did in shown
    assert alice.seed.hex() not in shown
    assert repr(alice.seed) not in shown


def test_a_public_key_is_frozen(alice: SigningKey) -> None:
    with pytest.raises(AttributeError):
        alice.public.raw = bytes(32)
    with pytest.raises(AttributeError):
        del alice.public.did


def test_keys_are_equal_by_value(alice: SigningKey, bob: SigningKey) -> None:
    assert len({alice.public, PublicKey(alice.public.raw), bob.public}) == 2
    assert alice.public != alice.public.did


def test_the_did_keys_of_the_method_registry(vectors: Path) -> None:
    cases: dict[str, Any] = json.loads((vectors / "did-key" / "w3c-ccg" / "ed25519-x25519.json").read_text())
    made = [SigningKey.from_seed(bytes.fromhex(case["seed"])).public.did for case in cases.values()]
    assert made == list(cases)


def test_rfc_8032(vectors: Path) -> None:
    cases = json.loads((vectors / "ed25519" / "rfc8032" / "rfc8032-ed25519.json").read_text())
    signed = [SigningKey.from_seed(bytes.fromhex(c["priv"])).sign(bytes.fromhex(c["msg"])).hex() for c in cases]
    assert signed == [case["sig"] for case in cases]


def test_the_known_answers_of_the_reference_implementation(vectors: Path) -> None:
    lines = (vectors / "ed25519" / "pyca" / "ed25519.input").read_text().split()
    assert len(lines) == 1024
    for secret, _, message, signed, _ in (line.split(":") for line in lines):
        key = SigningKey.from_seed(bytes.fromhex(secret)[:32])
        assert key.sign(bytes.fromhex(message)) == bytes.fromhex(signed)[:64]
        assert key.public.verify(bytes.fromhex(message), bytes.fromhex(signed)[:64])


def test_wycheproof(vectors: Path) -> None:
    groups = json.loads((vectors / "ed25519" / "wycheproof" / "ed25519_test.json").read_text())["testGroups"]
    cases = [(group["publicKey"]["pk"], case) for group in groups for case in group["tests"]]
    wrong = [case["tcId"] for pk, case in cases if holds(pk, case) != (case["result"] == "valid")]
    assert len(cases) == 151
    assert wrong == []


def holds(public: str, case: dict[str, str]) -> bool:
    return PublicKey(bytes.fromhex(public)).verify(bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
