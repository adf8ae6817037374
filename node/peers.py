"""The peers of one commons: whom this node syncs with, on what terms, and how they have been doing. ⚡

```text
commons/<id>/peers.json         what the owner decided; changed by verbs alone
commons/<id>/health.json        what was seen of each: successes, failures, when to try again
commons/<id>/suggestions.json   signed announcements that were seen (`beads.announcement`), as lines
commons/<id>/served/<peer>.json how far a peer had come with each log (`node.staleness`)
commons/<id>/peers.lock         keeps processes apart that change one of them
```
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from beads.errors import NotFound
from beads.files import write_file
from node.errors import NodeError, Usage

DAY_MS = 24 * 60 * 60 * 1000
FIRST_WAIT_MS = 2_000
LONGEST_WAIT_MS = 15 * 60 * 1000
ERROR_LENGTH = 300


class Peer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody to sync with.

    Attributes:
        url: Its address; see `beads.address.check_url`.
        pull: Take from it.
        push: Give to it.
        name: What the owner calls it, or "".
        blocked: Neither, until the owner says otherwise.
        suggested: A stranger gave the address: it may lead to public hosts only (`beads.address.Reach`).
        follow: Actors whose logs are taken from it, besides the delegates' and our own; empty for all.
        daily: Operations a day that are taken from it; 0 for no bound.
    """

    url: str
    pull: bool = True
    push: bool = True
    name: str = ""
    blocked: bool = False
    suggested: bool = False
    follow: tuple[str, ...] = ()
    daily: int = 0


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a peer has been doing. Times are milliseconds since 1970, 0 for never.

    Attributes:
        failures: In a row.
        next_ms: Not to be tried by itself before.
        day: The day of `taken`, counted from 1970.
        taken: Operations taken from it that day.
        older_ms: When it last offered less of some logs than it had held before.
        older: How many logs those were.
    """

    succeeded_ms: int = 0
    failed_ms: int = 0
    error: str = ""
    failures: int = 0
    next_ms: int = 0
    day: int = 0
    taken: int = 0
    older_ms: int = 0
    older: int = 0

    def after_success(self, now_ms: int, taken: int, older: int = 0) -> "Health":
        """Return it after an exchange."""
        day = now_ms // DAY_MS
        known = msgspec.structs.replace(self, older_ms=now_ms, older=older) if older else self
        return msgspec.structs.replace(
            known, succeeded_ms=now_ms, failures=0, next_ms=0, day=day, taken=self.taken_on(day) + taken
        )

    def after_failure(self, now_ms: int, error: str, chance: float) -> "Health":
        """Return it after an attempt that failed; the wait doubles each time.

        Args:
            chance: From 0 to 1, at random, so that those who lost the same peer do not return all at once.
        """
        wait = wait_ms(self.failures + 1, chance)
        return msgspec.structs.replace(
            self, failed_ms=now_ms, error=error[:ERROR_LENGTH], failures=self.failures + 1, next_ms=now_ms + wait
        )

    def taken_on(self, day: int) -> int:
        """Return the operations taken on a day."""
        return self.taken if self.day == day else 0

    def room(self, daily: int, now_ms: int) -> int | None:
        """Return how many operations may still be taken today; None without a bound."""
        return max(daily - self.taken_on(now_ms // DAY_MS), 0) if daily else None


UNKNOWN = Health()


def wait_ms(failures: int, chance: float) -> int:
    """Return how long to wait after some failures in a row: doubled each time, capped, half of it left to chance."""
    # The exponent is bounded, too, or a year of failures would be a number of a thousand digits.
    full = min(FIRST_WAIT_MS << min(failures - 1, 20), LONGEST_WAIT_MS)
    return round(full * (0.5 + chance / 2))


class PeerBook:
    """The peers of one commons as they lie in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    # -- the list ----------------------------------------------------------------------------------------------

    def peers(self) -> list[Peer]:
        """Return all, blocked ones too."""
        return self._read("peers.json", list[Peer]) or []

    def find(self, wanted: str) -> Peer:
        """Return the peer of a name or an address.

        Raises:
            NotFound: There is none.
        """
        for peer in self.peers():
            if wanted in (peer.url, peer.name):
                return peer
        raise NotFound(f"no peer {wanted}", "See: wl peer list")

    def add(self, peer: Peer) -> None:
        """Add a peer; one of the same address is replaced.

        Raises:
            Usage: Another has the name.
        """
        with self._lock():
            others = [each for each in self.peers() if each.url != peer.url]
            if peer.name and peer.name in {name for each in others for name in (each.name, each.url)}:
                raise Usage(f"another peer is called {peer.name}", "See: wl peer list")
            self._write("peers.json", [*others, peer])

    def add_if_new(self, peer: Peer) -> None:
        """Add a peer, unless the address is known: what the owner decided about it stands."""
        if peer.url not in {each.url for each in self.peers()}:
            self.add(peer)

    def remove(self, wanted: str) -> Peer:
        """Take a peer off the list.

        Raises:
            NotFound: It is not on it.
        """
        found = self.find(wanted)
        with self._lock():
            self._write("peers.json", [peer for peer in self.peers() if peer.url != found.url])
            (self._folder / _served(found.url)).unlink(missing_ok=True)
        return found

    def change(self, wanted: str, **terms: Any) -> Peer:
        """Change the terms of a peer.

        Raises:
            NotFound: It is not on the list.
        """
        changed = msgspec.structs.replace(self.find(wanted), **terms)
        self.add(changed)
        return changed

    # -- how they are doing ------------------------------------------------------------------------------------

    def health(self) -> Mapping[str, Health]:
        """Return what was seen of each peer, by address."""
        return self._read("health.json", dict[str, Health]) or {}

    def note(self, url: str, change: Callable[[Health], Health]) -> None:
        """Note how an exchange went; of addresses on the list only."""
        with self._lock():
            known = self.health()
            listed = {peer.url: known.get(peer.url, UNKNOWN) for peer in self.peers()}
            if url in listed:
                listed[url] = change(listed[url])
                self._write("health.json", listed, durable=False)

    def served(self, url: str) -> Mapping[str, int] | None:
        """Return the furthest position of each log that a peer is known to have held; None where nothing is known."""
        found: dict[str, int] | None = self._read(_served(url), dict[str, int])
        return found

    def note_served(self, url: str, heads: Mapping[str, int]) -> None:
        """Note it."""
        (self._folder / "served").mkdir(exist_ok=True)
        self._write(_served(url), heads, durable=False)

    # -- what strangers suggest --------------------------------------------------------------------------------

    def suggestions(self) -> list[str]:
        """Return the announcements that are kept, as signed lines."""
        return self._read("suggestions.json", list[str]) or []

    def keep(self, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Change what announcements are kept."""
        with self._lock():
            before = self.suggestions()
            after = list(change(before))
            if after != before:
                self._write("suggestions.json", after, durable=False)

    # -- files -------------------------------------------------------------------------------------------------

    def _read(self, name: str, kind: Any) -> Any:
        path = self._folder / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind) if path.is_file() else None
        except msgspec.DecodeError as error:
            hint = "Put it back from a copy; or move it away, and name the peers anew: wl peer add URL"
            raise NodeError(f"{path} is damaged: {error}", hint) from error

    def _write(self, name: str, value: Any, *, durable: bool = True) -> None:
        write_file(self._folder / name, msgspec.json.encode(value), durable=durable)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._folder / "peers.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _served(url: str) -> str:
    return f"served/{sha256(url.encode()).hexdigest()[:32]}.json"
