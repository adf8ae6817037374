"""A home that cannot be written to can be read: a backup, a mounted image, another user's."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bd.support import REFUSED, Bd
from tests.node.support import DEADLINE, Person, environment

Run = Callable[..., subprocess.CompletedProcess[str]]


def _wall(folder: Path) -> list[str]:
    """What to put before a command so that a folder is on a read-only file system."""
    return ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder)]


def _has_wall() -> bool:
    if shutil.which("bwrap") is None:
        return False
    return subprocess.run([*_wall(Path("/usr")), "true"], capture_output=True, check=False).returncode == 0


@contextmanager
def read_only(home: Path) -> Iterator[Run]:
    """Keep a home from being written to: by the file system, or by its permissions, which root does not mind."""
    walled = _has_wall()
    if not walled and os.geteuid() == 0:
        pytest.skip("root writes whatever the permissions say, and there is no bwrap")
    before = _wall(home) if walled else []

    def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, sys.executable, "-m", f"node.cli.{command[0]}", *command[1:]], env=environment(home), cwd=cwd,
            capture_output=True, text=True, check=False, timeout=DEADLINE,
        )  # fmt: skip

    folders = [] if walled else [Path(folder) for folder, _, _ in os.walk(home)]
    try:
        for folder in folders:
            folder.chmod(0o500)
        yield run
    finally:
        for folder in folders:
            folder.chmod(0o700)


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Bd:
    """A home with a ledger of one bead and a commons of one item."""
    folder = tmp_path_factory.mktemp("lived")
    (folder / "shop").mkdir()
    bd = Bd(folder / "home", folder / "shop")
    bd.ok("init", "--prefix", "test")
    bd.make("Fix the door", "--id", "test-door")
    person = Person(bd.home)
    person.ok("wl", "create", "yard")
    person.post("Paint the fence")
    # What is written last brings the index up: a reader finds it as it is.
    person.ok("wl", "browse")
    return bd


@pytest.fixture
def home(lived_in: Bd, tmp_path: Path) -> Bd:
    for name in ("home", "shop"):
        shutil.copytree(lived_in.cwd.parent / name, tmp_path / name)
    return Bd(tmp_path / "home", tmp_path / "shop")


def stems(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("bd", "list"), "Fix the door"),
        (("bd", "show", "test-door"), "Fix the door"),
        (("bd", "ready"), "Fix the door"),
        (("bd", "search", "door"), "Fix the door"),
        (("wl", "browse"), "Paint the fence"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_only_reads_works_where_nothing_can_be_written(home: Bd, command: tuple[str, ...], words: str) -> None:
    before = stems(home.home)
    with read_only(home.home) as run:
        done = run(*command, cwd=home.cwd)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert words in done.stdout
    assert stems(home.home) == before


def test_an_item_is_shown_where_nothing_can_be_written(home: Bd) -> None:
    (item,) = Person(home.home).ask("wl", "browse")["items"]
    with read_only(home.home) as run:
        done = run("wl", "show", item["id"], "--json", cwd=home.cwd)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["item"]["title"] == "Paint the fence"


def index_of(bd: Bd) -> Path:
    where: dict[str, Any] = bd.json("where")
    return Path(where["path"]) / "index.sqlite"


def test_an_index_that_is_behind_is_said_to_be(home: Bd) -> None:
    index = index_of(home)
    for leftover in index.parent.glob("index.sqlite*"):
        leftover.unlink()
    with read_only(home.home) as run:
        done = run("bd", "list", "--json", cwd=home.cwd)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    error = json.loads(done.stderr)["error"]
    assert "is not up to date" in error["message"]
    assert "cannot be written to" in error["message"]
    assert "WL_HOME" in error["hint"]
    assert home.ids("list") == ["test-door"], "where it can be written it is built anew"


def test_a_damaged_index_is_said_to_be_and_stays(home: Bd) -> None:
    index = index_of(home)
    with index.open("r+b") as handle:
        handle.truncate(1000)
    with read_only(home.home) as run:
        done = run("bd", "list", cwd=home.cwd)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "is damaged, and nothing can be written there" in done.stderr
    assert home.ids("list") == ["test-door"]


def test_what_was_written_last_is_read_from_beside_the_file(home: Bd) -> None:
    # While a process has the index open, what it wrote stands in the companion of the file.
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, str(index_of(home))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"open\n"
        home.make("Written meanwhile", "--id", "test-new")
        assert index_of(home).with_name("index.sqlite-wal").stat().st_size > 0
        with read_only(home.home) as run:
            done = run("bd", "list", cwd=home.cwd)
        assert done.returncode == 0, done
        assert "Written meanwhile" in done.stdout
    finally:
        keeper.communicate(timeout=DEADLINE)


_KEEPER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT COUNT(*) FROM meta").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


def test_writing_there_says_what_is_in_the_way(home: Bd) -> None:
    with read_only(home.home) as run:
        done = run("bd", "create", "New", cwd=home.cwd)
    assert done.returncode == REFUSED
    assert str(home.home) in done.stderr
    assert "Traceback" not in done.stderr
