"""Git over HTTP: stock git as client, and pushes that must verify."""

import gzip
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.node.support import DEADLINE, Person, environment, git, refs

APPEND_A_THOUSAND = """
import sys
from beads.ledger import Draft
from node.commons import Commons
from node.home import Home, locate

with Commons(Home(locate()), sys.argv[1]) as commons:
    for n in range(1000):
        draft = Draft("profile", {"handle": f"name {n}", "links": []})
        commons.ledger.write(commons.author, lambda _: [draft])
"""


def test_stock_git_mirrors_a_commons_and_its_history_reads_well(alice: Person, tmp_path: Path) -> None:
    item = alice.post()
    with alice.serving() as url:
        commons = alice.commons()
        git("clone", "--quiet", "--mirror", f"{url}/git/{commons}", str(tmp_path / "mirror"))
        assert refs(f"{url}/git/{commons}", commons) == refs(alice.repository(), commons)
    mirror = ("--git-dir", str(tmp_path / "mirror"))
    git(*mirror, "fsck", "--full", "--strict")
    (log,) = refs(tmp_path / "mirror", commons, "log/")
    shown = git(*mirror, "log", "-p", log)
    assert f"wanted.post {item[:12]} -" in shown
    assert "+" in shown
    assert '"t":"wanted.post"' in shown


def test_a_plain_clone_shows_the_board(alice: Person, tmp_path: Path) -> None:
    alice.post("Mend the [fence] | now")
    with alice.serving() as url:
        git("clone", "--quiet", f"{url}/git/{alice.commons()}", str(tmp_path / "clone"))
        text = (tmp_path / "clone" / "README.md").read_text()
        assert "# Test Commons" in text
        assert r"Mend the \[fence\] \| now" in text
        alice.post("Another one")
        git("-C", str(tmp_path / "clone"), "fetch", "--quiet", "origin")
        assert "Another one" in git("-C", str(tmp_path / "clone"), "show", "origin/board:README.md")


def test_incremental_fetch_with_stock_git(alice: Person, tmp_path: Path) -> None:
    commons = alice.commons()
    with alice.serving() as url:
        git("clone", "--quiet", "--mirror", f"{url}/git/{commons}", str(tmp_path / "mirror"))
        for n in range(3):
            alice.post(f"Item {n}")
        git("--git-dir", str(tmp_path / "mirror"), "fetch", "--quiet", "origin")
    assert refs(tmp_path / "mirror", commons, "log/") == refs(alice.repository(), commons, "log/")


def test_two_nodes_that_hold_the_same_logs_have_equal_references(alice: Person, bob: Person) -> None:
    alice.post()
    commons = alice.commons()
    with alice.serving() as url:
        bob.ok("wl", "join", url, "--as", "bob")
        bob.ok("wl", "claim", bob.ask("wl", "browse")["items"][0]["id"], "--wait")
        bob.ok("wl", "sync")
        with bob.serving() as second:
            kinds = ("genesis", "id/", "log/", "body/")
            ours = refs(f"{url}/git/{commons}", commons, *kinds)
            assert ours == refs(f"{second}/git/{commons}", commons, *kinds)
            assert len([name for name in ours if "/log/" in name]) == 2


def test_stock_git_can_push_what_verifies(alice: Person, bob: Person) -> None:
    commons = alice.commons()
    with alice.serving() as url:
        bob.ok("wl", "join", url)
        bob.ok("wl", "post", "Bob's item", "--offline")
        git(
            "--git-dir",
            str(bob.repository()),
            "push",
            "--quiet",
            f"{url}/git/{commons}",
            f"+refs/wl/{commons}/*:refs/wl/{commons}/*",
        )
        assert refs(alice.repository(), commons) == refs(bob.repository(), commons)
    assert [i["title"] for i in alice.ask("wl", "browse")["items"]] == ["Bob's item"]


