"""Plans: the beads of a molecule before they are made, of a cooked formula or of a stored proto."""

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import Any

import msgspec

from beads.cooked import ROOT, Cooked, Edge, Node
from beads.errors import BadWord
from beads.formula import nearest
from beads.nursery import NewBead, NewLink
from beads.tracker import NOTHING
from beads.vocabulary import PARENT, WAITS

TEMPLATE = "template"
"""The label of a proto."""
_BLANK = re.compile(r"\{\{\s{0,9}([A-Za-z_][\w-]*)\s{0,9}\}\}", re.ASCII)
_FILLED = ("description", "design", "acceptance_criteria", "notes", "assignee", "await_id")
_COPIED = (
    *_FILLED, "spec_id", "priority", "issue_type", "owner", "estimated_minutes", "metadata", "await_type", "timeout",
    "source_formula", "source_location", "mol_type", "work_type",
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A bead to be made.

    Attributes:
        key: Its name within the plan.
        members: Members of its record.
        parent: The key of its parent; None for the molecule itself.
    """

    key: str
    title: str
    members: Mapping[str, Any]
    labels: Sequence[str] = ()
    parent: str | None = None


@dataclass(frozen=True)
class Plan:
    """A molecule to be made: itself first, then its steps in the order of the formula."""

    items: tuple[Item, ...]
    edges: tuple[Edge, ...]

    def with_root(self, title: str, members: Mapping[str, Any], labels: Sequence[str]) -> "Plan":
        """Return the same plan with more said of the molecule itself; metadata is joined."""
        root = self.items[0]
        more = {name: value for name, value in members.items() if value not in (None, "", {})}
        if "metadata" in more:
            more["metadata"] = {**root.members.get("metadata", {}), **more["metadata"]}
        root = replace(
            root, title=title or root.title, members={**root.members, **more}, labels=(*root.labels, *labels)
        )
        return replace(self, items=(root, *self.items[1:]))

    def beads(self, common: Mapping[str, Any] = NOTHING, parent: str | None = None) -> list[tuple[str, NewBead]]:
        """Return the beads by key, each after those that it links to.

        Args:
            common: Members that all of them get.
            parent: What the molecule itself is part of.
        """
        number = {item.key: f"#{n}" for n, item in enumerate(self._ordered())}
        links = self._links(number)
        return [
            (
                item.key,
                NewBead(
                    item.title, {**item.members, **common}, item.labels, links[item.key],
                    parent if item.parent is None else number[item.parent],
                ),
            )
            for item in self._ordered()
        ]  # fmt: skip

    def _links(self, number: Mapping[str, str]) -> dict[str, list[NewLink]]:
        links: dict[str, list[NewLink]] = {item.key: [] for item in self.items}
        for edge in self.edges:
            if edge.kind != PARENT:
                links[edge.key].append(NewLink(edge.kind, number[edge.on], stored_note(edge)))
        return links

    def _ordered(self) -> Iterator[Item]:
        """Yield the items so that none comes before what it names, else in their order."""
        place = {item.key: n for n, item in enumerate(self.items)}
        sorter = TopologicalSorter({key: [] for key in place})
        for item in self.items:
            sorter.add(item.key, *([item.parent] if item.parent is not None else []))
        for edge in self.edges:
            sorter.add(edge.key, edge.on)
        sorter.prepare()
        free: list[int] = []
        while sorter.is_active():
            for key in sorter.get_ready():
                heapq.heappush(free, place[key])
            item = self.items[heapq.heappop(free)]
            yield item
            sorter.done(item.key)


def stored_note(edge: Edge) -> str:
    """Return the note of a link for an edge: which children it waits for stands in a text that holds JSON."""
    return json.dumps({"metadata": edge.note}, separators=(",", ":")) if edge.kind == WAITS and edge.note else edge.note


# -- of a cooked formula -------------------------------------------------------------------------------------------


def plan_of(cooked: Cooked) -> Plan:
    """Plan the molecule that was cooked."""
    items = tuple(_item(cooked.formula, node) for node in cooked.nodes)
    return Plan(items, cooked.edges).with_root("", {"metadata": _run_time(cooked)}, ())


def _item(formula: str, node: Node) -> Item:
    said = {
        "description": node.description, "notes": node.notes, "metadata": dict(node.metadata),
        "assignee": node.assignee, "source_location": "" if node.key == ROOT else node.key,
    }  # fmt: skip
    members: dict[str, Any] = {"issue_type": node.type, "priority": node.priority, "source_formula": formula}
    members |= {name: value for name, value in said.items() if value}
    if node.gate is not None:
        wait = {"await_type": node.gate.await_type, "await_id": node.gate.await_id, "timeout": node.gate.timeout_ns}
        members |= {name: value for name, value in wait.items() if value}
    return Item(node.key, node.title, members, node.labels, node.parent)


def _run_time(cooked: Cooked) -> dict[str, Any]:
    """Return what nothing can be made of yet: it goes into the molecule's metadata."""
    found = {
        "vars": dict(cooked.values),
        "on_complete": {key: msgspec.to_builtins(done) for key, done in cooked.on_complete.items()},
        "repeats": [repeat._asdict() for repeat in cooked.repeats],
        "hooks": msgspec.to_builtins(cooked.hooks),
        "bond_points": msgspec.to_builtins(cooked.bond_points),
    }
    return {"formula_version": cooked.version, **{name: value for name, value in found.items() if value}}


# -- of a proto ----------------------------------------------------------------------------------------------------


class Blanks:
    """Fills `{{name}}` in the texts of a proto, and notes what is missing."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._met: dict[str, None] = {}

    def fill(self, text: str) -> str:
        """Fill in the blanks of a text, once: what a value holds is never read again."""
        return _BLANK.sub(self._one, text)

    def _one(self, found: re.Match[str]) -> str:
        self._met[found[1]] = None
        return self._values.get(found[1], found[0])

    def check(self) -> None:
        """Refuse values that nothing asks for, and blanks without a value.

        Raises:
            BadWord: There are some.
        """
        for name in self._values:
            if name not in self._met:
                raise BadWord(f"unknown variable {name!r}", nearest(name, self._met, "variables"))
        missing = [name for name in self._met if name not in self._values]
        if missing:
            raise BadWord(f"values are missing: {', '.join(missing)}", f"--var {missing[0]}=VALUE")


def copy_of(
    records: Iterable[tuple[str, Mapping[str, Any], str | None]], edges: Iterable[Edge], values: Mapping[str, str]
) -> Plan:
    """Plan a copy of a proto.

    Args:
        records: Key, record and parent's key of each bead, the proto itself first.
        values: What `{{name}}` stands for in its texts.

    Raises:
        BadWord: A value is missing, or nothing asks for it.
    """
    blanks = Blanks(values)
    items = tuple(_copied(blanks, key, record, parent) for key, record, parent in records)
    blanks.check()
    return Plan(items, tuple(edges))


def _copied(blanks: Blanks, key: str, record: Mapping[str, Any], parent: str | None) -> Item:
    members = {name: record[name] for name in _COPIED if record.get(name) not in (None, "", {})}
    members |= {name: blanks.fill(members[name]) for name in _FILLED if isinstance(members.get(name), str)}
    labels = [blanks.fill(label) for label in record.get("labels", ()) if label != TEMPLATE]
    return Item(key, blanks.fill(record["title"]), members, labels, parent)
