"""Text forms of bytes: hex digests, base64url, base32 and base58.

Each decoder accepts exactly one text for any bytes: an identifier with two spellings would be two
identifiers.
"""

import base64
import binascii
import hashlib
import re

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE = {letter: value for value, letter in enumerate(_BASE58)}
# Base58 costs quadratic time, so a stranger's text is bounded: 128 covers a 64-byte signature (88) with room.
BASE58_MAX = 128

_BASE64URL = re.compile(rb"[A-Za-z0-9_-]*\Z")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def b64u_encode(data: bytes) -> str:
    """Return unpadded base64url (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64u_decode(text: str | bytes) -> bytes:
    """Decode unpadded base64url, refusing every second spelling.

    The spare bits of the last letter must be zero (RFC 4648 section 3.5).

    Raises:
        ValueError: `text` is padded, has a foreign letter or non-zero spare bits.
    """
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if not _BASE64URL.match(raw):
        raise ValueError("not base64url")
    try:
        data = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url: impossible length") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != raw:
        raise ValueError("not base64url: spare bits are not zero")
    return data


def base32_lower(data: bytes) -> str:
    """Return lower-case unpadded base32 (RFC 4648 section 6)."""
    return base64.b32encode(data).rstrip(b"=").decode("ascii").lower()


def base58_encode(data: bytes) -> str:
    """Return base58 in the Bitcoin alphabet (draft-msporny-base58-03)."""
    number = int.from_bytes(data, "big")
    letters = []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_BASE58[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(letters))


def base58_decode(text: str) -> bytes:
    """Decode base58 in the Bitcoin alphabet.

    Raises:
        ValueError: a foreign letter, or more than `BASE58_MAX` letters.
    """
    if len(text) > BASE58_MAX:
        raise ValueError("base58 text is too long")
    number = 0
    for letter in text:
        value = _BASE58_VALUE.get(letter)
        if value is None:
            raise ValueError("not base58")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
