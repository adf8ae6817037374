"""The verifier as a stranger gets it: one file, three packages, no network, and nothing else of this project."""

import ast
import json
import os
import runpy
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.test_architecture import MODULES
from tests.wanted.sheets import sheet

ROOT = Path(__file__).parents[2]
DOOR = "wanted.verify"
NEEDED = frozenset(("msgspec", "nacl", "rfc8785"))
"""What is imported that is neither Python's own nor this project's."""
INSTALLED = ("msgspec", "pynacl", "rfc8785", "cffi")
"""The distributions: three to name, and the one that PyNaCl brings along."""
NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(f"the verifier touched the network: {event}")
sys.addaudithook(refuse)
"""


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts" / "verifier"), run_name="verifier")


def outside(module: str) -> Iterator[str]:
    """The packages that a module imports, without those of Python and of this project."""
    for node in ast.walk(ast.parse((MODULES[module].path).read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        tops = {name.partition(".")[0] for name in names}
        yield from tops - sys.stdlib_module_names - {"stamps", "beads", "wanted"}


# -- the law -------------------------------------------------------------------------------------------------------


def test_the_verifier_needs_three_packages_and_no_more(script: dict[str, Any]) -> None:
    assert {name for module in script["closure"]() for name in outside(module)} == NEEDED


def test_of_all_that_the_verifier_imports_the_door_alone_touches_the_world(script: dict[str, Any]) -> None:
    assert [module for module in script["closure"]() if MODULES[module].does_io] == [DOOR]


def test_what_is_packed_is_what_is_imported(script: dict[str, Any]) -> None:
    code = f"import sys, {DOOR}; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in loaded.stdout.split() if name.partition(".")[0] in ("stamps", "beads", "wanted")}
    assert set(script["closure"]()) == ours


def test_equal_sources_give_equal_bytes(script: dict[str, Any], tmp_path: Path) -> None:
    for name in ("one.pyz", "other.pyz"):
        script["build"](tmp_path / name)
    assert (tmp_path / "one.pyz").read_bytes() == (tmp_path / "other.pyz").read_bytes()


# -- on another machine --------------------------------------------------------------------------------------------


class Elsewhere(NamedTuple):
    """A fresh virtual environment, and the verifier in a file."""

    python: Path
    archive: Path

    def verify(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*_without_network(), str(self.python), "-I", str(self.archive), *arguments]
        return subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, text=True, check=False)


def _without_network() -> list[str]:
    """The command that takes the network away, where the system lets one; sockets are refused in any case."""
    unshare = shutil.which("unshare")
    if unshare and subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0:
        return [unshare, "-rn"]
    return []


@pytest.fixture(scope="module")
def elsewhere(script: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    for name in INSTALLED:
        _install(name, packages)
    (packages / "sitecustomize.py").write_text(NO_NETWORK)
    script["build"](folder / "wl-verify.pyz")
    return Elsewhere(folder / "venv" / "bin" / "python", folder / "wl-verify.pyz")


def _install(name: str, packages: Path) -> None:
    """Copy an installed distribution, file by file."""
    for file in distribution(name).files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), target)


def test_a_sheet_verifies_with_nothing_but_the_file(elsewhere: Elsewhere, tmp_path: Path) -> None:
    path = tmp_path / "sheet.json"
    path.write_text(json.dumps(sheet(stamps=2)))
    done = elsewhere.verify(str(path))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "verified offline"
    assert "2 stamp(s) from 1 issuer(s) over 2 item(s)" in lines[1]
    assert lines[-2:] == [
        "Not withdrawn as far as this file shows.",
        "It shows 2; its holder may have left others out.",
    ]
    answer = json.loads(elsewhere.verify(str(path), "--json").stdout)
    assert (answer["verified"], [stamp["title"] for stamp in answer["stamps"]]) == (True, ["Fix door 0", "Fix door 1"])


def test_a_forged_one_fails_with_seven_and_says_why(elsewhere: Elsewhere, tmp_path: Path) -> None:
    path = tmp_path / "sheet.json"
    path.write_text(json.dumps(sheet()).replace('"confidence\\":90', '"confidence\\":91'))
    done = elsewhere.verify(str(path))
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("Error: operation ")
    assert "signature" in done.stderr


def test_a_missing_file_is_not_found_and_no_file_is_a_misuse(elsewhere: Elsewhere, tmp_path: Path) -> None:
    done = elsewhere.verify(str(tmp_path / "nothing.json"), "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]["reason"]) == (3, "not_found")
    assert elsewhere.verify().returncode == 2


def test_the_environment_has_nothing_but_what_is_named(elsewhere: Elsewhere) -> None:
    code = "from importlib.util import find_spec; print([*filter(find_spec, ('click', 'dulwich', 'node'))])"
    done = subprocess.run([elsewhere.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_network_is_refused_there(elsewhere: Elsewhere) -> None:
    done = subprocess.run(
        [elsewhere.python, "-I", "-c", "import socket; socket.socket()"], capture_output=True, text=True, check=False
    )
    assert "touched the network" in done.stderr
