"""bd show, list, ready: reading the ledger. Kept light: agents run these all day."""

import click

from beads.index import Index
from node import wiring
from node.cli.common import Output, table, verb
from node.errors import NoHome
from node.home import Home, locate

_COLUMNS = ("id", "title", "status", "type", "priority", "assignee", "blocked", "created", "updated")
_SELECT = "SELECT entity, title, status, type, priority, assignee, blocked, created, updated FROM beads"
_SHOWN_ABOVE = frozenset({"status", "priority", "assignee"})
READY = f"{_SELECT} WHERE status = 'open' AND blocked = 0 ORDER BY priority, created LIMIT :limit"
_LIST = f"""{_SELECT} WHERE (:status = 'all' OR status = :status) AND (:type IS NULL OR type = :type)
            AND (:assignee IS NULL OR assignee = :assignee)
            AND (:label IS NULL OR EXISTS (SELECT 1 FROM labels l WHERE l.entity = beads.entity AND l.label = :label))
            ORDER BY priority, created LIMIT :limit"""


def open_index() -> Index:
    """Open the index of the owner's ledger.

    Raises:
        NoHome: There is no ledger yet.
    """
    home = Home(locate())
    ledger = home.ledger_id()
    if ledger is None:
        raise NoHome("no ledger in this home yet", 'Make one with the first bead: bd create "Title"')
    return wiring.open_index(home, ledger)


def _answer(output: Output, name: str, rows: list[tuple[object, ...]], empty: str) -> None:
    beads = [dict(zip(_COLUMNS, row, strict=True)) | {"blocked": bool(row[6])} for row in rows]
    cells = [(str(b["id"])[:8], f"P{b['priority']}", str(b["status"]), str(b["type"]), str(b["title"])) for b in beads]
    output.result({name: beads}, table(cells, 4) or empty)


@verb()
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
def ready(output: Output, limit: int) -> None:
    """Open beads that nothing blocks, the most urgent first."""
    index = open_index()
    _answer(output, "ready", index.database.query(READY, {"limit": limit}), "Nothing is ready.")
    index.database.close()


@verb(name="list")
@click.option("--status", default="open", show_default=True, help="A status, or all.")
@click.option("--type", "kind", help="task, bug, feature, epic, …")
@click.option("--assignee")
@click.option("--label")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
def list_(output: Output, status: str, kind: str | None, assignee: str | None, label: str | None, limit: int) -> None:
    """Beads by status, type, assignee or label."""
    index = open_index()
    place = {"status": status, "type": kind, "assignee": assignee, "label": label, "limit": limit}
    _answer(output, "beads", index.database.query(_LIST, place), "No beads fit.")
    index.database.close()


@verb()
@click.argument("bead")
def show(output: Output, bead: str) -> None:
    """One bead, whole."""
    index = open_index()
    chosen = index.resolve("bead", bead)
    state = index.state("bead", chosen) or {}
    ((*row,),) = index.database.query(f"{_SELECT} WHERE entity = :id", {"id": chosen})
    fields = {name: value for name, value, _ in state["fields"]}
    texts = {name: index.prose(op).get(name, "") for name, op in state["prose"]}
    links = [{"kind": kind, "to": to} for kind, to, _ in state["links"]]
    comments = [{"id": op, "text": index.prose(op).get("text", "")} for op, _ in state["comments"]]
    found = dict(zip(_COLUMNS, row, strict=True)) | {"blocked": bool(row[6])}
    extra = {"description": texts.get("description", ""), "labels": [label for label, _ in state["labels"]]}
    output.result(
        {"bead": found | extra | {"fields": fields, "links": links, "comments": comments}},
        [
            f"{chosen[:12]}  {found['title']}",
            f"  {found['status']}, {found['type']}, P{found['priority']}{', blocked' if found['blocked'] else ''}",
            *([f"  assignee  {found['assignee']}"] if found["assignee"] else []),
            *(f"  label     {label}" for label in extra["labels"]),
            *(f"  {link['kind']:<9} {link['to'][:12]}" for link in links),
            *(f"  {name:<9} {value}" for name, value in fields.items() if name not in _SHOWN_ABOVE),
            *(["", *(f"  {line}" for line in str(extra["description"]).splitlines())] if extra["description"] else []),
            *(f"  > {comment['text']}" for comment in comments),
        ],
    )  # fmt: skip
    index.database.close()
