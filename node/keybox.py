"""The files of an identity, changed together so that a kill at any line loses no key. ⚡

1. `recovery.next.key`, and `device.next.key` where this machine is to get another key, are written and flushed.
2. `keys.jsonl` is replaced by the key log that announces them: from here on the change has happened.
3. They take the places of `device.key` and `recovery.key`.

Whoever opens the box next goes on with 3 where 2 was reached, and else throws the new keys away: a key that no key log
announces opens nothing. A key that waits to become a device's (`request.key`) is kept until a key log lists it.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from beads.files import flush_folder, write_file
from node.errors import NodeError
from stamps import keychange, keylog, openssh
from stamps.errors import KeyFileError, KeyFormatError, PassphraseNeeded
from stamps.keylog import KeyLog
from stamps.keyring import new_seed, read_key, write_key
from stamps.keys import PublicKey, SigningKey

DEVICE, RECOVERY, KEYS, REQUEST = "device.key", "recovery.key", "keys.jsonl", "request.key"
_NEW_DEVICE, _NEW_RECOVERY = "device.next.key", "recovery.next.key"
_NEXT = {DEVICE: _NEW_DEVICE, RECOVERY: _NEW_RECOVERY}
_LOCK = "lock"


class Unlocked(NamedTuple):
    """A key, and the passphrase that its file needed: what takes its place is to be as safe."""

    key: SigningKey
    passphrase: bytes | None


def unlock(path: Path, ask: Callable[[], bytes] | None) -> Unlocked:
    """Read a key.

    Args:
        ask: Returns the passphrase, where one is needed.

    Raises:
        PassphraseNeeded: It is encrypted and there is nobody to ask.
        KeyFileError: It cannot be read.
    """
    try:
        return Unlocked(read_key(path), None)
    except PassphraseNeeded:
        if ask is None:
            raise
        passphrase = ask()
        return Unlocked(read_key(path, passphrase), passphrase)


def new_key() -> SigningKey:
    """Make a key; it is nowhere but in memory."""
    return SigningKey.from_seed(new_seed())


class Keybox:
    """The folder of a home that holds its keys and its key log.

    Args:
        folder: Made when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where a file of the box is."""
        return self.folder / name

    @property
    def key_log(self) -> KeyLog | None:
        """Who the owner is; None before there is anybody.

        Raises:
            KeyLogError: The file does not verify.
        """
        path = self.path(KEYS)
        return keylog.verify(path.read_bytes()) if path.is_file() else None

    def public(self, name: str) -> PublicKey | None:
        """Return the public half of a key in the box; None without such a file, or where nobody can tell.

        In OpenSSH's form, which is what the box writes, it is in the clear. Of others only the passphrase tells.

        Raises:
            KeyFileError: The file is damaged.
        """
        path = self.path(name)
        try:
            raw = path.read_bytes()
            return _public_of(path, raw) if openssh.is_openssh(raw) else unlock(path, None).key.public
        except (FileNotFoundError, PassphraseNeeded):
            return None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Keep every other process out, once what one of them left half done is finished or undone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path(_LOCK).open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._settle()
            yield

    def settle(self) -> None:
        """Finish or undo what a killed process left, if one did."""
        if any(self.path(name).exists() for name in _NEXT.values()) or self._is_taken_up():
            with self.opened():
                pass

    def stage(self, name: str, key: SigningKey, passphrase: bytes | None) -> None:
        """Write what is to be the next `device.key` or `recovery.key`; nothing counts on it before `commit`."""
        write_key(self.path(_NEXT[name]), key, passphrase)

    def wait_with(self, key: SigningKey, passphrase: bytes | None) -> None:
        """Write the key with which this machine asks to become a device; the box is open."""
        write_key(self.path(REQUEST), key, passphrase)

    def commit(self, raw: bytes) -> KeyLog:
        """Replace the key log, and put the keys that it announces into their places; the box is open.

        Raises:
            KeyLogError: What is to replace it does not verify; nothing was changed.
        """
        verified = keylog.verify(raw)
        write_file(self.path(KEYS), raw)
        self._settle()
        return verified

    def learn(self, newer: KeyLog) -> bool:
        """Take a longer key log that another device has written; one that does not go on from ours is left.

        Returns:
            True where it was taken.
        """
        with self.opened():
            ours = self.key_log
            if ours is None or len(newer.raw) <= len(ours.raw) or not newer.raw.startswith(ours.raw):
                return False
            self.commit(newer.raw)
            return True

    def hand_over(self, key: SigningKey, path: Path, passphrase: bytes | None) -> None:
        """Write the recovery key to where its owner keeps it, and only then take it out of the box; the box is open.

        Raises:
            NodeError: That failed. The key is still in the box.
        """
        part = path.with_name(f"{path.name}.part")
        try:
            part.unlink(missing_ok=True)
            write_key(part, key, passphrase)
            # Under its own name it is whole or not there: nobody keeps half a key safe.
            part.rename(path)
            flush_folder(path.parent)
        except (KeyFileError, OSError) as error:
            raise NodeError(
                f"the change is made, but its recovery key could not be put at {path}: {error}",
                f"It is {self.path(RECOVERY)}: put it somewhere safe.",
            ) from error
        self.path(RECOVERY).unlink(missing_ok=True)
        flush_folder(self.folder)

    # -- half-done changes -------------------------------------------------------------------------------------

    def _is_taken_up(self) -> bool:
        return self.path(REQUEST).exists() and self.path(KEYS).exists()

    def _settle(self) -> None:
        keys = self.key_log
        lists = _none if keys is None else lambda key: key.did in keys.current
        announces = _none if keys is None else lambda key: any(keychange.announces(each, key) for each in keys.entries)
        if keys is not None:
            self._place(REQUEST, DEVICE, lists, keep=True)
        self._place(_NEW_DEVICE, DEVICE, lists)
        self._place(_NEW_RECOVERY, RECOVERY, announces)

    def _place(self, waiting: str, name: str, fits: Callable[[PublicKey], bool], *, keep: bool = False) -> None:
        """Give a waiting key its place if the key log has it; what it has not is thrown away, or kept waiting."""
        path = self.path(waiting)
        if not path.exists():
            return
        if _fits(path, fits):
            path.replace(self.path(name))
        elif not keep:
            path.unlink()
        flush_folder(self.folder)


def _fits(path: Path, fits: Callable[[PublicKey], bool]) -> bool:
    try:
        return fits(openssh.public_of(path.read_bytes()))
    except (KeyFileError, KeyFormatError):
        # Half a file: its writer was killed, long before any key log could name the key.
        return False


def _public_of(path: Path, raw: bytes) -> PublicKey:
    try:
        return openssh.public_of(raw)
    except KeyFileError as error:
        raise KeyFileError(f"{path}: {error}", error.hint) from error


def _none(_: PublicKey) -> bool:
    return False
