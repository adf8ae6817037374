"""My circle: what the stamps of all commons followed here are worth, seen from my anchors (docs/reputation.md).

1. The anchors are me, with 1; the delegates of each commons followed here, with what the configuration says; and those
   that it names. Private commons take no part.
2. A circle is built by two queries for each commons. A serving node keeps it; as building takes longer, news wait
   longer, so that a busy commons cannot keep a node from anything else.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import msgspec

from beads.errors import NotFound
from beads.index import Index
from node import present, sheetfiles, whom, wiring
from node.home import Home
from node.sheets.view import Named, SheetView, look
from stamps import sheet, testimony
from stamps.errors import quoted
from stamps.reputation import OVERALL, Circle
from stamps.sheet import EarnedStamp, Sheet
from stamps.signals import Taken
from stamps.testimony import Trust
from wanted import earned

ME = 1.0
FULL = 100
PATIENCE = 20
"""How many times as long as it took to build a circle is looked at although there is news."""
_STAMPS = """SELECT op, author, subject, entity, submission, title, dims, confidence, severity, skills, created,
             disputed, answered FROM stamps"""
_TRUSTS = "SELECT entity, actor, weight FROM trusts"
_TAKEN = "SELECT outcome, count(*) FROM takers WHERE actor = :actor GROUP BY outcome"

Indexes = Mapping[str, Index]


def build(home: Home, indexes: Indexes) -> Circle:
    """Build the circle of a home's owner over some commons."""
    stamps = [stamp for commons, index in indexes.items() for stamp in stamps_in(index, commons)]
    trusts = [trust for index in indexes.values() for trust in trusts_in(index)]
    links = [link for index in indexes.values() for link in index.context.governance.owners.items()]
    return Circle(stamps, trusts, anchors(home, indexes), wiring.now_ms(), testimony.together(links))


def anchors(home: Home, indexes: Indexes) -> dict[str, float]:
    """Return where my trust begins."""
    said = home.config.reputation
    delegates = {actor for index in indexes.values() for actor in index.context.governance.now.delegates}
    return dict.fromkeys(sorted(delegates), said.delegates) | {home.key_log().scid: ME} | dict(said.anchors)


def dimensions(indexes: Indexes) -> list[str]:
    """Return what can be ranked by: all together, and each that a commons scores."""
    return [OVERALL, *sorted({name for index in indexes.values() for name in index.context.governance.dimensions})]


def dimension(wanted: str, indexes: Indexes) -> str:
    """Return a dimension by which can be ranked.

    Raises:
        NotFound: No commons scores it.
    """
    known = dimensions(indexes)
    if wanted not in known:
        raise NotFound(f"no commons here scores {wanted}", f"There are: {', '.join(known)}")
    return wanted


def stamps_in(index: Index, commons: str) -> list[EarnedStamp]:
    """Return every stamp that counts in a commons."""
    dims, skills = msgspec.json.Decoder(tuple[tuple[str, int], ...]), msgspec.json.Decoder(tuple[str, ...])
    return [
        EarnedStamp(
            op=op, issuer=author, subject=subject, commons=commons, item=item, submission=submission, title=title,
            dims=dims.decode(scores), confidence=confidence, severity=severity, skills=skills.decode(skilled),
            time_ms=created, disputed=bool(disputed), answered=bool(answered),
        )
        for (
            op, author, subject, item, submission, title, scores, confidence, severity, skilled, created, disputed,
            answered,
        ) in index.database.query(_STAMPS)
    ]  # fmt: skip


def trusts_in(index: Index) -> list[Trust]:
    """Return what was declared in a commons, -1 to 1."""
    return [(actor, target, weight / FULL) for actor, target, weight in index.database.query(_TRUSTS)]


def taken_in(indexes: Indexes, actor: str) -> Taken:
    """Count the items that an actor was granted, and those that it gave up or let run out."""
    found: Counter[str] = Counter()
    for index in indexes.values():
        found.update(dict(index.database.query(_TAKEN, {"actor": actor})))
    return Taken(found.total(), found["abandoned"])


class Around(NamedTuple):
    """What is known here of everybody: the commons followed, and my circle over them.

    Attributes:
        home: Where the sheets from files are.
        me: My SCID.
        names: Commons → its name.
        called: Actor → what to call it.
    """

    home: Home
    me: str
    indexes: Indexes
    names: Mapping[str, str]
    called: Mapping[str, str]
    circle: Circle

    def find(self, wanted: str) -> str:
        """Return the actor meant; somebody of whom nothing is known here but a file is one, too. See `node.whom`."""
        known = [*whom.known_in(self.indexes.values()), *((holder, "") for holder in whom.holders(self.home))]
        return whom.meant(wanted, known, self.me)

    def name(self, actor: str) -> str:
        """Show an actor."""
        return "you" if actor == self.me else present.name(actor, self.called)

    def sheet(self, actor: str) -> Sheet:
        """Return what the stamps of an actor add up to, whoever gave them."""
        return self._sheet(actor, sheetfiles.of(self.home, actor, self.indexes))

    def _sheet(self, actor: str, kept: sheetfiles.Kept) -> Sheet:
        here = [stamp for commons, index in self.indexes.items() for stamp in earned.by(index, commons, actor)]
        return sheet.fold(actor, [*here, *kept.stamps])

    def taken(self, actor: str) -> Taken:
        """Return what became of the items that an actor was granted."""
        return taken_in(self.indexes, actor)

    def view(self, actor: str) -> SheetView:
        """Return all that a sheet shows of an actor."""
        kept = sheetfiles.of(self.home, actor, self.indexes)
        elsewhere = {commons: f"{name} (from a file)" for commons, name in kept.names.items()}
        # A name of which only a file knows is a claim: in quotes, beside the id, and never for one known here.
        claimed = {
            issuer: f"{', '.join(map(quoted, said))} ({issuer[:12]}, from a file)"
            for issuer, said in kept.claimed.items()
        }
        called = {**claimed, **self.called}
        named = Named(called, {**elsewhere, **self.names}, present.name(self.me, self.called))
        return look(actor, self._sheet(actor, kept), self.circle, self.taken(actor), named, wiring.now_ms())


@contextmanager
def around(home: Home) -> Iterator[Around]:
    """Open all commons followed here but the private ones, and look around."""
    names = {commons: founded.name for commons, founded in home.commons().items() if not founded.private}
    indexes = {commons: wiring.open_index(home, commons) for commons in names}
    called = present.names_in(*indexes.values())
    try:
        yield Around(home, home.key_log().scid, indexes, names, called, build(home, indexes))
    finally:
        for index in indexes.values():
            index.database.close()


class Kept:
    """The circle of a serving node, built anew when there is news and it has served its time."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: tuple[object, float, Circle] | None = None

    def over(self, indexes: Indexes) -> Circle:
        """Return the circle over some commons."""
        state = {commons: index.generation() for commons, index in indexes.items()}
        now = time.monotonic()
        if self._known is not None and (self._known[0] == state or now < self._known[1]):
            return self._known[2]
        circle = build(self._home, indexes)
        took = time.monotonic() - now
        self._known = state, now + PATIENCE * took, circle
        return circle
