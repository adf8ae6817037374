"""What cooking makes of a formula: the flat list of beads and edges of a molecule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from beads.formula import BondPoint, Hook, OnComplete, Scalar, Words

ROOT: Final = "."
"""The key of the molecule itself; no step has it."""
PRIORITY: Final = 2


class Wait(NamedTuple):
    """What a gate's bead waits for; 0 in `timeout_ns` means without end."""

    await_type: str
    await_id: str = ""
    timeout_ns: int = 0


@dataclass(frozen=True)
class Node:
    """A bead to be made.

    Attributes:
        key: Its name within the molecule, which edges use.
        parent: The key of its parent; None for the molecule itself.
        gate: For a bead of type `gate`.
    """

    key: str
    title: str
    description: str = ""
    notes: str = ""
    type: str = "task"
    priority: int = PRIORITY
    labels: Words = ()
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    assignee: str = ""
    parent: str | None = None
    gate: Wait | None = None


class Edge(NamedTuple):
    """`key` depends on `on`; kinds are those of links between beads, `note` is JSON or ""."""

    key: str
    on: str
    kind: str
    note: str = ""


class Repeat(NamedTuple):
    """A loop whose end is found out at run time: its first and last beads, the condition, the most passes."""

    key: str
    first: Words
    last: Words
    until: str
    max: int


@dataclass(frozen=True)
class Cooked:
    """A proto: what pouring writes.

    Attributes:
        nodes: The molecule itself first, parents before children, else in the formula's order.
        on_complete: What to bond when a step is done, by key; for run time, like `repeats`, `hooks`.
        bond_points: With the keys of beads for steps.
    """

    formula: str
    type: str
    version: int
    root: Node
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    phase: str
    pour: bool
    values: Mapping[str, str]
    on_complete: Mapping[str, OnComplete]
    repeats: tuple[Repeat, ...]
    hooks: tuple[Hook, ...]
    bond_points: tuple[BondPoint, ...]
