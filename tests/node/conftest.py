"""People with homes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.support import Person


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
