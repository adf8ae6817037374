"""Beads as upstream's JSON lines: reading whatever stands there, writing the bytes that upstream would.

1. A line that did not change goes back as the bytes it came as; nothing is ever written from parsed values alone.
2. Content is never refused: what cannot be read is a problem with a line number, and its bytes are kept.
3. Written lines are those of Go's encoding/json: no spaces, `<>&` and U+2028/2029 escaped, keys in the order of
   upstream's struct.
4. A changed line keeps the order, spacing, escapes and end of the line it was, and the text of every value that did
   not change.
5. Numbers are exact: one whose value float cannot hold, or that has hundreds of digits, is a Decimal.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from beads.members import KEYS
from beads.times import instant

Record: TypeAlias = dict[str, Any]

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes of the longest line that is parsed."""
MAX_DEPTH: Final = 64
"""Containers inside one another."""

_RANK: Final = MappingProxyType({key: rank for rank, key in enumerate(KEYS)})
_UNKNOWN: Final = len(KEYS)


class Kind(StrEnum):
    """What a line is."""

    BEAD = "bead"
    MEMORY = "memory"
    OTHER = "other"
    """An object of another `_type`."""
    BLANK = "blank"
    MARKER = "marker"
    """git's, of a conflict."""
    BROKEN = "broken"
    """It could not be read, or names no bead; a problem says why."""


class Side(StrEnum):
    """Where a line stands when git left a conflict in the file."""

    NONE = ""
    OURS = "ours"
    BASE = "base"
    THEIRS = "theirs"


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        raw: Its bytes, the end included.
        record: The object, or None.
        number: Counted from 1; 0 for a line that was made, not read.
        side: Lines of a conflict's base are read but never count.
    """

    raw: bytes
    record: Record | None = None
    kind: Kind = Kind.BEAD
    number: int = 0
    side: Side = Side.NONE

    @property
    def id(self) -> str:
        """The bead's id; only lines of beads have one."""
        assert self.record is not None
        return str(self.record["id"])


class Problem(NamedTuple):
    """Something about a line that somebody should look at."""

    line: int
    code: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class Document:
    """A file, as read.

    Attributes:
        lines: Every line, so that their bytes joined are the file.
        problems: In the order of lines.
        counted: Id → the line that counts for it, in the order of the file.
        repeated: Id → all its lines, where there are several.
    """

    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]
    counted: Mapping[str, Line]
    repeated: Mapping[str, tuple[Line, ...]]


PROBLEMS: Final = MappingProxyType(
    {
        "conflict_marker": ("git left a conflict here", "Both sides were read; export to write the file anew."),
        "too_long": ("the line is too long to be read", "Shorten its texts."),
        "too_deep": ("the line nests too many objects or arrays", "Flatten its metadata."),
        "invalid_utf8": ("the line is not UTF-8", "Save the file as UTF-8."),
        "byte_order_mark": ("the line begins with a byte order mark", "Save the file as UTF-8 without one."),
        "not_json": ("the line is not JSON", "Mend the line, or take it from an earlier version of the file."),
        "not_a_number": ("NaN and Infinity are not JSON", "Write null, or a number."),
        "torn": ("the last line is cut off", "Take it from an earlier version of the file; its writer was stopped."),
        "not_an_object": ("the line is JSON, but no object", "A bead is written {\"id\": ...}."),
        "no_id": ("the object has no id", "Give it an `id` that is a text and not empty."),
        "duplicate_key": ("an object has a key twice; the last one counts", "Remove one of them."),
        "lone_surrogate": ("a text holds half of a surrogate pair", "Replace the escape \\ud... by a character."),
        "duplicate_id": ("this id stands on several lines", "Keep one of them."),
        "odd_value": ("a value is none of its kind", "Mend it here; the line itself is kept as it is."),
        "left_out": ("it leaves out what every bead has", "Say it here; the line itself is kept as it is."),
        "unknown_status": ("its status is unknown here", "bd config set status.custom NAME:active makes it known."),
    }
)  # fmt: skip
"""Code → what is wrong, and what to do."""

# -- numbers and JSON ----------------------------------------------------------------------------------------------


class _NotANumber(ValueError):
    """NaN, Infinity or -Infinity stood where a value belongs."""


def _integer(text: str) -> int | Decimal:
    # Python refuses to read or write integers of thousands of digits.
    return Decimal(text) if len(text) > 600 else int(text)


def _fraction(text: str) -> float | Decimal:
    value, exact = float(text), Decimal(text)
    return value if exact == Decimal(repr(value)) else exact


