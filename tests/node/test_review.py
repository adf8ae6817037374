"""wl review: a commit that somebody handed in is fetched, shown and tried, and the stamp says what was tried."""

import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from node.errors import BAD_DATA, NOT_FOUND, PEER, REFUSED
from tests.node.support import Person, environment
from tests.world import git

needs_sandbox = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


class Project:
    """A repository with a branch that does the work."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        (path / "greeting").write_text("bye\n")
        self.base = self.commit("First")
        self.git("checkout", "--quiet", "-b", "work")
        (path / "greeting").write_text("hello\n\x1b[31mred\u202e\n")
        self.work = self.commit("Say hello")
        self.git("checkout", "--quiet", "main")

    def git(self, *words: str) -> str:
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *words]
        done = subprocess.run(
            command, cwd=self.path, env=environment(self.path), capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, subject: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", subject)
        return self.git("rev-parse", "HEAD")


class Place:
    """A poster, a worker, a repository between them, and work that was handed in."""

    def __init__(self, folder: Path) -> None:
        self.ann, self.bob = Person(folder / "ann"), Person(folder / "bob")
        self.project = Project(folder / "project")
        self.relay = folder / "relay.git"
        git(self.relay, "init", "--quiet", "--bare")
        self.ann.ok("wl", "create", "Our Commons")
        self.ann.ok("wl", "peer", "add", str(self.relay))
        self.ann.ok("wl", "sync")
        self.bob.ok("wl", "join", str(self.relay))

    def handed_in(self, *options: str, repo: str = "", commit: str = "") -> str:
        item = str(self.ann.ask("wl", "post", "Say hello", *options)["item"]["id"])
        self.bob.ok("wl", "claim", item)
        self.ann.ok("wl", "sync")
        self.bob.ok("wl", "done", item, "--commit", commit or self.project.work, "--repo", repo or self.url)
        self.ann.ok("wl", "sync")
        return item

    @property
    def url(self) -> str:
        return str(self.project.path)

    def review(self, item: str, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.ann.run("wl", "review", item, "--offline", *options)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("place"))


def test_what_the_work_changes_is_shown_and_nothing_hides_in_it(place: Place) -> None:
    done = place.review(place.handed_in(), "--repo", place.url)
    assert done.returncode == 0, done.stderr
    assert f"commit   {place.project.work[:12]}" in done.stdout
    assert f"against  {place.project.base[:12]}" in done.stdout
    assert "Say hello" in done.stdout
    assert "-bye\n+hello\n+<U+001B>[31mred<U+202E>" in done.stdout
    assert "\x1b" not in done.stdout
    assert "--check COMMAND runs one of yours" in done.stdout


@needs_sandbox
def test_checks_that_pass_go_into_the_stamp_the_credential_and_the_sheet(place: Place, tmp_path: Path) -> None:
    item = place.handed_in("--check", "grep hello greeting")
    done = place.review(item, "--repo", place.url, "--stat")
    assert done.returncode == 0, done.stderr
    assert "passed    grep hello greeting" in done.stdout
    assert "+hello" not in done.stdout
    shown = json.loads(place.ann.ok("wl", "accept", item, "--stamp", "--quality", "4", "--json"))["item"]
    (stamp,) = shown["stamps"]
    (run,) = stamp["checks"]
    assert (run["command"], run["commit"], run["exit"]) == ("grep hello greeting", place.project.work, 0)
    assert run["output"] == hashlib.sha256(b"hello\n").hexdigest()
    assert f"grep hello greeting: passed on {place.project.work[:12]}" in place.ann.ok("wl", "show", item)
    file = tmp_path / "sheet.json"
    place.bob.ok("wl", "sheet", "export", str(file))
    assert "grep hello greeting" in file.read_text()
    place.ann.ok("wl", "sheet", "verify", str(file))


@needs_sandbox
def test_a_check_that_fails_is_shown_with_its_last_words_and_its_exit_code(place: Place) -> None:
    item = place.handed_in("--check", "echo '\x1b[2Jwords' | tr a-z A-Z; exit 3".replace("\x1b", r"\033"))
    done = place.review(item, "--repo", place.url)
    assert done.returncode == REFUSED
    assert "exit 3" in done.stdout
    assert "WORDS" in done.stdout
    assert "\x1b" not in done.stdout
    again = json.loads(place.review(item, "--repo", place.url, "--json").stdout)
    assert [(run["exit"], run["passed"]) for run in again["checks"]] == [(3, False)]
    assert Path(again["checks"][0]["log"]).read_text().endswith("WORDS\n")


@needs_sandbox
def test_a_check_of_my_own_and_one_that_takes_too_long(place: Place) -> None:
    item = place.handed_in("--check", "sleep 3600", "--check-timeout", "1")
    done = place.review(item, "--repo", place.url, "--check", "true")
    assert done.returncode == REFUSED
    assert "too long  sleep 3600" in done.stdout
    assert "passed    true" in done.stdout


def test_nothing_runs_where_nothing_is_to_run(place: Place, tmp_path: Path) -> None:
    item = place.handed_in("--check", f"touch {tmp_path}/ran")
    done = place.review(item, "--repo", place.url, "--no-run", "--into", str(tmp_path / "tree"))
    assert done.returncode == 0, done.stderr
    assert "Nothing was run." in done.stdout
    assert (tmp_path / "tree" / "greeting").read_text().startswith("hello")
    assert not (tmp_path / "ran").exists()
    again = place.review(item, "--repo", place.url, "--no-run", "--into", str(tmp_path / "tree"))
    assert "exists already" in again.stderr


def test_without_a_sandbox_the_checks_are_refused(place: Place, tmp_path: Path) -> None:
    item = place.handed_in("--check", f"touch {tmp_path}/ran")
    for program in ("git", "sh"):
        (tmp_path / program).symlink_to(shutil.which(program) or "")
    bare = Person(place.ann.home, (("PATH", str(tmp_path)),))
    done = bare.run("wl", "review", item, "--offline", "--repo", place.url)
    assert done.returncode == REFUSED
    assert "bubblewrap is not installed" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_hooks_and_filters_of_the_reviewer_do_not_run(place: Place, tmp_path: Path) -> None:
    """A path in the work may name a filter; whose settings define it is the reviewer."""
    project = Project(tmp_path / "project")
    (project.path / ".gitattributes").write_text("* filter=loud diff=loud\n")
    commit = project.commit("Filtered")
    settings = tmp_path / "gitconfig"
    loud = f"touch {tmp_path}/ran; cat"
    settings.write_text(f'[filter "loud"]\nsmudge = "{loud}"\nrequired = true\n[diff "loud"]\ntextconv = "{loud}"\n')
    item = place.handed_in(commit=commit, repo=str(project.path))
    ann = Person(place.ann.home, (("GIT_CONFIG_GLOBAL", str(settings)),))
    done = ann.run("wl", "review", item, "--offline", "--repo", str(project.path), "--into", str(tmp_path / "tree"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tree" / "greeting").read_text() == "bye\n"
    assert not (tmp_path / "ran").exists()


def test_a_commit_that_is_not_there_and_one_that_is_none(place: Place) -> None:
    missing = place.review(place.handed_in(commit="1" * 40), "--repo", place.url)
    assert missing.returncode == NOT_FOUND
    assert "has no commit 111111111111" in missing.stderr
    blob = place.project.git("rev-parse", "main:greeting")
    odd = place.review(place.handed_in(commit=blob), "--repo", place.url)
    assert odd.returncode != 0
    assert "Traceback" not in odd.stderr
    short = place.review(place.handed_in(commit="abc"), "--repo", place.url)
    assert "not the id of a commit" in short.stderr


def test_a_tree_that_is_immense_is_not_laid_out(place: Place, tmp_path: Path) -> None:
    """Ten levels of ten times the same folder: a few kilobytes, ten thousand million files."""
    bomb = Project(tmp_path / "bomb")
    tree = bomb.git("rev-parse", "main^{tree}")
    for _ in range(10):
        entries = "".join(f"040000 tree {tree}\td{n}\n" for n in range(10))
        made = subprocess.run(
            ["git", "mktree"], cwd=bomb.path, input=entries, capture_output=True, text=True, check=True
        )
        tree = made.stdout.strip()
    commit = bomb.git("commit-tree", tree, "-p", "main", "-m", "boom")
    bomb.git("update-ref", "refs/heads/boom", commit)
    item = place.handed_in(commit=commit, repo=str(bomb.path))
    done = place.review(item, "--repo", str(bomb.path))
    assert done.returncode == REFUSED
    assert "more than" in done.stderr


# -- a stranger's address ----------------------------------------------------------------------------------------------


class Redirecting(SimpleHTTPRequestHandler):
    """Sends git to another address."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:1{self.path}")
        self.end_headers()


