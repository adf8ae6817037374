"""Unencrypted Ed25519 keys in OpenSSH's own format (openssh-portable, PROTOCOL.key).

This small part of `keyfile` stands alone because `cryptography` costs 20 to 40 ms to import, nearly half of
what a cold command may take, and a node's own key is read by every command that signs. Encrypted keys and
PKCS#8 go to `keyfile`.
"""

import binascii
from typing import Final

from stamps.errors import KeyFileError, KeyFormatError
from stamps.keys import SEED_BYTES, PublicKey, SigningKey

_BEGIN: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_END: Final = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC: Final = b"openssh-key-v1\0"
_NONE: Final = b"none"
_ED25519: Final = b"ssh-ed25519"
_LINE: Final = 70
_BLOCK: Final = 8


def is_openssh(data: bytes) -> bool:
    """Say whether `data` is framed as an OpenSSH private key."""
    return data.lstrip().startswith(_BEGIN)


def load_plain(data: bytes) -> SigningKey | None:
    """Return the key in `data`, or None where it is encrypted.

    Raises:
        KeyFileError: damaged, or not one Ed25519 key.
    """
    fields = _Fields(_body(data))
    if fields.string() != _NONE:
        return None
    fields.string()  # the KDF, "none" too
    fields.string()  # its options, empty
    if fields.number() != 1:
        raise KeyFileError("the key file holds more than one key")
    fields.string()  # the public key, repeated in the private section
    return _load_private(fields.string())


def public_of(data: bytes) -> PublicKey:
    """Return the public half of the key in `data`, which is in the clear even where the private one is encrypted.

    Raises:
        KeyFileError: damaged, or not Ed25519.
        KeyFormatError: a point nobody may use.
    """
    fields = _Fields(_body(data))
    fields.string()  # the cipher
    fields.string()  # the KDF
    fields.string()  # its options
    fields.number()  # how many keys
    public = _Fields(fields.string())
    if public.string() != _ED25519:
        raise KeyFileError("the key is not Ed25519", "Make one with: ssh-keygen -t ed25519")
    return PublicKey(public.string())


def dump_plain(key: SigningKey, comment: str = "") -> bytes:
    """Return `key` as an unencrypted file; `comment` is one line for people."""
    kind, public = _string(_ED25519), _string(key.public.raw)
    # The check numbers only tell a right passphrase from a wrong one, so without one any equal pair will do.
    private = bytes(8) + kind + public + _string(key.seed + key.public.raw) + _string(comment.encode())
    private += bytes(range(1, 1 + -len(private) % _BLOCK))
    head = _MAGIC + _string(_NONE) + _string(_NONE) + _string(b"") + (1).to_bytes(4, "big")
    text = binascii.b2a_base64(head + _string(kind + public) + _string(private), newline=False)
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return b"\n".join([_BEGIN, *lines, _END, b""])


def _load_private(section: bytes) -> SigningKey:
    fields = _Fields(section)
    if fields.number() != fields.number():
        raise KeyFileError("the key file is damaged: its check numbers differ")
    if fields.string() != _ED25519:
        raise KeyFileError("the key is not Ed25519", "Make one with: ssh-keygen -t ed25519")
    public = fields.string()
    private = fields.string()
    try:
        key = SigningKey.from_seed(private[:SEED_BYTES])
    except KeyFormatError as error:
        raise KeyFileError("the key file is damaged: no seed") from error
    if not key.public.raw == public == private[SEED_BYTES:]:
        raise KeyFileError("the key file is damaged: its public key is another's")
    return key


def _body(data: bytes) -> bytes:
    text = data.strip()
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise KeyFileError("not an OpenSSH private key")
    try:
        body = binascii.a2b_base64(text[len(_BEGIN) : -len(_END)])
    except binascii.Error as error:
        raise KeyFileError("the key file is damaged: not base64") from error
    if not body.startswith(_MAGIC):
        raise KeyFileError("the key file is damaged: not openssh-key-v1")
    return body[len(_MAGIC) :]


def _string(data: bytes) -> bytes:
    """Encode a string of RFC 4251 section 5."""
    return len(data).to_bytes(4, "big") + data


class _Fields:
    """A cursor over the uint32 and string fields of RFC 4251 section 5."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def _take(self, length: int) -> bytes:
        if length > len(self._data):
            raise KeyFileError("the key file is damaged: cut short")
        head, self._data = self._data[:length], self._data[length:]
        return head
