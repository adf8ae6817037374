"""What this home knows of the stamps on a sheet that the file cannot: what was said in their commons since. ⚡

A file shows what its holder took along on the day of its making. Whoever follows the commons has all that was said, as
far as their last sync; it is told beside what the file proves, and takes nothing from that.
"""

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from node import wiring
from node.home import Home
from stamps.sheet import EarnedStamp
from wanted import earned
from wanted.verifying import VerifiedSheet

WITHDRAWN, REPLACED, UNCOUNTED, DISPUTED, ANSWERED, UNKNOWN = (
    "withdrawn", "replaced", "uncounted", "disputed", "answered", "unknown"
)  # fmt: skip
_SAYS: Final = (
    (WITHDRAWN, "taken back since"),
    (REPLACED, "replaced by a later one since"),
    (UNCOUNTED, "counted no more"),
    (DISPUTED, "disputed since"),
    (ANSWERED, "disputed before, and answered since"),
    (UNKNOWN, "not known here yet (wl sync)"),
)


class Later(NamedTuple):
    """What became of a stamp."""

    stamp: EarnedStamp
    became: str


class KnownHere(NamedTuple):
    """What a home knows of a sheet.

    Attributes:
        followed: The names of those of its commons that are followed here.
        later: What became of its stamps, of those of which the file knows less.
    """

    followed: tuple[str, ...]
    later: tuple[Later, ...]


NOTHING: Final = KnownHere((), ())


def known(home: Home, found: VerifiedSheet) -> KnownHere:
    """Return what a home knows of a sheet; nothing where there is no home, or it follows none of its commons."""
    ours = home.commons() if home.exists else {}
    followed = sorted(found.commons.keys() & ours.keys())
    later = [each for commons in followed for each in _later(home, commons, found)]
    return KnownHere(tuple(found.commons[commons] for commons in followed), tuple(later))


def lines(here: KnownHere) -> list[str]:
    """Return it as text."""
    if not here.followed:
        return []
    said = [(words, [each.stamp.title for each in here.later if each.became == became]) for became, words in _SAYS]
    told = [f"  {len(titles)} {words}: {', '.join(titles)}" for words, titles in said if titles]
    names = ", ".join(here.followed)
    return [f"This home follows {names} and knows {'more:' if told else 'nothing against what is shown.'}", *told]


def as_json(here: KnownHere) -> list[dict[str, Any]]:
    """Return it as JSON."""
    return [{"stamp": each.stamp.op, "commons": each.stamp.commons, "became": each.became} for each in here.later]


def _later(home: Home, commons: str, found: VerifiedSheet) -> Iterator[Later]:
    index = wiring.open_index(home, commons)
    try:
        now = {stamp.op: stamp for stamp in earned.by(index, commons, found.holder)}
        given = {(stamp.issuer, stamp.submission) for stamp in now.values() if not stamp.withdrawn}
        for shown in found.stamps:
            if shown.commons == commons:
                became = _became(shown, now.get(shown.op), given, has_come=index.op(shown.op) is not None)
                yield from [Later(shown, became)] if became else []
    finally:
        index.database.close()


def _became(
    shown: EarnedStamp, now: EarnedStamp | None, given: Collection[tuple[str, str]], *, has_come: bool
) -> str | None:
    """Say what became of a stamp since the file was made; None where nothing did.

    Args:
        now: The stamp as it is here.
        given: Issuer and submission of all that count here.
        has_come: Whether its operation lies here, whatever it counts for.
    """
    if now is None:
        replaced = (shown.issuer, shown.submission) in given
        return UNKNOWN if not has_come else REPLACED if replaced else UNCOUNTED
    if now.withdrawn:
        return WITHDRAWN
    if now.disputed and not now.answered:
        return DISPUTED if not shown.disputed or shown.answered else None
    return ANSWERED if now.answered and shown.disputed and not shown.answered else None
