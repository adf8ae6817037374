"""Fields of a bead: short values under open names, so that the ledger need not know every use of it."""

from typing import TypeAlias

from beads import ids

Value: TypeAlias = str | int | bool | None
Pairs: TypeAlias = tuple[tuple[str, Value], ...]

MAX_FIELDS = 64
NAME_LENGTH = 60
TEXT_LENGTH = 2000


def valid(pairs: Pairs) -> bool:
    """Say whether pairs are sorted by distinct names and hold short values."""
    names = [name for name, _ in pairs]
    return (
        len(pairs) <= MAX_FIELDS
        and names == sorted(set(names))
        and all(ids.is_name(name) and len(name) <= NAME_LENGTH for name in names)
        and all(not isinstance(value, str) or len(value) <= TEXT_LENGTH for _, value in pairs)
    )


def valid_prose(names: tuple[str, ...]) -> bool:
    """Say whether names of texts are sorted and distinct; `salt` is the body's own."""
    return (
        len(names) <= MAX_FIELDS
        and list(names) == sorted(set(names))
        and all(ids.is_name(name) and name != "salt" for name in names)
    )
