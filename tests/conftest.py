"""What every test shares: how long hypothesis looks, that nobody's own git settings get in, and a zone to be in."""

import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# WL_EXAMPLES=5000 looks longer than a commit can wait.
settings.register_profile(
    "house",
    max_examples=int(os.environ.get("WL_EXAMPLES", "100")),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def _own_git(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tester's own settings and hooks out of every git we run."""
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")


BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""Berlin's time as POSIX writes it: no table of zones is needed."""


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be in Berlin."""
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
