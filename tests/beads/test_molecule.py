"""Waves keep every order, progress finds what is ready, bonds and digests say what they should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.cooked import Edge
from beads.molecule import WISP_TTL_MS, BondError, Child, Wisp, bond, digest, progress, span, stale, waves

HOUR_MS = 3_600_000
ANY = '{"gate":"any-children"}'


def blocks(*pairs: str) -> list[Edge]:
    """`"ba"`: b waits for a."""
    return [Edge(pair[0], pair[1], "blocks") for pair in pairs]


def inside(*pairs: str) -> list[Edge]:
    """`"ca"`: c is a child of a."""
    return [Edge(pair[0], pair[1], "parent-child") for pair in pairs]


def test_a_diamond_has_three_fronts() -> None:
    found = waves("abcd", blocks("ba", "ca", "db", "dc"))
    assert found.fronts == (("a",), ("b", "c"), ("d",))
    assert found.max_parallelism == 2


def test_children_wait_with_their_parent_and_the_parent_ends_with_them() -> None:
    found = waves("apcde", [*blocks("pa", "dc", "ep"), *inside("cp", "dp")])
    assert found.fronts == (("a",), ("c",), ("d",), ("e",))


def test_a_parent_that_waits_for_its_own_child_is_a_circle() -> None:
    assert set(waves("pc", [*blocks("pc"), *inside("cp")]).cycle) == {"p", "c"}
    assert waves("pcx", [*blocks("cx", "xp"), *inside("cp")]).cycle
    assert waves("pc", inside("cp", "pc")).cycle


def test_gates_take_time_but_nobodys_work() -> None:
    assert waves("gab", blocks("ag", "ba"), idle="g").fronts == (("a",), ("b",))


def test_nothing_has_no_waves() -> None:
    assert waves("", []).max_parallelism == 0


DAGS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25).map(
    lambda pairs: [Edge(str(max(p)), str(min(p)), "blocks") for p in pairs if p[0] != p[1]]
)
KEYS = [str(number) for number in range(10)]


@given(DAGS)
def test_every_bead_is_in_one_front_after_all_it_waits_for_and_no_later_than_needed(edges: list[Edge]) -> None:
    fronts = waves(KEYS, edges).fronts
    at = {key: number for number, front in enumerate(fronts) for key in front}
    assert sorted(key for front in fronts for key in front) == sorted(KEYS)
    for key in KEYS:
        assert at[key] == max((at[e.on] + 1 for e in edges if e.key == key), default=0)


@given(DAGS)
def test_working_through_what_is_ready_does_it_all(edges: list[Edge]) -> None:
    statuses = dict.fromkeys(KEYS, "open")
    fronts = []
    while current := progress(statuses, edges).current:
        fronts.append(current)
        statuses.update(dict.fromkeys(current, "closed"))
    assert progress(statuses, edges) == (10, 10, 100, ())
    assert tuple(fronts) == waves(KEYS, edges).fronts


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_a_circle_is_reported_exactly_if_there_is_one(pairs: list[tuple[int, int]]) -> None:
    edges = [Edge(str(a), str(b), "blocks") for a, b in pairs]
    found = waves(KEYS, edges)
    reached = {key: {key} for key in KEYS}
    for _ in KEYS:
        for edge in edges:
            reached[edge.key] |= reached[edge.on]
    assert bool(found.cycle) == any(edge.key in reached[edge.on] for edge in edges)
    assert all(Edge(a, b, "blocks") in edges for a, b in zip(found.cycle, found.cycle[1:], strict=False))


def test_progress_counts_steps_not_their_parents_or_gates() -> None:
    edges = [*inside("cp", "dp"), *blocks("dc", "cg")]
    statuses = {"p": "open", "c": "open", "d": "open", "g": "open", "e": "closed"}
    assert progress(statuses, edges, idle="g") == (1, 3, 33, ())
    assert progress({**statuses, "g": "closed"}, edges, idle="g").current == ("c",)


def test_a_blocked_parent_holds_back_its_grandchildren() -> None:
    edges = [*inside("cp", "gc"), *blocks("pa")]
    assert progress(dict.fromkeys("apcg", "open"), edges).current == ("a",)


def test_deferred_and_hooked_steps_are_not_ready() -> None:
    assert progress({"a": "deferred", "b": "in_progress", "c": "hooked"}).current == ("b",)


@pytest.mark.parametrize(
    ("note", "children", "ready"),
    [
        ("", {}, True),
        ("", {"c": "open", "d": "closed"}, False),
        ("", {"c": "closed"}, True),
        (ANY, {}, False),
        (ANY, {"c": "open", "d": "closed"}, True),
        ("not JSON", {"c": "open", "d": "closed"}, False),
    ],
)
def test_waiting_for_children(note: str, children: dict[str, str], ready: bool) -> None:
    edges = [Edge("w", "s", "waits-for", note), *(Edge(child, "s", "parent-child") for child in children)]
    assert ("w" in progress({"w": "open", "s": "closed", **children}, edges).current) == ready


def test_a_conditional_step_is_ready_when_the_other_failed() -> None:
    edges = [Edge("b", "a", "conditional-blocks")]
    assert progress({"a": "closed", "b": "open"}, edges).current == ()
    assert progress({"a": "closed", "b": "open"}, edges, failed="a").current == ("b",)
    assert progress({"a": "open", "b": "open"}, edges, failed="a").current == ("a",)


@pytest.mark.parametrize(
    ("kind", "edge"), [("sequential", "blocks"), ("parallel", "parent-child"), ("conditional", "conditional-blocks")]
)
def test_bonds(kind: str, edge: str) -> None:
    plan = bond("m1", "m2", kind, point="end")
    assert plan.edges == (Edge("m2", "m1", edge),)
    assert plan.bonded_from == {"source_id": "m1", "bond_type": kind, "bond_point": "end"}


@pytest.mark.parametrize("after", ["", "s1"])
@pytest.mark.parametrize("before", ["", "s2"])
@pytest.mark.parametrize("kind", ["sequential", "parallel", "conditional"])
def test_a_bond_never_makes_a_circle(kind: str, after: str, before: str) -> None:
    first = [*(Edge(step, "m1", "parent-child") for step in ("s1", "s2")), Edge("s2", "s1", "blocks")]
    edges = [*first, *bond("m1", "m2", kind, after=after, before=before).edges]
    assert waves(["m1", "s1", "s2", "m2"], edges).cycle == ()


@pytest.mark.parametrize("arguments", [("a", "b", "sideways"), ("a", "a", "parallel")])
def test_what_cannot_be_bonded(arguments: tuple[str, str, str]) -> None:
    with pytest.raises(BondError) as caught:
        bond(*arguments)
    assert caught.value.hint


def test_the_digest_of_a_molecule() -> None:
    children = [
        Child("Build", "closed", "Fixed\nin 1a2b", 0, 90_000),
        Child("Ship", "open"),
        Child("Tell", "closed", "", 90_000, 90_000 + 26 * HOUR_MS),
    ]
    assert digest("Release 1.4.0", children, " Went well.\n") == (
        "Release 1.4.0: 2 of 3 steps done in 1d 2h.\n\nWent well.\n\n"
        "- [x] Build in 1m 30s: Fixed in 1a2b\n- [ ] (open) Ship\n- [x] Tell in 1d 2h\n"
    )
    assert digest("Empty", []) == "Empty: 0 of 0 steps done.\n"


@pytest.mark.parametrize(("ms", "text"), [(0, "0s"), (41_999, "41s"), (300_000, "5m 0s"), (183_600_000, "2d 3h")])
def test_spans(ms: int, text: str) -> None:
    assert span(ms) == text


@pytest.mark.parametrize("wisp_type", sorted(WISP_TTL_MS))
def test_a_wisp_is_stale_when_its_time_is_over(wisp_type: str) -> None:
    wisp, ttl = Wisp("w", wisp_type, 1000), WISP_TTL_MS[wisp_type]
    assert stale([wisp], 1000 + ttl - 1) == ()
    assert stale([wisp], 1000 + ttl) == ("w",)


def test_a_wisp_of_an_unknown_type_stays() -> None:
    assert stale([Wisp("w", "", 0), Wisp("x", "ping", 0)], 9**15) == ("x",)
    assert WISP_TTL_MS["ping"] == 6 * HOUR_MS
