"""Canonical JSON in the `wl-json` profile (protocol, section 4): one value, one sequence of bytes.

1. Objects, arrays, strings, true, false, null, and integers within ±(2^53 - 1). No floats.
2. Keys are ASCII and match `[a-z][a-z0-9_]*`; no key stands twice.
3. UTF-8 without byte order mark; no lone surrogates.
4. At most `MAX_DEPTH` containers inside one another: a scalar has depth 0, `{}` and `[]` have depth 1.
5. Bytes as in RFC 8785: keys sorted, no white space, shortest escapes.

Under rules 1 and 2 msgspec's sorted encoder writes RFC 8785 bytes (the tests hold it against `rfc8785`). So
reading is: decode in C, walk the value once for rules 1, 2 and 4, encode again, compare. A second key, a
`-0`, a spare space or another escape cannot survive the comparison, and no grammar is written here a second
time.

This is the ingest path; a header of 500 bytes takes a few microseconds. RFC 8785 without the profile is in
`jcs`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

from stamps.errors import CanonError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

MAX_DEPTH: Final = 8
MAX_INT: Final = 2**53 - 1

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode
_KEY = re.compile("[a-z][a-z0-9_]*")

# What can make one line look like two, or like another one: C0, C1, line and paragraph separators, bidi
# controls.
_breaks_line = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]").search


def encode(value: object) -> bytes:
    """Return the canonical bytes of `value`.

    Raises:
        CanonError: `value` lies outside the profile.
    """
    _check_members([value], MAX_DEPTH + 1)
    try:
        return _encode(value)
    except UnicodeEncodeError as error:
        raise CanonError("a string holds a lone surrogate") from error


def parse(raw: bytes) -> Json:
    """Return the value whose canonical bytes are exactly `raw`.

    Raises:
        CanonError: `raw` is not JSON, not canonical, or lies outside the profile.
    """
    value = _decoded(raw)
    _check_members([value], MAX_DEPTH + 1)
    if _encode(value) != raw:
        raise CanonError("the JSON is not in canonical form")
    return value


def is_line(text: str) -> bool:
    """Say whether `text` holds none of the code points that a one-line field refuses (protocol, section 4).

    The set is fixed by number, never by a Unicode property: tables differ between Python releases.
    """
    return _breaks_line(text) is None


def _decoded(raw: bytes) -> Json:
    try:
        value: Json = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CanonError(f"not JSON: {error}") from error
    except RecursionError as error:
        # msgspec counts its own nesting and gives up in C within microseconds, whatever the length of `raw`.
        raise CanonError(f"nested deeper than {MAX_DEPTH}") from error
    return value


def _check_members(container: dict[str, object] | list[object], depth: int) -> None:
    """Hold the members of a container against rules 1, 2 and 4; `depth` is how many levels may still open.

    One loop with the commonest type first: three quarters of the time of `parse` goes here.
    """
    if depth == 0:
        raise CanonError(f"nested deeper than {MAX_DEPTH}")
    for member in _values(container) if type(container) is dict else container:
        kind = type(member)
        if kind is str:
            continue
        if kind is dict or kind is list:
            _check_members(member, depth - 1)  # type: ignore[arg-type]  # narrowed by `kind`, for speed
        elif kind is int:
            if not -MAX_INT <= member <= MAX_INT:  # type: ignore[operator]
                raise CanonError("an integer lies beyond 2^53 - 1")
        elif member is not None and kind is not bool:
            raise CanonError(f"{kind.__name__} is outside the profile")


@lru_cache(4096)
def _is_key(name: str) -> bool:
    # Names recur in every operation: remembering a bounded number of them takes a third off the walk.
    return _KEY.fullmatch(name) is not None


def _values(members: dict[str, object]) -> Iterable[object]:
    try:
        names_fit = all(map(_is_key, members))
    except TypeError as error:
        raise CanonError("a key is not a string") from error
    if not names_fit:
        raise CanonError("a key does not match [a-z][a-z0-9_]*")
    return members.values()
