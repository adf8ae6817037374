"""wl-json: one value, one sequence of bytes, held against rfc8785 as oracle."""

import enum
import time
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import rfc8785
from hypothesis import given, settings

from stamps import canon
from stamps.errors import CanonError

# Every escape JSON knows, DEL, C1, line separators, the ends of the BMP and of Unicode.
ODD_TEXT = "".join(map(chr, range(0x20))) + '"\\/\x7f\x80\x9f\u2028\u2029\ud7ff\ue000\ufeff\uffff\U0001f600\U0010ffff'

keys = st.from_regex("[a-z][a-z0-9_]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(list(ODD_TEXT))
scalars = st.none() | st.booleans() | st.integers(-canon.MAX_INT, canon.MAX_INT) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
).filter(lambda value: depth(value) <= canon.MAX_DEPTH)
anything = st.recursive(
    scalars | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


def depth(value: object) -> int:
    members = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(depth, members), default=0)


def nest(levels: int) -> Any:
    value: Any = 7
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def in_profile(value: object) -> bool:
    if isinstance(value, dict):
        return all(k.isascii() and k[:1].islower() and not set(k) - set(KEY_LETTERS) for k in value) and all(
            map(in_profile, value.values())
        )
    if isinstance(value, list):
        return all(map(in_profile, value))
    if isinstance(value, int):
        return abs(value) < 2**53
    return not isinstance(value, float) and not (
        isinstance(value, str) and any(0xD800 <= ord(c) < 0xE000 for c in value)
    )


KEY_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_"


@given(values)
@settings(deadline=None, max_examples=400)
def test_bytes_are_those_of_rfc_8785_and_read_back(value: Any) -> None:
    raw = canon.encode(value)
    assert raw == rfc8785.dumps(value)
    assert canon.parse(raw) == value


@given(anything)
@settings(deadline=None, max_examples=400)
def test_encode_takes_exactly_the_profile(value: Any) -> None:
    if in_profile(value) and depth(value) <= canon.MAX_DEPTH:
        assert canon.encode(value) == rfc8785.dumps(value)
    else:
        with pytest.raises(CanonError):
            canon.encode(value)


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:0123456789aeE+-.\\u \n', max_size=24).map(str.encode))
@settings(deadline=None, max_examples=600)
def test_parse_takes_canonical_bytes_or_says_canon_error(raw: bytes) -> None:
    try:
        value: Any = canon.parse(raw)
    except CanonError:
        return
    assert rfc8785.dumps(value) == raw


@pytest.mark.parametrize("letter", list(ODD_TEXT), ids=lambda letter: f"U+{ord(letter):04X}")
def test_each_odd_letter_is_written_as_in_rfc_8785(letter: str) -> None:
    raw = rfc8785.dumps([letter])
    assert canon.encode([letter]) == raw
    assert canon.parse(raw) == [letter]


REFUSED_BYTES = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a space before": b" {}",
    "a line feed after": b"{}\n",
    "a space inside": b'{"a": 1}',
    "a key twice": b'{"a":1,"a":1}',
    "a key twice, spelled otherwise": b'{"a":1,"\\u0061":1}',
    "keys out of order": b'{"b":1,"a":1}',
    "a float": b"1.5",
    "a float that is whole": b"1.0",
    "an exponent": b"1e2",
    "minus zero": b"-0",
    "a leading zero": b"01",
    "2^53": b"9007199254740992",
    "-2^53": b"-9007199254740992",
    "an integer beyond 64 bits": b"18446744073709551616",
    "an integer of 5000 digits": b"9" * 5000,
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "an upper-case key": b'{"A":1}',
    "an empty key": b'{"":1}',
    "a key that begins with a digit": b'{"1a":1}',
    "a key outside ASCII": '{"é":1}'.encode(),
    "a key with a line feed after": b'{"a\\n":1}',
    "a lone surrogate, escaped": b'"\\ud800"',
    "a surrogate pair, escaped": b'"\\ud83d\\ude00"',
    "a lone surrogate, raw": b'"\xed\xa0\x80"',
    "an overlong slash": b'"\xc0\xaf"',
    "a solidus, escaped": b'"\\/"',
    "an escape in upper case": b'"\\u001F"',
    "an escape that is not needed": b'"\\u0061"',
    "a raw control character": b'"\x01"',
    "a trailing comma": b"[1,]",
    "two values": b"1 2",
    "nine levels": rfc8785.dumps(nest(9)),
}


@pytest.mark.parametrize("raw", REFUSED_BYTES.values(), ids=REFUSED_BYTES.keys())
def test_parse_refuses(raw: bytes) -> None:
    with pytest.raises(CanonError):
        canon.parse(raw)


class Colour(enum.StrEnum):
    RED = "red"


REFUSED_VALUES: dict[str, Any] = {
    "a float": 1.0,
    "bytes": b"x",
    "a tuple": (1, 2),
    "a set": [{1}],
    "a key that is a number": {1: 2},
    "a subclass of str": Colour.RED,
    "a lone surrogate": ["\ud800"],
    "nine levels": nest(9),
}


@pytest.mark.parametrize("value", REFUSED_VALUES.values(), ids=REFUSED_VALUES.keys())
def test_encode_refuses(value: Any) -> None:
    with pytest.raises(CanonError):
        canon.encode(value)


def test_encode_refuses_a_value_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(CanonError):
        canon.encode(loop)


@pytest.mark.parametrize("value", [nest(8), canon.MAX_INT, -canon.MAX_INT, {}, [], "", 0, True, None])
def test_the_edge_of_the_profile_is_inside(value: Any) -> None:
    assert canon.parse(canon.encode(value)) == value


HOSTILE = {
    "100 000 arrays": b"[" * 100_000 + b"]" * 100_000,
    "100 000 arrays, never closed": b"[" * 100_000,
    "100 000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "500 arrays": b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_deep_nesting_is_refused_at_once(raw: bytes) -> None:
    start = time.process_time()
    with pytest.raises(CanonError, match="nested deeper than 8"):
        canon.parse(raw)
    assert time.process_time() - start < 0.25


def test_no_file_that_must_not_parse_is_parsed(vectors: Path) -> None:
    parsed = [
        path.name
        for path in (vectors / "json-test-suite" / "test_parsing").glob("n_*.json")
        if parses(path.read_bytes())
    ]
    assert parsed == []


def test_what_of_the_test_suite_parses_is_canonical(vectors: Path) -> None:
    files = [path.read_bytes() for path in (vectors / "json-test-suite" / "test_parsing").glob("y_*.json")]
    accepted = [raw for raw in files if parses(raw)]
    assert accepted
    assert all(rfc8785.dumps(canon.parse(raw)) == raw for raw in accepted)


def parses(raw: bytes) -> bool:
    try:
        canon.parse(raw)
    except CanonError:
        return False
    return True


FORBIDDEN = {
    *range(0x20),
    *range(0x7F, 0xA0),
    0x61C,
    0x200E,
    0x200F,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
}


def test_a_line_refuses_exactly_the_listed_code_points() -> None:
    every = (chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    assert {ord(letter) for letter in every if not canon.is_line(f"a{letter}b")} == FORBIDDEN
    assert canon.is_line("")
