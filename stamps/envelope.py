"""The signed line of one operation: `b64url(signature) SP header LF` (protocol, section 4).

The signature is Ed25519 over the pre-authentication encoding of DSSE v1, so it is bound to the payload type
and no signature made for another purpose can be replayed here. It covers the header's bytes as received:
verify first, then parse exactly those bytes.
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from stamps.encoding import b64u_decode, b64u_encode
from stamps.errors import SignatureError
from stamps.keys import PublicKey, Signer

PAYLOAD_TYPE: Final = b"application/vnd.wasteland.op.v1+json"

# 64 bytes in unpadded base64url.
_SIGNATURE_CHARS: Final = 86
# Held by this module alone, so that a Verified value can be made nowhere else by accident.
_TOKEN: Final = object()

T = TypeVar("T")
U = TypeVar("U")


class Verified(Generic[T]):
    """A value over which a signature was checked; only `verify` makes the first one.

    Folds take this type, so that an unchecked header cannot reach them.

    Attributes:
        value: What was signed, or what `map` made of it.
        signer: The key whose signature holds.
    """

    __slots__ = ("signer", "value")

    value: T
    signer: PublicKey

    def __init__(self, value: T, signer: PublicKey, token: object) -> None:
        if token is not _TOKEN:
            raise TypeError("only stamps.envelope.verify makes Verified values")
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "signer", signer)

    def map(self, function: Callable[[T], U]) -> "Verified[U]":
        """Return what `function` makes of the value, still verified: what it derives was signed too."""
        return Verified(function(self.value), self.signer, _TOKEN)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Verified value is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Verified value is frozen")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Verified) and (self.value, self.signer) == (other.value, other.signer)

    def __hash__(self) -> int:
        return hash((self.value, self.signer))

    def __repr__(self) -> str:
        return f"Verified({self.value!r}, {self.signer!r})"


def pae(payload: bytes, payload_type: bytes = PAYLOAD_TYPE) -> bytes:
    """Return the pre-authentication encoding (DSSE v1, protocol.md, "Signature definition").

    Lengths count bytes, never characters.
    """
    return b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type, len(payload), payload)


def seal(header: bytes, signer: Signer, payload_type: bytes = PAYLOAD_TYPE) -> bytes:
    """Return the line that carries `header` and its signature, LF included."""
    signature = b64u_encode(signer.sign(pae(header, payload_type))).encode("ascii")
    return b"%b %b\n" % (signature, header)


def split(line: bytes) -> tuple[bytes, bytes]:
    """Return the signature (64 bytes) and the header of a line, with or without its LF; nothing is verified.

    Raises:
        SignatureError: the line has another shape, or a line feed before its end.
    """
    text = line[:-1] if line.endswith(b"\n") else line
    header = text[_SIGNATURE_CHARS + 1 :]
    if text[_SIGNATURE_CHARS : _SIGNATURE_CHARS + 1] != b" " or not header or b"\n" in text:
        raise SignatureError("not a signed line: signature, one space, header")
    try:
        signature = b64u_decode(text[:_SIGNATURE_CHARS])
    except ValueError as error:
        raise SignatureError(f"malformed signature: {error}") from error
    return signature, header


def verify(line: bytes, key: PublicKey, payload_type: bytes = PAYLOAD_TYPE) -> Verified[bytes]:
    """Return the header of `line`, once `key`'s signature over it holds.

    Raises:
        SignatureError: the line is malformed, or the signature does not hold.
    """
    signature, header = split(line)
    if not key.verify(pae(header, payload_type), signature):
        raise SignatureError(f"the signature is not {key.did}'s")
    return Verified(header, key, _TOKEN)
