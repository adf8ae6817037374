"""Working with beads: every verb once, for the command line, agents' tools and HTTP alike.

Each method makes one write: what it checks still holds when its operations are written, for it looks at the ledger
under the lock. It refuses what makes no sense, and says what to do instead.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from beads import alias, limits, times, vocabulary
from beads import record as records
from beads.errors import BadWord, BeadsError, ConflictError, NotFound, Refused
from beads.fields import MAX_FIELDS, Value
from beads.ledger import Author, Draft, Ledger
from beads.op import Op
from beads.reading import Reader
from beads.record import BeadView
from beads.rules import one_line
from beads.vocabulary import BLOCKS, CLOSED, CONDITIONAL, DEFERRED, IN_PROGRESS, OPEN, PARENT, TOMBSTONE, WAITS

TITLE_BYTES = 500
NOTHING: Mapping[str, Any] = MappingProxyType({})
WAITING_KINDS = (BLOCKS, CONDITIONAL, WAITS)
_NS = 1_000_000


class NewLink(NamedTuple):
    """A link to be made.

    Attributes:
        to: What is depended on: an id, or `external:project:capability`.
        inverse: The other bead is to depend on this one.
    """

    kind: str
    to: str
    note: str = ""
    inverse: bool = False


@dataclass(frozen=True)
class NewBead:
    """A bead to be made.

    Attributes:
        members: Members of its record (`beads.record`) but id, title and sets.
        alias: Its id, where one is asked for.
        parent: The bead that it is part of.
    """

    title: str
    members: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[str] = ()
    links: Sequence[NewLink] = ()
    parent: str | None = None
    alias: str | None = None


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


class Tracker:
    """Reads and writes a ledger of beads.

    Args:
        who: The name that stands in assignees, comments and authors.
        now_ms: Reads the wall clock.

    Attributes:
        wrote: Whether anything has been written by it.
    """

    def __init__(
        self, ledger: Ledger, author: Author, who: str, now_ms: Callable[[], int], prefix: str = "bd"
    ) -> None:  # fmt: skip
        self.ledger = ledger
        self.author = author
        self.who = who
        self.now_ms = now_ms
        self.read = Reader(ledger.index, prefix)
        self.wrote = False

    def write(self, make: Callable[[], Iterable[Draft]]) -> list[Op]:
        """Write what `make` decides, having looked at the ledger under the lock."""

        def decide(_: Ledger) -> list[Draft]:
            self.read.forget()
            return list(make())

        try:
            ops = self.ledger.write(self.author, decide)
        finally:
            self.read.forget()
        self.wrote = self.wrote or bool(ops)
        return ops

    def _now(self) -> str:
        return times.text(self.now_ms())

    # -- making ------------------------------------------------------------------------------------------------

    def create(self, *beads: NewBead) -> list[str]:
        """Make beads, all or none; a later one may name an earlier one as `#0`, `#1`, ….

        Raises:
            BadWord: A title, type, priority or id cannot be one.
        """
        ops = self.write(lambda: _Nursery(self).drafts(beads))
        return [op.id for op in ops if op.t == "bead.create"]

    def check_title(self, title: str) -> str:
        """Return a title fit to be one.

        Raises:
            BadWord: It is empty, long, or several lines.
        """
        text = title.strip()
        if not text:
            raise BadWord("title is required", 'bd create "Title"')
        if len(text.encode()) > TITLE_BYTES:
            raise BadWord(f"title must be {TITLE_BYTES} characters or less (got {len(text.encode())})")
        if not one_line(text, TITLE_BYTES):
            raise BadWord("a title is one line of text", "Put the rest into --description.")
        return text

    def checked(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Return members of a record, the words among them checked against the ledger's vocabulary."""
        settings = self.read.settings
        found = dict(members)
        if "title" in found:
            found["title"] = self.check_title(found["title"] or "") if found["title"].strip() else _no_title()
        if "status" in found:
            found["status"] = vocabulary.status(found["status"], settings.statuses)
            found["category"] = settings.statuses.get(found["status"])
        if "issue_type" in found:
            found["issue_type"] = vocabulary.issue_type(found["issue_type"], settings.types)
        if found.get("priority", 2) not in vocabulary.PRIORITIES:
            raise BadWord(f"invalid priority {found['priority']!r}", "0 (critical) to 4 (backlog), or P0 to P4.")
        if (found.get("estimated_minutes") or 0) < 0:
            raise BadWord("estimate must be a non-negative number of minutes")
        if found.get("ephemeral") and found.get("no_history"):
            raise BadWord("a bead is ephemeral or without history, not both")
        if found.get("status") == DEFERRED and not found.get("defer_until"):
            raise BadWord("deferred until when?", "bd defer ID --until 2d (or a date)")
        return found

    # -- changing ----------------------------------------------------------------------------------------------

    def _alive(self, bead: str) -> BeadView:
        view = self.read.view(self.read.find(bead))
        if view.status == TOMBSTONE:
            name = self.read.name_of(view.id)
            raise Refused(f"{name} was deleted", f"bd restore {name} brings it back.")
        return view

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
            if news.get("status") == CLOSED and view.status != CLOSED:
                self._guard_close(view, force=force)
            if notes:
                news["notes"] = "\n".join(filter(None, (view.texts.get("notes", ""), notes)))
            if metadata is not None:
                news["metadata"] = _merged_metadata(view, metadata)
            news |= self._consequences(view, news)
            wanted = view.labels.keys() | set(add_labels) if set_labels is None else set(set_labels)
            labels = self.label_drafts(view, wanted - set(remove_labels))
            reopened = view.status == CLOSED and news.get("status", CLOSED) != CLOSED
            again = self._replaced_no_more(view) if reopened else []
            return [*self.changes(view, news), *labels, *again, *self._sign_of_life(view, bool(news))]

        return any(op.t != "bead.claim" for op in self.write(make))

    def changes(self, view: BeadView, members: Mapping[str, Any], at: int | None = None) -> list[Draft]:
        """Return the drafts that give members of a bead new values; nothing for those that it has already."""
        found = records.cells({name: value for name, value in members.items() if name not in ("category", "outcome")})
        news = {name: value for name, value in found.fields.items() if view.fields.get(name) != value}
        for name in ("category", "outcome"):
            if name in members and view.fields.get(name) != members[name]:
                news[name] = members[name]
        texts = {name: text for name, text in found.texts.items() if view.texts.get(name, "") != records.nfc(text)}
        return setting(view, news, texts, at)

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

    def label_drafts(self, view: BeadView, wanted: Iterable[str]) -> list[Draft]:
        """Return the drafts that give a bead exactly these labels."""
        for label in wanted:
            if not label.strip():
                raise BadWord("label cannot be empty")
            if not one_line(label, 80):
                raise BadWord(f"a label is one line of up to 80 characters, not {label[:20]!r}…")
        add = sorted(set(wanted) - view.labels.keys())
        remove = sorted([label, ops] for label, ops in view.labels.items() if label not in set(wanted))
        return [Draft("bead.label", {"bead": view.id, "add": add, "remove": remove})] if add or remove else []

    def set_parent(self, bead: str, parent: str | None) -> bool:
        """Move a bead under another parent, or under none."""

        def make() -> list[Draft]:
            view = self._alive(bead)
            above = self.read.find(parent) if parent else None
            if above is not None:
                self._check_circle(view.id, PARENT, above)
            remove = [list(link) for link in view.links if link[0] == PARENT and link[1] != above]
            has = any(link[0] == PARENT and link[1] == above for link in view.links)
            add = [[PARENT, above, ""]] if above is not None and not has else []
            return [Draft("bead.link", {"bead": view.id, "add": add, "remove": remove})] if add or remove else []

        return bool(self.write(make))

    # -- working -----------------------------------------------------------------------------------------------

    def claim(self, bead: str, *, force: bool = False) -> int:
        """Take a bead to work on it, or renew the lease; return the fence.

        Raises:
            ConflictError: Somebody else has it.
            Refused: It is not there to be worked on.
        """
        chosen = ""

        def make() -> list[Draft]:
            nonlocal chosen
            view = self.read.view(self.read.find(bead))
            chosen = view.id
            return self.claim_drafts(view, force=force)

        self.write(make)
        hold = self.read.view(chosen).hold
        if hold is None or (hold[0], hold[1]) != (self.who, self._log):
            raise ConflictError(f"{self.read.name_of(chosen)} is {hold[0] if hold else 'nobody'}'s")
        return hold[3]

    def claim_drafts(self, view: BeadView, *, force: bool = False) -> list[Draft]:
        """Return the drafts that claim a bead, or refuse."""
        name = self.read.name_of(view.id)
        holder, mine = self.holder(view), self._is_mine(view)
        if view.status not in (OPEN, IN_PROGRESS) and self.read.settings.statuses.get(view.status) != "active":
            raise Refused(f"{name} is not claimable: status {view.status}", f"bd show {name}")
        drafts: list[Draft] = []
        if holder is not None and not mine:
            if not force:
                raise ConflictError(f"{name} is already claimed by {holder}", "bd ready shows what is free.")
            drafts = [Draft("bead.release", {"bead": view.id, "fence": view.hold[3]})] if view.hold else []
        started = {} if view.text("started_at") else {"started_at": self._now()}
        return [*drafts, self._claim(view.id), *self.changes(view, started)]

    def _claim(self, bead: str) -> Draft:
        lease = self.read.settings.lease_ms
        until = {} if lease is None else {"until": self.now_ms() + lease}
        return Draft("bead.claim", {"bead": bead, "who": self.who, **until})

    def holder(self, view: BeadView) -> str | None:
        """Return who works on a bead: by a lease that has not run out, or as its assignee."""
        if view.hold is not None:
            return view.hold[0] if view.hold[4] is None or view.hold[4] > self.now_ms() else None
        return view.text("assignee") or None

    def _is_mine(self, view: BeadView) -> bool:
        if view.hold is not None:
            return (view.hold[0], view.hold[1]) == (self.who, self._log)
        return view.text("assignee") == self.who

    @property
    def _log(self) -> str:
        return self.author.log(self.ledger.commons)

    def _sign_of_life(self, view: BeadView, wrote: bool) -> list[Draft]:
        """Return the draft that renews the lease of a holder who writes."""
        if not wrote or view.hold is None or view.hold[4] is None or not self._is_mine(view):
            return []
        lease = self.read.settings.lease_ms or 0
        return [self._claim(view.id)] if view.hold[4] - self.now_ms() < lease // 2 else []

    def check_fence(self, view: BeadView, fence: int | None) -> None:
        """Refuse a writer that lost its hold in the meantime."""
        if fence is None:
            return
        now = view.hold[3] if view.hold else None
        if now != fence:
            raise ConflictError(
                f"{self.read.name_of(view.id)} is not held with fence {fence} any more (now {now})",
                "Somebody else took it over: look again before you write.",
            )

    def heartbeat(self, bead: str, fence: int | None = None) -> int:
        """Renew the lease of a bead that one holds; return the fence."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            self.check_fence(view, fence)
            if view.hold is None or not self._is_mine(view):
                raise ConflictError(f"{self.read.name_of(view.id)} is not yours", "bd update ID --claim")
            return [self._claim(view.id)]

        (op,) = self.write(make)
        hold = self.read.view(str(op.p["bead"])).hold
        return hold[3] if hold else 0

    def release(self, bead: str, *, force: bool = False) -> None:
        """Give a bead back."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            if view.hold is None:
                return self.changes(view, {"assignee": None, "status": OPEN})
            if not self._is_mine(view) and not force:
                raise ConflictError(f"{self.read.name_of(view.id)} is {view.hold[0]}'s", "--force ends their hold.")
            return [Draft("bead.release", {"bead": view.id, "fence": view.hold[3]})]

        self.write(make)

    # -- ending ------------------------------------------------------------------------------------------------

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
                except (NotFound, Refused, ConflictError) as error:
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
                return f"{len(left)} open child issue(s): {', '.join(left[:5])}"
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

    def defer(self, bead: str, until: str) -> None:
        """Put a bead off until a point of time."""
        self.update(bead, {"status": DEFERRED, "defer_until": until})

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

    # -- links, comments ---------------------------------------------------------------------------------------

    def link(self, bead: str, to: str, kind: str = BLOCKS, note: str = "") -> bool:
        """Let a bead depend on another; say whether it did not before.

        Raises:
            Refused: They would wait for each other for ever.
        """

        def make() -> list[Draft]:
            view = self._alive(bead)
            end = (vocabulary.kind(kind), self.end_of(to), note)
            if any(link[:2] == end[:2] for link in view.links):
                return []
            self.check_link(view.id, end)
            return [Draft("bead.link", {"bead": view.id, "add": [list(end)], "remove": []})]

        return bool(self.write(make))

    def unlink(self, bead: str, to: str, kind: str | None = None) -> bool:
        """Take a dependency back; say whether there was one."""

        def make() -> list[Draft]:
            view = self.read.view(self.read.find(bead))
            end = self.end_of(to)
            remove = [list(link) for link in view.links if link[1] == end and kind in (None, link[0])]
            return [Draft("bead.link", {"bead": view.id, "add": [], "remove": remove})] if remove else []

        return bool(self.write(make))

    def end_of(self, text: str) -> str:
        """Return the other end that a text names."""
        if text.startswith("external:"):
            if text.count(":") < 2 or not one_line(text):
                raise BadWord(f"{text!r} names nothing elsewhere", "external:PROJECT:CAPABILITY")
            return text
        return self.read.find(text)

    def check_link(self, bead: str, end: tuple[str, str, str]) -> None:
        """Refuse a link that leads nowhere good."""
        kind, to, _ = end
        if to == bead:
            raise BadWord(f"{self.read.name_of(bead)} cannot depend on itself")
        if kind in vocabulary.BLOCKING and not to.startswith("external:"):
            self._check_circle(bead, kind, to)

    def _check_circle(self, bead: str, kind: str, to: str) -> None:
        if bead == to:
            raise BadWord(f"{self.read.name_of(bead)} cannot depend on itself")
        if kind in (BLOCKS, CONDITIONAL) and self.read.rows(_IS_PARENT, {"child": to, "parent": bead}):
            raise Refused(
                f"that would be a cycle: {self.read.name_of(to)} is a child of {self.read.name_of(bead)}, "
                "and blocked parents block their children",
                "A parent is done when its children are; it needs no dependency on them.",
            )
        starts = [row[0] for row in self.read.rows(_CHILDREN, {"bead": to})] if kind == WAITS else [to]
        for start in starts:
            self.refuse_circle(bead, self.waits_through(start, bead))

    def refuse_circle(self, bead: str, path: Sequence[str]) -> None:
        """Refuse that a bead is led back to itself."""
        if path:
            shown = " → ".join(self.read.name_of(one) for one in (bead, *path))
            raise Refused(f"that would be a cycle: {shown}", "bd dep tree shows who waits for whom.")

    def waits_through(self, start: str, goal: str, by: str = "") -> list[str]:
        """Return how `start` comes to wait for `goal`, from start to goal; empty where it does not.

        Args:
            by: The query that takes a step, where it is not about waiting.
        """
        sql = by or _WAITS_FOR
        before: dict[str, str | None] = {start: None}
        ahead = [start]
        while ahead:
            at = ahead.pop(0)
            if at == goal:
                return _walk_back(before, goal)
            for (following,) in self.read.rows(sql, {"bead": at}):
                if following not in before:
                    before[following] = at
                    ahead.append(following)
        return []

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

    def comment_draft(self, bead: str, text: str, author: str | None = None) -> Draft:
        """Return the draft of a comment."""
        return Draft("bead.comment", {"bead": bead}, {"text": text, "author": author or self.who})

    def erase(self, op: str) -> None:
        """Take the words of one operation back, everywhere; see `beads.ledger.Ledger.erase`."""
        self.ledger.erase(self.author, op)
        self.read.forget()

    # -- settings ----------------------------------------------------------------------------------------------

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