@pytest.mark.parametrize(
    ("refspec", "reason"),
    [
        ("HEAD:refs/heads/main", "no reference of this commons"),
        ("HEAD:refs/wl/{commons}/log/aa/" + "a" * 32, "(invalid("),
        ("HEAD:refs/wl/{commons}/log/aa/../../x", "invalid refspec"),
        ("HEAD:refs/replace/" + "a" * 40, "no reference of this commons"),
        (":refs/wl/{commons}/genesis", "[remote rejected]"),
    ],
    ids=["a branch", "a tree that is no log", "a path that climbs", "a replacement", "a deletion"],
)
def test_a_push_is_refused_with_its_reason(alice: Person, tmp_path: Path, refspec: str, reason: str) -> None:
    commons = alice.commons()
    before = refs(alice.repository(), commons)
    work = tmp_path / "work"
    git("init", "--quiet", str(work))
    (work / "file").write_text("x")
    git("-C", str(work), "add", ".")
    git("-C", str(work), "-c", "user.name=x", "-c", "user.email=x@y", "commit", "--quiet", "-m", "x")
    with alice.serving() as url:
        told = git("-C", str(work), "push", f"{url}/git/{commons}", refspec.format(commons=commons), fails=True)
    assert reason in told
    assert refs(alice.repository(), commons) == before


def test_a_fetch_that_races_a_thousand_appends_gets_a_whole_log(alice: Person, tmp_path: Path) -> None:
    commons = alice.commons()
    with alice.serving() as url:
        writer = subprocess.Popen([sys.executable, "-c", APPEND_A_THOUSAND, commons], env=environment(alice.home))
        rounds = 0
        while writer.poll() is None:
            rounds += 1
            target = tmp_path / f"mirror{rounds}"
            git("clone", "--quiet", "--mirror", f"{url}/git/{commons}", str(target))
            git("--git-dir", str(target), "fsck", "--connectivity-only")
        assert writer.returncode == 0
    assert rounds > 3
    assert alice.ask("wl", "verify")["problems"] == []
    assert alice.ask("wl", "verify")["operations"] == 1002


def test_a_private_ledger_is_neither_listed_nor_served_nor_pushed(alice: Person, bob: Person) -> None:
    alice.ok("bd", "create", "my secret")
    private = next(c["id"] for c in alice.ask("wl", "list")["commons"] if c["private"])
    with alice.serving() as url:
        listed = json.load(urllib.request.urlopen(f"{url}/api/v1/commons", timeout=DEADLINE))["commons"]
        assert private not in {c["id"] for c in listed}
        assert "not found" in git("ls-remote", f"{url}/git/{private}", fails=True)
        for path in (f"/c/{private}", f"/api/v1/commons/{private}/events"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(url + path, timeout=DEADLINE)
        token = (alice.home / "token").read_text() if (alice.home / "token").is_file() else ""
        header = f"http.extraHeader=Authorization: Bearer {token}"
        if token:
            assert private in git("-c", header, "ls-remote", f"{url}/git/{private}")
        bob.ok("wl", "join", f"{url}/git/{alice.commons()}")
    assert not (bob.home / "commons" / private).exists()
    assert private not in "".join(refs(bob.repository(), "wlc1"))


def test_a_request_that_inflates_without_end_is_refused(alice: Person) -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    with alice.serving() as url:
        request = urllib.request.Request(
            f"{url}/git/{alice.commons()}/git-upload-pack", data=bomb,
            headers={"Content-Encoding": "gzip", "Content-Type": "application/x-git-upload-pack-request"},
        )  # fmt: skip
        with pytest.raises(urllib.error.HTTPError, match="413"):
            urllib.request.urlopen(request, timeout=DEADLINE)
        assert urllib.request.urlopen(f"{url}/healthz", timeout=DEADLINE).read() == b"ok\n"


def test_news_travels_between_serving_nodes_by_itself(alice: Person, bob: Person) -> None:
    with alice.serving() as url:
        bob.ok("wl", "join", url)
        with bob.serving() as second:
            stream = urllib.request.urlopen(f"{second}/api/v1/commons/{alice.commons()}/events", timeout=DEADLINE)
            assert stream.readline().startswith(b"event:")
            item = alice.post("Breaking news")
            # Bob's node hears of it and takes it up; its own event says so.
            while not bob.ask("wl", "browse")["items"]:
                assert stream.readline()
            stream.close()
    assert bob.ask("wl", "browse")["items"][0]["id"] == item
