"""Tables that are built anew with a second process are those that one builds alone, whatever becomes of the second."""

import io
import mmap
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from beads import filling, prefold, second
from beads.filling import Filling
from beads.index import Index
from beads.layout import Layout, lay_out
from beads.ledger import Draft, Ledger
from beads.rules import Entity
from node import wiring
from node.home import Home
from tests.beads.test_index_rebuilt import dump
from tests.world import TERMS, actor, create, found, write
from wanted import board

ALICE, BOB = actor("alice"), actor("bob")
Dump = Mapping[str, Sequence[tuple[Any, ...]]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with two logs and few entities at once."""
    made = Home(tmp_path / "home")
    ledger = wiring.open_ledger(made, wiring.found(made, found(ALICE)))
    write(ledger, ALICE, *(create(f"bead {n}") for n in range(20)), *(post(n) for n in range(5)))
    write(ledger, BOB, *(create(f"bead of Bob {n}") for n in range(7)))
    ledger.close()
    monkeypatch.setattr(filling, "WORTH", 1)
    monkeypatch.setattr(filling, "FOLDED_AT_ONCE", 4)
    monkeypatch.setattr(second, "is_possible", lambda: True)
    return made


def post(n: int) -> Draft:
    (draft,) = board.post(f"item {n}", "What it is about", TERMS)
    return draft


def only(home: Home) -> str:
    return next(iter(home.commons()))


def opened(home: Home) -> Iterator[Ledger]:
    ledger = wiring.open_ledger(home, only(home))
    yield ledger
    ledger.close()


def as_it_was(home: Home) -> Dump:
    (tables,) = [dump(ledger) for ledger in opened(home)]
    return tables


def lose_index(home: Home) -> None:
    for path in home.commons_folder(only(home)).glob("index.sqlite*"):
        path.unlink()


@pytest.fixture
def parts_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entities of each part were laid out by this process."""
    counted: list[int] = []

    def counting(index: Index, part: Sequence[Entity], known: Mapping[str, Any]) -> Layout:
        counted.append(len(part))
        return lay_out(index, part, known)

    monkeypatch.setattr(prefold, "lay_out", counting)
    return counted


def test_all_that_the_second_process_works_out_is_laid(
    home: Home, parts_here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_it_was(home)
    lose_index(home)
    # It is waited for, however long it takes to start.
    monkeypatch.setattr(prefold._Second, "is_empty", lambda _: False)
    for ledger in opened(home):
        assert dump(ledger) == before
        assert ledger.index.generation() == ledger.store.generation()
    assert parts_here == []


def test_who_would_wait_works_out_the_last_parts(home: Home, parts_here: list[int]) -> None:
    before = as_it_was(home)
    lose_index(home)
    for ledger in opened(home):
        assert dump(ledger) == before
    assert parts_here


@pytest.mark.parametrize(
    "elsewhere",
    [("no.such.module", "f"), ("beads.prefold", "no_such_function"), ("os", "_exit", "0"), ("posixpath", "join", "x")],
    ids=["no module", "no function", "it ends", "no index"],
)
def test_a_second_process_that_fails_is_done_without(
    home: Home, parts_here: list[int], monkeypatch: pytest.MonkeyPatch, elsewhere: tuple[str, ...]
) -> None:
    before = as_it_was(home)
    lose_index(home)
    begin = second.begin

    def other(module: str, *arguments: str, **more: Any) -> Any:
        return begin(module, *arguments[:2], *elsewhere, **more)

    monkeypatch.setattr(second, "begin", other)
    monkeypatch.setattr(prefold._Second, "is_empty", lambda _: False)
    for ledger in opened(home):
        assert dump(ledger) == before
    assert sum(parts_here) >= 32


def test_without_room_for_a_process_it_is_done_without(
    home: Home, parts_here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_it_was(home)
    lose_index(home)

    def full(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(second, "begin", full)
    for ledger in opened(home):
        assert dump(ledger) == before
    assert sum(parts_here) >= 32


class Killed(Exception):
    """Ends a run as a kill would."""


def test_a_process_killed_while_it_folds_leaves_the_rest_to_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = as_it_was(home)
    lose_index(home)
    laid: list[Layout] = []
    lay = Filling._lay

    def some(self: Filling, layout: Layout) -> None:
        lay(self, layout)
        laid.append(layout)
        if len(laid) > 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Filling, "_lay", some)
        with pytest.raises(Killed):
            wiring.open_ledger(home, only(home))
    assert wiring.index_as_is(home, only(home)) is None
    for ledger in opened(home):
        assert dump(ledger) == before


def test_the_second_process_stops_where_the_other_has_taken(home: Home) -> None:
    parts = [[Entity("bead", "0" * 64)], [Entity("bead", "1" * 64)], [Entity("bead", "2" * 64)]]
    states, answers = mmap.mmap(-1, 3), io.BytesIO()
    states[1] = prefold._TAKEN
    for ledger in opened(home):
        prefold.work_out(ledger.index, parts, states, answers)
    number, size = struct.unpack(">II", answers.getvalue()[:8])
    assert (number, len(answers.getvalue())) == (0, 8 + size)
    assert bytes(states) == bytes([prefold._BEGUN, prefold._TAKEN, prefold._OPEN])
