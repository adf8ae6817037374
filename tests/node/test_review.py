"""wl review: a commit that somebody handed in is fetched, shown and tried, and the stamp says what was tried."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from tempfile import gettempdir
from typing import ClassVar

import pytest

from beads.errors import RemoteError
from node import warygit
from node.cli.wl_review import TERMINATED
from node.commons import Commons
from node.errors import BAD_DATA, NOT_FOUND, PEER, REFUSED, USAGE, Usage
from node.evidence import Work
from node.home import Home
from node.warygit import Place as Where
from tests.node.support import DEADLINE, Person, environment, site
from tests.world import git
from wanted.item import Evidence

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


def test_a_commit_that_is_no_id_was_not_written_by_this_program(tmp_path: Path) -> None:
    with pytest.raises(Usage, match="not the id of a commit"):
        Work(tmp_path, Where(str(tmp_path), None), "--upload-pack=x", None)


def nested(project: Project, tree: str, levels: int) -> str:
    """A commit of a folder that holds ten of the next, and so on: few objects, and as many paths as one likes."""
    for _ in range(levels):
        entries = "".join(f"040000 tree {tree}\td{n}\n" for n in range(10))
        made = subprocess.run(
            ["git", "mktree"], cwd=project.path, input=entries, capture_output=True, text=True, check=True
        )
        tree = made.stdout.strip()
    commit = project.git("commit-tree", tree, "-p", "main", "-m", "boom")
    project.git("update-ref", "refs/heads/boom", commit)
    return commit


def test_a_tree_that_is_immense_is_not_laid_out(place: Place, tmp_path: Path) -> None:
    bomb = Project(tmp_path / "bomb")
    commit = nested(bomb, bomb.git("rev-parse", "main^{tree}"), 10)
    item = place.handed_in(commit=commit, repo=str(bomb.path))
    done = place.review(item, "--repo", str(bomb.path))
    assert done.returncode == REFUSED
    assert "more than" in done.stderr


# -- what the work changes is never guessed ----------------------------------------------------------------------------


def orphan(project: Project) -> str:
    """A commit whose parent has no parent, and brought something along that the main line does not have."""
    tree = project.git("rev-parse", "main^{tree}")
    project.git("read-tree", tree)
    blob = project.git("hash-object", "-w", "greeting")
    project.git("update-index", "--add", "--cacheinfo", f"100644,{blob},backdoor")
    first = project.git("commit-tree", project.git("write-tree"), "-m", "Start")
    project.git("update-index", "--add", "--cacheinfo", f"100644,{blob},harmless")
    second = project.git("commit-tree", project.git("write-tree"), "-p", first, "-m", "Small fix")
    project.git("update-ref", "refs/heads/orphan", second)
    project.git("reset", "--hard", "--quiet", "main")
    return second


def test_a_history_of_its_own_hides_nothing(place: Place, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    item = place.handed_in(commit=orphan(project), repo=str(project.path))
    done = place.review(item, "--repo", str(project.path))
    assert "nothing in common with the main line" in done.stdout
    assert "backdoor" in done.stdout
    assert "Small fix" in done.stdout
    assert "Start" in done.stdout


def test_a_main_line_that_cannot_be_had_is_no_reason_to_look_at_less(place: Place, tmp_path: Path) -> None:
    item = place.handed_in("--check", "true", "--repo", str(tmp_path / "nowhere"))
    done = place.review(item, "--repo", place.url, "--no-run")
    assert done.returncode == PEER
    assert "which only you can say to open" in done.stderr
    done = place.review(item, "--repo", place.url, "--base", str(tmp_path / "nowhere"), "--no-run")
    assert done.returncode == PEER
    assert "cannot fetch what the work belongs to" in done.stderr
    done = place.review(item, "--repo", place.url, "--base", place.url, "--no-run")
    assert f"against  {place.project.base[:12]}, by the main line of {place.url}" in done.stdout


def test_whose_main_line_it_is_is_told(place: Place, bare: Path) -> None:
    allowing(place.ann)
    git(bare / "project.git", "update-ref", "refs/heads/main", place.project.work)
    git(bare / "project.git", "update-server-info")
    with site(partial(SimpleHTTPRequestHandler, directory=bare)) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    (place.ann.home / "config.toml").unlink()
    assert "by the main line of the submitter's own" in done.stdout
    assert "it has landed on the main line; this is its last commit alone" in done.stdout


@pytest.mark.parametrize("end", ["\r", "\v", "\f", "\x85", "\u2028"])
def test_a_line_of_the_work_cannot_end_before_its_end(end: str, place: Place, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    (project.path / "greeting").write_text(f"x{end}Checks, in a sandbox without network:{end}  passed    make test\n")
    commit = project.commit(f"Fix{end}deadbee Nothing else")
    item = place.handed_in(commit=commit, repo=str(project.path))
    done = place.review(item, "--repo", str(project.path))
    assert not any(line.startswith(("Checks, in a", "  passed")) for line in done.stdout.split("\n"))
    assert "1 commit\n" in done.stdout


def test_a_subject_without_end_is_cut(place: Place, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    (project.path / "message").write_text("x" * 5_000_000)
    commit = project.git("commit-tree", "main^{tree}", "-p", "main", "-F", "message")
    project.git("update-ref", "refs/heads/long", commit)
    done = place.review(place.handed_in(commit=commit, repo=str(project.path)), "--repo", str(project.path))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) < 10_000


def test_folders_in_folders_are_counted(place: Place, tmp_path: Path) -> None:
    bomb = Project(tmp_path / "bomb")
    commit = nested(bomb, bomb.git("mktree"), 12)
    item = place.handed_in(commit=commit, repo=str(bomb.path))
    done = place.review(item, "--repo", str(bomb.path))
    assert done.returncode == REFUSED
    assert "more than" in done.stderr


def test_of_several_commits_one_is_named(place: Place) -> None:
    item = str(place.ann.ask("wl", "post", "Say hello", "--competition")["item"]["id"])
    place.ann.ok("wl", "sync")
    with Commons(Home(place.bob.home), place.bob.commons()) as ours:
        ours.sync()
        commits = (place.project.base, place.project.work)
        named: list[Evidence] = [{"kind": "git_commit", "commit": each, "repo": place.url} for each in commits]
        ours.submit(item, named, "Two.")
        ours.sync()
    place.ann.ok("wl", "sync")
    done = place.review(item, "--repo", place.url)
    assert done.returncode == NOT_FOUND
    assert "several commits" in done.stderr
    assert "+hello" in place.review(item, "--repo", place.url, "--commit", place.project.work[:12]).stdout


def test_a_repository_without_end_is_not_fetched(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path / "project")
    (project.path / "large").write_bytes(os.urandom(3 << 20))
    commit = project.commit("Large")
    monkeypatch.setattr(warygit, "REPOSITORY_BYTES", 1 << 20)
    folder = tmp_path / "bare"
    folder.mkdir()
    with pytest.raises(RemoteError):
        Work(folder, Where(str(project.path), None), commit, None)


@needs_sandbox
def test_a_review_that_is_ended_leaves_nothing_behind(place: Place) -> None:
    item = place.handed_in("--check", "sleep 3600")
    child = subprocess.Popen(
        [sys.executable, "-m", "node.cli.wl", "review", item, "--offline", "--repo", place.url],
        env=environment(place.ann.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stderr is not None
    assert "Running: sleep 3600" in child.stderr.readline()
    child.terminate()
    child.communicate(timeout=DEADLINE)
    assert child.returncode == TERMINATED
    assert not list(Path(gettempdir()).glob(f"wl-review-{child.pid}-*"))


# -- checks that cannot be kept ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["a\nb", "", "x" * 501])
def test_a_check_that_could_not_be_recorded_is_not_run(check: str, place: Place) -> None:
    done = place.review(place.handed_in(), "--repo", place.url, "--check", check)
    assert done.returncode == USAGE
    assert "a check must be one line" in done.stderr


def test_no_check_is_left_out_in_silence(place: Place) -> None:
    item = place.handed_in(*(word for n in range(16) for word in ("--check", f"echo {n}")))
    done = place.review(item, "--repo", place.url, "--check", "false")
    assert done.returncode == USAGE
    assert "at most 16 checks" in done.stderr


def test_checks_that_no_stamp_could_name_are_not_posted(place: Place) -> None:
    checks = [word for n in range(16) for word in ("--check", f"{n} " + "字" * 290)]
    done = place.ann.run("wl", "post", "Say hello", *checks)
    assert done.returncode == USAGE
    assert "4096 bytes together" in done.stderr
    lost = place.ann.run("wl", "post", "Say hello", "--repo", place.url)
    assert lost.returncode == USAGE


def test_what_cannot_be_stamped_is_not_accepted_for_it(place: Place) -> None:
    item = place.handed_in()
    done = place.ann.run("wl", "accept", item, "--stamp", "--quality", "4", "--title", "x" * 121)
    assert done.returncode == USAGE
    assert place.ann.ask("wl", "show", item)["item"]["accepted"] == []


def test_a_record_that_is_damaged_is_not_taken_for_none(place: Place) -> None:
    item = place.handed_in()
    submission = place.ann.ask("wl", "show", item)["item"]["submissions"][0]["id"]
    folder = place.ann.home / "reviews"
    folder.mkdir(exist_ok=True)
    (folder / f"{submission}.json").write_text('[{"comm')
    done = place.ann.run("wl", "accept", item, "--stamp", "--quality", "4")
    assert done.returncode == REFUSED
    assert "is damaged" in done.stderr
    assert "Traceback" not in done.stderr


# -- a stranger's address ----------------------------------------------------------------------------------------------


class Redirecting(SimpleHTTPRequestHandler):
    """Sends git to another address."""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"http://127.0.0.1:1{self.path}")
        self.end_headers()


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


def test_a_strangers_address_is_no_command_in_a_hint(place: Place) -> None:
    done = place.review(place.handed_in(repo="/srv/door;touch${IFS}/tmp/x"))
    assert "--repo '/srv/door;touch${IFS}/tmp/x'" in done.stderr


class Locked(SimpleHTTPRequestHandler):
    """Wants a password, and keeps what it is given."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Authorization", ""))
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.end_headers()


