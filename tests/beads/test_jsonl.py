"""Whatever lines a file holds are read and kept, and what is written is what upstream would write."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beads import jsonl
from beads.jsonl import Kind, Line, Order, Side, arrange, encode, order_of, read, reencode
from beads.members import KEYS

REAL = (
    b'{"id":"bd-a3f8.1","title":"Fix \\u003cauth\\u003e race","description":"Token refresh \\u0026 retry",'
    b'"status":"closed","priority":0,"issue_type":"bug","owner":"a@example.com","estimated_minutes":90,'
    b'"created_at":"2026-01-11T10:33:47.827185-08:00","created_by":"alice",'
    b'"updated_at":"2026-01-12T09:00:00.5-08:00","closed_at":"2026-01-12T09:00:00.5-08:00",'
    b'"external_ref":"gh-9","labels":["auth","backend"],"dependencies":[{"issue_id":"bd-a3f8.1",'
    b'"depends_on_id":"bd-a3f8","type":"parent-child","created_at":"2026-01-11T10:33:48.1-08:00"}],'
    b'"comments":[{"id":7,"issue_id":"bd-a3f8.1","author":"bob","text":"repro\'d","created_at":"2026-01-11T11:00:00Z"}]'
    b"}\n"
)


def codes(raw: bytes) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in read(raw).problems]


def bead(id: str, **members: Any) -> bytes:
    return encode({"id": id, **members})


def beads(*ids: str) -> bytes:
    return b"".join(bead(id) for id in ids)


# -- reading -------------------------------------------------------------------------------------------------------


@given(
    st.binary() | st.text().map(str.encode) | st.lists(st.sampled_from([REAL, b"{", b"<<<<<<< x\n", b"\r\n", b"[]\n"]))
)
def test_no_byte_is_lost_and_nothing_raised(raw: bytes | list[bytes]) -> None:
    raw = raw if isinstance(raw, bytes) else b"".join(raw)
    document = read(raw)
    assert b"".join(line.raw for line in document.lines) == raw
    assert [line.number for line in document.lines] == list(range(1, len(document.lines) + 1))
    reported = {problem.line for problem in document.problems}
    assert all(line.number in reported for line in document.lines if line.kind in (Kind.BROKEN, Kind.MARKER))


def test_a_line_is_its_record_and_its_bytes() -> None:
    (line,) = read(REAL).lines
    assert (line.kind, line.id, line.raw) == (Kind.BEAD, "bd-a3f8.1", REAL)
    assert line.record == json.loads(REAL)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"id":"a"\n{"id":"b"}\n', "not_json"),
        (b'{"id":"b"}\n{"id":"a', "torn"),
        (b"[1]\n", "not_an_object"),
        (b"3", "not_an_object"),
        (b'{"title":"x"}\n', "no_id"),
        (b'{"id":""}\n', "no_id"),
        (b'{"id":7}\n', "no_id"),
        (b'{"id":null}\n', "no_id"),
        (b'{"id":"\xff"}\n', "invalid_utf8"),
        (b'{"id":"a","x":NaN}\n', "not_a_number"),
        (b'{"id":"a","x":[-Infinity]}\n', "not_a_number"),
        (b'{"id":"a","x":' + b"[" * 70 + b"]" * 70 + b"}\n", "too_deep"),
        (b'{"id":"a","x":' + b"[" * 100_000, "too_deep"),
        (b'{"id":"a","x":1e99999999999999999999}\n', "not_json"),
        (b"\0\0\0\n", "not_json"),
    ],
)
def test_a_line_that_cannot_be_read_is_reported_and_kept(raw: bytes, code: str) -> None:
    document = read(raw)
    assert [problem.code for problem in document.problems] == [code]
    assert [line.raw for line in document.lines if line.kind is Kind.BROKEN] == [
        document.lines[document.problems[0].line - 1].raw
    ]


def test_a_line_that_is_too_long_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = bead("a")
    monkeypatch.setattr(jsonl, "MAX_LINE", len(raw))
    assert codes(raw + raw[:-1] + b" \n") == [(2, "too_long")]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'\xef\xbb\xbf{"id":"a"}\n', "byte_order_mark"),
        (b'{"id":"a","x":1,"x":2}\n', "duplicate_key"),
        (b'{"id":"a","x":{"y":1,"y":1}}\n', "duplicate_key"),
        (b'{"id":"a","x":"\\ud800"}\n', "lone_surrogate"),
        (b'{"id":"a","x":"\\uDC00"}\n', "lone_surrogate"),
    ],
)
def test_a_line_that_is_odd_is_read_and_reported(raw: bytes, code: str) -> None:
    assert codes(raw) == [(1, code)]
    assert list(read(raw).counted) == ["a"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id":"a"}\r\n', b'{"id":"a"}', b' {"id": "a"} \n', b'{"id":"a","x":"<&>"}\n',
        b'{"id":"a","x":"\\ud83d\\ude00"}\n',
        b'{"id":"a","x":"\\\\ud800"}\n', b'{"_type":"issue","id":"a"}\n', b'{"id":"a","x":"' + b"[{" * 99 + b'"}\n',
    ],
)  # fmt: skip
def test_other_writers_are_understood(raw: bytes) -> None:
    assert codes(raw) == []
    assert list(read(raw).counted) == ["a"]


def test_memories_blank_lines_and_other_types_are_told_apart() -> None:
    raw = b'{"_type":"memory","key":"k","value":"v"}\n\n \r\n{"_type":"event","id":"a"}\n{"_type":3}\n'
    assert [line.kind for line in read(raw).lines] == [Kind.MEMORY, Kind.BLANK, Kind.BLANK, Kind.OTHER, Kind.OTHER]
    assert read(raw).problems == ()
    assert read(raw).counted == {}


def test_both_sides_of_a_conflict_are_read_and_its_base_does_not_count() -> None:
    raw = (
        bead("a") + b"<<<<<<< HEAD\n" + bead("b") + b"||||||| 1234\n" + bead("c") + b"=======\n" + bead("d")
        + b">>>>>>> other\r\n" + bead("e")
    )  # fmt: skip
    document = read(raw)
    assert list(document.counted) == ["a", "b", "d", "e"]
    assert codes(raw) == [(n, "conflict_marker") for n in (2, 4, 6, 8)]
    sides = [line.side for line in document.lines if line.kind is Kind.BEAD]
    assert sides == [Side.NONE, Side.OURS, Side.BASE, Side.THEIRS, Side.NONE]


def test_a_marker_outside_a_conflict_hides_nothing() -> None:
    assert list(read(b"||||||| x\n" + beads("a") + b"=======\n" + beads("b")).counted) == ["a", "b"]


def test_of_repeated_ids_the_newest_counts_and_every_line_is_reported() -> None:
    old, new = {"updated_at": "2026-01-01T00:00:00Z"}, {"updated_at": "2026-01-01T01:00:00+00:30"}
    document = read(bead("a", **new) + bead("a", **old) + bead("b", n=1) + bead("b", n=2))
    assert {id: line.number for id, line in document.counted.items()} == {"a": 1, "b": 4}
    assert [(problem.line, problem.code) for problem in document.problems] == [
        (n, "duplicate_id") for n in (1, 2, 3, 4)
    ]
    assert "a is on lines 1, 2, and line 1 counts" in document.problems[0].sentence
    assert [line.number for line in document.repeated["b"]] == [3, 4]


def test_every_problem_is_a_sentence_with_a_hint() -> None:
    for code, (sentence, hint) in jsonl.PROBLEMS.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]+", code)
        assert sentence
        assert hint.endswith(".")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.10", 1.1), ("-0.5e3", -500.0), ("7", 7), ("12345678901234567890", 12345678901234567890),
        ("1e400", Decimal("1e400")), ("0.12345678901234567890", Decimal("0.12345678901234567890")),
        ("9" * 5000, Decimal("9" * 5000)),
    ],
)  # fmt: skip
def test_numbers_are_exact(text: str, value: object) -> None:
    (line,) = read(f'{{"id":"a","n":{text}}}\n'.encode()).lines
    assert line.record is not None
    assert line.record["n"] == value
    assert type(line.record["n"]) is type(value)
    assert Decimal(json.loads(encode(line.record), parse_float=Decimal, parse_int=Decimal)["n"]) == Decimal(text)
    assert reencode({**line.record, "x": 1}, line.raw) == line.raw[:-2] + b',"x":1}\n'


# -- writing -------------------------------------------------------------------------------------------------------


def test_a_real_line_is_written_byte_for_byte() -> None:
    assert encode(json.loads(REAL)) == REAL
    assert encode(dict(reversed(json.loads(REAL).items()))) == REAL


def test_strings_are_escaped_as_go_does() -> None:
    raw = encode({"id": '<a>&\u2028\u2029é\U0001f600\x00\x1f\x7f\n\t"\\/'})
    assert raw == (
        '{"id":"\\u003ca\\u003e\\u0026\\u2028\\u2029é\U0001f600\\u0000\\u001f\x7f\\n\\t\\"\\\\/"}\n'.encode()
    )


def test_unknown_keys_stand_last_in_their_order_and_removed_ones_where_they_were() -> None:
    record = {"zeta": 1, "holder": "h", "alpha": 2, "deleted_at": "d", "content_hash": "c", "sender": "s", "id": "a"}
    assert list(json.loads(encode(record))) == ["id", "content_hash", "deleted_at", "sender", "holder", "zeta", "alpha"]
    assert len(set(KEYS)) == len(KEYS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEY = st.sampled_from(["title", "status", "priority", "labels", "metadata", "unknown", "created_by", "ü"]) | st.text()
records = st.dictionaries(KEY, json_values, max_size=6).map(lambda members: {**members, "id": "bd-1"})
odd_text = st.text(st.characters() | st.characters(categories=["Cs"]))


@given(records)
def test_what_is_written_is_read_again(record: dict[str, Any]) -> None:
    (line,) = read(encode(record)).lines
    assert line.record == record
    assert not re.search("[<>&\u2028\u2029]", encode(record).decode())


@given(odd_text)
def test_halves_of_surrogate_pairs_survive(text: str) -> None:
    record = {"id": "a", "x": text}
    assert json.loads(encode(record)) == json.loads(json.dumps(record))
    assert jsonl.same(record, json.loads(json.dumps(record)))
    assert json.loads(reencode({**record, "n": 1}, encode(record))) == json.loads(json.dumps({**record, "n": 1}))


def test_half_a_surrogate_pair_is_written_as_an_escape() -> None:
    record = {"x": ["<\ud800", Decimal("1e400"), 1.5], "id": "a"}
    assert encode(record) == b'{"id":"a","x":["\\u003c\\ud800",1E+400,1.5]}\n'
    assert jsonl.canonical(record) == jsonl.canonical(dict(reversed(record.items())))


@given(json_values, json_values)
def test_canonical_bytes_are_equal_exactly_for_equal_values(a: Any, b: Any) -> None:
    spelled = [json.dumps(one, sort_keys=True) for one in (a, b)]
    assert (jsonl.canonical(a) == jsonl.canonical(b)) == (spelled[0] == spelled[1])
    assert jsonl.same(a, json.loads(spelled[0]))


STYLES: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "go": lambda record: encode(record),
    "crlf": lambda record: encode(record)[:-1] + b"\r\n",
    "no end": lambda record: encode(record)[:-1],
    "python": lambda record: json.dumps(record).encode() + b"\n",
    "python, not ascii": lambda record: json.dumps(record, ensure_ascii=False).encode() + b"\n",
    "rust": lambda record: json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n",
}
TELLING = {"id": "bd-1", "title": "<é>", "status": "open", "x": [1, {"y": "ü<"}]}
"""A record of which every style can be told."""


@pytest.mark.parametrize("style", STYLES)
def test_a_changed_line_is_spelled_like_the_line_it_was(style: str) -> None:
    write = STYLES[style]
    changed = {**TELLING, "status": "<clösed>", "x": [2, {"y": "&", "z": "é"}]}
    assert reencode(changed, write(TELLING)) == write(changed)


@given(records, st.sampled_from(list(STYLES)))
def test_a_line_without_a_change_is_the_same_bytes(record: dict[str, Any], style: str) -> None:
    raw = STYLES[style](record)
    assert reencode(json.loads(raw), raw) == raw


@given(records, records, st.sampled_from(list(STYLES)))
def test_a_changed_line_says_what_the_record_says(before: dict[str, Any], after: dict[str, Any], style: str) -> None:
    raw = reencode(after, STYLES[style](before))
    assert json.loads(raw) == after
    kept = [key for key in json.loads(STYLES[style](before)) if key in after]
    assert [key for key in json.loads(raw) if key in before] == kept


def test_values_that_did_not_change_keep_their_text() -> None:
    raw = (
        b' { "title":"\\u0041", "n" : 1.50e1,"id":"a", "gone":[ 1 ,2], "t":"2026-01-01T00:00:00.000000001+01:00" } \r\n'
    )
    after = {"id": "b", "n": 15.0, "title": "A", "t": "2026-01-01T00:00:00.000000001+01:00"}
    assert reencode(after, raw) == (
        b' { "title":"\\u0041", "n":1.50e1, "id":"b", "t":"2026-01-01T00:00:00.000000001+01:00" } \r\n'
    )


def test_new_keys_stand_where_the_struct_has_them() -> None:
    raw = b'{"id":"a","updated_at":"u","created_by":"c","zzz":1}\n'
    after = {**json.loads(raw), "new": 1, "assignee": "x", "closed_at": "t", "status": "s"}
    assert list(json.loads(reencode(after, raw))) == [
        "id", "status", "assignee", "updated_at", "closed_at", "created_by", "zzz", "new",
    ]  # fmt: skip


@pytest.mark.parametrize("like", [b"", b"[]\n", b"{", b"\xff", b'{"id":"a"} x\n', b'{"id":NaN}', b"[" * 100_000])
def test_a_line_that_is_no_object_is_not_followed(like: bytes) -> None:
    assert reencode({"id": "a"}, like) == b'{"id":"a"}\n'


def test_true_is_not_one() -> None:
    assert reencode({"id": "a", "x": True}, b'{"id":"a","x":1}') == b'{"id":"a","x":true}'


def test_a_line_can_be_made_of_a_record() -> None:
    assert jsonl.line({"id": "a"}) == Line(b'{"id":"a"}\n', {"id": "a"})
    assert jsonl.line({"id": "a"}, b'{"id": "a"}').raw == b'{"id": "a"}'


# -- order ---------------------------------------------------------------------------------------------------------

V1 = (
    bead("z", priority=0, created_at="2026-01-01T00:00:00Z"),
    bead("y", priority=1, created_at="2026-01-02T00:00:00+01:00"),
    bead("b", priority=1, created_at="2026-01-01T22:00:00Z"),
    bead("c", priority=1, created_at="2026-01-01T22:00:00Z"),
    bead("a", priority=0, created_at="2026-01-01T00:00:00Z", no_history=True),
)


@pytest.mark.parametrize(
    ("raw", "order"),
    [
        (b"", Order.BY_ID),
        (beads("a", "a.1", "b", "é"), Order.BY_ID),
        (b"".join(V1), Order.BY_PRIORITY),
        (beads("b", "a", "c"), Order.AS_IT_WAS),
    ],
)
def test_the_order_of_a_file_is_recognised(raw: bytes, order: Order) -> None:
    assert order_of(read(raw).lines) is order


def current(raw: bytes) -> list[Line]:
    return list(read(raw).counted.values())


@pytest.mark.parametrize("order", [None, *Order])
def test_a_file_whose_beads_did_not_change_comes_back_as_it_was(order: Order | None) -> None:
    raw = (
        b"\xef\xbb\xbf\n" + beads("c", "a", "c") + b"torn\n" + beads("b")
        + b'{"_type":"memory"}\r\n' + beads("d")[:-1]
    )  # fmt: skip
    assert b"".join(arrange(read(raw).lines, reversed(current(raw)), order)) == raw


def test_a_new_bead_stands_where_its_id_belongs() -> None:
    former = read(beads("b", "d")).lines
    assert b"".join(arrange(former, current(beads("d", "e", "c", "b", "a")))) == beads("a", "b", "c", "d", "e")
    assert b"".join(arrange((), current(beads("b", "a")))) == beads("a", "b")


def test_in_a_file_without_order_nothing_moves() -> None:
    former = read(beads("d", "b", "a3")).lines
    now = current(beads("a", "a3", "a3.1", "b", "c", "d", "e"))
    assert b"".join(arrange(former, now)) == beads("a", "d", "e", "b", "c", "a3", "a3.1")


def test_a_bead_moves_with_its_priority() -> None:
    former = read(b"".join(V1)).lines
    now = {line.id: line for line in former} | {"c": jsonl.line({"id": "c", "priority": 0})}
    moved = [line.id for line in read(b"".join(arrange(former, now.values()))).lines]
    assert moved == ["z", "c", "y", "b", "a"]


def test_a_change_heals_the_file_and_keeps_what_is_no_bead() -> None:
    memory = b'{"_type":"memory","key":"k","value":"v"}\n'
    raw = (
        b"\n" + beads("a") + b"torn\n" + b"<<<<<<< x\n" + bead("b", n=1) + b"||||||| y\n" + bead("b", n=0)
        + b"=======\n" + bead("b", n=2) + b">>>>>>> z\n" + memory
    )  # fmt: skip
    now = [*current(raw), jsonl.line({"id": "c"})]
    assert b"".join(arrange(read(raw).lines, now)) == (
        b"\n" + beads("a") + b"torn\n" + bead("b", n=2) + beads("c") + memory
    )


def test_beads_that_went_take_only_themselves_away() -> None:
    former = read(beads("a") + b"torn\n" + beads("b", "c")).lines
    assert b"".join(arrange(former, current(beads("a", "c")))) == beads("a") + b"torn\n" + beads("c")
    assert b"".join(arrange(former, ())) == b"torn\n"


def test_new_lines_end_as_the_others_do() -> None:
    former = read(b'{"id":"a"}\r\n{"id":"c"}').lines
    now = [*former, jsonl.line({"id": "b"}), jsonl.line({"id": "d"})]
    assert b"".join(arrange(former, now)) == b'{"id":"a"}\r\n{"id":"b"}\r\n{"id":"c"}\r\n{"id":"d"}\r\n'


ids = st.lists(st.text("ab.", min_size=1, max_size=3), max_size=8)


@given(ids, ids, st.sampled_from([None, *Order]))
def test_every_bead_of_today_stands_there_once(before: list[str], after: list[str], order: Order | None) -> None:
    former = read(b"\n".join(bead(id) for id in before)).lines
    raw = b"".join(arrange(former, (jsonl.line({"id": id, "x": 1}) for id in {*after}), order))
    assert sorted(line.id for line in read(raw).lines if line.kind is Kind.BEAD) == sorted({*after})
    assert raw.count(b"\n") >= len({*after})
