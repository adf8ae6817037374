"""On what terms a peer is synced with, and how far a sync has come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from beads.rates import Rates


class Step(NamedTuple):
    """How far a pull has come.

    Attributes:
        refs: References read so far.
        of: All that there are to read.
        operations: Taken so far.
    """

    refs: int
    of: int
    operations: int


@dataclass(frozen=True)
class Terms:
    """On what terms a peer is synced with.

    Attributes:
        follow: Actors whose logs are taken, besides the delegates'; empty for all.
        room: Operations that may be taken; None for no bound. The batch that reaches it is still taken whole.
        rates: What may be taken of strangers today, or None for all.
        progress: Told after each batch of a pull.
        withheld: References that are not pushed: the peer refused them a moment ago.
    """

    follow: tuple[str, ...] = ()
    room: int | None = None
    rates: Rates | None = None
    progress: Callable[[Step], None] | None = None
    withheld: frozenset[str] = frozenset()
