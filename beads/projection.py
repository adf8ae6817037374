"""Projections: how the state of entities is laid out in tables, so that lists are one indexed query.

A projection is data: the floor above supplies its own, the index fills all of them alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from beads import ready, times
from beads.database import Database
from beads.ops.link import FOREIGN
from beads.vocabulary import (
    ACTIVE,
    BLOCKS,
    DEFERRED,
    DONE,
    IN_PROGRESS,
    NOT_WORK,
    OPEN,
    STATUSES,
    UNSPECIFIED,
    WAITS,
    failed,
)

CLOSED = ("closed", "completed", "withdrawn", "tombstone")

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Prose = Callable[[str], Mapping[str, str]]
"""Operation id → the texts of its body; empty where it is missing or erased."""


def _itself(entity: str) -> str | int:
    return entity


@dataclass(frozen=True)
class Projection:
    """Tables and what fills them.

    Attributes:
        kind: The kind of entity that is laid out.
        ddl: Statements that make the tables.
        columns: Table → its columns; the first is the one by which rows are replaced.
        rows: State and prose → rows by table.
        key: Entity → what its rows have in their first column.
        before: Statements that run while the tables still hold the old rows of the entities in the temporary table
            `touched(entity)`.
        settle: Statements that derive flags after it, in order.
        derive: Derives what statements cannot.
    """

    kind: str
    ddl: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    rows: Callable[[Mapping[str, Any], Prose], Rows]
    key: Callable[[str], str | int] = _itself
    before: tuple[str, ...] = ()
    settle: tuple[str, ...] = ()
    derive: Callable[[Database], None] | None = None


_BEAD_COLUMNS = (
    "entity", "number", "alias", "shown", "type", "status", "category", "priority", "assignee", "owner", "title",
    "creator", "created", "updated", "closed", "due", "defer", "pinned", "ephemeral", "template", "workable", "failed",
    "free", "direct", "blocked_until", "outside", "hold_until", "estimate", "external_ref", "spec_id", "await_type",
    "mol_type", "comments", "line_no", "line_run",
)  # fmt: skip


def _bead_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    fields = {name: value for name, value, _ in state["fields"]}
    texts = {name: prose(op).get(name, "") for name, op in state["prose"] if name in ("title", "close_reason")}
    links = [_link_row(state["id"], *link[:3]) for link in state["links"]]
    return {
        "beads": [_bead_row(state, fields, texts, any(link["outside"] for link in links))],
        "labels": [{"entity": state["id"], "label": label} for label, _ in state["labels"]],
        "links": links,
        "fields": [
            {"entity": state["id"], "name": name, "value": str(value)}
            for name, value in fields.items()
            if name not in _HAVE_COLUMNS
        ],
        "lost": [
            {"entity": state["id"], "kind": kind, "name": name, "op": op}
            for kind, name, _, op in state.get("lost", ())
            if name not in BOOKKEEPING
        ],
    }


def _bead_row(state: Mapping[str, Any], fields: Mapping[str, Any], texts: Mapping[str, str], outside: bool) -> Row:
    # In a commons anyone writes beads, with any value under any name; a column has one type.
    status = str(state.get("facet", fields).get("status", OPEN))
    type_ = _text(fields, "type") or state["type"]
    # A category is that of a status of the ledger's own; it may be left over from one.
    category = STATUSES.get(status) or _text(fields, "category") or UNSPECIFIED
    over = category == DONE or status in CLOSED
    alias, defer = _text(fields, "alias") or "", times.instant(fields.get("defer_until")) or 0
    startable = status in (OPEN, IN_PROGRESS) or (status not in STATUSES and category == ACTIVE)
    startable = startable or (status == DEFERRED and defer > 0)
    hidden = type_ in NOT_WORK or "-wisp-" in alias or any(fields.get(n) is True for n in ("pinned", *_PASSING))
    closed = times.instant(fields.get("closed_at"))
    return {
        "entity": state["id"],
        "number": _row_number(state["id"]),
        "alias": alias,
        "shown": alias or state["id"][:12],
        "type": type_,
        "status": status,
        "category": category,
        "priority": _number(fields, "priority", 2),
        "assignee": _text(fields, "assignee"),
        "owner": _text(fields, "owner"),
        "title": texts.get("title", ""),
        "creator": state["creator"],
        "created": times.instant(fields.get("created_at")) or state["created"][0],
        "updated": state["updated"][0],
        "closed": (closed or state["updated"][0]) if over else None,
        "due": times.instant(fields.get("due_at")),
        "defer": defer,
        "pinned": int(fields.get("pinned") is True),
        "ephemeral": int(fields.get("ephemeral") is True),
        "template": int(fields.get("is_template") is True),
        "workable": int(startable and not hidden),
        "failed": int(failed(fields.get("outcome"), texts.get("close_reason", ""))),
        "free": 0 if over else _free(type_, fields, state["created"][0]),
        "direct": 0,
        "blocked_until": 0,
        "outside": int(outside),
        "hold_until": _lease(state),
        "estimate": _number(fields, "estimated_minutes", None),
        "external_ref": _text(fields, "external_ref"),
        "spec_id": _text(fields, "spec_id"),
        "await_type": _text(fields, "await_type"),
        "mol_type": _text(fields, "mol_type"),
        "comments": len(state["comments"]),
        "line_no": _number(fields, "line_no", None),
        "line_run": _number(fields, "line_run", None),
    }


_HAVE_COLUMNS = frozenset(
    (
        "alias", "category", "closed_at", "created_at", "defer_until", "due_at", "line_no", "line_run", "priority",
        "started_at", "status", "type", "updated_at",
    )
)  # fmt: skip
_PASSING = ("ephemeral", "is_template")
BOOKKEEPING = frozenset(
    ("updated_at", "line", "line_no", "line_run", "closed_at", "started_at", "x_content_hash", "closed_by_session")
)
"""What is written along with changes: of no interest as a loss of its own."""


def _free(type_: str, fields: Mapping[str, Any], created: int) -> int:
    """Return when a bead that is not over stops blocking: timers run out by themselves."""
    timeout = fields.get("timeout")
    if type_ == "gate" and fields.get("await_type") == "timer" and type(timeout) is int and timeout >= 0:
        return min(created + timeout // NANOSECONDS, ready.FOREVER)
    return ready.FOREVER


NANOSECONDS = 1_000_000
"""In a millisecond; a gate's timeout is given in nanoseconds."""


