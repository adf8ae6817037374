"""Short ids of beads: `bd-a3f8`, `bd-a3f8.1`.

They are aliases. The id of a bead is a hash that nobody else can come to; an alias is short enough to be typed, minted
without asking anybody, and where two clones come to the same one, the bead that was made first keeps it
(`beads.projection`).
"""

import math
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from unicodedata import combining, normalize

from beads.errors import BadWord

MIN_LENGTH, MAX_LENGTH = 3, 8
MAX_PROBABILITY = 0.25
"""Of any two of all beads so named coming to the same alias, by which the length is chosen."""
MAX_DEPTH = 3
"""Dots in a child's alias."""
NONCES = 10
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BYTES = {3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 8: 5}


_LONGEST_PREFIX = 30
PREFIX = re.compile(rf"[a-z][a-z0-9_-]{{0,{_LONGEST_PREFIX - 1}}}")
"""What an alias may begin with."""


def prefix_for(name: str) -> str:
    """Return the prefix that a project's name comes to: its Latin letters without their accents, its digits, dashes."""
    letters = "".join(c for c in normalize("NFKD", name.casefold()) if not combining(c))
    slug = re.sub(r"[^a-z0-9_]+", "-", letters).lstrip("-_0123456789")
    return slug[:_LONGEST_PREFIX].rstrip("-_") or "bd"


def length_for(
    count: int, least: int = MIN_LENGTH, most: int = MAX_LENGTH, probability: float = MAX_PROBABILITY
) -> int:
    """Return how many characters the next alias gets in a ledger of `count` beads."""
    for length in range(least, most):
        if 1 - math.exp(-(count**2) / (2 * 36**length)) <= probability:
            return length
    return most


def hashed(prefix: str, title: str, description: str, creator: str, created_ns: int, nonce: int, length: int) -> str:
    """Return the alias that a bead's beginnings hash to."""
    digest = sha256(f"{title}|{description}|{creator}|{created_ns}|{nonce}".encode()).digest()
    number = int.from_bytes(digest[: _BYTES[length]], "big")
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return f"{prefix}-{digits}"


def mint(
    prefix: str, title: str, description: str, creator: str, created_ns: int, length: int, taken: Callable[[str], bool]
) -> str:
    """Return an alias that is free here; longer where short ones are taken."""
    for n in range(length, MAX_LENGTH + 1):
        for nonce in range(NONCES):
            found = hashed(prefix, title, description, creator, created_ns, nonce, n)
            if not taken(found):
                return found
    raise BadWord(f"no short id is free for {title!r}", "Give one: --id PREFIX-NAME")


def child(parent: str, siblings: Iterable[str]) -> str:
    """Return the alias of the next child: `parent.N`, above every number in use."""
    numbers = [alias[len(parent) + 1 :] for alias in siblings if alias.startswith(f"{parent}.")]
    return f"{parent}.{max((int(n) for n in numbers if n.isdecimal()), default=0) + 1}"


def depth(alias: str) -> int:
    """Return how many generations an alias tells of."""
    return alias.rpartition("-")[2].count(".")
