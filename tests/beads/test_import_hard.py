"""Files that no tool should write: one odd line never keeps the others out, and what is not ours stays as it was."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beads import exporter, importer, jsonl
from beads.importer import Imported
from beads.ledger import Ledger
from tests.beads.test_import_vectors import GENESIS, tracker
from tests.world import memory_ledger

T0, T1 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
MORE: dict[str, Any] = {"id": "bd-2", "title": "another", "priority": 2, "created_at": T0, "updated_at": T0}
OWN: dict[str, Any] = {
    "alias": "zz", "category": "done", "outcome": "success", "line": "L", "key": "k", "value": 3, "x_a": 1, "salt": "s",
    "type": "bug", "line_no": 7, "line_run": 99, "xh_61": 1,
}  # fmt: skip
OTHER: dict[str, Any] = {name: f"other {value}" for name, value in OWN.items()}


def bead(updated: str = T0, /, **members: Any) -> dict[str, Any]:
    return {
        "id": "bd-1", "title": "t", "status": "open", "priority": 2, "issue_type": "task", "created_at": T0,
        "updated_at": updated, **members,
    }  # fmt: skip


def link(to: str, kind: str = "blocks", at: str = T0) -> dict[str, Any]:
    return {"issue_id": "bd-1", "depends_on_id": to, "type": kind, "created_at": at}


def said(text: str, number: int = 1) -> dict[str, Any]:
    return {"id": number, "issue_id": "bd-1", "author": "a", "text": text, "created_at": T0}


def file(*records: dict[str, Any]) -> bytes:
    return b"".join(map(jsonl.encode, records))


def bring(ledger: Ledger, raw: bytes) -> Imported:
    return importer.bring_in(tracker(ledger), raw)


def written(ledger: Ledger) -> bytes:
    return exporter.export(tracker(ledger).read)


SAME: dict[str, tuple[dict[str, Any], ...]] = {
    "keys named like our own cells": (bead(**OWN), bead(T1, **OTHER)),
    "a label of 81 characters": (bead(labels=["a", "b" * 81]), bead(T1, labels=["a", "b" * 81, "c" * 99])),
    "labels of several lines": (bead(labels=["a\nb", "", " x"]),),
    "labels that are no list": (bead(labels="no"),),
    "a comment said three times": (bead(comments=[said("same", n) for n in range(3)]),),
    "an empty comment": (bead(comments=[said("")]),),
    "a hundred comments": (bead(comments=[said(f"{n}", n) for n in range(100)]),),
    "links that lead nowhere": (
        bead(dependencies=[link("x" * 250), link("bd-1"), link("bd-2", "k" * 50), link("")]),
    ),
    "a link said twice": (bead(dependencies=[link("bd-9"), link("bd-9", at=T1)]),),
    "dependencies that are none": (bead(dependencies=["x"]),),
    "a hundred unknown members": (
        bead(**{f"u{n}": n for n in range(100)}), bead(T1, **{f"u{n}": n + 1 for n in range(100)}),
    ),
    "two hundred labels go": (bead(labels=[f"l{n:03}" for n in range(200)]), bead(T1)),
    "a priority in words": (bead(priority="high"), bead(T1, priority=1)),
    "a priority in words again": (bead(priority=1), bead(T1, priority="high")),
    "a status of a number": (bead(status=5), bead(T1)),
    "a type of the board": (bead(issue_type="wanted"),),
    "a type of our own": (bead(issue_type="config", key="issue_prefix", value="evil"),),
    "a type too long": (bead(issue_type="x" * 50),),
    "a title of 600 bytes": (bead(title="x" * 600), bead(T1, title="a\nb")),
    "no times": ({"id": "bd-1", "title": "t"},),
}  # fmt: skip


TOLD = {"odd_value", "left_out"}


@pytest.mark.parametrize("name", SAME)
def test_what_is_odd_comes_back_as_it_was(name: str) -> None:
    ledger = memory_ledger(GENESIS)
    for one in SAME[name]:
        raw = file(one)
        assert {problem.code for problem in bring(ledger, raw).problems} <= TOLD
        assert written(ledger) == raw
        assert bring(ledger, raw).unchanged == 1
    ledger.close()


BIG: dict[str, tuple[dict[str, Any], ...]] = {
    "a text": (bead(description="d" * 300_000),),
    "a later text": (bead(description="d"), bead(T1, description="e" * 300_000)),
    "a later text of quotes": (bead(description="d"), bead(T1, description='"' * 140_000)),
    "a comment": (bead(comments=[said("x" * 300_000)]),),
    "an unknown member": (bead(), bead(T1, odd=["x" * 300_000])),
    "an id": ({**bead(), "id": "x" * 300},),
    "an id of two lines": ({**bead(), "id": "a\nb"},),
}


@pytest.mark.parametrize("name", BIG)
def test_what_does_not_fit_is_told_and_keeps_nothing_else_out(name: str) -> None:
    ledger = memory_ledger(GENESIS)
    for one in BIG[name]:
        done = bring(ledger, file(one, MORE))
    assert {problem.code for problem in done.problems} <= {"too_long", "odd_id"} != set()
    assert done.problems
    assert jsonl.encode(MORE) in written(ledger)
    ledger.close()


def test_half_of_a_surrogate_pair_keeps_nothing_out() -> None:
    ledger = memory_ledger(GENESIS)
    raw = b'{"id":"bd-1","title":"a\\ud800","created_at":"%b","updated_at":"%b"}\n' % (T0.encode(), T0.encode())
    bring(ledger, raw + file(MORE))
    assert written(ledger) == raw + file(MORE)
    ledger.close()


def test_more_links_than_one_operation_names() -> None:
    ledger = memory_ledger(GENESIS)
    others = [{**MORE, "id": f"bd-{n}", "title": f"{n}"} for n in range(10, 50)]
    bring(ledger, file(bead(), *others))
    raw = file(bead(T1, dependencies=[link(one["id"]) for one in others]), *others)
    bring(ledger, raw)
    assert written(ledger) == raw
    raw = file(bead("2026-01-03T00:00:00Z", dependencies=[link("bd-20")]), *others)
    bring(ledger, raw)
    assert written(ledger) == raw
    ledger.close()


def test_a_line_that_no_bead_came_from_stays_in_the_file() -> None:
    ledger = memory_ledger(GENESIS)
    raw = file({**bead(), "id": "x" * 300}, MORE)
    bring(ledger, raw)
    tracker(ledger).update("bd-2", {"title": "changed"})
    said_now = exporter.export(tracker(ledger).read, raw)
    assert said_now.startswith(raw.partition(b"\n")[0])
    assert b"changed" in said_now
    ledger.close()


def conflict(ours: dict[str, Any], theirs: dict[str, Any], base: dict[str, Any] | None = None) -> bytes:
    middle = b"||||||| 1234\n" + file(base) if base is not None else b""
    return b"<<<<<<< HEAD\n" + file(ours) + middle + b"=======\n" + file(theirs) + b">>>>>>> other\n" + file(MORE)


T2 = "2026-01-03T00:00:00Z"


@pytest.mark.parametrize("with_base", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_what_one_side_of_a_conflict_changed_stands_beside_what_the_other_did(with_base: bool, turned: bool) -> None:
    ledger = memory_ledger(GENESIS)
    bring(ledger, file(bead(), MORE))
    closed = bead(T1, status="closed", closed_at=T1, close_reason="bob did it")
    called = bead(T2, title="called otherwise")
    ours, theirs = (closed, called) if turned else (called, closed)
    raw = conflict(ours, theirs, bead() if with_base else None)
    done = bring(ledger, raw)
    (record,) = [one for one in map(jsonl.one, written(ledger).splitlines()) if one and one["id"] == "bd-1"]
    assert (record["title"], record["status"], record["close_reason"]) == ("called otherwise", "closed", "bob did it")
    assert not [one for one in done.problems if one.code == "both_sides"]
    ledger.close()


def test_what_both_sides_of_a_conflict_changed_is_told() -> None:
    ledger = memory_ledger(GENESIS)
    bring(ledger, file(bead(), MORE))
    done = bring(ledger, conflict(bead(T2, title="mine"), bead(T1, title="yours")))
    (told,) = [one for one in done.problems if one.code == "both_sides"]
    assert "'mine' stands, 'yours' does not" in told.sentence
    ledger.close()


@pytest.mark.parametrize("newer", ["ours", "theirs"])
def test_a_conflict_is_never_written_out_again(newer: str) -> None:
    ledger = memory_ledger(GENESIS)
    times = (T2, T1) if newer == "ours" else (T1, T2)
    raw = conflict(bead(times[0], title="mine"), bead(times[1], title="yours"))
    bring(ledger, raw)
    again = exporter.export(tracker(ledger).read, raw)
    assert b"<<<<<<<" not in again
    assert again.count(b'"bd-1"') == 1
    assert again.count(b'"bd-2"') == 1
    ledger.close()


FULL: dict[str, Any] = {
    **bead(), "labels": ["a"], "comments": [said("x")], "dependencies": [link("bd-2")], "pinned": False, "assignee": "",
    "due_at": "2026-01-11T10:33:48.123456789-08:00", "external_ref": "x" * 5000, "metadata": {"a": 1}, "u": 7,
}  # fmt: skip
TELLS: dict[str, tuple[dict[str, Any], str]] = {
    "a priority in words": (bead(priority="high"), 'priority "high": understood is 2'),
    "a priority beyond": (bead(priority=5), "priority 5: it goes from 0 to 4"),
    "a status of a number": (bead(status=3), "status 3: understood is open"),
    "a type of the board": (bead(issue_type="wanted"), 'issue_type "wanted": understood is task'),
    "a time in words": (bead(due_at="soon"), 'due_at "soon": understood is nothing'),
    "a title that is none": (bead(title=7), "title 7: understood is nothing"),
    "labels that are no list": (bead(labels="a,b"), 'labels "a,b": understood is nothing'),
    "two labels that are none": (bead(labels=["a", 5, 6]), "among labels 5 and 1 more: understood is nothing"),
    "a link to itself": (bead(dependencies=[link("bd-1")]), "among dependencies"),
    "a comment of nothing": (bead(comments=[{"author": "a"}]), "among comments"),
    "a status nobody knows": (bead(status="weird"), '"weird": neither ready nor over'),
    "no priority": ({**bead(), "priority": None}, "no priority: understood is 0"),
    "no times": ({"id": "bd-1", "title": "t", "priority": 1}, "no created_at: understood is 1970"),
    "no title": ({**bead(), "title": ""}, "no title"),
}


@pytest.mark.parametrize("name", TELLS)
@pytest.mark.parametrize("known", [False, True])
def test_what_a_line_does_not_say_is_told_with_what_is_understood(name: str, known: bool) -> None:
    ledger = memory_ledger(GENESIS)
    record, words = TELLS[name]
    if known:
        assert bring(ledger, file(bead("2025-12-31T00:00:00Z", description="before"))).problems == []
    (told,) = [one for one in bring(ledger, file(MORE, record)).problems if words in one.sentence]
    assert told.line == 2
    assert told.sentence.startswith("Line 2: ")
    assert told.hint
    assert bring(ledger, file(record)).problems == []
    ledger.close()


def test_what_tools_leave_out_or_add_is_nothing_odd() -> None:
    sparse = {name: FULL[name] for name in ("id", "title", "priority", "created_at", "updated_at")}
    for record in (FULL, sparse, bead(closed_at=None), {"_type": "issue", **bead(), "comment_count": 1}):
        ledger = memory_ledger(GENESIS)
        assert bring(ledger, file(record)).problems == []
        ledger.close()


def test_a_status_of_the_ledgers_own_is_known() -> None:
    ledger = memory_ledger(GENESIS)
    tracker(ledger).set_setting("status.custom", "weird:active")
    assert bring(ledger, file(bead(status="weird"))).problems == []
    ledger.close()


# -- whatever stands in a line --------------------------------------------------------------------------------------

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 9), st.floats(-1, 9), st.sampled_from(["", "x", "high", T0, "\u2028é"]),
    st.sampled_from([["x"], [], {}, {"a": 1}, [7, "x"], [{}]]),
)  # fmt: skip
COMMENTS = st.lists(
    st.fixed_dictionaries({}, optional={"id": VALUES, "author": VALUES, "text": VALUES, "created_at": VALUES}),
    max_size=3,
)
LINKS = st.lists(
    st.fixed_dictionaries(
        {"depends_on_id": st.sampled_from(["bd-1", "bd-2", "bd-9", ""])},
        optional={"type": st.sampled_from(["blocks", "x", ""]), "created_at": VALUES, "metadata": VALUES},
    ),
    max_size=3,
)
ODD = st.fixed_dictionaries(
    {"id": st.just("bd-1")},
    optional={
        **dict.fromkeys(
            ("title", "status", "priority", "issue_type", "created_at", "updated_at", "labels", "description", "pinned",
             "estimated_minutes", "due_at", "metadata", "waiters", "assignee", "u"), VALUES,
        ),
        "comments": COMMENTS | VALUES, "dependencies": LINKS | VALUES,
    },
)  # fmt: skip


@given(ODD)
@settings(max_examples=100, deadline=None)
def test_whatever_a_line_says_comes_back_as_it_was(record: dict[str, Any]) -> None:
    ledger = memory_ledger(GENESIS)
    raw = file(record, MORE)
    bring(ledger, raw)
    assert written(ledger) == raw
    assert bring(ledger, raw).unchanged == 2
    ledger.close()
