"""Who is meant: every verb that takes an actor takes the same names. ⚡ (the actors of indexes, and of sheets in files)

1. An actor goes by `me`, its SCID or how that begins, its handle in any case, and by what is printed of it:
   `ann ·L5LZk4`, `·L5LZk4` or the last letters alone.
2. A handle is anybody's to take. Where somebody else's looks like the one that is given, nobody is meant, and all are
   listed; so nobody is trusted or banned in another's place.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from difflib import get_close_matches
from typing import Final

from beads.errors import Ambiguous, NotFound
from beads.index import Index
from node import naming, wiring
from node.home import Home

Known = Iterable[tuple[str, str]]
"""Actors, each with a handle or ""; one that is called otherwise elsewhere stands there twice."""

SHEETS: Final = "sheets"
"""Where in a home the sheets from files are kept, each in the folder of its holder."""
HINT: Final = "Give a handle, the start of the SCID, or its last letters as they are printed: bob ·L5LZk4."
_LEAST_START, _LEAST_END = 4, naming.SHORT
_DOT: Final = "·"
_LISTED: Final = 10


def meant(wanted: str, known: Known, me: str) -> str:
    """Return the actor meant.

    Raises:
        NotFound: There is none.
        Ambiguous: There are several, or another's handle looks alike.
    """
    if wanted == "me":
        return me
    pairs = sorted(set(known))
    fits = _fits(wanted, pairs)
    if len(fits) > 1:
        raise Ambiguous(wanted, _candidates(fits, pairs))
    if not fits:
        near = _near(wanted, pairs)
        raise NotFound(f"no actor {wanted}", f"Do you mean {' or '.join(near)}?" if near else HINT)
    return fits[0]


def known_in(indexes: Iterable[Index]) -> Iterator[tuple[str, str]]:
    """Yield the actors of some commons, with the handles they have there."""
    for index in indexes:
        yield from ((actor, handle) for actor, handle in index.database.query("SELECT entity, handle FROM actors"))


def holders(home: Home) -> list[str]:
    """Return the actors of whom sheets from files are kept."""
    return sorted({path.parent.name for path in (home.path / SHEETS).glob("*/*.json")})


def anywhere(home: Home, wanted: str, me: str) -> str:
    """Return the actor meant, in any commons followed here or in a sheet that is kept; see `meant`."""
    with ExitStack() as stack:
        indexes = [wiring.open_index(home, commons) for commons in home.commons()]
        for index in indexes:
            stack.callback(index.database.close)
        return meant(wanted, [*known_in(indexes), *((holder, "") for holder in holders(home))], me)


def refuse_outsider(home: Home, wanted: str) -> None:
    """Refuse somebody who is known to this home, but not to the commons that was asked.

    Raises:
        NotFound: It is so.
    """
    try:
        actor = anywhere(home, wanted, "")
    except (NotFound, Ambiguous):
        return
    if actor:
        raise NotFound(
            f"{actor[:12]} is known here, but is no actor of this commons",
            "One becomes an actor of a commons by writing there; a sheet from a file makes nobody one.",
        )


def _fits(wanted: str, pairs: Known) -> list[str]:
    """Return who may be meant, sorted; a whole SCID leaves no doubt."""
    if any(actor == wanted for actor, _ in pairs):
        return [wanted]
    handle, dot, end = (part.strip() for part in wanted.rpartition(_DOT))
    if dot and end:
        return sorted({who for who, named in pairs if who.endswith(end) and (not handle or _same(handle, named))})
    called = {who for who, named in pairs if named and _same(wanted, named)}
    if called:
        look = naming.skeleton(wanted)
        called = {who for who, named in pairs if named and naming.skeleton(named) == look}
    return sorted(called | {who for who, _ in pairs if _begins_or_ends(who, wanted)})


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _begins_or_ends(actor: str, part: str) -> bool:
    begins = len(part) >= _LEAST_START and actor.startswith(part)
    return begins or (len(part) >= _LEAST_END and actor.endswith(part))


def _candidates(fits: Iterable[str], pairs: Known) -> list[str]:
    """Return how to name each of several actors so that no other is meant."""
    handles = dict(pairs)
    return [f"{handles[who]} {_DOT}{who[-naming.LONG :]}".strip() for who in fits][:_LISTED]


def _near(wanted: str, pairs: Known) -> list[str]:
    """Return how those are shown whose handle is much like what was asked for."""
    handles = dict(pairs)
    asked = wanted.partition(_DOT)[0].strip().casefold()
    alike = get_close_matches(asked, {handle.casefold() for handle in handles.values() if handle})
    look = naming.skeleton(asked)
    shown = naming.shown(handles)
    return [
        shown[who]
        for who, handle in handles.items()
        if handle and (handle.casefold() in alike or naming.skeleton(handle) == look)
    ][:3]
