"""The merge slot: one bead that one name holds at a time, for a while, and hands on in turn.

Whoever asks looks and writes under the ledger's lock, so of all who share a ledger on a machine one holds it. Clones
that have not synced cannot know of each other: after a sync the later word counts, and `check` tells who holds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from beads import gate
from beads.errors import BadWord, ConflictError, NotFound, Refused
from beads.gate import Slot
from beads.ledger import Draft
from beads.nursery import NewBead
from beads.reading import Reader
from beads.record import BeadView
from beads.rules import one_line
from beads.tracker import Tracker
from beads.vocabulary import IN_PROGRESS, OPEN, TOMBSTONE

LABEL = "gt:slot"
FOREVER_MS = 3650 * 86_400_000
"""The lease of a ledger in which claims have none."""


class SlotState(NamedTuple):
    """The slot's bead, and how the slot stands."""

    bead: str
    slot: Slot


def find(reader: Reader) -> str | None:
    """Return the slot's bead, or None."""
    rows = reader.rows("SELECT entity FROM beads WHERE shown = :name", {"name": name_in(reader)})
    return rows[0][0] if rows else None


def name_in(reader: Reader) -> str:
    """Return the id of the slot in a ledger."""
    return f"{reader.settings.prefix}-merge-slot"


def lease_of(reader: Reader) -> int:
    """Return how long the slot is held without a sign of life."""
    return reader.settings.lease_ms or FOREVER_MS


def check(reader: Reader, now_ms: int) -> SlotState:
    """Say how the slot stands; a holder whose lease is over holds it no more.

    Raises:
        NotFound: There is none.
    """
    bead = find(reader)
    if bead is None:
        raise NotFound("this ledger has no merge slot yet", "bd merge-slot create")
    slot = gate.slot_of(_metadata(reader.view(bead)))
    return SlotState(bead, gate.expire(slot, now_ms, lease_of(reader)))


def _metadata(view: BeadView) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(view.texts.get("metadata") or "{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


class MergeSlot:
    """Asks for the slot of a ledger, and gives it back."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def create(self) -> str:
        """Make the slot where there is none; return its bead."""
        read = self._tracker.read
        # Pinned: it is no work, and closing it would take it from everybody.
        members = {"issue_type": "slot", "pinned": True, "metadata": gate.metadata_of(Slot())}
        try:
            found = find(read) or self._tracker.create(NewBead("Merge slot", members, (LABEL,), alias=name_in(read)))[0]
        except ConflictError:
            found = str(find(read))
        if read.view(found).status == TOMBSTONE:
            raise Refused("the merge slot was deleted", f"bd restore {name_in(read)}")
        return found

    def check(self) -> SlotState:
        """Say how the slot stands, whoever wrote last."""
        self._tracker.ledger.refresh()
        return check(self._tracker.read, self._tracker.now_ms())

    def acquire(self, name: str = "", lease_ms: int | None = None) -> SlotState:
        """Ask for the slot: who is not its holder afterwards waits in turn. Asking again changes no turn."""
        self.create()
        return self._change(name, lease_ms, gate.acquire)

    def release(self, name: str = "") -> SlotState:
        """Give the slot to the first who waits.

        Raises:
            ConflictError: Somebody else holds it, or nobody.
        """

        def give(slot: Slot, who: str, now_ms: int, lease_ms: int) -> Slot:
            holder = gate.expire(slot, now_ms, lease_ms).holder
            if holder != who:
                held = f"{holder} holds it" if holder else "nobody holds it"
                raise ConflictError(f"{who} does not hold the merge slot: {held}", "bd merge-slot check")
            return gate.release(slot, who, now_ms, lease_ms)

        return self._change(name, None, give)

    def leave(self, name: str = "") -> SlotState:
        """Neither hold the slot nor wait for it any more."""
        return self._change(name, None, gate.leave)

    def _change(self, name: str, lease_ms: int | None, step: Callable[[Slot, str, int, int], Slot]) -> SlotState:
        t = self._tracker
        who = name or t.who
        if not one_line(who):
            raise BadWord(f"{who[:40]!r} is no name")
        after = [check(t.read, t.now_ms())]

        def make() -> list[Draft]:
            now = t.now_ms()
            view = t.read.view(after[-1].bead)
            said = _metadata(view)
            slot = step(gate.slot_of(said), who, now, lease_ms or lease_of(t.read))
            after.append(SlotState(view.id, slot))
            held = {"status": IN_PROGRESS if slot.holder else OPEN, "assignee": slot.holder or None}
            return t.changes(view, {"metadata": said | gate.metadata_of(slot), **held})

        t.write(make)
        return after[-1]
