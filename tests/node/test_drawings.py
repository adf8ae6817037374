"""What a sheet draws and says: layouts, words, colours, and strangers' words in every form of it."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import combinations, pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given
from markdown_it import MarkdownIt

from node.errors import Usage
from node.sheets import drawn, formats, markdown, palette, timeline, words
from node.sheets.radar import radar
from node.sheets.view import Behind, Named, SheetView, look
from stamps import sheet, tiers
from stamps.sheet import EarnedStamp
from stamps.signals import NOTHING_TAKEN
from tests.stamps.circles import NOW_MS, circle, stamp

DAY_MS = 86_400_000
ANN, BOB = "QmAnn", "QmBob"
HOSTILE = (
    "<script>alert(1)</script>", "</style></svg><img src=x onerror=alert(1)>", "[click](https://evil.example)",
    "![x](http://evil.example/x.png)", "https://evil.example www.evil.example a@evil.example @everybody #1",
    "\u202egnp.exe\u202c \u2066hidden\u2069", "字" * 120,
    "\U0001f469\u200d\U0001f680\U0001f3f3\ufe0f\u200d\U0001f308" * 20, "&lt;b&gt; &#60;i&#62;", "| a | b |",
    "`code` **bold**", "{{ 7 * 7 }} {% raw %}", '" onload="alert(1)', "]]> <!-- -->", "\u200f\u061c\x00\x1b[31m",
)  # fmt: skip
anything = st.text(max_size=60)


def seen(stamps: list[EarnedStamp], name: str = "bob", commons: str = "Test") -> SheetView:
    """Bob's sheet in Ann's circle."""
    named = Named({ANN: "ann", BOB: name}, {"wlc1test": commons}, "ann")
    return look(BOB, sheet.fold(BOB, stamps), circle(stamps, {ANN: 1.0}), NOTHING_TAKEN, named, NOW_MS)


def given_(count: int, **members: Any) -> list[EarnedStamp]:
    severities = ("leaf", "branch", "root")
    return [
        stamp(ANN, BOB, n % 6, op=n, severity=severities[n % 3], time_ms=NOW_MS - (count - n) * DAY_MS, **members)
        for n in range(count)
    ]


def dimensions(count: int) -> list[EarnedStamp]:
    dims = tuple((f"dimension_{n:02}", n % 6) for n in range(count))
    return [stamp(ANN, BOB, op=n, item=f"i{n}", dims=dims) for n in range(3)] if dims else []


# -- strangers' words ----------------------------------------------------------------------------------------------


class Markup(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def with_words(text: str) -> SheetView:
    skill = text[:40] or "x"
    return seen([stamp(ANN, BOB, op=n, title=text, skills=(skill,)) for n in range(4)], text, text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_words_become_html(text: str) -> None:
    page = Markup(formats.FORMATS["html"].make(with_words(text)))
    harmless = Markup(formats.FORMATS["html"].make(with_words("harmless")))
    assert page.tags == harmless.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in harmless.attributes]
    assert words.plain(text) in page.words
    assert not [value for name, value in page.attributes if name in ("src", "href") and not value.startswith("#")]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("draw", [drawn.card, drawn.badge])
def test_no_words_become_svg(text: str, draw: Callable[[SheetView], str]) -> None:
    tags = [each.tag for each in ET.fromstring(draw(with_words(text))).iter()]
    assert tags == [each.tag for each in ET.fromstring(draw(with_words("harmless"))).iter()]


@given(anything)
@example("\ud800")
def test_a_card_is_xml_whatever_somebody_is_called(text: str) -> None:
    root = ET.fromstring(drawn.card(with_words(text)))
    assert root.attrib["role"] == "img"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_words_become_markdown(text: str) -> None:
    read = MarkdownIt("commonmark").enable("table")
    kinds = [each.type for each in read.parse("\n".join(markdown.lines(with_words(text))))]
    assert kinds == [each.type for each in read.parse("\n".join(markdown.lines(with_words("harmless"))))]


@given(st.one_of(anything, st.sampled_from(HOSTILE)))
def test_quoted_words_are_read_as_they_are(text: str) -> None:
    inline = MarkdownIt("commonmark").enable("table").parseInline(markdown.quoted(text))[0]
    children = inline.children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    said = "".join(child.content for child in children).replace("\u2060", "")
    assert said.strip() == words.plain(text).replace("\u2060", "").strip()


@given(anything)
def test_quoted_words_call_nobody_and_link_nowhere(text: str) -> None:
    found = markdown.quoted(f"{text} https://a.example www.a.example me@a.example @all")
    assert not re.search(r"(https?:/|www\.|@\w)", found)


@given(anything, st.floats(1, 60))
def test_words_that_are_fitted_fit_and_hide_nothing(text: str, ems: float) -> None:
    found = words.fit(text, ems)
    assert words.width(found) <= ems
    assert not set(found) & set("\u202a\u202e\u2066\u2069\u200f\x00\n")
    assert found == words.plain(text) or found.endswith("…")


# -- the radar and the timeline ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_radar_needs_three_dimensions_and_a_sheet_does_not(count: int) -> None:
    view = seen(dimensions(count))
    assert drawn.pictures(view).radar is None
    assert len(view.scored) == count
    assert 'class="ring' not in drawn.card(view).replace('<line class="ring"', "")
    assert drawn.page(view, drawn.Links(None)).count('<details class="score"') == (count + 1 if count else 0)


def test_a_radar_is_laid_out_from_the_top() -> None:
    found = radar([("a", 5.0, 0.5), ("b", 2.5, 0.5), ("c", 0.0, 0.5), ("d", 1.0, 0.5)])
    assert found is not None
    assert found.area == "160,60 210,160 160,160 140,160"
    assert found.doubt.startswith("M160,60 220,160 160,170")
    assert found.said == "a 5.0 of 5, b 2.5 of 5, c 0.0 of 5, d 1.0 of 5"
    assert [corner.anchor for corner in found.corners] == ["middle", "start", "middle", "end"]


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 1)), min_size=3, max_size=12))
def test_a_radar_lies_within_its_frame(scores: list[tuple[float, float]]) -> None:
    found = radar([(f"d{n}", score, doubt) for n, (score, doubt) in enumerate(scores)])
    assert found is not None
    numbers = [float(each) for each in re.findall(r"[\d.]+", f"{found.area} {found.doubt}")]
    assert all(60 <= each <= 260 for each in numbers)
    assert len(found.corners) == len(scores)


@pytest.mark.parametrize("count", [0, 1, 2, 150, 151, 5000])
def test_a_timeline_holds_any_number_of_stamps(count: int) -> None:
    found = timeline.timeline(seen(given_(count)).timeline, 330)
    if found is None:
        assert count == 0
        return
    assert found.together == (count > timeline.APART)
    assert 0 < len(found.marks) <= max(count, 1)
    assert len(found.marks) <= 330
    assert found.said.startswith(words.counted(count, "stamp"))
    starts = [tuple(map(float, re.findall(r"[\d.]+", mark.path)[:2])) for mark in found.marks]
    assert all(0 <= x <= found.width and 0 <= y <= found.height for x, y in starts)
    assert sum(row.stamps for row in timeline.table(seen(given_(count)).timeline)) == count


@given(st.lists(st.integers(0, 253_402_300_799_999 * 40), min_size=1, max_size=9), st.sampled_from([330.0, 720.0]))
def test_dates_stand_apart_whatever_times_stamps_name(times: list[int], width: float) -> None:
    stamps = [stamp(ANN, BOB, op=n, time_ms=ms) for n, ms in enumerate(sorted(times))]
    found = timeline.timeline(tuple(Behind(each, 4.0, 1.0) for each in stamps), width)
    assert found is not None
    places = [tick.at for tick in found.dates]
    assert all(0 <= at <= width for at in places)
    assert all(after - before > 40 for before, after in pairwise(places))


def test_stamps_of_one_day_are_dated_and_none_covers_another() -> None:
    stamps = [stamp(ANN, BOB, 5, op=n, time_ms=NOW_MS + n) for n in range(4)]
    found = timeline.timeline(seen(stamps).timeline, 330)
    assert found is not None
    assert [tick.label for tick in found.dates] == [words.date(NOW_MS)]
    middles = [float(re.findall(r"[\d.]+", mark.path)[0]) for mark in found.marks]
    assert all(after - before >= 2 * timeline.RADII["leaf"] for before, after in pairwise(middles))
    assert max(middles) < 330


@pytest.mark.parametrize("width", [330.0, 720.0])
def test_the_days_of_a_few_weeks_are_named_where_there_is_room(width: float) -> None:
    stamps = [stamp(ANN, BOB, op=n, time_ms=NOW_MS + n * 5 * DAY_MS) for n in range(7)]
    found = timeline.timeline(seen(stamps).timeline, width)
    assert found is not None
    days = [words.date(each.time_ms) for each in stamps]
    assert 1 < len(found.dates) < 8
    assert [tick.label for tick in found.dates if tick.label not in days] == []
    ends = [tick.at if tick.anchor == "end" else tick.at + timeline.LABEL / 2 for tick in found.dates]
    assert max(ends) <= width


places = st.lists(st.floats(timeline.LEFT, 316.0), min_size=1, max_size=timeline.APART).map(sorted)


@given(places)
def test_marks_are_moved_apart_and_stay_in_the_picture_and_in_order(before: list[float]) -> None:
    after = timeline.apart(before, 316.0)
    gap = min(timeline.BESIDE, (316.0 - timeline.LEFT) / (2 * len(before)))
    assert all(right - left >= gap - 0.11 for left, right in pairwise(after))
    assert all(0 <= place <= 316.0 for place in after)
    if all(right - left >= gap for left, right in pairwise(before)):
        assert after == pytest.approx(before, abs=0.06)


def test_what_became_of_a_stamp_is_told_by_shape_and_by_words() -> None:
    stamps = [
        stamp(ANN, BOB, op=0),
        stamp(ANN, BOB, op=1, disputed=True),
        stamp(ANN, BOB, op=2, disputed=True, answered=True),
        stamp(ANN, BOB, op=3, withdrawn=True),
        stamp(ANN, BOB, op=4, severity="root"),
    ]
    view = seen(stamps)
    found = timeline.timeline(view.timeline, 330)
    assert found is not None
    assert [mark.kind for mark in found.marks] == ["full", "empty", "full", "cross", "full"]
    assert len({re.sub(r"[\d. ]", "", mark.path) for mark in found.marks}) == 3
    said = [mark.said for mark in found.marks]
    assert "disputed" in said[1]
    assert "disputed and answered" in said[2]
    assert "taken back" in said[3]
    weights = {one.stamp.op: one.weight for one in view.overall.stamps}
    assert weights[stamps[3].op] == 0
    assert [row.stamps for row in timeline.table(view.timeline)] == [4]


# -- the view ------------------------------------------------------------------------------------------------------


def test_every_number_has_the_stamps_that_it_counts() -> None:
    dims = (("care", 4), ("quality", 5))
    stamps = [*given_(9, skills=("git",), dims=dims), stamp(ANN, BOB, op=99, withdrawn=True)]
    view = seen(stamps)
    assert sum(one.weight for one in view.overall.stamps) == pytest.approx(view.overall.score.effective)
    for each in view.dimensions:
        assert sum(one.weight for one in each.stamps) == pytest.approx(each.score.effective)
        assert [reason.issuer for reason in each.reasons] == [ANN]
    assert [(skill.name, len(skill.stamps)) for skill in view.skills] == list(view.sheet.skills.items())
    assert [len(each.stamps) for each in view.severities] == list(view.sheet.severities.values())
    assert sum(len(each.stamps) for each in view.commons) == view.sheet.stamps == 9


def test_the_forms_tell_the_same() -> None:
    view = seen(given_(9, skills=("git",)))
    number = words.number(view.overall.score)
    for form in ("text", "markdown", "html"):
        assert number in formats.FORMATS[form].make(view), form
    assert f"{number} of 5" in drawn.said(view)
    assert number in drawn.badge_value(view)
    circle_ = json.loads(formats.FORMATS["json"].make(view))["circle"]
    assert circle_["overall"]["effective"] == pytest.approx(view.overall.score.effective, abs=1e-3)
    assert len(circle_["evidence"]["overall"]["stamps"]) == 9


def test_a_long_sheet_stays_short_and_says_so() -> None:
    view = seen(given_(1000))
    page = drawn.page(view, drawn.Links(None))
    assert len(page) < 200_000
    assert "And 970 older stamps." in page
    assert "And 980 older stamps." in "\n".join(markdown.lines(view))


def test_a_file_name_says_the_form() -> None:
    assert [formats.of_file(f"a.{each.suffix.upper()}") for each in formats.FORMATS.values()] == list(formats.FORMATS)
    with pytest.raises(Usage, match=r"sheet\.pdf"):
        formats.of_file("sheet.pdf")


def test_every_badge_has_a_rule() -> None:
    assert tiers.RULES.keys() == tiers.BADGES.keys()
    assert tiers.rule("skill:git") == "three stamps that name git"


# -- words and colours ---------------------------------------------------------------------------------------------


def test_ages_and_counts_are_said_in_plain_words() -> None:
    ages = {0: "today", 1: "1 day ago", 45: "1 month ago", 364: "11 months ago", 800: "2 years ago", -3: "today"}
    assert {days: words.age(NOW_MS - days * DAY_MS, NOW_MS) for days in ages} == ages
    assert words.counted(1, "stamp") == "1 stamp"
    assert words.counted(12_345, "stamp") == "12 345 stamps"
    assert words.date(10**18) == "31 Dec 9999"


def light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((light(one), light(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_letters_and_marks_stand_out(colours: dict[str, str]) -> None:
    for ground in ("paper", "card"):
        for ink in ("ink", "quiet", "accent"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["mark"], colours[ground]) >= 3, ground
    for word in ("good", "wait", "bad"):
        assert contrast(colours[word], colours[f"{word}-soft"]) >= 4.5, word
    assert contrast(colours["ink"], colours["soft"]) >= 4.5
    assert contrast(colours["paper"], colours["accent"]) >= 4.5


def test_a_badge_is_read_on_every_rung() -> None:
    assert palette.TIERS.keys() == {tier.name for tier in tiers.LADDER}
    assert all(contrast("#ffffff", colour) >= 4.5 for colour in (*palette.TIERS.values(), palette.LABEL))
    assert all(one != other for one, other in combinations(palette.TIERS.values(), 2))


def test_pages_and_pictures_have_the_same_colours() -> None:
    style = (drawn.STATIC / "style.css").read_text()
    day, _, night = style.partition("prefers-color-scheme: dark")
    for text, colours in ((day, palette.LIGHT), (night, palette.DARK)):
        found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", text.partition("* {")[0]))
        assert found == dict(colours)
