"""What a reader should know beside a score: signs that stamps say little (docs/reputation.md, Signals).

Each signal names whom it is about and by what it multiplies that issuer's weight; 1 where it only tells. None bans.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from stamps.habits import FACTORS
from stamps.reputation import Standing

TELLS: Final = 1.0
FEW_ABANDONED, SHARE_ABANDONED = 2, 0.5

_SAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "one_sheet": "has judged nobody else",
        "ring": "stamps a few actors who stamp back",
        "rubber_stamp": "gives everybody about the same",
        "same_scores": "gives the very same scores again and again",
        "burst": "gave most of its stamps within an hour",
    }
)


class Signal(NamedTuple):
    """One sign.

    Attributes:
        name: Which.
        actor: Whom it is about: an issuer, or the subject.
        says: What it says, in words that follow a name.
        factor: By what the issuer's weight is multiplied; of several the least.
    """

    name: str
    actor: str
    says: str
    factor: float


class Taken(NamedTuple):
    """What became of the items that an actor was granted."""

    granted: int
    abandoned: int


NOTHING_TAKEN: Final = Taken(0, 0)


def signals(standing: Standing, taken: Taken = NOTHING_TAKEN) -> list[Signal]:
    """Return every sign about an actor's sheet: first of its issuers, then of the sheet."""
    marked = [
        Signal(name, issuer, _SAYS[name], FACTORS[name]) for issuer, names in standing.signs.items() for name in names
    ]
    told = (_distrusted(standing), _one_issuer(standing), _two_only(standing), _abandons(standing.actor, taken))
    return [*marked, *(signal for signal in told if signal is not None)]


def _distrusted(standing: Standing) -> Signal | None:
    """Tell that the circle has taken the actor out."""
    says = "is distrusted by your circle: what it says counts for nothing"
    return Signal("distrusted", standing.actor, says, TELLS) if standing.distrusted else None


def _one_issuer(standing: Standing) -> Signal | None:
    """Tell that three stamps or more all come from one actor; the falling weight of one pair's stamps answers it."""
    issuers = {one.issuer for one in standing.weighed}
    if len(standing.weighed) < 3 or len(issuers) > 1:
        return None
    return Signal("one_issuer", standing.actor, "was stamped by one actor only", TELLS)


def _two_only(standing: Standing) -> Signal | None:
    """Tell that the one who stamps an actor has judged nobody else: two who post and complete between themselves."""
    issuers = {one.issuer for one in standing.weighed}
    if len(standing.weighed) < 3 or len(issuers) > 1:
        return None
    (issuer,) = issuers
    if "one_sheet" not in standing.signs.get(issuer, ()):
        return None
    return Signal("two_only", standing.actor, "works for one actor, who judges nobody else", TELLS)


def _abandons(actor: str, taken: Taken) -> Signal | None:
    """Tell that an actor gave up, or let run out, two items or more and half of all it was granted."""
    if taken.abandoned < FEW_ABANDONED or taken.abandoned < SHARE_ABANDONED * taken.granted:
        return None
    return Signal("abandons", actor, f"gave up {taken.abandoned} of {taken.granted} items it was granted", TELLS)
