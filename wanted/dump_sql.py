"""Reading the `INSERT`s of a dump in MySQL's dialect.

1. Only what a dump holds is understood: names, and values written out. What else stands in the place of a value is
   refused, never guessed.
2. Every part of a text is looked at once, however it ends: what does not end is refused where it begins.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from wanted.errors import BundleError

_TOKEN = re.compile(
    r"""(?P<space>\s++|--(?!\S)[^\n]*+|\#[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)
    |(?:_[a-z0-9]++\s*+|n(?='))?(?:
      (?P<text>'(?:[^'\\]++|\\.|'')*+'|"(?:[^"\\]++|\\.|"")*+")
      |(?P<hex>x'[0-9a-f]*+'|0x[0-9a-f]++(?!\w)))
    |(?P<name>`(?:[^`]++|``)*+`)
    |(?P<word>(?:(?!/\*)[^\s'"`(),;])++)
    |(?P<mark>[(),;])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPED = re.compile(r"""\\(.)|''|\"\"""", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "0": "\0", "Z": "\x1a", "%": r"\%", "_": r"\_"}
_BEFORE_TABLE = frozenset(("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO", "IF", "NOT", "EXISTS"))
_NO_COLUMNS = frozenset(
    ("PRIMARY", "KEY", "INDEX", "UNIQUE", "CONSTRAINT", "FOREIGN", "FULLTEXT", "SPATIAL", "CHECK")
)  # fmt: skip
_VALUES = frozenset(("VALUES", "VALUE"))
_AFTER_ROWS = frozenset(("AS", "ON"))


class _Token(NamedTuple):
    kind: str
    text: str

    @property
    def keyword(self) -> str:
        """The word in capitals; "" for what is no bare word."""
        return self.text.upper() if self.kind == "word" else ""


_Tokens = Sequence[_Token]
_Group = list[list[_Token]]
"""What stands in brackets, part by part."""


def read(raw: str) -> Mapping[str, Sequence[Mapping[str, str]]]:
    """Return table → rows; names of columns come from the `INSERT` or from `CREATE TABLE`.

    Raises:
        BundleError: A text does not end, a value is none, or a row has other columns than its table.
    """
    columns: dict[str, list[str]] = {}
    tables: dict[str, list[Mapping[str, str]]] = {}
    for statement in _statements(raw):
        first = statement[0].keyword if statement else ""
        if first == "CREATE" and len(statement) > 1 and statement[1].keyword == "TABLE":
            table, rest = _table(statement[2:])
            columns[table] = _columns(_groups(rest))
        elif first in ("INSERT", "REPLACE"):
            table, rest = _table(statement[1:])
            tables.setdefault(table, []).extend(_rows(table, rest, columns.get(table, [])))
    return tables


def _statements(raw: str) -> Iterator[list[_Token]]:
    tokens: list[_Token] = []
    at = 0
    while at < len(raw):
        found = _TOKEN.match(raw, at)
        if found is None:
            raise BundleError("format", f"a text or comment that does not end: {raw[at : at + 30]!r}")
        at = found.end()
        kind = str(found.lastgroup)
        if found["mark"] == ";":
            yield tokens
            tokens = []
        elif kind != "space":
            tokens.append(_Token(kind, found[kind]))
    yield tokens


def _table(tokens: _Tokens) -> tuple[str, _Tokens]:
    """Return the name of a table without that of its database, and what follows it."""
    at = 0
    while at < len(tokens) and tokens[at].keyword in _BEFORE_TABLE:
        at += 1
    while at + 1 < len(tokens) and (tokens[at].keyword.endswith(".") or tokens[at + 1].keyword.startswith(".")):
        at += 1
    return (_name(tokens[at]) if at < len(tokens) else ""), tokens[at + 1 :]


def _name(token: _Token) -> str:
    match token.kind:
        case "name":
            return token.text[1:-1].replace("``", "`")
        case "text":
            return token.text[1:-1]
        case _:
            return token.text.rpartition(".")[2]


def _columns(groups: Sequence[_Group]) -> list[str]:
    parts = groups[0] if groups else []
    return [_name(part[0]) for part in parts if part and part[0].keyword not in _NO_COLUMNS]


def _rows(table: str, tokens: _Tokens, columns: list[str]) -> Iterator[Mapping[str, str]]:
    at = next((n for n, token in enumerate(tokens) if token.keyword in _VALUES and _is_outside(tokens, n)), None)
    if at is None:
        raise BundleError("format", f"an INSERT into {table} has no VALUES")
    for names in _groups(tokens[:at]):
        columns = [_name(part[-1]) if part else "" for part in names]
    for group in _groups(tokens[at + 1 :]):
        if len(group) != len(columns):
            raise BundleError("format", f"a row of {table} has {len(group)} values for {len(columns)} columns")
        yield {name: _value(table, part) for name, part in zip(columns, group, strict=True)}


def _is_outside(tokens: _Tokens, at: int) -> bool:
    """Say whether a word is one of the `INSERT`, and not a column that is called so."""
    return at == 0 or tokens[at - 1].text == ")"


def _groups(tokens: _Tokens) -> list[_Group]:
    """Return what stands between brackets, up to where the rows of an `INSERT` end."""
    groups: list[_Group] = []
    depth = 0
    for token in tokens:
        mark = token.text if token.kind == "mark" else ""
        if depth == 0 and token.keyword in _AFTER_ROWS:
            break
        depth -= mark == ")"
        if depth == 0 and mark == "(":
            groups.append([[]])
        elif depth == 1 and mark == ",":
            groups[-1].append([])
        elif depth > 0:
            groups[-1][-1].append(token)
        depth += mark == "("
    return groups


def _value(table: str, tokens: _Tokens) -> str:
    if tokens and all(token.kind == "text" for token in tokens):
        return "".join(_text(token.text) for token in tokens)
    if len(tokens) != 1 or tokens[0].kind == "name":
        written = " ".join(token.text for token in tokens)
        raise BundleError("format", f"a row of {table} has {written[:60]!r} for a value")
    (token,) = tokens
    if token.kind == "hex":
        digits = token.text[2:].rstrip("'")
        return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2)).decode(errors="replace")
    return "" if token.keyword in ("NULL", "DEFAULT") else token.text


def _text(text: str) -> str:
    quote = text[0]
    return _ESCAPED.sub(lambda found: _unescaped(found, quote), text[1:-1])


def _unescaped(found: re.Match[str], quote: str) -> str:
    if found[1]:
        return _ESCAPES.get(found[1], found[1])
    # Doubled, the other quotation mark stands for itself twice.
    return quote if found.group() == quote * 2 else found.group()
