"""The signed line."""

import json
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from stamps import envelope
from stamps.encoding import b64u_encode
from stamps.errors import SignatureError
from stamps.keys import SigningKey

HEADER = b'{"v":1}'
# Long enough to be a signature, and all zero.
ZEROS = b64u_encode(bytes(64)).encode()


def test_pae_of_the_dsse_protocol() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert envelope.pae(b"hello world", b"http://example.com/HelloWorld") == expected


def test_pae_of_the_published_vector(vectors: Path) -> None:
    vector = json.loads((vectors / "dsse" / "protocol-test-vector.json").read_text())
    made = envelope.pae(vector["payload_utf8"].encode(), vector["payloadType"].encode())
    assert made == vector["pae_utf8"].encode()


def test_pae_counts_bytes() -> None:
    assert envelope.pae("é".encode(), b"t") == "DSSEv1 1 t 2 é".encode()


@given(st.binary(min_size=1, max_size=300).filter(lambda header: b"\n" not in header))
@settings(deadline=None, max_examples=60)
def test_a_sealed_line_verifies(header: bytes) -> None:
    key = SigningKey.from_seed(bytes(32))
    line = envelope.seal(header, key)
    verified = envelope.verify(line, key.public)
    assert verified.value == header
    assert verified.signer == key.public
    assert {envelope.verify(line[:-1], key.public)} == {verified}


def test_the_line_is_signature_space_header_line_feed(alice: SigningKey) -> None:
    signature = b64u_encode(alice.sign(envelope.pae(HEADER))).encode()
    assert envelope.seal(HEADER, alice) == signature + b" " + HEADER + b"\n"


def test_a_signature_over_the_bare_header_does_not_hold(alice: SigningKey) -> None:
    line = b64u_encode(alice.sign(HEADER)).encode() + b" " + HEADER
    with pytest.raises(SignatureError):
        envelope.verify(line, alice.public)


def test_a_signature_for_another_payload_type_does_not_hold(alice: SigningKey) -> None:
    line = b64u_encode(alice.sign(envelope.pae(HEADER, b"text/plain"))).encode() + b" " + HEADER
    with pytest.raises(SignatureError):
        envelope.verify(line, alice.public)


def test_anothers_key_does_not_verify(alice: SigningKey, bob: SigningKey) -> None:
    with pytest.raises(SignatureError, match=bob.public.did):
        envelope.verify(envelope.seal(HEADER, alice), bob.public)


MALFORMED = {
    "nothing": b"",
    "a line feed alone": b"\n",
    "no header": ZEROS + b" \n",
    "no space": ZEROS + HEADER,
    "a tab": ZEROS + b"\t" + HEADER,
    "a space before": b" " + ZEROS + b" " + HEADER,
    "a padded signature": ZEROS + b"== " + HEADER,
    "a short signature": ZEROS[:-1] + b" " + HEADER,
    "a long signature": ZEROS + b"A " + HEADER,
    "spare bits": ZEROS[:-1] + b"B " + HEADER,
    "the other base64": b"+" + ZEROS[1:] + b" " + HEADER,
    "two line feeds": ZEROS + b" " + HEADER + b"\n\n",
    "a line feed inside": ZEROS + b' {"v":\n1}\n',
    "two lines": (ZEROS + b" " + HEADER + b"\n") * 2,
}


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED.keys())
def test_split_refuses(line: bytes) -> None:
    with pytest.raises(SignatureError):
        envelope.split(line)


def test_split_keeps_what_follows_the_one_space() -> None:
    assert envelope.split(ZEROS + b"  {}") == (bytes(64), b" {}")


@given(st.binary(max_size=200))
def test_split_takes_any_bytes_or_says_signature_error(line: bytes) -> None:
    with pytest.raises(SignatureError):
        envelope.split(line)


def test_nobody_else_makes_a_verified_value(alice: SigningKey) -> None:
    with pytest.raises(TypeError):
        envelope.Verified(HEADER, alice.public, object())


def test_what_a_verified_value_yields_is_verified(alice: SigningKey) -> None:
    verified = envelope.verify(envelope.seal(HEADER, alice), alice.public)
    parsed = verified.map(json.loads)
    assert parsed.value == {"v": 1}
    assert parsed.signer == alice.public
    assert parsed != verified
    assert alice.public.did in repr(parsed)


CHANGES: dict[str, Callable[[envelope.Verified[bytes]], None]] = {
    "set": lambda verified: setattr(verified, "value", b"other"),
    "delete": lambda verified: delattr(verified, "value"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_verified_value_is_frozen(alice: SigningKey, change: Callable[[envelope.Verified[bytes]], None]) -> None:
    verified = envelope.verify(envelope.seal(HEADER, alice), alice.public)
    with pytest.raises(AttributeError):
        change(verified)
    assert verified.value == HEADER
