"""Items and actors as text and as JSON: one shape for every verb and the API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from beads import ids
from beads.index import Index
from node import naming
from node.sheets import words
from stamps.sheet import EarnedStamp, Sheet
from wanted.view import ItemView


def texts(index: Index, item: ItemView) -> dict[str, str]:
    """Return an item's title and description; "" where its words are not held."""
    return {name: index.prose(op).get(name, "") for name, op in item.prose.items()}


def item_json(index: Index, item: ItemView) -> dict[str, Any]:
    """Return an item as JSON."""
    prose = texts(index, item)
    return {
        "id": item.id,
        "title": prose.get("title", ""),
        "description": prose.get("description", ""),
        "status": item.shown_status,
        "poster": item.poster,
        "holder": item.holder.actor if item.holder else None,
        "until": item.holder.until if item.holder else None,
        "provisional_holder": item.provisional,
        "confirmed": item.holder is not None,
        "claimers": item.claimers,
        "project": item.terms.project,
        "effort": item.terms.effort,
        "priority": item.terms.priority,
        "skills": list(item.terms.skills),
        "winners": item.terms.winners,
        "competition": item.terms.competition,
        "dimensions": list(item.terms.dimensions),
        "deadline": item.terms.deadline,
        "checks": [msgspec.to_builtins(check) for check in item.terms.checks],
        "submissions": [
            {"id": op, "actor": s.actor, "evidence": list(s.evidence), "accepted": item.accepted_of(op) is not None,
             "summary": index.prose(op).get("summary", "")}
            for op, s in item.submissions.items()
        ],
        "accepted": [{"submission": a.submission, "actor": a.actor, "op": a.op} for a in item.accepted],
        "stamps": [
            {"op": s.op, "author": s.author, "subject": s.subject, "title": s.title, "dims": dict(s.dims),
             "confidence": s.confidence, "severity": s.severity, "skills": list(s.skills),
             "checks": [msgspec.to_builtins(run) for run in s.checks],
             "message": index.prose(s.op).get("message", "")}
            for s in item.stamps
        ],
        "withdrawn_stamps": [
            {"op": w.stamp, "author": w.author, "reason": index.prose(w.op).get("reason", "")} for w in item.withdrawn
        ],
        "disputes": [
            {"op": d.op, "stamp": d.stamp, "reason": index.prose(d.op).get("reason", ""),
             "answer": index.prose(d.answer).get("text", "") if d.answer else None}
            for d in item.disputes
        ],
    }  # fmt: skip


def item_lines(index: Index, item: ItemView, names: Mapping[str, str]) -> list[str]:
    """Return an item as text."""
    prose = texts(index, item)
    lines = [
        f"{ids.short(item.id)}  {prose.get('title', '') or '(no words held here)'}",
        f"  status      {item.shown_status}",
        f"  posted by   {name(item.poster, names)}, {day(item.created.ms)}",
    ]
    if item.holder is not None:
        lines.append(f"  held by     {name(item.holder.actor, names)} until {day(item.holder.until)}")
    elif item.provisional is not None:
        lines.append(f"  claimed by  {name(item.provisional, names)} (unconfirmed until its home grants it)")
    if item.terms.deadline is not None:
        lines.append(f"  until       {day(item.terms.deadline)}")
    if item.terms.skills:
        lines.append(f"  skills      {', '.join(item.terms.skills)}")
    lines += [f"  check       {check.command}" for check in item.terms.checks]
    for op, submission in item.submissions.items():
        verdict = "accepted" if item.accepted_of(op) else "waits" if op in item.unjudged else "rejected"
        verdict = "past its log's cut" if submission.past_cut and verdict == "rejected" else verdict
        lines.append(f"  submission  {ids.short(op)} by {name(submission.actor, names)}: {verdict}")
        summary = index.prose(op).get("summary", "")
        lines += [f"              {line}" for line in summary.splitlines()]
        lines += [f"              {evidence_line(evidence)}" for evidence in submission.evidence]
    for stamp in item.stamps:
        scores = ", ".join(f"{dimension} {score}/5" for dimension, score in stamp.dims)
        lines.append(f"  stamp       {scores} by {name(stamp.author, names)}: {stamp.title}")
        lines += [f"    checked   {run.command}: {words.ran(run)}" for run in stamp.checks]
        lines += _said_of(index, item, stamp.op)
    for taken_back in item.withdrawn:
        why = index.prose(taken_back.op).get("reason", "")
        who = name(taken_back.author, names)
        lines.append(f"  taken back  a stamp by {who}{f': {why}' if why else ''}")
    if prose.get("description"):
        lines += ["", *(f"  {line}" for line in prose["description"].splitlines())]
    return lines


