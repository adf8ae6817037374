"""Ed25519 keys, named as did:key, with libsodium as the one judge (protocol, section 2).

Two libraries that disagree on odd keys split a network, so nothing else in the project verifies a
signature. libsodium refuses S >= L, and non-canonical or small-order A and R; a `PublicKey` is stricter
still and is never made from a point outside the prime-order subgroup, because no honest key pair has one
and every later question about it is answered so.
"""

from typing import Final, Protocol

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError

from stamps.encoding import base58_decode, base58_encode
from stamps.errors import KeyFormatError

KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_DID_KEY: Final = "did:key:"
# Multicodec code of ed25519-pub as a varint: did:key, section 3.1.1.
_ED25519_PUB: Final = b"\xed\x01"


class PublicKey:
    """An Ed25519 point that may sign: canonical, on the curve, in the prime-order subgroup."""

    __slots__ = ("did", "raw")

    raw: bytes
    did: str

    def __init__(self, raw: bytes) -> None:
        """Take the 32 bytes of RFC 8032 section 5.1.5.

        Raises:
            KeyFormatError: wrong length, or a point nobody may use.
        """
        if len(raw) != KEY_BYTES or not crypto_core_ed25519_is_valid_point(bytes(raw)):
            raise KeyFormatError("not a usable Ed25519 public key")
        object.__setattr__(self, "raw", bytes(raw))
        object.__setattr__(self, "did", f"{_DID_KEY}z{base58_encode(_ED25519_PUB + raw)}")

    @classmethod
    def from_did(cls, did: str) -> "PublicKey":
        """Return the key that a did:key names.

        Raises:
            KeyFormatError: not a did:key, not Ed25519, or not a usable point.
        """
        if not did.startswith(_DID_KEY):
            raise KeyFormatError("not a did:key")
        return cls.from_multibase(did[len(_DID_KEY) :])

    @classmethod
    def from_multibase(cls, multikey: str) -> "PublicKey":
        """Return the key that a Multikey text names: `z`, then base58btc of 0xed01 and the point.

        Raises:
            KeyFormatError: not base58btc, not Ed25519, or not a usable point.
        """
        if not multikey.startswith("z"):
            raise KeyFormatError("a Multikey begins with z")
        try:
            data = base58_decode(multikey[1:])
        except ValueError as error:
            raise KeyFormatError(f"malformed Multikey: {error}") from error
        if not data.startswith(_ED25519_PUB):
            raise KeyFormatError("not an Ed25519 key")
        return cls(data[len(_ED25519_PUB) :])

    @property
    def multibase(self) -> str:
        """The Multikey text (`z6Mk…`), which is also the fragment of a did:key verification method."""
        return self.did[len(_DID_KEY) :]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Say whether `signature` is this key's over `message` (RFC 8032 section 5.1.7)."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + message, self.raw)
        except BadSignatureError:
            return False
        return True

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a PublicKey is frozen")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a PublicKey is frozen")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.did})"


class Signer(Protocol):
    """Whoever can sign: a key in memory, an agent, a hardware token."""

    @property
    def public(self) -> PublicKey:
        """The key that verifies what `sign` returns."""

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature over `message`."""


class SigningKey:
    """An Ed25519 private key in memory. Its `repr` shows the public key only."""

    __slots__ = ("_expanded", "public")

    def __init__(self, seed: bytes) -> None:
        """Derive the key pair from a 32-byte seed (RFC 8032 section 5.1.5).

        Raises:
            KeyFormatError: the seed has another length.
        """
        if len(seed) != SEED_BYTES:
            raise KeyFormatError(f"a seed has {SEED_BYTES} bytes")
        raw, self._expanded = crypto_sign_seed_keypair(bytes(seed))
        self.public = PublicKey(raw)

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """Derive the key pair from a 32-byte seed.

        Raises:
            KeyFormatError: the seed has another length.
        """
        return cls(seed)

    @property
    def seed(self) -> bytes:
        """The 32 bytes that are the secret."""
        return self._expanded[:SEED_BYTES]

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over `message`; deterministic (RFC 8032 section 5.1.6)."""
        return crypto_sign(message, self._expanded)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey({self.public.did})"
