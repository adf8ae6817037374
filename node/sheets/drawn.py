"""A sheet as a page, as a file of its own, as a card and as a badge. ⚡ (templates are read from the package)

Strangers' words are escaped by the environment, and what is not to be seen is left out of them: no template does it, so
none can forget to.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from node import regard
from node.sheets import palette, timeline, words
from node.sheets.radar import Radar, radar
from node.sheets.timeline import Stretch, Timeline
from node.sheets.view import Evidence, SheetView
from stamps import tiers
from stamps.sheet import EarnedStamp, checked

TEMPLATES: Final = Path(__file__).parent / "templates"
STATIC: Final = Path(__file__).parents[1] / "web" / "static"
SHOWN, FEW = 30, 12
"""So many stamps are told in all, and under each number."""
WIDE, NARROW = 720.0, 330.0
CARD, SLIM = 800, 484
"""How wide a card is, with a radar and without."""
ROWS: Final = 6
"""So many dimensions have room on a card."""


class Links(NamedTuple):
    """Where what a sheet speaks of can be looked at.

    Attributes:
        base: What stands before the paths of a node's pages; None where no node is named, and nothing is linked.
    """

    base: str | None

    def item(self, stamp: EarnedStamp) -> str | None:
        """Return the page of a stamp's item."""
        return None if self.base is None else f"{self.base}/c/{stamp.commons}/items/{stamp.item}"

    def actor(self, actor: str, commons: str) -> str | None:
        """Return the page of an actor in a commons."""
        return None if self.base is None else f"{self.base}/c/{commons}/actors/{actor}"


class Pictures(NamedTuple):
    """What is drawn of a sheet, laid out; the timeline for wide windows and for telephones, and as a table."""

    radar: Radar | None
    wide: Timeline | None
    narrow: Timeline | None
    table: tuple[Stretch, ...]


class _Card(NamedTuple):
    width: int
    height: int
    tier: float
    score: str
    doubt: str
    facts: str
    rows: tuple[Evidence, ...]
    more: int
    web: float
    said: str
    foot: str


class _Badge(NamedTuple):
    value: str
    said: str
    left: int
    width: int


def prepare(environment: Environment) -> Environment:
    """Give an environment what the templates of sheets use."""
    environment.finalize = _seen
    environment.filters.update(
        day=words.date, age=words.age, counted=words.counted, number=words.number, state=words.state,
        checked=checked, ran=words.ran, fit=words.fit,
        capped=regard.capped, too_little=regard.too_little,
        rule=tiers.rule,
    )  # fmt: skip
    environment.globals.update(rungs=tiers.LADDER, shown=SHOWN, few=FEW, facts=_facts)
    return environment


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return prepare(
        Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    )


def _facts(view: SheetView) -> tuple[tuple[str, str, str], ...]:
    """Return the figures beside the score, each with where on the page it is told what it stands on."""
    score, counts = view.overall.score, view.sheet
    return (
        ("effective", f"{score.effective:.1f}", "behind-overall"),
        ("independent issuers", f"{score.independent:.1f}", "behind-overall"),
        ("stamps", str(counts.stamps), "stamps-heading"),
        ("issuers", str(counts.issuers), "stamps-heading"),
        ("items", str(counts.items), "stamps-heading"),
        ("disputed", str(counts.disputed), "stamps-heading"),
    )


def _seen(value: object) -> object:
    return words.plain(value, "\n") if isinstance(value, str) and not isinstance(value, Markup) else value


def pictures(view: SheetView) -> Pictures:
    """Lay out what is drawn of a sheet."""
    return Pictures(
        radar=_radar(view),
        wide=timeline.timeline(view.timeline, WIDE),
        narrow=timeline.timeline(view.timeline, NARROW),
        table=timeline.table(view.timeline),
    )


def page(view: SheetView, links: Links) -> str:
    """Return a sheet as a file of its own, which asks nobody for anything."""
    style = Markup((STATIC / "style.css").read_text())
    return _render("file.html", view=view, links=links, pictures=pictures(view), style=style)


