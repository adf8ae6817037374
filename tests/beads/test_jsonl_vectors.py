"""A real ledger comes back byte for byte, and twenty real merges lose nothing (data beside the repository)."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from beads import jsonl
from beads.merge import apply, compare

Record = dict[str, Any]
SETS = ("labels", "dependencies", "comments")
NOT_COMPARED = {"id", "updated_at", "content_hash"}
CLOSING = {"status", "closed_at", "close_reason", "deleted_at", "deleted_by", "delete_reason", "original_type"}


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of public test data beside the repository, where there is one."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "vectors"
    if not folder.is_dir():
        pytest.skip("no public test data beside the repository")
    return folder


def files(vectors: Path) -> list[Path]:
    return [vectors / "beads-jsonl" / "v0.47.2.jsonl", *sorted((vectors / "beads-merges").glob("*/*.jsonl"))]


def test_every_line_of_a_real_ledger_is_written_byte_for_byte(vectors: Path) -> None:
    document = jsonl.read(files(vectors)[0].read_bytes())
    assert (len(document.lines), document.problems) == (3003, ())
    assert sum(jsonl.encode(line.record or {}) == line.raw for line in document.lines) == 3003
    assert jsonl.order_of(document.lines) is jsonl.Order.BY_ID


def test_real_ledgers_come_back_whole_and_unchanged_lines_as_they_were(vectors: Path) -> None:
    for path in files(vectors):
        document = jsonl.read(path.read_bytes())
        same = [jsonl.line(dict(line.record or {}), line.raw) for line in document.counted.values()]
        assert b"".join(jsonl.arrange(document.lines, same)) == path.read_bytes()
        assert all(line.record == json.loads(line.raw) for line in document.counted.values())


def test_a_changed_line_is_the_line_upstream_would_write(vectors: Path) -> None:
    for line in jsonl.read(files(vectors)[0].read_bytes()).lines:
        changed = {**json.loads(line.raw), "title": "\u2028 <new>", "assignee": "é"}
        assert jsonl.reencode(changed, line.raw) == jsonl.encode(changed)
        cut = {key: value for key, value in changed.items() if key != "status"}
        assert jsonl.reencode(cut, line.raw) == jsonl.encode(cut)


# -- merges: an oracle that shares no code with what it judges -----------------------------------------------------


def ledger(path: Path) -> dict[str, Record]:
    return {record["id"]: record for record in map(json.loads, path.read_bytes().splitlines())}


def plain(key: str, value: Any) -> Any:
    if key == "labels":
        return set(value or ())
    if key == "dependencies":
        return {(one["depends_on_id"], one["type"]) for one in value or ()}
    if key == "comments":
        return {(one["author"], moment(one["created_at"]), one["text"]) for one in value or ()}
    if isinstance(value, str) and key.endswith("_at"):
        return moment(value)
    # Early versions left out every zero, the most urgent priority among them.
    return value or None


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def meant(record: Record) -> Record:
    found = {key: plain(key, value) for key, value in record.items() if key != "content_hash"}
    return {key: value for key, value in found.items() if value}


def merge(base: dict[str, Record], one: dict[str, Record], other: dict[str, Record]) -> tuple[dict[str, Record], int]:
    """Put two ledgers together; how many conflicts that took comes along."""
    outcome, taken = dict(one), 0
    for id, theirs in other.items():
        if id in one:
            found = compare(base.get(id), one[id], theirs)
            outcome[id], taken = apply(one[id], found), taken + len(found.conflicts)
        else:
            outcome[id] = theirs
    return outcome, taken


def losses(base: Record | None, sides: tuple[Record, Record], outcome: Record) -> list[str]:
    lost = [key for key in SETS if lost_members(key, base, sides, outcome)]
    for mine, other in (sides, sides[::-1]):
        for key in (mine.keys() | (base or {}).keys()) - {*SETS, *NOT_COMPARED}:
            values = [plain(key, (one or {}).get(key)) for one in (base, mine, other, outcome)]
            b, m, o, out = values
            one_sided = m not in (b, out) and o == b
            if one_sided and not (key in CLOSING and status_moved(base, other)):
                lost.append(key)
    return lost


def lost_members(key: str, base: Record | None, sides: tuple[Record, Record], outcome: Record) -> bool:
    b, one, other, out = (plain(key, (record or {}).get(key)) for record in (base, *sides, outcome))
    if key == "comments":
        return bool((one | other) - out)
    return bool(out != (one & other) | ((one | other) - b))


def status_moved(base: Record | None, side: Record) -> bool:
    """A status brings its closing along, so the other side's closing may go (and is told)."""
    return (base or {}).get("status") != side.get("status")


def test_real_merges_come_out_the_same_both_ways_and_lose_nothing(vectors: Path) -> None:
    both = conflicts = merges = 0
    for folder in sorted((vectors / "beads-merges").iterdir()):
        base, left, right = (ledger(folder / f"{name}.jsonl") for name in ("base", "left", "right"))
        outcome, taken = merge(base, left, right)
        swapped, taken_swapped = merge(base, right, left)
        assert outcome.keys() == left.keys() | right.keys()
        assert taken == taken_swapped
        for id, record in outcome.items():
            assert meant(record) == meant(swapped[id]), (folder.name, id)
        for id in left.keys() & right.keys():
            both += left[id] != base.get(id) != right[id]
            assert losses(base.get(id), (left[id], right[id]), outcome[id]) == [], (folder.name, id)
        merges, conflicts = merges + 1, conflicts + taken
    assert merges == 20
    assert both > 100
    assert conflicts < both


def test_real_merges_a_second_time_change_nothing(vectors: Path) -> None:
    for folder in sorted((vectors / "beads-merges").iterdir()):
        base, left, right = (ledger(folder / f"{name}.jsonl") for name in ("base", "left", "right"))
        outcome, _ = merge(base, left, right)
        assert merge(base, outcome, right)[0] == outcome
