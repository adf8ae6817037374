"""The states that operations fold to: a bead, an actor, the commons."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from beads import fields
from beads.clock import ZERO, Hlc
from beads.rules import Context, Live, stated_time

Item = TypeVar("Item", bound=Hashable)
FIELD, TEXT = "field", "text"
IN_PROGRESS = "in_progress"
OVER = ("closed", "tombstone")
"""Statuses in which nobody can begin to work on a bead."""


class Facet(Protocol):
    """What a higher floor adds to a bead (a wanted item's lifecycle)."""

    def to_json(self, context: Context) -> dict[str, Any]:
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
    """A field's value (None for a text) and the operation that wrote it."""

    value: fields.Value
    op: str


class Hold(NamedTuple):
    """Who works on a bead.

    Attributes:
        who: As it stands in the bead's assignee.
        log: The log that claimed it: the same name on another device is another holder.
        op: The claim that counts now, the first or its last renewal.
        fence: How many claims had succeeded with this one; a holder that lost it finds another number.
        until: The end of the lease, milliseconds, or None.
    """

    who: str
    log: str
    op: str
    fence: int
    until: int | None


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
        self.prose: dict[str, Written] = {}
        self.lost: dict[tuple[str, str], list[Written]] = {}
        self.hold: Hold | None = None
        self.claims = 0
        self.labels: ObservedRemoveSet[str] = ObservedRemoveSet()
        self.links: ObservedRemoveSet[tuple[str, str, str]] = ObservedRemoveSet()
        self.comments: list[Live] = []
        self.facet: Facet | None = None

    @property
    def exists(self) -> bool:
        """False until its creating operation was applied."""
        return bool(self.type)

    def begin(self, live: Live, bead_type: str, created: Hlc | None = None) -> None:
        """Come into being by a creating operation; of two that brought in the same bead the first counts."""
        if not self.exists:
            self.type, self.creator, self.by = bead_type, live.actor, live.op.by
            self.created = created or live.op.hlc

    def write(
        self, live: Live, pairs: fields.Pairs, prose: tuple[str, ...], seen: Collection[str] = (), at: Hlc | None = None
    ) -> None:
        """Set fields and texts; operations come in order, so the last writer stands.

        Args:
            seen: The operations whose writing it takes the place of; what it did not know of is kept beside it.
            at: When the change was made, where that is not the operation's own time.
        """
        for name, value in pairs:
            self._put(self.fields, FIELD, name, Written(value, live.op.id), seen)
        for name in prose:
            self._put(self.prose, TEXT, name, Written(None, live.op.id), seen)
        self._let_go(dict(pairs))
        self.touch(at or live.op.hlc)

    def _put(self, places: dict[str, Written], kind: str, name: str, new: Written, seen: Collection[str]) -> None:
        old = places.get(name)
        lost = self.lost.get((kind, name), [])
        if old is not None:
            lost = [each for each in (*lost, old) if each.op not in seen]
        if lost or (kind, name) in self.lost:
            self.lost[kind, name] = lost
        places[name] = new

    def _let_go(self, changes: Mapping[str, fields.Value]) -> None:
        if self.hold is None:
            return
        given_away = "assignee" in changes and changes["assignee"] != self.hold.who
        if given_away or changes.get("status", IN_PROGRESS) != IN_PROGRESS:
            self.hold = None

    def take(self, live: Live, who: str, until: int | None) -> str | None:
        """Let somebody work on it, or name the rule that forbids it."""
        hold, log = self.hold, live.op.log
        mine = hold is not None and (hold.who, hold.log) == (who, log)
        if hold is not None and not mine and (hold.until is None or live.op.hlc.ms < hold.until):
            return "bead.held"
        status = self.fields.get("status")
        if status is not None and status.value in OVER:
            return "bead.over"
        self.claims += 0 if mine else 1
        self.hold = Hold(who, log, live.op.id, self.claims, until)
        self._set(live, {"assignee": who, "status": IN_PROGRESS})
        return None

    def release(self, live: Live, fence: int) -> str | None:
        """End a hold, or name the rule that forbids it."""
        if self.hold is None or self.hold.fence != fence:
            return "bead.fence"
        self.hold = None
        self._set(live, {"assignee": None, "status": "open"})
        return None

    def _set(self, live: Live, values: Mapping[str, fields.Value]) -> None:
        """Write fields by an operation that is about the state as it is, whoever wrote it."""
        for name, value in values.items():
            self.fields[name] = Written(value, live.op.id)
        self.touch(live.op.hlc)

    def touch(self, hlc: Hlc) -> None:
        """Move the time of the last change forward."""
        self.updated = max(self.updated, hlc)

    def to_json(self, context: Context) -> dict[str, Any]:
        """Return the state as a `wl-json` object."""
        state: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "creator": self.creator,
            "created": list(self.created),
            "updated": list(max(self.updated, self.created)),
            "fields": [[name, w.value, w.op] for name, w in sorted(self.fields.items()) if w.value is not None],
            "prose": sorted([name, w.op] for name, w in self.prose.items()),
            "labels": sorted([label, ops] for label, ops in self.labels.additions().items()),
            "links": sorted([kind, to, note, ops] for (kind, to, note), ops in self.links.additions().items()),
            "comments": [[live.op.id, live.actor, stated_time(live.op).ms] for live in self.comments],
        }
        if self.by is not None:
            state["by"] = self.by
        lost = self._lost()
        if lost:
            state["lost"] = lost
        if self.claims:
            state["claims"] = self.claims
        if self.hold is not None:
            state["hold"] = list(self.hold)
        if self.facet is not None:
            state["facet"] = self.facet.to_json(context)
        if self.id in context.governance.hidden:
            state["hidden"] = True
        return state

    def _lost(self) -> list[list[Any]]:
        """List what was written without knowing of what stands, and is not the same."""
        found = [
            [kind, name, each.value, each.op]
            for (kind, name), writings in self.lost.items()
            for each in writings
            if kind == TEXT or each.value != self.fields[name].value
        ]
        return sorted(found, key=lambda row: (row[0], row[1], row[3]))


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
        self.trusts: dict[str, tuple[int, str]] = {}
        self.owned_with: set[str] = set()

    @property
    def exists(self) -> bool:
        """True once one of the actor's logs was opened."""
        return bool(self.logs)

    def to_json(self, context: Context) -> dict[str, Any]:
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
        trusts = sorted([actor, weight, op] for actor, (weight, op) in self.trusts.items() if weight)
        if trusts:
            state["trusts"] = trusts
        if self.owned_with:
            state["owned_with"] = sorted(self.owned_with)
        return state


