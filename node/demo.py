"""The whole story on one machine: two nodes, a town, a stamp. ⚡

Every step is a command that a person could type, run as a process of its own, in the home of whoever does it. Nothing
is faked; the first step that fails ends the story with its error.
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from node import wiring
from node.errors import NodeError

SECONDS = 40.0
CHECK = """import pathlib
text = pathlib.Path("greeting.txt").read_text()
assert text.startswith("Hello from the wasteland"), text
print("the greeting is right")
"""
PLAN = """[[steps]]
do = "write"
path = "greeting.txt"
text = "Hello from the wasteland. This is {short}.\\n"

[[steps]]
do = "commit"
message = "{title}"

[[steps]]
do = "done"
summary = "Wrote the greeting; the rig's gate reads it."
"""
NAMES = ("alice", "bob")


class StepFailed(NodeError):
    """A step of the story did not do what it should."""


class Story:
    """Tells what it does, line by line.

    Args:
        folder: Where the homes and the repository lie.
        say: Prints a line.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.folder = folder
        self._say = say
        self._children: list[subprocess.Popen[str]] = []
        self.urls: dict[str, str] = {}

    def chapter(self, text: str) -> None:
        """Begin a part."""
        self._say(f"\n== {text}")

    def run(self, who: str, *command: str) -> str:
        """Run a command in somebody's home, show it and what it said, and return that."""
        self._say(f"{who}$ {' '.join(_shown(part) for part in command)}")
        done = subprocess.run(
            self._argv(command), env=self._environment(who), cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=SECONDS * 2,
        )  # fmt: skip
        for line in done.stdout.splitlines():
            self._say(f"  {line}")
        if done.returncode:
            raise StepFailed(f"{' '.join(command[:2])} ended with {done.returncode}")
        return done.stdout

    def ask(self, who: str, *command: str) -> dict[str, Any]:
        """Run a command quietly and return its JSON."""
        done = subprocess.run(
            self._argv((*command, "--json")), env=self._environment(who), cwd=self.folder, capture_output=True,
            text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise StepFailed(f"{' '.join(command[:2])}: {done.stderr.strip()}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def serve(self, who: str) -> str:
        """Start somebody's node and return its address."""
        self._say(f"{who}$ wl serve")
        child = subprocess.Popen(
            self._argv(("wl", "serve", "--port", "0")), env=self._environment(who), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, cwd=self.folder,
        )  # fmt: skip
        self._children.append(child)
        assert child.stdout is not None
        ready, _, _ = select.select([child.stdout], [], [], SECONDS)
        line = child.stdout.readline() if ready else ""
        if "http://" not in line:
            raise StepFailed(f"{who}'s node did not start")
        self._say(f"  {line.strip()}")
        self.urls[who] = line.split()[2].rstrip("/")
        return self.urls[who]

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait for something that others are doing."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > SECONDS:
                raise StepFailed(f"waited {SECONDS:.0f} s in vain: {what}")
            time.sleep(0.1)
        self._say(f"  … {what} ({time.monotonic() - began:.1f} s)")

    def git(self, *arguments: str) -> str:
        """Run git and return what it printed."""
        done = subprocess.run(
            ["git", *arguments], env=wiring.git_environment() | _IDENTITY, cwd=self.folder,
            capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise StepFailed(f"git {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def stop(self) -> None:
        """End every process that the story started."""
        with contextlib.suppress(StepFailed, subprocess.TimeoutExpired):
            if (self.folder / "bob" / "town" / "town.toml").is_file():
                self.ask("bob", "gt", "down")
        for child in self._children:
            child.terminate()
        for child in self._children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
            child.kill()
            if child.stdout is not None:
                child.stdout.close()

    def _argv(self, command: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", f"node.cli.{command[0]}", *command[1:]]

    def _environment(self, who: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WL_", "GT_", "BD_"))}
        return kept | {"WL_HOME": str(self.folder / who), "NO_COLOR": "1"}


_IDENTITY = {
    "GIT_AUTHOR_NAME": "bob", "GIT_AUTHOR_EMAIL": "bob@example.org", "GIT_COMMITTER_NAME": "bob",
    "GIT_COMMITTER_EMAIL": "bob@example.org",
}  # fmt: skip


def tell(story: Story) -> None:
    """Tell the story.

    Raises:
        StepFailed: A step did not do what it should.
    """
    item = _post(story)
    _work(story, item)
    commit = _landed(story, item)
    _judge(story, item)
    _compare(story, item, commit)
    _take_along(story)


def _post(story: Story) -> str:
    story.chapter("Alice founds a commons and offers work. No account, no server but her own.")
    story.run("alice", "wl", "create", "Greeters", "--as", "alice")
    story.run("alice", "wl", "post", "Write a greeting", "--description", "greeting.txt greets.", "--skill", "writing")
    story.serve("alice")
    answer: str = story.ask("alice", "wl", "browse")["items"][0]["id"]
    return answer


def _work(story: Story, item: str) -> None:
    story.chapter("Bob follows it from his own node. He has a repository, a town, and a merge queue with one gate.")
    story.run("bob", "wl", "join", story.urls["alice"], "--as", "bob")
    story.serve("bob")
    _make_repository(story)
    story.run("bob", "gt", "install")
    gate = f"{_shown(sys.executable)} check.py"
    story.run("bob", "gt", "rig", "add", "shop", "shop.git", "--gate", gate, "--plan", "plan.toml")
    story.run("bob", "gt", "up")
    story.chapter("Bob claims the item. Alice's node grants it; Bob's town does it.")
    story.run("bob", "wl", "browse")
    story.run("bob", "wl", "claim", item[:12], "--rig", "shop")


def _make_repository(story: Story) -> None:
    story.git("init", "--quiet", "--bare", "--initial-branch=main", "shop.git")
    story.git("clone", "--quiet", "shop.git", "shop")
    (story.folder / "shop" / "check.py").write_text(CHECK)
    (story.folder / "shop" / "plan.toml").write_text(PLAN)
    story.git("-C", "shop", "checkout", "--quiet", "-B", "main")
    story.git("-C", "shop", "add", ".")
    story.git("-C", "shop", "commit", "--quiet", "-m", "A shop with a check")
    story.git("-C", "shop", "push", "--quiet", "origin", "main")


def _landed(story: Story, item: str) -> str:
    def handed_in() -> bool:
        return bool(story.ask("alice", "wl", "show", item)["item"]["submissions"])

    story.until("an agent worked, the gate passed, the queue landed it, the evidence reached Alice", handed_in)
    evidence = story.ask("alice", "wl", "show", item)["item"]["submissions"][0]["evidence"]
    commit = story.git("--git-dir", "shop.git", "rev-parse", "main").strip()
    if evidence[0]["commit"] != commit:
        raise StepFailed("the evidence names another commit than the one that landed")
    story.run("bob", "gt", "status")
    story._say("$ git log main")
    for line in story.git("--git-dir", "shop.git", "log", "--format=%h %an: %s", "main").splitlines():
        story._say(f"  {line}")
    story._say(f"  landed commit {commit}")
    return commit


def _judge(story: Story, item: str) -> None:
    story.chapter("Alice accepts and stamps it.")
    scores = ("--quality", "5", "--reliability", "4", "--skill", "writing", "--title", "A greeting that greets")
    story.run("alice", "wl", "accept", item[:12], "--stamp", *scores)


def _compare(story: Story, item: str, commit: str) -> None:
    story.chapter("Both nodes hold the same signed operations, and fold them to the same state.")

    def stamped() -> bool:
        return bool(story.ask("bob", "wl", "show", item)["item"]["stamps"])

    story.until("the stamp reached Bob's node by itself", stamped)
    for who in NAMES:
        shown = story.ask(who, "wl", "show", item)["item"]
        story._say(
            f"  {who}: item {item[:12]} is {shown['status']}, {len(shown['stamps'])} stamp, evidence {commit[:12]}"
        )
    hashes = {story.ask(who, "wl", "verify")["state_hash"] for who in NAMES}
    commons = story.ask("alice", "wl", "list")["commons"][0]["id"]
    listings = {_refs(story, story.urls[who], commons) for who in NAMES}
    if len(hashes) != 1 or len(listings) != 1:
        raise StepFailed("the nodes differ")
    story._say(f"  state hash {hashes.pop()}, on both")
    story._say(f"  git ls-remote: {len(listings.pop().splitlines())} equal references on both")


def _refs(story: Story, url: str, commons: str) -> str:
    return story.git("ls-remote", f"{url}/git/{commons}", f"refs/wl/{commons}/*")


def _take_along(story: Story) -> None:
    story.chapter("Bob forks the commons; his stamps come along. He exports his sheet; a stranger checks it.")
    story.run("bob", "wl", "fork", "Greeters, the second", "--commons", "Greeters")
    story.run("bob", "wl", "sheet", "show")
    story.run("bob", "wl", "sheet", "export", "bob-sheet.json")
    story.run("stranger", "wl", "sheet", "verify", "bob-sheet.json")
    if (story.folder / "stranger").exists():
        raise StepFailed("verifying needed a home")


def _shown(part: str) -> str:
    return part if part and not set(part) & set(" '\"();") else f'"{part}"'


@contextlib.contextmanager
def stage(keep: Path | None) -> Iterator[Path]:
    """Make a folder for the story, and take it away in the end unless it was asked for."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if any(keep.iterdir()):
            raise StepFailed(f"{keep} is not empty")
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="wasteland-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def addresses(urls: Mapping[str, str]) -> list[str]:
    """Return the lines that tell where the pages are."""
    return [f"{who}'s node: {url}/" for who, url in urls.items()]
