"""A ledger's settings: kept in the ledger as beads of type `config`, so that every clone and every agent has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from beads import alias, vocabulary
from beads.errors import BadWord

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "issue_prefix": "What ids begin with.",
        "min_hash_length": "Characters of the shortest ids.",
        "max_hash_length": "Characters of the longest ids.",
        "max_collision_prob": "The risk at which ids grow longer, 0 to 1.",
        "hierarchy.max-depth": "Dots in the ids of children.",
        "status.custom": "More statuses: name:category,… (active, wip, done, frozen).",
        "types.custom": "More types, with commas between.",
        "create.require-description": "true: no bead without a description.",
        "claim.lease": "How long a claim holds without a sign of life: 90m, 4h, 2d, or none.",
        "export.auto": "true: every write refreshes .beads/issues.jsonl.",
        "export.order": "Order of the file: id, or priority.",
        "external_projects": "name=LEDGER,…: where external:name:capability is looked up.",
        "compact_tier1_days": "Days after closing at which a bead may be summed up.",
        "prime.max-memories": "How many memories bd prime shows.",
        "prime.max-memory-chars": "How many characters of them.",
    }
)
"""Settings that something reads."""
FOREIGN = ("jira.", "github.", "gitlab.", "linear.", "ado.", "notion.", "custom.", "kv.")
"""How settings begin that are kept for other tools."""
DEFAULT_LEASE_MS = 3_600_000
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
        probability = float(self.values.get("max_collision_prob") or alias.MAX_PROBABILITY)
        return alias.length_for(count, max(least, 3), min(most, 8), probability)

    def number(self, key: str, default: int) -> int:
        """Return a setting that is a number."""
        said = self.values.get(key, "")
        return int(said) if said.isdecimal() else default

    def truth(self, key: str) -> bool:
        """Return a setting that is true or false."""
        return self.values.get(key, "").lower() in ("true", "1", "yes", "on")


def check(key: str, value: str) -> str:
    """Say what is odd about a setting, or "".

    Raises:
        BadWord: Something reads it, and could not.
    """
    if not key or len(key) > 200:
        raise BadWord("a setting needs a name of up to 200 characters")
    if key == "status.custom":
        vocabulary.custom_statuses(value)
    elif key == "types.custom":
        vocabulary.custom_types(value)
    elif key == "claim.lease" and value != "none":
        duration(value)
    elif key.endswith(("_length", "_days", ".max-depth")) and key in KNOWN and not value.isdecimal():
        raise BadWord(f"{key} must be a number, not {value!r}")
    known = key in KNOWN or key.startswith(FOREIGN)
    return "" if known else f"nothing reads {key}; it is kept all the same (bd config list --known)"


def duration(text: str) -> int:
    """Read a span of time: `90s`, `30m`, `4h`, `2d`, `1w`; return milliseconds.

    Raises:
        BadWord: It is none.
    """
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _UNITS or len(number) > 6:
        raise BadWord(f"{text!r} is no span of time", "A number and s, m, h, d or w: 90m, 4h, 2d.")
    return int(number) * _UNITS[unit]
