"""Where an actor stands on one ladder, what is missing for the next rung, and badges (docs/reputation.md, Tiers).

All of it is read off a standing, so it is a viewer's like everything there; nothing is granted, and nothing is lost but
by what the stamps say.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from stamps.reputation import Standing
from stamps.score import Score, Weighed


class Tier(NamedTuple):
    """A rung, and what it takes: effective stamps, independent issuers, and a score."""

    name: str
    effective: float
    independent: float
    score: float


LADDER: Final = (
    Tier("newcomer", 0, 0, 0),
    Tier("known", 1, 1, 0),
    Tier("steady", 3, 2, 3.0),
    Tier("proven", 8, 4, 3.5),
    Tier("pillar", 20, 8, 4.0),
)


class Rung(NamedTuple):
    """Where somebody stands.

    Attributes:
        tier: The name of the rung.
        next: The one above; None at the top.
        missing: What is missing for it, in words.
    """

    tier: str
    next: str | None
    missing: tuple[str, ...]


def rung(score: Score) -> Rung:
    """Return where a score stands: on the highest rung of which nothing is missing, nor of those below."""
    place = 0
    while place + 1 < len(LADDER) and not _missing(score, LADDER[place + 1]):
        place += 1
    if place + 1 == len(LADDER):
        return Rung(LADDER[place].name, None, ())
    above = LADDER[place + 1]
    return Rung(LADDER[place].name, above.name, tuple(_missing(score, above)))


def _missing(score: Score, tier: Tier) -> list[str]:
    found = []
    if score.effective < tier.effective:
        found.append(f"{tier.effective - score.effective:.1f} more effective stamps")
    # Weights differ by their age even where as many have judged, so a hair less is enough.
    if round(score.independent, 1) < tier.independent:
        found.append(f"{tier.independent - score.independent:.1f} more independent issuers")
    if score.estimate < tier.score:
        found.append(f"a score of {tier.score:g} (now {score.estimate:.1f})")
    return found


# -- badges --------------------------------------------------------------------------------------------------------

LEAST_WEIGHT: Final = 0.1
"""What a stamp must weigh to count for a badge."""
MONTH_MS: Final = 30 * 86_400_000


def many_hands(stamps: Sequence[Weighed]) -> bool:
    """Say whether five issuers have judged."""
    return len({one.issuer for one in stamps}) >= 5


def travelled(stamps: Sequence[Weighed]) -> bool:
    """Say whether stamps were earned in three commons."""
    return len({one.stamp.commons for one in stamps}) >= 3


def root_work(stamps: Sequence[Weighed]) -> bool:
    """Say whether three pieces of work mattered most (`root`)."""
    return len({one.stamp.item for one in stamps if one.stamp.severity == "root"}) >= 3


def all_year(stamps: Sequence[Weighed]) -> bool:
    """Say whether stamps were earned in six different stretches of thirty days."""
    return len({one.stamp.time_ms // MONTH_MS for one in stamps}) >= 6


def flawless(stamps: Sequence[Weighed]) -> bool:
    """Say whether ten pieces of work got four or more in every dimension, and none got less."""
    return len({one.stamp.item for one in stamps}) >= 10 and all(min(_scores(one)) >= 4 for one in stamps)


BADGES: Final[Mapping[str, Callable[[Sequence[Weighed]], bool]]] = MappingProxyType(
    {
        "many-hands": many_hands,
        "travelled": travelled,
        "root-work": root_work,
        "all-year": all_year,
        "flawless": flawless,
    }
)
SKILL_STAMPS: Final = 3
RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "many-hands": "stamped by five issuers",
        "travelled": "stamps earned in three commons",
        "root-work": "three items of severity root",
        "all-year": "stamps in six different stretches of thirty days",
        "flawless": "ten items, and no score below 4",
    }
)
_SKILL = "skill:"


def badges(standing: Standing) -> tuple[str, ...]:
    """Return the badges of an actor, and `skill:NAME` for each skill that three stamps name; distrusted: none."""
    if standing.distrusted:
        return ()
    counted = [one for one in standing.weighed if one.weight >= LEAST_WEIGHT]
    skills = Counter(skill for one in counted for skill in one.stamp.skills)
    named = (f"{_SKILL}{skill}" for skill, count in sorted(skills.items()) if count >= SKILL_STAMPS)
    return (*(name for name, earned in BADGES.items() if earned(counted)), *named)


def rule(badge: str) -> str:
    """Say what a badge was earned by; all of it by stamps that weigh something."""
    return RULES.get(badge) or f"three stamps that name {badge.removeprefix(_SKILL)}"


def _scores(one: Weighed) -> list[int]:
    return [score for _, score in one.stamp.dims]
