"""RFC 8785 for what others write."""

import json
import math
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import rfc8785
from hypothesis import given, settings

from stamps.errors import CanonError
from stamps.jcs import jcs_encode, jcs_parse

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["@id", "z9", "A_"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.floats(1 - 2**53, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(values)
@settings(deadline=None, max_examples=400)
def test_bytes_are_those_of_the_reference(value: Any) -> None:
    assert jcs_encode(value) == rfc8785.dumps(value)


@given(values)
@settings(deadline=None, max_examples=200)
def test_what_is_encoded_reads_back(value: Any) -> None:
    raw = jcs_encode(value)
    assert jcs_parse(raw, canonical=True) == value
    assert jcs_encode(json.loads(raw)) == raw


def test_the_published_examples(vectors: Path) -> None:
    folder = vectors / "jcs-rfc8785"
    for path in sorted((folder / "input").glob("*.json")):
        expected = (folder / "output" / path.name).read_bytes().strip()
        assert jcs_encode(jcs_parse(path.read_bytes())) == expected, path.name
        assert jcs_parse(expected, canonical=True) is not None


def test_white_space_is_read_unless_canonical_form_is_demanded() -> None:
    assert jcs_parse(b' { "b" : 1, "a" : 2.0 }\n') == {"b": 1, "a": 2.0}
    with pytest.raises(CanonError, match="canonical form"):
        jcs_parse(b'{ "a":1}', canonical=True)


def test_keys_are_ordered_by_utf_16() -> None:
    assert jcs_encode({"\ue000": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ue000":1}'.encode()


REFUSED = {
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a key twice": b'{"a":1,"a":2}',
    "a key twice, deep inside": b'[{"x":{"a":1,"\\u0061":2}}]',
    "NaN": b"[NaN]",
    "Infinity": b"[-Infinity]",
    "a number beyond a double": b"1e400",
    "2^53": b"9007199254740992",
    "a whole float beyond 2^53, as RFC 8785 writes it": jcs_encode(1e20),
    "an integer of 5000 digits": b"9" * 5000,
    "a lone surrogate": b'"\\udc00"',
    "a lone surrogate in a key": b'{"\\ud800":1}',
    "invalid UTF-8": b'"\xff"',
    "a raw control character": b'"\n"',
    "65 levels": b"[" * 65 + b"]" * 65,
    "100 000 levels": b"[" * 100_000 + b"]" * 100_000,
    "100 000 levels, never closed": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_parse_refuses(raw: bytes) -> None:
    with pytest.raises(CanonError):
        jcs_parse(raw)


def test_64_levels_are_read() -> None:
    raw = b'{"a":' * 32 + b"[" * 32 + b"]" * 32 + b"}" * 32
    assert jcs_encode(jcs_parse(raw, canonical=True)) == raw


def deep_tuple() -> object:
    value: object = ()
    for _ in range(5000):
        value = (value,)
    return value


UNENCODABLE: dict[str, Any] = {
    "NaN": math.nan,
    "infinity": math.inf,
    "2^53": 2**53,
    "a lone surrogate": "\ud800",
    "a lone surrogate in a key": {"\ud800": 1},
    "a key that is a number": {1: 1},
    "bytes": b"x",
    "5000 tuples": deep_tuple(),
}


@pytest.mark.parametrize("value", UNENCODABLE.values(), ids=UNENCODABLE.keys())
def test_encode_refuses(value: Any) -> None:
    with pytest.raises(CanonError):
        jcs_encode(value)


def test_no_file_that_must_not_parse_is_parsed(vectors: Path) -> None:
    parsed = []
    for path in (vectors / "json-test-suite" / "test_parsing").glob("n_*.json"):
        try:
            jcs_parse(path.read_bytes())
        except CanonError:
            continue
        parsed.append(path.name)
    assert parsed == []


def test_files_that_must_parse_do_save_those_that_are_not_i_json(vectors: Path) -> None:
    refused = set()
    for path in (vectors / "json-test-suite" / "test_parsing").glob("y_*.json"):
        try:
            jcs_parse(path.read_bytes())
        except CanonError:
            refused.add(path.name)
    assert refused == {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}