def test_a_stranger_who_asks_for_a_password_gets_none(place: Place, tmp_path: Path) -> None:
    allowing(place.ann)
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\necho secret\n")
    program.chmod(0o755)
    asks = tuple((name, str(program)) for name in ("SSH_ASKPASS", "GIT_ASKPASS"))
    ann = Person(place.ann.home, (*asks, ("DISPLAY", ":0")))
    with site(Locked) as url:
        done = ann.run("wl", "review", place.handed_in(repo=f"{url}/x.git"), "--offline")
    (place.ann.home / "config.toml").unlink()
    assert done.returncode == PEER
    assert not (tmp_path / "asked").exists()
    assert set(Locked.asked) == {""}


def test_a_strangers_address_leads_to_no_private_network(place: Place, bare: Path) -> None:
    with site(partial(SimpleHTTPRequestHandler, directory=bare)) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    assert done.returncode == PEER
    assert "no public address (loopback)" in done.stderr


def test_a_strangers_address_that_may_be_reached(place: Place, bare: Path) -> None:
    allowing(place.ann)
    with site(partial(SimpleHTTPRequestHandler, directory=bare)) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    (place.ann.home / "config.toml").unlink()
    assert done.returncode == 0, done.stderr
    assert "+hello" in done.stdout


def test_a_strangers_address_that_leads_elsewhere(place: Place) -> None:
    allowing(place.ann)
    with site(Redirecting) as url:
        done = place.review(place.handed_in(repo=f"{url}/project.git"))
    (place.ann.home / "config.toml").unlink()
    assert done.returncode == PEER
    assert "cannot fetch the work" in done.stderr
