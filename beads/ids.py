"""Names of things: all are hashes, so a name proves what it names (docs/protocol.md, Encodings)."""

import re
from functools import lru_cache
from hashlib import sha256

from stamps import canon
from stamps.encoding import base32_lower, sha256_hex

HEX64 = re.compile(r"[0-9a-f]{64}")
LOG_ID = re.compile(r"[a-z2-7]{32}")
COMMONS_ID = re.compile(r"wlc1[a-z2-7]{52}")
NAME = re.compile(r"[a-z][a-z0-9_]*")
TYPE = re.compile(r"(?=.{1,60}\Z)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
"""Of an operation, known here or not."""


def commons_id(genesis: bytes) -> str:
    """Name a commons after its founding document."""
    return "wlc1" + base32_lower(sha256(genesis).digest())


def log_id(commons: str, scid: str, key: str) -> str:
    """Name the one log that a key (a did:key) of an actor may write in a commons."""
    return base32_lower(sha256(canon.encode(["wl-log", commons, scid, key])).digest())[:32]


def actor_ref(scid: str) -> str:
    """Shorten an actor to the reference-safe form used under `id/`."""
    return base32_lower(sha256(scid.encode()).digest())[:32]


def op_id(header: bytes) -> str:
    """Name an operation after its header; the signature has no part in it."""
    return sha256_hex(header)


def imported_bead(commons: str, alias: str, created_ms: int) -> str:
    """Name a bead after where it came from, so that two nodes that bring in the same one have the same."""
    return sha256_hex(canon.encode(["wl-bead", commons, alias, created_ms]))


def short(identifier: str) -> str:
    """Shorten an id for people."""
    return identifier[:12]


@lru_cache(4096)
def is_name(text: str) -> bool:
    """Say whether a text can be the name of a field, a dimension or a text."""
    return NAME.fullmatch(text) is not None
