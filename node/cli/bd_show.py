"""bd show: one bead, or several, whole; as they stand, or as they stood."""

from collections.abc import Mapping
from typing import Any

import click

from beads import times
from beads.reading import Reader
from beads.vocabulary import PARENT
from node import wiring
from node.cli.bd_common import (
    Desk,
    Failures,
    bd_verb,
    dated,
    marked,
    members,
    moment,
    said_in,
    waits,
)
from node.localtime import clock


@bd_verb()
@click.argument("beads", nargs=-1)
@click.option("--short", is_flag=True, help="One line each.")
@click.option("--as-of", "moment_", metavar="WHEN", help="As it was then.")
@click.option("--fields", help="Only these members, with commas between.")
@click.option("--max-text", type=int, default=0, metavar="N", help="Cut texts to so many characters in JSON.")
def show(
    desk: Desk, beads: tuple[str, ...], short: bool, moment_: str | None, fields: str | None, max_text: int
) -> None:
    """One bead, or several, whole; without an id the one that you touched last."""
    failures = Failures()
    at = moment(moment_, "--as-of", back=True)
    with desk.reading() as reader:
        chosen = desk.chosen(reader, beads, "issue ID is required", tell=False)
        if desk.output.json:
            whole = failures.of_each(chosen, lambda one: _whole(reader, reader.find(one), at))
            if whole:
                desk.array([_cut(members(one, fields), max_text) for one in whole], [])
        else:
            pages = failures.of_each(chosen, lambda one: page(reader, reader.find(one), at, short=short))
            apart = [page if short or n == 0 else ["", *page] for n, page in enumerate(pages)]
            desk.output.result({}, [line for page in apart for line in page])
    failures.tell()


def _cut(one: dict[str, Any], length: int) -> dict[str, Any]:
    if length <= 0:
        return one
    return {
        name: f"{value[:length]}…" if isinstance(value, str) and len(value) > length else value
        for name, value in one.items()
    }


def _view(reader: Reader, bead: str, at: int | None) -> Any:
    if at is None:
        return reader.view(bead)
    # Start-up time: the past is looked at rarely.
    from beads.past import view_at  # noqa: PLC0415

    return view_at(reader, bead, at)


def _whole(reader: Reader, bead: str, at: int | None) -> dict[str, Any]:
    view = _view(reader, bead, at)
    found = reader.record(view)
    if at is not None:
        # Links from the other side, blockers and conflicts are those of today.
        return found
    # The ends that are shown say more, and nothing of what was deleted.
    found.pop("dependencies", None)
    ends = {name: _ends(reader, bead, column) for name, column in (("dependencies", "entity"), ("dependents", "bead"))}
    parents = [one["id"] for one in ends["dependencies"] if one["dependency_type"] == PARENT]
    found |= {name: their for name, their in ends.items() if their} | ({"parent": parents[0]} if parents else {})
    if view.type == "epic":
        children = [one for one in ends["dependents"] if one["dependency_type"] == PARENT]
        closed = sum(one["status"] == "closed" for one in children)
        found |= {"epic_total_children": len(children), "epic_closed_children": closed,
                  "epic_closeable": bool(children) and closed == len(children)}  # fmt: skip
    if view.hold is not None:
        found["claim"] = {"by": view.hold[0], "fence": view.hold[3],
                          "until": None if view.hold[4] is None else times.text(view.hold[4])}  # fmt: skip
    contested = _contested(reader, bead)
    found |= {"conflicts": contested} if contested else {}
    return found | {"blocked_by": [b["id"] for b in waits(reader, bead)]}


def _contested(reader: Reader, bead: str) -> list[str]:
    """Return the members that `bd conflicts` tells of."""
    sql = "SELECT DISTINCT name FROM lost WHERE entity = :bead ORDER BY name"
    return [name for (name,) in reader.rows(sql, {"bead": bead})]


