"""People with homes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.support import Person, git


@pytest.fixture
def person(tmp_path: Path) -> Callable[[str], Person]:
    return lambda name: Person(tmp_path / name)


@pytest.fixture
def alice(person: Callable[[str], Person]) -> Person:
    """Somebody who has founded a commons."""
    found = person("alice")
    found.ok("wl", "create", "Test Commons", "--as", "alice")
    return found


@pytest.fixture
def bob(person: Callable[[str], Person]) -> Person:
    return person("bob")


@pytest.fixture
def relay(tmp_path: Path, alice: Person) -> str:
    """A plain repository through which Alice's commons goes."""
    path = tmp_path / "relay.git"
    git("init", "-q", "--bare", str(path))
    alice.ok("wl", "peer", "add", str(path))
    alice.ok("wl", "sync")
    return str(path)


@pytest.fixture
def laptop(person: Callable[[str], Person]) -> Person:
    """Alice's second machine."""
    return person("laptop")
