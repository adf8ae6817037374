"""An attacker with thousands of actors against five ways of ranking, and what a circle costs.

Sixty honest actors judge each other's work; an attacker of little skill has its own actors praise it, and a few of the
honest have judged its work, too, or that of a front. The baselines are what is commonly done: counting, averaging, a
Bayesian average, PageRank of all.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean, median

from bench import _world as world
from bench._world import Figures
from node import wiring
from stamps.reputation import Circle
from stamps.sheet import EarnedStamp

HONEST, JUDGES = 60, 8
EDGES, SYBILS = (0, 1, 3, 10), (500, 5_000)
ATTACKER, FRONT = "attacker", "front"
ANCHORS = 3
DAY_MS = 86_400_000
ACTORS, STAMPS_EACH = 10_000, 10

Ranking = Callable[[Sequence[EarnedStamp], Mapping[str, float]], Mapping[str, float]]


def measure(ops: int, runs: int) -> Figures:
    """Repeat the attack for `runs` seeds; time a circle of `ops` stamps."""
    kinds = [(front, sybils, edges) for front in (False, True) for sybils in SYBILS for edges in EDGES]
    return {"attack": [attack(front, sybils, edges, runs) for front, sybils, edges in kinds], "cost": cost(ops)}


# -- the attack ----------------------------------------------------------------------------------------------------


def attack(front: bool, sybils: int, edges: int, runs: int) -> Figures:
    """Find the attacker's place among sixty-one, and how well the places of the honest fit their skill.

    Args:
        front: The attacker has another actor do good work for `edges` of the honest, and pass their trust on.
        edges: Otherwise: so many of the honest have judged the attacker's own poor work.
    """
    found: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for seed in range(runs):
        chance = random.Random(seed)
        skill = {f"honest{n:02}": chance.uniform(2, 4.8) for n in range(HONEST)}
        taken_in = judged(FRONT, 4, skill, edges, chance) if front else judged(ATTACKER, 2.5, skill, edges, chance)
        stamps = [*honest_work(skill, chance), *taken_in, *praise(sybils, FRONT if front else ATTACKER)]
        anchors = dict.fromkeys(chance.sample(sorted(skill), ANCHORS), 1.0)
        for name, ranking in RANKINGS.items():
            marks = ranking(stamps, anchors)
            found[name].append((place(marks, skill), spearman(marks, skill)))
    return {
        "front": front, "sybils": sybils, "attack_edges": edges,
        "place_of_61": {name: median(row[0] for row in rows) for name, rows in found.items()},
        "best_place": {name: min(row[0] for row in rows) for name, rows in found.items()},
        "spearman_of_honest": {name: round(fmean(row[1] for row in rows), 2) for name, rows in found.items()},
    }  # fmt: skip


def honest_work(skill: Mapping[str, float], chance: random.Random) -> list[EarnedStamp]:
    """Everybody is judged by eight others, whose eye differs and who are each a little kind or strict."""
    bias = {name: chance.gauss(0, 0.3) for name in skill}
    return [
        stamp(issuer, subject, skill[subject] + bias[issuer] + chance.gauss(0, 0.5), chance)
        for subject in skill
        for issuer in chance.sample([name for name in skill if name != subject], JUDGES)
    ]


def judged(
    actor: str, skill: float, honest: Mapping[str, float], edges: int, chance: random.Random
) -> list[EarnedStamp]:
    """Some of the honest have judged an actor's work for what it is."""
    return [stamp(issuer, actor, chance.gauss(skill, 0.5), chance) for issuer in chance.sample(sorted(honest), edges)]


def praise(sybils: int, trusted: str) -> list[EarnedStamp]:
    """The attacker's actors give it the best; somebody stamps each of them, so that trust may flow on."""
    chance = random.Random(0)
    names = [f"sybil{n:04}" for n in range(sybils)]
    there = [stamp(name, ATTACKER, 5, chance) for name in names]
    return there + [stamp(trusted, name, 5, chance) for name in names]


def stamp(issuer: str, subject: str, score: float, chance: random.Random) -> EarnedStamp:
    op = f"{chance.getrandbits(64):016x}-{issuer}-{subject}"
    whole = min(5, max(0, round(score)))
    return EarnedStamp(
        op=op, issuer=issuer, subject=subject, commons="wlc1bench", item=op, submission=op, title="bench",
        dims=(("quality", whole),), confidence=100, severity="leaf", skills=(),
        time_ms=wiring.now_ms() - chance.randrange(180) * DAY_MS,
    )  # fmt: skip


