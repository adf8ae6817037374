"""Real ledgers brought in, merged by operations and written out again (data beside the repository)."""

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from beads import importer, jsonl, keeping
from beads.ledger import Ledger
from beads.record import BeadView
from beads.tracker import Tracker
from beads.vocabulary import OWN_TYPES
from tests.beads.test_jsonl_vectors import ledger as read_ledger
from tests.beads.test_jsonl_vectors import losses, meant, vectors
from tests.world import Clock, actor, found, memory_ledger, said, second

__all__ = ["vectors"]
ALICE = actor("alice")
LAPTOP = second("alice")
GENESIS = found(ALICE, private=True)
SIDES = ("base", "left", "right")
Ids = dict[str, dict[str, Any]]


def tracker(ledger: Ledger, who: Any = ALICE) -> Tracker:
    return Tracker(ledger, who, "alice", Clock())


def bring(ledger: Ledger, path: Path, who: Any = ALICE) -> importer.Imported:
    return importer.bring_in(tracker(ledger, who), path.read_bytes())


def told(ledger: Ledger) -> Ids:
    """Every bead of a ledger as a record, by id."""
    reader = tracker(ledger).read
    skipped = ", ".join(f"'{one}'" for one in OWN_TYPES)
    beads = [row[0] for row in reader.rows(f"SELECT entity FROM beads WHERE type NOT IN ({skipped})")]
    views = [reader.view(bead) for bead in beads]
    return {str(one["id"]): one for one in (reader.record(view, base_of(view)) for view in views)}


def base_of(view: BeadView) -> dict[str, Any] | None:
    return jsonl.one(keeping.line_bytes(view.line))


def written(ledger: Ledger) -> dict[str, bytes]:
    reader = tracker(ledger).read
    views = [reader.view(row[0]) for row in reader.rows("SELECT entity FROM beads")]
    found = [jsonl.line(reader.record(v, base_of(v)), keeping.line_bytes(v.line)) for v in views if v.line]
    return {line.id: line.raw for line in found}


def folders(vectors: Path) -> Iterator[Path]:
    yield from sorted((vectors / "beads-merges").iterdir())


@pytest.fixture(scope="module")
def merged(vectors: Path) -> dict[str, Ids]:
    """What each merge comes to on two clones that bring in one side each, and then trade."""
    found: dict[str, Ids] = {}
    for folder in folders(vectors):
        here, there = memory_ledger(GENESIS), memory_ledger(GENESIS)
        bring(here, folder / "base.jsonl")
        there.ingest(said(here.store))
        bring(here, folder / "left.jsonl")
        bring(there, folder / "right.jsonl", LAPTOP)
        here.ingest(said(there.store))
        there.ingest(said(here.store))
        assert here.index.state_hash() == there.index.state_hash()
        found[folder.name] = told(here)
        here.close()
        there.close()
    return found


def test_every_file_comes_back_byte_for_byte(vectors: Path) -> None:
    paths = [vectors / "beads-jsonl" / "v0.47.2.jsonl", *sorted((vectors / "beads-merges").glob("*/*.jsonl"))]
    for path in paths:
        ledger = memory_ledger(GENESIS)
        bring(ledger, path)
        lines = {line.id: line.raw for line in jsonl.read(path.read_bytes()).lines}
        assert written(ledger) == lines
        again = bring(ledger, path)
        assert (again.created, again.updated, again.unchanged) == (0, 0, len(lines))
        ledger.close()


def test_clones_lose_nothing_of_twenty_real_merges(vectors: Path, merged: dict[str, Ids]) -> None:
    assert len(merged) == 20
    for folder in folders(vectors):
        base, left, right = (read_ledger(folder / f"{name}.jsonl") for name in SIDES)
        outcome = merged[folder.name]
        assert outcome.keys() >= left.keys() | right.keys() | base.keys()
        shared = left.keys() & right.keys()
        # Where ids were given anew on one side, two beads have one id: both are kept, the later under a longer one.
        twice = {name for name in shared if any(other.startswith(f"{name}-") for other in outcome)}
        for name in twice:
            titles = {one["title"] for id_, one in outcome.items() if id_ == name or id_.startswith(f"{name}-")}
            assert titles >= {left[name]["title"], right[name]["title"]}
        for name in shared - twice:
            assert losses(base.get(name), (left[name], right[name]), outcome[name]) == [], (folder.name, name)


@pytest.mark.parametrize("order", list(permutations(("left", "right"))), ids=" then ".join)
def test_one_ledger_comes_to_the_same_whichever_side_goes_first(
    vectors: Path, merged: dict[str, Ids], order: tuple[str, str]
) -> None:
    for folder in folders(vectors):
        ledger = memory_ledger(GENESIS)
        for name in ("base", *order):
            bring(ledger, folder / f"{name}.jsonl")
        outcome = told(ledger)
        assert outcome.keys() == merged[folder.name].keys()
        for name, one in outcome.items():
            assert content(one) == content(merged[folder.name][name]), (folder.name, name)
        ledger.close()


def content(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in meant(record).items() if key != "updated_at"}


def test_two_clones_that_bring_in_the_same_file_offline_have_the_same_beads(vectors: Path) -> None:
    path = vectors / "beads-merges" / "00" / "base.jsonl"
    here, there = memory_ledger(GENESIS), memory_ledger(GENESIS)
    bring(here, path)
    bring(there, path, LAPTOP)
    here.ingest(said(there.store))
    assert told(here) == {line["id"]: line for line in map(json.loads, path.read_bytes().splitlines())}
    here.close()
    there.close()
