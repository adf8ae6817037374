"""What every test shares: how long hypothesis looks, and that nobody's own git settings get in."""

import os

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
