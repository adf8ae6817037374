"""Working with beads: every verb once, for the command line, agents' tools and HTTP alike.

Each method makes one write: what it checks still holds when its operations are written, for it looks at the ledger
under the lock. It refuses what makes no sense, and says what to do instead.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from beads.ending import Ending
from beads.errors import BadWord, Refused
from beads.ledger import Draft
from beads.nursery import NewBead, Nursery
from beads.record import BeadView
from beads.setting import setting_fields
from beads.vocabulary import CLOSED, DEFERRED, TOMBSTONE

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Tracker(Ending):
    """Reads and writes a ledger of beads; see `beads.writer.Writer`."""

    def create(self, *beads: NewBead) -> list[str]:
        """Make beads, all or none; a later one may name an earlier one as `#0`, `#1`, ….

        Raises:
            BadWord: A title, type, priority or id cannot be one.
        """
        ops = self.write(lambda: Nursery(self).drafts(beads))
        return [op.id for op in ops if op.t == "bead.create"]

    def update(
        self, bead: str, members: Mapping[str, Any] = NOTHING, *, add_labels: Sequence[str] = (),
        remove_labels: Sequence[str] = (), set_labels: Sequence[str] | None = None, notes: str = "",
        metadata: Mapping[str, Any] | None = None, force: bool = False, fence: int | None = None,
    ) -> bool:  # fmt: skip
        """Change members, labels, notes or metadata of a bead; say whether anything changed.

        Raises:
            ConflictError: `fence` is not that of the hold.
        """

        def make() -> list[Draft]:
            view = self._alive(bead)
            self.check_fence(view, fence)
            news = self.checked(members)
            if news.keys() & {"status", "assignee"}:
                self.check_hold(view, force=force)
            if news.get("status") == CLOSED and view.status != CLOSED:
                self._guard_close(view, force=force)
            if notes:
                news["notes"] = "\n".join(filter(None, (view.texts.get("notes", ""), notes)))
            if metadata is not None:
                news["metadata"] = _merged_metadata(view, metadata)
            if news.get("status") == DEFERRED and not news.get("defer_until", view.text("defer_until")):
                raise BadWord("deferred until when?", "bd defer ID --until 2d (or a date)")
            news |= self._consequences(view, news)
            wanted = view.labels.keys() | set(add_labels) if set_labels is None else set(set_labels)
            labels = self.label_drafts(view, wanted - set(remove_labels))
            reopened = view.status == CLOSED and news.get("status", CLOSED) != CLOSED
            again = self._replaced_no_more(view) if reopened else []
            return [*self.changes(view, news), *labels, *again, *self._sign_of_life(view, bool(news))]

        return any(op.t != "bead.claim" for op in self.write(make))

    def defer(self, bead: str, until: str) -> None:
        """Put a bead off until a point of time."""
        self.update(bead, {"status": DEFERRED, "defer_until": until})

    def comment(self, bead: str, text: str, author: str | None = None) -> str:
        """Say something under a bead; return the comment's operation.

        Raises:
            BadWord: It says nothing.
        """
        if not text.strip():
            raise BadWord("comment text cannot be empty", 'bd comments add ID "text"')

        def make() -> list[Draft]:
            view = self._alive(bead)
            return [self.comment_draft(view.id, text, author), *self._sign_of_life(view, wrote=True)]

        return self.write(make)[0].id

    def set_setting(self, key: str, value: str | None) -> None:
        """Set, change or take back a setting."""

        def make() -> list[Draft]:
            rows = self.read.rows(_SETTING, {"key": key})
            drafts = [
                draft
                for (bead,) in rows
                for draft in self.changes(self.read.view(bead), {"status": CLOSED if value is not None else TOMBSTONE})
            ]
            if value is None:
                return drafts
            if rows:
                return drafts + setting_fields(self.read.view(rows[-1][0]), {"value": value})
            pairs = [["key", key], ["status", CLOSED], ["value", value]]
            return [Draft("bead.create", {"type": "config", "fields": pairs, "prose": []})]

        self.write(make)


def _merged_metadata(view: BeadView, changes: Mapping[str, Any]) -> Any:
    before = msgspec.json.decode(view.texts.get("metadata") or "{}")
    if not isinstance(before, dict):
        raise Refused("the metadata is not an object", "Set it whole: --metadata '{…}'")
    return {name: value for name, value in (before | dict(changes)).items() if value is not None}


_SETTING = """SELECT b.entity FROM beads b JOIN fields f ON f.entity = b.entity
              WHERE b.type = 'config' AND f.name = 'key' AND f.value = :key ORDER BY b.updated, b.entity"""
