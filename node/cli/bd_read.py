"""bd list, ready, blocked, search, count, stats, …: reading the ledger. Kept light: agents run these all day."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from beads import listing, vocabulary
from beads.errors import BadWord
from beads.listing import Query, Row
from beads.reading import Reader
from beads.vocabulary import PARENT
from beads.wording import counted
from node import wiring
from node.cli.bd_common import (
    BUDGET,
    Desk,
    age,
    bd_verb,
    cells,
    listed,
    members,
    moment,
    named,
    tint,
    waits,
)
from node.cli.common import table

READY_LIMIT, LIST_LIMIT = 20, 50
DAY_MS = 86_400_000


def filters(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose beads."""
    for option in reversed(_FILTERS):
        function = option(function)
    return function


_FILTERS = (
    click.option("--type", "-t", "types", multiple=True, help="Of this type; repeat or use commas for any of several."),
    click.option("--priority", "-p", help="0 to 4, or P0 to P4."),
    click.option("--priority-min", help="This urgent or less."),
    click.option("--priority-max", help="This urgent or more."),
    click.option("--assignee", "-a", help='Whose; "" for nobody\'s.'),
    click.option("--unassigned", "-u", is_flag=True, help="Nobody's."),
    click.option("--owner", help="Whose it is in the end."),
    click.option("--label", "-l", "labels", multiple=True, help="With all of these labels."),
    click.option("--label-any", multiple=True, help="With any of these labels."),
    click.option("--label-pattern", help="With a label like this: * and ?."),
    click.option("--label-regex", help="With a label in which this expression is found."),
    click.option("--no-labels", is_flag=True, help="Without any label."),
    click.option("--title-contains", "title", help="These letters in the title."),
    click.option("--id", "ids", multiple=True, help="These beads."),
    click.option("--parent", help="Below this bead, however deep."),
    click.option("--external-ref", help="With this reference elsewhere."),
    click.option("--spec", help="Of a specification that begins so."),
    click.option("--mol-type", help="Of molecules of this type."),
    click.option("--metadata-field", "metadata", multiple=True, metavar="KEY=VALUE", help="With this in the metadata."),
    click.option("--created-after"), click.option("--created-before"), click.option("--updated-after"),
    click.option("--updated-before"), click.option("--closed-after"), click.option("--closed-before"),
    click.option("--sort", default="priority", show_default=True, help=", ".join(listing.SORTS)),
    click.option("--reverse", "-r", is_flag=True, help="The other way round."),
    click.option("--limit", "-n", type=int, help="How many at most; 0 for all."),
    click.option("--brief", is_flag=True, help="Only what one chooses by (this is how it is by default)."),
    click.option("--full", is_flag=True, help="Whole records in JSON."),
    click.option("--fields", help="Only these members, with commas between."),
)  # fmt: skip
_MOMENTS = ("created_after", "created_before", "updated_after", "updated_before", "closed_after", "closed_before")


def query_of(given: Mapping[str, Any], **more: Any) -> Query:
    """Read the options that choose beads."""
    moments: dict[str, Any] = {name: moment(given[name], f"--{name.replace('_', '-')}", back=True) for name in _MOMENTS}
    priorities: dict[str, Any] = {
        name: None if given[name] is None else vocabulary.priority(given[name])
        for name in ("priority", "priority_min", "priority_max")
    }
    if given["unassigned"] and given["assignee"]:
        raise BadWord("--unassigned and --assignee: nothing can fit both")
    pairs = [pair.partition("=") for pair in given["metadata"]]
    if not all(sep for _, sep, _ in pairs):
        raise BadWord("--metadata-field needs KEY=VALUE")
    return Query(
        types=listed(given["types"]), assignee=listing.NONE if given["unassigned"] else given["assignee"],
        owner=given["owner"], labels=listed(given["labels"]), any_labels=listed(given["label_any"]),
        label_glob=given["label_pattern"], label_regex=given["label_regex"], no_labels=given["no_labels"],
        title=given["title"], ids=listed(given["ids"]), parent=given["parent"], below=True,
        external_ref=given["external_ref"], spec=given["spec"], mol_type=given["mol_type"],
        metadata=tuple((key, value) for key, _, value in pairs), sort=given["sort"], reverse=given["reverse"],
        now=wiring.now_ms(), **moments, **priorities, **more,
    )  # fmt: skip


