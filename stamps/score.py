"""One number out of weighed stamps, with how little is known of it (docs/reputation.md, The score)."""

from collections.abc import Sequence
from math import sqrt
from typing import Final, NamedTuple

from stamps.sheet import EarnedStamp
from stamps.stamp import MAX_SCORE

PRIOR: Final = 3.0
"""How many stamps at the circle's mean a score starts from."""
DIFFERENCE: Final = 1.0
"""By how many points two fair judges of one piece of work may differ."""
LEAST_EFFECTIVE: Final = 1.0


class Score(NamedTuple):
    """One dimension, or all of them, in a viewer's eyes.

    Attributes:
        estimate: Shrunk to the circle's mean; shown only where there is evidence enough (`value`).
        uncertainty: Of the estimate, in points.
        effective: Sum of the weights, as so many full stamps of one's own.
        independent: From how many issuers, as if each had given as much.
        stamps: How many there are, whoever gave them.
        mean: Their plain mean.
    """

    estimate: float
    uncertainty: float
    effective: float
    independent: float
    stamps: int
    mean: float

    @property
    def value(self) -> float | None:
        """The estimate; None where the circle has less evidence than one full stamp."""
        return self.estimate if self.effective >= LEAST_EFFECTIVE else None

    @property
    def bound(self) -> float:
        """What lists are ordered by: an estimate on little evidence comes after one on much."""
        return self.estimate - self.uncertainty


class Weighed(NamedTuple):
    """A stamp, and what it weighs."""

    stamp: EarnedStamp
    issuer: str
    mean: float
    weight: float
    leniency: float


def score_of(centre: float, scores: Sequence[tuple[Weighed, float]]) -> Score:
    """Return what some weighed scores come to, beginning with a few at the circle's mean."""
    total, by_issuer = 0.0, dict[str, float]()
    for one, score in scores:
        if one.weight:
            total += one.weight * min(float(MAX_SCORE), max(0.0, score - one.leniency))
            by_issuer[one.issuer] = by_issuer.get(one.issuer, 0.0) + one.weight
    effective = sum(by_issuer.values())
    return Score(
        estimate=(PRIOR * centre + total) / (PRIOR + effective),
        uncertainty=DIFFERENCE / sqrt(PRIOR + effective),
        effective=effective,
        independent=effective**2 / sum(weight * weight for weight in by_issuer.values()) if effective else 0.0,
        stamps=len(scores),
        mean=sum(score for _, score in scores) / len(scores) if scores else 0.0,
    )
