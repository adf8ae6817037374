"""What delegates have seen: checkpoints make positions final, and vote where a log forks (protocol, F5 to F7).

A checkpoint says that its writer's node had a head before it. So what a threshold of delegates has covered cannot be
undone by anybody who writes later, whatever date they give it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from beads.governance import Charter, Governance
from beads.op import Op

Logs = Mapping[str, Sequence["Sighting"]]
"""A delegate's log → its sightings, in order."""
OnChain = Callable[[int, str], bool]
"""(position, operation) → whether the log in question has it there."""


class Sighting(NamedTuple):
    """One checkpoint with a delegate's power.

    Attributes:
        place: The place in the chain of the charter that it names.
        heads: Log → position and operation.
        keys: Actor → how many entries of the key log.
    """

    actor: str
    place: int
    heads: Mapping[str, tuple[int, str]]
    keys: Mapping[str, int]


def sightings(checkpoints: Iterable[tuple[Op, str]], governance: Governance) -> Logs:
    """Return the checkpoints that have a delegate's power, by log, in order.

    Args:
        checkpoints: Operations with their actors, as far as delegates' logs count.
    """
    found: defaultdict[str, list[tuple[int, Sighting]]] = defaultdict(list)
    for op, actor in checkpoints:
        said = op.payload
        if governance.speaks(actor, op.log, op.seq, said.charter):
            heads = {log: (seq, at) for log, seq, at in said.heads}
            place = governance.place(said.charter) or 0
            found[op.log].append((op.seq, Sighting(actor, place, heads, dict(said.keys))))
    return {log: [one for _, one in sorted(listed, key=lambda each: each[0])] for log, listed in found.items()}


def unaware(logs: Logs, actor: str, entries: int) -> Iterator[Sighting]:
    """Yield those that were written before their log had seen so many entries of an actor's key log."""
    for listed in logs.values():
        for one in listed:
            if one.keys.get(actor, 0) >= entries:
                break
            yield one


def under(logs: Logs, place: int) -> Iterator[Sighting]:
    """Yield those that name a charter before the one at `place`."""
    return (one for listed in logs.values() for one in listed if one.place < place)


def covered(log: str, seen: Iterable[Sighting], governance: Governance, on_chain: OnChain) -> int:
    """Return the furthest position of a log that a threshold of delegates has covered, or -1."""
    reached: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in seen:
        seq, op = one.heads.get(log, (-1, ""))
        if seq >= 0 and on_chain(seq, op):
            reached[one.actor].append((one.place, seq))
    return max((_agreed(charter, place, reached) for place, charter in enumerate(governance.charters)), default=-1)


def _agreed(charter: Charter, place: int, reached: Mapping[str, Sequence[tuple[int, int]]]) -> int:
    """Return how far a threshold of one charter's delegates has come, by what they saw until it was replaced."""
    each = [max((seq for at, seq in reached.get(actor, ()) if at <= place), default=-1) for actor in charter.delegates]
    return sorted(each, reverse=True)[charter.threshold - 1]


def chosen(
    log: str, fork: int, logs: Logs, governance: Governance, branch_of: Callable[[int, str], str | None]
) -> str | None:
    """Return the first operation of the branch that delegates have chosen where a log forks, or None.

    Each of a delegate's logs votes by its first checkpoint that covers the log at or past the fork. The first charter
    whose threshold agrees decides for good.

    Args:
        branch_of: Position and operation → the first operation of the branch that holds it.
    """
    votes: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for listed in logs.values():
        vote = next((one for one in listed if one.heads.get(log, (-1, ""))[0] >= fork), None)
        branch = branch_of(*vote.heads[log]) if vote else None
        if vote and branch:
            votes[branch].add((vote.actor, vote.place))
    for place, charter in enumerate(governance.charters):
        carried = [branch for branch, cast in votes.items() if _tally(cast, charter, place) >= charter.threshold]
        if carried:
            return min(carried)
    return None


def heads(log: str, logs: Logs) -> set[tuple[int, str]]:
    """Return every position and operation of a log that any delegate has covered."""
    return {one.heads[log] for listed in logs.values() for one in listed if log in one.heads}


def _tally(cast: Iterable[tuple[str, int]], charter: Charter, place: int) -> int:
    return len({actor for actor, at in cast if at <= place and actor in charter.delegates})
