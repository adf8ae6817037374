"""Ed25519 private keys as files hold them: OpenSSH and PKCS#8, with or without a passphrase.

`cryptography` and `bcrypt` are slow to import, so no other module imports this one at its top.
"""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
    load_ssh_public_key,
)

from stamps.errors import KeyFileError, PassphraseNeeded
from stamps.keys import PublicKey, SigningKey
from stamps.openssh import dump_plain, is_openssh

_MAKE_ED25519: Final = "Make one with: ssh-keygen -t ed25519"


def dump_openssh(key: SigningKey, passphrase: bytes | None, comment: str = "") -> bytes:
    """Return `key` as an OpenSSH private key file, encrypted where a passphrase is given.

    Args:
        key: The key to write.
        passphrase: None or empty for an unencrypted file.
        comment: One line for people. Lost under a passphrase: `cryptography` writes none there.
    """
    if not passphrase:
        return dump_plain(key, comment)
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    return private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(passphrase))


def load(data: bytes, passphrase: bytes | None) -> SigningKey:
    """Return the key in an OpenSSH or PKCS#8 PEM file.

    Args:
        data: What the file holds.
        passphrase: Ignored where the file is not encrypted.

    Raises:
        KeyFileError: damaged, not Ed25519, encrypted and no passphrase given, or the wrong one.
    """
    load_any = load_ssh_private_key if is_openssh(data) else load_pem_private_key
    private = _load_unencrypted(load_any, data) or _load_encrypted(load_any, data, passphrase)
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyFileError("the key is not Ed25519", _MAKE_ED25519)
    return SigningKey.from_seed(private.private_bytes_raw())


def load_ssh_public(line: bytes) -> PublicKey:
    """Return the key of one line of an OpenSSH `.pub` or `authorized_keys` file.

    Raises:
        KeyFileError: malformed, or not Ed25519.
        KeyFormatError: a point nobody may use.
    """
    try:
        public = load_ssh_public_key(line)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError("not an OpenSSH public key") from error
    if not isinstance(public, Ed25519PublicKey):
        raise KeyFileError("the key is not Ed25519", _MAKE_ED25519)
    return PublicKey(public.public_bytes_raw())


def _load_unencrypted(load_any: Callable[[bytes, bytes | None], object], data: bytes) -> object | None:
    """Return the key, or None where the file wants a passphrase.

    Asking without one first tells a wrong passphrase from a damaged file, which `cryptography` reports alike.
    """
    try:
        return load_any(data, None)
    except TypeError:
        return None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError("not a readable private key file") from error


def _load_encrypted(load_any: Callable[[bytes, bytes | None], object], data: bytes, passphrase: bytes | None) -> object:
    if not passphrase:
        raise PassphraseNeeded("the key file is encrypted", "Give its passphrase.")
    try:
        return load_any(data, passphrase)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError("the passphrase does not open the key file") from error
