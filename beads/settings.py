"""A ledger's settings: kept in the ledger as beads of type `config`, so that every clone and every agent has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from beads import alias, vocabulary
from beads.errors import BadWord

ORDERS = ("id", "priority", "file")
"""Orders that a file of beads can have."""
DEFAULT_LEASE_MS = 3_600_000
YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
DIGITS = 9
"""Of the longest number that a setting can be."""
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


@dataclass(frozen=True)
class Settings:
    """The settings as they are in force.

    Attributes:
        values: Key → text.
        fallback_prefix: What ids begin with where nothing is set.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    fallback_prefix: str = "bd"

    @property
    def prefix(self) -> str:
        """What ids begin with."""
        return self.values.get("issue_prefix") or self.fallback_prefix

    @cached_property
    def statuses(self) -> dict[str, str]:
        """Custom statuses with their categories."""
        return vocabulary.custom_statuses(self.values.get("status.custom", ""))

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Custom types."""
        return vocabulary.custom_types(self.values.get("types.custom", ""))

    @property
    def lease_ms(self) -> int | None:
        """How long a claim holds without a sign of life; None for ever."""
        said = self.values.get("claim.lease", "")
        if said == "none":
            return None
        return duration(said) if said else DEFAULT_LEASE_MS

    @property
    def max_depth(self) -> int:
        """Dots in the ids of children."""
        return self.number("hierarchy.max-depth", alias.MAX_DEPTH)

    def length_for(self, count: int) -> int:
        """Return how many characters the next id gets among `count`."""
        least = self.number("min_hash_length", alias.MIN_LENGTH)
        most = self.number("max_hash_length", alias.MAX_LENGTH)
        said = self.values.get("max_collision_prob", "")
        probability = float(said) if is_share(said) else alias.MAX_PROBABILITY
        return alias.length_for(count, max(least, 3), min(most, 8), probability)

    def number(self, key: str, default: int) -> int:
        """Return a setting that is a number."""
        said = self.values.get(key, "")
        return int(said) if is_number(said) else default

    def truth(self, key: str) -> bool:
        """Return a setting that is true or false."""
        return self.values.get(key, "").lower() in YES


def duration(text: str) -> int:
    """Read a span of time: `90s`, `30m`, `4h`, `2d`, `1w`; return milliseconds.

    Raises:
        BadWord: It is none.
    """
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS or len(number) > 6:
        raise BadWord(f"{text!r} is no span of time", "A number and s, m, h, d or w: 90m, 4h, 2d.")
    return int(number) * _UNITS[unit]


def is_number(text: str) -> bool:
    """Say whether a setting can be read as a number."""
    return text.isdecimal() and len(text) <= DIGITS


def is_share(text: str) -> bool:
    """Say whether a setting can be read as a part of one."""
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
