"""Who I am, as time goes by: devices, agents, recovery, a domain; every verb once. ⚡

The rules of key logs are `stamps.keychange`'s, the safety of the files is `node.keybox`'s.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from beads.errors import Ambiguous, BeadsError, NotFound
from node import founding, holdings, wiring
from node.commons import QUICK, Commons
from node.errors import NodeError, Usage
from node.holdings import Kept
from node.home import Home, short
from node.keybox import DEVICE, REQUEST, Unlocked, new_key, unlock
from node.meeting import meet
from node.recovery import Changed, Safe, change
from stamps import keychange, keylog, webvh
from stamps.errors import StampsError
from stamps.keychange import Change, Revoke
from stamps.keylog import ASSERTION, AUTHENTICATION, KeyLog
from stamps.keys import PublicKey, SigningKey

_HOST = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


# -- telling others ------------------------------------------------------------------------------------------------


def refresh(home: Home) -> list[str]:
    """Ask the peers of every commons for a newer key log of mine; return what failed."""
    return [line for commons in home.commons() for line in _exchange(home, commons, push=False)]


def spread(home: Home, *, offline: bool) -> list[str]:
    """Bring the key log into every commons that knows me, and to its peers; return what failed."""
    return [line for commons in home.commons() for line in _exchange(home, commons, push=True, offline=offline)]


def _exchange(home: Home, commons: str, *, push: bool, offline: bool = False) -> list[str]:
    try:
        with Commons(home, commons) as ours:
            meet(home.box, ours.ledger)
            return [] if offline else [result.error for result in ours.sync(QUICK, push=push) if result.error]
    except BeadsError as error:
        # One commons that is broken keeps nobody from revoking a key in the others.
        return [f"{short(commons)}: {error}"]


# -- keys ----------------------------------------------------------------------------------------------------------


def read_key(text: str) -> PublicKey:
    """Return the key that somebody gives: a did:key, a line `ssh-ed25519 …`, or a file with one.

    Raises:
        Usage: It is none of these.
    """
    # Start-up time: `cryptography` is needed for a line of OpenSSH alone.
    from stamps.keyfile import load_ssh_public  # noqa: PLC0415

    path = Path(text).expanduser()
    if not text.startswith(("did:", "ssh-")) and path.is_file():
        text = path.read_text(errors="replace").strip()
    if "PRIVATE KEY" in text:
        raise Usage(f"{path} is a private key", f"Give the public one: {path}.pub")
    try:
        return PublicKey.from_did(text) if text.startswith("did:") else load_ssh_public(text.encode())
    except StampsError as error:
        raise Usage(
            f"not a key: {text[:80]} ({error})", "Give a did:key:…, a line ssh-ed25519 …, or a .pub file."
        ) from error


def find_key(keys: KeyLog, text: str) -> str:
    """Return the did:key meant by a key, a file with one, or how its name begins.

    Raises:
        NotFound: The key log has none such.
        Ambiguous: It has several.
    """
    start = text if text.startswith("did:") else f"did:key:{text}"
    fits = [did for did in keys.keys if did.startswith(start)]
    if not fits and (text.startswith("ssh-") or Path(text).is_file()):
        fits = [did for did in keys.keys if did == read_key(text).did]
    if not fits:
        raise NotFound(f"no key {text} in the key log of {keys.scid}", "wl id show lists them.")
    if len(fits) > 1:
        raise Ambiguous(text, fits)
    return fits[0]


class Revoked(NamedTuple):
    """What came of a revocation.

    Attributes:
        left: What the key's logs keep, in the commons followed here.
    """

    changed: Changed
    left: list[Kept]


def rotate(home: Home, kept: Safe) -> Changed:
    """Use the recovery key up for the next one."""
    return change(home, kept, lambda _: Change())


def rotate_device(home: Home, kept: Safe, wanted: Sequence[str] = ()) -> Revoked:
    """Give this machine another key, heir of the one it had; `wanted` says what of its work stands."""
    before = unlock(home.box.path(DEVICE), lambda: wiring.passphrase("device key"))
    old, new = before.key.public.did, new_key()
    left: list[Kept] = []

    def decide(keys: KeyLog) -> Change:
        known = keys.revoked.get(old)
        left.extend(holdings.keep(home, holdings.of_key(home, keys.scid, old), wanted, known))
        agent = not keys.allows(old, ASSERTION)
        # An agent decides nothing that could pass to another; an heir that was named once stays.
        heir = None if agent or (known and known.heir) else new.public.did
        purpose = AUTHENTICATION if agent else ASSERTION
        return Change(add=((new.public, purpose),), revoke=(_revoke(old, heir, left),))

    return Revoked(change(home, kept, decide, device=Unlocked(new, before.passphrase)), left)


def add(home: Home, kept: Safe, key: PublicKey, *, agent: bool) -> Changed:
    """Let another key speak for me: a device's for everything, an agent's for a worker's part."""
    return change(home, kept, lambda _: Change(add=((key, AUTHENTICATION if agent else ASSERTION),)))


