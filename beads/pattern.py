r"""Patterns for the values of variables.

A stranger's pattern could keep `re` busy for years. This one walks all ways at once: a set of positions in the text,
as the bits of a number, goes through the pattern, and what a pattern may cost is known before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from beads.formula import NESTING, PATTERN_COST, VALUE_LENGTH, FormulaError

_Masks = Mapping[str, int]
_PIECE: Final = re.compile(
    r"\\[dDwWsSntr]|\\[^A-Za-z0-9\s]|\[\^?(?:\\[dDwWsS]|\\[^A-Za-z0-9\s]|[^\]\\\[])+\]|[*+?]\??"
    r"|\{\d{1,3}(?:,\d{0,3})?\}\??|\(\?:|[()|^$.]|[^\\\[\]{}()|^$.*+?]"
)
_UNLIKELY: Final = re.compile(r"--|&&|~~|\|\|")


class _Way(NamedTuple):
    go: Callable[[int, _Masks], int]
    cost: int


def pattern_finds(pattern: str, text: str, place: str) -> bool:
    r"""Say whether a pattern is found in a text: classes, `\d \w \s`, groups, `|`, `* + ? {n,m}`, `^`, `$`; ASCII.

    Raises:
        FormulaError: The pattern has something else, would cost too much, or the text is too long for one.
    """
    if len(text) > VALUE_LENGTH or len(pattern) > VALUE_LENGTH:
        raise FormulaError(place, f"longer than {VALUE_LENGTH} characters, which is too much for a pattern")
    pieces = _PIECE.findall(pattern)
    if "".join(pieces) != pattern or any(piece[0] == "[" and _UNLIKELY.search(piece) for piece in pieces):
        raise FormulaError(place, f"not a pattern that is understood: {pattern}", "Look-around and the like are not.")
    way = _Reader(pieces, place).read()
    return bool(way.go((1 << (len(text) + 1)) - 1, _masks(pieces, text, place)))


def _masks(pieces: Sequence[str], text: str, place: str) -> dict[str, int]:
    masks = {"^": 1, "$": 1 << len(text)}
    for piece in set(pieces) - {"^", "$", "|", "(", ")", "(?:"}:
        if piece[0] not in "*+?{":
            masks[piece] = sum(1 << at for at in _places(piece, text, place))
    return masks


def _places(piece: str, text: str, place: str) -> list[int]:
    try:
        fits = re.compile(piece, re.ASCII)
    except re.error as error:
        raise FormulaError(place, f"{piece}: {error}") from None
    return [at for at, char in enumerate(text) if fits.fullmatch(char)]


class _Reader:
    """Reads the pieces of a pattern, from left to right."""

    def __init__(self, pieces: Sequence[str], place: str) -> None:
        self._pieces = list(reversed(pieces))
        self._place = place

    def read(self) -> _Way:
        way = self._either(1)
        if self._pieces:
            raise self._wrong("a ) too many")
        if way.cost > PATTERN_COST:
            raise self._wrong("repeats repeats too often")
        return way

    def _wrong(self, problem: str) -> FormulaError:
        return FormulaError(self._place, f"not a pattern: {problem}")

    def _next(self) -> str:
        return self._pieces[-1] if self._pieces else ""

    def _either(self, depth: int) -> _Way:
        if depth > NESTING:
            raise self._wrong("nested too deep")
        ways = [self._row(depth)]
        while self._next() == "|":
            self._pieces.pop()
            ways.append(self._row(depth))
        return ways[0] if len(ways) == 1 else _either(ways)

    def _row(self, depth: int) -> _Way:
        ways = []
        while self._next() not in ("", "|", ")"):
            ways.append(self._repeated(self._single(depth)))
        return _row(ways)

    def _single(self, depth: int) -> _Way:
        piece = self._pieces.pop()
        if piece in ("(", "(?:"):
            way = self._either(depth + 1)
            if not self._pieces:
                raise self._wrong("a ) is missing")
            self._pieces.pop()
            return way
        if piece[0] in "*+?{":
            raise self._wrong(f"nothing to repeat before {piece}")
        return _edge(piece) if piece in "^$" else _char(piece)

    def _repeated(self, way: _Way) -> _Way:
        if self._next()[:1] not in ("*", "+", "?", "{"):
            return way
        piece = self._pieces.pop().removesuffix("?") or "?"
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(piece) or _bounds(piece)
        if bounds[1] is not None and bounds[1] < bounds[0]:
            raise self._wrong(f"{piece} goes backwards")
        return _repeat(way, *bounds)


def _bounds(piece: str) -> tuple[int, int | None]:
    low, comma, high = piece.strip("{}").partition(",")
    return int(low), (int(high) if high else None) if comma else int(low)


def _char(piece: str) -> _Way:
    return _Way(lambda at, masks: (at & masks[piece]) << 1, 1)


def _edge(piece: str) -> _Way:
    return _Way(lambda at, masks: at & masks[piece], 1)


def _row(ways: Sequence[_Way]) -> _Way:
    def go(at: int, masks: _Masks) -> int:
        for way in ways:
            at = way.go(at, masks)
        return at

    return _Way(go, 1 + sum(way.cost for way in ways))


def _either(ways: Sequence[_Way]) -> _Way:
    def go(at: int, masks: _Masks) -> int:
        to = 0
        for way in ways:
            to |= way.go(at, masks)
        return to

    return _Way(go, 1 + sum(way.cost for way in ways))


def _repeat(way: _Way, low: int, high: int | None) -> _Way:
    more = VALUE_LENGTH + 1 if high is None else high - low

    def go(at: int, masks: _Masks) -> int:
        for _ in range(low):
            at = way.go(at, masks)
        seen = new = at
        for _ in range(more):
            new = way.go(new, masks) & ~seen
            if not new:
                break
            seen |= new
        return seen

    return _Way(go, 1 + way.cost * (low + more))