def card(view: SheetView) -> str:
    """Return a sheet as one picture."""
    found = _radar(view)
    width = CARD if found else SLIM
    drawn = {"radar": found, "card": timeline.timeline(view.timeline, width - 36)}
    return _render(
        "card.svg", view=view, card=_card(view, width), scheme=Markup(palette.scheme()), icon=_icon(),
        colour=palette.TIERS[view.rung.tier], pictures=drawn,
    )  # fmt: skip


def badge(view: SheetView) -> str:
    """Return the small picture for a README."""
    value = badge_value(view)
    left = 28 + _pixels("wasteland")
    return _render(
        "badge.svg", badge=_Badge(value, said(view), left, left + 14 + _pixels(value)), icon=_icon(),
        colour=palette.TIERS[view.rung.tier], label=palette.LABEL,
    )  # fmt: skip


def badge_value(view: SheetView) -> str:
    """Say what stands on a badge."""
    score = view.overall.score
    known = (words.number(score),) if score.value is not None else ()
    return " · ".join((view.rung.tier, *known, words.counted(view.sheet.stamps, "stamp")))


def said(view: SheetView) -> str:
    """Say a sheet in a sentence, for whoever does not see it."""
    sheet, name = view.sheet, words.fit(view.who, 60)
    counts = f"{words.counted(sheet.stamps, 'stamp')} from {words.counted(sheet.issuers, 'issuer')}"
    whose = f"as the circle of {words.fit(view.named.seer, 60)} saw it on {words.date(view.now_ms)}"
    return f"{name}: {view.rung.tier}, {_score(view)}, {counts}, {whose}"


def _score(view: SheetView) -> str:
    score = view.overall.score
    return "no score yet" if score.value is None else f"{words.number(score)} of 5"


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


def _icon() -> Markup:
    """Return the house's mark, without the frame that makes it a file."""
    raw = (STATIC / "icon.svg").read_text()
    return Markup(f'<svg width="32" height="32" viewBox="0 0 32 32">{raw[raw.index(">") + 1 :].strip()}')


def _radar(view: SheetView) -> Radar | None:
    return radar([(each.name, each.score.estimate, each.score.uncertainty) for each in view.scored])


def _card(view: SheetView, width: int) -> _Card:
    score, rows, sheet = view.overall.score, view.dimensions[:ROWS], view.sheet
    more = len(view.dimensions) - len(rows)
    facts = (
        words.counted(sheet.stamps, "stamp"), words.counted(sheet.issuers, "issuer"), words.counted(sheet.items, "item")
    )  # fmt: skip
    top = 246 + 26 * (len(rows) + bool(more))
    return _Card(
        width=width, height=top + (264 if view.timeline else 40),
        tier=round(words.width(view.rung.tier) * 13 + 26, 1),
        score=words.NO_SCORE if score.value is None else f"{score.value:.1f}",
        doubt="" if score.value is None else f"{score.uncertainty:.1f}",
        facts=" · ".join(facts), rows=rows, more=more, web=top / 2 - 115, said=said(view), foot=_foot(view),
    )  # fmt: skip


def _foot(view: SheetView) -> str:
    return f"in the circle of {words.fit(view.named.seer, 30)}"


_EMS: Final[Mapping[str, float]] = MappingProxyType(
    {
        **dict.fromkeys("abdeghnopqu", 0.62), **dict.fromkeys("cksvxyz", 0.55), **dict.fromkeys("fjrt", 0.39),
        **dict.fromkeys("il", 0.27), **dict.fromkeys(" ·.", 0.36), "m": 0.97, "w": 0.82, "±": 0.82,
    }
)  # fmt: skip
"""Advances of Verdana, which badges are set in; the text is told how long to be, so other fonts stay in their half."""
_DIGIT: Final = 0.64


def _pixels(text: str) -> int:
    """Return how wide a text of a badge is at 11 pixels."""
    return round(sum(_EMS.get(c, _DIGIT) for c in text) * 11)
