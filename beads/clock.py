"""Hybrid logical clocks (Kulkarni et al. 2014): they order what is shown, never who may do what."""

from typing import NamedTuple

from beads import limits

FOREVER_MS = 1 << 48
"""A clock beyond every valid time: to who reads by it, nothing is of the future."""


class Hlc(NamedTuple):
    """A point of hybrid time.

    Attributes:
        ms: Milliseconds since 1970, UTC.
        counter: Tells apart what happened within one millisecond.
    """

    ms: int
    counter: int


ZERO = Hlc(0, 0)


def tick(now_ms: int, floor: Hlc) -> Hlc:
    """Return the next time to write: the wall clock's, and above all that was folded before."""
    if now_ms > floor.ms:
        return Hlc(now_ms, 0)
    if floor.counter + 1 < limits.HLC_COUNTER:
        return Hlc(floor.ms, floor.counter + 1)
    return Hlc(floor.ms + 1, 0)


def in_range(hlc: Hlc) -> bool:
    """Say whether a received time fits the wire format."""
    return 0 <= hlc.ms < limits.HLC_MS and 0 <= hlc.counter < limits.HLC_COUNTER
