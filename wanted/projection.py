"""How items, submissions, stamps, actors and trust are laid out in tables, so that the board is one indexed query."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from beads.projection import Projection, Prose, Row, Rows
from wanted import lifecycle, view


def _item_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    item = view.read(state)
    if item is None:
        return {}
    title = prose(item.prose["title"]).get("title", "") if "title" in item.prose else ""
    row: Row = {
        "entity": item.id,
        "title": title,
        "status": item.shown_status,
        "poster": item.poster,
        "home": item.home,
        "holder": item.holder.actor if item.holder else None,
        "provisional": item.provisional,
        "claims": len(item.claimers),
        "project": item.terms.project,
        "effort": item.terms.effort,
        "priority": item.terms.priority,
        "skills": ",".join(item.terms.skills),
        "created": item.created.ms,
        "updated": item.updated.ms,
        "hidden": int(state.get("hidden", False)),
    }
    return {
        "items": [row],
        "claimers": [{"entity": item.id, "actor": actor} for actor in item.claimers],
        "submissions": [_submission_row(item, op) for op in item.submissions],
        "stamps": [_stamp_row(item, stamp) for stamp in item.stamps],
        "takers": [
            {"entity": item.id, "actor": actor, "outcome": _outcome(item, actor)} for actor in sorted(item.granted)
        ],
    }


def _submission_row(item: view.ItemView, op: str) -> Row:
    submission = item.submissions[op]
    return {
        "entity": item.id, "op": op, "actor": submission.actor, "created": submission.hlc.ms,
        "verdict": item.verdict(op),
    }  # fmt: skip


def _stamp_row(item: view.ItemView, stamp: view.Stamped) -> Row:
    return {
        "entity": item.id, "op": stamp.op, "author": stamp.author, "subject": stamp.subject,
        "submission": stamp.submission, "title": stamp.title, "dims": _text(stamp.dims),
        "confidence": stamp.confidence, "severity": stamp.severity, "skills": _text(stamp.skills),
        "disputed": item.is_disputed(stamp.op), "answered": item.is_answered(stamp.op), "created": stamp.hlc[0],
    }  # fmt: skip


def _text(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()


def _outcome(item: view.ItemView, actor: str) -> str:
    """Say what became of an item for somebody who was granted it."""
    if any(accepted.actor == actor for accepted in item.accepted):
        return "accepted"
    if item.holder is not None and item.holder.actor == actor:
        return "holds"
    if any(submission.actor == actor for submission in item.submissions.values()):
        return "submitted"
    intent = item.intents.get(actor)
    gave_up = intent is not None and intent.kind == "release"
    # Where the home closed or withdrew it, nobody can tell whose fault that was.
    return "abandoned" if gave_up or item.status in (lifecycle.OPEN, lifecycle.CLAIMED) else "ended"


ITEMS = Projection(
    kind="bead",
    ddl=(
        """CREATE TABLE items (entity TEXT PRIMARY KEY, title TEXT NOT NULL, status TEXT NOT NULL,
           poster TEXT NOT NULL, home TEXT NOT NULL, holder TEXT, provisional TEXT, claims INTEGER NOT NULL,
           project TEXT, effort TEXT NOT NULL, priority INTEGER NOT NULL, skills TEXT NOT NULL,
           created INTEGER NOT NULL, updated INTEGER NOT NULL, hidden INTEGER NOT NULL)""",
        "CREATE INDEX items_board ON items (status, priority, created)",
        "CREATE INDEX items_home ON items (home)",
        "CREATE TABLE claimers (entity TEXT NOT NULL, actor TEXT NOT NULL)",
        "CREATE INDEX claimers_entity ON claimers (entity)",
        "CREATE INDEX claimers_actor ON claimers (actor)",
        """CREATE TABLE submissions (entity TEXT NOT NULL, op TEXT NOT NULL, actor TEXT NOT NULL,
           created INTEGER NOT NULL, verdict TEXT NOT NULL)""",
        "CREATE INDEX submissions_entity ON submissions (entity)",
        "CREATE INDEX submissions_actor ON submissions (actor)",
        """CREATE TABLE stamps (entity TEXT NOT NULL, op TEXT NOT NULL, author TEXT NOT NULL,
           subject TEXT NOT NULL, submission TEXT NOT NULL, title TEXT NOT NULL, dims TEXT NOT NULL,
           confidence INTEGER NOT NULL, severity TEXT NOT NULL, skills TEXT NOT NULL, disputed INTEGER NOT NULL,
           answered INTEGER NOT NULL, created INTEGER NOT NULL)""",
        "CREATE INDEX stamps_entity ON stamps (entity)",
        "CREATE INDEX stamps_subject ON stamps (subject)",
        "CREATE TABLE takers (entity TEXT NOT NULL, actor TEXT NOT NULL, outcome TEXT NOT NULL)",
        "CREATE INDEX takers_entity ON takers (entity)",
        "CREATE INDEX takers_actor ON takers (actor)",
    ),
    columns={
        "items": (
            "entity", "title", "status", "poster", "home", "holder", "provisional", "claims", "project", "effort",
            "priority", "skills", "created", "updated", "hidden",
        ),
        "claimers": ("entity", "actor"),
        "submissions": ("entity", "op", "actor", "created", "verdict"),
        "stamps": (
            "entity", "op", "author", "subject", "submission", "title", "dims", "confidence", "severity", "skills",
            "disputed", "answered", "created",
        ),
        "takers": ("entity", "actor", "outcome"),
    },
    rows=_item_rows,
)  # fmt: skip


def _legacy_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    rows: list[Row] = []
    for actor, op, client, fields, _ in state["said"]:
        values = dict(fields)
        rows.append(
            {"entity": state["id"], "source": state["source"], "kind": state["kind"], "row": state["row"],
             "importer": actor, "op": op, "client": client, "fields": _text(fields),
             "subject": str(values.get("subject") or ""), "title": prose(op).get("title", "")}
        )  # fmt: skip
    return {"legacy": rows}


LEGACY = Projection(
    kind="legacy",
    ddl=(
        """CREATE TABLE legacy (entity TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL, row TEXT NOT NULL,
           importer TEXT NOT NULL, op TEXT NOT NULL, client TEXT NOT NULL, fields TEXT NOT NULL,
           subject TEXT NOT NULL, title TEXT NOT NULL)""",
        "CREATE INDEX legacy_entity ON legacy (entity)",
        "CREATE INDEX legacy_subject ON legacy (subject, source)",
    ),
    columns={
        "legacy": (
            "entity", "source", "kind", "row", "importer", "op", "client", "fields", "subject", "title",
        ),
    },
    rows=_legacy_rows,
)  # fmt: skip


def _actor_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    trusts = ({"entity": state["id"], "actor": actor, "weight": weight} for actor, weight, _ in state.get("trusts", ()))
    return {"actors": [{"entity": state["id"], "handle": state["handle"]}], "trusts": list(trusts)}


ACTORS = Projection(
    kind="actor",
    ddl=(
        "CREATE TABLE actors (entity TEXT PRIMARY KEY, handle TEXT NOT NULL)",
        "CREATE INDEX actors_handle ON actors (handle)",
        "CREATE TABLE trusts (entity TEXT NOT NULL, actor TEXT NOT NULL, weight INTEGER NOT NULL)",
        "CREATE INDEX trusts_entity ON trusts (entity)",
    ),
    columns={"actors": ("entity", "handle"), "trusts": ("entity", "actor", "weight")},
    rows=_actor_rows,
)

TABLES = (ITEMS, LEGACY, ACTORS)
"""All that the board adds to a ledger's own."""
