"""Molecules in a ledger: poured from formulas and protos, bonded, squashed, burned.

A molecule is a bead with children. A *wisp* is one that is never ready and is thrown away in the end; a *proto* is one
to be copied. A molecule is made in one write: nobody ever sees half of one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from beads import molecule
from beads.cooked import Cooked
from beads.errors import Refused
from beads.formula import nearest
from beads.ledger import Draft
from beads.molecule import BondError, Progress
from beads.record import BeadView
from beads.tracker import NOTHING, Tracker
from beads.workflow_end import Ending
from beads.workflow_gates import Gates
from beads.workflow_plan import TEMPLATE, Plan, copy_of, plan_of
from beads.workflow_slot import MergeSlot
from beads.workflow_tree import Tree, existing, stale, tree


class Poured(NamedTuple):
    """What was made.

    Attributes:
        root: The molecule.
        beads: Key of the formula's step, or bead of the proto → bead.
    """

    root: str
    beads: Mapping[str, str]


class Workflow:
    """Works with molecules, gates and the merge slot of a ledger."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.read = tracker.read
        self.gates = Gates(tracker)
        self.slot = MergeSlot(tracker)
        self.ending = Ending(tracker)

    # -- making ------------------------------------------------------------------------------------------------

    def plan(self, source: Cooked | str, values: Mapping[str, str] = NOTHING) -> Plan:
        """Plan a molecule: what was cooked, or a copy of a stored proto.

        Raises:
            Refused: The bead is no proto.
            BadWord: A value of a proto is missing or unknown.
        """
        if isinstance(source, Cooked):
            return plan_of(source)
        proto = tree(self.read, self.read.find(source))
        view = self.read.view(proto.root)
        if TEMPLATE not in view.labels and view.fields.get("is_template") is not True:
            name = self.read.name_of(view.id)
            raise Refused(
                f"{name} is no proto: only those are copied", "bd cook NAME --proto makes one of a formula; "
                f"bd label add {name} {TEMPLATE} of any epic."
            )  # fmt: skip
        self.read.remember(proto.parts)
        records = [
            (bead, self.read.record(self.read.view(bead)), proto.parents.get(bead)) for bead in proto.parts
        ]  # fmt: skip
        return copy_of(records, proto.edges, values)

    def pour(
        self, source: Cooked | str, *, values: Mapping[str, str] = NOTHING, title: str = "", assignee: str = "",
        labels: Sequence[str] = (), metadata: Mapping[str, Any] = NOTHING, parent: str | None = None,
    ) -> Poured:  # fmt: skip
        """Make a molecule of beads that stay.

        Args:
            values: For a proto; a formula has them already.
            assignee: Whose the molecule itself is.
            parent: What it is part of.
        """
        plan = self.plan(source, values).with_root(title, {"assignee": assignee, "metadata": dict(metadata)}, labels)
        return self._make(plan, {}, parent)

    def wisp(
        self, source: Cooked | str, *, wisp_type: str = "", values: Mapping[str, str] = NOTHING, title: str = "",
        assignee: str = "", labels: Sequence[str] = (), parent: str | None = None,
    ) -> Poured:  # fmt: skip
        """Make a molecule that is thrown away in the end; see `pour`."""
        plan = self.plan(source, values).with_root(title, {"assignee": assignee}, labels)
        passing = {"ephemeral": True, **({"wisp_type": wisp_type} if wisp_type else {})}
        return self._make(plan, passing, parent)

    def cook(self, cooked: Cooked, *, title: str = "", labels: Sequence[str] = ()) -> Poured:
        """Keep what was cooked as a proto, to be poured whenever it is needed."""
        plan = self.plan(cooked).with_root(title, {}, (TEMPLATE, *labels))
        return self._make(plan, {"is_template": True}, None)

    def _make(self, plan: Plan, common: Mapping[str, Any], parent: str | None) -> Poured:
        beads = plan.beads(common, parent)
        made = self.tracker.create(*(bead for _, bead in beads))
        return Poured(made[0], dict(zip((key for key, _ in beads), made, strict=True)))

    # -- reading -----------------------------------------------------------------------------------------------

    def tree(self, bead: str) -> Tree:
        """Return a molecule as it stands; see `beads.workflow_tree.existing`."""
        return existing(self.read, bead)

    def progress(self, bead: str) -> Progress:
        """Say how far a molecule is, and what can be worked on now."""
        return self.tree(bead).progress(self.tracker.now_ms())

    def current(self, bead: str) -> tuple[str, ...]:
        """Return the steps that can be worked on now, or are."""
        return self.progress(bead).current

    def stale(self, older_ms: int | None = None) -> list[str]:
        """Return the wisps whose time is over."""
        return stale(self.read, self.tracker.now_ms(), older_ms)

    # -- bonds -------------------------------------------------------------------------------------------------

    def bond(self, first: str, second: str, kind: str = "", point: str = "") -> molecule.Bond:
        """Bond a second molecule to a first one, at one of its bond points where one is named.

        Raises:
            BondError: The kind or point is not known, or a molecule would be bonded to itself.
            Refused: They would wait for each other for ever.
        """
        done: list[molecule.Bond] = []

        def make() -> list[Draft]:
            a, b = (self.read.view(self.read.find(one)) for one in (first, second))
            place = self._point(a, point) if point else {}
            chosen = kind or ("parallel" if place.get("parallel") else "sequential")
            steps = {end: self._step(a, str(place.get(f"{end}_step") or "")) for end in ("after", "before")}
            done.append(molecule.bond(a.id, b.id, chosen, point=point, **steps))
            return [*self._bond_links(done[-1]), *self._bonded_from(b, done[-1])]

        self.tracker.write(make)
        return done[-1]

    def _point(self, view: BeadView, point: str) -> Mapping[str, Any]:
        points = {str(one.get("id")): one for one in _objects(_json(view, "metadata").get("bond_points"))}
        if point not in points:
            name = self.read.name_of(view.id)
            raise BondError(f"{name} has no bond point {point!r}", nearest(point, points, "bond points"))
        return points[point]

    def _step(self, view: BeadView, key: str) -> str:
        """Return the bead that was made of a step of the formula; "" for none."""
        if not key:
            return ""
        for bead in tree(self.read, view.id).parts:
            if self.read.view(bead).text("source_location") == key:
                return bead
        raise BondError(f"{self.read.name_of(view.id)} has no step {key!r} any more", "Bond to the whole instead.")

    def _bond_links(self, bond: molecule.Bond) -> Iterable[Draft]:
        for edge in bond.edges:
            view = self.read.view(edge.key)
            end = (edge.kind, edge.on, "")
            if not any(tuple(link[:2]) == end[:2] for link in view.links):
                self.tracker.check_link(view.id, end)
                yield Draft("bead.link", {"bead": view.id, "add": [list(end)], "remove": []})

    def _bonded_from(self, view: BeadView, bond: molecule.Bond) -> list[Draft]:
        before = _objects(_json(view, "bonded_from"))
        entry = {**bond.bonded_from, "source_id": self.read.name_of(bond.bonded_from["source_id"])}
        return [] if entry in before else self.tracker.changes(view, {"bonded_from": [*before, entry]})


def _json(view: BeadView, name: str) -> Any:
    try:
        return msgspec.json.decode(view.texts.get(name) or "{}")
    except msgspec.DecodeError:
        return {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
