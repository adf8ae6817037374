"""What was: who changed what and when, a bead as it stood at a moment, what lost against what.

Operations replicate, and with them the whole history: it is the same on every clone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beads import record, times
from beads.errors import NotFound
from beads.fold import fold_entity
from beads.reading import Reader
from beads.record import BeadView
from beads.rules import Entity, Live, stated_time

HIDDEN = frozenset(("line", "line_no", "line_run", "alias", "category", "status_before"))
"""Cells that are no member of a record."""


@dataclass(frozen=True)
class Event:
    """One change of a bead.

    Attributes:
        ms: When it was made, as its writer says.
        who: The agent for whom it was signed, or the actor.
        what: The kind of change.
        changes: What was set, added or said.
    """

    op: str
    ms: int
    actor: str
    who: str
    what: str
    changes: Mapping[str, Any]


def history(reader: Reader, bead: str) -> list[Event]:
    """Return the changes of a bead, the first first."""
    lives = reader.index.ops_of(Entity("bead", bead))
    return [_event(reader, live) for live in sorted(lives, key=lambda live: (_stated(live), live.op.log, live.op.seq))]


def _stated(live: Live) -> int:
    return stated_time(live.op).ms if hasattr(live.op.payload, "at") else live.op.hlc.ms


def _event(reader: Reader, live: Live) -> Event:
    texts = reader.index.prose(live.op.id)
    who = live.op.by or texts.get("author") or live.actor
    return Event(
        live.op.id, _stated(live), live.actor, who, live.op.t.removeprefix("bead."), _changes(reader, live, texts)
    )


def _changes(reader: Reader, live: Live, texts: Mapping[str, str]) -> dict[str, Any]:
    p = live.op.p
    found: dict[str, Any] = {"type": p["type"]} if "type" in p else {}
    found |= {name: value for name, value in p.get("fields", ()) if name not in HIDDEN}
    found |= {name: texts.get(name, "(erased)") for name in p.get("prose", ()) if name not in HIDDEN}
    if live.op.t == "bead.label" or p.get("labels"):
        found["labels"] = [f"+{one}" for one in p.get("add", p.get("labels", ()))]
        found["labels"] += [f"-{one}" for one, _ in p.get("remove", ())]
    elif live.op.t == "bead.link" or p.get("links"):
        found["dependencies"] = [f"+{_end(reader, one)}" for one in p.get("add", p.get("links", ()))]
        found["dependencies"] += [f"-{_end(reader, one)}" for one in p.get("remove", ())]
    elif live.op.t == "bead.comment":
        found["text"] = texts.get("text", "(erased)")
    elif live.op.t == "bead.claim":
        found |= {"assignee": p["who"]} | ({"until": times.text(p["until"])} if "until" in p else {})
    return found


def _end(reader: Reader, link: Sequence[Any]) -> str:
    return f"{link[0]}:{reader.name_of(link[1])}"


def view_at(reader: Reader, bead: str, ms: int) -> BeadView:
    """Return a bead as it stood at a moment.

    Raises:
        NotFound: It was not there yet.
    """
    lives = [live for live in reader.index.ops_of(Entity("bead", bead)) if _stated(live) <= ms]
    return fold_view(reader, bead, lives)


def fold_view(reader: Reader, bead: str, lives: Iterable[Live]) -> BeadView:
    """Return what some of a bead's operations make of it.

    Raises:
        NotFound: They do not bring it into being.
    """
    state = fold_entity(Entity("bead", bead), lives, reader.index.rules, reader.index.context).state
    if state is None:
        raise NotFound(f"{reader.name_of(bead)} was not there then")
    return record.view(state, reader.index.prose, reader.made)


def blame(reader: Reader, bead: str) -> Iterator[tuple[str, Any, Event]]:
    """Yield each member of a bead with its value and the change that gave it that."""
    view = reader.view(bead)
    by_op = {event.op: event for event in history(reader, bead)}
    for (kind, name), op in sorted(view.written.items()):
        value = view.fields.get(name) if kind == "field" else view.texts.get(name)
        if op in by_op and name not in HIDDEN and value not in (None, ""):
            yield name, value, by_op[op]


@dataclass(frozen=True)
class Conflict:
    """A member that two wrote without knowing of each other.

    Attributes:
        kept: What stands.
        lost: What does not.
        by: The change that lost.
        over: The change that stands.
    """

    bead: str
    kind: str
    name: str
    kept: Any
    lost: Any
    by: Event
    over: Event


def conflicts(reader: Reader, bead: str | None = None) -> list[Conflict]:
    """Return what lost against something written at the same time, of one bead or of all."""
    sql = "SELECT DISTINCT entity FROM lost WHERE :bead IS NULL OR entity = :bead ORDER BY entity"
    return [one for (each,) in reader.rows(sql, {"bead": bead}) for one in _conflicts(reader, each)]


def _conflicts(reader: Reader, bead: str) -> Iterator[Conflict]:
    view = reader.view(bead)
    events = {event.op: event for event in history(reader, bead)}
    known = {row[0] for row in reader.rows("SELECT name FROM lost WHERE entity = :bead", {"bead": bead})}
    for kind, name, value, op in view.lost:
        lost = value if kind == "field" else reader.index.prose(op).get(name, "")
        kept = view.fields.get(name) if kind == "field" else view.texts.get(name, "")
        if name in known and lost != kept:
            yield Conflict(bead, kind, name, kept, lost, events[op], events[view.written[kind, name]])
