"""What `bd` prints for people: strangers' words shown as they are, columns that stand, colours where they are seen."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bd.support import Bd

# Clear the screen, rename the window, go to the beginning of the line, turn the line round, a forged line of output.
EVIL = "a\x1b[2Jb\x1b]0;owned\x07c\rd\u202ee\x9bf\u2066g"
HIDDEN = ("\x1b", "\x07", "\r", "\u202e", "\x9b", "\u2066")
FORGED = "door\n✓ Closed test-000: nothing to see"


@pytest.fixture
def strange(bd: Bd, tmp_path: Path) -> Bd:
    """A ledger with beads that strangers wrote: all their words are evil."""
    record = {
        "id": "test-evil", "title": FORGED + EVIL, "description": EVIL, "design": EVIL, "acceptance_criteria": EVIL,
        "notes": EVIL, "status": "open", "priority": 1, "issue_type": "task", "assignee": "bob" + EVIL,
        "owner": "eve" + EVIL, "created_by": "mallory" + EVIL, "external_ref": "gh-9" + EVIL, "spec_id": "s" + EVIL,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "labels": ["wood" + EVIL],
        "comments": [{"id": 1, "issue_id": "test-evil", "author": "carol" + EVIL, "text": EVIL,
                      "created_at": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    other = record | {"id": "test-ever", "status": "closed", "closed_at": "2026-01-02T00:00:00Z", "comments": []}
    other |= {"close_reason": EVIL, "dependencies": [
        {"issue_id": "test-ever", "depends_on_id": "test-evil", "type": "blocks", "created_at": "2026-01-01T00:00:00Z"}
    ]}  # fmt: skip
    file = tmp_path / "strange.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in (record, other)) + "\n")
    bd.ok("import", str(file))
    return bd


READS = (
    ("list", "--all"), ("ready",), ("ready", "--explain"), ("show", "test-evil"), ("show", "test-ever"),
    ("show", "test-evil", "--short"), ("search", "door"), ("history", "test-evil"), ("blame", "test-evil"),
    ("as-of", "now", "test-evil"), ("as-of", "now"), ("comments", "test-evil"), ("label", "list", "test-evil"),
    ("label", "list-all"), ("dep", "list", "test-ever"), ("dep", "tree", "test-ever"), ("stale", "--days", "1"),
    ("count", "--by", "assignee"), ("count", "--by", "label"), ("prime",), ("lint",), ("graph",), ("doctor",),
    ("export", "--format", "text"), ("compact",), ("delete", "test-evil"), ("comments", "test-evil", EVIL),
    ("update", "test-evil", "--title", EVIL), ("close", "test-evil", "--reason", EVIL),
    ("label", "add", "test-evil", EVIL), ("reopen", "test-evil", EVIL), ("remember", EVIL), ("memories",),
    ("recall", "owned"),
    ("config", "set", "jira.url", EVIL), ("config", "list"),
)  # fmt: skip


def test_no_words_of_strangers_move_the_terminal(strange: Bd) -> None:
    told = 0
    for command in READS:
        done = strange(*command)
        for said in (done.out, done.err):
            assert not [hidden for hidden in HIDDEN if hidden in said], (command, said)
            assert "\n✓ Closed test-000" not in said, command
        told += "<U+001B>" in done.said
    assert told > 20, "it is shown what stands there"


def test_json_and_files_are_as_they_were_written(strange: Bd, tmp_path: Path) -> None:
    assert strange.show("test-evil")["description"] == EVIL
    strange.ok("export", "--output", str(tmp_path / "out.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {one["description"] for one in lines} == {EVIL}


def test_what_joins_letters_and_emoji_stays_joined(bd: Bd) -> None:
    for title in (
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 family",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ):
        bead = bd.make(title)
        assert title in bd.ok("show", bead).out


def test_wide_letters_keep_the_columns_in_line(bd: Bd) -> None:
    # Each of the titles takes sixteen columns, so each name stands right behind two spaces.
    titles = (
        "sixteen columns.",
        "日本" * 4,
        "six\u0301teen columns.",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 8,
        "한국" * 4,
    )
    for title in titles:
        bd.make(title, "-a", "somebody")
    lines = bd.ok("list").out.splitlines()
    assert all(any(f"{title}  somebody" in line for line in lines) for title in titles), lines


def test_wide_names_keep_a_history_in_line(bd: Bd) -> None:
    bead = bd.make()
    bd.as_("日本").ok("update", bead, "--title", "Another")
    lines = bd.ok("history", bead).out.splitlines()
    assert "alice           create" in lines[0]
    assert "日本            set" in lines[-1]


# -- colours -------------------------------------------------------------------------------------------------------


def on_a_terminal(bd: Bd, *command: str, **environment: str) -> str:
    """Run `bd` with a terminal before it; return what the terminal gets."""
    above, below = pty.openpty()
    given = {name: value for name, value in bd.environment.items() if name != "NO_COLOR"}
    try:
        subprocess.run(
            [sys.executable, "-m", "node.cli.bd", *command], stdout=below, stderr=below, stdin=subprocess.DEVNULL,
            env=given | {"TERM": "xterm"} | environment, cwd=bd.cwd, check=False, timeout=60,
        )  # fmt: skip
        os.set_blocking(above, False)
        return os.read(above, 1 << 16).decode()
    finally:
        os.close(above)
        os.close(below)


def test_colours_are_for_terminals_that_take_them(bd: Bd) -> None:
    bead = bd.make("Urgent", "-p", "0")
    plain = bd.ok("list").out
    assert "\x1b" not in plain
    coloured = on_a_terminal(bd, "list")
    assert "\x1b[31mP0\x1b[0m" in coloured
    assert on_a_terminal(bd, "list", NO_COLOR="1").replace("\r\n", "\n") == plain
    assert "\x1b" not in on_a_terminal(bd, "list", TERM="dumb")
    assert json.loads(on_a_terminal(bd, "show", bead, "--json"))[0]["id"] == bead
    assert "\x1b" not in on_a_terminal(bd, "show", "nope", NO_COLOR="1"), "an error, too"
    assert "\x1b[31m" in on_a_terminal(bd, "show", "nope")


def test_columns_stand_where_cells_are_coloured(bd: Bd) -> None:
    bd.make("Urgent", "-p", "0")
    bd.make("Some day", "-p", "3")
    lines = on_a_terminal(bd, "list").replace("\x1b[31m", "").replace("\x1b[0m", "").splitlines()
    assert [line.index("P") for line in lines[:2]] == [lines[0].index("P0")] * 2


def test_a_strangers_colours_are_no_colours(strange: Bd) -> None:
    said = on_a_terminal(strange, "show", "test-evil")
    assert "\x1b[2J" not in said
    assert "\x1b]0" not in said
    assert "<U+001B>[2J" in said
