"""How beads end, and come back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from beads.errors import Ambiguous, BadWord, BeadsError, ConflictError, NotFound, Refused
from beads.holding import Holding
from beads.ledger import Draft
from beads.linking import Linking
from beads.record import BeadView
from beads.setting import setting_fields
from beads.vocabulary import CLOSED, CONDITIONAL, DEFERRED, IN_PROGRESS, OPEN, PARENT, TOMBSTONE
from beads.wording import counted


@dataclass
class Closed:
    """What came of closing beads.

    Attributes:
        closed: The beads that are closed now.
        refused: What was not, with the reason.
        freed: What is ready now and was not before.
    """

    closed: list[str] = field(default_factory=list)
    refused: list[tuple[str, BeadsError]] = field(default_factory=list)
    freed: list[str] = field(default_factory=list)


class Ending(Linking, Holding):
    """Verbs that end beads and bring them back."""

    def close(
        self, beads: Sequence[str], reason: str = "", *, force: bool = False, session: str = "",
        outcome: str | None = None, fence: int | None = None,
    ) -> Closed:  # fmt: skip
        """Close beads; one that cannot be closed does not keep the others open."""
        done = Closed()

        def make() -> list[Draft]:
            drafts: list[Draft] = []
            for one in beads:
                try:
                    view = self.read.view(self.read.find(one))
                    self.check_fence(view, fence)
                    if view.id in done.closed:
                        continue
                    drafts += self._close(view, reason, session, outcome, force=force, closing=done.closed)
                    done.closed.append(view.id)
                except (Ambiguous, NotFound, Refused, ConflictError) as error:
                    done.refused.append((one, error))
            return drafts

        self.write(make)
        done.freed = [bead for closed in done.closed for bead in self._freed(closed)]
        return done

    def _close(
        self, view: BeadView, reason: str, session: str, outcome: str | None, *, force: bool, closing: Collection[str]
    ) -> list[Draft]:  # fmt: skip
        if view.status == CLOSED:
            raise Refused(f"{self.read.name_of(view.id)} is already closed")
        self.check_hold(view, force=force)
        self._guard_close(view, force=force, closing=closing)
        news: dict[str, Any] = {"status": CLOSED, "closed_at": self._now()}
        news |= {"close_reason": reason} if reason else {}
        news |= {"closed_by_session": session} if session else {}
        news |= {"outcome": outcome} if outcome else {}
        return self.changes(view, news)

    def _guard_close(self, view: BeadView, *, force: bool, closing: Collection[str] = ()) -> None:
        """Refuse to close what is waited upon by the nature of things."""
        problem = None if force else self.close_problem(view, closing)
        if problem:
            raise Refused(f"cannot close {self.read.name_of(view.id)}: {problem}", "--force closes it all the same.")

    def close_problem(self, view: BeadView, closing: Collection[str] = ()) -> str | None:
        """Say why a bead should not be closed yet, or None.

        Args:
            closing: Beads that are being closed, just before it.
        """
        if view.status == TOMBSTONE:
            return "it was deleted"
        if view.fields.get("pinned") is True or view.status == "pinned":
            return "it is pinned"
        direct = [b for b in self.read.blockers(view.id, self.now_ms()) if b.why != PARENT]
        direct = [b for b in direct if b.bead not in closing or b.why == CONDITIONAL]
        if direct:
            return f"blocked by {', '.join(self.read.name_of(b.bead) for b in direct[:5])}"
        if view.type == "epic":
            left = [name for child, name in self.read.rows(_OPEN_CHILDREN, {"bead": view.id}) if child not in closing]
            if left:
                return f"{counted(len(left), 'open child issue')}: {', '.join(left[:5])}"
        if view.type == "gate" and view.text("await_type") not in ("", "human"):
            return "its gate has not opened (bd gate check)"
        return None

    def _freed(self, closed: str) -> list[str]:
        return [row[0] for row in self.read.rows(_FREED, {"bead": closed, "now": self.now_ms()})]

    def reopen(self, bead: str, reason: str = "") -> bool:
        """Open a bead again; say whether it was over."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            if view.status == OPEN and not view.text("defer_until"):
                return []
            if view.status == TOMBSTONE:
                raise Refused(f"{self.read.name_of(view.id)} was deleted", "bd restore brings it back.")
            if view.status not in (CLOSED, DEFERRED) and self.read.settings.statuses.get(view.status) != "done":
                return []
            news = {"status": OPEN, "closed_at": None, "close_reason": "", "outcome": None, "defer_until": None}
            drafts = [*self.changes(view, news | {"assignee": None}), *self._replaced_no_more(view)]
            return drafts + ([self.comment_draft(view.id, f"Reopened: {reason}")] if reason else [])

        return bool(self.write(make))

    def _replaced_no_more(self, view: BeadView) -> list[Draft]:
        """Return the drafts that take back that another bead stands for this one."""
        ended = [list(link) for link in view.links if link[0] == "duplicates"]
        drafts = [Draft("bead.link", {"bead": view.id, "add": [], "remove": ended})] if ended else []
        for (other,) in self.read.rows(
            "SELECT entity FROM links WHERE bead = :bead AND kind = 'supersedes'", {"bead": view.id}
        ):
            remove = [list(link) for link in self.read.view(other).links if link[:2] == ("supersedes", view.id)]
            drafts.append(Draft("bead.link", {"bead": other, "add": [], "remove": remove}))
        return drafts

    def delete(self, bead: str, reason: str = "") -> None:
        """Leave a tombstone; `restore` brings the bead back."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            if view.status == TOMBSTONE:
                raise Refused(f"{self.read.name_of(view.id)} is deleted already")
            self.check_hold(view)
            news = {
                "status": TOMBSTONE, "deleted_at": self._now(), "deleted_by": self.who, "original_type": view.type,
                "delete_reason": reason or "deleted",
            }  # fmt: skip
            return setting_fields(view, {"status_before": view.status}) + self.changes(view, news)

        self.write(make)

    def restore(self, bead: str) -> None:
        """Bring a deleted bead back as it was."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            if view.status != TOMBSTONE:
                raise Refused(f"{self.read.name_of(view.id)} is not deleted", "Nothing needs to be restored.")
            gone: dict[str, Any] = dict.fromkeys(("deleted_at", "deleted_by", "original_type"))
            before = view.text("status_before") or OPEN
            drafts = setting_fields(view, {"status_before": None})
            return drafts + self.changes(view, gone | {"delete_reason": "", "status": before})

        self.write(make)

    def undefer(self, bead: str) -> bool:
        """Take a bead up again; say whether it was deferred."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            if view.status != DEFERRED and not view.text("defer_until"):
                return []
            status = {"status": OPEN} if view.status == DEFERRED else {}
            return self.changes(view, {**status, "defer_until": None})

        return bool(self.write(make))

    def replace(self, bead: str, other: str, *, duplicate: bool) -> None:
        """Close a bead for which another stands: as its duplicate, or superseded by it."""

        def make() -> list[Draft]:
            old, new = (self.read.view(self.read.find(one)) for one in (bead, other))
            if old.id == new.id:
                raise BadWord("an issue cannot stand for itself")
            self.refuse_circle(old.id, self.waits_through(new.id, old.id, _STANDS_FOR_IT))
            word = "Duplicate of" if duplicate else "Superseded by"
            end = ["duplicates", new.id, ""] if duplicate else ["supersedes", old.id, ""]
            link = Draft("bead.link", {"bead": old.id if duplicate else new.id, "add": [end], "remove": []})
            reason = f"{word} {self.read.name_of(new.id)}"
            closing = self.changes(old, {"status": CLOSED, "closed_at": self._now(), "close_reason": reason})
            return [link, *(closing if old.status != CLOSED else [])]

        self.write(make)

    def _consequences(self, view: BeadView, news: Mapping[str, Any]) -> dict[str, Any]:
        """Return what follows from a change of status."""
        status = news.get("status")
        if status is None or status == view.status:
            return {}
        found: dict[str, Any] = {}
        if status == IN_PROGRESS and not view.text("started_at"):
            found["started_at"] = self._now()
        if status == CLOSED:
            found["closed_at"] = self._now()
        elif view.status == CLOSED:
            found |= {"closed_at": None, "close_reason": "", "outcome": None}
        if view.status == DEFERRED and "defer_until" not in news:
            found["defer_until"] = None
        if view.status == "pinned":
            found["pinned"] = None
        return found


_OPEN_CHILDREN = """SELECT b.entity, b.shown FROM links l JOIN beads b ON b.entity = l.entity
                    WHERE l.bead = :bead AND l.kind = 'parent-child' AND b.free > 0"""


_FREED = """SELECT DISTINCT b.entity FROM links l JOIN beads b ON b.entity = l.entity
            WHERE l.bead = :bead AND l.kind IN ('blocks', 'conditional-blocks') AND b.workable = 1
              AND b.blocked_until <= :now AND b.defer <= :now"""


_STANDS_FOR_IT = """SELECT bead FROM links WHERE entity = :bead AND kind = 'duplicates' AND bead IS NOT NULL
                    UNION SELECT entity FROM links WHERE bead = :bead AND kind = 'supersedes'"""
