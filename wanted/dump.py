"""Reading a dump of the reference's commons: its tables, whichever way they were written out.

1. One JSON object of arrays (what its server gives out), a folder of CSV or JSON tables, or SQL (`dump_sql`).
2. Values are text, as every way of writing them can hold; an empty one, NULL or an absent one are the same.
3. What names a person outside the commons is left out here, before anything else sees it: the columns that hold
   addresses, and e-mail addresses wherever they stand (`addresses`).
4. What comes out of here fits an operation; what cannot be made to fit is told with its row, and stops nothing.
"""

import csv
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from beads import limits
from beads.fields import MAX_FIELDS, NAME_LENGTH, TEXT_LENGTH
from beads.rules import one_line
from stamps import canon
from wanted import addresses
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
_NAME = re.compile(f"[a-z][a-z0-9_]{{0,{NAME_LENGTH - 1}}}")
_PROSE_LENGTH = 64 * 1024
_FIELDS_SIZE = limits.LINE - 2 * 1024
"""Bytes of the short values; the rest is for what stands around them in the line."""
_PROSE_SIZE = limits.BODY - 2 * 1024
"""Bytes of the texts, so that there is room for a salt, and for an id in the place of a title."""

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
    """What a dump holds.

    Attributes:
        left_out: What of it is left out, each with the reason.
        called: E-mail address → the pseudonym that stands for it. Whose dump it is may know; nobody is told.
    """

    records: tuple[Record, ...]
    left_out: tuple[str, ...]
    called: Mapping[str, str]


def records(tables: Tables, client: str | None = None) -> Read:
    """Return the rows of a dump, in an order that depends on nothing but them.

    Args:
        tables: Table → rows.
        client: Whose tables they are; None finds out by the columns that only one client has.
    """
    names = addresses.pseudonyms(_short_values(tables))
    found: dict[tuple[str, str], Record] = {}
    left_out: list[str] = []
    for table, kind in TABLES.items():
        rows = tables.get(table, ())
        left_out += [f"{table}, column {name[:NAME_LENGTH]}: no name that could be kept" for name in _odd_names(rows)]
        for number, row in enumerate(rows, 1):
            told = _add(found, _record(kind, row, client or _client(row), names))
            left_out += [f"{table}, row {number}: {told}"] if told else []
    left_out += [f"{name}: not a table that is read" for name in sorted(tables) if tables[name] and name not in TABLES]
    return Read(tuple(found[each] for each in sorted(found)), tuple(left_out), names)


def _add(found: dict[tuple[str, str], Record], whole: Record) -> str:
    """Add a record as far as it can be kept; return what cannot."""
    record = _cut(whole)
    why = _why_not(record)
    if why:
        return why
    if found.setdefault((record.kind, record.id), record) is not record:
        return f"{record.id} is there twice; the first is kept"
    return "" if record == whole else "the ends of its longest values"


def _short_values(tables: Tables) -> Iterator[str]:
    for table in TABLES:
        for row in tables.get(table, ()):
            yield from (_sound(value) for name, value in row.items() if name not in _TEXTS and name not in _PRIVATE)


def _odd_names(rows: Sequence[Row]) -> list[str]:
    names = {name for row in rows for name, value in row.items() if value}
    return sorted(name for name in names if not _NAME.fullmatch(name))


def _record(kind: str, row: Row, client: str, names: Mapping[str, str]) -> Record:
    kept = {name: _sound(value) for name, value in row.items() if value and name not in _PRIVATE}
    texts = {name: addresses.left_out(value) for name, value in kept.items() if name in _TEXTS}
    short = {name: value for name, value in kept.items() if name not in texts and _NAME.fullmatch(name)}
    short = {name: addresses.replaced(value, names) for name, value in short.items()}
    key = short.pop(_KEYS.get(kind, "id"), "").strip()
    return Record(kind, key, client, tuple(sorted(short.items())), texts)


def _sound(value: str) -> str:
    """Return a value as the ledger keeps texts; a lone surrogate, as JSON can spell one, cannot be signed."""
    return unicodedata.normalize("NFC", value.encode(errors="replace").decode())


def _cut(record: Record) -> Record:
    """Cut what is too long; addresses are out by then, so none is cut in two and kept."""
    length = _PROSE_LENGTH
    texts = {name: text[:length] for name, text in record.texts.items()}
    while sum(len(canon.encode([text])) for text in texts.values()) > _PROSE_SIZE:
        length //= 2
        texts = {name: text[:length] for name, text in texts.items()}
    return record._replace(fields=tuple((name, value[:TEXT_LENGTH]) for name, value in record.fields), texts=texts)


def _why_not(record: Record) -> str:
    """Return what keeps a record from being written; "" where nothing does."""
    if not one_line(record.id, SOURCE_LENGTH):
        return "it has no id that could be kept"
    if len(record.fields) > MAX_FIELDS:
        return f"it has more than {MAX_FIELDS} short values"
    if len(canon.encode([list(pair) for pair in record.fields])) > _FIELDS_SIZE:
        return f"its short values are more than {_FIELDS_SIZE >> 10} KiB"
    return ""


def _client(row: Row) -> str:
    return "gt" if any(row.get(name) for name in _GT_COLUMNS) else "wl"


# -- ways of writing a table -------------------------------------------------------------------------------------------

_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")


def from_json(raw: str) -> Tables:
    """Read an object of arrays, or of objects with an array `rows`.

    Raises:
        BundleError: It is something else.
    """
    whole = _parsed(raw)
    if not isinstance(whole, dict):
        raise BundleError("format", "not a dump: it should be an object of tables")
    return {str(name): _json_rows(rows) for name, rows in whole.items() if isinstance(rows, list | dict)}


def table_from_json(raw: str) -> Sequence[Row]:
    """Read one table: an array of rows, or an object with an array `rows`.

    Raises:
        BundleError: It is something else.
    """
    return _json_rows(_parsed(raw))


def table_from_csv(raw: str) -> Sequence[Row]:
    """Read one table with a line of names; a form feed, or what else Unicode calls a line's end, ends none.

    Raises:
        BundleError: It is no such table.
    """
    lines = (found.group() for found in _LINE.finditer(raw))
    try:
        return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(lines)]
    except csv.Error as error:
        raise BundleError("format", f"not a table: {error}") from None


def _parsed(raw: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BundleError("format", f"not JSON: {error}") from None


def _json_rows(rows: Any) -> Sequence[Row]:
    listed = rows.get("rows", []) if isinstance(rows, dict) else rows
    if not isinstance(listed, list):
        raise BundleError("format", "a table is no array of rows")
    return [{str(name): _text(value) for name, value in row.items()} for row in listed if isinstance(row, dict)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise BundleError("format", "a value is nested too deep") from None
