"""The home directory: who I am, which commons I follow, with whom I sync. ⚡

```text
HOME/
  config.toml              the owner's settings, optional
  state.json               the default commons, and whose home this is
  identity/keys.jsonl      my key log: who I am, for everyone
  identity/device.key      signs; mode 0600
  identity/recovery.key    the next update key: put it somewhere safe
  identity/request.key     a key that waits to become a device's, where there is no identity yet
  commons/<id>/repo.git    one bare repository a commons
  commons/<id>/index.sqlite
  commons/<id>/peers.json  with whom it is synced (`node.peers`)
  commons/<id>/shunned.json
                           operations whose words are not kept here
  reviews/                 what was run on work that was handed in (`node.checked`)
  left/<id>                what a commons was that I have left
  sheets/<scid>/           sheets from files that I keep (`node.sheetfiles`)
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
from beads.errors import Ambiguous, InvalidGenesis, NotFound
from beads.files import flush_folder, write_file
from beads.genesis import Genesis
from node.errors import NodeError, NoHome, Usage
from node.keybox import DEVICE, KEYS, RECOVERY, REQUEST, Keybox, new_key, unlock
from node.peers import Peer, PeerBook
from stamps import keylog
from stamps.keylog import KeyLog
from stamps.keys import SigningKey

if TYPE_CHECKING:
    from node.config import Config


LEFT = "left"
SHUNNED = "shunned.json"


class _State(msgspec.Struct):
    commons: str | None = None
    ledger: str | None = None
    owner: str | None = None


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
    def box(self) -> Keybox:
        """The keys, and how they are changed."""
        return Keybox(self.path / "identity")

    @property
    def exists(self) -> bool:
        """True once there is an identity."""
        return self.box.path(KEYS).is_file()

    @property
    def is_waiting(self) -> bool:
        """True while this machine asks to become a device of somebody who is elsewhere, or to be one again."""
        return self.box.path(REQUEST).is_file()

    @property
    def is_revoked(self) -> bool:
        """True where the key with which this machine signs may speak for its owner no longer."""
        public = self.box.public(DEVICE) if self.exists else None
        return public is not None and public.did in self.key_log().revoked

    def key_log(self) -> KeyLog:
        """Return who I am.

        Raises:
            NoHome: Nobody yet.
        """
        found = self.box.key_log
        if found is None:
            self.refuse_loss()
            raise NoHome(f"no identity at {self.path}", "Make one: wl init (create and join do it too)")
        return found

    def device_key(self, ask: Callable[[], bytes] | None = None) -> SigningKey:
        """Return the key that signs, read once, and again where another process has changed it.

        Args:
            ask: Returns the passphrase, where one is needed.

        Raises:
            PassphraseNeeded: It is encrypted and there is nobody to ask.
            KeyFileError: It cannot be read.
        """
        self.box.settle()
        if self._unlocked is None or self.box.public(DEVICE) not in (None, self._unlocked.public):
            self._unlocked = unlock(self.box.path(DEVICE), ask).key
        return self._unlocked

    def make_identity(
        self, device: SigningKey | None = None, passphrase: bytes | None = None, *, anew: bool = False
    ) -> KeyLog:
        """Make keys and a key log.

        The first update key signs the key log's first entry and is never used again, so it is never written down.

        Args:
            device: An existing key to use, instead of a new one.
            anew: Become somebody new, on purpose, where the identity that there was is gone.

        Raises:
            NodeError: There is an identity already, there will be, or keys of one lie there.
            NoHome: There was one.
        """
        device, recovery = device or new_key(), new_key()
        with self.box.opened():
            self.refuse_identity()
            self._refuse_keys()
            if not anew:
                self.refuse_loss()
            raw = keylog.incept(
                update=new_key(), next_update=recovery.public, device=device.public,
                time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )  # fmt: skip
            self.box.stage(DEVICE, device, passphrase)
            self.box.stage(RECOVERY, recovery, None)
            keys = self.box.commit(raw)
        self.remember(keys.scid)
        return keys

    def refuse_identity(self) -> None:
        """Refuse to go on where somebody is at home, or will be.

        Raises:
            NodeError: There is an identity already, or this machine asks to become a device of one.
        """
        if self.exists:
            raise NodeError(f"there is an identity at {self.path} already", "See: wl me")
        if self.is_waiting:
            raise NodeError(
                "this machine asks to become a device of an identity that is elsewhere",
                "Take it up: wl id adopt URL (or go without: wl id request --cancel)",
            )

    @property
    def remembers(self) -> str | None:
        """Whose home this is, or was: kept beside the keys, so that it is known where those are lost."""
        return self._state().owner

    def remember(self, actor: str) -> None:
        """Keep whose home this is."""
        state = self._state()
        if state.owner != actor:
            state.owner = actor
            self._write_state(state)

    def refuse_loss(self) -> None:
        """Refuse to go on as somebody new, unasked, where the owner's keys are lost.

        Raises:
            NoHome: They are.
        """
        owner = self.remembers
        if owner is not None and not self.exists:
            raise NoHome(
                f"this is the home of {owner}, and {self.box.path(KEYS)} is gone",
                "Put the folder back from a copy; or wl id recover KEYFILE --from URL; or be somebody new: wl init",
            )

    def _refuse_keys(self) -> None:
        """Refuse to write keys over others that no key log here speaks of."""
        lying = [path for name in (DEVICE, RECOVERY) if (path := self.box.path(name)).exists()]
        if lying:
            raise NodeError(
                f"{lying[0]} is somebody's key, and the key log that it belongs to is gone",
                f"Put {KEYS} back beside it, or move {self.box.folder} elsewhere first.",
            )

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
                found[folder.name] = _founded(founding)
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
        raise Usage("you follow several commons", "Name one: --commons NAME; or for good: wl use NAME")

    def set_default(self, commons: str) -> None:
        """Make a commons the one that verbs mean."""
        state = self._state()
        state.commons = commons
        self._write_state(state)

    def shunned(self, commons: str) -> frozenset[str]:
        """Return the operations whose words are not kept on this machine."""
        path = self.commons_folder(commons) / SHUNNED
        return frozenset(msgspec.json.decode(path.read_bytes(), type=list[str])) if path.is_file() else frozenset()

    def shun(self, commons: str, op: str, *, undo: bool = False) -> None:
        """Keep the words of an operation on this machine no longer, or let them come again."""
        known = self.shunned(commons)
        after = known - {op} if undo else known | {op}
        write_file(self.commons_folder(commons) / SHUNNED, msgspec.json.encode(sorted(after)))

    def put_away(self, commons: str) -> Path:
        """Follow a commons no longer; return where everything of it lies now."""
        place = self.path / LEFT / commons
        self._move_folder(self.commons_folder(commons), place)
        self.forget_default(commons)
        return place

    def bring_back(self, commons: str) -> bool:
        """Bring back what was put away when a commons was left; return whether there was anything."""
        place, folder = self.path / LEFT / commons, self.commons_folder(commons)
        if not place.is_dir() or folder.exists():
            return False
        self._move_folder(place, folder)
        return True

    def _move_folder(self, old: Path, new: Path) -> None:
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
        flush_folder(new.parent)

    def forget_default(self, commons: str) -> None:
        """Let verbs mean a commons no longer."""
        state = self._state()
        if state.commons == commons:
            state.commons = None
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
        try:
            return msgspec.json.decode(path.read_bytes(), type=_State) if path.is_file() else _State()
        except msgspec.DecodeError as error:
            hint = "Put it back from a copy; or move it away, and say with wl use which commons verbs mean."
            raise NodeError(f"{path} is damaged: {error}", hint) from error

    def _write_state(self, state: _State) -> None:
        write_file(self.path / "state.json", msgspec.json.encode(state))

    # -- peers -------------------------------------------------------------------------------------------------

    def peer_book(self, commons: str) -> PeerBook:
        """Return the peers of a commons with their terms."""
        return PeerBook(self.commons_folder(commons))

    def peers(self, commons: str) -> list[Peer]:
        """Return the peers of a commons."""
        return self.peer_book(commons).peers()


def _founded(path: Path) -> Genesis:
    try:
        return genesis.parse(path.read_bytes())
    except InvalidGenesis as error:
        hint = f"Move {path.parent.parent} away, and wl join the commons where a peer has it."
        raise InvalidGenesis(f"{path} is damaged: {error}", hint) from error


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
