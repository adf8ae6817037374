"""The states that operations fold to: a bead, an actor, the commons."""

from collections.abc import Hashable
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from beads import fields
from beads.clock import ZERO, Hlc
from beads.rules import Context, Live

Item = TypeVar("Item", bound=Hashable)


class Facet(Protocol):
    """What a higher floor adds to a bead (a wanted item's lifecycle)."""

    def to_json(self) -> dict[str, Any]:
        """Return the facet as a `wl-json` object."""


class ObservedRemoveSet(Generic[Item]):
    """A set in which a removal takes back only the additions it names (Shapiro et al. 2011).

    Additions and removals commute: a removal that comes first waits for its addition.
    """

    def __init__(self) -> None:
        self._added: dict[Item, set[str]] = {}
        self._removed: set[tuple[Item, str]] = set()

    def add(self, item: Item, op: str) -> None:
        """Add `item` by operation `op`."""
        self._added.setdefault(item, set()).add(op)

    def remove(self, item: Item, seen: tuple[str, ...]) -> None:
        """Take back the additions `seen` of `item`."""
        self._removed.update((item, op) for op in seen)

    def additions(self) -> dict[Item, list[str]]:
        """Return what is in the set, each with the additions that hold it, sorted."""
        live = {item: sorted(op for op in ops if (item, op) not in self._removed) for item, ops in self._added.items()}
        return {item: ops for item, ops in live.items() if ops}


class Written(NamedTuple):
    """A field's value and the operation that won it."""

    value: fields.Value
    op: str


class Bead:
    """A bead while it is folded."""

    def __init__(self, bead_id: str) -> None:
        self.id = bead_id
        self.type = ""
        self.creator = ""
        self.created = ZERO
        self.updated = ZERO
        self.by: str | None = None
        self.fields: dict[str, Written] = {}
        self.prose: dict[str, str] = {}
        self.labels: ObservedRemoveSet[str] = ObservedRemoveSet()
        self.links: ObservedRemoveSet[tuple[str, str]] = ObservedRemoveSet()
        self.comments: list[Live] = []
        self.facet: Facet | None = None

    @property
    def exists(self) -> bool:
        """False until its creating operation was applied."""
        return bool(self.type)

    def begin(self, live: Live, bead_type: str) -> None:
        """Come into being by a creating operation."""
        self.type, self.creator, self.created, self.by = bead_type, live.actor, live.op.hlc, live.op.by

    def write(self, live: Live, pairs: fields.Pairs, prose: tuple[str, ...]) -> None:
        """Set fields and texts; operations come in order, so the last writer stands."""
        for name, value in pairs:
            self.fields[name] = Written(value, live.op.id)
        for name in prose:
            self.prose[name] = live.op.id
        self.touch(live.op.hlc)

    def touch(self, hlc: Hlc) -> None:
        """Move the time of the last change forward."""
        self.updated = max(self.updated, hlc)

    def to_json(self) -> dict[str, Any]:
        """Return the state as a `wl-json` object."""
        state: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "creator": self.creator,
            "created": list(self.created),
            "updated": list(max(self.updated, self.created)),
            "fields": [[name, w.value, w.op] for name, w in sorted(self.fields.items()) if w.value is not None],
            "prose": sorted([name, op] for name, op in self.prose.items()),
            "labels": sorted([label, ops] for label, ops in self.labels.additions().items()),
            "links": sorted([kind, to, ops] for (kind, to), ops in self.links.additions().items()),
            "comments": [[live.op.id, live.actor] for live in self.comments],
        }
        if self.by is not None:
            state["by"] = self.by
        if self.facet is not None:
            state["facet"] = self.facet.to_json()
        return state


class Actor:
    """An actor in one commons while it is folded."""

    def __init__(self, scid: str) -> None:
        self.id = scid
        self.logs: set[str] = set()
        self.handle = ""
        self.links: tuple[str, ...] = ()
        self.sponsors: set[str] = set()
        self.erased: set[str] = set()
        self.agents_erased: set[tuple[str, str]] = set()

    @property
    def exists(self) -> bool:
        """True once one of the actor's logs was opened."""
        return bool(self.logs)

    def to_json(self) -> dict[str, Any]:
        """Return the state as a `wl-json` object."""
        state: dict[str, Any] = {
            "id": self.id,
            "logs": sorted(self.logs),
            "handle": self.handle,
            "links": list(self.links),
            "sponsors": sorted(self.sponsors),
            "erased": sorted(self.erased),
        }
        if self.agents_erased:
            state["agents_erased"] = sorted(self.agents_erased)
        return state


class Covered(NamedTuple):
    """The furthest position of a log that a delegate has covered."""

    seq: int
    op: str


class Commons:
    """What belongs to nobody but the commons: who covered which heads."""

    def __init__(self, commons_id: str) -> None:
        self.id = commons_id
        self._covered: dict[tuple[str, str], Covered] = {}
        self._covered_keys: dict[tuple[str, str], int] = {}

    @property
    def exists(self) -> bool:
        """A commons always is."""
        return True

    def cover(self, live: Live, log: str, seq: int, op: str) -> None:
        """Record that a delegate's log has covered `log` up to `seq`; a lower position changes nothing."""
        place = (live.actor, log)
        self._covered[place] = max(self._covered.get(place, Covered(-1, "")), Covered(seq, op))

    def cover_keys(self, live: Live, actor: str, entries: int) -> None:
        """Record that a delegate's log has covered so many entries of an actor's key log."""
        place = (live.actor, actor)
        self._covered_keys[place] = max(self._covered_keys.get(place, 0), entries)

    def to_json(self) -> dict[str, Any]:
        """Return the state as a `wl-json` object."""
        covered = [[actor, log, c.seq, c.op] for (actor, log), c in self._covered.items()]
        keys = [[actor, whose, entries] for (actor, whose), entries in self._covered_keys.items()]
        return {"id": self.id, "covered": sorted(covered), "covered_keys": sorted(keys)}


def may_change(bead: Bead, live: Live, context: Context) -> bool:
    """Say whether a writer may change a bead: in a private ledger all may, elsewhere its author."""
    return context.genesis.private or live.actor == bead.creator
