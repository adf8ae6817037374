"""Projections: how the state of entities is laid out in tables, so that lists are one indexed query.

A projection is data: the floor above supplies its own, the index fills all of them alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Prose = Callable[[str], Mapping[str, str]]
"""Operation id → the texts of its body; empty where it is missing or erased."""


@dataclass(frozen=True)
class Projection:
    """Tables and what fills them.

    Attributes:
        kind: The kind of entity that is laid out.
        ddl: Statements that make the tables.
        columns: Table → its columns; each table has a column `entity`, by which rows are replaced.
        rows: State and prose → rows by table.
        settle: Statements that derive flags for the entities in a temporary table `touched(entity)`, in order.
    """

    kind: str
    ddl: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    rows: Callable[[Mapping[str, Any], Prose], Rows]
    settle: tuple[str, ...] = ()


CLOSED = ("closed", "completed", "withdrawn")

_BEAD_COLUMNS = (
    "entity", "type", "status", "priority", "assignee", "title", "description", "creator", "created", "updated",
    "blocked",
)  # fmt: skip


def _bead_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    fields = {name: value for name, value, _ in state["fields"]}
    priority = fields.get("priority")
    texts = {name: prose(op).get(name, "") for name, op in state["prose"]}
    bead = {
        "entity": state["id"],
        "type": state["type"],
        "status": str(state.get("facet", fields).get("status", "open")),
        # In a commons anyone writes beads, with any value under any name; a column has one type.
        "priority": priority if type(priority) is int else 2,
        "assignee": str(fields["assignee"]) if "assignee" in fields else None,
        "title": texts.get("title", ""),
        "description": texts.get("description", ""),
        "creator": state["creator"],
        "created": state["created"][0],
        "updated": state["updated"][0],
        "blocked": 0,
    }
    return {
        "beads": [bead],
        "labels": [{"entity": state["id"], "label": label} for label, _ in state["labels"]],
        "links": [{"entity": state["id"], "kind": kind, "target": to} for kind, to, _ in state["links"]],
        "fields": [
            {"entity": state["id"], "name": name, "value": str(value)} for name, value in fields.items()
        ],
    }  # fmt: skip


_STILL_OPEN = ", ".join(f"'{status}'" for status in CLOSED)

BEADS = Projection(
    kind="bead",
    ddl=(
        """CREATE TABLE beads (entity TEXT PRIMARY KEY, type TEXT NOT NULL, status TEXT NOT NULL,
           priority INTEGER NOT NULL, assignee TEXT, title TEXT NOT NULL, description TEXT NOT NULL,
           creator TEXT NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL, blocked INTEGER NOT NULL)""",
        "CREATE INDEX beads_ready ON beads (status, blocked, priority, created)",
        "CREATE TABLE labels (entity TEXT NOT NULL, label TEXT NOT NULL)",
        "CREATE INDEX labels_entity ON labels (entity)",
        "CREATE INDEX labels_label ON labels (label)",
        "CREATE TABLE links (entity TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL)",
        "CREATE INDEX links_entity ON links (entity)",
        "CREATE INDEX links_target ON links (target, kind)",
        "CREATE TABLE fields (entity TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL)",
        "CREATE INDEX fields_entity ON fields (entity)",
        "CREATE INDEX fields_value ON fields (name, value)",
    ),
    columns={
        "beads": _BEAD_COLUMNS,
        "labels": ("entity", "label"),
        "links": ("entity", "kind", "target"),
        "fields": ("entity", "name", "value"),
    },
    rows=_bead_rows,
    settle=(
        # A bead that changed can free or block those that wait for it.
        """INSERT OR IGNORE INTO touched SELECT entity FROM links
           WHERE kind = 'blocks' AND target IN (SELECT entity FROM touched)""",
        f"""UPDATE beads SET blocked = EXISTS (
              SELECT 1 FROM links l JOIN beads b ON b.entity = l.target
              WHERE l.entity = beads.entity AND l.kind = 'blocks' AND b.status NOT IN ({_STILL_OPEN}))
            WHERE entity IN (SELECT entity FROM touched)""",
    ),
)


def _erasure_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    places = [(op, None) for op in state["erased"]] + list(state.get("agents_erased", ()))
    return {"erasures": [{"entity": state["id"], "op": op, "log": log} for op, log in places]}


ERASURES = Projection(
    kind="actor",
    ddl=(
        "CREATE TABLE erasures (entity TEXT NOT NULL, op TEXT NOT NULL, log TEXT)",
        "CREATE INDEX erasures_entity ON erasures (entity)",
        "CREATE INDEX erasures_op ON erasures (op)",
    ),
    columns={"erasures": ("entity", "op", "log")},
    rows=_erasure_rows,
)
"""Whose words are taken back, and in which log only: every index has it, for no body of these may be taken up again."""
