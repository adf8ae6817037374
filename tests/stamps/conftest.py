from pathlib import Path

import pytest

from stamps.keys import SigningKey


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of public test data beside the repository, where there is one."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip("no public test data beside the repository")
    return folder


@pytest.fixture(scope="session")
def alice() -> SigningKey:
    return SigningKey.from_seed(bytes([1]) * 32)


@pytest.fixture(scope="session")
def bob() -> SigningKey:
    return SigningKey.from_seed(bytes([2]) * 32)


@pytest.fixture(scope="session")
def carol() -> SigningKey:
    return SigningKey.from_seed(bytes([3]) * 32)
