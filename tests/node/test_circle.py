"""My circle over real commons: at the command line and on pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from beads.ledger import Author
from node import circle, founding, wiring
from node.circle import Kept
from node.commons import Commons
from node.config import load
from node.errors import BadConfig
from node.home import Home
from node.http.app import build
from stamps.signals import Taken
from tests.node.support import Resident
from tests.world import TERMS, actor
from wanted.board import Judgement

BOB, CAROL = actor("bob"), actor("carol")
SCORES = {"quality": 5, "reliability": 4, "creativity": 3}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.make_identity()
    founding.create(found, "Circle Commons", admission="open", validators="poster", dimensions=())
    return found


@pytest.fixture
def me(home: Home) -> Resident:
    return Resident(home.path)


def done(home: Home, worker: Author, times: int = 1, poster: Author | None = None) -> str:
    """Post an item, have it done and stamped; return the last item."""
    commons = home.choose(None)
    for _ in range(times):
        with Commons(home, commons, poster) as mine, Commons(home, commons, worker) as theirs:
            item = mine.post("Fix the door", "", TERMS).id
            theirs.claim(item)
            mine.settle()
            theirs.submit(item, [], "Done.")
            mine.accept(item, None, Judgement("Well done", SCORES, 100, "leaf", ["git"], ""))
    return item


def test_a_sheet_shows_what_my_own_stamps_are_worth(home: Home, me: Resident) -> None:
    item = done(home, BOB, 3)
    found = me.ask("wl", "sheet", "show", BOB.actor)["circle"]
    assert found["overall"]["effective"] == pytest.approx(1 + 1 / 2 + 1 / 3, abs=1e-3)
    assert found["dimensions"]["quality"]["value"] > found["dimensions"]["creativity"]["value"]
    assert found["tier"] == "known"
    assert found["next"]["tier"] == "steady"
    said = me.ok("wl", "sheet", "show", BOB.actor)
    assert "In your circle: " in said
    assert "skill:git" in said
    why = me.ask("wl", "why", BOB.actor)["why"]
    assert item in why["issuers"][0]["items"]
    assert "one of your anchors" in me.ok("wl", "why", BOB.actor, "--terms")


def test_who_was_stamped_by_strangers_only_has_no_number(home: Home, me: Resident) -> None:
    done(home, CAROL, 3, poster=BOB)
    found = me.ask("wl", "sheet", "show", CAROL.actor)
    assert found["sheet"]["stamps"] == 3
    assert found["circle"]["overall"]["value"] is None
    assert me.ask("wl", "leaderboard")["leaderboard"] == []
    assert "nobody whom your circle trusts" in me.ok("wl", "why", CAROL.actor)
    me.ok("wl", "trust", BOB.actor, "1", "--offline")
    ranked = me.ask("wl", "leaderboard", "--dimension", "quality")["leaderboard"]
    assert [line["actor"] for line in ranked] == []
    assert me.ask("wl", "why", CAROL.actor)["why"]["issuers"][0]["issuer"] == BOB.actor


def test_the_leaderboard_follows_my_stamps_and_my_distrust(home: Home, me: Resident) -> None:
    done(home, BOB, 3)
    assert [line["actor"] for line in me.ask("wl", "leaderboard")["leaderboard"]] == [BOB.actor]
    me.ok("wl", "trust", "--offline", BOB.actor, "--", "-1")
    assert me.ask("wl", "leaderboard")["leaderboard"] == []
    assert "distrusted" in me.ok("wl", "sheet", "show", BOB.actor)


def test_a_stamp_that_was_taken_back_stays_on_the_timeline_and_counts_nowhere(home: Home, me: Resident) -> None:
    item = done(home, BOB)
    me.ok("wl", "unstamp", item, "--offline")
    found = me.ask("wl", "sheet", "show", BOB.actor)
    assert found["sheet"]["stamps"] == 0
    assert [each["withdrawn"] for each in found["sheet"]["timeline"]] == [True]
    assert found["circle"]["overall"]["stamps"] == 0


def test_a_dispute_halves_and_an_answer_restores(home: Home, me: Resident) -> None:
    item = done(home, BOB)

    def effective() -> float:
        return float(me.ask("wl", "sheet", "show", BOB.actor)["circle"]["overall"]["effective"])

    whole = effective()
    with Commons(home, home.choose(None), BOB) as theirs:
        theirs.dispute(item, None, "Not so.")
    assert effective() == pytest.approx(whole / 2, abs=1e-3)
    with Commons(home, home.choose(None)) as mine:
        mine.answer(item, None, "Look again.")
    assert effective() == pytest.approx(whole, abs=1e-3)


def test_who_takes_items_and_gives_them_up_is_told(home: Home, me: Resident) -> None:
    commons = home.choose(None)
    for _ in range(2):
        with Commons(home, commons) as mine, Commons(home, commons, BOB) as theirs:
            item = mine.post("Fix the door", "", TERMS).id
            theirs.claim(item)
            mine.settle()
            theirs.release(item)
            mine.settle()
    index = wiring.open_index(home, commons)
    assert circle.taken_in({commons: index}, BOB.actor) == Taken(2, 2)
    index.database.close()
    assert "gave up 2 of 2 items" in me.ok("wl", "sheet", "show", BOB.actor)


def test_anchors_are_me_the_delegates_and_those_configured(home: Home) -> None:
    commons = home.choose(None)
    index = wiring.open_index(home, commons)
    mine = home.key_log().scid
    assert circle.anchors(home, {commons: index}) == {mine: 1.0}
    (home.path / "config.toml").write_text(f'[reputation]\nanchors = {{"{BOB.actor}" = 0.25}}\n')
    assert circle.anchors(home, {commons: index}) == {mine: 1.0, BOB.actor: 0.25}
    index.database.close()


@pytest.mark.parametrize("setting", ["delegates = 1.5", "delegates = -1", "anchors = {x = 2}"])
def test_a_weight_outside_its_range_is_refused(tmp_path: Path, setting: str) -> None:
    (tmp_path / "config.toml").write_text(f"[reputation]\n{setting}\n")
    with pytest.raises(BadConfig, match="from 0 to 1"):
        load(tmp_path / "config.toml")


def test_a_served_circle_is_kept_until_there_is_news(home: Home) -> None:
    commons, kept = home.choose(None), Kept(home)
    done(home, BOB)
    index = wiring.open_index(home, commons)
    first = kept.over({commons: index})
    assert kept.over({commons: index}) is first
    index.database.close()


# -- pages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(home: Home) -> Iterator[TestClient]:
    with TestClient(build(home, ("127.0.0.1",)), base_url="http://127.0.0.1", headers={"accept": "text/html"}) as found:
        yield found


def test_an_actor_s_page_has_a_radar_a_table_and_the_reasons(home: Home, client: TestClient) -> None:
    done(home, BOB, 3)
    text = client.get(f"/c/{home.choose(None)}/actors/{BOB.actor}").text
    for part in ('role="img"', "<desc id=", ">quality</span>", "known", "Why", "one of the anchors", "Well done"):
        assert part in text
    assert "style=" not in text


def test_the_leaderboard_has_a_page(home: Home, client: TestClient) -> None:
    assert "Of nobody" in client.get("/leaderboard").text
    done(home, BOB, 3)
    text = client.get("/leaderboard", params={"dimension": "quality"}).text
    assert f"/actors/{BOB.actor}" in text
    assert 'aria-current="page">quality' in text
    assert client.get("/leaderboard", params={"dimension": "<x>"}).status_code == 404
