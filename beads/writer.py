"""What all verbs on beads write with."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from beads import keeping, times, vocabulary
from beads import record as records
from beads.errors import BadWord, Refused
from beads.ledger import Author, Draft, Ledger
from beads.op import Op
from beads.reading import Reader
from beads.record import BeadView
from beads.rules import one_line
from beads.setting import setting
from beads.vocabulary import TOMBSTONE

TITLE_BYTES = 500
OWN_FIELDS = ("category", "outcome")


class Writer:
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
        return found

    def _alive(self, bead: str) -> BeadView:
        view = self.read.view(self.read.find(bead))
        if view.status == TOMBSTONE:
            name = self.read.name_of(view.id)
            raise Refused(f"{name} was deleted", f"bd restore {name} brings it back.")
        return view

    def changes(
        self, view: BeadView, members: Mapping[str, Any], at: int | None = None, own: Collection[str] = OWN_FIELDS
    ) -> list[Draft]:
        """Return the drafts that give members of a bead new values; nothing for those that it has already.

        Args:
            own: Names that are fields of the ledger's own here; in a file they are unknown members.
        """
        found = records.cells({name: value for name, value in members.items() if name not in own})
        found.fields.update({name: value for name, value in members.items() if name in own})
        records.leave_other_forms(found, members, view)
        news = {name: value for name, value in found.fields.items() if view.fields.get(name) != value}
        texts = {name: text for name, text in found.texts.items() if view.texts.get(name, "") != keeping.nfc(text)}
        return setting(view, news, texts, at)

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

    def comment_draft(self, bead: str, text: str, author: str | None = None) -> Draft:
        """Return the draft of a comment."""
        return Draft("bead.comment", {"bead": bead}, {"text": text, "author": author or self.who})

    def erase(self, op: str) -> None:
        """Take the words of one operation back, everywhere; see `beads.ledger.Ledger.erase`."""
        self.ledger.erase(self.author, op)
        self.read.forget()


def _no_title() -> str:
    raise BadWord("title cannot be empty")
