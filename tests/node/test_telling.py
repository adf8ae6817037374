"""What one is told of an item and of what waits: as text, as JSON, on a page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from beads.clock import Hlc
from beads.errors import NotFound
from node import checked, founding, present
from node.commons import Commons
from node.home import Home
from node.http.app import build
from node.localtime import clock
from node.waiting import waiting
from stamps.stamp import CheckRun
from tests.node.support import Resident
from tests.world import TERMS, actor
from wanted import meant
from wanted.board import Judgement
from wanted.check import Check
from wanted.errors import WrongStatus
from wanted.item import Intent
from wanted.view import ItemView

CHECK = Check(command="make test", repo="https://example.org/door.git", timeout=60)
RUN = CheckRun(command="make test", commit="5f1e3c0d" * 5, exit=1, seconds=41, output="0" * 64)
JUDGED = Judgement("It closes", {"quality": 4}, 70, "branch", ["oil", "wood"], "Well done,\nbut late.")


@dataclass(frozen=True)
class Place:
    """One home, in which several act; the owner of the home is called ann."""

    home: Home
    commons: str
    owner: Resident

    def by(self, name: str) -> Commons:
        return Commons(self.home, self.commons, None if name == "ann" else actor(name))

    def post(self, poster: str = "ann", description: str = "", **terms: Any) -> str:
        with self.by(poster) as theirs:
            return theirs.post("Fix the door", description, msgspec.structs.replace(TERMS, **terms)).id

    def hand_in(self, item: str, worker: str, summary: str = "Done.") -> str:
        """Hand work in; return the submission."""
        with self.by(worker) as theirs:
            before = theirs.item(item).submissions
            return next(op for op in theirs.submit(item, [], summary).submissions if op not in before)

    def accept(self, item: str, submission: str | None = None, judgement: Judgement | None = None) -> None:
        with self.by("ann") as ann:
            ann.accept(item, submission, judgement)

    def reject(self, item: str, poster: str, reason: str, *, final: bool = False) -> None:
        with self.by(poster) as theirs:
            theirs.reject(item, None, reason, final=final)

    def waits(self, name: str) -> dict[str, list[dict[str, Any]]]:
        with self.by(name) as theirs:
            return waiting(theirs.index, theirs.author.actor)

    def show(self, item: str) -> str:
        return self.owner.ok("wl", "show", item)

    def told(self, item: str) -> dict[str, Any]:
        found: dict[str, Any] = self.owner.ask("wl", "show", item)["item"]
        return found

    def page(self, item: str) -> str:
        with TestClient(build(self.home, ("127.0.0.1",)), base_url="http://127.0.0.1") as client:
            found = client.get(f"/c/{self.commons}/items/{item}", headers={"accept": "text/html"})
        assert found.status_code == 200
        return found.text


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = Home(tmp_path / "home")
    home.make_identity()
    commons = founding.create(home, "Shed", admission="open", validators="poster", dimensions=())
    found = Place(home, commons, Resident(home.path))
    for name in ("ann", "bob", "carol"):
        with found.by(name) as theirs:
            theirs.profile(name)
    return found


def test_why_work_was_rejected_is_said_wherever_the_work_is_seen(place: Place) -> None:
    item = place.post("bob", competition=True)
    submission = place.hand_in(item, "ann")
    place.reject(item, "bob", "It still squeaks.\nOil it.")
    shown = place.show(item).splitlines()
    assert any("submission" in line and line.endswith(": rejected") for line in shown)
    assert "    because   It still squeaks." in shown
    assert "              Oil it." in shown
    (told,) = place.told(item)["submissions"]
    assert (told["verdict"], told["reason"], told["final"]) == ("rejected", "It still squeaks.\nOil it.", False)
    assert "It still squeaks." in place.page(item)
    (waits,) = place.owner.ask("wl", "me")["rejected"]
    assert (waits["item"], waits["submission"], waits["reason"]) == (item, submission, "It still squeaks.\nOil it.")
    assert f"rejected  {item[:12]}  Fix the door  (It still squeaks. Oil it.)" in place.owner.ok("wl", "me")


def test_work_handed_in_again_waits_for_its_worker_no_more(place: Place) -> None:
    item = place.post("bob", competition=True)
    place.hand_in(item, "ann")
    place.reject(item, "bob", "Once more.", final=True)
    assert [row["final"] for row in place.waits("ann")["rejected"]] == [True]
    assert "rejected for good" in place.show(item)
    place.hand_in(item, "ann", "Again.")
    assert place.waits("ann")["rejected"] == []
    place.reject(item, "bob", "And again.")
    assert [row["reason"] for row in place.waits("ann")["rejected"]] == ["And again."]


def test_a_rejection_without_words_held_here_says_so(place: Place) -> None:
    item = place.post("bob", competition=True)
    place.hand_in(item, "ann")
    place.reject(item, "bob", "")
    assert f"    because   {present.NO_WORDS}" in place.show(item).splitlines()
    assert place.told(item)["submissions"][0]["reason"] == ""


def test_all_that_an_item_asks_for_is_shown(place: Place) -> None:
    item = place.post(
        project="house", priority=1, effort="large", skills=("oil", "wood"), dimensions=("quality",), winners=2,
        competition=True, checks=(CHECK,), deadline=1_798_156_799_999,
    )  # fmt: skip
    asked = (
        "large effort, priority 1, project house, 2 winners, open competition", "2026-12-24", "oil, wood", "quality",
        "make test", "in https://example.org/door.git",
    )  # fmt: skip
    for words in asked:
        assert words in place.show(item)
    page = place.page(item)
    for words in ("large effort", "2 winners", "24 Dec 2026", "judged by", "make test", "https://example.org/door.git"):
        assert words in page


def judged(place: Place) -> str:
    """Have bob's work stamped, with a check that was run."""
    item = place.post(competition=True, checks=(CHECK,))
    submission = place.hand_in(item, "bob")
    checked.keep(place.home, submission, [RUN], ())
    place.accept(item, submission, JUDGED)
    return item


