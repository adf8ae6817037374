"""Trust flows three hops from the anchors, and what came through one actor can be taken off again."""

from itertools import product

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stamps.trustgraph import DECAY, LEAST_SHARED, Edges, TrustGraph

ACTORS = "abcdef"
edges_between = st.dictionaries(
    st.sampled_from(list(product(ACTORS, ACTORS))), st.floats(0.1, 6), max_size=24
).map(lambda drawn: as_rows(drawn))  # fmt: skip
anchors_of = st.dictionaries(st.sampled_from(ACTORS), st.sampled_from([0.25, 0.5, 1.0]), min_size=1, max_size=3)


def as_rows(drawn: dict[tuple[str, str], float]) -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = {}
    for (one, other), edge in sorted(drawn.items()):
        if one != other:
            rows.setdefault(one, {})[other] = edge
    return rows


def by_brute_force(edges: Edges, anchors: dict[str, float], subject: str) -> dict[str, float]:
    """Walk every way of at most three steps, stopping at anchors and at the subject."""
    total: dict[str, float] = {}

    def walk(actor: str, mass: float, hops: int) -> None:
        total[actor] = total.get(actor, 0.0) + mass
        if hops == 3 or actor == subject or (hops and actor in anchors):
            return
        row = edges.get(actor, {})
        whole = max(sum(row.values()), LEAST_SHARED)
        for to, edge in row.items():
            walk(to, mass * (DECAY * edge / whole if hops else min(1.0, edge)), hops + 1)

    for anchor, weight in anchors.items():
        walk(anchor, weight, 0)
    return total


@given(edges_between, anchors_of, st.sampled_from(ACTORS))
def test_what_is_left_without_a_subject_is_what_a_walk_without_its_edges_brings(
    edges: dict[str, dict[str, float]], anchors: dict[str, float], subject: str
) -> None:
    graph, expected = TrustGraph(edges, anchors), by_brute_force(edges, anchors, subject)
    through = graph.through(subject)
    for actor in set(ACTORS) - {subject}:
        assert graph.trust(actor) - through.get(actor, 0.0) == pytest.approx(expected.get(actor, 0.0), abs=1e-12)


@given(edges_between, anchors_of, st.sampled_from(ACTORS), st.sampled_from(ACTORS))
def test_the_ways_shown_add_up_to_the_trust(
    edges: dict[str, dict[str, float]], anchors: dict[str, float], actor: str, subject: str
) -> None:
    graph = TrustGraph(edges, anchors)
    every = sum(way.mass for way in graph.paths(actor, limit=10_000))
    assert every == pytest.approx(graph.trust(actor))
    if actor != subject:
        left = sum(way.mass for way in graph.paths(actor, subject, 10_000))
        assert left == pytest.approx(graph.trust(actor) - graph.through(subject).get(actor, 0.0), abs=1e-12)


def test_a_choice_counts_fully_and_each_hop_takes_its_share() -> None:
    graph = TrustGraph({"me": {"b": 6.0}, "b": {"c": 1.0}, "c": {"d": 4.0, "e": 4.0}}, {"me": 1.0})
    assert [graph.trust(actor) for actor in "bcde"] == pytest.approx([1, 0.6 / 3, 0.06, 0.06])


def test_a_fourth_hop_brings_nothing() -> None:
    graph = TrustGraph({"me": {"b": 3.0}, "b": {"c": 3.0}, "c": {"d": 3.0}, "d": {"e": 3.0}}, {"me": 1.0})
    assert graph.trust("d") > 0
    assert graph.trust("e") == 0


def test_a_thousand_edges_give_no_more_than_one() -> None:
    wide = {f"s{n}": 1.0 for n in range(1000)}
    graph = TrustGraph({"me": {"b": 1.0}, "b": wide}, {"me": 1.0})
    assert sum(graph.trust(actor) for actor in wide) == pytest.approx(DECAY)


def test_what_comes_back_to_an_anchor_ends_there() -> None:
    graph = TrustGraph({"me": {"b": 3.0}, "b": {"you": 3.0}, "you": {"c": 1.0}}, {"me": 1.0, "you": 0.5})
    assert graph.trust("c") == pytest.approx(0.5)


def test_who_is_taken_out_gets_nothing_and_passes_nothing_on() -> None:
    edges = {"me": {"b": 1.0, "c": 1.0}, "b": {"d": 3.0}, "c": {"b": 3.0, "e": 3.0}}
    graph = TrustGraph(edges, {"me": 1.0}, frozenset("b"))
    assert [graph.trust(actor) for actor in "bde"] == pytest.approx([0, 0, DECAY])
