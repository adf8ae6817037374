"""Strings and exit codes that scripts and prompts rely on (the reference's own script tests, case by case).

Where exit codes are finer than the reference's (2 for a word that makes no sense, 3 for what is not there), and where
`show` of an unknown id fails in text mode, too, it is on purpose: a program should not need to read sentences.
"""

import json
import re

import pytest

from tests.bd.support import NOT_FOUND, REFUSED, USAGE, Bd

NOTHING_THERE = "no issue found"


def test_init_says_that_it_was_initialized_and_makes_no_jsonl(bd: Bd) -> None:
    folder = bd.cwd.parent / "another"
    folder.mkdir()
    done = bd.at(folder).ok("init", "--prefix", "other")
    assert "initialized successfully" in done.out
    assert [file.name for file in (folder / ".beads").iterdir()] == ["ledger.toml"]


def test_init_again_changes_nothing(bd: Bd) -> None:
    before = (bd.cwd / ".beads" / "ledger.toml").read_bytes()
    assert "initialized successfully" in bd.ok("init").out
    bd.fails(USAGE, "has a ledger already", "init", "--prefix", "other")
    assert (bd.cwd / ".beads" / "ledger.toml").read_bytes() == before


def test_create_names_the_issue(bd: Bd) -> None:
    done = bd.ok("create", "X")
    assert re.search(r"Created issue: test-[a-z0-9]+$", done.out, re.MULTILINE)


def test_create_silent_and_q_print_the_id_only(bd: Bd) -> None:
    for command in (("create", "X", "--silent"), ("q", "X")):
        assert re.fullmatch(r"test-[a-z0-9]+\n", bd.ok(*command).out)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "title required"),
        (("",), "title is required"),
        (("X", "--type", "invalid-type"), "invalid issue type"),
        (("X", "--priority", "99"), "invalid priority"),
        (("x" * 501,), "title must be 500 characters or less (got 501)"),
    ],
    ids=["no title", "an empty title", "a type that there is not", "a priority that there is not", "a long title"],
)
def test_create_refuses(bd: Bd, options: tuple[str, ...], words: str) -> None:
    bd.fails(USAGE, words, "create", *options)
    assert bd.ids("list", "--all") == []


def test_a_title_of_500_characters_is_one(bd: Bd) -> None:
    assert bd.show(bd.make("x" * 500))["title"] == "x" * 500


def test_close_says_what_it_closed(bd: Bd) -> None:
    issue = bd.make()
    assert f"Closed {issue}" in bd.ok("close", issue, "--reason", "Fixed").out
    assert "Closed test-" in bd.ok("close", bd.make(), "--reason", "Fixed").out


def test_close_of_an_unknown_issue_fails(bd: Bd) -> None:
    bd.fails(NOT_FOUND, NOTHING_THERE, "close", "test-nonexistent", "--reason", "x")


def test_close_without_an_id_fails_where_none_was_touched(bd: Bd) -> None:
    bd.fails(USAGE, "no issue ID provided", "close")


def test_close_without_an_id_closes_the_one_touched_last(bd: Bd) -> None:
    first, last = bd.make("First"), bd.make("Last")
    done = bd.ok("close", "--reason", "Done.")
    assert f"Touched last: {last}  Last" in done.err
    assert f"Closed {last}" in done.out
    assert (bd.status(first), bd.status(last)) == ("open", "closed")


def test_the_one_touched_last_is_the_agents_own(bd: Bd) -> None:
    mine = bd.make("Mine")
    bd.as_("bob").make("Theirs")
    done = bd.ok("update", "--priority", "0")
    assert f"Touched last: {mine}  Mine" in done.err
    assert bd.show(mine)["priority"] == 0
    assert "Touched last" not in bd.ok("update", mine, "--priority", "1").err


@pytest.mark.parametrize("verb", ["close", "update", "show"])
def test_the_help_says_which_bead_is_meant_without_an_id(bd: Bd, verb: str) -> None:
    assert "without an id the one that you touched last" in " ".join(bd.ok(verb, "--help").out.split())


def test_show_of_an_unknown_issue_fails(bd: Bd) -> None:
    bd.fails(NOT_FOUND, NOTHING_THERE, "show", "nonexistent-id")
    done = bd("show", "nonexistent-id", "--json")
    assert (done.code, done.error["code"]) == (NOT_FOUND, "not_found")
    assert NOTHING_THERE in done.error["message"]


def test_show_without_an_id_fails(bd: Bd) -> None:
    bd.fails(USAGE, "issue ID is required", "show")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--priority", "99"), "invalid priority"),
        (("--estimate", "-5"), "estimate must be a non-negative"),
        (("--due", "not-a-date"), "invalid --due format"),
        (("--defer", "not-a-date"), "invalid --defer format"),
    ],
    ids=["a priority that there is not", "a negative estimate", "due on no date", "deferred until no date"],
)
def test_update_refuses(bd: Bd, options: tuple[str, ...], words: str) -> None:
    issue = bd.make()
    before = bd.show(issue)
    bd.fails(USAGE, words, "update", issue, *options)
    assert bd.show(issue) == before


def test_update_of_an_unknown_issue_fails(bd: Bd) -> None:
    bd.fails(NOT_FOUND, NOTHING_THERE, "update", "nonexistent", "--title", "X")


def test_update_claim_says_updated_and_puts_it_in_progress(bd: Bd) -> None:
    issue = bd.make()
    assert f"Updated issue: {issue}" in bd.ok("update", issue, "--claim").out
    assert "in_progress" in bd.ok("show", issue).out
    assert bd.show(issue)["assignee"] == "alice"


