"""Who would get an item before its home has spoken: the same answer on every node, and marked unconfirmed.

The order is a hash of item and actor, with no bit that a claimer may choose; time has no part in it.
"""

from collections.abc import Iterable
from hashlib import sha256


def rank(item: str, actor: str) -> str:
    """Return where an actor stands among the claimers of an item; the least comes first."""
    return sha256((item + actor).encode()).hexdigest()


def in_line(item: str, claimers: Iterable[str]) -> list[str]:
    """Return the claimers of an item, whoever comes first in front."""
    return sorted(claimers, key=lambda actor: rank(item, actor))


def provisional_holder(item: str, claimers: Iterable[str]) -> str | None:
    """Return the claimer who comes first, or None where nobody claims."""
    return min(claimers, key=lambda actor: rank(item, actor), default=None)
