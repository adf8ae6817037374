"""Where a log forks: which branch goes on, and what is kept of the others (protocol, F7).

Two signed operations at one position prove by themselves that the writer has equivocated. Delegates' votes decide which
branch goes on, else the owner's repair; until they do, the kept chain ends before the fork and both branches lie beside
it as evidence. Once they have, the chosen one is part of the kept chain, and one of the others stays beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from beads import limits
from beads.op import Line

Branch: TypeAlias = Sequence[Line]
Decide: TypeAlias = Callable[[int, Mapping[str, Sequence[Branch]]], str | None]
"""Position and branches by their first operation → the first operation of the one that goes on, or None."""
Prefer: TypeAlias = Callable[[Branch], bool]
"""Says of a branch whether anybody who has a say has spoken for it."""


class Settled(NamedTuple):
    """How a log stands.

    Attributes:
        at: The position from which on the kept chain is another; its length, where all of it stays.
        resumed: What the kept chain goes on with there.
        forked_at: Where it ends because nobody has decided, or None.
        branches: What lies beside it.
    """

    at: int
    resumed: Branch
    forked_at: int | None
    branches: tuple[Branch, ...]


def parted_at(settled: Settled) -> int | None:
    """Return where a log first forks, decided or not."""
    return min((branch[0].seq for branch in settled.branches), default=None)


def nobody(_: Branch) -> bool:
    """Prefer none."""
    return False


def kept(branches: Iterable[Branch], prefer: Prefer = nobody, most: int = limits.FORK_BRANCHES) -> list[Branch]:
    """Choose the branches to keep, the same wherever the same were seen.

    Of branches that begin alike the longest, or the one whose end has the greater id; of too many, first those that
    somebody has spoken for, then those that begin with the lesser ids.
    """
    best = _longest(branches)
    ranked = sorted(best, key=lambda start: (not prefer(best[start]), start))
    return [best[start] for start in sorted(ranked[:most])]


def _longest(branches: Iterable[Branch]) -> dict[str, Branch]:
    best: dict[str, Branch] = {}
    for branch in branches:
        start = branch[0].id
        if start not in best or _length(branch) > _length(best[start]):
            best[start] = branch
    return best


def _length(branch: Branch) -> tuple[int, str]:
    return len(branch), branch[-1].id


def settle(
    length: int, lines: Callable[[int], Branch], branches: Iterable[Branch], decide: Decide, prefer: Prefer = nobody
) -> Settled:
    """Find out how a log stands.

    Args:
        length: That of the kept chain as it is.
        lines: Returns the kept chain from a position on.
        branches: Everything that lies beside it.
    """
    held = [branch for branch in branches if branch]
    beside: list[Branch] = []
    for at in sorted({branch[0].seq for branch in held}):
        if at > length:
            # What it grew from is not here.
            continue
        own = lines(at) if at < length else ()
        ways = _ways(own, [branch for branch in held if branch[0].seq >= at], at)
        chosen = next(iter(ways)) if len(ways) == 1 else decide(at, ways)
        if chosen is None:
            every = [way for each in ways.values() for way in each]
            return Settled(at, (), at, (*beside, *kept(every, prefer)))
        others = [way for start, each in ways.items() if start != chosen for way in each]
        beside += kept(others, prefer, limits.FORK_BRANCHES - 1)
        if not own or own[0].id != chosen:
            # Only where one way is known to go on from here does another fork on it come next; this one has none yet.
            return Settled(at, kept(ways[chosen])[0], None, tuple(beside))
    return Settled(length, (), None, tuple(beside))


def _ways(own: Branch, branches: Sequence[Branch], at: int) -> dict[str, list[Branch]]:
    """Return all that goes on from a position, by the operation there; what we keep comes first of its kind."""
    found: dict[str, list[Branch]] = {own[0].id: [own]} if own else {}
    for branch in branches:
        seq = branch[0].seq
        whole = branch if seq == at else [*own[: seq - at], *branch]
        if seq == at or (seq - at <= len(own) and own[seq - at - 1].id == branch[0].prev):
            found.setdefault(whole[0].id, []).append(whole)
    return found


def holds(ways: Sequence[Branch], seq: int, op: str) -> bool:
    """Say whether one of some branches has an operation at a position."""
    return any(0 <= seq - way[0].seq < len(way) and way[seq - way[0].seq].id == op for way in ways)
