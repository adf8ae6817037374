"""bd history, as-of, blame, conflicts: what was, and who did it."""

from collections.abc import Iterable
from typing import Any

import click

from beads import ids, listing, past, times
from beads.errors import BadWord, NotFound
from beads.past import Conflict, Event
from beads.setting import setting
from node.cli.bd_common import Desk, bd_verb, dated, moment
from node.cli.bd_show import page
from node.errors import Usage
from node.localtime import clock
from node.terminal import pad, shown, width


def _short(value: Any) -> str:
    value = ", ".join(map(str, value)) if isinstance(value, list) else value
    text = "(nothing)" if value in (None, "") else dated(value).replace("\n", " ")
    return text if len(text) <= 60 else f"{text[:59]}…"


_WHO = 14
"""Columns that names take at least."""


def _called(event: Event) -> str:
    """Return what to call whoever made a change; an actor's id is cut."""
    return ids.short(event.who) if event.who == event.actor else event.who


def _names(events: Iterable[Event]) -> dict[str, str]:
    """Return who made each change, by its operation, all as wide as the widest."""
    found = {one.op: shown(_called(one)) for one in events}
    columns = max((width(name) for name in found.values()), default=0)
    return {op: pad(name, max(columns, _WHO)) for op, name in found.items()}


def _json(event: Event) -> dict[str, Any]:
    return {
        "op": event.op, "at": times.text(event.ms), "actor": event.actor, "by": event.who, "what": event.what,
        "changes": dict(event.changes),
    }  # fmt: skip


@bd_verb()
@click.argument("bead")
@click.option("--limit", "-n", type=click.IntRange(0), default=0, help="Only the last so many.")
def history(desk: Desk, bead: str, limit: int) -> None:
    """Who changed what, and when. It replicates: every clone tells the same."""
    with desk.reading() as reader:
        events = past.history(reader, reader.find(bead))[-limit:]
        names = _names(events)
        lines = []
        for event in events:
            changes = "; ".join(f"{name}: {_short(value)}" for name, value in event.changes.items())
            lines.append(f"{clock(event.ms):<25}  {names[event.op]}  {event.what:<8}  {changes}".rstrip())
        desk.array([_json(event) for event in events], lines)


@bd_verb(name="as-of")
@click.argument("when")
@click.argument("bead", required=False)
@click.option("--status", "-s", help="Only of this status at that time.")
def as_of(desk: Desk, when: str, bead: str | None, status: str | None) -> None:
    """A bead, or the ledger, as it stood at a moment."""
    at = moment(when, "WHEN", back=True)
    assert at is not None
    with desk.reading() as reader:
        status = None if status is None else listing.status(reader, status)
        if bead is not None:
            chosen = reader.find(bead)
            record = reader.record(past.view_at(reader, chosen, at))
            desk.array([record], page(reader, chosen, at, short=False))
            return
        rows = listing.rows(reader, listing.Query(status=("all",), created_before=at, limit=None, sort="oldest"))
        found = []
        for row in rows:
            try:
                view = past.view_at(reader, row.id, at)
            except NotFound:
                continue
            if status in (None, view.status):
                found.append({"id": row.shown, "title": view.texts.get("title", ""), "status": view.status,
                              "priority": view.fields.get("priority", 2), "issue_type": view.type})  # fmt: skip
    desk.array(found, [f"{one['id']}  {one['status']:<11}  {one['title']}" for one in found] or "Nothing was there.")


@bd_verb()
@click.argument("bead")
def blame(desk: Desk, bead: str) -> None:
    """Who gave each member the value that it has."""
    with desk.reading() as reader:
        rows = list(past.blame(reader, reader.find(bead)))
        data = [{"member": name, "value": value, "by": event.who, "at": times.text(event.ms), "op": event.op}
                for name, value, event in rows]  # fmt: skip
        names = _names(event for *_, event in rows)
        lines = [
            f"{name:<20}  {names[event.op]}  {clock(event.ms):<25}  {_short(value)}" for name, value, event in rows
        ]
        desk.array(data, lines)


@bd_verb()
@click.argument("bead", required=False)
@click.option("--resolve", "member", metavar="MEMBER", help="Settle this member: with --keep, or with --take OP.")
@click.option("--keep", is_flag=True, help="What stands is right; the other is history.")
@click.option("--take", metavar="OP", help="The change that lost was right: its value stands from now on.")
def conflicts(desk: Desk, bead: str | None, member: str | None, keep: bool, take: str | None) -> None:
    """What lost against something written at the same time elsewhere; nothing of it is gone."""
    if member is None and (keep or take):
        raise Usage("--keep and --take settle one member", "Name it: --resolve MEMBER (bd conflicts lists them).")
    if member is not None:
        _resolve(desk, bead, member, take, keep=keep)
        return
    with desk.reading() as reader:
        found = past.conflicts(reader, reader.find(bead) if bead else None)
        data = [
            {"id": reader.name_of(one.bead), "member": one.name, "kept": one.kept, "kept_by": one.over.who,
             "kept_at": times.text(one.over.ms), "lost": one.lost, "lost_by": one.by.who,
             "lost_at": times.text(one.by.ms), "op": one.by.op}
            for one in found
        ]  # fmt: skip
        lines = [line for one in found for line in _told(reader.name_of(one.bead), one)]
    settle = ["bd conflicts ID --resolve MEMBER --keep", "bd conflicts ID --resolve MEMBER --take OP"]
    desk.array(data, lines or "No conflicts.", settle if data else [])


def _told(bead: str, one: Conflict) -> list[str]:
    return [
        f"{bead}  {one.name}",
        f"    kept  {_short(one.kept)}  ({_called(one.over)}, {clock(one.over.ms)})",
        f"    lost  {_short(one.lost)}  ({_called(one.by)}, {clock(one.by.ms)}, {ids.short(one.by.op)})",
    ]


def _resolve(desk: Desk, bead: str | None, member: str, take: str | None, *, keep: bool) -> None:
    if bead is None or keep == bool(take):
        raise BadWord("which bead, and --keep or --take OP?", "bd conflicts shows what there is to settle.")
    with desk.writing() as tracker:
        chosen = tracker.read.find(bead)
        found = [one for one in past.conflicts(tracker.read, chosen) if one.name == member]
        if not found:
            raise NotFound(f"no conflict over {member} of {tracker.read.name_of(chosen)}", "bd conflicts")
        value = found[0].kept if keep else _taken(found, str(take))
        view = tracker.read.view(chosen)
        drafts = setting(view, {member: value}, {}) if found[0].kind == "field" else setting(view, {}, {member: value})
        seen = {*drafts[0].p.get("seen", ()), *(one.by.op for one in found)}
        tracker.write(lambda: [drafts[0]._replace(p={**drafts[0].p, "seen": sorted(seen)})])
        name = tracker.read.name_of(chosen)
        desk.output.result({"id": name, "member": member, "value": value}, f"✓ {name}: {member} is {_short(value)}")


def _taken(found: list[Conflict], op: str) -> Any:
    fits = [one for one in found if one.by.op.startswith(op)]
    if len(fits) != 1:
        raise NotFound(f"no lost change {op}", "bd conflicts shows them, each with its operation.")
    return fits[0].lost