class _Nursery:
    """Drafts of new beads that may name each other."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._read = tracker.read
        self._new: list[str] = []
        self._aliases: list[str] = []
        self._places: list[int] = []
        self._drafts: list[Draft] = []

    def drafts(self, beads: Sequence[NewBead]) -> list[Draft]:
        for bead in beads:
            self._add(bead)
        return self._drafts

    def _add(self, bead: NewBead) -> None:
        t = self._tracker
        given = {
            "status": OPEN,
            "priority": 2,
            "issue_type": "task",
            **bead.members,
            "title": t.check_title(bead.title),
        }
        members = t.checked(given)
        if self._read.settings.truth("create.require-description") and not members.get("description"):
            raise BadWord("a description is required here", "-d TEXT (bd config get create.require-description)")
        type_ = members.pop("issue_type")
        name = self._alias(bead, members)
        members |= {"alias": name, "created_by": t.who}
        found = records.cells({key: value for key, value in members.items() if key not in ("alias", "category")})
        found.fields.update({key: members[key] for key in ("alias", "category") if members.get(key) is not None})
        payload = _payload(type_, found, sorted(set(bead.labels)))
        t.label_drafts(_NOBODY, bead.labels)
        inverse = [link for link in bead.links if link.inverse]
        links = [link for link in bead.links if not link.inverse]
        links += [NewLink(PARENT, bead.parent)] if bead.parent else []
        self._check_between(links, inverse)
        self._places.append(len(self._drafts))
        self._drafts.append(
            Draft("bead.create", payload, found.texts, following=lambda ops: self._links(ops, links))
        )  # fmt: skip
        place = self._places[-1]
        for link in inverse:
            self._drafts.append(self._inverse(place, link))

    def _links(self, ops: Sequence[Op], links: Sequence[NewLink]) -> Mapping[str, Any]:
        ends = {(vocabulary.kind(link.kind), self._end(ops, link.to), link.note) for link in links}
        return {"links": sorted(map(list, ends))} if ends else {}

    def _inverse(self, place: int, link: NewLink) -> Draft:
        other = self._read.find(link.to)

        def following(ops: Sequence[Op]) -> Mapping[str, Any]:
            return {"add": [[vocabulary.kind(link.kind), _nth(ops, place), link.note]]}

        return Draft("bead.link", {"bead": other, "add": [], "remove": []}, following=following)

    def _check_between(self, links: Sequence[NewLink], inverse: Sequence[NewLink]) -> None:
        """Refuse a new bead between two of which the one that it waits for waits for the other."""
        t = self._tracker
        befores = [
            t.end_of(link.to) for link in links
            if vocabulary.kind(link.kind) in vocabulary.BLOCKING and not link.to.startswith(("#", "external:"))
        ]  # fmt: skip
        for after in (self._read.find(link.to) for link in inverse):
            for before in befores:
                t.refuse_circle(after, t.waits_through(before, after))

    def _end(self, ops: Sequence[Op], to: str) -> str:
        if to.startswith("#"):
            return _nth(ops, self._places[int(to[1:])])
        return self._tracker.end_of(to)

    def _alias(self, bead: NewBead, members: Mapping[str, Any]) -> str:
        if bead.alias is not None:
            name = self._asked_for(bead.alias)
        elif bead.parent is not None:
            name = self._child(bead.parent) or self._minted(members)
        else:
            name = self._minted(members)
        self._aliases.append(name)
        return name

    def _asked_for(self, name: str) -> str:
        if not one_line(name, 100) or " " in name or ":" in name or name.startswith(("#", "-")):
            raise BadWord(f"{name!r} cannot be an id", "PREFIX-NAME, without blanks.")
        if self._taken(name):
            raise ConflictError(f"there is an issue {name} already", f"bd show {name}")
        return name

    def _child(self, parent: str) -> str | None:
        if parent.startswith("#"):
            above = self._aliases[int(parent[1:])]
        else:
            above = self._read.name_of(self._read.find(parent))
        if alias.depth(above) >= self._read.settings.max_depth:
            return None
        sql = "SELECT alias FROM beads WHERE alias >= :name AND alias < :high"
        rows = self._read.rows(sql, {"name": f"{above}.", "high": f"{above}/"})
        return alias.child(above, [*(row[0] for row in rows), *self._aliases])

    def _minted(self, members: Mapping[str, Any]) -> str:
        settings = self._read.settings
        prefix = f"{settings.prefix}-wisp" if members.get("ephemeral") else settings.prefix
        ((count,),) = self._read.rows("SELECT COUNT(*) FROM beads")
        t = self._tracker
        return alias.mint(
            prefix, members["title"], str(members.get("description", "")), t.who, t.now_ms() * _NS + len(self._aliases),
            settings.length_for(count), self._taken,
        )  # fmt: skip

    def _taken(self, name: str) -> bool:
        return name in self._aliases or bool(
            self._read.rows("SELECT 1 FROM beads WHERE alias = :name OR shown = :name", {"name": name})
        )


_NOBODY = BeadView("", "", "", 0, 0, {}, {}, {}, (), (), {})


def _nth(ops: Sequence[Op], place: int) -> str:
    """Return the bead made by the draft at a place; a log's first write begins with an `open`."""
    shift = 1 if ops and ops[0].t == "open" else 0
    return ops[place + shift].id


