"""The pages and what guards them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from node import founding
from node.commons import Commons
from node.home import Home
from node.http.app import build
from node.http.guard import POLICY
from tests.world import TERMS

HOSTS = ("127.0.0.1", "localhost")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.make_identity()
    founding.create(found, "Page <b>Commons</b>", admission="open", validators="poster", dimensions=())
    return found


@pytest.fixture
def client(home: Home) -> Iterator[TestClient]:
    with TestClient(build(home, HOSTS), base_url="http://127.0.0.1", headers={"accept": "text/html"}) as found:
        yield found


def post(home: Home, title: str) -> str:
    with Commons(home, home.choose(None)) as ours:
        return ours.post(title, "Words.\n\nMore words.", TERMS).id


def test_the_board_lists_items_and_quotes_strangers_words(home: Home, client: TestClient) -> None:
    post(home, "<script>alert(1)</script>")
    page = client.get("/")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "Page &lt;b&gt;Commons&lt;/b&gt;" in page.text


def test_an_item_has_a_page_with_its_history(home: Home, client: TestClient) -> None:
    item = post(home, "Fix the door")
    page = client.get(f"/c/{home.choose(None)}/items/{item[:10]}")
    assert page.status_code == 200
    for words in ("Fix the door", "More words.", "wanted.post", f"wl claim {item[:12]}"):
        assert words in page.text


def test_the_board_is_fresh_after_another_process_wrote(home: Home, client: TestClient) -> None:
    assert "Nothing here" in client.get("/").text
    post(home, "Later")
    assert "Later" in client.get("/").text


def test_search_takes_wildcards_literally(home: Home, client: TestClient) -> None:
    post(home, "100% sure")
    post(home, "1000 sure")
    text = client.get(f"/c/{home.choose(None)}", params={"q": "100%"}).text
    assert "100% sure" in text
    assert "1000 sure" not in text


def test_an_actor_has_a_page(home: Home, client: TestClient) -> None:
    post(home, "x")
    page = client.get(f"/c/{home.choose(None)}/actors/{home.key_log().scid}")
    assert page.status_code == 200
    assert "No stamps" in page.text


@pytest.mark.parametrize("path", ["/c/wlc1nothing", "/c/{commons}/items/ffff", "/c/{commons}/actors/Qmnobody"])
def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(
    home: Home, client: TestClient, path: str
) -> None:
    url = path.format(commons=home.choose(None))
    page = client.get(url)
    assert page.status_code == 404
    assert "To the boards" in page.text
    problem = client.get(url, headers={"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "not_found"


def test_a_foreign_host_is_refused(client: TestClient) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/healthz", headers={"host": "localhost:8470"}).status_code == 200


def test_every_answer_carries_the_policy(client: TestClient) -> None:
    for path in ("/", "/healthz", "/static/style.css", "/c/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"


def test_pages_load_nothing_from_elsewhere_and_run_nothing_inline(home: Home, client: TestClient) -> None:
    item = post(home, "x")
    for path in ("/", f"/c/{home.choose(None)}", f"/c/{home.choose(None)}/items/{item}"):
        text = client.get(path).text
        assert "<script" not in text
        assert "style=" not in text
        assert 'src="http' not in text
        assert 'href="http' not in text
