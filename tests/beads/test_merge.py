"""Two sides of a bead become one, the same whichever comes first, and nothing that one side did is lost."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads.merge import CLOSING, Conflict, Difference, Policy, Side, apply, compare, is_older

Record = dict[str, Any]
T0, T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
BASE: Record = {"id": "bd-1", "title": "base", "status": "open", "priority": 2, "created_at": T0, "updated_at": T0}


def made(at: str, **changes: Any) -> Record:
    record = {**copy.deepcopy(BASE), "updated_at": at, **changes}
    return {key: value for key, value in record.items() if value is not ...}


def edge(to: str, kind: str = "blocks", **members: Any) -> Record:
    return {"issue_id": "bd-1", "depends_on_id": to, "type": kind, "created_at": T0, **members}


def said(text: str, author: str = "ann", at: str = T0, **members: Any) -> Record:
    return {"id": 1, "issue_id": "bd-1", "author": author, "text": text, "created_at": at, **members}


def merged(base: Record | None, ours: Record, theirs: Record, **how: Any) -> Record:
    return apply(ours, compare(base, ours, theirs, **how))


def conflicts(base: Record | None, ours: Record, theirs: Record, **how: Any) -> list[str]:
    return [one.key for one in compare(base, ours, theirs, **how).conflicts]


# -- values --------------------------------------------------------------------------------------------------------


def test_changes_of_different_keys_are_both_kept() -> None:
    ours, theirs = made(T2, title="ours"), made(T1, priority=0, assignee="bob")
    assert merged(BASE, ours, theirs) == {**ours, "priority": 0, "assignee": "bob"}
    assert conflicts(BASE, ours, theirs) == []


def test_of_two_changes_the_later_wins_and_the_other_is_told() -> None:
    ours, theirs = made(T1, title="ours"), made(T2, title="theirs")
    assert compare(BASE, ours, theirs).conflicts == [Conflict("title", "base", "theirs", "ours", Side.THEIRS)]
    assert compare(BASE, theirs, ours).conflicts == [Conflict("title", "base", "theirs", "ours", Side.OURS)]
    assert merged(BASE, ours, theirs) == merged(BASE, theirs, ours) == made(T2, title="theirs")


def test_at_the_same_moment_the_greater_value_wins() -> None:
    ours, theirs = made("2026-01-02T01:00:00+01:00", title="b"), made(T1, title="a")
    assert merged(BASE, ours, theirs)["title"] == merged(BASE, theirs, ours)["title"] == "b"


def test_what_theirs_took_away_goes() -> None:
    base = made(T0, notes="old", estimated_minutes=0)
    assert merged(base, made(T1, notes="old", estimated_minutes=0), made(T2)) == made(T2)


def test_taking_away_and_changing_are_in_conflict() -> None:
    base, ours, theirs = made(T0, notes="old"), made(T1, notes="new"), made(T2)
    assert compare(base, ours, theirs).conflicts == [Conflict("notes", "old", None, "new", Side.THEIRS)]
    assert merged(base, ours, theirs) == merged(base, theirs, ours) == made(T2)


@pytest.mark.parametrize(
    ("key", "ours", "theirs"),
    [
        ("due_at", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000+01:00"),
        ("created_at", "2026-01-01T00:00:00.1234567Z", "2026-01-01 00:00:00.123Z"),
        ("notes", "", ...),
        ("pinned", False, ...),
        ("waiters", [], None),
        ("compaction_level", 0, ...),
        ("metadata", {"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ("content_hash", "a", "b"),
        ("dependency_count", 1, 2),
        ("_type", "issue", ...),
    ],
)
def test_other_words_for_the_same_are_no_change(key: str, ours: Any, theirs: Any) -> None:
    for base in (None, made(T0, **{key: ours}), made(T0, **{key: theirs}), made(T0)):
        found = compare(base, made(T1, **{key: ours}), made(T1, **{key: theirs}))
        assert found == Difference()
        assert not found.changes


@pytest.mark.parametrize(
    ("key", "ours", "theirs"),
    [("priority", 1, ...), ("estimated_minutes", 0, ...), ("x", 1, True), ("x", 1, 1.0), ("title", "a", "A ")],
)
def test_what_means_something_else_is_a_change(key: str, ours: Any, theirs: Any) -> None:
    assert compare(made(T0, **{key: ours}), made(T0, **{key: ours}), made(T1, **{key: theirs})).changes


def test_a_later_touch_alone_is_no_change() -> None:
    found = compare(BASE, made(T1), made(T2))
    assert (found.updated_at, found.changes) == (T2, False)
    assert merged(BASE, made(T2), made(T1)) == made(T2)
    assert merged(BASE, made("?"), made(T1)) == merged(BASE, made(T1), made("?")) == made(T1)
    assert merged(BASE, made("a"), made("b")) == merged(BASE, made("b"), made("a")) == made("b")


# -- status --------------------------------------------------------------------------------------------------------


def test_who_wins_the_status_brings_what_belongs_to_it() -> None:
    closed = made(T1, status="closed", closed_at=T1, close_reason="done")
    working = made(T2, status="in_progress", assignee="bob")
    assert merged(BASE, closed, working) == merged(BASE, working, closed) == working
    lost = {one.key: one.lost for one in compare(BASE, closed, working).conflicts}
    assert lost == {"status": "closed", "closed_at": T1, "close_reason": "done"}


def test_a_reopened_bead_is_not_closed_by_an_edit_of_its_reason() -> None:
    base = made(T0, status="closed", closed_at=T0, close_reason="done")
    reopened, edited = made(T1), made(T2, status="closed", closed_at=T0, close_reason="done well")
    assert merged(base, reopened, edited) == merged(base, edited, reopened) == made(T2)
    assert conflicts(base, reopened, edited) == ["close_reason"]


def test_both_may_close_and_what_one_of_them_says_is_kept() -> None:
    ours = made(T1, status="closed", closed_at=T1, close_reason="done")
    theirs = made(T2, status="closed", closed_at=T2)
    assert merged(BASE, ours, theirs) == {**theirs, "close_reason": "done"}
    assert conflicts(BASE, ours, theirs) == ["closed_at"]


def test_deletion_travels_like_any_status() -> None:
    gone = {"status": "tombstone", "deleted_at": T1, "deleted_by": "ann", "original_type": "task"}
    edited = made(T2, title="new")
    assert merged(BASE, edited, made(T1, **gone)) == {**edited, **gone}
    back = made(T2, status="in_progress")
    assert merged(BASE, made(T1, **gone), back) == back


def test_without_a_base_an_open_bead_keeps_no_closing_of_the_other() -> None:
    closed, reopened = made(T1, status="closed", closed_at=T1, close_reason="r"), made(T2, notes="n")
    assert merged(None, closed, reopened) == merged(None, reopened, closed) == reopened


# -- sets ----------------------------------------------------------------------------------------------------------


def test_labels_are_a_set_and_removal_survives() -> None:
    base = made(T0, labels=["a", "b", "c"])
    ours, theirs = made(T1, labels=["b", "c", "x"]), made(T2, labels=["a", "c", "y", "x"])
    assert merged(base, ours, theirs)["labels"] == merged(base, theirs, ours)["labels"] == ["c", "x", "y"]
    assert "labels" not in merged(made(T0, labels=["a"]), made(T1, labels=["a"]), made(T2))
    assert merged(None, ours, theirs)["labels"] == ["a", "b", "c", "x", "y"]


def test_labels_that_did_not_change_keep_their_order() -> None:
    ours = made(T1, labels=["b", "a"])
    assert merged(ours, ours, made(T2, labels=["a", "b"])) == made(T2, labels=["b", "a"])


def test_dependencies_are_keyed_by_end_and_type() -> None:
    base = made(T0, dependencies=[edge("a"), edge("b")])
    ours = made(T1, dependencies=[edge("a"), edge("b"), edge("c")])
    theirs = made(T2, dependencies=[edge("a"), edge("a", "related"), edge("b", "related")])
    found = compare(base, ours, theirs)
    assert found.dependencies_added == [edge("a", "related"), edge("b", "related")]
    assert found.dependencies_removed == [("b", "blocks")]
    assert apply(ours, found)["dependencies"] == [edge("a"), edge("c"), edge("a", "related"), edge("b", "related")]
    assert len(merged(None, ours, theirs)["dependencies"]) == 5


def test_a_dependency_is_a_small_record() -> None:
    base = made(T0, dependencies=[edge("a", metadata="{}")])
    ours = made(T1, dependencies=[edge("a", metadata="{}", thread_id="t")])
    theirs = made(T2, dependencies=[edge("a", metadata='{"gate":"any-children"}')])
    both = [edge("a", metadata='{"gate":"any-children"}', thread_id="t")]
    assert merged(base, ours, theirs)["dependencies"] == both
    assert merged(base, theirs, ours)["dependencies"] == both
    ours["dependencies"][0]["metadata"] = "mine"
    assert conflicts(base, ours, theirs) == ["dependencies/blocks/a/metadata"]


def test_without_a_base_a_bare_dependency_wipes_no_metadata() -> None:
    ours = made(T1, dependencies=[edge("a", metadata="{}")])
    assert not compare(None, ours, made(T2, dependencies=[edge("a")])).changes


def test_who_noted_an_edge_first_is_no_conflict() -> None:
    ours, theirs = made(T1, dependencies=[edge("a", created_by="x")]), made(T2, dependencies=[edge("a", created_at=T1)])
    assert conflicts(BASE, ours, theirs) == []
    assert merged(BASE, ours, theirs)["dependencies"] == merged(BASE, theirs, ours)["dependencies"]


def test_comments_are_told_by_author_moment_and_text_and_never_go() -> None:
    ours = made(T1, comments=[said("one"), said("three", at=T2)])
    theirs = made(
        T2, comments=[said("one", id=9, at="2026-01-01T01:00:00+01:00"), said("one", "bob"), said("two", at=T1)]
    )
    texts = [(one["author"], one["text"]) for one in merged(ours, ours, theirs)["comments"]]
    assert texts == [("ann", "one"), ("bob", "one"), ("ann", "two"), ("ann", "three")]
    assert merged(ours, ours, made(T2))["comments"] == ours["comments"]


@pytest.mark.parametrize("odd", ["a,b", [1], {"a": 1}, 7, ["a", None]])
@pytest.mark.parametrize("key", ["labels", "dependencies", "comments"])
def test_a_set_of_another_shape_is_a_value(key: str, odd: Any) -> None:
    assert merged(BASE, made(T1), made(T2, **{key: odd})) == made(T2, **{key: odd})


# -- policies ------------------------------------------------------------------------------------------------------

OURS = made(T2, title="ours", notes="kept", labels=["a"])
THEIRS = made(T1, title="theirs", notes="kept", priority=0, assignee="bob", labels=["b"], comments=[said("hi")])
COMMON = made(T0, notes="kept", labels=["a"])


@pytest.mark.parametrize(
    ("policy", "title", "priority", "labels"),
    [(Policy.NEWER, "ours", 0, ["b"]), (Policy.THEIRS, "theirs", 0, ["b"]), (Policy.SKIP, "ours", 2, ["a", "b"])],
)
def test_a_policy_says_who_wins(policy: Policy, title: str, priority: int, labels: list[str]) -> None:
    outcome = merged(COMMON, OURS, THEIRS, policy=policy)
    assert (outcome["title"], outcome["priority"], outcome["labels"]) == (title, priority, labels)
    assert (outcome["assignee"], outcome["comments"], outcome["updated_at"]) == ("bob", [said("hi")], T2)


def test_skip_overwrites_nothing_and_says_what_it_left() -> None:
    assert conflicts(COMMON, OURS, THEIRS, policy=Policy.SKIP) == ["title", "priority"]
    assert conflicts(None, OURS, THEIRS, policy=Policy.SKIP) == ["title", "priority"]
    assert compare(COMMON, COMMON, made(T2), policy=Policy.SKIP).updated_at is None


def test_fail_takes_nothing_where_there_is_a_conflict() -> None:
    found = compare(COMMON, OURS, THEIRS, Policy.FAIL)
    assert not found.changes
    assert [one.key for one in found.conflicts] == ["title"]
    assert compare(COMMON, COMMON, THEIRS, Policy.FAIL) == compare(COMMON, COMMON, THEIRS)


# -- older snapshots -----------------------------------------------------------------------------------------------


def test_an_older_snapshot_reverts_nothing() -> None:
    base = made(T2, status="closed", closed_at=T2, labels=["a"], dependencies=[edge("a")], notes="n")
    old = made(T1, labels=["b"], assignee="bob", comments=[said("hi")])
    found = compare(base, base, old, snapshot=True)
    assert found.stale
    assert apply(base, found) == {**base, "comments": [said("hi")]}
    assert {one.key for one in found.conflicts} == {"status", "closed_at", "assignee", "notes"}


def test_an_older_snapshot_counts_where_theirs_shall_win_or_it_is_a_branch() -> None:
    base, old = made(T2, status="closed", closed_at=T2), made(T1)
    assert merged(base, base, old, snapshot=True, policy=Policy.THEIRS)["status"] == "open"
    assert merged(base, base, old)["status"] == "open"


@pytest.mark.parametrize(("at", "older"), [(T0, True), (T1, False), (T2, False), ("?", False), (None, False)])
def test_only_a_readable_time_is_older(at: Any, older: bool) -> None:
    assert is_older(made(at), made(T1)) is older
    assert not is_older(made(at), made("?"))


# -- properties ----------------------------------------------------------------------------------------------------

TEXT = st.sampled_from(["", "a", "b", "ü<"])
WHEN = st.sampled_from([T0, T1, T2, "2026-01-02T01:00:00+01:00", "?", None])
EDGES = st.lists(
    st.builds(edge, st.sampled_from("abc"), st.sampled_from(["blocks", "related"]), metadata=TEXT, created_at=WHEN),
    max_size=3, unique_by=lambda one: (one["depends_on_id"], one["type"]),
)  # fmt: skip
RECORDS = st.fixed_dictionaries(
    {"id": st.just("bd-1"), "updated_at": WHEN},
    optional={
        "title": TEXT, "notes": TEXT, "priority": st.integers(0, 2), "status": st.sampled_from(["open", "closed", "x"]),
        "closed_at": WHEN, "close_reason": TEXT, "due_at": WHEN, "pinned": st.booleans() | st.none(),
        "metadata": st.sampled_from([{}, {"a": 1}, {"a": 1.0}]), "unknown": st.sampled_from([0, 1, True, "1", [], [1]]),
        "labels": st.lists(st.sampled_from("abcd"), max_size=3, unique=True), "dependencies": EDGES,
        "comments": st.lists(st.builds(said, TEXT, TEXT, WHEN), max_size=3),
        "content_hash": TEXT,
    },
)  # fmt: skip
BASES = st.none() | RECORDS


def plain(record: Record) -> Any:
    """A record without spelling: an oracle of its own for what counts as the same."""
    moments = {T0: 0, T1: 1, "2026-01-02T01:00:00+01:00": 1, T2: 2}

    def value(key: str, one: Any) -> Any:
        if key == "labels":
            return sorted(one)
        if key == "comments":
            return sorted({repr((c["author"], c["text"], value("created_at", c["created_at"]))) for c in one})
        if key == "dependencies":
            return sorted(repr(sorted((k, value(k, v)) for k, v in e.items() if v not in ("", None))) for e in one)
        return repr(moments.get(one, one) if key.endswith("_at") else one)

    return {
        key: value(key, one)
        for key, one in record.items()
        if key != "content_hash" and one not in ("", None, []) and one is not False and (key, one) != ("priority", 0)
    }


@given(BASES, RECORDS, RECORDS)
def test_it_does_not_matter_who_is_called_ours(base: Record | None, one: Record, other: Record) -> None:
    assert plain(merged(base, one, other)) == plain(merged(base, other, one))


@given(BASES, RECORDS, RECORDS, st.sampled_from(Policy), st.booleans())
def test_a_second_time_changes_nothing(
    base: Record | None, ours: Record, theirs: Record, policy: Policy, snapshot: bool
) -> None:
    once = merged(base, ours, theirs, policy=policy, snapshot=snapshot)
    assert plain(merged(base, once, theirs, policy=policy, snapshot=snapshot)) == plain(once)


@given(BASES, RECORDS, RECORDS, st.sampled_from(Policy))
def test_neither_side_is_touched(base: Record | None, ours: Record, theirs: Record, policy: Policy) -> None:
    before = copy.deepcopy((base, ours, theirs))
    merged(base, ours, theirs, policy=policy)
    assert (base, ours, theirs) == before


@given(BASES, RECORDS)
def test_the_same_on_both_sides_is_the_outcome(base: Record | None, record: Record) -> None:
    assert merged(base, record, copy.deepcopy(record)) == record
    assert compare(base, record, record) == Difference()


@given(RECORDS, RECORDS)
def test_what_one_side_alone_did_is_the_outcome(base: Record, side: Record) -> None:
    expected = plain({**side, "comments": (base.get("comments") or []) + (side.get("comments") or [])})
    for outcome in (merged(base, base, side), merged(base, side, base)):
        assert {**plain(outcome), "updated_at": 0} == {**expected, "updated_at": 0}


@given(BASES, RECORDS, RECORDS)
def test_every_value_of_one_side_is_kept_or_told(base: Record | None, one: Record, other: Record) -> None:
    found = compare(base, one, other)
    outcome, lost = plain(apply(one, found)), {each.key for each in found.conflicts}
    was = plain(base or {})
    for side in (plain(one), plain(other)):
        for key in side.keys() - {"labels", "dependencies", "comments", "updated_at", "id"}:
            kept_or_untouched = outcome.get(key) == side[key] or was.get(key) == side[key]
            assert kept_or_untouched or key in lost, key


@given(RECORDS, RECORDS, RECORDS)
def test_members_come_and_go_as_each_side_said(base: Record, one: Record, other: Record) -> None:
    outcome = merged(base, one, other)
    for key, name in (("labels", str), ("dependencies", lambda e: (e["depends_on_id"], e["type"]))):
        b, o, t, out = ({name(each) for each in record.get(key) or []} for record in (base, one, other, outcome))
        assert out == (o & t) | ((o | t) - b)


@given(RECORDS, RECORDS)
def test_without_a_base_nothing_goes(ours: Record, theirs: Record) -> None:
    outcome = plain(merged(None, ours, theirs))
    assert plain(ours).keys() | plain(theirs).keys() <= outcome.keys() | {*CLOSING, "priority"}


@given(BASES, RECORDS, RECORDS)
def test_skip_leaves_every_value_of_ours(base: Record | None, ours: Record, theirs: Record) -> None:
    outcome, mine = plain(merged(base, ours, theirs, policy=Policy.SKIP)), plain(ours)
    sets = {"labels", "comments", "dependencies"}
    assert {key: outcome[key] for key in mine.keys() - sets} == {key: mine[key] for key in mine.keys() - sets}
    assert all(set(mine[key]) <= set(outcome[key]) for key in ("labels", "comments") if key in mine)


@given(RECORDS, RECORDS, RECORDS, st.sampled_from([Policy.NEWER, Policy.FAIL]))
def test_fail_is_newer_or_nothing(base: Record, ours: Record, theirs: Record, policy: Policy) -> None:
    found, newer = compare(base, ours, theirs, Policy.FAIL), compare(base, ours, theirs)
    assert found.conflicts == newer.conflicts
    assert found == newer or (found.conflicts and apply(ours, found) == ours)