def test_dep_add_says_so_and_show_lists_it(bd: Bd) -> None:
    first, second = bd.make("First"), bd.make("Second")
    assert "Added dependency" in bd.ok("dep", "add", second, first).out
    assert "Dependencies (1)" in bd.ok("show", second).out


def test_dep_add_to_itself_fails(bd: Bd) -> None:
    issue = bd.make()
    bd.fails(USAGE, "cannot depend on itself", "dep", "add", issue, issue)


def test_dep_add_to_an_unknown_issue_fails(bd: Bd) -> None:
    issue = bd.make()
    bd.fails(NOT_FOUND, NOTHING_THERE, "dep", "add", issue, "test-nonexistent")
    bd.fails(NOT_FOUND, NOTHING_THERE, "dep", "add", "test-nonexistent", issue)


def test_dep_remove_says_so(bd: Bd) -> None:
    first = bd.make("First")
    second = bd.make("Second", "--deps", first)
    assert "Removed dependency" in bd.ok("dep", "remove", second, first).out
    assert "Dependencies" not in bd.ok("show", second).out


def test_delete_without_force_is_a_preview(bd: Bd) -> None:
    issue = bd.make()
    assert "DELETE PREVIEW" in bd.ok("delete", issue).out
    assert bd.status(issue) == "open"


def test_delete_with_force_deletes(bd: Bd) -> None:
    issue = bd.make()
    bd.ok("delete", issue, "--force")
    assert bd.ids("list", "--all") == []


def test_delete_without_ids_fails(bd: Bd) -> None:
    bd.fails(USAGE, "no issue IDs provided", "delete")


def test_delete_of_an_unknown_issue_fails(bd: Bd) -> None:
    bd.fails(NOT_FOUND, "not found", "delete", "test-nonexistent", "--force")


@pytest.mark.parametrize("author", [None, "carol"], ids=["mine", "another's"])
def test_comments_add_says_so(bd: Bd, author: str | None) -> None:
    issue = bd.make()
    done = bd.ok("comments", "add", issue, "what I saw", *(() if author is None else ("--author", author)))
    assert "Comment added" in done.out
    (comment,) = bd.show(issue)["comments"]
    assert (comment["author"], comment["text"]) == (author or "alice", "what I saw")
    assert "what I saw" in bd.ok("comments", issue).out


def test_label_add_remove_list_and_list_all(bd: Bd) -> None:
    issue = bd.make()
    assert "Added label" in bd.ok("label", "add", issue, "urgent").out
    assert "urgent" in bd.ok("label", "list", issue).out
    assert "urgent" in bd.ok("label", "list-all").out
    assert "Removed label" in bd.ok("label", "remove", issue, "urgent").out
    assert "urgent" not in bd.ok("label", "list", issue).out


def test_search_without_words_fails(bd: Bd) -> None:
    bd.fails(USAGE, "search query is required", "search")


def test_search_finds_by_words(bd: Bd) -> None:
    bd.make("Mend the roof")
    assert bd.ids("search", "door") == []
    assert bd.ids("search", "door") == bd.ids("search", "--query", "door")
    issue = bd.make("Fix the door")
    assert bd.ids("search", "door") == [issue]


def test_stats_counts(bd: Bd) -> None:
    bd.make()
    bd.ok("close", bd.make())
    said = bd.ok("stats").out
    for line in ("Total Issues: 2", "Open: 1", "Closed: 1"):
        assert line in said


def test_config_set_get_list_and_unset(bd: Bd) -> None:
    assert "Set jira.url" in bd.ok("config", "set", "jira.url", "https://jira.example").out
    assert "https://jira.example" in bd.ok("config", "get", "jira.url").out
    assert "jira.url = https://jira.example" in bd.ok("config", "list").out
    bd.ok("config", "unset", "jira.url")
    assert "not set" in bd.ok("config", "get", "jira.url").out
    assert "jira.url" not in bd.ok("config", "list").out


def test_import_keeps_an_id_that_a_line_gives(bd: Bd) -> None:
    line = {"id": "test-99", "title": "From a file", "status": "open", "priority": 1, "issue_type": "bug",
            "created_at": "2026-01-11T10:33:47Z", "updated_at": "2026-01-11T10:33:47Z"}  # fmt: skip
    (bd.cwd / "f.jsonl").write_text(json.dumps(line) + "\n")
    bd.ok("import", "f.jsonl")
    assert "From a file" in bd.ok("show", "test-99").out


def test_lint_with_violations_fails_and_names_them(bd: Bd) -> None:
    bd.make("A bug without a word", "-t", "bug")
    bd.make("A task", "-d", "## Acceptance Criteria\nIt works")
    done = bd("lint")
    assert done.code == REFUSED
    assert "A bug without a word" in done.out
    assert "A task" not in done.out


def test_lint_without_violations_is_fine(bd: Bd) -> None:
    bd.make("A task", "--acceptance", "It works")
    assert bd("lint").code == 0


def test_the_first_create_with_auto_export_writes_the_file_at_once(bd: Bd) -> None:
    issues = bd.cwd / ".beads" / "issues.jsonl"
    bd.ok("config", "set", "export.auto", "true")
    issue = bd.make()
    assert [json.loads(line)["id"] for line in issues.read_text().splitlines()] == [issue]


def test_without_auto_export_no_file_is_written(bd: Bd) -> None:
    bd.make()
    assert not (bd.cwd / ".beads" / "issues.jsonl").exists()
