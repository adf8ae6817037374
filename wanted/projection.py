"""How items, submissions, stamps and actors are laid out in tables, so that the board is one indexed query."""

from collections.abc import Mapping
from typing import Any

from beads.projection import Projection, Prose, Row, Rows
from wanted import view


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
    }


def _submission_row(item: view.ItemView, op: str) -> Row:
    submission = item.submissions[op]
    verdict = "accepted" if item.accepted_of(op) else "waiting"
    if any(rejected.submission == op for rejected in item.rejected):
        verdict = "rejected"
    elif verdict == "waiting" and submission.past_cut:
        verdict = "cut"
    return {"entity": item.id, "op": op, "actor": submission.actor, "created": submission.hlc.ms, "verdict": verdict}


def _stamp_row(item: view.ItemView, stamp: view.Stamped) -> Row:
    return {
        "entity": item.id, "op": stamp.op, "author": stamp.author, "subject": stamp.subject, "created": stamp.hlc[0],
    }  # fmt: skip


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
           subject TEXT NOT NULL, created INTEGER NOT NULL)""",
        "CREATE INDEX stamps_entity ON stamps (entity)",
        "CREATE INDEX stamps_subject ON stamps (subject)",
    ),
    columns={
        "items": (
            "entity", "title", "status", "poster", "home", "holder", "provisional", "claims", "project", "effort",
            "priority", "skills", "created", "updated", "hidden",
        ),
        "claimers": ("entity", "actor"),
        "submissions": ("entity", "op", "actor", "created", "verdict"),
        "stamps": ("entity", "op", "author", "subject", "created"),
    },
    rows=_item_rows,
)  # fmt: skip


def _actor_rows(state: Mapping[str, Any], prose: Prose) -> Rows:
    return {"actors": [{"entity": state["id"], "handle": state["handle"]}]}


ACTORS = Projection(
    kind="actor",
    ddl=(
        "CREATE TABLE actors (entity TEXT PRIMARY KEY, handle TEXT NOT NULL)",
        "CREATE INDEX actors_handle ON actors (handle)",
    ),
    columns={"actors": ("entity", "handle")},
    rows=_actor_rows,
)
