"""SQL dumps: what MySQL's dialect can write, and what does not end."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanted import dump_sql
from wanted.errors import BundleError


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


def test_names_of_columns_may_stand_with_the_table_alone() -> None:
    sql = """CREATE TABLE `rigs` (`handle` varchar(255) NOT NULL, `trust_level` int DEFAULT '0',
             `rig_type` varchar(16) DEFAULT (lower('X,Y')), PRIMARY KEY (`handle`), KEY `k` (`trust_level`));
             INSERT INTO `rigs` VALUES ('ann', 1, NULL), ('bob', 2, 'agent');"""
    assert dump_sql.read(sql) == {
        "rigs": [
            {"handle": "ann", "trust_level": "1", "rig_type": ""},
            {"handle": "bob", "trust_level": "2", "rig_type": "agent"},
        ]
    }


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5))
def test_any_text_comes_through_sql(values: list[str]) -> None:
    row = {f"c{n}": value for n, value in enumerate(values)}
    assert dump_sql.read(as_sql({"t": [row]})) == {"t": [row]}


@given(st.text(alphabet="'\"`\\\\ab(),;-#/*_nxX01\\n ", max_size=60) | st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    for whole in (text, f"INSERT INTO t (a) VALUES ({text}", f"CREATE TABLE t ({text}"):
        with suppress(BundleError):
            dump_sql.read(whole)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("_utf8mb4'a'", "a"), ("_utf8mb4 'a'", "a"), ("N'a'", "a"), ("X'41'", "A"), ("x'c3bc'", "\u00fc"),
        ("_binary 0x4142", "AB"), ("0x1", "\x01"),
        ('"a"', "a"), ('"a\'b"', "a'b"), ('"a""b"', 'a"b'), ("'a\"\"b'", 'a""b'),
        (r"'a\'b'", "a'b"), (r"'\\'", "\\"), ("'a' 'b'", "ab"), ("NULL", ""), ("DEFAULT", ""), ("-1.5e3", "-1.5e3"),
        ("'a;-- /* # b'", "a;-- /* # b"), ("'\u2028'", "\u2028"),
    ],
)  # fmt: skip
def test_every_way_of_writing_a_value(written: str, value: str) -> None:
    assert dump_sql.read(f"INSERT INTO t (a, b) VALUES ({written}, 1);") == {"t": [{"a": value, "b": "1"}]}


@pytest.mark.parametrize(
    "insert",
    [
        "INSERT INTO `db`.`rigs` (`handle`) VALUES ('ann')", "INSERT INTO db.rigs VALUES ('ann')",
        "INSERT INTO `db`.rigs VALUES ('ann')", "INSERT INTO db.`rigs` VALUES ('ann')",
        "insert into rigs value ('ann')",
        "INSERT IGNORE INTO rigs (rigs.handle) VALUES ('ann')", "INSERT rigs VALUES ('ann')",
        "REPLACE INTO rigs VALUES ('ann')", "INSERT LOW_PRIORITY IGNORE INTO rigs VALUES ROW('ann')",
        "INSERT INTO rigs VALUES ('ann') ON DUPLICATE KEY UPDATE handle = VALUES(handle), n = (1)",
        "INSERT INTO rigs VALUES ('ann') AS new(h) ON DUPLICATE KEY UPDATE handle = new.h",
        'INSERT INTO "rigs" ("handle") VALUES ("ann")',
    ],
)  # fmt: skip
def test_every_way_of_writing_an_insert(insert: str) -> None:
    created = "CREATE TABLE IF NOT EXISTS db.rigs (handle varchar(255) NOT NULL, PRIMARY KEY (handle), KEY k (handle));"
    assert dump_sql.read(f"{created}\n{insert};") == {"rigs": [{"handle": "ann"}]}


def test_a_column_may_be_called_as_a_word_of_the_language() -> None:
    sql = "CREATE TABLE _meta (`key` text, value text); INSERT INTO _meta (`key`, value) VALUES ('a', 'b');"
    assert dump_sql.read(sql) == {"_meta": [{"key": "a", "value": "b"}]}


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO `stamps` (`id`) VALUES ('s", "INSERT INTO `stamps` (`id`) VALUES ('a', 'b');",
        "INSERT INTO stamps (id) VALUES (1) /* and", "INSERT INTO stamps (id) SELECT id FROM old;",
        "INSERT INTO stamps (id) VALUES (1 + 1);", "INSERT INTO stamps (id) VALUES (NOW());",
        "INSERT INTO stamps SET id = 1;",
    ],
)  # fmt: skip
def test_sql_that_is_cut_or_odd_is_refused(text: str) -> None:
    with pytest.raises(BundleError):
        dump_sql.read(text)


@pytest.mark.parametrize(
    "text", ["/* " * 40_000, "a/*" * 40_000, "'" * 120_001, "'a''b" * 24_001, "INSERT INTO t (" + "value," * 20_000]
)
def test_no_text_takes_long(text: str) -> None:
    start = time.process_time()
    with suppress(BundleError):
        dump_sql.read(text)
    assert time.process_time() - start < 1
