"""Reading a dump of the reference's commons: its tables, whichever way they were written out.

1. One JSON object of arrays (what its server gives out), a folder of CSV or JSON tables, or SQL with `INSERT`s.
2. Values are text, as every way of writing them can hold; an empty one, NULL or an absent one are the same.
3. What names a person outside the commons is left out here, before anything else sees it: the columns that hold
   addresses, and e-mail addresses wherever they stand.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from wanted.errors import BundleError
from wanted.ops.legacy import SOURCE_LENGTH

TABLES: Mapping[str, str] = {
    "rigs": "rig", "wanted": "wanted", "completions": "completion", "stamps": "stamp", "badges": "badge",
}  # fmt: skip
_KEYS: Mapping[str, str] = {"rig": "handle"}
_PRIVATE = frozenset(("owner_email", "hop_uri"))
_TEXTS = frozenset(("title", "description", "evidence", "message"))
"""Columns that hold people's words: they become the body, which can be erased."""
_GT_COLUMNS = frozenset(("stamp_type", "pilot_cohort", "stamp_index"))
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_NAME = re.compile("[a-z][a-z0-9_]*")
_VALUE_LENGTH = 2000
_TEXT_LENGTH = 64 * 1024
GONE = "(e-mail address left out)"

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]


class Record(NamedTuple):
    """A row, ready to be brought in."""

    kind: str
    id: str
    client: str
    fields: tuple[tuple[str, str], ...]
    texts: Mapping[str, str]


class Read(NamedTuple):
    """What a dump holds, and what of it is left out, each with the reason."""

    records: tuple[Record, ...]
    left_out: tuple[str, ...]


def records(tables: Tables, client: str | None = None) -> Read:
    """Return the rows of a dump, in an order that depends on nothing but them.

    Args:
        tables: Table → rows.
        client: Whose tables they are; None finds out by the columns that only one client has.
    """
    found: dict[tuple[str, str], Record] = {}
    left_out: list[str] = []
    for table, kind in TABLES.items():
        for number, row in enumerate(tables.get(table, ()), 1):
            key = row.get(_KEYS.get(kind, "id"), "").strip()
            if not key or len(key) > SOURCE_LENGTH or not key.isprintable():
                left_out.append(f"{table}, row {number}: it has no id that could be kept")
            elif (kind, key) in found:
                left_out.append(f"{table}, row {number}: {key} is there twice; the first is kept")
            else:
                found[kind, key] = _record(kind, key, row, client or _client(row))
    left_out += [f"{name}: not a table that is read" for name in sorted(tables) if tables[name] and name not in TABLES]
    return Read(tuple(found[each] for each in sorted(found)), tuple(left_out))


def _record(kind: str, key: str, row: Row, client: str) -> Record:
    kept = {name: _without_addresses(value) for name, value in row.items() if value and name not in _PRIVATE}
    texts = {name: value[:_TEXT_LENGTH] for name, value in kept.items() if name in _TEXTS}
    short = {name: value[:_VALUE_LENGTH] for name, value in kept.items() if name not in texts and _NAME.fullmatch(name)}
    short.pop(_KEYS.get(kind, "id"), None)
    return Record(kind, key, client, tuple(sorted(short.items())), texts)


def _without_addresses(value: str) -> str:
    # A lone surrogate, as JSON can spell one, is no text that could be signed.
    return _EMAIL.sub(GONE, value.encode(errors="replace").decode())


def _client(row: Row) -> str:
    return "gt" if any(row.get(name) for name in _GT_COLUMNS) else "wl"


# -- ways of writing a table -------------------------------------------------------------------------------------------


def from_json(raw: str) -> Tables:
    """Read an object of arrays, or of objects with an array `rows`.

    Raises:
        BundleError: It is something else.
    """
    try:
        whole = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleError("format", f"not JSON: {error}") from None
    if not isinstance(whole, dict):
        raise BundleError("format", "not a dump: it should be an object of tables")
    return {str(name): _json_rows(rows) for name, rows in whole.items() if isinstance(rows, list | dict)}


