"""Which stamps a holder shows: selective disclosure is leaving out, as what is signed cannot be changed."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from beads import ids
from beads.errors import Ambiguous, NotFound
from stamps.sheet import EarnedStamp

LISTED = 10


def choose(
    stamps: Sequence[EarnedStamp], names: Mapping[str, str], only: Iterable[str] = (), without: Iterable[str] = ()
) -> frozenset[str]:
    """Return the stamps that are shown, by their operations.

    Args:
        stamps: All there are.
        names: Commons → its name.
        only: Skills, commons (by id or name), items or stamps (by the start of their ids); any stamp that one of them
            means is shown. Nothing given shows all.
        without: Likewise; what one of them means is left out, whatever else means it.

    Raises:
        NotFound: A word means no stamp.
        Ambiguous: The start of an id fits several.
    """
    shown = [meant(word, stamps, names) for word in only]
    hidden = [meant(word, stamps, names) for word in without]
    every = frozenset(stamp.op for stamp in stamps)
    return (frozenset().union(*shown) if shown else every).difference(*hidden)


def meant(word: str, stamps: Sequence[EarnedStamp], names: Mapping[str, str]) -> frozenset[str]:
    """Return the stamps that a word means: a skill or a commons, else the item or the stamp whose id begins so.

    Raises:
        NotFound: There is none.
        Ambiguous: Several ids begin so.
    """
    said = _those(stamps, lambda stamp: word in (*stamp.skills, stamp.commons, names.get(stamp.commons)))
    if said:
        return said
    fits = sorted({each for stamp in stamps for each in (stamp.op, stamp.item) if each.startswith(word)})
    if not word or not fits:
        raise NotFound(f"no stamp here has {word!r} as its skill, commons, item or id", "See: wl sheet show --json")
    if len(fits) > 1:
        raise Ambiguous(word, [ids.short(each) for each in fits[:LISTED]])
    return _those(stamps, lambda stamp: fits[0] in (stamp.op, stamp.item))


def _those(stamps: Iterable[EarnedStamp], wanted: Callable[[EarnedStamp], bool]) -> frozenset[str]:
    return frozenset(stamp.op for stamp in stamps if wanted(stamp))
