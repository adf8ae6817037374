"""New beads, made together: later ones may name earlier ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from beads import alias, vocabulary
from beads import record as records
from beads.errors import BadWord, ConflictError
from beads.ledger import Draft
from beads.linking import Linking
from beads.op import Op
from beads.reading import Reader
from beads.record import BeadView
from beads.rules import one_line
from beads.vocabulary import DEFERRED, OPEN, PARENT


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


class Nursery:
    """Drafts of new beads that may name each other."""

    def __init__(self, tracker: Linking) -> None:
        self._tracker = tracker
        self._read = tracker.read
        self._new: list[str] = []
        self._aliases: list[str] = []
        self._places: list[int] = []
        self._drafts: list[Draft] = []

    def drafts(self, beads: Sequence[NewBead]) -> list[Draft]:
        """Return the drafts that make beads, and the links between them."""
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
        if members.get("status") == DEFERRED and not members.get("defer_until"):
            raise BadWord("deferred until when?", "Give it a date: --defer 2d")
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
        if not self._taken(name):
            return name
        if self._read.rows(_DELETED, {"name": name}):
            raise ConflictError(f"{name} was deleted, and keeps its id", f"bd restore {name} brings it back.")
        raise ConflictError(f"there is an issue {name} already", f"bd show {name}")

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
        prefix = self._read.settings.prefix
        title, description = members["title"], str(members.get("description", ""))
        return mint(
            self._read, title, description, self._tracker.who, self._tracker.now_ms(), self._aliases,
            f"{prefix}-wisp" if members.get("ephemeral") else prefix,
        )  # fmt: skip

    def _taken(self, name: str) -> bool:
        return name in self._aliases or is_taken(self._read, name)


_DELETED = "SELECT 1 FROM beads WHERE shown = :name AND status = 'tombstone'"


def mint(
    read: Reader, title: str, description: str, who: str, now_ms: int, others: Sequence[str] = (), prefix: str = ""
) -> str:
    """Return an id that no bead here has.

    Args:
        others: Ids given in the same write.
        prefix: What it begins with, where that is not the ledger's own prefix.
    """
    settings = read.settings
    ((count,),) = read.rows("SELECT COUNT(*) FROM beads")
    return alias.mint(
        prefix or settings.prefix, title, description, who, now_ms * _NS + len(others), settings.length_for(count),
        lambda name: name in others or is_taken(read, name),
    )  # fmt: skip


def is_taken(read: Reader, name: str) -> bool:
    """Say whether a bead goes by an id."""
    return bool(read.rows("SELECT 1 FROM beads WHERE alias = :name OR shown = :name", {"name": name}))


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


_NS = 1_000_000
