"""Items and actors as text and as JSON: one shape for every verb and the API."""

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import Any

import msgspec

from beads import ids, times
from beads.index import Index
from node import naming
from node.localtime import clock
from node.sheets import words
from node.told import Given, Handed, Told
from stamps.sheet import Sheet, checked
from wanted import view
from wanted.view import ItemView

NO_WORDS = "(no words held here)"
"""In place of a text that its author took back, or that has not come yet."""
_VERDICTS = MappingProxyType({view.WAITING: "waits", view.NOT_CHOSEN: "not chosen", view.CUT: "past its log's cut"})
_PLACES = ("first", "second", "third", "fourth", "fifth")


def item_json(told: Told) -> dict[str, Any]:
    """Return an item as JSON; `names` says what to call the actors that have given themselves a name."""
    item = told.item
    return {
        "id": item.id,
        "title": told.title,
        "description": told.description,
        "status": item.shown_status,
        "time_ms": item.created.ms,
        "names": {actor: told.names[actor] for actor in told.actors if actor in told.names},
        "poster": item.poster,
        "holder": item.holder.actor if item.holder else None,
        "until": item.holder.until if item.holder else None,
        "provisional_holder": item.provisional,
        "confirmed": item.holder is not None,
        "claimers": item.in_line,
        "project": item.terms.project,
        "effort": item.terms.effort,
        "priority": item.terms.priority,
        "skills": list(item.terms.skills),
        "winners": item.terms.winners,
        "competition": item.terms.competition,
        "dimensions": list(item.terms.dimensions),
        "deadline": item.terms.deadline,
        "checks": [msgspec.to_builtins(check) for check in item.terms.checks],
        "submissions": [_handed_json(each) for each in told.submissions],
        "accepted": [
            {"submission": a.submission, "actor": a.actor, "op": a.op, "time_ms": a.hlc.ms} for a in item.accepted
        ],
        "stamps": [_stamp_json(each) for each in told.stamps],
        "withdrawn_stamps": [{"op": w.stamp, "author": w.author, "reason": w.reason} for w in told.taken_back],
        "disputes": [
            {"op": d.op, "stamp": d.stamp, "reason": d.reason, "answer": d.answer}
            for each in told.stamps for d in each.objections
        ],
        "comments": [
            {"op": c.op, "actor": c.actor, "time_ms": c.time_ms, "text": c.text} for c in told.comments
        ],
    }  # fmt: skip


def _handed_json(handed: Handed) -> dict[str, Any]:
    return {
        "id": handed.op, "actor": handed.actor, "time_ms": handed.time_ms, "evidence": list(handed.evidence),
        "summary": handed.summary, "accepted": handed.verdict == view.ACCEPTED, "verdict": handed.verdict,
        "reason": handed.reason, "final": handed.final,
    }  # fmt: skip


def _stamp_json(given: Given) -> dict[str, Any]:
    stamp = given.stamp
    return {
        "op": stamp.op, "author": stamp.author, "subject": stamp.subject, "submission": stamp.submission,
        "time_ms": stamp.hlc[0], "title": stamp.title, "dims": dict(stamp.dims), "confidence": stamp.confidence,
        "severity": stamp.severity, "skills": list(stamp.skills),
        "checks": [msgspec.to_builtins(run) for run in stamp.checks], "message": given.message,
    }  # fmt: skip


def item_lines(told: Told) -> list[str]:
    """Return an item as text; of strangers' words nothing stays that could steer a terminal."""
    parts = (_head, _offer, _handed_in, _judged, _commented, _described)
    return [words.plain(line.expandtabs()) for part in parts for line in part(told)]


def _head(told: Told) -> Iterator[str]:
    item, names = told.item, told.names
    yield f"{ids.short(item.id)}  {told.title or NO_WORDS}"
    yield f"  status      {item.shown_status}"
    yield f"  posted by   {name(item.poster, names)}, {clock(item.created.ms)}"
    if item.holder is not None:
        leaving = ", who gives it up" if item.giving_up else ""
        yield f"  held by     {name(item.holder.actor, names)} until {clock(item.holder.until)}{leaving}"
    elif item.provisional is not None:
        yield f"  claimed by  {name(item.provisional, names)} (unconfirmed until its home grants it)"
        yield from (f"  then        {name(actor, names)}" for actor in item.in_line[1:])