def _constant(text: str) -> None:
    raise _NotANumber(text)


def _too_deep(text: str, value: object) -> bool:
    # No value is deeper than its text has brackets.
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [member for one in level for member in _members(one)]
    return any(isinstance(one, dict | list) for one in level)


def _members(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _holds_surrogate(text: str, value: object) -> bool:
    if "\\ud" not in text and "\\uD" not in text:
        return False
    try:
        return not json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return True


# -- reading -------------------------------------------------------------------------------------------------------

_LINES = re.compile(rb"[^\n]*\n|[^\n]+").findall
_marker = re.compile(rb"(?:<{7}|\|{7}|={7}|>{7})(?=[ \r\n]|\Z)").match
_SIDES: Final = MappingProxyType({b"<": Side.OURS, b"|": Side.BASE, b"=": Side.THEIRS, b">": Side.NONE})
_KINDS: Final = MappingProxyType({"issue": Kind.BEAD, "memory": Kind.MEMORY})
_BLANK: Final = " \t\r\n"


def read(raw: bytes) -> Document:
    """Read a file; whatever is in it, nothing is raised and no byte is lost."""
    reader = _Reader()
    lines = tuple(reader.line(number, each) for number, each in enumerate(_LINES(raw), 1))
    beads = occurrences(lines)
    repeated = {id: tuple(several) for id, several in beads.items() if len(several) > 1}
    problems = sorted([*reader.problems, *_duplicates(repeated)], key=lambda problem: problem.line)
    return Document(lines, tuple(problems), {id: _newest(several) for id, several in beads.items()}, repeated)


def one(raw: bytes) -> Record | None:
    """Return what a single line says; None where that is no object."""
    return read(raw).lines[0].record if raw else None


def occurrences(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Return id → its lines, in their order; the base of a conflict is left out."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line.kind is Kind.BEAD and line.side is not Side.BASE:
            found.setdefault(line.id, []).append(line)
    return found


def _newest(lines: Sequence[Line]) -> Line:
    # Reversed, because max takes the first of equals and the last is wanted.
    return lines[0] if len(lines) == 1 else max(reversed(lines), key=lambda line: _at(line, "updated_at"))


def _at(line: Line, key: str) -> float:
    at = instant((line.record or {}).get(key))
    return -float("inf") if at is None else at


def _duplicates(repeated: Mapping[str, Sequence[Line]]) -> Iterator[Problem]:
    for id, lines in repeated.items():
        listed, counts = ", ".join(str(line.number) for line in lines), _newest(lines).number
        for line in lines:
            yield problem(line.number, "duplicate_id", f"{id} is on lines {listed}, and line {counts} counts")


def problem(number: int, code: str, detail: str = "") -> Problem:
    """Return what there is to say of a line: one of `PROBLEMS`."""
    sentence, hint = PROBLEMS[code]
    return Problem(number, code, f"Line {number}: {sentence}{detail and f' ({detail})'}.", hint)


class _Reader:
    """What is remembered from line to line.

    Attributes:
        side: Of the conflict that the next line stands in.
        twice: Whether an object of the line had a key twice.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.side = Side.NONE
        self.twice = False
        self.decode = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=_fraction, parse_int=_integer, parse_constant=_constant
        ).decode

    def line(self, number: int, raw: bytes) -> Line:
        if raw[:1] in _SIDES and _marker(raw):
            return self._marked(number, raw)
        record, kind = self._parse(number, raw)
        return Line(raw, record, kind, number, self.side)

    def _marked(self, number: int, raw: bytes) -> Line:
        # Outside a conflict a lone middle or end begins nothing.
        if self.side or raw[:1] == b"<":
            self.side = _SIDES[raw[:1]]
        self._report(number, "conflict_marker")
        return Line(raw, None, Kind.MARKER, number, self.side)

    def _parse(self, number: int, raw: bytes) -> tuple[Record | None, Kind]:
        text = self._text(number, raw)
        if text is None:
            return None, Kind.BROKEN
        if not text.strip(_BLANK):
            return None, Kind.BLANK
        value = self._value(number, text)
        if value is not _NOTHING and not isinstance(value, dict):
            self._report(number, "not_an_object")
        return (value, self._kind(number, value)) if isinstance(value, dict) else (None, Kind.BROKEN)

    def _text(self, number: int, raw: bytes) -> str | None:
        if len(raw) > MAX_LINE:
            self._report(number, "too_long", f"{len(raw)} bytes, {MAX_LINE} allowed")
            return None
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            self._report(number, "invalid_utf8", f"byte {error.start + 1}")
            return None
        if text[0] == "\ufeff":
            self._report(number, "byte_order_mark")
        return text.removeprefix("\ufeff")

    def _value(self, number: int, text: str) -> Any:
        self.twice = False
        try:
            value = self.decode(text)
        except (ValueError, ArithmeticError, RecursionError) as error:
            self._report(number, _code(error, text), _where(error))
            return _NOTHING
        return self._checked(number, text, value)

    def _checked(self, number: int, text: str, value: Any) -> Any:
        if _too_deep(text, value):
            self._report(number, "too_deep", f"{MAX_DEPTH} allowed")
            return _NOTHING
        if self.twice:
            self._report(number, "duplicate_key")
        if _holds_surrogate(text, value):
            self._report(number, "lone_surrogate")
        return value

    def _kind(self, number: int, record: Record) -> Kind:
        declared = record.get("_type", "issue")
        kind = _KINDS.get(declared, Kind.OTHER) if isinstance(declared, str) else Kind.OTHER
        id = record.get("id")
        if kind is not Kind.BEAD or (isinstance(id, str) and id):
            return kind
        self._report(number, "no_id")
        return Kind.BROKEN

    def _object(self, pairs: list[tuple[str, Any]]) -> Record:
        members = dict(pairs)
        self.twice |= len(members) != len(pairs)
        return members

    def _report(self, number: int, code: str, detail: str = "") -> None:
        self.problems.append(problem(number, code, detail))


_NOTHING: Final = object()


def _code(error: Exception, text: str) -> str:
    if isinstance(error, RecursionError):
        return "too_deep"
    if isinstance(error, _NotANumber):
        return "not_a_number"
    return "not_json" if text.endswith("\n") else "torn"


def _where(error: Exception) -> str:
    return f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""


# -- writing -------------------------------------------------------------------------------------------------------

_go = msgspec.json.Encoder(decimal_format="number").encode
_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_HTML: Final = MappingProxyType(
    {0x3C: r"\u003c", 0x3E: r"\u003e", 0x26: r"\u0026", 0x2028: r"\u2028", 0x2029: r"\u2029"}
)
_HTML_BYTES: Final = (
    (b"<", rb"\u003c"), (b">", rb"\u003e"), (b"&", rb"\u0026"), (b"\xe2\x80\xa8", rb"\u2028"),
    (b"\xe2\x80\xa9", rb"\u2029"),
)  # fmt: skip


class Style(NamedTuple):
    """How a writer spells JSON.

    Attributes:
        ascii: Whether everything beyond ASCII is escaped.
        html: Whether `<>&` and U+2028/2029 are.
    """

    comma: str = ","
    colon: str = ":"
    ascii: bool = False
    html: bool = True


GO: Final = Style()


def encode(record: Record) -> bytes:
    """Return a bead as the line that upstream writes for it.

    Keys stand in struct order and unknown ones behind them in the order given; inner objects keep theirs.
    Nothing is left out or added: what upstream omits when empty must not be in the record.
    """
    ordered = dict(sorted(record.items(), key=lambda member: _rank(member[0])))
    try:
        raw = _go(ordered)
    except (UnicodeEncodeError, ValueError):
        return _bytes(_spell(ordered, GO)) + b"\n"
    for plain, escape in _HTML_BYTES:
        raw = raw.replace(plain, escape)
    return raw + b"\n"


def canonical(value: object) -> bytes:
    """Return bytes that are equal exactly for equal JSON values, whatever the order of keys; `1` is not `1.0`."""
    try:
        return _sorted(value)
    except (UnicodeEncodeError, ValueError):
        return _bytes(_spell(value, GO, by_key=True))


def line(record: Record, like: bytes | None = None) -> Line:
    """Return a line for a record, written like the one it was read from, where there was one."""
    return Line(encode(record) if like is None else reencode(record, like), record)


def _rank(key: str) -> int:
    return _RANK.get(key, _UNKNOWN)


def _bytes(text: str) -> bytes:
    # Half a surrogate pair has no UTF-8, but an escape; Python's for it is JSON's too.
    return text.encode("utf-8", "backslashreplace")


def _spell(value: object, style: Style, by_key: bool = False) -> str:
    if isinstance(value, dict):
        members = sorted(value.items()) if by_key else value.items()
        spelled = (f"{_spell(k, style)}{style.colon}{_spell(v, style, by_key)}" for k, v in members)
        return "{" + style.comma.join(spelled) + "}"
    if isinstance(value, list | tuple):
        return "[" + style.comma.join(_spell(one, style, by_key) for one in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    text = json.dumps(value, ensure_ascii=style.ascii)
    return text.translate(_HTML) if style.html and isinstance(value, str) else text


# -- writing like another line -------------------------------------------------------------------------------------

_json = json.JSONDecoder(parse_float=_fraction, parse_int=_integer, parse_constant=_constant)
_colon = re.compile(r"[ \t\r\n]*:[ \t\r\n]*").match
_comma = re.compile(r"[ \t\r\n]*,[ \t\r\n]*").match
_open = re.compile(r"\ufeff?[ \t\r\n]*\{[ \t\r\n]*").match
_beyond_ascii = re.compile(r"(?<!\\)(?:\\\\)*\\u(?!00[0-7]|202[89])[0-9a-fA-F]{4}").search
_html_escape = re.compile(r"(?<!\\)(?:\\\\)*\\u(?:003[ceCE]|0026|202[89])").search
_html_plain = re.compile("[<>&\u2028\u2029]").search


class _Member(NamedTuple):
    name: str
    value: Any
    text: str


class _Layout(NamedTuple):
    """A line in pieces: what is not in `members` is spacing, brackets and the end."""

    head: str
    members: dict[str, _Member]
    tail: str
    style: Style


def reencode(record: Record, like: bytes) -> bytes:
    """Return the line of a record that was read from the line `like` and may have changed since.

    Without a change that is `like`. Otherwise every value that is still the same keeps its text, changed and new
    ones are spelled as the rest of the line is, and a new key stands behind those that precede it in struct order.
    A line that is no JSON object is not followed.
    """
    try:
        text = like.decode()
        if same(record, _json.decode(text.removeprefix("\ufeff"))):
            return like
        layout = _layout(text)
    except (ValueError, ArithmeticError, RecursionError):
        return encode(record)
    kept = {key: one for key, one in layout.members.items() if key in record}
    texts = {key: _text_of(record[key], one, layout.style) for key, one in kept.items()}
    new = sorted((key for key in record if key not in kept), key=_rank)
    return _bytes(_joined(layout, _placed(list(kept), new), texts, record))


def _text_of(value: object, member: _Member, style: Style) -> str:
    return member.text if same(value, member.value) else _spell(value, style)


def same(a: object, b: object) -> bool:
    """Say whether two JSON values are equal; unlike Python's, `true` is not `1`."""
    if type(a) is str and type(b) is str:
        return a == b
    return canonical(a) == canonical(b)


def _placed(keys: list[str], new: Iterable[str]) -> list[str]:
    for key in new:
        rank = _rank(key)
        before = [(_rank(one), at) for at, one in enumerate(keys) if _rank(one) < rank]
        at = len(keys) if rank == _UNKNOWN else max(before, default=(0, -1))[1] + 1
        keys = [*keys[:at], key, *keys[at:]]
    return keys


def _joined(layout: _Layout, keys: Iterable[str], texts: Mapping[str, str], record: Record) -> str:
    style = layout.style
    members = (
        f"{layout.members[key].name}{style.colon}{texts[key]}"
        if key in texts
        else f"{_spell(key, style)}{style.colon}{_spell(record[key], style)}"
        for key in keys
    )
    return layout.head + style.comma.join(members) + layout.tail


def _layout(text: str) -> _Layout:
    opening = _matched(_open(text))
    at, members, comma, colon = opening.end(), dict[str, _Member](), "", ""
    while text[at] != "}":
        name, value_at = _json.raw_decode(text, at)
        between = _matched(_colon(text, value_at))
        value, end = _json.raw_decode(text, between.end())
        members[name] = _Member(text[at:value_at], value, text[between.end() : end])
        following = _comma(text, end)
        at = following.end() if following else _end(text, end)
        colon, comma = colon or between[0], comma or (following[0] if following else "")
    last = len(text[:at].rstrip(_BLANK)) if members else at
    return _Layout(opening[0], members, text[last:], _style(text, comma, colon))


def _matched(found: re.Match[str] | None) -> re.Match[str]:
    if found is None:
        raise ValueError("not a JSON object")
    return found


def _end(text: str, at: int) -> int:
    closing = text.find("}", at)
    if closing < 0 or text[at:closing].strip(_BLANK):
        raise ValueError("not a JSON object")
    return closing


def _style(text: str, comma: str, colon: str) -> Style:
    # Where the line itself does not tell, a compact one is Go's and a spaced one Python's.
    spaced = colon.endswith(" ")
    ascii = text.isascii() and (spaced or _beyond_ascii(text) is not None)
    html = not _html_plain(text) and (_html_escape(text) is not None or not spaced)
    return Style(comma or (", " if spaced else ","), colon or ":", ascii, html)


# -- order -----------------------------------------------------------------------------------------------------------


class Order(StrEnum):
    """How the beads of a file are sorted."""

    BY_ID = "id"
    """Bytewise, as up to 0.49."""
    BY_PRIORITY = "priority"
    """Then the newest first, then by id, as 1.x; what has no history stands behind the rest."""
    AS_IT_WAS = "file"
    """In no order we know."""


def order_of(lines: Iterable[Line]) -> Order:
    """Return the order of a file's beads; by id where several fit."""
    beads = [several[0] for several in occurrences(lines).values()]
    for order, key in _SORT_KEYS.items():
        keys = [key(line) for line in beads]
        if all(a <= b for a, b in pairwise(keys)):
            return order
    return Order.AS_IT_WAS


def _by_id(line: Line) -> Any:
    # Python compares code points, which is the order of their UTF-8.
    return line.id


def _by_priority(line: Line) -> Any:
    record = line.record or {}
    priority = record.get("priority")
    return (
        bool(record.get("no_history")),
        priority if isinstance(priority, int) else 0,
        -_at(line, "created_at"),
        line.id,
    )


_SORT_KEYS: Final = MappingProxyType({Order.BY_ID: _by_id, Order.BY_PRIORITY: _by_priority})


def arrange(former: Sequence[Line], current: Iterable[Line], order: Order | None = None) -> list[bytes]:
    """Put the lines of today's beads where a file that has lines already wants them.

    If no bead changed, came or went, the file comes back as it was, repeated ids included, unless git left a conflict
    in it. Otherwise both are healed: markers, the base of a conflict and lines that do not count go. Memories, blank
    and unread lines stay behind the line they followed, and what followed the last bead stays last.

    Args:
        former: All lines of the file, or none.
        current: One line for each bead that it shall hold.
        order: That of the beads; by default the one they had. In a file without any, a new bead goes behind the
            one whose id precedes its own most closely.
    """
    wanted = {line.id: line for line in current}
    was = {id: _newest(several) for id, several in occurrences(former).items()}
    conflict = any(line.kind is Kind.MARKER for line in former)
    if not conflict and {id: one.raw for id, one in was.items()} == {id: one.raw for id, one in wanted.items()}:
        return [line.raw for line in former]
    order = order_of(former) if order is None else order
    ending = b"\r\n" if any(line.raw.endswith(b"\r\n") for line in former[:1]) else b"\n"
    beads = _sequence([id for id in was if id in wanted], wanted, order)
    fresh = {id: _ended(one.raw, ending) for id, one in wanted.items() if id not in was}
    raws = {id: fresh.get(id, one.raw) for id, one in wanted.items()}
    return _finished(_interleaved(former, beads, {one.number: id for id, one in was.items()}, raws), ending)


def _ended(raw: bytes, ending: bytes) -> bytes:
    return raw.rstrip(b"\r\n") + ending


def _sequence(kept: list[str], wanted: Mapping[str, Line], order: Order) -> list[str]:
    key = _SORT_KEYS.get(order)
    if key is not None:
        return [line.id for line in sorted(wanted.values(), key=key)]
    before = sorted(kept)
    behind: dict[str, list[str]] = {"": [], **{id: [] for id in kept}}
    for id in sorted(wanted.keys() - behind.keys()):
        at = bisect_left(before, id)
        behind[before[at - 1] if at else ""].append(id)
    return [*behind[""], *(one for id in kept for one in (id, *behind[id]))]


def _interleaved(
    former: Iterable[Line], beads: Sequence[str], counted: Mapping[int, str], raws: Mapping[str, bytes]
) -> list[bytes]:
    followers: dict[str, list[bytes]] = {"": []}
    last = ""
    for line in former:
        if counted.get(line.number, "") in raws and line.kind is Kind.BEAD:
            last = counted[line.number]
            followers[last] = []
        elif line.kind not in (Kind.BEAD, Kind.MARKER):
            followers[last].append(line.raw)
    tail = followers.pop(last)
    ordered = [raw for id in beads for raw in (raws[id], *followers.get(id, ()))]
    return [*followers.get("", ()), *ordered, *tail]


def _finished(raws: list[bytes], ending: bytes) -> list[bytes]:
    """End every line but the last, which may have come without an end."""
    return [*(raw if raw.endswith(b"\n") else raw + ending for raw in raws[:-1]), *raws[-1:]]
