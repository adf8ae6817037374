"""The private keys of this machine, one file each; the only module of this floor that touches the world.

A file is private from the moment it exists, is never overwritten, and is on the disk before its key is used.
"""

import os
import stat
from pathlib import Path
from typing import Final

from stamps.errors import KeyFileError, PassphraseNeeded
from stamps.keys import SEED_BYTES, SigningKey
from stamps.openssh import dump_plain, is_openssh, load_plain

_OWNER_ONLY: Final = 0o600
# A key file has less than 1 KiB; a larger one is something else, named by mistake.
_MAX_BYTES: Final = 64 * 1024


def new_seed() -> bytes:
    """Return 32 bytes from the operating system's generator."""
    return os.urandom(SEED_BYTES)


def read_key(path: Path, passphrase: bytes | None = None) -> SigningKey:
    """Return the key in an OpenSSH or PKCS#8 file.

    Args:
        path: The file.
        passphrase: Ignored where the file is not encrypted.

    Raises:
        KeyFileError: missing, open to others, damaged, not Ed25519, or the passphrase is missing or wrong.
    """
    data = _read_private(path)
    if not data:
        raise KeyFileError(f"{path} is empty", "Put the key back from a copy.")
    try:
        return _load(data, passphrase)
    except PassphraseNeeded:
        raise
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}", error.hint) from error


def _load(data: bytes, passphrase: bytes | None) -> SigningKey:
    key = load_plain(data) if is_openssh(data) else None
    if key is None:
        # Imported here: `cryptography` takes 20 to 40 ms, and an unencrypted OpenSSH key needs none of it.
        from stamps import keyfile  # noqa: PLC0415

        key = keyfile.load(data, passphrase)
    return key


def write_key(path: Path, key: SigningKey, passphrase: bytes | None = None) -> None:
    """Write `key` to a new file with mode 0600 and make it durable.

    Raises:
        KeyFileError: the file exists, or cannot be written.
    """
    data = _dump(key, passphrase)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError as error:
        raise KeyFileError(f"{path} exists already", "Choose another path: no key is overwritten.") from error
    except OSError as error:
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from error
    try:
        _write_durably(descriptor, data)
        _sync_directory(path.parent)
    except OSError as error:
        # Half a key would only stand in the way of the next attempt.
        path.unlink(missing_ok=True)
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from error


def _dump(key: SigningKey, passphrase: bytes | None) -> bytes:
    if not passphrase:
        return dump_plain(key)
    # Imported here for the same reason as in `read_key`.
    from stamps import keyfile  # noqa: PLC0415

    return keyfile.dump_openssh(key, passphrase)


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # Asked of the open file, not of the path: nobody can swap one for the other in between.
            _refuse_shared(path, os.fstat(file.fileno()).st_mode)
            return file.read(_MAX_BYTES)
    except OSError as error:
        raise KeyFileError(f"cannot read {path}: {error.strerror}") from error


def _refuse_shared(path: Path, mode: int) -> None:
    # Windows has no such bits: there the answer is always 0o666, and the profile directory protects the file.
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"{path} is open to others (mode {stat.S_IMODE(mode):04o})", f"chmod 600 {path}")


def _write_durably(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Make the new name itself durable; only POSIX lets a directory be opened for that."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