def revoke(home: Home, kept: Safe, key: str, heir: str | None, wanted: Sequence[str]) -> Revoked:
    """Let a key speak for me no longer; `wanted` says what of its work stands (`node.holdings.keep`).

    Raises:
        NodeError: There is nothing to change.
    """
    left: list[Kept] = []

    def decide(keys: KeyLog) -> Change:
        before = keys.revoked.get(key)
        left.extend(holdings.keep(home, holdings.of_key(home, keys.scid, key), wanted, before))
        asked = _revoke(key, heir, left)
        known = {(cut.log, cut.seq, cut.op) for cut in before.at} if before else set()
        if before is not None and known.issuperset(asked.at) and heir in (None, before.heir):
            raise NodeError("the key is revoked already, and nothing more was said of it", "See: wl id show")
        return Change(revoke=(asked,))

    return Revoked(change(home, kept, decide), left)


def _revoke(key: str, heir: str | None, left: Sequence[Kept]) -> Revoke:
    return Revoke(key=key, heir=heir, at=tuple(one.last for one in left if one.last is not None))


# -- other machines ------------------------------------------------------------------------------------------------


def request(home: Home, key: SigningKey | None, passphrase: bytes | None) -> PublicKey:
    """Return the key with which this machine asks to become a device, or to be one again; made at the first time.

    Raises:
        NodeError: There is an identity here, and this machine speaks for it.
    """
    box = home.box
    with box.opened():
        if home.exists and not home.is_revoked:
            raise NodeError(
                f"there is an identity at {home.path} already",
                "One home, one identity: set WL_HOME to another folder, or move this one away.",
            )
        if not home.is_waiting:
            box.wait_with(key or new_key(), passphrase)
        elif key is not None and key.public != box.public(REQUEST):
            raise NodeError("this machine asks already, with another key", "Take that back: wl id request --cancel")
        public = box.public(REQUEST)
    assert public is not None
    return public


def offered(home: Home, source: str, key: PublicKey, say: Callable[[str], None]) -> list[KeyLog]:
    """Return the key logs in which a key has a part: of a file `keys.jsonl`, or of a commons, which is joined.

    Args:
        source: The file, or the address of a node or repository.

    Raises:
        RemoteError: The address does not answer as one should.
        KeyLogError: The file does not verify.
    """
    path = Path(source).expanduser()
    if path.is_file() and _is_key_log(path):
        return [keylog.verify(path.read_bytes())]
    founding.join(home, source, say)
    return holdings.key_logs_with(home, key.multibase, webvh.key_hash(key))


def _is_key_log(path: Path) -> bool:
    """Tell a key log from a bundle of git's, which one can join."""
    with path.open("rb") as file:
        return file.read(1) == b"{"


def cancel(home: Home) -> None:
    """Ask no longer.

    Raises:
        NotFound: This machine does not ask.
    """
    with home.box.opened():
        if not home.is_waiting:
            raise NotFound("this machine does not ask to become a device", "See: wl id show")
        home.box.path(REQUEST).unlink()


def adopt(home: Home, offered: Sequence[KeyLog], actor: str | None) -> KeyLog:
    """Become what a key log says that this machine is.

    Raises:
        NodeError: There is an identity here.
        NotFound: No key log lists this machine's key.
        Ambiguous: Several do; whoever knows a key can list it.
    """
    with home.box.opened():
        if home.exists:
            raise NodeError("this machine has an identity already", "Its key log comes with wl sync.")
        public = waiting_key(home)
        keys = _only([each for each in offered if public.did in each.current], actor)
        if keys is None:
            raise NotFound(
                f"no key log there lists {public.did}",
                f"On a machine that is a device: wl id add-device {public.did}",
            )
        home.remember(keys.scid)
        return home.box.commit(keys.raw)


