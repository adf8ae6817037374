"""The home directory: who I am, which commons I follow, with whom I sync. ⚡

```text
HOME/
  config.toml              the owner's settings, optional
  state.json               the default commons
  identity/keys.jsonl      my key log: who I am, for everyone
  identity/device.key      signs; mode 0600
  identity/recovery.key    the next update key: put it somewhere safe
  commons/<id>/repo.git    one bare repository a commons
  commons/<id>/index.sqlite
  commons/<id>/peers.json
  town/                    my Gas Town, if there is one
```
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from beads import genesis, ids
from beads.errors import Ambiguous, NotFound
from beads.files import write_file
from beads.genesis import Genesis
from node.errors import NodeError, NoHome, Usage
from stamps import keylog
from stamps.errors import PassphraseNeeded
from stamps.keylog import KeyLog
from stamps.keyring import new_seed, read_key, write_key
from stamps.keys import SigningKey

if TYPE_CHECKING:
    from node.config import Config

DEVICE, RECOVERY, KEYS = "device.key", "recovery.key", "keys.jsonl"


class Peer(msgspec.Struct, frozen=True):
    """Somebody to sync with.

    Attributes:
        url: Its address; see `beads.remote.check_url`.
        pull: Take from it.
        push: Give to it.
    """

    url: str
    pull: bool = True
    push: bool = True


class _State(msgspec.Struct):
    commons: str | None = None
    ledger: str | None = None


class Home:
    """A home directory, made when first needed.

    Args:
        path: Where it is; see `locate`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unlocked: SigningKey | None = None

    @property
    def config(self) -> "Config":
        """The owner's settings."""
        # Here: it reaches for every part that has settings: 4 ms.
        from node.config import load  # noqa: PLC0415

        return load(self.path / "config.toml")

    # -- identity ----------------------------------------------------------------------------------------------

    @property
    def exists(self) -> bool:
        """True once there is an identity."""
        return (self.path / "identity" / KEYS).is_file()

    def key_log(self) -> KeyLog:
        """Return who I am.

        Raises:
            NoHome: Nobody yet.
        """
        if not self.exists:
            raise NoHome(f"no identity at {self.path}", "Make one: wl init (create and join do it too)")
        return keylog.verify((self.path / "identity" / KEYS).read_bytes())

    def device_key(self, ask: Callable[[], bytes] | None = None) -> SigningKey:
        """Return the key that signs, read once.

        Args:
            ask: Returns the passphrase, where one is needed.

        Raises:
            PassphraseNeeded: It is encrypted and there is nobody to ask.
            KeyFileError: It cannot be read.
        """
        path = self.path / "identity" / DEVICE
        if self._unlocked is None:
            try:
                self._unlocked = read_key(path)
            except PassphraseNeeded:
                if ask is None:
                    raise
                self._unlocked = read_key(path, ask())
        return self._unlocked

    def make_identity(self, device: SigningKey | None = None, passphrase: bytes | None = None) -> KeyLog:
        """Make keys and a key log.

        The first update key signs the key log's first entry and is never used again, so it is never written down.

        Args:
            device: An existing key to use, instead of a new one.

        Raises:
            NodeError: There is an identity already.
        """
        if self.exists:
            raise NodeError(f"there is an identity at {self.path} already", "See: wl me")
        folder = self.path / "identity"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        device = device or SigningKey.from_seed(new_seed())
        recovery = SigningKey.from_seed(new_seed())
        raw = keylog.incept(
            update=SigningKey.from_seed(new_seed()), next_update=recovery.public, device=device.public,
            time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )  # fmt: skip
        for name, key, secret in ((DEVICE, device, passphrase), (RECOVERY, recovery, None)):
            # A run that was killed here left keys that no key log names: nobody can miss them.
            (folder / name).unlink(missing_ok=True)
            write_key(folder / name, key, secret)
        write_file(folder / KEYS, raw)
        return keylog.verify(raw)

    # -- commons -----------------------------------------------------------------------------------------------

    def commons_folder(self, commons: str) -> Path:
        """Return where a commons lies."""
        return self.path / "commons" / commons

    def commons(self) -> dict[str, Genesis]:
        """Return the commons followed here, by id, in the order of their names."""
        found: dict[str, Genesis] = {}
        for folder in sorted((self.path / "commons").glob("wlc1*")):
            founding = folder / "repo.git" / "wl-genesis.json"
            if founding.is_file():
                found[folder.name] = genesis.parse(founding.read_bytes())
        return dict(sorted(found.items(), key=lambda pair: (pair[1].name, pair[0])))

    def choose(self, wanted: str | None) -> str:
        """Return the commons meant: by id, name, or a prefix of either; without one, the default.

        Raises:
            NotFound: There is none.
            Ambiguous: The name fits several.
        """
        known = self.commons()
        if wanted is None:
            return self._default(known)
        fits = [i for i, g in known.items() if wanted in (i, g.name)] or [
            i
            for i, g in known.items()
            if i.startswith(wanted) or i.removeprefix("wlc1").startswith(wanted) or g.name.startswith(wanted)
        ]
        if not fits:
            raise NotFound(f"no commons {wanted} here", "See: wl list")
        if len(fits) > 1:
            raise Ambiguous(wanted, fits)
        return fits[0]

    def meant(self) -> str | None:
        """Return the commons that verbs mean where none is named, or None."""
        try:
            return self.choose(None)
        except (NotFound, Usage):
            return None

    def _default(self, known: Mapping[str, Genesis]) -> str:
        public = [i for i, g in known.items() if not g.private]
        chosen = self._state().commons
        if chosen in public:
            return chosen
        if len(public) == 1:
            return public[0]
        if not public:
            raise NotFound("you follow no commons yet", "wl create NAME, or wl join URL")
        raise Usage("you follow several commons", "Name one: --commons NAME (wl list shows them)")

    def set_default(self, commons: str) -> None:
        """Make a commons the one that verbs mean."""
        state = self._state()
        state.commons = commons
        self._write_state(state)

    def ledger_id(self) -> str | None:
        """Return the private ledger that `bd` means."""
        return self._state().ledger

    def set_ledger(self, commons: str) -> None:
        """Make a private ledger the one that `bd` means."""
        state = self._state()
        state.ledger = commons
        self._write_state(state)

    def _state(self) -> _State:
        path = self.path / "state.json"
        return msgspec.json.decode(path.read_bytes(), type=_State) if path.is_file() else _State()

    def _write_state(self, state: _State) -> None:
        write_file(self.path / "state.json", msgspec.json.encode(state))

    # -- peers -------------------------------------------------------------------------------------------------

    def peers(self, commons: str) -> list[Peer]:
        """Return the peers of a commons."""
        path = self.commons_folder(commons) / "peers.json"
        return msgspec.json.decode(path.read_bytes(), type=list[Peer]) if path.is_file() else []

    def add_peer(self, commons: str, peer: Peer) -> None:
        """Add a peer, or change how one is treated."""
        others = [p for p in self.peers(commons) if p.url != peer.url]
        self._write_peers(commons, [*others, peer])

    def remove_peer(self, commons: str, url: str) -> None:
        """Take a peer off the list.

        Raises:
            NotFound: It is not on it.
        """
        left = [p for p in self.peers(commons) if p.url != url]
        if len(left) == len(self.peers(commons)):
            raise NotFound(f"no peer {url}", "See: wl peer list")
        self._write_peers(commons, left)

    def _write_peers(self, commons: str, peers: list[Peer]) -> None:
        write_file(self.commons_folder(commons) / "peers.json", msgspec.json.encode(peers))


def locate(environment: Mapping[str, str] | None = None) -> Path:
    """Return the home directory: WL_HOME, or where this system keeps a user's data."""
    chosen = (os.environ if environment is None else environment).get("WL_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    # Here: 2 ms that whoever sets WL_HOME need not wait for.
    import platformdirs  # noqa: PLC0415

    return Path(platformdirs.user_data_dir("wasteland"))


def short(commons: str) -> str:
    """Shorten a commons' id for people."""
    return ids.short(commons.removeprefix("wlc1"))
