"""A ledger to work in: founded once, copied for every test."""

import shutil
from pathlib import Path

import pytest

from tests.bd.support import Bd


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, and a project in which `bd init` was run."""
    folder = tmp_path_factory.mktemp("founded")
    (folder / "shop").mkdir()
    done = Bd(folder / "home", folder / "shop").ok("init", "--prefix", "test")
    assert "initialized successfully" in done.out
    return folder


@pytest.fixture
def bd(founded: Path, tmp_path: Path) -> Bd:
    """`bd` in a ledger of its own that has no beads yet."""
    for name in ("home", "shop"):
        shutil.copytree(founded / name, tmp_path / name)
    return Bd(tmp_path / "home", tmp_path / "shop")


@pytest.fixture
def fresh(founded: Path, tmp_path: Path) -> Bd:
    """`bd` in another ledger, of another person."""
    for name in ("home", "shop"):
        shutil.copytree(founded / name, tmp_path / "fresh" / name)
    return Bd(tmp_path / "fresh" / "home", tmp_path / "fresh" / "shop", "bob")