def waiting_key(home: Home) -> PublicKey:
    """Return the key with which this machine asks to become a device.

    Raises:
        NotFound: It does not ask.
    """
    public = home.box.public(REQUEST) if home.is_waiting else None
    if public is None:
        raise NotFound("this machine does not ask to become a device", "Begin with: wl id request")
    return public


def _only(fits: Sequence[KeyLog], actor: str | None) -> KeyLog | None:
    """Return the one key log that is meant; None where there is none."""
    chosen = [keys for keys in fits if actor is None or keys.scid.startswith(actor)]
    if len(chosen) > 1:
        raise Ambiguous("this key", sorted(keys.scid for keys in chosen))
    return chosen[0] if chosen else None


def recover(
    home: Home, kept: Safe, offered: Sequence[KeyLog], *, actor: str | None, lost: Sequence[str],
    wanted: Sequence[str],
) -> tuple[Changed, dict[str, list[Kept]]]:  # fmt: skip
    """Be somebody again whose machines are lost: with a new device key, heir of those of the lost ones.

    Args:
        offered: Key logs among which mine is.
        lost: The device keys to revoke; none for all.
        wanted: See `node.holdings.keep`.

    Raises:
        NotFound: No key log there announces the recovery key.
        NodeError: There is an identity here already.
    """
    home.refuse_identity()
    key = kept.unlocked.key.public
    keys = _only([each for each in offered if _concerns(each, key)], actor)
    if keys is None:
        raise NotFound(f"no key log there belongs to {kept.path}", "Ask where you have worked: --from URL")
    new = new_key()
    gone = [find_key(keys, one) for one in lost] or sorted(keys.device_keys())
    left = {
        one: holdings.keep(home, holdings.of_key(home, keys.scid, one), wanted, keys.revoked.get(one)) for one in gone
    }
    revoked = tuple(_revoke(one, new.public.did, its) for one, its in left.items())
    asked = Change(add=((new.public, ASSERTION),), revoke=revoked)
    changed = change(home, kept, lambda _: asked, device=Unlocked(new, None), found=keys)
    home.remember(keys.scid)
    return changed, left


def _concerns(keys: KeyLog, key: PublicKey) -> bool:
    """Say whether a key could or can change a key log: of a spent one `change` says what has become of it."""
    return keychange.announces(keys.entries[-1], key) or any(key.multibase in one.update_keys for one in keys.entries)


# -- a domain ------------------------------------------------------------------------------------------------------


def move(home: Home, kept: Safe, domain: str, path: str) -> Changed | None:
    """Move the DID to a web server; None where it is there already.

    Raises:
        Usage: It is no host or no path.
    """
    location = location_of(domain, path)
    keys = home.key_log()
    if keys.did == f"did:webvh:{keys.scid}:{location}":
        return None
    return change(home, kept, lambda _: Change(location=location))


def location_of(domain: str, path: str) -> str:
    """Return what follows the SCID in a DID (did:webvh 1.0, "Method-Specific Identifier").

    Raises:
        Usage: It is no host or no path.
    """
    host, colon, port = domain.partition(":")
    if not _HOST.fullmatch(host) or (colon and not (port.isascii() and port.isdigit() and len(port) < 6)):
        raise Usage(f"not a host: {domain}", "As in example.org or example.org:8443; other letters as xn--….")
    segments = [one for one in path.split("/") if one]
    if not all(_SEGMENT.fullmatch(one) for one in segments):
        raise Usage(f"not a path: {path}", "As in people/ann: letters, digits, dot, dash and underscore.")
    return ":".join([host + (f"%3A{port}" if colon else ""), *segments])


def address_of(did: str) -> str:
    """Return where the history of a DID is fetched from (did:webvh 1.0, "The DID to HTTPS Transformation")."""
    host, *segments = did.split(":")[3:]
    return f"https://{host.replace('%3A', ':')}/{'/'.join(segments or ['.well-known'])}/did.jsonl"