def place(marks: Mapping[str, float], skill: Mapping[str, float]) -> int:
    """Where the attacker stands among the honest; of equal marks it comes first."""
    mine = marks.get(ATTACKER, 0.0)
    return 1 + sum(marks.get(name, 0.0) > mine for name in skill)


def spearman(marks: Mapping[str, float], skill: Mapping[str, float]) -> float:
    """Rank correlation of the honest actors' marks with their skill."""
    names = sorted(skill)
    by_mark = {name: n for n, name in enumerate(sorted(names, key=lambda name: marks.get(name, 0.0)))}
    by_skill = {name: n for n, name in enumerate(sorted(names, key=lambda name: skill[name]))}
    apart = sum((by_mark[name] - by_skill[name]) ** 2 for name in names)
    return 1 - 6 * apart / (len(names) * (len(names) ** 2 - 1))


# -- five rankings -------------------------------------------------------------------------------------------------


def by_count(stamps: Sequence[EarnedStamp], anchors: Mapping[str, float]) -> Mapping[str, float]:
    return {subject: float(len(scores)) for subject, scores in scores_of(stamps).items()}


def by_mean(stamps: Sequence[EarnedStamp], anchors: Mapping[str, float]) -> Mapping[str, float]:
    return {subject: fmean(scores) for subject, scores in scores_of(stamps).items()}


def by_bayes(stamps: Sequence[EarnedStamp], anchors: Mapping[str, float]) -> Mapping[str, float]:
    scores = scores_of(stamps)
    middle = fmean(score for its in scores.values() for score in its)
    return {subject: (5 * middle + sum(its)) / (5 + len(its)) for subject, its in scores.items()}


def by_pagerank(stamps: Sequence[EarnedStamp], anchors: Mapping[str, float]) -> Mapping[str, float]:
    """PageRank of everybody alike: damping 0.85, forty rounds; who gave nothing gives to all."""
    rows: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for each in stamps:
        rows[each.issuer][each.subject] = rows[each.issuer].get(each.subject, 0.0) + mean_of(each)
    actors = sorted({each.issuer for each in stamps} | {each.subject for each in stamps})
    rank = dict.fromkeys(actors, 1 / len(actors))
    for _ in range(40):
        idle = sum(held for actor, held in rank.items() if actor not in rows)
        after = dict.fromkeys(actors, (0.15 + 0.85 * idle) / len(actors))
        for actor, row in rows.items():
            whole = sum(row.values()) or 1.0
            for to, edge in row.items():
                after[to] += 0.85 * rank[actor] * edge / whole
        rank = after
    return rank


def by_circle(stamps: Sequence[EarnedStamp], anchors: Mapping[str, float]) -> Mapping[str, float]:
    circle = Circle(stamps, (), anchors, wiring.now_ms())
    judged = {each.subject for each in stamps if not each.subject.startswith("sybil")}
    return {subject: circle.score(subject).bound for subject in judged}


RANKINGS: Mapping[str, Ranking] = {
    "count": by_count, "mean": by_mean, "bayesian_mean": by_bayes, "pagerank": by_pagerank, "circle": by_circle,
}  # fmt: skip


def scores_of(stamps: Sequence[EarnedStamp]) -> Mapping[str, list[float]]:
    scores: defaultdict[str, list[float]] = defaultdict(list)
    for each in stamps:
        scores[each.subject].append(mean_of(each))
    return scores


def mean_of(each: EarnedStamp) -> float:
    return fmean(score for _, score in each.dims)


# -- what it costs -------------------------------------------------------------------------------------------------


def cost(stamps: int) -> Figures:
    """Time a circle over actors with ten stamps each, from me and five delegates; the baseline is one pass of means."""
    chance = random.Random(1)
    names = [f"actor{n:05}" for n in range(max(stamps // STAMPS_EACH, 2))]
    pairs = [chance.sample(names, 2) for _ in range(stamps)]
    given = [stamp(issuer, subject, chance.choice((3, 4, 5)), chance) for issuer, subject in pairs]
    anchors = {names[0]: 1.0} | dict.fromkeys(names[1:6], 0.5)
    built: list[Circle] = []
    build = world.seconds(lambda: built.append(Circle(given, (), anchors, wiring.now_ms())))
    circle = built[0]
    board = world.seconds(circle.leaderboard)
    seen = [names[0], *chance.sample(names, 200)]
    return {
        "actors": len(names), "stamps": stamps, "reached": len(circle.reached()), "build_ms": round(build * 1000),
        "leaderboard_ms": round(board * 1000),
        "sheet": world.spread([world.seconds(partial(circle.standing, name)) for name in seen]),
        "baseline_means_ms": round(world.seconds(lambda: by_mean(given, anchors)) * 1000),
    }  # fmt: skip
