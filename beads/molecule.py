"""Molecules: how their steps lie in waves, how far they are, how two are bonded, what is left when one is squashed.

Everything here takes keys and edges as `beads.cook` has them; the ids of beads in a ledger do as well.
"""

from __future__ import annotations

import graphlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from beads.circles import circle, moments
from beads.cooked import Edge
from beads.errors import BeadsError
from beads.formula import nearest

ORDERING: Final = ("blocks", "conditional-blocks", "waits-for")
"""The kinds of edges that make one bead wait for another; `parent-child` passes a parent's waiting on."""
BONDS: Final[Mapping[str, str]] = {
    "sequential": "blocks",
    "parallel": "parent-child",
    "conditional": "conditional-blocks",
}
_HOUR_MS: Final = 3_600_000
WISP_TTL_MS: Final[Mapping[str, int]] = {
    "heartbeat": 6 * _HOUR_MS,
    "ping": 6 * _HOUR_MS,
    "patrol": 24 * _HOUR_MS,
    "gc_report": 24 * _HOUR_MS,
    "recovery": 168 * _HOUR_MS,
    "error": 168 * _HOUR_MS,
    "escalation": 168 * _HOUR_MS,
}
_DONE: Final = frozenset(("closed", "tombstone"))
_WORKABLE: Final = frozenset(("open", "in_progress"))


class BondError(BeadsError):
    """Two molecules that cannot be bonded like this."""


# -- waves ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waves:
    """The order of a molecule's work.

    Attributes:
        fronts: What can be done at the same time, front after front; within one in the order given.
        cycle: Beads that wait for each other for ever, the first once more at the end; then there are no fronts.
    """

    fronts: tuple[tuple[str, ...], ...] = ()
    cycle: tuple[str, ...] = ()

    @property
    def max_parallelism(self) -> int:
        """The most work that can be done at the same time."""
        return max(map(len, self.fronts), default=0)


class _Graph(NamedTuple):
    needs: dict[str, list[str]]
    parents: dict[str, str]


def _graph(nodes: Iterable[str], edges: Iterable[Edge]) -> _Graph:
    graph = _Graph({key: [] for key in nodes}, {})
    for edge in edges:
        if edge.key not in graph.needs or edge.on not in graph.needs:
            continue
        if edge.kind in ORDERING:
            graph.needs[edge.key].append(edge.on)
        elif edge.kind == "parent-child":
            graph.parents[edge.key] = edge.on
    return graph


def waves(nodes: Iterable[str], edges: Iterable[Edge], idle: Collection[str] = ()) -> Waves:
    """Lay work out in fronts; a front begins when the one before it is done.

    A bead with children is no work of its own: it is done with them, and what it waits for, they wait for. One that
    waits for any child of another is laid out as if it waited for all.

    Args:
        nodes: All keys; edges to others are left out.
        edges: Edges of any kind; some kinds do not order anything.
        idle: Keys that take time but nobody's work, such as gates: they are in no front.
    """
    keys = list(nodes)
    graph = _graph(keys, edges)
    cycle = circle(graph.needs, graph.parents)
    if cycle:
        return Waves(cycle=cycle)
    fronts: dict[int, list[str]] = {}
    numbers = _numbers(graph)
    for key in keys:
        if key not in idle and key not in graph.parents.values():
            fronts.setdefault(numbers[key], []).append(key)
    return Waves(tuple(tuple(fronts[number]) for number in sorted(fronts)))


def _numbers(graph: _Graph) -> dict[str, int]:
    """Number each bead by the longest way to it."""
    before = moments(graph.needs, graph.parents)
    number: dict[tuple[str, bool], int] = {}
    for moment in graphlib.TopologicalSorter(before).static_order():
        # An end is one later than its beginning, save where it is children that take the time.
        is_end = moment[1]
        own = 1 if is_end and len(before[moment]) == 1 else 0
        number[moment] = own + max((number[other] for other in before[moment]), default=0)
    return {key: number[key, False] for key in graph.needs}


# -- progress ------------------------------------------------------------------------------------------------------


class Progress(NamedTuple):
    """How far a molecule is; `current` can be worked on now."""

    done: int
    total: int
    percent: int
    current: tuple[str, ...]


