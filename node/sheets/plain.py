"""A sheet as text for a terminal, and as JSON for programs."""

from datetime import UTC, tzinfo
from typing import Any, Final

from beads import ids
from node import present, regard
from node.sheets import words
from node.sheets.view import Behind, Evidence, SheetView
from stamps import tiers

SHOWN: Final = 20
"""So many stamps are told under a number; the JSON has all."""


def lines(view: SheetView, zone: tzinfo = UTC) -> list[str]:
    """Return a sheet as text: plain counts, then how the circle regards them.

    Args:
        zone: Where its reader is; what goes to others says UTC.
    """
    counts = present.sheet_lines(view.sheet, view.who, view.named.commons, view.named.actors, zone)
    return [*counts, *_regarded(view)]


def _regarded(view: SheetView) -> list[str]:
    found = [f"In your circle: {regard.said(view.overall.score)}; {view.rung.tier}"]
    if view.overall.score.value is not None:
        found += [f"  {each.name:<12} {regard.said(each.score)}" for each in view.dimensions]
    if view.rung.next is not None:
        found.append(f"  next         {view.rung.next}: {', '.join(view.rung.missing)}")
    if view.badges:
        found.append(f"  badges       {', '.join(view.badges)}")
    return found + [f"  sign         {regard.sign_line(one, view.one_owner)}" for one in view.signals]


def record(view: SheetView) -> dict[str, Any]:
    """Return a sheet as JSON: the counts, how the circle regards them, and what each number stands on."""
    return {"sheet": present.sheet_json(view.sheet, view.named.commons), "circle": _circle(view)}


def _circle(view: SheetView) -> dict[str, Any]:
    return {
        "trust": round(view.standing.trust, 4),
        "distrusted": view.standing.distrusted,
        "overall": regard.score_json(view.overall.score),
        "dimensions": {each.name: regard.score_json(each.score) for each in view.dimensions},
        "weights": [
            {"stamp": one.stamp.op, "issuer": one.issuer, "weight": round(one.weight, 4)}
            for one in view.standing.weighed
        ],
        "evidence": {each.name: evidence(each) for each in (view.overall, *view.dimensions)},
        "ways": [regard.way_json(way) for way in view.ways],
        "tier": view.rung.tier,
        "next": None if view.rung.next is None else {"tier": view.rung.next, "missing": list(view.rung.missing)},
        "badges": list(view.badges),
        "rules": {badge: tiers.rule(badge) for badge in view.badges},
        "signals": [
            {"name": one.name, "actor": one.actor, "says": one.says, "factor": one.factor} for one in view.signals
        ],
    }


def evidence(each: Evidence) -> dict[str, Any]:
    """Return what a score stands on as JSON."""
    return {
        "stamps": [_behind(one) for one in each.stamps],
        "issuers": [regard.reason_json(reason) for reason in each.reasons],
    }


def evidence_lines(view: SheetView, each: Evidence) -> list[str]:
    """Return the stamps that a score stands on as text, the heaviest first."""
    shown = each.stamps[:SHOWN]
    rest = len(each.stamps) - len(shown)
    found = ["Stamps behind it, the heaviest first:"] if shown else []
    found += [_behind_line(view, one) for one in shown]
    return found + ([f"  and {words.counted(rest, 'stamp')} more: --json"] if rest else [])


def _behind_line(view: SheetView, one: Behind) -> str:
    stamp = one.stamp
    notes = (
        f"by {view.named.actor(stamp.issuer)}", f"{stamp.confidence} % sure", words.age(stamp.time_ms, view.now_ms),
        f"item {ids.short(stamp.item)}", words.state(stamp),
    )  # fmt: skip
    return f"  {one.weight:.2f}  {one.score:g}/5  {words.plain(stamp.title)} ({', '.join(filter(None, notes))})"


def _behind(one: Behind) -> dict[str, Any]:
    return {"stamp": one.stamp.op, "score": round(one.score, 3), "weight": round(one.weight, 4)}