def answer(
    desk: Desk, reader: Reader, rows: Sequence[Row], given: Mapping[str, Any], empty: str, extra: Mapping[str, Any]
) -> None:
    """Print a list: small, unless it was asked for whole."""
    more = f"… and more: --limit {2 * len(rows)}" if given["limit"] is None and len(rows) >= _default(given) else ""
    if desk.output.json:
        desk.array(_records(reader, rows, given, extra), [])
        if more:
            desk.output.warn(more)
        return
    desk.output.result({}, [*table(cells(rows), 4, tint), *([more] if more else [])] or empty)


def _default(given: Mapping[str, Any]) -> int:
    return int(given.get("default_limit", LIST_LIMIT))


def _records(
    reader: Reader, rows: Sequence[Row], given: Mapping[str, Any], extra: Mapping[str, Any]
) -> list[dict[str, Any]]:
    counts = listing.counts(reader, [row.id for row in rows])
    whole = given["full"] or not _BRIEF.issuperset(named(given["fields"]))
    if whole:
        reader.remember([row.id for row in rows])
    found: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        one = reader.record(reader.view(row.id)) if whole else listing.brief(row, reader)
        one["dependency_count"], one["dependent_count"] = counts[row.id]
        one["comment_count"] = row.comments
        one = members(one | dict(extra.get(row.id, {})), given["fields"])
        size += len(json.dumps(one, ensure_ascii=False)) + 3
        if size > BUDGET and given["limit"] is None and not given["full"]:
            break
        found.append(one)
    return found


_BRIEF = frozenset(
    (
        "id", "title", "status", "priority", "issue_type", "created_at", "assignee", "dependency_count",
        "dependent_count", "comment_count", "blocked_by", "blocked_by_count",
    )
)  # fmt: skip
"""What a list knows without reading whole beads."""


@bd_verb(name="list")
@click.option("--status", "-s", multiple=True, help="Any of these; all for everything. Default: what is not over.")
@click.option("--all", "every", is_flag=True, help="What is over, too.")
@click.option("--ready", is_flag=True, help="Only what nothing keeps waiting.")
@click.option("--deferred", is_flag=True, help="Only what was put off.")
@click.option("--overdue", is_flag=True, help="Only what should be done by now.")
@click.option("--pinned/--no-pinned", default=None, help="Only pinned ones, or none of them.")
@click.option("--templates", is_flag=True, help="Templates, too.")
@filters
def list_(
    desk: Desk, status: tuple[str, ...], every: bool, ready: bool, deferred: bool, overdue: bool, pinned: bool | None,
    templates: bool, **given: Any,
) -> None:  # fmt: skip
    """List beads by what they are."""
    statuses = listed(status)
    if every and statuses:
        raise BadWord("--all and --status: give one")
    asked = query_of(
        given, status=("all",) if every else statuses, ready=ready, deferred=deferred, overdue=overdue, pinned=pinned,
        template=None if templates or every or given["ids"] else False,
        limit=LIST_LIMIT if given["limit"] is None else given["limit"],
    )  # fmt: skip
    with desk.reading() as reader:
        rows = listing.rows(reader, listing.check(asked, reader))
        answer(desk, reader, rows, given, "No issues found.", {})


@bd_verb()
@click.option("--explain", is_flag=True, help="Say why each is ready, what is blocked by what, and what never can be.")
@click.option("--claim", is_flag=True, help="Take the first one.")
@filters
def ready(desk: Desk, explain: bool, claim: bool, **given: Any) -> None:
    """Work that nothing keeps waiting, the most urgent first."""
    limit = READY_LIMIT if given["limit"] is None else given["limit"]
    asked = query_of(given, ready=True, limit=limit)
    if claim and explain:
        raise BadWord("--claim and --explain: give one")
    if claim:
        _claim_first(desk, asked)
        return
    with desk.reading() as reader:
        checked = listing.check(asked, reader)
        if explain:
            _explain(desk, reader, checked)
            return
        rows = listing.rows(reader, checked)
        answer(desk, reader, rows, {**given, "default_limit": READY_LIMIT}, "No ready work.", {})


def _claim_first(desk: Desk, asked: Query) -> None:
    # Start-up time: `bd ready` itself writes nothing.
    from node.cli.bd_write import claim_first  # noqa: PLC0415

    claim_first(desk, asked)


