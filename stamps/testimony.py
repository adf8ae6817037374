"""What stamps and declared trust come to before anybody looks at them: pairs, edges, owners (docs/reputation.md)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from stamps import sheet
from stamps.sheet import EarnedStamp
from stamps.stamp import MAX_CONFIDENCE, MAX_SCORE

HALF_LIFE_YEARS: Final = 2.0
YEAR_MS: Final = 365.25 * 86_400_000
CONTESTED: Final = 0.5
"""What a stamp keeps while nobody has answered the subject's dispute."""
GOOD: Final = 3.0
MAX_EDGE: Final = 3.0
DECLARED: Final = 3.0
"""How much a full declaration of trust adds to an edge: as much as stamps can."""

Trust = tuple[str, str, float]
Owners = Mapping[str, str]


class Said(NamedTuple):
    """A stamp, and all of its weight that does not depend on who looks."""

    stamp: EarnedStamp
    issuer: str
    mean: float
    worth: float


Pairs = dict[str, dict[str, list[Said]]]
Declared = Mapping[str, Mapping[str, float]]


def by_pair(stamps: Iterable[EarnedStamp], now_ms: int, owners: Owners) -> Pairs:
    """Return issuer → subject → stamps, oldest first, each once; without the withdrawn and those within one owner."""
    found: Pairs = {}
    for stamp in sheet.once(stamps):
        issuer, subject = owners.get(stamp.issuer, stamp.issuer), owners.get(stamp.subject, stamp.subject)
        if issuer != subject and not stamp.withdrawn and stamp.dims:
            pair = found.setdefault(issuer, {}).setdefault(subject, [])
            mean = sum(score for _, score in stamp.dims) / len(stamp.dims)
            # The n-th stamp of one pair adds little to what the first has said.
            pair.append(Said(stamp, issuer, mean, _worth(stamp, now_ms) / (len(pair) + 1)))
    return found


def declared(trusts: Iterable[Trust], owners: Owners) -> dict[str, dict[str, float]]:
    """Return actor → actor → declared weight; of several (commons, or actors of one owner) the least stands."""
    found: dict[str, dict[str, float]] = {}
    for actor, target, weight in sorted(trusts):
        source, to = owners.get(actor, actor), owners.get(target, target)
        if source != to and weight:
            known = found.setdefault(source, {})
            known[to] = min(known.get(to, 1.0), weight)
    return found


def edges(pairs: Mapping[str, Mapping[str, Sequence[Said]]], trusts: Declared) -> dict[str, dict[str, float]]:
    """Return issuer → subject → how much the first found good in the second, above 0; distrust leaves nothing."""
    actors = sorted(pairs.keys() | trusts.keys())
    return {actor: _edges_of(pairs.get(actor, {}), trusts.get(actor, {})) for actor in actors}


def distrusts(trusts: Declared) -> dict[str, dict[str, float]]:
    """Return actor → actor → how much the first distrusts the second, above 0."""
    said = {actor: {to: -weight for to, weight in its.items() if weight < 0} for actor, its in trusts.items()}
    return {actor: its for actor, its in said.items() if its}


def together(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return actor → the least id of those of its owner, by pairs of one owner: what one commons knows holds in all."""
    up: dict[str, str] = {}

    def least(actor: str) -> str:
        while (above := up.get(actor, actor)) != actor:
            actor = above
        return actor

    for one, other in sorted(links):
        first, second = sorted((least(one), least(other)))
        if first != second:
            up[second] = first
    return {actor: least(actor) for actor in up}


def contested(stamp: EarnedStamp) -> float:
    """Return what is left of a stamp's worth while a dispute stands without an answer."""
    return CONTESTED if stamp.disputed and not stamp.answered else 1.0


def _worth(stamp: EarnedStamp, now_ms: int) -> float:
    years = max(0, now_ms - stamp.time_ms) / YEAR_MS
    age: float = 0.5 ** (years / HALF_LIFE_YEARS)
    return stamp.confidence / MAX_CONFIDENCE * age * contested(stamp)


def _edges_of(pairs: Mapping[str, Sequence[Said]], trusts: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for subject in sorted(pairs.keys() | trusts.keys()):
        weight = trusts.get(subject, 0.0)
        edge = min(MAX_EDGE, _found_good(pairs.get(subject, ()))) + DECLARED * weight
        if weight >= 0 and edge > 0:
            found[subject] = edge
    return found


def _found_good(said: Sequence[Said]) -> float:
    """Sum up items, not stamps: many judgements of one piece of work say no more than one."""
    by_item: dict[str, list[float]] = {}
    for one in said:
        if one.mean >= GOOD:
            by_item.setdefault(one.stamp.item, []).append(contested(one.stamp) * one.mean / MAX_SCORE)
    return sum(sum(means) / len(means) for means in by_item.values())
