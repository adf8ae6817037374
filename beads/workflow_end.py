"""How molecules end: squashed into a digest, burned, or collected when their time is over."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from beads import molecule, times
from beads.errors import Refused
from beads.ledger import Draft
from beads.molecule import Child
from beads.nursery import NewBead, NewLink
from beads.record import BeadView
from beads.rules import Entity, Live
from beads.setting import setting_fields
from beads.tracker import Tracker
from beads.vocabulary import CLOSED, TOMBSTONE
from beads.wording import counted
from beads.workflow_tree import Part, Tree, existing, stale, tree
from beads.writer import TITLE_BYTES

DIGEST = "digest"
"""The label of what a squash leaves."""


class Squashed(NamedTuple):
    """What is left of a molecule: a digest, and tombstones of its wisps."""

    digest: str
    gone: tuple[str, ...]


class Ending:
    """Ends molecules."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._read = tracker.read

    def squash(self, bead: str, summary: str = "", *, force: bool = False) -> Squashed:
        """Sum a molecule up in a digest that stays, and leave tombstones of its wisps.

        Raises:
            Refused: There is no wisp in it, or a step is not done and `force` is not given.
        """
        found = existing(self._read, bead)
        wisps = [part.id for part in found.parts.values() if part.ephemeral]
        name = self._read.name_of(found.root)
        if not wisps:
            raise Refused(f"{name} has no wisps: its beads stay", f"bd close {name}")
        left = [part for part in found.steps if part.free > self._tracker.now_ms()]
        if left and not force:
            shown = ", ".join(part.shown for part in left[:5])
            raise Refused(f"{counted(len(left), 'step')} not done: {shown}", "--force squashes it all the same.")
        digest = self._digest_of(found.root) or self._digest(found, summary)
        self._bury(lambda: wisps, f"squashed into {self._read.name_of(digest)}")
        return Squashed(digest, tuple(wisps))

    def _digest_of(self, root: str) -> str | None:
        """Return the digest that an interrupted squash has left."""
        sql = """SELECT l.entity FROM links l JOIN beads b ON b.entity = l.entity JOIN labels g ON g.entity = l.entity
                 WHERE l.bead = :root AND l.kind = 'supersedes' AND g.label = :label AND b.status <> 'tombstone'"""
        rows = self._read.rows(sql, {"root": root, "label": DIGEST})
        return rows[0][0] if rows else None

    def _digest(self, found: Tree, summary: str) -> str:
        root = found.parts[found.root]
        text = molecule.digest(root.title, [self._child(part) for part in found.steps], summary)
        members: dict[str, Any] = {
            "description": text, "status": CLOSED, "closed_at": times.text(self._tracker.now_ms()),
            "close_reason": f"sums up {root.shown}", "metadata": {"squashed": root.shown, "steps": len(found.steps)},
        }  # fmt: skip
        members |= {name: value for name in ("source_formula",) if (value := self._read.view(root.id).text(name))}
        title = _cut(f"Digest: {root.title}")
        # What stays of a molecule that stays is a part of it; a wisp is gone, and this stands in its place.
        where: dict[str, Any] = {"parent": root.id}
        if root.ephemeral:
            where = {"links": [NewLink("supersedes", root.id)]}
        return self._tracker.create(NewBead(title, members, (DIGEST,), **where))[0]

    def _child(self, part: Part) -> Child:
        view = self._read.view(part.id)
        outcome = view.texts.get("close_reason") or view.text("outcome")
        closed = times.instant(view.text("closed_at")) or part.closed
        return Child(part.title, part.status, outcome, times.instant(view.text("started_at")), closed)

    def burn(self, bead: str, *, force: bool = False) -> tuple[str, ...]:
        """Leave tombstones of a molecule, and no digest.

        Raises:
            Refused: Some of its beads are no wisps, and `force` is not given.
        """
        found = existing(self._read, bead)
        stays = [part.shown for part in found.parts.values() if not part.ephemeral]
        if stays and not force:
            raise Refused(
                f"{len(stays)} of {len(found.parts)} beads are no wisps: {', '.join(stays[:5])}",
                "--force deletes them as well (bd restore brings them back).",
            )
        return self._bury(lambda: list(found.parts), "burned")

    def collect(self, older_ms: int | None = None) -> tuple[str, ...]:
        """Leave tombstones of the wisps whose time is over; return all that went."""

        def over() -> list[str]:
            roots = stale(self._read, self._tracker.now_ms(), older_ms)
            trees = [tree(self._read, root) for root in roots]
            return [part.id for each in trees for part in each.parts.values() if part.ephemeral]

        return self._bury(over, "its time was over")

    def _bury(self, choose: Callable[[], Sequence[str]], reason: str) -> tuple[str, ...]:
        gone: list[str] = []

        def make() -> list[Draft]:
            gone[:] = choose()
            views = [self._read.view(bead) for bead in gone]
            return [draft for view in views if view.status != TOMBSTONE for draft in self._tombstone(view, reason)]

        self._tracker.write(make)
        return tuple(gone)

    def _tombstone(self, view: BeadView, reason: str) -> list[Draft]:
        news = {
            "status": TOMBSTONE, "deleted_at": times.text(self._tracker.now_ms()), "deleted_by": self._tracker.who,
            "original_type": view.type, "delete_reason": reason,
        }  # fmt: skip
        return setting_fields(view, {"status_before": view.status}) + self._tracker.changes(view, news)

    def erase(self, beads: Iterable[str]) -> int:
        """Take back the words of beads, everywhere; return how many operations lost theirs.

        Words that another actor wrote, or another's agent, stay: only who wrote them can take them back.
        """
        ops = [
            live.op.id
            for bead in beads
            for live in self._read.index.ops_of(Entity("bead", bead))
            if live.op.body is not None and self._is_mine(live)
        ]
        if ops:
            self._tracker.write(lambda: [Draft("erase", {"op": op}) for op in ops])
            self._tracker.ledger.refresh()
        return len(ops)

    def _is_mine(self, live: Live) -> bool:
        author = self._tracker.author
        return live.actor == author.actor and (author.device or live.op.log == author.log(live.op.commons))


def _cut(title: str) -> str:
    return title.encode()[:TITLE_BYTES].decode(errors="ignore")
