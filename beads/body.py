"""Bodies: the prose of an operation, detached so that it can be erased while the chain stays whole.

A body is canonical JSON with a member `salt` (16 random bytes), so that short texts cannot be guessed
from their hash. The fold never reads bodies; a missing or erased one is a normal state.
"""

import unicodedata
from collections.abc import Mapping
from hashlib import sha256

import msgspec

from beads import limits
from beads.errors import InvalidLine
from beads.op import BodyRef
from stamps import canon, encoding
from stamps.errors import CanonError

SALT_BYTES = 16


def build(prose: Mapping[str, str], salt: bytes) -> bytes:
    """Return the bytes of a body; texts are normalised to NFC by the writer, never by readers.

    Raises:
        InvalidLine: It is larger than a body may be.
    """
    normal = {name: unicodedata.normalize("NFC", text) for name, text in prose.items()}
    raw = canon.encode({**normal, "salt": encoding.b64u_encode(salt)})
    if len(raw) > limits.BODY:
        raise InvalidLine("body_too_long", f"{len(raw)} bytes, {limits.BODY} allowed")
    return raw


def refer(raw: bytes) -> BodyRef:
    """Return what an operation's header says of a body."""
    return BodyRef(h=sha256(raw).hexdigest(), n=len(raw))


def matches(raw: bytes, ref: BodyRef | None) -> bool:
    """Say whether received bytes are the body that a header promised."""
    return ref is not None and len(raw) == ref.n and sha256(raw).hexdigest() == ref.h and _well_formed(raw)


def recall(raw: bytes) -> dict[str, str]:
    """Return the prose of a body that was found to match before it was kept: nothing is checked a second time."""
    value: dict[str, object] = msgspec.json.decode(raw)
    return {name: text for name, text in value.items() if name != "salt" and isinstance(text, str)}


def _well_formed(raw: bytes) -> bool:
    try:
        value = canon.parse(raw)
        salt = value.get("salt") if isinstance(value, dict) else None
        return isinstance(salt, str) and len(encoding.b64u_decode(salt)) == SALT_BYTES
    except (CanonError, ValueError):
        return False
