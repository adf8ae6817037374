"""Nodes for the tests of this folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.federation.support import Node


@pytest.fixture
def node(tmp_path: Path) -> Callable[[str], Node]:
    return lambda name: Node(tmp_path / name)


@pytest.fixture
def alice(node: Callable[[str], Node]) -> Node:
    """Somebody who has founded a commons and posted an item."""
    made = node("alice")
    made.create()
    made.post()
    return made


@pytest.fixture
def bob(node: Callable[[str], Node]) -> Node:
    return node("bob")
