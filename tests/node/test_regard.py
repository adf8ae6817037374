"""How a circle's judgement is said: what is missing, who judged, and how far anybody is trusted."""

import xml.etree.ElementTree as ET

import pytest

from node import regard
from node.sheets import drawn
from node.sheets.view import Named, look
from stamps import sheet
from stamps.reputation import OVERALL, Circle, Way
from stamps.score import LEAST_EFFECTIVE
from stamps.sheet import EarnedStamp
from stamps.signals import NOTHING_TAKEN
from stamps.testimony import together
from tests.stamps.circles import NOW_MS, circle, stamp

ANN, BOB, CAROL, DAVE = "QmAnn", "QmBob", "QmCarol", "QmDave"
NAMES = {ANN: "ann", BOB: "bob", CAROL: "carol", DAVE: "dave"}


def lines(ours: Circle, actor: str) -> list[str]:
    return regard.why_lines(ours.why(actor), ours.score(actor, OVERALL), NAMES.__getitem__, ours.owners)


def test_too_little_evidence_is_said_with_what_is_needed() -> None:
    stamps = [stamp(ANN, BOB, op=n, confidence=54, item="one") for n in range(3)]
    score = circle(stamps, {ANN: 1.0}).score(BOB)
    assert 0.95 < score.effective < LEAST_EFFECTIVE
    assert regard.said(score) == "not enough evidence yet: 0.9 of the 1 needed, from 3 stamps"
    tiny = circle([stamp(ANN, BOB, confidence=1)], {ANN: 1.0}).score(BOB)
    assert regard.said(tiny) == "not enough evidence yet: less than 0.1 of the 1 needed, from 1 stamp"


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "no evidence yet"), (1, "no evidence yet: 1 stamp that weighs nothing"),
     (2, "no evidence yet: 2 stamps that weigh nothing")],
)  # fmt: skip
def test_stamps_that_weigh_nothing_are_no_evidence(count: int, said: str) -> None:
    stamps = [stamp(CAROL, BOB, op=n) for n in range(count)]
    assert regard.said(circle(stamps, {ANN: 1.0}).score(BOB)) == said


def owned() -> Circle:
    """Ann and Bob are of one owner, by whom Ann alone has given stamps; Bob's id comes first."""
    stamps = [stamp(CAROL, ANN, 5, item="door"), stamp(CAROL, ANN, 5, op=1, item="gate"), stamp(ANN, DAVE, 5)]
    return Circle(stamps, [], {CAROL: 1.0}, NOW_MS, {ANN: BOB})


def test_why_names_who_gave_the_stamps_and_that_others_are_the_same_owner() -> None:
    text = lines(owned(), DAVE)
    assert text[1].startswith("  ann (one owner with bob) weighs 0.")
    assert any("carol → bob (one owner with ann)" in line for line in text)


def test_two_actors_of_one_owner_weigh_together() -> None:
    stamps = [stamp(ANN, DAVE, 5), stamp(BOB, DAVE, 5, op=1)]
    text = lines(Circle(stamps, [], {ANN: 1.0}, NOW_MS, together([(ANN, BOB)])), DAVE)
    assert text[1].startswith("  ann and bob (of one owner) weigh 1.")


def test_that_nobody_is_trusted_more_than_fully_is_said_where_ways_come_to_more() -> None:
    stamps = [stamp(CAROL, ANN, 5, op=n, item=str(n)) for n in range(3)] + [stamp(ANN, DAVE, 5)]
    text = lines(circle(stamps, {ANN: 1.0, CAROL: 0.5}), DAVE)
    assert "    1.50 together, of which 1 counts: nobody is trusted more than fully" in text
    assert "As an issuer it is trusted at 1.00, because" in lines(circle(stamps, {ANN: 1.0, CAROL: 0.5}), ANN)
    assert regard.capped([Way(0.5, ()), Way(0.5, ())]) == ""


def card(stamps: list[EarnedStamp]) -> ET.Element:
    named = Named(NAMES, {"wlc1test": "Test"}, "ann")
    view = look(BOB, sheet.fold(BOB, stamps), circle(stamps, {ANN: 1.0}), NOTHING_TAKEN, named, NOW_MS)
    return ET.fromstring(drawn.card(view))


def test_a_card_without_a_radar_ends_all_its_lines_at_one_edge() -> None:
    svg = "{http://www.w3.org/2000/svg}"
    drawing = card([stamp(ANN, BOB, op=n) for n in range(3)])
    edge = float(drawing.attrib["width"]) - 32
    values = [text for text in drawing.iter(f"{svg}text") if text.attrib.get("class") == "value"]
    assert [float(text.attrib["x"]) + 32 for text in values] == [edge]
    rings = [line for line in drawing.iter(f"{svg}line") if line.get("class") == "ring"]
    assert max(float(line.attrib["x2"]) + 18 for line in rings) == edge