@contextmanager
def served(handler: Any) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def bare(place: Place, tmp_path: Path) -> Path:
    """A copy that can be served as files."""
    copy = tmp_path / "files" / "project.git"
    git(copy, "clone", "--quiet", "--bare", place.url, str(copy))
    git(copy, "update-server-info")
    return copy.parent


def allowing(person: Person) -> None:
    (person.home / "config.toml").write_text('[peers]\nallow = ["127.0.0.0/8"]\n')


@pytest.mark.parametrize(
    "repo", ["/etc", "file:///etc", "ssh://host/x", "git@host:x", "ext::sh -c true", "-x", "git://a/b"]
)
def test_a_strangers_address_leads_to_no_file_and_no_program(repo: str, place: Place) -> None:
    done = place.review(place.handed_in(repo=f"{repo}"))
    assert done.returncode in (PEER, BAD_DATA)
    assert "Traceback" not in done.stderr


def test_a_strangers_address_leads_to_no_private_network(place: Place, bare: Path) -> None:
    with served(partial(SimpleHTTPRequestHandler, directory=bare)) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    assert done.returncode == PEER
    assert "no public address (loopback)" in done.stderr


def test_a_strangers_address_that_may_be_reached(place: Place, bare: Path) -> None:
    allowing(place.ann)
    with served(partial(SimpleHTTPRequestHandler, directory=bare)) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    (place.ann.home / "config.toml").unlink()
    assert done.returncode == 0, done.stderr
    assert "+hello" in done.stdout


def test_a_strangers_address_that_leads_elsewhere(place: Place) -> None:
    allowing(place.ann)
    with served(Redirecting) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    (place.ann.home / "config.toml").unlink()
    assert done.returncode == PEER
    assert "cannot fetch the work" in done.stderr
