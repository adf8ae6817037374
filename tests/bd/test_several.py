"""A verb that is given several beads does what it can, and its exit code says that it could not do all."""

import json
from collections.abc import Callable

import pytest

from tests.bd.support import CONFLICT, NOT_FOUND, REFUSED, USAGE, Bd

NOPE = "test-nope"


def closed(bd: Bd, bead: str) -> str:
    bd.ok("close", bead)
    return bead


def deleted(bd: Bd, bead: str) -> str:
    bd.ok("delete", bead, "--force")
    return bead


def deferred(bd: Bd, bead: str) -> str:
    bd.ok("defer", bead, "--until", "2d")
    return bead


def as_it_is(bd: Bd, bead: str) -> str:
    return bead


@pytest.mark.parametrize("json_", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    ("prepare", "verb", "options"),
    [
        (as_it_is, "show", ()),
        (as_it_is, "show", ("--short",)),
        (as_it_is, "close", ()),
        (as_it_is, "update", ("--status", "in_progress")),
        (as_it_is, "update", ("--claim",)),
        (as_it_is, "defer", ("--until", "2d")),
        (as_it_is, "delete", ()),
        (as_it_is, "delete", ("--force",)),
        (closed, "reopen", ()),
        (deferred, "undefer", ()),
        (deleted, "restore", ()),
    ],
)
def test_what_is_there_is_done_what_is_not_is_said_and_the_code_is_not_zero(
    bd: Bd, prepare: Callable[[Bd, str], str], verb: str, options: tuple[str, ...], json_: tuple[str, ...]
) -> None:
    beads = [prepare(bd, bd.make(title)) for title in ("One", "Two")]
    # Where the missing one stands makes no difference.
    done = bd(verb, beads[0], NOPE, beads[1], *options, *json_)
    assert done.code == NOT_FOUND, done
    assert NOPE in done.err
    assert all(bead in done.out for bead in beads)
    assert NOPE not in done.out
    if json_:
        assert isinstance(done.json, list | dict)
        assert done.error["code"] == "not_found"


def test_close_says_both_and_writes_what_it_said(bd: Bd) -> None:
    bead = bd.make("A")
    done = bd("close", bead, "nope")
    assert (done.code, done.out) == (NOT_FOUND, f"✓ Closed {bead}: A\n")
    assert "Error: no issue found matching 'nope'" in done.err
    assert bd.status(bead) == "closed"


def test_the_file_is_exported_though_one_bead_failed(bd: Bd) -> None:
    bd.ok("config", "set", "export.auto", "true")
    bead = bd.make("A")
    assert bd("update", bead, NOPE, "--title", "B").code == NOT_FOUND
    lines = (bd.cwd / ".beads" / "issues.jsonl").read_text().splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["B"]


def test_the_gravest_failure_is_the_exit_code_and_each_is_a_line_of_json(bd: Bd) -> None:
    taken, free = bd.make("Taken"), bd.make("Free")
    bd.as_("bob").ok("update", taken, "--claim")
    done = bd("update", NOPE, taken, free, "--claim", "--json")
    assert done.code == CONFLICT
    assert [json.loads(line)["error"]["code"] for line in done.err.splitlines()] == ["not_found", "conflict"]
    assert [one["id"] for one in done.json] == [free]


def test_an_ambiguous_id_does_not_keep_the_others_open(bd: Bd) -> None:
    for alias in ("test-twin1", "test-twin2"):
        bd.make("Twin", "--id", alias)
    bead = bd.make("A")
    done = bd("close", "test-twin", bead)
    assert (done.code, bd.status(bead)) == (NOT_FOUND, "closed")
    assert "test-twin1, test-twin2" in done.err


def test_what_is_wrong_with_all_alike_is_said_once(bd: Bd) -> None:
    beads = [bd.make("A"), bd.make("B")]
    done = bd.fails(USAGE, "invalid status", "update", *beads, "--status", "garbage")
    assert done.err.count("invalid status") == 1


def test_nothing_done_prints_nothing(bd: Bd) -> None:
    for verb in (["show"], ["close"], ["update", "--title", "X"], ["reopen"], ["delete", "--force"]):
        for json_ in ((), ("--json",)):
            bd.fails(NOT_FOUND, NOPE, verb[0], NOPE, f"{NOPE}2", *verb[1:], *json_)


def test_no_other_work_is_taken_while_some_could_not_be_closed(bd: Bd) -> None:
    first, other = bd.make("First"), bd.make("Other")
    waiting = bd.make("Waiting", "--deps", other)
    assert bd("close", first, waiting, "--claim-next").code == REFUSED
    assert bd.status(other) == "open"