def _payload(type_: str, found: records.Cells, labels: list[str]) -> dict[str, Any]:
    pairs = sorted((name, value) for name, value in found.fields.items() if value is not None)
    texts = {name: text for name, text in found.texts.items() if text}
    found.texts.clear()
    found.texts.update(texts)
    return {"type": type_, "fields": pairs, "prose": sorted(texts)} | ({"labels": labels} if labels else {})


def setting(view: BeadView, news: Mapping[str, Value], texts: Mapping[str, str], at: int | None = None) -> list[Draft]:
    """Return the drafts that write fields and texts of a bead, naming what they take the place of."""
    cells = [(("field", name), value) for name, value in news.items()] + [
        (("text", name), text) for name, text in texts.items()
    ]
    drafts: list[Draft] = []
    while cells:
        part, cells = _that_fits(view, cells)
        drafts.append(_set(view, part, at))
    return drafts


_Cell = tuple[tuple[str, str], Any]


def _that_fits(view: BeadView, cells: list[_Cell]) -> tuple[list[_Cell], list[_Cell]]:
    """Split cells so that the first part fits one operation."""
    seen: set[str] = set()
    size = 0
    for n, (key, value) in enumerate(cells):
        seen |= {view.written[key]} if key in view.written else set()
        size += len(value.encode()) * 2 if isinstance(value, str) else 20
        full = len(seen) >= limits.NAMED_OPERATIONS or n >= MAX_FIELDS or size > _ROOM
        if n and (full or (key[0] == "field" and size > limits.LINE // 2)):
            return cells[:n], cells[n:]
    return cells, []


_ROOM = limits.BODY - 1024


def _set(view: BeadView, cells: list[_Cell], at: int | None) -> Draft:
    seen = sorted({view.written[key] for key, _ in cells if key in view.written})
    texts = {key[1]: value for key, value in cells if key[0] == "text"}
    pairs = sorted((key[1], value) for key, value in cells if key[0] == "field")
    more = ({"seen": seen} if seen else {}) | ({"at": at} if at else {})
    return Draft("bead.set", {"bead": view.id, "fields": pairs, "prose": sorted(texts), **more}, texts)


def setting_fields(view: BeadView, values: Mapping[str, Value]) -> list[Draft]:
    """Return the drafts that write fields which are not members of a record."""
    return setting(view, {name: value for name, value in values.items() if view.fields.get(name) != value}, {})


def _merged_metadata(view: BeadView, changes: Mapping[str, Any]) -> Any:
    before = msgspec.json.decode(view.texts.get("metadata") or "{}")
    if not isinstance(before, dict):
        raise Refused("the metadata is not an object", "Set it whole: --metadata '{…}'")
    return {name: value for name, value in (before | dict(changes)).items() if value is not None}


def _no_title() -> str:
    raise BadWord("title cannot be empty")


def _walk_back(before: Mapping[str, str | None], goal: str) -> list[str]:
    path: list[str] = []
    at: str | None = goal
    while at is not None:
        path.append(at)
        at = before[at]
    return path[::-1]


_OPEN_CHILDREN = """SELECT b.entity, b.shown FROM links l JOIN beads b ON b.entity = l.entity
                    WHERE l.bead = :bead AND l.kind = 'parent-child' AND b.free > 0"""
_FREED = """SELECT DISTINCT b.entity FROM links l JOIN beads b ON b.entity = l.entity
            WHERE l.bead = :bead AND l.kind IN ('blocks', 'conditional-blocks') AND b.workable = 1
              AND b.blocked_until <= :now AND b.defer <= :now"""
_WAITS_FOR = """SELECT bead FROM links WHERE entity = :bead AND bead IS NOT NULL
                AND kind IN ('blocks', 'conditional-blocks', 'parent-child')
                UNION SELECT c.entity FROM links l JOIN links c ON c.bead = l.bead AND c.kind = 'parent-child'
                WHERE l.entity = :bead AND l.kind = 'waits-for'"""
_CHILDREN = "SELECT entity FROM links WHERE bead = :bead AND kind = 'parent-child'"
_STANDS_FOR_IT = """SELECT bead FROM links WHERE entity = :bead AND kind = 'duplicates' AND bead IS NOT NULL
                    UNION SELECT entity FROM links WHERE bead = :bead AND kind = 'supersedes'"""
_IS_PARENT = "SELECT 1 FROM links WHERE entity = :child AND bead = :parent AND kind = 'parent-child'"
_SETTING = """SELECT b.entity FROM beads b JOIN fields f ON f.entity = b.entity
              WHERE b.type = 'config' AND f.name = 'key' AND f.value = :key ORDER BY b.updated, b.entity"""
