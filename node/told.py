"""All there is to say of an item, with its words, put together once: text, JSON and pages draw it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from beads.clock import ZERO, Hlc
from beads.index import Index
from wanted import view
from wanted.item import Evidence
from wanted.view import ItemView, Stamped


class Handed(NamedTuple):
    """Work handed in, and what became of it.

    Attributes:
        verdict: As `ItemView.verdict` says it.
        reason: Why it was rejected; None where it was not, "" where those words are not held.
        final: It was rejected for good.
    """

    op: str
    actor: str
    evidence: tuple[Evidence, ...]
    summary: str
    time_ms: int
    verdict: str
    reason: str | None
    final: bool


class Objection(NamedTuple):
    """What the subject of a stamp says against it; `answer` is None where its author has said nothing."""

    op: str
    stamp: str
    reason: str
    answer: str | None

    @property
    def answered(self) -> bool:
        """Whether the author of the stamp has said something to it."""
        return self.answer is not None


class Given(NamedTuple):
    """A stamp, and what was said with it and of it."""

    stamp: Stamped
    message: str
    objections: tuple[Objection, ...]


class TakenBack(NamedTuple):
    """A stamp that its author took back."""

    stamp: str
    author: str
    reason: str


class Comment(NamedTuple):
    """What somebody said under an item."""

    op: str
    actor: str
    time_ms: int
    text: str


class Told(NamedTuple):
    """An item, whole.

    Attributes:
        names: What to call the actors in it.
        submissions: The earliest first, as are stamps and comments.
    """

    item: ItemView
    names: Mapping[str, str]
    title: str
    description: str
    submissions: tuple[Handed, ...]
    stamps: tuple[Given, ...]
    taken_back: tuple[TakenBack, ...]
    comments: tuple[Comment, ...]

    @property
    def actors(self) -> list[str]:
        """Everybody who has a part in it, sorted."""
        item = self.item
        holder = {item.holder.actor} if item.holder else set()
        judged = {actor for given in self.stamps for actor in (given.stamp.author, given.stamp.subject)}
        worked, spoke = {one.actor for one in self.submissions}, {one.actor for one in self.comments}
        gone = {one.author for one in self.taken_back}
        return sorted({item.poster, *holder, *item.claimers, *worked, *judged, *gone, *spoke})


def of(index: Index, item: ItemView, names: Mapping[str, str]) -> Told:
    """Put together what there is to say of an item; "" stands for words that are not held here."""
    prose = {name: index.prose(op).get(name, "") for name, op in item.prose.items()}
    return Told(
        item=item,
        names=names,
        title=prose.get("title", ""),
        description=prose.get("description", ""),
        submissions=tuple(_handed(index, item, op) for op in item.handed_in),
        stamps=tuple(_given(index, item, stamp) for stamp in sorted(item.stamps, key=lambda one: (one.hlc, one.op))),
        taken_back=tuple(
            TakenBack(one.stamp, one.author, index.prose(one.op).get("reason", "")) for one in item.withdrawn
        ),
        comments=tuple(_comments(index, item)),
    )


def _handed(index: Index, item: ItemView, op: str) -> Handed:
    work, verdict, rejection = item.submissions[op], item.verdict(op), item.rejection_of(op)
    reason, final = None, False
    if verdict == view.REJECTED and rejection is not None:
        reason, final = index.prose(rejection.op).get("reason", ""), rejection.final
    summary = index.prose(op).get("summary", "")
    return Handed(op, work.actor, work.evidence, summary, work.hlc.ms, verdict, reason, final)


def _given(index: Index, item: ItemView, stamp: Stamped) -> Given:
    return Given(stamp, index.prose(stamp.op).get("message", ""), tuple(objections(index, item, stamp.op)))


def objections(index: Index, item: ItemView, stamp: str) -> Iterator[Objection]:
    """Yield what was said against a stamp, the earliest first."""
    said = [one for one in item.disputes if one.stamp == stamp]
    for one in sorted(said, key=lambda one: (_time(index, one.op), one.op)):
        answer = index.prose(one.answer).get("text", "") if one.answer else None
        yield Objection(one.op, stamp, index.prose(one.op).get("reason", ""), answer)


def _time(index: Index, op: str) -> Hlc:
    found = index.op(op)
    return found.hlc if found else ZERO


def _comments(index: Index, item: ItemView) -> Iterator[Comment]:
    state = index.state("bead", item.id) or {}
    for op, actor, ms in state.get("comments", ()):
        yield Comment(op, actor, ms, index.prose(op).get("text", ""))
