"""Text forms of bytes: each has one spelling."""

import base64
import hashlib

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stamps import encoding


@given(st.binary(max_size=80))
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = encoding.b64u_encode(data)
    assert "=" not in text
    assert encoding.b64u_decode(text) == encoding.b64u_decode(text.encode()) == data


@given(st.text(alphabet="AQgw-_=+/ \n", max_size=8) | st.binary(max_size=6))
def test_base64url_decodes_what_it_encodes_and_nothing_else(text: str | bytes) -> None:
    try:
        data = encoding.b64u_decode(text)
    except ValueError:
        return
    assert encoding.b64u_encode(data) == (text if isinstance(text, str) else text.decode())


@pytest.mark.parametrize(
    "text",
    ["QQ==", "QR", "Q", "+A", "/A", " QQ", "QQ\n", "Q\nQ", "QQé", "\ud800"],
    ids=[
        "padded",
        "spare bits",
        "one letter",
        "plus",
        "slash",
        "space",
        "line feed",
        "inner line feed",
        "é",
        "surrogate",
    ],
)
def test_base64url_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        encoding.b64u_decode(text)


@given(st.binary(max_size=60))
def test_base32_is_rfc_4648_in_lower_case_unpadded(data: bytes) -> None:
    text = encoding.base32_lower(data)
    assert text == text.lower()
    assert base64.b32decode(text.upper() + "=" * (-len(text) % 8)) == data


@given(st.binary(max_size=64))
def test_base58_reads_back(data: bytes) -> None:
    assert encoding.base58_decode(encoding.base58_encode(data)) == data


@given(st.text(alphabet="123zZ", max_size=12))
def test_base58_has_one_spelling(text: str) -> None:
    assert encoding.base58_encode(encoding.base58_decode(text)) == text


# draft-msporny-base58-03, section 5.
@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (
            b"The quick brown fox jumps over the lazy dog.",
            "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z",
        ),
        (bytes.fromhex("0000287fb4cd"), "11233QC4"),
    ],
)
def test_base58_of_the_draft(data: bytes, text: str) -> None:
    assert encoding.base58_encode(data) == text


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "é", " ", "1" * 129])
def test_base58_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="base58"):
        encoding.base58_decode(text)


def test_sha256_hex() -> None:
    assert encoding.sha256_hex(b"abc") == hashlib.sha256(b"abc").hexdigest()
