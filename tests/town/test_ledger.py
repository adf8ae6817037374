"""The contract every work ledger keeps, and the two doubles that keep it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.town.support import Clock, FileLedger
from town.errors import AmbiguousError, ConflictError, NotFoundError, TownError
from town.ledger import WorkLedger
from town.memory_ledger import MemoryLedger

MAKERS: dict[str, Callable[[Path], WorkLedger]] = {
    "memory": lambda path: MemoryLedger(Clock()),
    "file": lambda path: FileLedger(path / "ledger.json", Clock()),
}


@pytest.fixture(params=MAKERS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> WorkLedger:
    return MAKERS[request.param](tmp_path)


def test_a_new_bead_is_open_and_can_be_read_back(ledger: WorkLedger) -> None:
    bead = ledger.create("Title", "Words", type="bug", priority=1, fields={"origin_item": "x"})
    assert ledger.get(bead.id) == ledger.get(bead.id[:10]) == bead
    assert (bead.status, bead.assignee, bead.priority, bead.fields["origin_item"]) == ("open", None, 1, "x")
    assert len(bead.id) == 64
    assert bead.id.startswith(bead.short)


def test_an_update_changes_what_it_names_and_nothing_else(ledger: WorkLedger) -> None:
    bead = ledger.create("Title", fields={"keep": 1})
    ledger.update(bead.id, status="hooked", assignee="demo/polecats/rust", state="claimed")
    after = ledger.get(bead.id)
    assert (after.status, after.assignee, dict(after.fields)) == (
        "hooked",
        "demo/polecats/rust",
        {"keep": 1, "state": "claimed"},
    )


@pytest.mark.parametrize("field", ["state", "status", "assignee", "never_set"])
def test_a_wrong_expectation_changes_nothing_and_names_the_field(field: str, ledger: WorkLedger) -> None:
    bead = ledger.create("Title")
    with pytest.raises(ConflictError) as caught:
        ledger.update(bead.id, expect={field: "something"}, state="claimed", status="hooked")
    assert caught.value.field == field
    assert ledger.get(bead.id) == bead


def test_a_field_never_set_is_expected_as_none_and_none_unsets(ledger: WorkLedger) -> None:
    bead = ledger.create("Title")
    ledger.update(bead.id, expect={"state": None}, state="claimed")
    ledger.update(bead.id, expect={"state": "claimed"}, state=None)
    assert "state" not in ledger.get(bead.id).fields


def test_list_filters_by_status_type_and_fields(ledger: WorkLedger) -> None:
    one, two = ledger.create("One"), ledger.create("Two", type="bug")
    ledger.update(two.id, status="hooked", rig="demo")
    assert [bead.title for bead in ledger.list()] == ["One", "Two"]
    assert [bead.id for bead in ledger.list(status="open")] == [one.id]
    assert [bead.id for bead in ledger.list(type="bug", rig="demo")] == [two.id]
    assert list(ledger.list(rig="other")) == []


def test_what_is_not_there_is_not_found(ledger: WorkLedger) -> None:
    with pytest.raises(NotFoundError):
        ledger.get("ffff")
    with pytest.raises(NotFoundError):
        ledger.get("")
    with pytest.raises(NotFoundError):
        ledger.update("ffff", state="x")


def test_an_ambiguous_prefix_lists_its_candidates(ledger: WorkLedger) -> None:
    ids = [ledger.create(f"Bead {number}").id for number in range(17)]
    shared = next(letter for letter in "0123456789abcdef" if sum(i.startswith(letter) for i in ids) > 1)
    with pytest.raises(AmbiguousError) as caught:
        ledger.get(shared)
    assert set(caught.value.candidates) == {i for i in ids if i.startswith(shared)}


def test_a_field_name_is_lower_case(ledger: WorkLedger) -> None:
    wrong: dict[str, Any] = {"Not-A-Name": 1}
    bead = ledger.create("Title")
    with pytest.raises(TownError):
        ledger.update(bead.id, **wrong)


def test_comments_are_kept(tmp_path: Path) -> None:
    ledger = MemoryLedger(Clock())
    bead = ledger.create("Title")
    ledger.comment(bead.short, "words", "rust")
    assert ledger.comments(bead.id) == ("rust: words",)