def _explain(desk: Desk, reader: Reader, asked: Query) -> None:
    # Start-up time: few ask for it.
    from beads.deadlock import circles  # noqa: PLC0415

    ready_rows = listing.rows(reader, asked)
    stuck = listing.rows(reader, replace(asked, ready=False, blocked=True))
    found = [[reader.name_of(bead) for bead in circle] for circle in circles(reader)]
    ((total_ready,), (total_blocked,)) = (
        (listing.count(reader, replace(asked, ready=one, blocked=not one))[0][1],) for one in (True, False)
    )
    why = [{**listing.brief(row, reader), "reason": _reason(reader, row)} for row in ready_rows]
    waiting = [{**listing.brief(row, reader), "blocked_by": waits(reader, row.id)} for row in stuck]
    data = {"ready": why, "blocked": waiting, "cycles": found, "summary": {
        "total_ready": total_ready, "total_blocked": total_blocked, "cycle_count": len(found)}}  # fmt: skip
    lines = [f"Ready ({total_ready}):", *(f"  {one['id']}  {one['title']}: {one['reason']}" for one in why)]
    lines += [f"Blocked ({total_blocked}):"]
    lines += [f"  {one['id']}  {one['title']}: {_said(one['blocked_by'])}" for one in waiting]
    lines += [f"Never, as they wait for each other: {' → '.join(circle)}" for circle in found]
    desk.output.result(data, lines)


def _reason(reader: Reader, row: Row) -> str:
    sql = """SELECT COUNT(*) FROM links l JOIN beads b ON b.entity = l.bead
             WHERE l.entity = :bead AND l.kind IN ('blocks', 'conditional-blocks')"""
    ((resolved,),) = reader.rows(sql, {"bead": row.id})
    return f"{counted(resolved, 'blocker')} out of the way" if resolved else "nothing blocks it"


def _said(blockers: Sequence[Mapping[str, Any]]) -> str:
    words = {PARENT: "its parent waits", "conditional-blocks": "only if it fails", "waits-for": "its children"}
    return "; ".join(f"{b['id']} ({words.get(b['type'], b['status'])})" for b in blockers[:4])


@bd_verb()
@filters
def blocked(desk: Desk, **given: Any) -> None:
    """Work that something keeps waiting, and what that is."""
    asked = query_of(given, blocked=True, limit=LIST_LIMIT if given["limit"] is None else given["limit"])
    with desk.reading() as reader:
        rows = listing.rows(reader, listing.check(asked, reader))
        found = {row.id: waits(reader, row.id) for row in rows}
        if desk.output.json:
            extra = {
                bead: {"blocked_by_count": len(blockers), "blocked_by": [b["id"] for b in blockers]}
                for bead, blockers in found.items()
            }
            answer(desk, reader, rows, given, "", extra)
            return
        lines = [f"{row.shown}  P{row.priority}  {row.title}: {_said(found[row.id])}" for row in rows]
        desk.output.result({}, lines or "Nothing is blocked.")


@bd_verb()
@click.argument("words", nargs=-1)
@click.option("--query", help="The same as the words.")
@click.option("--status", "-s", multiple=True, help="Any of these. Default: all.")
@filters
def search(desk: Desk, words: tuple[str, ...], query: str | None, status: tuple[str, ...], **given: Any) -> None:
    """Find beads by words of their texts, the best first."""
    limit = LIST_LIMIT if given["limit"] is None else given["limit"]
    asked = query_of(given, status=listed(status) or ("all",), limit=limit)
    with desk.reading() as reader:
        found = listing.search(reader, query or " ".join(words), listing.check(asked, reader))
        answer(desk, reader, found, given, "No issues found.", {})


@bd_verb()
@click.option("--status", "-s", multiple=True, help="Any of these; all for everything. Default: what is not over.")
@click.option(
    "--by", type=click.Choice(["status", "type", "priority", "assignee", "label"]), help="One count for each."
)
@filters
def count(desk: Desk, status: tuple[str, ...], by: str | None, **given: Any) -> None:
    """Count what `list` would list."""
    with desk.reading() as reader:
        asked = listing.check(query_of(given, status=listed(status), template=False, limit=None), reader)
        found = listing.count(reader, asked, by)
        total = sum(n for _, n in found)
        data = {"count": total} | ({"groups": [{"group": key, "count": n} for key, n in found]} if by else {})
        desk.output.result(data, [*(f"{n:6}  {key}" for key, n in found)] if by else str(total))


