"""What the reference got wrong, row by row of its own discovery log: the behaviour that was wanted, as tests."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from beads.database import Sqlite
from node import wiring
from tests.bd.support import CONFLICT, NOT_FOUND, REFUSED, USAGE, Bd
from tests.node.support import Person, git

DAY_MS = 86_400_000

# -- 2, 3: trees ---------------------------------------------------------------------------------------------------


def chain(bd: Bd, length: int, *options: str) -> list[str]:
    """Make issues, each of which waits for the one before it."""
    found = [bd.make("0", *options)]
    for n in range(1, length):
        found.append(bd.make(str(n), "--deps", found[-1], *options))
    return found


def test_02_dep_tree_shows_the_full_tree(bd: Bd) -> None:
    issues = chain(bd, 5)
    tree = bd.json("dep", "tree", issues[-1])
    assert [(one["id"], one["depth"]) for one in tree] == [(one, n) for n, one in enumerate(issues[-2::-1], 1)]
    text = bd.ok("dep", "tree", issues[-1]).out
    assert all(issue in text for issue in issues)
    assert [one["id"] for one in bd.json("dep", "tree", issues[0], "--up")] == issues[1:]


def test_03_a_blocked_root_is_not_called_ready(bd: Bd) -> None:
    _, last = chain(bd, 2)
    assert "ready" not in bd.ok("dep", "tree", last).out.lower()


# -- 4, 9, 18, 24, 30: lists agree with each other -----------------------------------------------------------------


def test_04_what_is_stored_as_blocked_and_what_is_kept_waiting_are_two_views(bd: Bd) -> None:
    stored, waiting = bd.make("Stored"), bd.make("Waiting", "--deps", bd.make("Blocker"))
    bd.ok("update", stored, "--status", "blocked")
    assert bd.ids("list", "--status", "blocked") == [stored]
    assert list(bd.blocked()) == [waiting]


def test_09_list_ready_is_ready(bd: Bd) -> None:
    for priority in (3, 1, 2):
        chain(bd, 2, "-p", str(priority))
    bd.ok("defer", bd.make("Later"), "--until", "2d")
    bd.make("Wisp", "--ephemeral")
    bd.make("Gate", "-t", "gate")
    assert bd.ids("list", "--ready") == bd.ready()
    assert len(bd.ready()) == 3


def test_18_count_counts_what_list_lists(bd: Bd) -> None:
    bd.ok("close", bd.make("Closed"))
    bd.make("Open", "-l", "one")
    bd.make("Another")
    for options in ((), ("--label", "one"), ("--status", "closed"), ("--status", "all")):
        assert bd.json("count", *options)["count"] == len(bd.ids("list", *options)), options


def test_24_wisps_are_sorted_in_with_the_rest(bd: Bd) -> None:
    late, wisp, first = bd.make("C", "-p", "3"), bd.make("B", "-p", "2", "--ephemeral"), bd.make("A", "-p", "1")
    assert bd.ids("list") == [first, wisp, late]
    assert bd.ids("list", "--sort", "title", "--reverse") == [late, wisp, first]


# -- 5: nothing is lost to another process -------------------------------------------------------------------------


def test_05_all_labels_that_are_added_in_parallel_survive(bd: Bd) -> None:
    issue = bd.make()
    person = Person(bd.home)
    with ThreadPoolExecutor(5) as pool:
        codes = pool.map(lambda n: person.run("bd", "label", "add", issue, f"l{n}", cwd=bd.cwd).returncode, range(5))
        assert list(codes) == [0] * 5
    assert bd.show(issue)["labels"] == [f"l{n}" for n in range(5)]


# -- 7, 8: links ---------------------------------------------------------------------------------------------------


def test_07_a_second_kind_of_link_stands_beside_the_first(bd: Bd) -> None:
    other, issue = bd.make("Other"), bd.make("Issue")
    bd.ok("dep", "add", issue, other)
    bd.ok("dep", "add", issue, other, "--type", "discovered-from")
    assert sorted(one["type"] for one in bd.json("dep", "list", issue)) == ["blocks", "discovered-from"]
    assert list(bd.blocked()) == [issue]
    bd.ok("dep", "remove", issue, other, "--type", "discovered-from")
    assert [one["type"] for one in bd.json("dep", "list", issue)] == ["blocks"]


def test_08_a_child_that_moved_is_listed_under_its_new_parent_only(bd: Bd) -> None:
    old, new = bd.make("Old", "-t", "epic"), bd.make("New", "-t", "epic")
    child = bd.make("Child", "--parent", old)
    bd.ok("update", child, "--parent", new)
    assert (bd.ids("children", old), bd.ids("children", new)) == ([], [child])
    assert (bd.ids("list", "--parent", old), bd.ids("list", "--parent", new)) == ([], [child])
    assert bd.show(child)["parent"] == new
    bd.ok("close", old)


# -- 10: what fails says so with its exit code ---------------------------------------------------------------------

UNKNOWN = "test-nonexistent"


@pytest.mark.parametrize(
    "command",
    [
        ("show", UNKNOWN), ("update", UNKNOWN, "-p", "1"), ("close", UNKNOWN), ("reopen", UNKNOWN),
        ("delete", UNKNOWN, "--force"), ("restore", UNKNOWN), ("defer", UNKNOWN, "--until", "2d"),
        ("undefer", UNKNOWN), ("release", UNKNOWN), ("heartbeat", UNKNOWN), ("label", "add", UNKNOWN, "one"),
        ("label", "remove", UNKNOWN, "one"), ("label", "list", UNKNOWN), ("comments", "add", UNKNOWN, "text"),
        ("comments", "list", UNKNOWN), ("dep", "add", UNKNOWN, "{}"), ("dep", "remove", UNKNOWN, "{}"),
        ("dep", "remove", "{}", UNKNOWN), ("dep", "list", UNKNOWN), ("dep", "tree", UNKNOWN),
        ("duplicate", UNKNOWN, "--of", "{}"), ("duplicate", "{}", "--of", UNKNOWN),
        ("supersede", "{}", "--with", UNKNOWN), ("create", "X", "--parent", UNKNOWN),
        ("create", "X", "--deps", UNKNOWN), ("create", "X", "--waits-for", UNKNOWN), ("history", UNKNOWN),
        ("blame", UNKNOWN), ("conflicts", UNKNOWN), ("as-of", "now", UNKNOWN), ("graph", UNKNOWN),
        ("recall", "nothing-of-the-kind"), ("forget", "nothing-of-the-kind"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_10_what_is_not_there_is_an_error(bd: Bd, command: tuple[str, ...]) -> None:
    issue = bd.make()
    done = bd(*(part.format(issue) for part in command), "--json")
    assert (done.code, done.out) == (NOT_FOUND, ""), done
    assert done.error["code"] == "not_found"
    assert bd.ids("list", "--all") == [issue], "and nothing was made"


@pytest.mark.parametrize(
    "command", [("children",), ("blocked", "--parent"), ("list", "--parent"), ("ready", "--parent"), ("list", "--id"),
                ("count", "--parent"), ("search", "x", "--parent")],
    ids=" ".join,
)  # fmt: skip
def test_59_69_what_belongs_to_nothing_is_an_error_not_an_empty_list(bd: Bd, command: tuple[str, ...]) -> None:
    bd.make()
    bd.fails(NOT_FOUND, "no issue found", *command, UNKNOWN)


@pytest.mark.parametrize(
    "command",
    [("close", "{closed}"), ("delete", "{deleted}", "--force"), ("restore", "{closed}"),
     ("update", "{closed}", "--claim"), ("update", "{deleted}", "--claim")],
    ids=" ".join,
)  # fmt: skip
def test_10_what_cannot_be_done_as_things_stand_is_an_error(bd: Bd, command: tuple[str, ...]) -> None:
    closed, deleted = bd.make("Closed"), bd.make("Deleted")
    bd.ok("close", closed)
    bd.ok("delete", deleted, "--force")
    done = bd(*(part.format(closed=closed, deleted=deleted) for part in command))
    assert (done.code, done.out) == (REFUSED, ""), done


# -- 11, 12, 14, 28, 29, 32, 33, 36–38, 40, 45, 52, 58, 61, 63: nonsense is refused --------------------------------

NONSENSE = {
    "11 update with a status that there is not": ("update {} --status garbage", "invalid status"),
    "11 list of a status that there is not": ("list --status garbage", "invalid status"),
    "11 count of a status that there is not": ("count --status garbage", "invalid status"),
    "11 search in a status that there is not": ("search door --status garbage", "invalid status"),
    "11 stale of a status that there is not": ("stale --status garbage", "invalid status"),
    "11 as-of in a status that there is not": ("as-of now --status garbage", "invalid status"),
    "11 export of a status that there is not": ("export --status garbage", "invalid status"),
    "12 an empty title": ("update {} --title=", "title cannot be empty"),
    "12 a new issue with a blank title": ("create ␣", "title is required"),
    "14 an empty label": ("label add {} ␣", "label cannot be empty"),
    "14 an empty label among others": ("update {} --add-label ␣", "label cannot be empty"),
    "14 an empty label at once": ("create X --labels ␣", "label cannot be empty"),
    "40 an empty comment": ("comments add {} ␣", "comment text cannot be empty"),
    "52 removing an empty label": ("label remove {} ␣", "label cannot be empty"),
    "28 a regular expression that is none": ("list --label-regex [", "no regular expression"),
    "29 a claim and a status": ("update {} --claim --status open", "--claim sets status"),
    "29 a claim and an assignee": ("update {} --claim --assignee bob", "--claim sets status"),
    "30 ready and a status": ("list --ready --status closed", "leave --status out"),
    "30 all and a status": ("list --all --status closed", "--all and --status"),
    "30 ready and deferred": ("list --ready --deferred", "nothing can fit both"),
    "30 ready and all": ("list --ready --all", "leave --status out"),
    "32 stale for a negative time": ("stale --days -1", "must be 1 or more"),
    "61 stale for no time": ("stale --days 0", "must be 1 or more"),
    "33 an order that there is not": ("list --sort nonsense", "cannot sort by"),
    "33 an order that there is not, of ready work": ("ready --sort nonsense", "cannot sort by"),
    "36 dates the wrong way round": (
        "list --created-after 2026-02-01 --created-before 2026-01-01", "nothing can fit both",
    ),
    "36 priorities the wrong way round": ("list --priority-min 3 --priority-max 1", "nothing can fit both"),
    "36 no date": ("list --created-after soon", "invalid --created-after format"),
    "37 a negative limit": ("list --limit -1", "a limit is 0"),
    "37 a negative limit of ready work": ("ready --limit -1", "a limit is 0"),
    "37 a negative limit of stale work": ("stale --limit -1", "--limit"),
    "38 somebody's and nobody's": ("list --assignee bob --unassigned", "nothing can fit both"),
    "38 with labels and without": ("list --label one --no-labels", "nothing can fit both"),
    "45 priority 5": ("list --priority 5", "invalid priority"),
    "45 priority 5 of ready work": ("ready --priority 5", "invalid priority"),
    "45 priority 5 of a new issue": ("create X -p 5", "invalid priority"),
    "58 a type that there is not": ("list --type garbage", "invalid issue type"),
    "58 a type of molecule that there is not": ("ready --mol-type garbage", "invalid molecule type"),
    "58 changing to a type that there is not": ("update {} --type garbage", "invalid issue type"),
    "63 a type that there is not, of ready work": ("ready --type garbage", "invalid issue type"),
    "63 a priority and a range": ("list --priority 1 --priority-min 2", "give one"),
    "23 deferred until nobody knows when": ("defer {}", "until when"),
    "27 deferred by its status, until nobody knows when": ("update {} --status deferred", "until when"),
    "a dependency of a kind that is too long": (f"dep add {{}} {{}} --type {'x' * 41}", "invalid dependency type"),
    "a new issue with a dependency of an unknown kind": ("create X --deps nonsense:{}", "invalid dependency type"),
    "metadata that is not JSON": ("update {} --metadata {{", "not JSON"),
    "nothing to change": ("update {}", "nothing to change"),
    "a filter that there is not": ("list --no-such-filter", "No such option"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "words"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_refused(bd: Bd, line: str, words: str) -> None:
    issue = bd.make("Fix the door")
    before = bd.show(issue)
    bd.fails(USAGE, words, *(part.replace("␣", " ") for part in line.format(issue, issue).split()))
    assert bd.show(issue) == before
    assert bd.ids("list", "--all") == [issue]


def test_closing_a_blocker_and_what_waits_for_it_at_once_closes_both(bd: Bd) -> None:
    epic = bd.make("Epic", "-t", "epic")
    issues = [*chain(bd, 3), bd.make("Child", "--parent", epic), epic]
    done = bd.ok("close", *issues)
    assert (done.err, [bd.status(one) for one in issues]) == ("", ["closed"] * 5)
    bd.fails(REFUSED, "already closed", "close", issues[0], issues[0])


# -- 13, 22, 26: reopening -----------------------------------------------------------------------------------------


def test_13_an_issue_that_was_deferred_is_ready_when_it_is_reopened(bd: Bd) -> None:
    issue = bd.make("Later", "--defer", "2d")
    bd.ok("close", issue)
    bd.ok("reopen", issue)
    assert bd.ready() == [issue]
    assert "defer_until" not in bd.show(issue)


@pytest.mark.parametrize("way", [("reopen",), ("update", "--status", "open")], ids=" ".join)
@pytest.mark.parametrize("verb", [("duplicate", "--of"), ("supersede", "--with")], ids=" ".join)
def test_22_26_an_issue_that_is_reopened_is_no_duplicate_any_more(
    bd: Bd, verb: tuple[str, str], way: tuple[str, ...]
) -> None:
    stays, issue = bd.make("Stays"), bd.make("Issue")
    bd.ok(verb[0], issue, verb[1], stays)
    bd.ok(way[0], issue, *way[1:])
    assert sorted(bd.ready()) == sorted([issue, stays])
    assert [bd.json("dep", "list", one) for one in (issue, stays)] == [[], []]
    assert "close_reason" not in bd.show(issue)


# -- 16, 17, 19, 20: what keeps work waiting -----------------------------------------------------------------------


def test_16_what_another_project_has_to_deliver_blocks(bd: Bd) -> None:
    issue = bd.make("Pay", "--deps", "external:bank:payments")
    other = bd.make("Bill")
    bd.ok("dep", "add", other, "external:bank:bills")
    assert bd.ready() == []
    assert bd.blocked() == {other: ["external:bank:bills"], issue: ["external:bank:payments"]}
    bd.ok("dep", "remove", other, "external:bank:bills")
    assert bd.ready() == [other]


@pytest.mark.parametrize(
    ("closing", "runs"),
    [((), False), (("--reason", "done"), False), (("--reason", "build FAILED"), True), (("--failed",), True),
     (("--reason", "no error left", "--succeeded"), False), (("--reason", "won't fix"), True)],
    ids=["closed", "done", "failed by its words", "failed by its outcome", "succeeded by its outcome", "won't fix"],
)  # fmt: skip
def test_17_what_is_for_the_case_of_failure_runs_in_that_case_only(
    bd: Bd, closing: tuple[str, ...], runs: bool
) -> None:
    attempt, fallback = bd.make("Attempt"), bd.make("Fallback")
    bd.ok("dep", "add", fallback, attempt, "--type", "conditional-blocks")
    assert bd.ready() == [attempt]
    bd.ok("close", attempt, *closing)
    assert bd.ready() == ([fallback] if runs else [])
    assert bd.blocked() == ({} if runs else {fallback: [attempt]})


@pytest.mark.parametrize(("gate", "needed"), [("all-children", 2), ("any-children", 1)])
def test_19_waits_for_waits_for_the_children(bd: Bd, gate: str, needed: int) -> None:
    spawner = bd.make("Spawner", "-t", "epic")
    waiting = bd.make("Waiting", "--waits-for", spawner, "--waits-for-gate", gate)
    children = [bd.make(f"Child {n}", "--parent", spawner) for n in range(2)]
    for child in children[:needed]:
        assert waiting in bd.blocked()
        bd.ok("close", child)
    assert waiting in bd.ready()


def test_20_what_is_below_a_blocked_parent_is_blocked_however_deep(bd: Bd) -> None:
    blocker = bd.make("Blocker")
    line = [bd.make("Epic", "-t", "epic", "--deps", blocker)]
    for n in range(12):
        line.append(bd.make(f"Level {n}", "--parent", line[-1]))
    expected = {below: [above] for above, below in pairwise(line)} | {line[0]: [blocker]}
    assert bd.blocked() == expected
    assert bd.ready() == [blocker]
    bd.ok("close", blocker)
    assert set(bd.ready()) == set(line)


# -- 21, 23, 27, 43: status and what follows from it ---------------------------------------------------------------


def test_21_update_to_closed_is_guarded_as_close_is(bd: Bd) -> None:
    blocked = bd.make("Waiting", "--deps", bd.make("Blocker"))
    epic = bd.make("Epic", "-t", "epic")
    bd.make("Child", "--parent", epic)
    pinned = bd.make("Pinned")
    bd.ok("update", pinned, "--pinned")
    for issue in (blocked, epic, pinned):
        bd.fails(REFUSED, "cannot close", "update", issue, "--status", "closed")
        bd.fails(REFUSED, "cannot close", "close", issue)
        bd.ok("update", issue, "--status", "closed", "--force")
        assert bd.show(issue)["closed_at"]


@pytest.mark.parametrize(
    "way", [("defer", "{}", "--until", "2d"), ("update", "{}", "--defer", "2d"),
            ("update", "{}", "--status", "deferred", "--defer", "2d")],
    ids=["defer", "update --defer", "update --status"],
)  # fmt: skip
def test_23_43_what_was_deferred_wakes_by_itself(bd: Bd, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...]) -> None:
    issue = bd.make()
    bd.ok(*(part.format(issue) for part in way))
    assert (bd.ready(), bd.ids("list", "--deferred")) == ([], [issue])
    now = wiring.now_ms()
    monkeypatch.setattr(wiring, "now_ms", lambda: now + 3 * DAY_MS)
    assert (bd.ready(), bd.ids("list", "--ready")) == ([issue], [issue])


# -- 25, 34, 60: circles -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [("blocks", "conditional-blocks"), ("conditional-blocks", "blocks"), ("parent-child", "parent-child"),
     ("conditional-blocks", "conditional-blocks"), ("blocks", "parent-child"), ("parent-child", "blocks")],
)  # fmt: skip
def test_25_34_circles_of_every_kind_are_refused(bd: Bd, first: str, second: str) -> None:
    one, two, three = (bd.make(name) for name in ("One", "Two", "Three"))
    bd.ok("dep", "add", two, one, "--type", first)
    bd.ok("dep", "add", three, two, "--type", first)
    bd.fails(REFUSED, "cycle", "dep", "add", one, three, "--type", second)


def test_34_a_parent_that_would_wait_for_its_own_child_is_refused(bd: Bd) -> None:
    epic = bd.make("Epic", "-t", "epic")
    child = bd.make("Child", "--parent", epic)
    bd.fails(REFUSED, "cycle", "dep", "add", epic, child)
    bd.fails(REFUSED, "cycle", "update", epic, "--parent", child)


def test_34_a_new_issue_that_would_close_a_circle_is_not_made(bd: Bd) -> None:
    first = bd.make("First")
    second = bd.make("Second", "--deps", first)
    bd.fails(REFUSED, "cycle", "create", "Between", "--deps", f"{second},blocks:{first}")
    bd.fails(REFUSED, "cycle", "create", "Child", "--parent", first, "--deps", f"blocks:{first}")
    assert sorted(bd.ids("list", "--all")) == sorted([first, second])


@pytest.mark.parametrize("verb", [("duplicate", "--of"), ("supersede", "--with")], ids=" ".join)
def test_60_two_issues_cannot_stand_for_each_other(bd: Bd, verb: tuple[str, str]) -> None:
    one, two, three = (bd.make(name) for name in ("One", "Two", "Three"))
    bd.ok(verb[0], one, verb[1], two)
    bd.ok(verb[0], two, verb[1], three)
    bd.fails(REFUSED, "cycle", verb[0], three, verb[1], one)
    bd.fails(USAGE, "cannot stand for itself", verb[0], three, verb[1], three)
    assert bd.status(three) == "open"


def line_of(issue: str, **members: Any) -> dict[str, Any]:
    return {"id": issue, "title": f"Issue {issue}", "status": "open", "priority": 2, "issue_type": "task",
            "created_at": "2026-01-11T10:33:47Z", "updated_at": "2026-01-11T10:33:47Z"} | members  # fmt: skip


def edge(issue: str, other: str, kind: str = "blocks") -> dict[str, Any]:
    return {"issue_id": issue, "depends_on_id": other, "type": kind, "created_at": "2026-01-11T10:33:47Z"}


def file_of(folder: Path, *records: dict[str, Any]) -> str:
    path = folder / "issues.jsonl"
    path.write_text("".join(json.dumps(one, separators=(",", ":"), ensure_ascii=False) + "\n" for one in records))
    return str(path)


@pytest.mark.parametrize("kind", ["blocks", "conditional-blocks", "parent-child"])
def test_25_circles_that_came_from_elsewhere_are_told(bd: Bd, kind: str) -> None:
    pair = ("test-a", "test-b")
    lines = [line_of(a, dependencies=[edge(a, b, kind)]) for a, b in (pair, pair[::-1])]
    bd.ok("import", file_of(bd.cwd, *lines))
    (circle,) = bd.json("dep", "cycles")["cycles"]
    assert sorted(circle) == sorted(pair)
    doctor = bd("doctor")
    assert (doctor.code, " → ".join(circle) in doctor.out) == (REFUSED, True)
    assert bd.json("ready", "--explain")["summary"]["cycle_count"] == 1


# -- 28, 31, 44, 62: filters work ----------------------------------------------------------------------------------


@pytest.fixture
def shelf(bd: Bd) -> dict[str, str]:
    """Issues that filters tell apart, by their titles."""
    options = {
        "bug": ("-t", "bug", "-p", "0", "-l", "area:web,urgent", "-a", "bob"),
        "feature": ("-t", "feature", "-p", "1", "-l", "area:db", "--mol-type", "swarm"),
        "task": ("-p", "2", "--spec-id", "specs/one", "--external-ref", "gh-9"),
        "epic": ("-t", "epic", "-p", "3", "-l", "urgent", "--owner", "dave"),
    }
    made = {title: bd.make(title, *given) for title, given in options.items()}
    bd.ok("update", made["epic"], "--status", "in_progress")
    bd.ok("update", made["task"], "--status", "blocked")
    return made


FILTERS = {
    "28 labels like a pattern": (("--label-pattern", "area:*"), "bug feature"),
    "28 labels like an expression": (("--label-regex", "^urg"), "bug epic"),
    "28 labels like nothing": (("--label-pattern", "none*"), ""),
    "any of some labels": (("--label-any", "area:db", "--label-any", "urgent"), "bug feature epic"),
    "all of some labels": (("--label", "area:web,urgent"), "bug"),
    "no labels": (("--no-labels",), "task"),
    "31 nobody's": (("--assignee", ""), "feature task epic"),
    "31 unassigned": (("--unassigned",), "feature task epic"),
    "somebody's": (("--assignee", "bob"), "bug"),
    "44 several statuses with a comma": (("--status", "open,in_progress"), "bug feature epic"),
    "62 several statuses, said twice": (("--status", "blocked", "--status", "in_progress"), "task epic"),
    "several types": (("--type", "bug,feature"), "bug feature"),
    "a priority": (("--priority", "P1"), "feature"),
    "a range of priorities": (("--priority-min", "1", "--priority-max", "2"), "feature task"),
    "type of molecule": (("--mol-type", "swarm"), "feature"),
    "specification": (("--spec", "specs/"), "task"),
    "reference": (("--external-ref", "gh-9"), "task"),
    "owner": (("--owner", "dave"), "epic"),
    "title": (("--title-contains", "EAT"), "feature"),
}


@pytest.mark.parametrize(("options", "titles"), FILTERS.values(), ids=FILTERS.keys())
def test_filters_work(bd: Bd, shelf: dict[str, str], options: tuple[str, ...], titles: str) -> None:
    expected = [shelf[title] for title in titles.split()]
    assert bd.ids("list", *options) == expected
    assert bd.json("count", *options)["count"] == len(expected)
    if "--status" not in options:
        assert bd.ready(*options) == [one for one in expected if one != shelf["task"]]


def test_closed_after_lists_what_is_closed(bd: Bd) -> None:
    issue = bd.make()
    bd.ok("close", issue)
    assert bd.ids("list", "--closed-after", "1d ago") == [issue]
    assert bd.ids("list", "--closed-before", "1d ago") == []


# -- 29: claims ----------------------------------------------------------------------------------------------------


def test_29_a_claim_is_not_overwritten(bd: Bd) -> None:
    issue = bd.make()
    bd.ok("update", issue, "--claim")
    bd.as_("bob").fails(CONFLICT, "already claimed by alice", "update", issue, "--claim")
    shown = bd.show(issue)
    assert (shown["assignee"], shown["status"]) == ("alice", "in_progress")
    bd.ok("update", issue, "--claim")


def test_29_what_is_another_s_by_assignment_cannot_be_claimed(bd: Bd) -> None:
    issue = bd.make("Bob's", "-a", "bob")
    bd.fails(CONFLICT, "already claimed by bob", "update", issue, "--claim")
    bd.as_("bob").ok("update", issue, "--claim")


def test_ready_claim_takes_the_first_that_is_free_however_far_down(bd: Bd) -> None:
    for n in range(3):
        bd.as_("bob").ok("update", bd.make(f"Taken {n}", "-p", "0"), "--claim")
    free = bd.make("Free")
    assert bd.ids("ready", "--claim", "--limit", "2") == [free]
    bd.fails(CONFLICT, "nothing is ready", "ready", "--claim", "--unassigned")


# -- 42, 46, 56, 57, 70, 71: honest about what did not happen ------------------------------------------------------

NO_OPS = {
    "42 removing a label that is not there": ("label remove {0} none", "has no label", "Removed"),
    "42 removing a dependency that is not there": ("dep remove {0} {1}", "nothing to remove", "Removed"),
    "70 adding a label that is there": ("label add {0} one", "already", "Added"),
    "71 adding a dependency that is there": ("dep add {2} {0}", "already", "Added"),
    "56 reopening what is open": ("reopen {0}", "already open", "Reopened"),
    "57 undeferring what is not deferred": ("undefer {0}", "not deferred", "Undeferred"),
    "unsetting what is not set": ("config unset jira.url", "was not set", "Unset"),
}


@pytest.mark.parametrize(("line", "words", "never"), NO_OPS.values(), ids=NO_OPS.keys())
def test_what_did_not_happen_is_not_said_to_have(bd: Bd, line: str, words: str, never: str) -> None:
    issue, other = bd.make("Issue", "-l", "one"), bd.make("Other")
    waiting = bd.make("Waiting", "--deps", issue)
    before = bd.json("history", issue)
    done = bd.ok(*line.format(issue, other, waiting).split())
    assert words in done.out
    assert never not in done.said
    assert bd.json("history", issue) == before, "and nothing was written"


@pytest.mark.parametrize(
    "command",
    [("create", "Child", "--parent", "{0}"), ("update", "{1}", "--parent", "{0}"),
     ("dep", "add", "{1}", "{0}", "--type", "parent-child")],
    ids=["create", "update", "dep add"],
)  # fmt: skip
def test_46_a_child_under_a_closed_parent_is_warned_of(bd: Bd, command: tuple[str, ...]) -> None:
    parent, issue = bd.make("Parent", "-t", "epic"), bd.make("Issue")
    bd.ok("close", parent)
    done = bd.ok(*(part.format(parent, issue) for part in command))
    assert f"{parent} is closed" in done.err


# -- code review ---------------------------------------------------------------------------------------------------


def test_dependencies_on_what_is_not_here_are_kept_and_hold_once_it_is(bd: Bd) -> None:
    source = file_of(bd.cwd, line_of("test-b", dependencies=[edge("test-b", "test-a")]))
    bd.ok("import", source)
    assert bd.ready() == ["test-b"], "what nobody knows does not block"
    bd.ok("export", "-o", "out.jsonl")
    assert (bd.cwd / "out.jsonl").read_bytes() == Path(source).read_bytes()
    bd.ok("create", "The missing one", "--id", "test-a")
    assert bd.blocked() == {"test-b": ["test-a"]}


@pytest.mark.parametrize(
    "options", [("--deps", UNKNOWN), ("--parent", UNKNOWN), ("--deps", f"blocks:{UNKNOWN}"), ("-l", "x" * 81)],
    ids=["dependency", "parent", "dependent", "label"],
)  # fmt: skip
def test_what_cannot_be_made_whole_is_not_made_at_all(bd: Bd, options: tuple[str, ...]) -> None:
    blocker = bd.make("Blocker")
    done = bd("create", "Half", "-l", "one", "--deps", f"blocks:{blocker}", *options)
    assert done.code in (USAGE, NOT_FOUND)
    assert bd.ids("list", "--all") == [blocker]
    assert bd.blocked() == {}


def test_nothing_of_what_was_deleted_is_left_over_in_lists(bd: Bd) -> None:
    issue = bd.make("Secret plan", "-l", "hush", "-d", "whisper")
    waiting = bd.make("Waiting", "--deps", issue)
    bd.ok("comments", "add", issue, "murmur")
    bd.ok("delete", issue, "--force")
    for words in ("secret", "whisper", "murmur"):
        assert bd.ids("search", words) == [], words
    assert bd.json("label", "list-all") == []
    assert [one["id"] for one in bd.json("dep", "list", waiting)] == []
    assert bd.json("stats")["summary"]["total_issues"] == 1
    assert bd.ids("list", "--all") == [waiting]


def test_what_was_deleted_changes_only_after_restore(bd: Bd) -> None:
    issue = bd.make()
    bd.ok("delete", issue, "--force")
    for command in (
        ("update", issue, "-p", "0"), ("update", issue, "--status", "open"), ("label", "add", issue, "one"),
        ("reopen", issue), ("defer", issue, "--until", "2d"), ("comments", "add", issue, "x"),
    ):  # fmt: skip
        bd.fails(REFUSED, "deleted", *command)
    bd.ok("restore", issue)
    assert bd.ready() == [issue]


def test_an_index_of_another_version_is_built_anew(bd: Bd) -> None:
    issue = bd.make("Still here")
    (path,) = bd.home.glob("commons/*/index.sqlite")
    database = Sqlite(path)
    database.run("UPDATE meta SET value = 'another' WHERE name = 'schema'")
    database.run("DROP TABLE labels")
    database.close()
    assert bd.ready() == [issue]


def test_a_sync_that_meets_another_change_says_so_and_keeps_both(pair: tuple[Bd, Bd]) -> None:
    alice, bob = pair
    issue = alice.make("First")
    alice.ok("sync")
    bob.ok("sync")
    alice.ok("update", issue, "--title", "Alice's", "-p", "0")
    bob.ok("update", issue, "--title", "Bob's", "--add-label", "one")
    for one in (alice, bob, alice):
        one.ok("sync")
    for one in pair:
        shown = one.show(issue)
        (lost,) = one.json("conflicts", issue)
        assert {lost["kept"], lost["lost"]} == {"Alice's", "Bob's"}
        assert (shown["title"], shown["priority"], shown["labels"]) == (lost["kept"], 0, ["one"])
        assert shown["conflicts"] == ["title"]


def test_a_claim_that_came_second_elsewhere_is_told(pair: tuple[Bd, Bd]) -> None:
    alice, bob = pair
    issue = alice.make("First")
    alice.ok("sync")
    bob.ok("sync")
    alice.ok("update", issue, "--claim")
    bob.ok("update", issue, "--claim")
    alice.ok("sync")
    assert "their claim came before yours" in bob.ok("sync").out
    alice.ok("sync")
    assert [one.show(issue)["assignee"] for one in pair] == ["alice", "alice"]
    bob.fails(CONFLICT, "already claimed by alice", "update", issue, "--claim")


def test_ids_that_two_clones_gave_away_name_both(pair: tuple[Bd, Bd]) -> None:
    alice, bob = pair
    epic = alice.make("Epic", "-t", "epic")
    alice.ok("sync")
    bob.ok("sync")
    children = [one.make(f"{one.actor}'s", "--parent", epic) for one in pair]
    assert children[0] == children[1]
    for one in (alice, bob, alice):
        one.ok("sync")
    found = [one.json("children", epic) for one in pair]
    assert found[0] == found[1]
    assert sorted(each["title"] for each in found[0]) == ["alice's", "bob's"]
    for each in found[0]:
        assert alice.show(each["id"])["title"] == each["title"]


@pytest.mark.parametrize("number", [7, "0b9e4a6c-0000-4000-8000-000000000001"], ids=["a number", "a UUID"])
def test_comments_come_in_with_their_authors_and_times(bd: Bd, number: int | str) -> None:
    comment = {"id": number, "issue_id": "test-a", "author": "carol", "text": "I saw it, <too> & twice",
               "created_at": "2026-01-11T11:00:00.5-08:00"}  # fmt: skip
    source = file_of(bd.cwd, line_of("test-a", comments=[comment]))
    bd.ok("import", source)
    (found,) = bd.show("test-a")["comments"]
    assert found == comment
    bd.ok("export", "-o", "out.jsonl")
    assert (bd.cwd / "out.jsonl").read_bytes() == Path(source).read_bytes()


# -- importing over what is there ----------------------------------------------------------------------------------

LATER, FAR = "2026-03-01T00:00:00Z", "2099-01-01T00:00:00Z"
"""After the file that came in first: before anything done here, and after it."""


@pytest.fixture
def came(bd: Bd) -> str:
    """A bead that came in by a file; the file."""
    source = file_of(bd.cwd, line_of("test-a", title="Old", labels=["one"]))
    bd.ok("import", source)
    return source


def test_an_older_file_reverts_nothing(bd: Bd, came: str) -> None:
    bd.ok("update", "test-a", "--title", "New", "--add-label", "two")
    done = bd.json("import", came)
    assert (done["created"], done["updated"], done["skipped"]) == (0, 0, 1)
    assert (bd.show("test-a")["title"], bd.show("test-a")["labels"]) == ("New", ["one", "two"])


def test_a_file_that_changed_something_else_takes_nothing_away(bd: Bd, came: str) -> None:
    bd.ok("update", "test-a", "--title", "New")
    changed = line_of("test-a", title="Old", labels=["one", "three"], priority=0, updated_at=LATER)
    bd.ok("import", file_of(bd.cwd, changed))
    shown = bd.show("test-a")
    assert (shown["title"], shown["priority"], shown["labels"]) == ("New", 0, ["one", "three"])


@pytest.mark.parametrize(
    ("policy", "at", "title"),
    [("newer", LATER, "Ours"), ("newer", FAR, "Theirs"), ("skip", FAR, "Ours"), ("theirs", LATER, "Theirs")],
    ids=["newer: ours is", "newer: theirs is", "skip", "theirs"],
)  # fmt: skip
def test_what_changed_on_both_sides_is_settled_as_was_asked(
    bd: Bd, came: str, policy: str, at: str, title: str
) -> None:
    """Ours was changed just now."""
    bd.ok("update", "test-a", "--title", "Ours")
    changed = file_of(bd.cwd, line_of("test-a", title="Theirs", labels=["one"], updated_at=at))
    done = bd.json("import", changed, "--policy", policy)
    assert bd.show("test-a")["title"] == title
    assert [one["member"] for one in done["conflicts"]] == ["title"]


def test_the_policy_fail_takes_nothing_where_there_is_a_conflict(bd: Bd, came: str) -> None:
    bd.ok("update", "test-a", "--title", "Ours")
    lines = [line_of("test-a", title="Theirs", updated_at=LATER), line_of("test-b")]
    done = bd("import", file_of(bd.cwd, *lines), "--policy", "fail")
    assert done.code == CONFLICT
    assert bd.ids("list", "--all") == ["test-a"]
    assert bd.show("test-a")["title"] == "Ours"


def test_a_dry_run_tells_and_writes_nothing(bd: Bd, came: str) -> None:
    changed = file_of(bd.cwd, line_of("test-a", title="News", labels=["one"], updated_at=LATER), line_of("test-b"))
    done = bd.json("import", changed, "--dry-run")
    assert (done["created"], done["updated"], done["dry_run"]) == (1, 1, True)
    assert {one["id"]: one["what"] for one in done["changes"]} == {"test-a": "updated", "test-b": "created"}
    assert bd.ids("list", "--all") == ["test-a"]
    assert bd.show("test-a")["title"] == "Old"


def test_what_cannot_be_read_is_told_by_its_line_and_the_rest_comes_in(bd: Bd) -> None:
    path = bd.cwd / "odd.jsonl"
    good = json.dumps(line_of("test-a"))
    path.write_text(f"<<<<<<< HEAD\n{good}\n=======\n{{broken\n>>>>>>> other\n{json.dumps(line_of('test-b'))}\r\n")
    done = bd.json("import", str(path))
    assert done["created"] == 2
    assert {one["line"] for one in done["problems"]} >= {1, 4}
    bd.fails(REFUSED, "Line 1", "import", str(path), "--strict")


def test_unknown_members_and_odd_words_survive(bd: Bd) -> None:
    odd = line_of("test-a", status="done", issue_type="not_a_real_type", quality_score=0.5, x={"y": [1]},
                  dependencies=[edge("test-a", "test-b", "parent_child")])  # fmt: skip
    source = file_of(bd.cwd, odd)
    bd.ok("import", source)
    bd.ok("export", "-o", "out.jsonl")
    assert (bd.cwd / "out.jsonl").read_bytes() == Path(source).read_bytes()
    assert bd.ids("list", "--status", "done") == bd.ids("list", "--type", "not_a_real_type", "--all") == ["test-a"]
    bd.ok("update", "test-a", "--title", "Touched")
    bd.ok("export", "-o", "out.jsonl")
    after = json.loads((bd.cwd / "out.jsonl").read_text())
    assert {name: value for name, value in after.items() if name not in ("title", "updated_at")} == {
        name: value for name, value in odd.items() if name not in ("title", "updated_at")
    }


@pytest.fixture
def pair(bd: Bd, tmp_path: Path) -> tuple[Bd, Bd]:
    """Two people, each with a home of their own, who share a ledger through a git repository."""
    relay = tmp_path / "relay.git"
    git("init", "--quiet", "--bare", str(relay))
    project = tmp_path / "joint"
    project.mkdir()
    alice = bd.at(project)
    alice.ok("init", "--prefix", "joint", "--peer", str(relay))
    alice.ok("sync")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bob = Bd(tmp_path / "bob", elsewhere, "bob")
    bob.ok("init", "--prefix", "joint", "--from", str(relay))
    return alice, bob


def test_what_another_ledger_provides_is_configured(bd: Bd, tmp_path: Path) -> None:
    waiting = bd.make("Use the API", "--deps", "external:shop:api")
    shop = tmp_path / "elsewhere"
    shop.mkdir()
    ledger = json.loads(bd.at(shop).ok("init", "--prefix", "shop", "--json").out)["ledger"]
    assert waiting in bd.ok("blocked").out
    bd.ok("config", "set", "external_projects", f"shop={ledger[:20]}")
    assert waiting in bd.ok("blocked").out
    there = bd.at(shop).make("Offer the API", "-l", "provides:api")
    assert waiting not in bd.ok("ready").out
    bd.at(shop).ok("close", there)
    assert waiting in bd.ok("ready").out
    assert waiting not in bd.ok("blocked").out
    assert bd.json("show", waiting)[0]["blocked_by"] == []
