"""Announcements: where an actor's node is reached, signed by a device key of the actor (protocol, Sync).

1. One line, like an operation's: `b64url(signature) SP header LF`, under a payload type of its own, so that neither
   can stand for the other.
2. It counts for a week from the time in it, for one commons, while the actor's key log lists the key.
3. It is a suggestion: whoever reads it decides whether to go there, and then only as far as `beads.address` lets.
4. Of one actor the latest few are kept, of all a bounded number; who was first stays, so that a crowd of new actors
   crowds out nobody.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from beads import limits
from beads.address import check_suggested
from beads.errors import InvalidLine, RemoteError
from stamps import canon, envelope
from stamps.errors import CanonError, KeyFormatError, SignatureError
from stamps.keys import PublicKey, Signer

PAYLOAD_TYPE = b"application/vnd.wasteland.node.v1+json"
LIFETIME_MS = 7 * 24 * 60 * 60 * 1000
LINE = 2048
KEPT = 256
KEPT_OF_AN_ACTOR = 2
_MEMBERS = frozenset({"v", "c", "actor", "key", "ms", "url"})


class Announcement(NamedTuple):
    """Where a node is.

    Attributes:
        url: The git address of the commons there.
        ms: When it was signed, milliseconds since 1970.
        line: As signed.
    """

    url: str
    actor: str
    ms: int
    line: bytes


class Keys(Protocol):
    """What is asked of an actor's key log (`stamps.keylog.KeyLog`)."""

    def device_keys(self) -> frozenset[str]:
        """Return the did:keys that may speak for the actor now."""


def make(commons: str, url: str, actor: str, signer: Signer, now_ms: int) -> bytes:
    """Sign an announcement.

    Raises:
        RemoteError: The address is none that others would take.
    """
    header = {
        "v": 1, "c": commons, "actor": actor, "key": signer.public.did, "ms": now_ms,
        "url": check_suggested(url, commons),
    }  # fmt: skip
    return envelope.seal(canon.encode(header), signer, PAYLOAD_TYPE)


def read(line: bytes, commons: str, key_log: Callable[[str], Keys | None], now_ms: int) -> Announcement:
    """Verify an announcement.

    Raises:
        InvalidLine: It is none, is of another commons or another time, or the actor's key did not sign it.
    """
    said = _parsed(line)
    if said["c"] != commons:
        raise InvalidLine("announcement_commons", "made for another commons")
    if not now_ms - LIFETIME_MS < said["ms"] <= now_ms + limits.FUTURE_SKEW_MS:
        raise InvalidLine("announcement_time", "older than a week, or from the future")
    keys = key_log(said["actor"])
    if keys is None or said["key"] not in keys.device_keys():
        raise InvalidLine("announcement_key", "the actor is unknown, or its key log does not list the key")
    try:
        envelope.verify(line, PublicKey.from_did(said["key"]), PAYLOAD_TYPE)
        url = check_suggested(said["url"], commons)
    except (SignatureError, KeyFormatError) as error:
        raise InvalidLine("announcement_signature", str(error)) from None
    except RemoteError as error:
        raise InvalidLine("announcement_url", str(error)) from None
    return Announcement(url, said["actor"], said["ms"], line)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        if len(line) > LINE:
            raise InvalidLine("announcement_format", f"more than {LINE} bytes")
        _, header = envelope.split(line)
        said = canon.parse(header)
    except (SignatureError, CanonError) as error:
        raise InvalidLine("announcement_format", str(error)) from None
    if not isinstance(said, dict) or said.keys() != _MEMBERS or said["v"] != 1 or type(said["ms"]) is not int:
        raise InvalidLine("announcement_format", "other members")
    if not all(isinstance(said[name], str) for name in _MEMBERS - {"v", "ms"}):
        raise InvalidLine("announcement_format", "other members")
    return said


def kept(known: Iterable[Announcement], new: Iterable[Announcement], now_ms: int) -> list[Announcement]:
    """Return what to keep of what was known and what came: the latest of each address, within bounds."""
    found: dict[tuple[str, str], Announcement] = {}
    for each in (*known, *new):
        place = (each.actor, each.url)
        others = sum(1 for actor, url in found if actor == each.actor and url != each.url)
        full = place not in found and (others >= KEPT_OF_AN_ACTOR or len(found) >= KEPT)
        if each.ms > now_ms - LIFETIME_MS and not full and (place not in found or found[place].ms < each.ms):
            found[place] = each
    return list(found.values())