def _offer(told: Told) -> Iterator[str]:
    terms = told.item.terms
    yield f"  offer       {', '.join(asked(told.item))}"
    if terms.deadline is not None:
        yield f"  until       {clock(terms.deadline)}"
    if terms.skills:
        yield f"  skills      {', '.join(terms.skills)}"
    if terms.dimensions:
        yield f"  judged by   {', '.join(terms.dimensions)}"
    for check in terms.checks:
        yield f"  check       {check.command}"
        if check.repo is not None:
            yield f"              in {check.repo}"


def asked(item: ItemView) -> list[str]:
    """Say in few words what an item asks for: effort, priority, project, how many may win."""
    terms = item.terms
    return [
        f"{terms.effort} effort",
        f"priority {terms.priority}",
        *([f"project {terms.project}"] if terms.project else []),
        *([f"{terms.winners} winners"] if terms.winners > 1 else []),
        *(["open competition"] if terms.competition else []),
    ]


def _handed_in(told: Told) -> Iterator[str]:
    for each in told.submissions:
        who = name(each.actor, told.names)
        yield f"  submission  {ids.short(each.op)} by {who}, {clock(each.time_ms)}: {said_of(each)}"
        yield from _under("", each.summary)
        yield from (f"              {evidence_line(evidence)}" for evidence in each.evidence)
        if each.reason is not None:
            yield from _under("because", each.reason or NO_WORDS)


def said_of(handed: Handed) -> str:
    """Say what became of work handed in."""
    return "rejected for good" if handed.final else _VERDICTS.get(handed.verdict, handed.verdict)


def _judged(told: Told) -> Iterator[str]:
    for each in told.stamps:
        stamp = each.stamp
        scores = ", ".join(f"{dimension} {score}/5" for dimension, score in stamp.dims)
        whose = f" for {name(stamp.subject, told.names)}" if len(told.item.accepted) > 1 else ""
        yield f"  stamp       {scores}{whose} by {name(stamp.author, told.names)}, {clock(stamp.hlc[0])}: {stamp.title}"
        yield f"              {', '.join((stamp.severity, f'{stamp.confidence} % sure', *stamp.skills))}"
        yield from _under("", each.message)
        yield from (f"    checked   {run.command}: {words.ran(run)}" for run in stamp.checks)
        for objection in each.objections:
            yield from _under("disputed", objection.reason or NO_WORDS)
            if objection.answer is not None:
                yield from _under("answered", objection.answer or NO_WORDS)
    for gone in told.taken_back:
        yield f"  taken back  a stamp by {name(gone.author, told.names)}{f': {gone.reason}' if gone.reason else ''}"


def _commented(told: Told) -> Iterator[str]:
    for each in told.comments:
        yield f"  comment     by {name(each.actor, told.names)}, {clock(each.time_ms)}"
        yield from _under("", each.text or NO_WORDS)


def _described(told: Told) -> Iterator[str]:
    if told.description:
        yield ""
        yield from (f"  {line}" for line in told.description.splitlines())


def _under(label: str, text: str) -> Iterator[str]:
    for n, line in enumerate(text.splitlines()):
        yield f"    {'' if n else label:<10}{line}"


def standing(item: ItemView, actor: str, names: Mapping[str, str]) -> str:
    """Say where a claim that nobody has confirmed stands among the others."""
    line = item.in_line
    if actor not in line[1:]:
        return "unconfirmed until the item's home grants it"
    place = line.index(actor)
    which = _PLACES[place] if place < len(_PLACES) else f"as number {place + 1}"
    return f"unconfirmed: you come {which}; {name(line[0], names)} comes first until the item's home decides"


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


def sheet_lines(
    sheet: Sheet, who: str, commons: Mapping[str, str], names: Mapping[str, str], zone: tzinfo
) -> list[str]:  # fmt: skip
    """Return a character sheet as text, its times in a zone."""
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
        notes = (stamp.severity, f"by {name(stamp.issuer, names)}", checked(stamp), words.state(stamp))
        lines.append(f"  {times.local(stamp.time_ms, zone)}  {stamp.title} ({', '.join(filter(None, notes))})")
    return lines
