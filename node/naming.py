"""What to call an actor: a handle is anybody's to take, so a part of the id always stands beside it.

1. A handle is never shown alone.
2. Where two actors' handles are equal, or look alike, more of the id is shown than anybody could find another id for
   by trying: six letters are found in minutes, twelve are not.
3. What looks alike is told by a small skeleton (Unicode TR 39, section 4): compatibility forms, case, marks and
   invisible letters are taken away, and letters of other scripts are read as the Latin ones they look like.

All of this is for the eye alone. Nothing that is signed, hashed or folded asks here, so another Unicode table on
another node changes no state. The table is our own: the library that carries the whole of Unicode's is 600 kB of JSON
read at start, and a handle mixes few scripts.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache

SHORT, LONG = 6, 12

_LETTERS = (
    "авсеһіјкӏмнопрԛгѕтуԝхԁьѵ"  # Cyrillic
    "αβγεηικνορτυχωϲϳ"  # Greek
    "աօսհոզցյ"  # Armenian
    "ɑɡıi1|!0"  # Latin, digits
)
_LATIN = "abcehljklmhonpqrstywxdbvabyenlkvoptuxwcjwouhnqgjaglllllo"
_LOOKS = dict(zip(_LETTERS, _LATIN, strict=True))
_PAIRS = (("rn", "m"), ("vv", "w"))


@lru_cache(maxsize=1 << 16)
def skeleton(handle: str) -> str:
    """Return what a handle looks like; equal for handles that a reader may take for each other."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", handle).casefold())
    kept = "".join(c for c in plain if unicodedata.category(c)[0] not in "MCZ")
    looks = "".join(_LOOKS.get(letter, letter) for letter in kept)
    for pair, like in _PAIRS:
        looks = looks.replace(pair, like)
    return looks


def shown(handles: Mapping[str, str]) -> dict[str, str]:
    """Return what to call each actor that has a handle.

    Args:
        handles: Actor → handle, of all who can be met in one place.
    """
    alike = lookalikes(handles)
    return {actor: f"{handle} ·{actor[-_letters(actor, alike) :]}" for actor, handle in handles.items() if handle}


def of_owner(actors: Sequence[str], owners: Mapping[str, Sequence[str]], name: Callable[[str], str]) -> str:
    """Name actors of one owner, and say that they are.

    Args:
        actors: At least one.
        owners: Actor → all actors of its owner, where that has several.
        name: Says one.
    """
    said = " and ".join(map(name, actors))
    others = [actor for actor in owners.get(actors[0], ()) if actor not in actors]
    if len(actors) > 1:
        return f"{said} (of one owner)"
    return f"{said} (one owner with {' and '.join(map(name, others))})" if others else said


def _letters(actor: str, alike: Collection[str]) -> int:
    return LONG if actor in alike else SHORT


def lookalikes(handles: Mapping[str, str]) -> frozenset[str]:
    """Return the actors whose handle is, or looks like, another's."""
    by_look: defaultdict[str, list[str]] = defaultdict(list)
    for actor, handle in handles.items():
        if handle:
            by_look[skeleton(handle)].append(actor)
    return frozenset(actor for alike in by_look.values() if len(alike) > 1 for actor in alike)
