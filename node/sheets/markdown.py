"""A sheet as Markdown, and strangers' words in it: they make no link, no HTML, no heading, and call nobody."""

from collections.abc import Iterable, Sequence
from typing import Final

from node.sheets import words
from node.sheets.view import Behind, Evidence, SheetView
from stamps import tiers
from stamps.sheet import checked

SHOWN: Final = 20
"""So many stamps are told, the newest, and so many skills, the commonest; the others are in the JSON."""
_MARKS: Final = "\\`*_{}[]()<>#!|~:.&@"
_NO_BREAK: Final = "\u2060"
"""A word joiner: after it no host makes a mention or a mail address out of what follows an @."""


def quoted(text: str) -> str:
    """Quote strangers' words: every mark of Markdown is one of text, in a table's cell as in a line."""
    kept = "".join("\\" + c if c in _MARKS else c for c in words.plain(text))
    return kept.replace("@", "@" + _NO_BREAK)


def lines(view: SheetView) -> list[str]:
    """Return a sheet as lines of Markdown."""
    parts = (_head(view), _scores(view), _skills(view), _badges(view), _signs(view), _stamps(view), _foot(view))
    return [line for part in parts if part for line in (*part, "")][:-1]


def _head(view: SheetView) -> list[str]:
    score, sheet = view.overall.score, view.sheet
    counts = (
        words.counted(sheet.stamps, "stamp"), words.counted(sheet.issuers, "issuer"), words.counted(sheet.items, "item")
    )  # fmt: skip
    found = [f"# {quoted(view.who)}", "", f"**{view.rung.tier}** · {words.number(score)} · {' · '.join(counts)}"]
    if view.rung.next is not None:
        found += ["", f"Next: {view.rung.next} ({', '.join(view.rung.missing)})."]
    return found


def _scores(view: SheetView) -> list[str]:
    if not view.dimensions:
        return []
    return [
        "## Scores", "", "| dimension | score | effective | independent issuers | stamps |", "|---|--:|--:|--:|--:|",
        *map(_score, (view.overall, *view.dimensions)),
    ]  # fmt: skip


def _score(each: Evidence) -> str:
    score = each.score
    cells = (
        quoted(each.name), words.number(score), f"{score.effective:.1f}", f"{score.independent:.1f}", str(score.stamps)
    )  # fmt: skip
    return _row(cells)


def _skills(view: SheetView) -> list[str]:
    named = [f"{quoted(skill.name)} × {len(skill.stamps)}" for skill in view.skills[:SHOWN]]
    rest = len(view.skills) - len(named)
    said = ", ".join([*named, f"and {words.counted(rest, 'more skill')}"] if rest else named)
    return ["## Skills", "", said] if said else []


def _badges(view: SheetView) -> list[str]:
    if not view.badges:
        return []
    return ["## Badges", "", *(f"- {quoted(badge)}: {quoted(tiers.rule(badge))}" for badge in view.badges)]


def _signs(view: SheetView) -> list[str]:
    if not view.signals:
        return []
    return ["## Signs", "", *(f"- {quoted(view.one_owner(one.actor))} {one.says}" for one in view.signals)]


def _stamps(view: SheetView) -> list[str]:
    if not view.timeline:
        return []
    newest = list(reversed(view.timeline))[:SHOWN]
    older = len(view.timeline) - len(newest)
    return [
        "## Stamps", "", "| when | for | by | scores | |", "|---|---|---|---|---|",
        *(_stamp(view, one) for one in newest),
        *(["", f"And {words.counted(older, 'older stamp')}."] if older else []),
    ]  # fmt: skip


def _stamp(view: SheetView, one: Behind) -> str:
    stamp = one.stamp
    scores = ", ".join(f"{quoted(name)} {score}" for name, score in stamp.dims)
    notes = ", ".join(filter(None, (stamp.severity, checked(stamp), words.state(stamp))))
    by = quoted(view.named.actor(stamp.issuer))
    return _row((words.date(stamp.time_ms), quoted(stamp.title), by, scores, notes))


def _foot(view: SheetView) -> Sequence[str]:
    when = words.date(view.now_ms)
    return [
        f"`{view.actor}` as the circle of {quoted(view.named.seer)} saw it on {when}; another circle sees it otherwise."
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