def _ends(reader: Reader, bead: str, column: str) -> list[dict[str, Any]]:
    other = "bead" if column == "entity" else "entity"
    sql = f"""SELECT l.kind, b.shown, b.title, b.status, b.priority, b.type, b.created FROM links l
              JOIN beads b ON b.entity = l.{other} WHERE l.{column} = :bead AND b.status <> 'tombstone'
              ORDER BY l.kind, b.priority, b.shown"""
    found = [
        {"id": shown, "title": title, "status": status, "priority": priority, "issue_type": type_,
         "created_at": times.text(created), "dependency_type": kind}
        for kind, shown, title, status, priority, type_, created in reader.rows(sql, {"bead": bead})
    ]  # fmt: skip
    if column == "entity":
        outside = "SELECT kind, target FROM links WHERE entity = :bead AND bead IS NULL"
        for kind, target in reader.rows(outside, {"bead": bead}):
            found.append({"id": reader.name_of(target), "title": "", "status": "unknown", "priority": 2,
                          "issue_type": "", "dependency_type": kind})  # fmt: skip
    return found


def page(reader: Reader, bead: str, at: int | None, *, short: bool) -> list[str]:
    """Return what there is to know of a bead as lines, as it stands or stood at a moment."""
    view = _view(reader, bead, at)
    whole = reader.record(view)
    facts = f"[P{view.fields.get('priority', 2)} · {view.status} · {view.type}]"
    head = f"{whole['id']} · {whole.get('title', '')}"
    if short:
        return [marked(view.status, f"{head}  {facts}")]
    lines = [marked(view.status, f"{head}   {facts}"), ""]
    for name in ("assignee", "owner", "created_by", "external_ref", "due_at", "defer_until", "closed_at", "spec_id"):
        if whole.get(name):
            said = dated(whole[name]) if name in _TIMES else whole[name]
            lines.append(f"  {name.replace('_', ' ').capitalize()}: {said}")
    lines.append(f"  Created: {dated(whole['created_at'])} · Updated: {dated(whole['updated_at'])}")
    if view.hold is not None:
        until = "" if view.hold[4] is None else f" until {clock(view.hold[4])}"
        lines.append(f"  Claimed: by {view.hold[0]}{until} (fence {view.hold[3]})")
    if whole.get("labels"):
        lines.append(f"  Labels: {', '.join(whole['labels'])}")
    lines += _texts(whole) + (_relations(reader, bead) if at is None else _edges(whole))
    contested = _contested(reader, bead) if at is None else []
    if contested:
        lines += [
            "",
            f"Conflicts: {', '.join(contested)} (bd conflicts {whole['id']})",
        ]
    for one in whole.get("comments", ()):
        lines += ["", *(f"  {line}" for line in said_in(one))]
    return lines


_TIMES = ("due_at", "defer_until", "closed_at")


def _texts(whole: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for name in ("description", "design", "acceptance_criteria", "notes", "close_reason"):
        if whole.get(name):
            said = str(whole[name]).splitlines()
            lines += ["", f"{name.replace('_', ' ').capitalize()}:", *(f"  {line}" for line in said)]
    return lines


def _edges(whole: Mapping[str, Any]) -> list[str]:
    edges = whole.get("dependencies", ())
    lines = [f"  {one['depends_on_id']} ({one['type']})" for one in edges]
    return ["", f"Dependencies ({len(edges)}):", *lines] if edges else []


def _relations(reader: Reader, bead: str) -> list[str]:
    lines: list[str] = []
    depends, dependents = _ends(reader, bead, "entity"), _ends(reader, bead, "bead")
    groups = (
        ("Dependencies", [d for d in depends if d["dependency_type"] != PARENT]),
        ("Parent", [d for d in depends if d["dependency_type"] == PARENT]),
        ("Children", [d for d in dependents if d["dependency_type"] == PARENT]),
        ("Dependents", [d for d in dependents if d["dependency_type"] != PARENT]),
    )
    for name, found in groups:
        if found:
            lines += ["", f"{name} ({len(found)}):"]
            lines += [
                marked(one["status"], f"{one['id']} ({one['dependency_type']}): {one['title']}", "  ") for one in found
            ]
    blockers = [b for b in reader.blockers(bead, wiring.now_ms()) if b.why == PARENT]
    if blockers:
        lines += ["", f"Waits because {reader.name_of(blockers[0].bead)}, its parent, is blocked."]
    return lines
