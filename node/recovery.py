"""The recovery key, and the changes of a key log that it makes: each uses it up and makes the next. ⚡"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from beads.errors import NotAllowed, NotFound
from node import wiring
from node.errors import NodeError, Usage
from node.home import Home
from node.keybox import DEVICE, RECOVERY, Unlocked, new_key, unlock
from stamps import keychange
from stamps.errors import KeyLogError
from stamps.keychange import Change
from stamps.keylog import KeyLog
from stamps.keys import PublicKey, SigningKey

LEAD = timedelta(minutes=10)
"""How far the last entry of a key log may be ahead of this machine's clock."""


@dataclass
class Safe:
    """Where the recovery key is kept, and its successor is to be.

    Attributes:
        path: The file.
        successor: Where the next one goes; None: into the home, or beside `path` where that is elsewhere.
        elsewhere: Whether the owner keeps the file outside the home.
    """

    path: Path
    successor: Path | None = None
    elsewhere: bool = False

    @cached_property
    def unlocked(self) -> Unlocked:
        """The key, read once.

        Raises:
            KeyFileError: It cannot be read.
        """
        return unlock(self.path, lambda: wiring.passphrase("recovery key"))

    def target(self, entries: int) -> Path | None:
        """Return where the key goes that opens a key log of so many entries; None for the home.

        Raises:
            Usage: Nothing can be written there.
        """
        if self.successor is None and not self.elsewhere:
            return None
        stem = re.sub(r"\.\d+\Z", "", self.path.stem)
        path = self.successor or self.path.with_name(f"{stem}.{entries}{self.path.suffix}")
        if path.exists() or not path.parent.is_dir():
            what = "is there already" if path.exists() else "is in no folder that there is"
            raise Usage(f"the next recovery key cannot be {path}: it {what}", "Name another: --new-recovery FILE")
        return path


class Changed(NamedTuple):
    """A key log after a change.

    Attributes:
        recovery: Where the key is that can make the next one.
    """

    keys: KeyLog
    recovery: Path


def safe(home: Home, key: Path | None, successor: Path | None) -> Safe:
    """Return where the recovery key is: in the home unless another file is named."""
    return Safe(key or home.box.path(RECOVERY), successor, elsewhere=key is not None)


def change(
    home: Home, kept: Safe, decide: Callable[[KeyLog], Change], *, device: Unlocked | None = None,
    found: KeyLog | None = None,
) -> Changed:  # fmt: skip
    """Write an entry of the key log, signed by the recovery key, and make the next recovery key.

    Args:
        decide: Returns what is to be changed, given the key log as it stands.
        device: What is to be this machine's key from here on.
        found: The key log to go on from, where the home has none yet.

    Raises:
        NodeError: `found` was given, and the home has one; or there is no room for the change.
        NotAllowed: It is not the recovery key that counts.
        KeyLogError: The rules forbid the change; nothing was changed.
        KeyFileError: A key cannot be read or written.
    """
    box = home.box
    with box.opened():
        if found is not None:
            home.refuse_identity()
        keys = found or home.key_log()
        _check_recovery(keys, kept)
        target = kept.target(len(keys.entries) + 1)
        fresh, secret = new_key(), kept.unlocked.passphrase
        raw = _extended(keys, kept.unlocked.key, fresh.public, decide(keys))
        if device is not None:
            box.stage(DEVICE, *device)
        box.stage(RECOVERY, fresh, secret)
        changed = box.commit(raw)
        if target is not None:
            box.hand_over(fresh, target, secret)
    return Changed(changed, target or box.path(RECOVERY))


def _extended(keys: KeyLog, update: SigningKey, fresh: PublicKey, asked: Change) -> bytes:
    try:
        return keychange.extend(keys, update, fresh, _time_after(keys), asked)
    except KeyLogError as error:
        if error.reason != "size":
            raise
        raise NodeError(
            "the key log has no room for that: an entry holds 16 KiB, and every log that a revoked key keeps is named",
            "With --keep none a key takes little room, but its work is lost.",
        ) from error


def _check_recovery(keys: KeyLog, kept: Safe) -> None:
    if not kept.path.exists():
        raise NotFound(f"no recovery key at {kept.path}", "Name the file that you keep safe: --recovery FILE")
    key = kept.unlocked.key.public
    if keychange.announces(keys.entries[-1], key):
        return
    for number, entry in enumerate(keys.entries, 1):
        if key.multibase in entry.update_keys:
            raise NotAllowed(
                f"the recovery key {kept.path} was used up by entry {number} of the key log",
                "Its successor was written then, beside it or where you said: --recovery FILE",
            )
    raise NotAllowed(f"{kept.path} is not the recovery key of {keys.scid}", "Name the right file: --recovery FILE")


def _time_after(keys: KeyLog) -> str:
    """Return now, or a moment after the last entry where that is of this very second."""
    now, last = datetime.now(UTC), keys.entries[-1].time
    if last > now + LEAD:
        raise NodeError(
            f"this machine's clock says {now:%Y-%m-%d %H:%M}, the key log's last entry {last:%Y-%m-%d %H:%M}",
            "Set the clock: an entry must be later than the one before.",
        )
    return max(now, last + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