def test_all_that_a_stamp_says_is_shown(place: Place) -> None:
    item = judged(place)
    (stamp,) = place.told(item)["stamps"]
    shown = place.show(item)
    for words in (
        f", {clock(stamp['time_ms'])}: It closes",
        "branch, 70 % sure, oil, wood",
        "Well done,\n",
        "ended with 1",
        "41 s",
    ):
        assert words in shown
    assert (stamp["severity"], stamp["confidence"], stamp["message"]) == ("branch", 70, "Well done,\nbut late.")
    page = place.page(item)
    for words in ("branch", "70 % sure", "wood", "but late.", "ended with 1"):
        assert words in page


def test_names_and_times_stand_beside_ids_in_json(place: Place) -> None:
    item = judged(place)
    told = place.told(item)
    assert {name.split(" ")[0] for name in told["names"].values()} == {"ann", "bob"}
    assert set(told["names"]) == {told["poster"], actor("bob").actor}
    assert told["time_ms"] <= told["submissions"][0]["time_ms"] <= told["stamps"][0]["time_ms"]


def test_a_dispute_waits_for_the_author_of_the_stamp_until_it_is_answered(place: Place) -> None:
    item = judged(place)
    assert place.waits("ann")["to_answer"] == []
    with place.by("bob") as bob:
        (stamp,) = (each.op for each in bob.dispute(item, None, "It was <not> late.").stamps)
    (row,) = place.waits("ann")["to_answer"]
    assert (row["item"], row["stamp"], row["reason"]) == (item, stamp, "It was <not> late.")
    assert place.waits("bob")["to_answer"] == []
    assert "disputes your stamp: It was <not> late." in place.owner.ok("wl", "me")
    assert "It was &lt;not&gt; late." in place.page(item)
    assert "Answered" not in place.page(item)
    with place.by("ann") as ann:
        ann.answer(item, None, "By a day.")
    assert place.waits("ann")["to_answer"] == []
    assert "    answered  By a day." in place.show(item).splitlines()
    assert "By a day." in place.page(item)


def test_of_several_disputes_the_latest_is_answered(place: Place) -> None:
    item = judged(place)
    for n in range(4):
        with place.by("bob") as bob:
            bob.dispute(item, None, f"Number {n}.")
    with place.by("ann") as ann:
        ann.answer(item, None, "To the last.")
    answers = [(each["reason"], each["answer"]) for each in place.told(item)["disputes"]]
    assert answers == [("Number 0.", None), ("Number 1.", None), ("Number 2.", None), ("Number 3.", "To the last.")]


def test_a_stamp_that_was_taken_back_stays_on_the_page_with_the_reason(place: Place) -> None:
    item = judged(place)
    with place.by("ann") as ann:
        ann.unstamp(item, None, "Wrong door.")
    assert "taken back  a stamp by ann" in place.show(item)
    page = place.page(item)
    assert "took a stamp back" in page
    assert "Wrong door." in page


def test_comments_are_shown(place: Place) -> None:
    item = place.post()
    with place.by("bob") as bob:
        bob.comment(item, "Which door?")
    assert "              Which door?" in place.show(item).splitlines()
    assert [(c["actor"], c["text"]) for c in place.told(item)["comments"]] == [(actor("bob").actor, "Which door?")]


def test_submissions_stand_by_time_and_those_left_over_were_not_chosen(place: Place) -> None:
    item = place.post(competition=True)
    made = [place.hand_in(item, who, f"By {who}.") for who in ("bob", "carol", "bob", "carol")]
    assert [each["id"] for each in place.told(item)["submissions"]] == made
    day = clock(place.told(item)["submissions"][0]["time_ms"])
    assert f"{made[0][:12]} by {place.told(item)['names'][actor('bob').actor]}, {day}: waits" in place.show(item)
    assert len(place.waits("ann")["to_judge"]) == 4
    place.accept(item, made[2])
    verdicts = [each["verdict"] for each in place.told(item)["submissions"]]
    assert verdicts == ["not_chosen", "not_chosen", "accepted", "not_chosen"]
    assert "waits" not in place.show(item)
    assert place.page(item).count("not chosen") == 3
    assert place.waits("ann")["to_judge"] == []


