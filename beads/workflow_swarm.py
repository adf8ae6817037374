"""Swarms: how the work below an epic can be shared out among many, and how it stands. Needs the index only."""

from dataclasses import dataclass
from typing import NamedTuple

from beads.molecule import waves
from beads.reading import Blocker, Reader
from beads.workflow_tree import Part, Tree, is_workable


@dataclass(frozen=True)
class Swarm:
    """What is left to be done below an epic, in waves.

    Attributes:
        fronts: What can be done at the same time, wave after wave.
        cycle: Beads that wait for each other for ever; then there are no waves.
        warnings: What stands in the way of waves, in words for a person.
    """

    fronts: tuple[tuple[Part, ...], ...]
    cycle: tuple[Part, ...]
    warnings: tuple[str, ...]

    @property
    def max_parallelism(self) -> int:
        """How many can work at the same time."""
        return max(map(len, self.fronts), default=0)

    @property
    def swarmable(self) -> bool:
        """Whether there is work, and it can come to an end."""
        return bool(self.fronts) and not self.cycle


def validate(reader: Reader, tree: Tree, now_ms: int) -> Swarm:
    """Lay out what is left of an epic."""
    left = {bead: part for bead, part in tree.parts.items() if part.free > now_ms and bead != tree.root}
    found = waves(left, tree.edges, tree.idle)
    fronts = tuple(tuple(left[bead] for bead in front) for front in found.fronts)
    cycle = tuple(left[bead] for bead in found.cycle)
    return Swarm(fronts, cycle, tuple(_warnings(reader, tree, left, cycle, now_ms)))


def _warnings(reader: Reader, tree: Tree, left: dict[str, Part], cycle: tuple[Part, ...], now_ms: int) -> list[str]:
    found = ["it has no children" if len(tree.parts) == 1 else "nothing is left to do"] if not left else []
    if cycle:
        found.append(f"a cycle: {' → '.join(part.shown for part in cycle)}")
    for bead in {edge.key: None for edge in tree.outward if edge.key in left}:
        outside = [b for b in reader.blockers(bead, now_ms) if b.bead not in tree.parts]
        names = [reader.name_of(b.bead) for b in outside]
        found += [f"{left[bead].shown} waits for {name}, which is no part of it" for name in names]
    gates = [part.shown for part in left.values() if part.id in tree.idle]
    if gates:
        found.append(f"gates take time of their own: {', '.join(gates[:5])}")
    return found


class Standing(NamedTuple):
    """How the work below an epic stands."""

    done: list[Part]
    active: list[Part]
    ready: list[Part]
    blocked: list[tuple[Part, list[Blocker]]]
    other: list[Part]


def status(reader: Reader, tree: Tree, now_ms: int) -> Standing:
    """Sort the steps below an epic by how they stand."""
    found = Standing([], [], [], [], [])
    for part in tree.steps:
        if part.id == tree.root:
            continue
        if part.free <= now_ms:
            found.done.append(part)
        elif part.status in ("in_progress", "hooked"):
            found.active.append(part)
        elif part.blocked_until > now_ms or part.outside:
            found.blocked.append((part, reader.blockers(part.id, now_ms)))
        else:
            (found.ready if is_workable(part, now_ms) else found.other).append(part)
    return found
