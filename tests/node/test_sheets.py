"""Sheets of a whole small world: at the command line, over HTTP, and in a real browser."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from node.home import Home
from node.http.app import build
from node.http.guard import POLICY
from node.http.keeper import Keeper
from node.sheets.formats import FORMATS
from node.web.sheets import FILES
from tests.node import gallery, looks
from tests.node.browser import MISSING, PROGRAM, Chromium, chromium
from tests.node.gallery import World
from tests.node.support import Resident
from tests.world import actor

BASICS = (Path(__file__).parent / "basics.js").read_text()
in_a_browser = pytest.mark.skipif(PROGRAM is None, reason=MISSING)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return gallery.build(Home(tmp_path_factory.mktemp("world") / "home"))


@pytest.fixture
def me(world: World) -> Iterator[Resident]:
    with gallery.clock_at(gallery.NOW):
        yield Resident(world.home.path)


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    with gallery.clock_at(gallery.NOW), TestClient(build(world.home, ()), headers={"accept": "text/html"}) as found:
        yield found


# -- at the command line -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_sheet_is_printed_or_written_in_every_form(me: Resident, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"mine.{FORMATS[form].suffix}"
    printed = me.ok("wl", "sheet", "show", "mira", "--format", form)
    me.ok("wl", "sheet", "show", "mira", "--out", str(path))
    assert path.read_text() == printed
    me.ok("wl", "sheet", "show", "mira", "-f", form, "-o", str(tmp_path / "other"))
    assert (tmp_path / "other").read_text() == printed
    assert "mira" in printed or form == "json"


def test_json_is_the_same_by_either_option(me: Resident) -> None:
    assert me.ask("wl", "sheet", "show", "mira") == json.loads(me.ok("wl", "sheet", "show", "mira", "-f", "json"))


def test_forms_that_cannot_be_meant_are_refused(me: Resident, tmp_path: Path) -> None:
    assert me.run("wl", "sheet", "show", "mira", "--out", str(tmp_path / "sheet.pdf")).returncode == 2
    refused = me.run("wl", "sheet", "show", "mira", "--format", "svg", "--json")
    assert refused.returncode == 2
    assert "--out FILE" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_badge_is_a_small_picture_and_a_line_for_a_readme(me: Resident, tmp_path: Path) -> None:
    path = tmp_path / "my badge.svg"
    found = me.ask("wl", "badge", "mira", str(path))
    assert found["markdown"] == f"![wasteland: {found['says']}]({str(path).replace(' ', '%20')})"
    assert found["says"].startswith("steady · 3.")
    assert path.stat().st_size < 3000
    root = ET.parse(path).getroot()
    assert "mira" in "".join(root.itertext())
    assert "url(http" not in path.read_text()


def test_a_badge_of_mine_needs_no_actor(me: Resident, tmp_path: Path) -> None:
    said = me.ok("wl", "badge", str(tmp_path / "b.svg"))
    assert "newcomer · 0 stamps" in said
    assert "ann" in (tmp_path / "b.svg").read_text()


def test_a_path_alone_is_a_file_for_my_badge_wherever_it_lies(me: Resident, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = me.run("wl", "badge", "out/mine.svg", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "out" / "mine.svg").is_file()) == (0, True)
    for words in (("mira", "x.png"), ("x.png",), ("out/x.png",), ("mira", "badge")):
        refused = me.run("wl", "badge", *words, cwd=tmp_path)
        assert (refused.returncode, "SVG" in refused.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_leaderboard_of_what_nobody_scores_is_refused_at_every_door(me: Resident, client: TestClient) -> None:
    refused = me.run("wl", "leaderboard", "-d", "wti")
    assert (refused.returncode, "quality" in refused.stderr) == (3, True)
    page = client.get("/leaderboard", params={"dimension": "wti"})
    assert (page.status_code, "There are: overall" in page.text) == (404, True)


def test_why_takes_one_dimension_apart(me: Resident) -> None:
    whole, found = me.ask("wl", "why", "mira")["why"], me.ask("wl", "why", "mira", "--dimension", "care")["why"]
    shown = me.ask("wl", "sheet", "show", "mira")["circle"]
    assert found["stamps"] == shown["evidence"]["care"]["stamps"]
    assert found["issuers"] == shown["evidence"]["care"]["issuers"]
    assert sum(one["weight"] for one in found["stamps"]) == pytest.approx(
        shown["dimensions"]["care"]["effective"], abs=1e-2
    )
    assert found["issuers"][0]["weight"] < whole["issuers"][0]["weight"]
    said = me.ok("wl", "why", "mira", "-d", "care")
    assert "disputed and answered)" in said
    assert "% sure" in said
    refused = me.run("wl", "why", "mira", "--dimension", "speed")
    assert refused.returncode == 3
    assert "quality" in refused.stderr


# -- over HTTP -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES)
def test_every_file_of_a_sheet_is_served_with_its_type_and_a_tag(client: TestClient, world: World, file: str) -> None:
    url = f"/c/{world.harbour}/actors/{gallery.STAR}/{file}"
    found = client.get(url)
    assert found.status_code == 200
    assert found.headers["content-type"] == FILES[file].media
    assert "max-age=300" in found.headers["cache-control"]
    policy = found.headers["content-security-policy"]
    assert policy != POLICY
    assert "default-src 'none'" in policy
    assert "script" not in policy
    tag = found.headers["etag"]
    again = client.get(url, headers={"if-none-match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/c/{harbour}/actors/{star}/sheet.pdf",
        "/c/{harbour}/actors/Qmnobody/badge.svg",
        "/c/wlc1no/actors/{star}/badge.svg",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, world: World, path: str) -> None:
    assert client.get(path.format(harbour=world.harbour, star=gallery.STAR)).status_code == 404


def test_a_page_links_every_stamp_to_its_item_and_its_issuer(client: TestClient, world: World) -> None:
    text = client.get(f"/c/{world.harbour}/actors/{gallery.STAR}").text
    tomas = actor("tomas").actor
    for part in (
        f'href="/c/{world.harbour}/actors/{tomas}"', f'href="/c/{world.fields}/items/', "disputed and answered",
        "taken back", "one of the anchors", "for <b>proven</b>".capitalize(), 'aria-current="step"', "/badge.svg",
    ):  # fmt: skip
        assert part in text, part


def test_a_private_sheet_is_for_its_owner_alone(tmp_path: Path) -> None:
    person = Resident(tmp_path / "home")
    person.ok("wl", "create", "Open", "--as", "ann")
    person.ok("bd", "create", "my secret")
    home = Home(person.home)
    private = next(commons for commons, founded in home.commons().items() if founded.private)
    url = f"/c/{private}/actors/{home.key_log().scid}/sheet.json"
    with TestClient(build(home, ())) as client:
        assert client.get(url).status_code == 404
        shown = client.get(url, headers={"authorization": f"Bearer {Keeper(home).token()}"})
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "private, no-store"


def test_the_pictures_in_the_documentation_are_these(world: World) -> None:
    for name, text in looks.samples(world.home).items():
        assert (looks.IMAGES / name).read_text() == text, "python -m tests.node.looks"


# -- in a browser --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    with gallery.clock_at(gallery.NOW), looks.served(world.home) as found:
        yield found


def check(browser: Chromium, url: str, allowed: str) -> None:
    """Load a page at both widths, by day and by night, with everything open."""
    for wide, dark in ((360, True), (1200, False)):
        browser.open(url, wide=wide, dark=dark)
        browser.ask("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert browser.ask(BASICS) == []
        assert browser.complaints == []
        assert [each for each in browser.requests if not each.startswith(allowed)] == []


@in_a_browser
@pytest.mark.parametrize("name", ["mira", "newcomer"])
def test_a_page_is_sound_in_a_browser(browser: Chromium, address: str, world: World, name: str) -> None:
    check(browser, f"{address}/c/{world.harbour}/actors/{actor(name).actor}", address)


@in_a_browser
def test_the_leaderboard_is_sound_in_a_browser(browser: Chromium, address: str) -> None:
    check(browser, f"{address}/leaderboard", address)


@in_a_browser
def test_a_file_opens_from_a_disk_and_asks_nobody(browser: Chromium, world: World, tmp_path: Path) -> None:
    path = tmp_path / "sheet.html"
    path.write_text(FORMATS["html"].make(looks.view(world.home, "mira")))
    check(browser, path.as_uri(), path.as_uri())


@in_a_browser
def test_a_number_opens_its_evidence_without_a_script(browser: Chromium, address: str, world: World) -> None:
    browser.open(f"{address}/c/{world.harbour}/actors/{gallery.STAR}#behind-overall")
    assert browser.ask("document.getElementById('behind-overall').checkVisibility()")


@in_a_browser
def test_pictures_are_drawn_in_pages_of_others(browser: Chromium, world: World, tmp_path: Path) -> None:
    for name, text in looks.samples(world.home).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "page.html").write_text('<!doctype html><img src="sheet.svg"><img src="badge.svg">')
    browser.open((tmp_path / "page.html").as_uri())
    sizes = browser.ask("[...document.images].map((each) => [each.complete, each.naturalWidth])")
    assert sizes == [[True, 800], [True, 270]]


@in_a_browser
def test_a_picture_of_its_own_keeps_its_style_under_the_policy(browser: Chromium, address: str, world: World) -> None:
    browser.open(f"{address}/c/{world.harbour}/actors/{gallery.STAR}/sheet.svg")
    assert browser.complaints == []
    assert browser.ask("getComputedStyle(document.querySelector('.who')).fontSize") == "27px"
    browser.open(f"{address}/c/{world.harbour}/actors/{gallery.STAR}/sheet.html")
    assert browser.complaints == []
    assert browser.ask("getComputedStyle(document.querySelector('.panel')).borderRadius") == "12px"