def test_whoever_must_choose_is_told_whose_each_submission_is(place: Place) -> None:
    item = place.post(competition=True, winners=2)
    first, second = place.hand_in(item, "bob"), place.hand_in(item, "carol")
    refused = place.owner.run("wl", "accept", item, "--offline")
    hint = refused.stderr.splitlines()[-1]
    assert hint.index(f"{first[:12]} by bob ·") < hint.index(f"{second[:12]} by carol ·")
    assert hint.endswith(clock(place.told(item)["submissions"][1]["time_ms"]))
    with place.by("ann") as ann:
        asked = ann.asked()
        with pytest.raises(NotFound) as several:
            meant.submission(ann.item(item), None, meant.TO_REVIEW, asked)
        assert f"{first[:12]} by bob ·" in several.value.hint
        ann.accept(item, first, None)
        # What waits is meant before what was judged.
        assert meant.submission(ann.item(item), None, meant.TO_REVIEW, asked) == second
        ann.accept(item, second, None)
        with pytest.raises(NotFound) as accepted:
            ann.stamp(item, None, JUDGED)
        assert f"{second[:12]} by carol ·" in accepted.value.hint
        with pytest.raises(WrongStatus):
            ann.accept(item, None, None)


def claimed(*claimers: str) -> ItemView:
    terms = msgspec.structs.replace(TERMS)
    intents = {who: Intent("claim", "c" * 64) for who in claimers}
    empty: Mapping[str, Any] = {}
    return ItemView(
        id="a" * 64, poster="P", home="h", epoch=0, status="open", terms=terms, holder=None, granted=frozenset(),
        accepted=(), rejected=(), intents=intents, submissions=empty, stamps=(), withdrawn=(), disputes=(),
        prose=empty, created=Hlc(1, 0), updated=Hlc(1, 0),
    )  # fmt: skip


def test_where_a_claim_stands_is_said() -> None:
    item = claimed(*"ABCDEFG")
    first, second, *_, last = item.in_line
    assert first == item.provisional
    assert present.standing(item, first, {}) == "unconfirmed until the item's home grants it"
    behind = present.standing(item, second, {first: "bob ·abc"})
    assert behind == "unconfirmed: you come second; bob ·abc comes first until the item's home decides"
    assert "you come as number 7;" in present.standing(item, last, {})


def test_a_second_claimer_is_told_so_at_once(place: Place) -> None:
    for _ in range(40):
        item = place.post("carol")
        with place.by("bob") as bob:
            bob.claim(item)
        said = place.owner.ok("wl", "claim", item, "--offline")
        if place.told(item)["provisional_holder"] == actor("bob").actor:
            break
    assert said.startswith("Claimed, unconfirmed: you come second; bob ·")
    assert "  then        ann ·" in said
    row = next(row for row in place.owner.ask("wl", "me")["claims"] if row["item"] == item)
    assert (row["standing"], row["first"]) == ("unconfirmed", actor("bob").actor)
    assert "(unconfirmed; bob ·" in place.owner.ok("wl", "me")


def test_strangers_words_steer_no_terminal(place: Place) -> None:
    item = place.post("bob", "Red\x1b[31m\u202ealert\nsecond\tline", competition=True)
    place.hand_in(item, "bob", "\x1b]0;title\x07Done.")
    shown = place.show(item)
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}
    assert "Red[31malert" in shown
    assert "\n  second        line" in shown


def test_a_time_beyond_every_calendar_is_shown_all_the_same(place: Place) -> None:
    item = place.post(deadline=(1 << 53) - 1)
    assert "9007199254740991 ms after 1970" in place.show(item)
    assert "31 Dec 9999" in place.page(item)


@pytest.fixture
def client(place: Place) -> Iterator[TestClient]:
    with TestClient(build(place.home, ("127.0.0.1",)), base_url="http://127.0.0.1") as found:
        yield found


def test_an_item_that_is_not_here_is_called_an_item(place: Place, client: TestClient) -> None:
    problem = client.get(f"/c/{place.commons}/items/zzz", headers={"accept": "*/*"}).json()
    assert problem["title"] == "no item zzz here"
    assert "wl browse" in problem["hint"]
    refused = place.owner.run("wl", "show", "zzz")
    assert refused.stderr.splitlines()[0] == "Error: no item zzz here"
    assert "Hint:" in refused.stderr


def test_the_leaderboard_leads_back_to_the_commons_one_came_from(place: Place, client: TestClient) -> None:
    back = f'<a class="where" href="/c/{place.commons}">Shed</a>'
    assert back in client.get("/leaderboard").text
    founding.create(place.home, "Garden", admission="open", validators="poster", dimensions=())
    assert back not in client.get("/leaderboard").text
    here = f"/leaderboard?from={place.commons}"
    assert here in client.get(f"/c/{place.commons}").text
    came = client.get(here).text
    assert back in came
    assert f"?dimension=quality&amp;from={place.commons}" in came
    assert back not in client.get("/leaderboard?from=wlc1nothing").text
