"""Dumps of the reference's commons, in every way that its tables are written out."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanted import dump, legacy
from wanted.dump import GONE, Tables
from wanted.errors import BundleError

STAMP = {
    "id": "s-1", "author": "ann", "subject": "bob", "valence": '{"quality": 4, "reliability": 5}', "confidence": "1",
    "severity": "root", "message": "A 'fine' door;\nsaid ann", "created_at": "2026-03-01 10:00:00",
}  # fmt: skip
WANTED = {"id": "w-com-001", "title": "Fix the door", "description": "It squeaks.", "status": "open", "priority": "1"}
TABLES: Tables = {"stamps": [STAMP], "wanted": [WANTED]}


def quoted(value: str | None) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\0", "\\0") + "'"


def as_sql(tables: Mapping[str, Sequence[Mapping[str, str]]]) -> str:
    lines = ["-- a dump; with a 'quote", "/* and (brackets); */ SET FOREIGN_KEY_CHECKS=0;"]
    for table, rows in tables.items():
        for row in rows:
            names, values = ", ".join(f"`{name}`" for name in row), ", ".join(map(quoted, row.values()))
            lines.append(f"INSERT INTO `{table}` ({names}) VALUES ({values});")
    return "\n".join(lines)


def as_csv(rows: Sequence[Mapping[str, str]]) -> Sequence[dump.Row]:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return dump.table_from_csv(file.getvalue().splitlines(keepends=True))


WAYS: Mapping[str, Callable[[], Tables]] = {
    "json": lambda: dump.from_json(json.dumps(TABLES)),
    "json with rows": lambda: dump.from_json(json.dumps({name: {"rows": rows} for name, rows in TABLES.items()})),
    "csv": lambda: {name: as_csv(rows) for name, rows in TABLES.items()},
    "sql": lambda: dump.from_sql(as_sql(TABLES)),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_every_way_of_writing_says_the_same(way: Callable[[], Tables]) -> None:
    stamp, wanted = dump.records(way()).records
    assert (stamp.kind, stamp.id, stamp.client) == ("stamp", "s-1", "wl")
    assert dict(stamp.fields) == {k: v for k, v in STAMP.items() if k not in ("id", "message")}
    assert stamp.texts == {"message": STAMP["message"]}
    assert wanted.texts == {"title": "Fix the door", "description": "It squeaks."}


def test_names_of_columns_may_stand_with_the_table_alone() -> None:
    sql = """CREATE TABLE `rigs` (`handle` varchar(255) NOT NULL, `trust_level` int DEFAULT '0',
             `rig_type` varchar(16) DEFAULT (lower('X,Y')), PRIMARY KEY (`handle`), KEY `k` (`trust_level`));
             INSERT INTO `rigs` VALUES ('ann', 1, NULL), ('bob', 2, 'agent');"""
    assert dump.from_sql(sql) == {
        "rigs": [
            {"handle": "ann", "trust_level": "1", "rig_type": ""},
            {"handle": "bob", "trust_level": "2", "rig_type": "agent"},
        ]
    }


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5))
def test_any_text_comes_through_sql(values: list[str]) -> None:
    row = {f"c{n}": value for n, value in enumerate(values)}
    assert dump.from_sql(as_sql({"t": [row]})) == {"t": [row]}


@given(st.text(max_size=60))
def test_no_text_breaks_the_readers(text: str) -> None:
    for read in (
        dump.from_sql,
        dump.from_json,
        dump.table_from_json,
        lambda t: dump.table_from_csv(t.splitlines(True)),
    ):
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
    assert "@" not in repr(found)
    assert "hop:" not in repr(found)
    assert dict(found.records[0].fields) == {"display_name": f"Ann <{GONE}>"}
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


@pytest.mark.parametrize(
    "text", ["INSERT INTO `stamps` (`id`) VALUES ('s", "INSERT INTO `stamps` (`id`) VALUES ('a', 'b');"]
)
def test_sql_that_is_cut_or_odd_is_refused(text: str) -> None:
    with pytest.raises(BundleError):
        dump.from_sql(text)


# -- what rows mean ----------------------------------------------------------------------------------------------------


def test_root_is_the_most_for_one_client_and_a_warning_for_the_other() -> None:
    best = legacy.stamp("s-1", "wl", STAMP)
    warning = legacy.stamp("s-1", "gt", STAMP)
    assert (best.severity, best.warning) == ("root", False)
    assert (warning.severity, warning.warning) == (None, True)


def test_whose_tables_they_are_is_told_by_their_columns() -> None:
    (of_gt,) = dump.records({"stamps": [{**STAMP, "stamp_type": "work"}]}).records
    (named,) = dump.records({"stamps": [STAMP]}, "gt").records
    assert (of_gt.client, named.client) == ("gt", "gt")


@pytest.mark.parametrize(
    ("valence", "dims"),
    [
        ('{"quality": 4, "reliability": 5}', (("quality", 4), ("reliability", 5))),
        ('{"quality": 0.8, "care": 1}', (("care", 5), ("quality", 4))),
        ('{"quality": 1}', (("quality", 1),)),
        ('{"quality": 3.6}', (("quality", 3.6),)),
        ('{"quality": 9, "x": -1, "y": true, "z": "5"}', (("quality", 5), ("x", 0))),
        ("[1]", ()),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_a_valence_is_read_on_the_scale_that_it_was_written_on(
    valence: str, dims: tuple[tuple[str, float], ...]
) -> None:
    assert legacy.stamp("s-1", "wl", {"valence": valence}).dims == dims


@pytest.mark.parametrize(("text", "confidence"), [("0.7", 70), ("1", 100), ("", 100), ("7", 100), ("x", 100)])
def test_a_confidence_is_a_share(text: str, confidence: int) -> None:
    assert legacy.stamp("s-1", "wl", {"confidence": text}).confidence == confidence
