"""How a circle regards actors, as text and as JSON: one shape for verbs and pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from beads import ids
from node import naming
from node.sheets import words
from stamps import signals as signs
from stamps import tiers
from stamps.reputation import Ranked, Reason, Way, Why
from stamps.score import LEAST_EFFECTIVE, Score
from stamps.signals import Signal

Name = Callable[[str], str]
NO_EVIDENCE = "no evidence yet"
TOO_LITTLE = "not enough evidence yet"
FULLY = 1.0
"""How much anybody is trusted at the most."""
_CAPPED = "together, of which 1 counts: nobody is trusted more than fully"
Owners = Mapping[str, Sequence[str]]


def score_json(score: Score) -> dict[str, Any]:
    """Return a score as JSON; its value is null where there is too little evidence."""
    return {
        "value": None if score.value is None else round(score.value, 3),
        "uncertainty": round(score.uncertainty, 3),
        "effective": round(score.effective, 3),
        "independent_issuers": round(score.independent, 2),
        "stamps": score.stamps,
        "mean": round(score.mean, 3) if score.stamps else None,
    }


def said(score: Score) -> str:
    """Say a score, how sure it is, and on what it stands."""
    if score.value is None:
        return too_little(score)
    evidence = f"{score.effective:.1f} effective of {score.stamps}, {score.independent:.1f} independent issuer(s)"
    return f"{score.value:.1f} ± {score.uncertainty:.1f}  ({evidence})"


def too_little(score: Score) -> str:
    """Say how much evidence there is where it is too little for a number."""
    from_all = words.counted(score.stamps, "stamp")
    if not score.effective:
        weigh = "weighs" if score.stamps == 1 else "weigh"
        return f"{NO_EVIDENCE}: {from_all} that {weigh} nothing" if score.stamps else NO_EVIDENCE
    # What is missing, however little, is never shown as there.
    have = min(round(score.effective, 1), LEAST_EFFECTIVE - 0.1) or "less than 0.1"
    return f"{TOO_LITTLE}: {have} of the {LEAST_EFFECTIVE:g} needed, from {from_all}"


def capped(ways: Iterable[Way]) -> str:
    """Say that ways come to more than counts; "" where they do not."""
    total = sum(way.mass for way in ways)
    return f"{total:.2f} {_CAPPED}" if total >= FULLY + 0.005 else ""


def sign_line(signal: Signal, name: Name) -> str:
    """Return a sign on one line."""
    factor = f" (weight × {signal.factor:g})" if signal.factor != signs.TELLS else ""
    return f"{name(signal.actor)} {signal.says}{factor}"


# -- why -----------------------------------------------------------------------------------------------------------


def why_json(why: Why, terms: Sequence[str]) -> dict[str, Any]:
    """Return why a score is what it is as JSON."""
    return {
        "trust": round(why.trust, 4),
        "ways": [way_json(way) for way in why.ways],
        "issuers": [reason_json(each) for each in why.reasons],
        "terms": list(terms),
    }


def reason_json(reason: Reason) -> dict[str, Any]:
    """Return why an issuer's stamps weigh what they do as JSON."""
    return {
        "issuer": reason.issuer, "actors": list(reason.actors), "weight": round(reason.weight, 4),
        "items": list(reason.items),
        "ways": [way_json(way) for way in reason.ways],
    }  # fmt: skip


def way_json(way: Way) -> dict[str, Any]:
    """Return a way of trust as JSON."""
    return {"trust": round(way.mass, 4), "steps": [step._asdict() for step in way.steps]}


def why_lines(why: Why, score: Score, name: Name, owners: Owners) -> list[str]:
    """Return why a score is what it is as text.

    Args:
        owners: Actor → all actors of its owner, where that has several.
    """

    def owner(actor: str) -> str:
        return naming.of_owner([actor], owners, name)

    lines = [f"{name(why.actor)}: {said(score)}"]
    for each in why.reasons:
        who = naming.of_owner(each.actors, owners, name)
        weighs = "weigh" if len(each.actors) > 1 or name(each.actors[0]) == "you" else "weighs"
        lines.append(f"  {who} {weighs} {each.weight:.2f}, by {_items(each.items)}; trusted because")
        lines += [f"    {line}" for line in _way_lines(each.ways, each.issuer, owner)]
    if not why.reasons:
        lines.append("  nobody whom your circle trusts has stamped it")
    lines.append(f"As an issuer it is trusted at {min(FULLY, why.trust):.2f}" + (", because" if why.ways else "."))
    return lines + [f"  {line}" for line in _way_lines(why.ways, why.actor, owner)]


def _way_lines(ways: Sequence[Way], actor: str, name: Name) -> list[str]:
    lines = [way_line(way, actor, name) for way in ways]
    return lines + list(filter(None, [capped(ways)]))


def way_line(way: Way, actor: str, name: Name) -> str:
    """Return a way of trust on one line: who leads on to whom, and by what."""
    if not way.steps:
        return f"{way.mass:.2f}  {name(actor)}: one of your anchors"
    steps = (f" → {name(step.subject)} ({_grounds(step.items, step.declared)})" for step in way.steps)
    return f"{way.mass:.2f}  {name(way.steps[0].issuer)}{''.join(steps)}"


def _grounds(items: Sequence[str], declared: float) -> str:
    grounds = [_items(items)] if items else []
    return " and ".join([*grounds, f"declared {declared:g}"] if declared else grounds)


def _items(items: Sequence[str]) -> str:
    shown = ", ".join(ids.short(item) for item in items[:3])
    return f"{'item' if len(items) == 1 else 'items'} {shown}{' …' if len(items) > 3 else ''}"


# -- leaderboard ---------------------------------------------------------------------------------------------------


def ranked_json(line: Ranked) -> dict[str, Any]:
    """Return a line of the leaderboard as JSON."""
    return {"place": line.place, "actor": line.actor, "tier": tiers.rung(line.score).tier, **score_json(line.score)}