class Covered(NamedTuple):
    """The furthest position of a log that a delegate has covered."""

    seq: int
    op: str


class Proposal(NamedTuple):
    """A charter that a delegate has proposed, and who agrees to it."""

    prev: str | None
    change: Any
    by: str
    behind: set[str]


class Commons:
    """What belongs to nobody but the commons: who covered which heads, who proposed and signed which charters.

    Which of those are in force is no part of this state (`beads.governance`).
    """

    def __init__(self, commons_id: str) -> None:
        self.id = commons_id
        self._covered: dict[tuple[str, str], Covered] = {}
        self._covered_keys: dict[tuple[str, str], int] = {}
        self._proposals: dict[str, Proposal] = {}

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

    def propose(self, live: Live, payload: Any) -> None:
        """Record a charter that a delegate proposes."""
        self._proposals[live.op.id] = Proposal(payload.prev, live.op.p["change"], live.actor, {live.actor})

    def sign(self, live: Live, charter: str) -> None:
        """Record who agrees to it."""
        if charter in self._proposals:
            self._proposals[charter].behind.add(live.actor)

    def to_json(self, context: Context) -> dict[str, Any]:
        """Return the state as a `wl-json` object."""
        covered = [[actor, log, c.seq, c.op] for (actor, log), c in self._covered.items()]
        keys = [[actor, whose, entries] for (actor, whose), entries in self._covered_keys.items()]
        proposals = [[op, p.prev, p.change, p.by, sorted(p.behind)] for op, p in self._proposals.items()]
        state = {"id": self.id, "covered": sorted(covered), "covered_keys": sorted(keys)}
        return state | ({"proposals": sorted(proposals, key=lambda one: str(one[0]))} if proposals else {})


def may_change(bead: Bead, live: Live, context: Context) -> bool:
    """Say whether a writer may change a bead: in a private ledger all may, elsewhere its author."""
    return context.genesis.private or live.actor == bead.creator
