"""Invariants that the reference's protocol suite pins, under its own names."""

import json
from typing import Any

import pytest

from tests.bd.support import NOT_FOUND, REFUSED, USAGE, Bd

KINDS = ("blocks", "parent-child", "conditional-blocks", "waits-for")

# -- what blocks ---------------------------------------------------------------------------------------------------


def test_blocked_status_is_stored_not_computed(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    waiting = bd.make("Waiting", "--deps", blocker)
    assert bd.status(waiting) == "open"
    assert list(bd.blocked()) == [waiting]
    bd.ok("update", blocker, "--status", "blocked")
    assert bd.status(blocker) == "blocked"
    assert bd.ids("list", "--status", "blocked") == [blocker]


def test_waits_for_appears_in_blocked(bd: Bd) -> None:
    spawner = bd.make("Spawner")
    child = bd.make("Child", "--parent", spawner)
    waiting = bd.make("Waiting")
    bd.ok("dep", "add", waiting, spawner, "--type", "waits-for")
    assert bd.blocked() == {waiting: [child]}
    assert waiting not in bd.ready()
    bd.ok("close", child)
    assert waiting in bd.ready()


def test_ready_ordering_is_priority_asc(bd: Bd) -> None:
    made = {priority: bd.make(f"P{priority}", "-p", str(priority)) for priority in (3, 0, 4, 1, 2)}
    assert bd.ready() == [made[priority] for priority in range(5)]


def test_closed_blocker_not_shown_as_blocking(bd: Bd) -> None:
    done, left = bd.make("Done"), bd.make("Left")
    waiting = bd.make("Waiting", "--deps", f"{done},{left}")
    bd.ok("close", done)
    assert bd.blocked() == {waiting: [left]}
    assert bd.show(waiting)["blocked_by"] == [left]


def test_closing_blocker_makes_dep_ready(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    waiting = bd.make("Waiting", "--deps", blocker)
    assert bd.ready() == [blocker]
    bd.ok("close", blocker)
    assert bd.ready() == [waiting]


def test_diamond_dep_blocking_semantics(bd: Bd) -> None:
    top = bd.make("Top")
    left, right = bd.make("Left", "--deps", top), bd.make("Right", "--deps", top)
    bottom = bd.make("Bottom", "--deps", f"{left},{right}")
    assert bd.ready() == [top]
    bd.ok("close", top)
    assert set(bd.ready()) == {left, right}
    bd.ok("close", left)
    assert bd.ready() == [right]
    bd.ok("close", right)
    assert bd.ready() == [bottom]


def test_transitive_blocking_chain(bd: Bd) -> None:
    chain = [bd.make("0")]
    for n in range(1, 6):
        chain.append(bd.make(str(n), "--deps", chain[-1]))
    for n, issue in enumerate(chain):
        assert bd.ready() == [issue]
        assert set(bd.blocked()) == set(chain[n + 1 :])
        bd.ok("close", issue)


def test_deferred_excluded_from_ready(bd: Bd) -> None:
    issue = bd.make()
    bd.ok("defer", issue, "--until", "2d")
    assert bd.ready() == []
    assert bd.status(issue) == "deferred"
    bd.ok("undefer", issue)
    assert bd.ready() == [issue]


def test_dep_rm_unblocks_issue(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    waiting = bd.make("Waiting", "--deps", blocker)
    bd.ok("dep", "remove", waiting, blocker)
    assert set(bd.ready()) == {blocker, waiting}


def test_cycle_prevention_blocks(bd: Bd) -> None:
    first = bd.make("First")
    second = bd.make("Second", "--deps", first)
    third = bd.make("Third", "--deps", second)
    for later in (second, third):
        bd.fails(REFUSED, "cycle", "dep", "add", first, later)
    assert bd.ok("dep", "cycles").out == "No cycles.\n"


@pytest.mark.parametrize("kind", KINDS)
def test_self_dependency_prevention(bd: Bd, kind: str) -> None:
    issue = bd.make()
    bd.fails(USAGE, "cannot depend on itself", "dep", "add", issue, issue, "--type", kind)


# -- closing -------------------------------------------------------------------------------------------------------


def test_close_guard_respects_dep_type(bd: Bd) -> None:
    other, issue = bd.make("Other"), bd.make("Issue")
    bd.ok("dep", "add", issue, other, "--type", "caused-by")
    bd.ok("close", issue)
    assert bd.status(issue) == "closed"


def test_close_guard_blocks_for_blocks_dep(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    waiting = bd.make("Waiting", "--deps", blocker)
    bd.fails(REFUSED, blocker, "close", waiting)
    assert bd.status(waiting) == "open"


def test_close_force_overrides_guard(bd: Bd) -> None:
    waiting = bd.make("Waiting", "--deps", bd.make("Blocker"))
    bd.ok("close", waiting, "--force")
    assert bd.status(waiting) == "closed"


def test_supersede_closes_and_creates_dep(bd: Bd) -> None:
    old, new = bd.make("Old"), bd.make("New")
    bd.ok("supersede", old, "--with", new)
    assert bd.status(old) == "closed"
    assert new in bd.show(old)["close_reason"]
    (edge,) = bd.json("dep", "list", new)
    assert (edge["id"], edge["type"]) == (old, "supersedes")


def test_duplicate_closes_and_creates_dep(bd: Bd) -> None:
    issue, same = bd.make("Issue"), bd.make("Same")
    bd.ok("duplicate", same, "--of", issue)
    assert bd.status(same) == "closed"
    (edge,) = bd.json("dep", "list", same)
    assert (edge["id"], edge["type"]) == (issue, "duplicates")


def test_close_blocked_exits_non_zero(bd: Bd) -> None:
    waiting = bd.make("Waiting", "--deps", bd.make("Blocker"))
    done = bd("close", waiting, "--json")
    assert (done.code, done.error["code"]) == (REFUSED, "refused")
    assert "--force" in done.error["hint"]


def test_close_partial_failure_exits_non_zero(bd: Bd) -> None:
    # Unlike the reference, which ends with 0 here: a script that does not read would take it for done.
    free = bd.make("Free")
    waiting = bd.make("Waiting", "--deps", bd.make("Blocker"))
    done = bd("close", free, waiting)
    assert done.code == REFUSED
    assert free in done.out
    assert waiting in done.err
    assert (bd.status(free), bd.status(waiting)) == ("closed", "open")


# -- refusing ------------------------------------------------------------------------------------------------------


def test_comment_rejects_empty_text(bd: Bd) -> None:
    issue = bd.make()
    for text in ("", "   "):
        bd.fails(USAGE, "comment text cannot be empty", "comments", "add", issue, text)
    assert "comments" not in bd.show(issue)


def test_defer_past_date_warns(bd: Bd) -> None:
    issue = bd.make()
    assert "past" in bd.ok("defer", issue, "--until", "2020-01-01").err
    assert bd.ready() == [issue], "it has woken already"
    assert "past" in bd.ok("update", issue, "--defer", "2020-01-01").err


def test_update_nonexistent_exits_non_zero(bd: Bd) -> None:
    bd.fails(NOT_FOUND, "no issue found", "update", "test-nonexistent", "--status", "open")


def test_update_rejects_empty_title(bd: Bd) -> None:
    issue = bd.make("Kept")
    bd.fails(USAGE, "title cannot be empty", "update", issue, "--title", "")
    assert bd.show(issue)["title"] == "Kept"


def test_update_rejects_whitespace_title(bd: Bd) -> None:
    issue = bd.make("Kept")
    bd.fails(USAGE, "title cannot be empty", "update", issue, "--title", " \t ")
    assert bd.show(issue)["title"] == "Kept"


def test_label_add_rejects_empty_label(bd: Bd) -> None:
    issue = bd.make()
    for label in ("", "  "):
        bd.fails(USAGE, "label cannot be empty", "label", "add", issue, label)
    assert "labels" not in bd.show(issue)


def test_stale_rejects_non_positive_days(bd: Bd) -> None:
    for days in ("0", "-1"):
        bd.fails(USAGE, "--days must be 1 or more", "stale", "--days", days)


def test_update_rejects_garbage_status(bd: Bd) -> None:
    issue = bd.make()
    bd.fails(USAGE, "invalid status", "update", issue, "--status", "garbage")
    assert bd.status(issue) == "open"


@pytest.mark.parametrize("status", ["open", "in_progress", "blocked", "closed", "pinned", "hooked"])
def test_update_accepts_builtin(bd: Bd, status: str) -> None:
    issue = bd.make()
    bd.ok("update", issue, "--status", status)
    assert bd.status(issue) == status


def test_update_accepts_custom(bd: Bd) -> None:
    issue = bd.make()
    bd.ok("config", "set", "status.custom", "in_review:active,verified:done")
    bd.ok("update", issue, "--status", "in_review")
    assert bd.ids("list", "--status", "in_review") == [issue]
    bd.ok("update", issue, "--status", "verified")
    assert bd.ids("list") == []


# -- JSON ----------------------------------------------------------------------------------------------------------

REQUIRED = ("id", "title", "status", "priority", "issue_type", "created_at")


def records(bd: Bd, *command: str) -> list[dict[str, Any]]:
    found = bd.json(*command)
    assert isinstance(found, list), "lists are arrays, and one issue is a list of one"
    return found


@pytest.mark.parametrize(
    "command",
    [("list",), ("ready",), ("show", "{}"), ("close", "{}"), ("blocked",), ("search", "door"), ("reopen", "{}"),
     ("update", "{}", "-p", "0"), ("children", "{}"), ("stale",), ("defer", "{}", "--until", "2d")],
    ids=lambda command: str(command[0]),
)  # fmt: skip
def test_json_is_valid_and_has_the_required_fields(bd: Bd, command: tuple[str, ...]) -> None:
    issue = bd.make("Fix the door")
    bd.make("Waiting door", "--deps", issue)
    for record in records(bd, *(part.format(issue) for part in command)):
        assert set(REQUIRED) <= record.keys(), command


def test_json_of_create_is_an_object_with_a_schema_version(bd: Bd) -> None:
    made = bd.json("create", "Fix the door", "-l", "urgent", "--deps", bd.make("Blocker"))
    assert {*REQUIRED, "schema_version"} <= made.keys()
    assert made["labels"] == ["urgent"]
    assert len(made["dependencies"]) == 1


def test_json_of_ping_is_valid(bd: Bd) -> None:
    assert bd.json("ping")["status"] == "ok"


def test_json_of_ready_counts_dependencies(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    bd.make("Waiting", "--deps", blocker)
    (record,) = records(bd, "ready")
    assert (record["dependency_count"], record["dependent_count"]) == (0, 1)


def test_json_of_ready_is_an_empty_array_where_nothing_is(bd: Bd) -> None:
    assert bd.ok("ready", "--json").json == []


# -- what says nothing happened ------------------------------------------------------------------------------------


def test_reopen_already_open_reports_status(bd: Bd) -> None:
    done = bd.ok("reopen", bd.make())
    assert "already open" in done.out
    assert "Reopened" not in done.said


def test_undefer_non_deferred_reports_status(bd: Bd) -> None:
    done = bd.ok("undefer", bd.make())
    assert "not deferred" in done.out
    assert "Undeferred" not in done.said


# -- what stays ----------------------------------------------------------------------------------------------------


@pytest.fixture
def rich(bd: Bd) -> str:
    """An issue with labels, dependencies and comments."""
    issue = bd.make("Rich", "-l", "one,two", "--deps", bd.make("Done"), "--parent", bd.make("Epic", "-t", "epic"))
    bd.ok("close", bd.show(issue)["dependencies"][0]["id"], "--force")
    bd.ok("dep", "add", issue, bd.make("Related"), "--type", "related")
    for text in ("first", "second"):
        bd.ok("comments", "add", issue, text)
    return issue


def relations(bd: Bd, issue: str) -> tuple[Any, ...]:
    shown = bd.show(issue)
    ends = sorted((one["id"], one["dependency_type"]) for one in shown["dependencies"])
    return shown["labels"], ends, shown["comments"], shown["parent"]


SCALARS = (
    ("--title", "Another"), ("-p", "0"), ("-d", "Words"), ("-a", "carol"), ("--notes", "More words"),
    ("--type", "bug"), ("--external-ref", "gh-9"),
)  # fmt: skip


def test_labels_deps_and_comments_are_preserved_across_scalar_updates(bd: Bd, rich: str) -> None:
    before = relations(bd, rich)
    for option in SCALARS:
        bd.ok("update", rich, *option)
    assert relations(bd, rich) == before


def test_labels_deps_and_comments_are_preserved_across_status_changes(bd: Bd, rich: str) -> None:
    before = relations(bd, rich)
    for command in (
        ("update", rich, "--status", "in_progress"), ("update", rich, "--status", "open"), ("close", rich),
        ("reopen", rich),
    ):  # fmt: skip
        bd.ok(*command)
        assert relations(bd, rich) == before, command


def test_delete_cleans_up_deps(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    waiting = bd.make("Waiting", "--deps", blocker)
    bd.ok("delete", blocker, "--force")
    assert bd.ready() == [waiting]
    assert bd.json("dep", "list", waiting) == []
    assert "dependencies" not in bd.show(waiting) or bd.show(waiting)["dependencies"] == []
    bd.ok("close", waiting)


def test_restore_brings_deps_back(bd: Bd) -> None:
    """Ours: a deleted issue comes back as it was."""
    blocker = bd.make("Blocker", "-l", "one")
    waiting = bd.make("Waiting", "--deps", blocker)
    bd.ok("delete", blocker, "--force")
    bd.ok("restore", blocker)
    assert bd.blocked() == {waiting: [blocker]}
    assert bd.show(blocker)["labels"] == ["one"]


# -- round trips ---------------------------------------------------------------------------------------------------


def round_trip(bd: Bd, fresh: Bd) -> list[dict[str, Any]]:
    """Export, bring it into another ledger, export that; return the records, which are the same."""
    bd.ok("export", "-o", "out.jsonl")
    before = (bd.cwd / "out.jsonl").read_bytes()
    fresh.ok("import", str(bd.cwd / "out.jsonl"))
    fresh.ok("export", "-o", "back.jsonl")
    assert (fresh.cwd / "back.jsonl").read_bytes() == before
    return [json.loads(line) for line in before.splitlines()]


def test_import_preserves_relational_data(bd: Bd, fresh: Bd, rich: str) -> None:
    round_trip(bd, fresh)
    before, after = bd.show(rich), fresh.show(rich)
    for name in ("labels", "comments", "parent"):
        assert after[name] == before[name]
    assert [d["id"] for d in after["dependencies"]] == [d["id"] for d in before["dependencies"]]


def test_fields_round_trip(bd: Bd, fresh: Bd) -> None:
    options = {
        "-d": "What", "--design": "How", "--acceptance": "When done", "--notes": "Notes", "-p": "0", "-t": "bug",
        "-a": "carol", "--owner": "dave", "-e": "90", "--due": "2027-01-01T00:00Z", "--defer": "2027-01-01",
        "--external-ref": "gh-9",
    }  # fmt: skip
    issue = bd.make("<All> & more", *(part for pair in options.items() for part in pair))
    before = bd.show(issue)
    round_trip(bd, fresh)
    after = fresh.show(issue)
    assert {name: after[name] for name in before if name != "schema_version"} == before
    assert (after["estimated_minutes"], after["due_at"], after["owner"]) == (90, "2027-01-01T00:00:00Z", "dave")


def test_metadata_round_trip(bd: Bd, fresh: Bd) -> None:
    issue = bd.make("M", "--metadata", '{"team": "blue", "nested": {"n": [1, 2.5, null]}}')
    bd.ok("update", issue, "--set-metadata", "sprint=7")
    round_trip(bd, fresh)
    assert fresh.show(issue)["metadata"] == {"team": "blue", "nested": {"n": [1, 2.5, None]}, "sprint": "7"}
    assert fresh.ids("list", "--metadata-field", "team=blue") == [issue]


def test_spec_id_round_trip(bd: Bd, fresh: Bd) -> None:
    issue = bd.make("S", "--spec-id", "docs/specs/auth.md")
    round_trip(bd, fresh)
    assert fresh.show(issue)["spec_id"] == "docs/specs/auth.md"
    assert fresh.ids("list", "--spec", "docs/specs/") == [issue]


def test_close_reason_round_trip(bd: Bd, fresh: Bd) -> None:
    issue = bd.make()
    bd.ok("close", issue, "--reason", "Fixed in 1a2b3c", "--session", "s-1")
    round_trip(bd, fresh)
    shown = fresh.show(issue)
    assert (shown["close_reason"], shown["closed_by_session"]) == ("Fixed in 1a2b3c", "s-1")
    assert shown["closed_at"] == bd.show(issue)["closed_at"]


def test_parent_child_round_trip(bd: Bd, fresh: Bd) -> None:
    epic = bd.make("Epic", "-t", "epic")
    children = [bd.make(f"Child {n}", "--parent", epic) for n in (1, 2)]
    assert children == [f"{epic}.1", f"{epic}.2"]
    round_trip(bd, fresh)
    assert fresh.ids("children", epic) == children
    assert fresh.show(children[0])["parent"] == epic


def test_label_round_trip(bd: Bd, fresh: Bd) -> None:
    issue = bd.make("L", "-l", "zeta,alpha,größe")
    (record,) = round_trip(bd, fresh)
    assert record["labels"] == ["alpha", "größe", "zeta"]
    assert fresh.show(issue)["labels"] == record["labels"]
