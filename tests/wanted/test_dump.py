"""Dumps of the reference's commons, in every way that its tables are written out."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import body, limits, op
from beads.clock import Hlc
from tests.wanted.test_dump_sql import as_sql
from wanted import dump, dump_sql
from wanted.addresses import GONE
from wanted.dump import Tables
from wanted.errors import BundleError
from wanted.ops.legacy import TYPE, Legacy

STAMP = {
    "id": "s-1", "author": "ann", "subject": "bob", "valence": '{"quality": 4, "reliability": 5}', "confidence": "1",
    "severity": "root", "message": "A 'fine' door;\nsaid ann", "created_at": "2026-03-01 10:00:00",
}  # fmt: skip
WANTED = {"id": "w-com-001", "title": "Fix the door", "description": "It squeaks.", "status": "open", "priority": "1"}
TABLES: Tables = {"stamps": [STAMP], "wanted": [WANTED]}


def as_csv(rows: Sequence[Mapping[str, str]]) -> Sequence[dump.Row]:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return dump.table_from_csv(file.getvalue())


WAYS: Mapping[str, Callable[[], Tables]] = {
    "json": lambda: dump.from_json(json.dumps(TABLES)),
    "json with rows": lambda: dump.from_json(json.dumps({name: {"rows": rows} for name, rows in TABLES.items()})),
    "csv": lambda: {name: as_csv(rows) for name, rows in TABLES.items()},
    "sql": lambda: dump_sql.read(as_sql(TABLES)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_every_way_of_writing_says_the_same(way: Callable[[], Tables]) -> None:
    stamp, wanted = dump.records(way()).records
    assert (stamp.kind, stamp.id, stamp.client) == ("stamp", "s-1", "wl")
    assert dict(stamp.fields) == {k: v for k, v in STAMP.items() if k not in ("id", "message")}
    assert stamp.texts == {"message": STAMP["message"]}
    assert wanted.texts == {"title": "Fix the door", "description": "It squeaks."}


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (dump.from_json, dump.table_from_json, dump.table_from_csv):
        with suppress(BundleError):
            read(text)


def test_addresses_of_people_are_left_out_wherever_they_stand() -> None:
    rig = {
        "handle": "ann",
        "owner_email": "ann@example.org",
        "hop_uri": "hop://ann",
        "display_name": "Ann <a.b@c.example>",
    }
    told = {**WANTED, "description": "Write to ann+door@mail.example.org."}
    found = dump.records({"rigs": [rig], "wanted": [told]})
    assert "@" not in repr(found.records)
    assert "hop:" not in repr(found)
    assert dict(found.records[0].fields) == {"display_name": "Ann <someone-1>"}
    assert found.records[1].texts["description"] == f"Write to {GONE}."


def test_what_cannot_be_kept_is_told() -> None:
    rows = [
        STAMP,
        {**STAMP, "message": "another"},
        {**STAMP, "id": ""},
        {**STAMP, "id": "a\nb"},
        {**STAMP, "id": "x" * 81},
    ]
    found = dump.records({"stamps": rows, "boot_blocks": [{"handle": "x"}], "chain_meta": []})
    assert len(found.records) == 1
    assert found.records[0].texts["message"] == STAMP["message"]
    assert [each.partition(":")[0] for each in found.left_out] == [
        "stamps, row 2", "stamps, row 3", "stamps, row 4", "stamps, row 5", "boot_blocks",
    ]  # fmt: skip


def test_an_id_that_is_an_address_has_one_pseudonym_wherever_it_stands() -> None:
    tables: Tables = {
        "rigs": [{"handle": "bob%40x.org"}, {"handle": "ann@x.org", "parent_rig": "bob%40x.org"}],
        "stamps": [{**STAMP, "author": "bob%40x.org", "subject": "ann@x.org"}],
        "badges": [{"id": "ann@x.org:first", "rig_handle": "ann@x.org"}],
    }
    found = dump.records(tables)
    badge, ann, bob, stamp = found.records
    assert (ann.id, bob.id, badge.id) == ("someone-1", "someone-2", "someone-1:first")
    assert dict(ann.fields)["parent_rig"] == dict(stamp.fields)["author"] == "someone-2"
    assert dict(stamp.fields)["subject"] == dict(badge.fields)["rig_handle"] == "someone-1"
    assert found.called == {"ann@x.org": "someone-1", "bob%40x.org": "someone-2"}


def test_equal_dumps_have_equal_pseudonyms_in_whatever_order() -> None:
    rows = [{"handle": f"{name}@x.org"} for name in "dacb"]
    assert dump.records({"rigs": rows}).records == dump.records({"rigs": rows[::-1]}).records


def test_a_cell_ends_where_its_table_says() -> None:
    text = 'id,message\r\ns-1,a\x0cb\u2028c\u0085d\r\ns-2,"e\r\nf"\r\n'
    assert dump.table_from_csv(text) == [
        {"id": "s-1", "message": "a\x0cb\u2028c\u0085d"}, {"id": "s-2", "message": "e\r\nf"},
    ]  # fmt: skip


def test_whose_tables_they_are_is_told_by_their_columns() -> None:
    (of_gt,) = dump.records({"stamps": [{**STAMP, "stamp_type": "work"}]}).records
    (named,) = dump.records({"stamps": [STAMP]}, "gt").records
    assert (of_gt.client, named.client) == ("gt", "gt")


# -- limits ------------------------------------------------------------------------------------------------------------


def written(record: dump.Record) -> None:
    """Hold a record to the limits of an operation with the longest of all that stands around it."""
    source, by = "\U0001f600" * 80, "\U0001f600" * 120
    payload = Legacy(source, record.kind, record.id, record.client, record.fields, tuple(sorted(record.texts)))
    assert TYPE.problem(payload) is None
    raw = body.build({**record.texts, "title": record.texts.get("title", "") + record.id}, bytes(16))
    header = op.header_bytes(
        commons="wlc1" + "a" * 52, log="a" * 32, seq=2**53 - 1, prev="a" * 64, hlc=Hlc(2**47 - 1, 2**16 - 1),
        t="legacy", p={name: getattr(payload, name) for name in payload.__struct_fields__}, by=by, body=body.refer(raw),
    )  # fmt: skip
    assert len(op.canon_line(bytes(64), header)) <= limits.LINE


values = st.builds(
    lambda text, times: text * times, st.text(max_size=3), st.sampled_from([1, 100, 700, 2000, 40_000])
) | st.sampled_from(["\ud800", "e\u0301" * 1500, "\0" * 70_000, "\u97f3" * 60_000])
names = st.sampled_from(["id", "handle", "title", "description", "message", "x" * 60, "x" * 61, "A"]) | st.text(
    max_size=4
)
rows = st.dictionaries(names, values, max_size=9) | st.integers(60, 70).map(
    lambda n: {"id": "wide"} | {f"c{m}": "v" for m in range(n)}
)


@given(st.dictionaries(st.sampled_from(["rigs", "wanted", "stamps"]), st.lists(rows, max_size=4)))
def test_what_comes_out_of_any_dump_can_be_written(tables: Tables) -> None:
    found = dump.records(tables)
    for record in found.records:
        written(record)
    kept = sum(map(len, tables.values())) - len(found.records)
    assert len([each for each in found.left_out if ", row " in each]) >= kept


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({f"c{n}": "v" * 2000 for n in range(12)}, "its short values are more than 14 KiB"),
        ({f"c{n}": "v" for n in range(65)}, "it has more than 64 short values"),
        ({"a": "v" * 2001}, "the ends of its longest values"),
        ({"title": "\u97f3" * 60_000, "description": "\u97f3" * 60_000}, "the ends of its longest values"),
    ],
)
def test_a_row_beyond_the_limits_is_told_and_stops_no_other(row: dump.Row, said: str) -> None:
    found = dump.records({"wanted": [{"id": "w-1", **row}, {"id": "w-2"}]})
    assert "w-2" in [record.id for record in found.records]
    assert found.left_out == (f"wanted, row 1: {said}",)


def test_a_row_at_the_limits_is_kept_whole() -> None:
    row = {"id": "w-1", "title": "t" * 60_000, "a" * 60: "v" * 2000} | {f"c{n}": "v" for n in range(63)}
    found = dump.records({"wanted": [row]})
    assert found.left_out == ()
    assert len(found.records[0].fields) == 64
    assert len(found.records[0].texts["title"]) == 60_000


def test_a_column_with_an_odd_name_is_told_once() -> None:
    found = dump.records({"stamps": [{**STAMP, "n" * 70: "1"}, {**STAMP, "id": "s-2", "n" * 70: "1"}]})
    assert len(found.records) == 2
    assert found.left_out == (f"stamps, column {'n' * 60}: no name that could be kept",)