def progress(
    statuses: Mapping[str, str],
    edges: Sequence[Edge] = (),
    idle: Collection[str] = (),
    failed: Collection[str] = (),
) -> Progress:
    """Count a molecule's steps and find those that are ready.

    Beads with children and idle ones are not counted. Edges to beads without a status hold nothing back.

    Args:
        statuses: The status of every bead, by key.
        edges: What waits for what.
        idle: Keys of gates and the like.
        failed: Closed beads that failed: only they let go what waits for them by `conditional-blocks`.
    """
    graph = _graph(statuses, edges)
    steps = [key for key in statuses if key not in idle and key not in graph.parents.values()]
    done = sum(statuses[key] in _DONE for key in steps)
    blocked = _blocked(statuses, edges, graph, failed)
    current = tuple(key for key in steps if statuses[key] in _WORKABLE and key not in blocked)
    return Progress(done, len(steps), 100 * done // len(steps) if steps else 100, current)


def _blocked(statuses: Mapping[str, str], edges: Iterable[Edge], graph: _Graph, failed: Collection[str]) -> set[str]:
    children: dict[str, list[str]] = {}
    for child, parent in graph.parents.items():
        children.setdefault(parent, []).append(child)
    blocked = {
        edge.key
        for edge in edges
        if edge.key in statuses and edge.on in statuses and _holds_back(edge, statuses, children, failed)
    }
    waiting = list(blocked)
    while waiting:
        inner = [child for child in children.get(waiting.pop(), ()) if child not in blocked]
        blocked.update(inner)
        waiting += inner
    return blocked


def _holds_back(
    edge: Edge, statuses: Mapping[str, str], children: Mapping[str, Sequence[str]], failed: Collection[str]
) -> bool:
    done = statuses[edge.on] in _DONE
    if edge.kind == "blocks":
        return not done
    if edge.kind == "conditional-blocks":
        return not done or edge.on not in failed
    if edge.kind != "waits-for":
        return False
    ends = [statuses[child] in _DONE for child in children.get(edge.on, ())]
    return not any(ends) if _any_child(edge.note) else not all(ends)


def _any_child(note: str) -> bool:
    """Tell whether a waits-for edge is content with one child; what cannot be read waits for all."""
    try:
        value = msgspec.json.decode(note)
    except msgspec.DecodeError:
        return False
    return isinstance(value, dict) and value.get("gate") == "any-children"


# -- bonds ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bond:
    """What bonding writes: edges, and the entry for `bonded_from` of the second molecule."""

    edges: tuple[Edge, ...]
    bonded_from: Mapping[str, str]


def bond(
    first: str, second: str, kind: str = "sequential", *, point: str = "", after: str = "", before: str = ""
) -> Bond:
    """Plan to bond a second molecule to a first one.

    Sequential: the second begins when the first is done. Parallel: it is grouped under the first, and waits for
    nothing. Conditional: it begins when the first has failed.

    Args:
        first: The bead of the first molecule.
        second: The bead of the second.
        kind: `sequential`, `parallel` or `conditional`.
        point: The name of the bond point.
        after: The step of the first that the second waits for, instead of the whole.
        before: The step of the first that waits for the second; the second then waits only for `after`, if at all.

    Raises:
        BondError: The kind is not known, a molecule would be bonded to itself, or nothing could wait for a step.
    """
    if kind not in BONDS:
        raise BondError(f"{kind!r} is no kind of bond", nearest(kind, BONDS, "kinds"))
    if second in (first, after, before) or first == before:
        raise BondError(f"{second} cannot be bonded to itself", "Name two molecules.")
    entry = {"source_id": first, "bond_type": kind, **({"bond_point": point} if point else {})}
    return Bond(tuple(_bonds(first, second, kind, after, before)), entry)


def _bonds(first: str, second: str, kind: str, after: str, before: str) -> Iterable[Edge]:
    on_step = bool(after or before)
    if kind == "parallel" or on_step:
        # It is part of the first: were it to wait for the whole, the whole could never be done.
        yield Edge(second, first, "parent-child")
    if kind == "parallel":
        return
    if after or not before:
        yield Edge(second, after or first, BONDS[kind])
    if before:
        yield Edge(before, second, "blocks")


# -- squash --------------------------------------------------------------------------------------------------------


class Child(NamedTuple):
    """A step as the digest tells of it; times are None where nobody wrote them down."""

    title: str
    status: str
    outcome: str = ""
    started_ms: int | None = None
    closed_ms: int | None = None


def digest(title: str, children: Sequence[Child], summary: str = "") -> str:
    """Write what is left of a molecule: the same text for the same children, in their order."""
    done = sum(child.status in _DONE for child in children)
    head = f"{title}: {done} of {len(children)} steps done{_took(_whole(children))}."
    lines = [f"- {_tick(child)} {_told(child)}" for child in children]
    return "\n\n".join(filter(None, (head, summary.strip(), "\n".join(lines)))) + "\n"


def _whole(children: Iterable[Child]) -> tuple[int | None, int | None]:
    starts = [child.started_ms for child in children if child.started_ms is not None]
    ends = [child.closed_ms for child in children if child.closed_ms is not None]
    return min(starts, default=None), max(ends, default=None)


def _tick(child: Child) -> str:
    return "[x]" if child.status in _DONE else f"[ ] ({child.status})"


def _told(child: Child) -> str:
    outcome = " ".join(child.outcome.split())
    return f"{child.title}{_took((child.started_ms, child.closed_ms))}{f': {outcome}' if outcome else ''}"


def _took(times: tuple[int | None, int | None]) -> str:
    start, end = times
    return "" if start is None or end is None or end < start else f" in {span(end - start)}"


def span(ms: int) -> str:
    """Write a time span with its two largest units: `2d 3h`, `5m 0s`, `41s`."""
    seconds = ms // 1000
    units = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))
    for at, (size, name) in enumerate(units[:-1]):
        if seconds >= size:
            smaller, smaller_name = units[at + 1]
            return f"{seconds // size}{name} {seconds % size // smaller}{smaller_name}"
    return f"{seconds}s"


# -- wisps ---------------------------------------------------------------------------------------------------------


class Wisp(NamedTuple):
    """A wisp and when anything last happened to it."""

    id: str
    wisp_type: str
    touched_ms: int


def stale(wisps: Iterable[Wisp], now_ms: int) -> tuple[str, ...]:
    """List the wisps whose time is over; of a type without a time none ever is."""
    return tuple(
        wisp.id
        for wisp in wisps
        if wisp.wisp_type in WISP_TTL_MS and now_ms - wisp.touched_ms >= WISP_TTL_MS[wisp.wisp_type]
    )