@bd_verb()
@click.argument("bead")
@click.option("--deep", is_flag=True, help="All that is below, not only the children.")
def children(desk: Desk, bead: str, deep: bool) -> None:
    """What a bead is made of."""
    with desk.reading() as reader:
        parent = reader.find(bead)
        asked = Query(status=("all",), parent=parent, below=deep, limit=None, sort="id", now=wiring.now_ms())
        rows = listing.rows(reader, asked)
        answer(desk, reader, rows, _PLAIN, "It has no children.", {})


_PLAIN: Mapping[str, Any] = {"limit": 0, "full": False, "fields": None}


@bd_verb()
@click.option("--days", type=int, default=30, show_default=True, help="Not changed for so long.")
@click.option("--status", "-s", help="Only of this status.")
@click.option("--limit", "-n", type=click.IntRange(0), default=LIST_LIMIT, show_default=True)
def stale(desk: Desk, days: int, status: str | None, limit: int) -> None:
    """Beads that nobody has touched for long, the longest first."""
    if days <= 0:
        raise BadWord("--days must be 1 or more")
    now = wiring.now_ms()
    asked = Query(
        status=(status,) if status else (), updated_before=now - days * DAY_MS, sort="updated", reverse=True,
        limit=limit, now=now,
    )  # fmt: skip
    with desk.reading() as reader:
        rows = listing.rows(reader, listing.check(asked, reader))
        if desk.output.json:
            answer(desk, reader, rows, _PLAIN, "", {})
            return
        lines = [f"{row.shown}  {age(row.updated):>5}  {row.status:<11}  {row.title}" for row in rows]
        desk.output.result({}, lines or f"Nothing has been left alone for {days} days.")


@bd_verb()
def stats(desk: Desk) -> None:
    """How many beads there are, of which kind, and how long they take."""
    with desk.reading() as reader:
        summary = _summary(reader)
    names = ("total", "open", "in_progress", "hooked", "closed", "blocked", "deferred", "ready", "pinned")
    lines = [f"{name.replace('_', ' ').title()}: {summary[f'{name}_issues']}" for name in names]
    lines[0] = f"Total Issues: {summary['total_issues']}"
    lines.append(f"Epics to close: {summary['epics_eligible_for_closure']}")
    lines.append(f"Average lead time: {summary['average_lead_time_hours']} h")
    desk.output.result({"summary": summary}, lines)


_OWN = "', '".join(vocabulary.OWN_TYPES)
_TOTALS = f"""SELECT COUNT(*), SUM(status = 'open'), SUM(status = 'in_progress'), SUM(status = 'closed'),
              SUM(status = 'deferred'), SUM(status = 'hooked'),
              SUM(pinned = 1 OR status = 'pinned'), ROUND(AVG((closed - created) / 3600000.0), 1)
              FROM beads WHERE status <> 'tombstone' AND type NOT IN ('{_OWN}')"""
EPICS = """SELECT b.entity, b.shown, b.title, COUNT(c.entity), SUM(c.free = 0) FROM beads b
           JOIN links l ON l.bead = b.entity AND l.kind = 'parent-child'
           JOIN beads c ON c.entity = l.entity AND c.status <> 'tombstone'
           WHERE b.type = 'epic' AND b.free > 0 GROUP BY b.entity ORDER BY b.priority, b.shown"""


def _summary(reader: Reader) -> dict[str, Any]:
    ((*numbers, hours),) = reader.rows(_TOTALS)
    names = ("total", "open", "in_progress", "closed", "deferred", "hooked", "pinned")
    found: dict[str, Any] = {f"{name}_issues": int(n or 0) for name, n in zip(names, numbers, strict=True)}
    now = wiring.now_ms()
    for name, asked in (("blocked", Query(blocked=True, now=now)), ("ready", Query(ready=True, now=now))):
        found[f"{name}_issues"] = listing.count(reader, asked)[0][1]
    eligible = sum(closed == total for *_, total, closed in reader.rows(EPICS))
    return found | {"epics_eligible_for_closure": eligible, "average_lead_time_hours": hours or 0.0}