def _said_of(index: Index, item: ItemView, stamp: str) -> list[str]:
    lines: list[str] = []
    for dispute in item.disputes:
        if dispute.stamp == stamp:
            lines.append(f"    disputed  {index.prose(dispute.op).get('reason', '') or '(no words held here)'}")
            lines += [f"    answered  {index.prose(dispute.answer).get('text', '')}"] if dispute.answer else []
    return lines


def evidence_line(evidence: Mapping[str, str | int | bool]) -> str:
    """Return a piece of evidence on one line."""
    kind = str(evidence.get("kind", "evidence"))
    if set(evidence) == {"kind", kind}:
        return f"{kind}: {evidence[kind]}"
    rest = {key: value for key, value in evidence.items() if key != "kind"}
    shown = (f"{key} {_brief(value)}" for key, value in rest.items())
    return f"{kind.replace('_', ' ')}: {', '.join(shown)}"


def _brief(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text[:12] if len(text) == 40 and set(text) <= set("0123456789abcdef") else text


def names_in(*indexes: Index) -> dict[str, str]:
    """Return what to call the actors of some commons that have given themselves a name; see `node.naming`."""
    rows = (row for index in indexes for row in index.database.query("SELECT entity, handle FROM actors"))
    return naming.shown({actor: handle for actor, handle in rows if handle})


def name(actor: str, names: Mapping[str, str]) -> str:
    """Show an actor: by its name (`node.naming`), or by how its id begins where it has none."""
    return names.get(actor) or actor[:12]


def sheet_json(sheet: Sheet, commons: Mapping[str, str]) -> dict[str, Any]:
    """Return a character sheet as JSON."""
    return {
        "subject": sheet.subject,
        "stamps": sheet.stamps,
        "issuers": sheet.issuers,
        "items": sheet.items,
        "dimensions": {
            dimension: {"mean": score.mean, "count": score.count, "issuers": score.issuers}
            for dimension, score in sheet.dimensions.items()
        },
        "severities": dict(sheet.severities),
        "skills": dict(sheet.skills),
        "commons": [{"id": i, "name": commons.get(i, ""), "stamps": n} for i, n in sheet.commons.items()],
        "timeline": [
            {"op": s.op, "title": s.title, "issuer": s.issuer, "item": s.item, "commons": s.commons,
             "dims": dict(s.dims), "severity": s.severity, "time_ms": s.time_ms, "withdrawn": s.withdrawn,
             "disputed": s.disputed, "answered": s.answered,
             "checks": [msgspec.to_builtins(run) for run in s.checks]}
            for s in sheet.timeline
        ],
    }  # fmt: skip


def sheet_lines(sheet: Sheet, who: str, commons: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """Return a character sheet as text."""
    if not sheet.timeline:
        return [f"{who}: no stamps yet"]
    lines = [f"{who}: {sheet.stamps} stamp(s) from {sheet.issuers} issuer(s) over {sheet.items} item(s)"]
    for dimension, score in sheet.dimensions.items():
        lines.append(f"  {dimension:<12} {score.mean:.1f}/5  ({score.count} from {score.issuers} issuer(s))")
    if sheet.skills:
        lines.append(f"  skills       {', '.join(f'{skill} ×{n}' for skill, n in sheet.skills.items())}")
    for origin, n in sheet.commons.items():
        lines.append(f"  earned in    {commons.get(origin, '')} {origin[:20]}…: {n}")
    for stamp in sheet.timeline:
        checked = f", {words.checked(stamp)}" if stamp.checks else ""
        said = f"{stamp.severity}, by {name(stamp.issuer, names)}{checked}{_contested(stamp)}"
        lines.append(f"  {day(stamp.time_ms)}  {stamp.title} ({said})")
    return lines


def _contested(stamp: EarnedStamp) -> str:
    became = words.state(stamp)
    return f", {became}" if became else ""


def day(ms: int) -> str:
    """Show a date, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