def _lease(state: Mapping[str, Any]) -> int | None:
    """Return until when somebody holds the bead, or None."""
    if "hold" not in state:
        return None
    until = state["hold"][4]
    return ready.FOREVER if until is None else int(until)


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return None if value is None else str(value)


def _number(fields: Mapping[str, Any], name: str, default: int | None) -> int | None:
    value = fields.get(name)
    return value if type(value) is int else default


def _link_row(bead: str, kind: str, to: str, note: str) -> Row:
    facts = link_facts(note)
    inside = not to.startswith(FOREIGN)
    spawner = facts.get("spawner_id") if kind == WAITS else None
    # An id that was unknown when the link was made, or the spawner that the note names.
    named = str(spawner) if spawner else to.removeprefix("alias:") if to.startswith("alias:") else None
    gate = str(facts.get("gate") or "all-children") if kind == WAITS else ""
    return {
        "entity": bead, "kind": kind, "target": to, "bead": to if inside and named is None else None, "gate": gate,
        "named": named, "outside": int(to.startswith("external:") and kind == BLOCKS),
    }  # fmt: skip


def link_facts(note: str) -> Mapping[str, Any]:
    """Return what the note of a link says; nothing where it says nothing readable."""
    try:
        outer = msgspec.json.decode(note) if note else {}
        inner = outer.get("metadata") if isinstance(outer, dict) else None
        facts = msgspec.json.decode(inner) if isinstance(inner, str) else inner
    except (msgspec.DecodeError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


BEADS = Projection(
    kind="bead",
    ddl=(
        """CREATE TABLE beads (entity TEXT PRIMARY KEY, number BIGINT NOT NULL, alias TEXT NOT NULL,
           shown TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL, category TEXT NOT NULL,
           priority INTEGER NOT NULL, assignee TEXT, owner TEXT, title TEXT NOT NULL, creator TEXT NOT NULL,
           created BIGINT NOT NULL, updated BIGINT NOT NULL, closed BIGINT,
           due BIGINT, defer BIGINT NOT NULL, pinned INTEGER NOT NULL, ephemeral INTEGER NOT NULL,
           template INTEGER NOT NULL, workable INTEGER NOT NULL, failed INTEGER NOT NULL, free BIGINT NOT NULL,
           direct BIGINT NOT NULL, blocked_until BIGINT NOT NULL, outside INTEGER NOT NULL, hold_until BIGINT,
           estimate BIGINT, external_ref TEXT, spec_id TEXT, await_type TEXT, mol_type TEXT,
           comments INTEGER NOT NULL, line_no BIGINT, line_run BIGINT)""",
        "CREATE INDEX beads_ready ON beads (priority, created DESC, entity) WHERE workable = 1",
        "CREATE INDEX beads_alias ON beads (alias, created, entity)",
        "CREATE INDEX beads_number ON beads (number)",
        "CREATE INDEX beads_shown ON beads (shown)",
        "CREATE INDEX beads_contested ON beads (alias) WHERE shown <> alias AND alias <> ''",
        "CREATE INDEX beads_listed ON beads (priority, created DESC, entity)",
        "CREATE INDEX beads_assignee ON beads (assignee) WHERE assignee IS NOT NULL",
        "CREATE INDEX beads_line_run ON beads (line_run) WHERE line_run IS NOT NULL",
        "CREATE INDEX beads_type ON beads (type, status)",
        "CREATE TABLE labels (entity TEXT NOT NULL, label TEXT NOT NULL)",
        "CREATE INDEX labels_entity ON labels (entity)",
        "CREATE INDEX labels_label ON labels (label)",
        """CREATE TABLE links (entity TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL, bead TEXT,
           gate TEXT NOT NULL, named TEXT, outside INTEGER NOT NULL)""",
        "CREATE INDEX links_entity ON links (entity)",
        "CREATE INDEX links_bead ON links (bead, kind)",
        "CREATE INDEX links_outside ON links (entity) WHERE outside = 1",
        "CREATE INDEX links_named ON links (named) WHERE named IS NOT NULL",
        "CREATE TABLE fields (entity TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL)",
        "CREATE INDEX fields_entity ON fields (entity)",
        "CREATE INDEX fields_value ON fields (name, value)",
        "CREATE TABLE lost (entity TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, op TEXT NOT NULL)",
        "CREATE INDEX lost_entity ON lost (entity)",
    ),
    columns={
        "beads": _BEAD_COLUMNS,
        "labels": ("entity", "label"),
        "links": ("entity", "kind", "target", "bead", "gate", "named", "outside"),
        "fields": ("entity", "name", "value"),
        "lost": ("entity", "kind", "name", "op"),
    },
    rows=_bead_rows,
    before=(*ready.DDL, *ready.BEFORE),
    settle=(
        *ready.AFTER,
        # Of several beads that came to one alias, each offline, the first keeps it.
        """UPDATE beads SET shown = CASE
             WHEN alias = '' THEN SUBSTR(entity, 1, 12)
             WHEN EXISTS (SELECT 1 FROM beads o WHERE o.alias = beads.alias
               AND (o.created < beads.created OR (o.created = beads.created AND o.entity < beads.entity)))
             THEN alias || '-' || SUBSTR(entity, 1, 6) ELSE alias END
           WHERE entity IN (SELECT o.entity FROM touched t CROSS JOIN beads b CROSS JOIN beads o
                            WHERE b.entity = t.entity AND b.alias <> '' AND o.alias = b.alias
                            UNION SELECT entity FROM beads WHERE shown <> alias AND alias <> '')""",
    ),
    derive=ready.derive,
)


def _row_number(entity: str) -> int:
    # A full-text table is addressed by numbers only; sixty bits of the id are as good as the whole.
    return int(entity[:15], 16)


_SEARCHED = ("title", "description", "design", "acceptance_criteria", "notes")


def _word_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    texts = {name: prose(op).get(name, "") for name, op in state["prose"] if name in _SEARCHED}
    said = [prose(op).get("text", "") for op, *_ in state["comments"]]
    rest = "\n".join(
        [*(texts.get(name, "") for name in _SEARCHED[1:]), *said, *(label for label, _ in state["labels"])]
    )
    return {"words": [{"rowid": _row_number(state["id"]), "title": texts.get("title", ""), "rest": rest}]}


SEARCH = Projection(
    kind="bead",
    ddl=("CREATE VIRTUAL TABLE words USING fts5 (title, rest, tokenize = 'porter unicode61')",),
    columns={"words": ("rowid", "title", "rest")},
    rows=_word_rows,
    key=_row_number,
)
"""What beads say, for searching (SQLite's FTS5)."""


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
