"""RFC 8785 JSON as others write it: key logs, credentials, DID documents.

Unlike `canon` it takes floats and any key, and it need not be canonical to be read. Slower, and kept off the
ingest path: `rfc8785` is imported here only.
"""

import json
from collections.abc import Iterable
from typing import Final, NoReturn, TypeAlias

import msgspec
import rfc8785

from stamps.canon import MAX_INT
from stamps.errors import CanonError, quoted

ForeignJson: TypeAlias = "dict[str, ForeignJson] | list[ForeignJson] | str | int | float | bool | None"

MAX_DEPTH: Final = 64
_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH}"

_encode_plain = msgspec.json.Encoder(order="sorted").encode


def jcs_encode(value: object) -> bytes:
    """Return the canonical bytes of `value` (RFC 8785 section 3.2).

    Raises:
        CanonError: `value` has no canonical form: NaN, an integer beyond 2^53 - 1, a lone surrogate, a type
            that JSON does not know, nested deeper than 64.
    """
    try:
        if _is_plain([value], MAX_DEPTH + 1):
            return _encode_plain(value)
        _check_depth(value)
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # it checks every type itself
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise CanonError(f"no canonical form: {error}") from error


def jcs_parse(raw: bytes, *, canonical: bool = False) -> ForeignJson:
    """Return the value that `raw` spells as I-JSON (RFC 7493).

    Args:
        raw: UTF-8 without byte order mark.
        canonical: Demand also that `raw` is exactly the RFC 8785 form.

    Raises:
        CanonError: not JSON, a key twice, NaN or an infinity, an integer beyond 2^53 - 1, a lone surrogate,
            nested deeper than 64, or not canonical where that is demanded.
    """
    value = _decoded(raw)
    # Encoding refuses what the parser lets through: surrogates, numbers out of range, depth.
    if jcs_encode(value) != raw and canonical:
        raise CanonError("the JSON is not in canonical form")
    return value


def _decoded(raw: bytes) -> ForeignJson:
    try:
        value: ForeignJson = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_members,
            parse_constant=_no_constant,
        )
    except ValueError as error:
        raise CanonError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise CanonError(_TOO_DEEP) from error
    return value


def _members(pairs: list[tuple[str, ForeignJson]]) -> dict[str, ForeignJson]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {quoted(next(n for n in members if names.count(n) > 1))} stands twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _is_plain(container: dict[str, object] | list[object], depth: int) -> bool:
    """Say whether msgspec's sorted form of the members is that of RFC 8785, which it writes ten times faster.

    It is where no number is a float or too large, and where the order of keys is the same by UTF-8 and by
    UTF-16; nearly every key log and credential is such.
    """
    if depth == 0:
        return False
    if type(container) is dict and not all(type(name) is str and name.isascii() for name in container):
        return False
    for member in container.values() if type(container) is dict else container:
        kind = type(member)
        if kind is dict or kind is list:
            if not _is_plain(member, depth - 1):  # type: ignore[arg-type]  # narrowed by `kind`, for speed
                return False
        elif kind is int:
            if not -MAX_INT <= member <= MAX_INT:  # type: ignore[operator]
                return False
        elif kind is not str and kind is not bool and member is not None:
            return False
    return True


def _check_depth(value: object) -> None:
    """Refuse what would make the recursive encoder overflow, without recursing."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [member for container in level for member in _containers(container)]
        if not level:
            return
    raise CanonError(_TOO_DEEP)


def _containers(value: object) -> Iterable[object]:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [member for member in members if isinstance(member, (dict, list, tuple))]
