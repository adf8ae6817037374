"""Names for polecats."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count
from typing import Final

POOL: Final = (
    "rust", "dust", "flint", "ember", "cinder", "gravel", "diesel", "piston", "gasket", "rivet",
    "torque", "shale", "mesa", "cactus", "raven", "coyote", "viper", "nomad", "scrap", "clutch",
    "throttle", "axle", "chrome", "copper", "cobalt", "slag", "tinder", "spark", "static", "drift",
)  # fmt: skip


def free_name(taken: Collection[str]) -> str:
    """Choose the first name nobody in the rig has; after the pool, numbered ones."""
    return next(name for name in _names() if name not in taken)


def _names() -> Iterator[str]:
    yield from POOL
    for number in count(2):
        yield from (f"{name}{number}" for name in POOL)