def table_from_json(raw: str) -> Sequence[Row]:
    """Read one table: an array of rows, or an object with an array `rows`.

    Raises:
        BundleError: It is something else.
    """
    try:
        return _json_rows(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise BundleError("format", f"not JSON: {error}") from None


def table_from_csv(lines: Iterable[str]) -> Sequence[Row]:
    """Read one table with a line of names.

    Raises:
        BundleError: It is no such table.
    """
    try:
        return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(lines)]
    except csv.Error as error:
        raise BundleError("format", f"not a table: {error}") from None


def from_sql(raw: str) -> Tables:
    """Read the `INSERT`s of a dump in MySQL's dialect; names of columns come from there or from `CREATE TABLE`.

    Raises:
        BundleError: An `INSERT` does not end, or has other columns than its table.
    """
    columns: dict[str, list[str]] = {}
    tables: dict[str, list[Row]] = {}
    for statement in _statements(raw):
        table, names, rows = _insert(statement) or (_created(statement, columns), [], [])
        for values in rows:
            named = names or columns.get(table, [])
            if len(named) != len(values):
                raise BundleError("format", f"a row of {table} has {len(values)} values for {len(named)} columns")
            tables.setdefault(table, []).append(dict(zip(named, values, strict=True)))
    return tables


def _json_rows(rows: Any) -> Sequence[Row]:
    listed = rows.get("rows", []) if isinstance(rows, dict) else rows
    if not isinstance(listed, list):
        raise BundleError("format", "a table is no array of rows")
    return [{str(name): _text(value) for name, value in row.items()} for row in listed if isinstance(row, dict)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/|\#[^\n]*)|(?P<text>'(?:[^'\\]|\\.|'')*')|(?P<name>`(?:[^`]|``)*`)
    |(?P<word>[^\s'`(),;]+)|(?P<mark>[(),;])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "Z": "\x1a"}
Tokens = list[tuple[str, str]]


def _statements(raw: str) -> Iterator[Tokens]:
    tokens: Tokens = []
    at = 0
    while at < len(raw):
        found = _TOKEN.match(raw, at)
        if found is None:
            raise BundleError("format", f"a text that does not end, after {raw[max(0, at - 30) : at]!r}")
        at = found.end()
        if found["mark"] == ";":
            yield tokens
            tokens = []
        elif found.lastgroup and found.lastgroup != "space":
            tokens.append((found.lastgroup, found.group()))
    yield tokens


def _insert(tokens: Tokens) -> tuple[str, list[str], list[list[str]]] | None:
    """Return table, names of columns and rows of an `INSERT`; None for any other statement."""
    words = [text.upper() for _, text in tokens[:4]]
    if words[:1] not in (["INSERT"], ["REPLACE"]) or "INTO" not in words:
        return None
    at = words.index("INTO") + 1
    table = _unquoted(tokens[at][1]) if at < len(tokens) else ""
    groups = _groups(tokens[at + 1 :])
    is_named = len(tokens) > at + 1 and tokens[at + 1][1] == "("
    names = groups.pop(0) if is_named and groups else []
    return table, names, groups


def _groups(tokens: Tokens) -> list[list[str]]:
    """Return what stands between brackets, value by value."""
    groups: list[list[str]] = []
    depth = 0
    for kind, text in tokens:
        if text == "(" and kind == "mark":
            depth += 1
            if depth == 1:
                groups.append([])
        elif text == ")" and kind == "mark":
            depth -= 1
        elif depth == 1 and kind != "mark":
            groups[-1].append(_value(kind, text))
    return groups


def _value(kind: str, text: str) -> str:
    if kind == "text":
        inner = text[1:-1].replace("''", "'")
        return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner, flags=re.DOTALL)
    return "" if text.upper() == "NULL" else _unquoted(text)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("``", "`") if text.startswith("`") else text


def _created(tokens: Tokens, columns: dict[str, list[str]]) -> str:
    """Note the columns of a `CREATE TABLE`."""
    words = [text.upper() for _, text in tokens[:2]]
    first = next((n for n, (kind, _) in enumerate(tokens) if kind == "name"), None)
    if words != ["CREATE", "TABLE"] or first is None:
        return ""
    table = _unquoted(tokens[first][1])
    depth, starts = 0, False
    for kind, text in tokens[first + 1 :]:
        if kind == "name" and depth == 1 and starts:
            columns.setdefault(table, []).append(_unquoted(text))
        starts = text in ("(", ",") and depth <= 1
        depth += (text == "(") - (text == ")")
        starts = starts and depth == 1
    return table
