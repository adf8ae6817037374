"""What agents remember: short texts under keys, kept in the ledger as beads of type `memory`.

So they have authors, times and a history, they replicate, and they are found by the same search as all else.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import NamedTuple
from unicodedata import normalize

from beads import listing
from beads.errors import NotFound
from beads.listing import Query
from beads.reading import Reader

KEY_LENGTH, KEY_WORDS = 60, 8
_ROWS = """SELECT b.entity, k.value, COALESCE(s.value, ''), b.updated FROM beads b
           JOIN fields k ON k.entity = b.entity AND k.name = 'key'
           LEFT JOIN fields s ON s.entity = b.entity AND s.name = 'scope'
           WHERE b.type = 'memory' AND b.status <> 'tombstone' ORDER BY b.updated, b.entity"""


class Memory(NamedTuple):
    """Something remembered.

    Attributes:
        scope: Whom it concerns: an agent, a rig, a part of the code; "" for all.
        by: Who said it last.
    """

    bead: str
    key: str
    scope: str
    text: str
    by: str
    updated_ms: int


def slug(text: str) -> str:
    """Return the key that a text gets by itself: its first words, in whatever letters."""
    words = re.findall(r"[^\W_]+", normalize("NFC", text).lower())[:KEY_WORDS]
    return "-".join(words)[:KEY_LENGTH].strip("-") or "note"


def key_for(text: str, known: Mapping[str, str]) -> str:
    """Return a key for a text that takes no other's place.

    Args:
        known: Key → what is remembered under it.
    """
    name = slug(text)
    others = (f"{name[: KEY_LENGTH - len(str(n)) - 1]}-{n}" for n in count(2))
    return next(key for key in chain([name], others) if known.get(key, text) == text)


def is_key(text: str) -> bool:
    """Say whether a text can be a key."""
    return len(text) <= KEY_LENGTH and re.fullmatch(r"[\w.:/-]+", text) is not None


def memories(reader: Reader, scope: str | None = None) -> list[Memory]:
    """Return what is remembered, the newest first; of two clones' memories under one key the later counts."""
    latest: dict[tuple[str, str], Memory] = {}
    for bead, key, its_scope, updated in reader.rows(_ROWS):
        if scope is None or its_scope in ("", scope):
            view = reader.view(bead)
            text, by = view.texts.get("description", ""), view.text("created_by") or view.creator
            latest[key, its_scope] = Memory(bead, key, its_scope, text, by, updated)
    return sorted(latest.values(), key=lambda one: (-one.updated_ms, one.key))


def find(reader: Reader, wanted: str, limit: int = 5) -> list[Memory]:
    """Return the memory under a key, or those in which the words occur.

    Raises:
        NotFound: There is none.
    """
    known = memories(reader)
    exact = [one for one in known if one.key == wanted]
    if exact:
        return exact
    hits = listing.search(reader, wanted, Query(types=("memory",), status=("all",), limit=limit))
    by_bead = {one.bead: one for one in known}
    found = [by_bead[row.id] for row in hits if row.id in by_bead]
    if not found:
        raise NotFound(f"nothing is remembered of {wanted!r}", "bd memories lists the keys.")
    return found


def under(reader: Reader, key: str, scope: str | None) -> Sequence[str]:
    """Return the beads that are remembered under a key, in a scope or in any."""
    return [bead for bead, its_key, its_scope, _ in reader.rows(_ROWS) if its_key == key and scope in (None, its_scope)]
