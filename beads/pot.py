"""What is being cooked: the beads so far, what came instead of which step, and how much that has cost.

The parts of cooking (`beads.expand`, `beads.compose`, `beads.advice`) work on one pot, one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from beads.cooked import Node
from beads.formula import STEPS, Formula, FormulaError, Loop, OnComplete, Words, nearest
from beads.inherit import Find, inherit
from beads.values import value_of
from stamps import canon

EDGES: Final = 10_000
TITLE_BYTES: Final = 500
TEXT: Final = 128 * 1024
"""Characters of one text after filling in; of all together `_ALL_TEXT`."""
_ALL_TEXT: Final = 8 * 1024 * 1024
_VISITS: Final = 5 * STEPS
_LOOKS: Final = 1_000_000
_BLANK: Final = re.compile(r"\{\{\s{0,9}([A-Za-z_][\w-]*)\s{0,9}\}\}|\{([A-Za-z_][\w-]*(?:\.[a-z]+)?)\}", re.ASCII)
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")


@dataclass(frozen=True)
class Scope:
    """How words are understood at one place.

    Attributes:
        names: The key of every step that can be named here.
        values: What `{{name}}` stands for.
        words: What `{name}` stands for.
        within: The expansions around, outermost first.
    """

    names: Mapping[str, str]
    values: Mapping[str, str]
    words: Mapping[str, str] = field(default_factory=dict)
    within: Words = ()

    def inside(self, names: Mapping[str, str], words: Mapping[str, str]) -> Scope:
        """Return the scope of a loop's body."""
        values = {**self.values, **words}
        return Scope({**self.names, **names}, values, {**self.words, **words}, self.within)

    def keys(self, names: Iterable[str]) -> list[str]:
        """Return the keys that names stand for here."""
        return [self.names.get(name, name) for name in names]


@dataclass
class Part:
    """A bead while cooking: `needs` are keys that may have been replaced since, `direct` are beads for sure."""

    node: Node
    needs: list[str]
    direct: list[str] = field(default_factory=list)
    waits: tuple[str, str] | None = None


class Span(NamedTuple):
    """What came instead of a step: where it begins and where it ends."""

    first: Words
    last: Words


class Pot:
    """One cooking.

    Attributes:
        parts: The beads so far, by key, in order.
        spans: What came instead of steps that are no beads.
        after: Key → what advice put behind it.
        on_complete: Key → what to bond when it is done.
        loops: Loops whose end is found out at run time.
    """

    def __init__(self, find: Find) -> None:
        self.parts: dict[str, Part] = {}
        self.spans: dict[str, Span] = {}
        self.after: dict[str, str] = {}
        self.on_complete: dict[str, OnComplete] = {}
        self.loops: list[tuple[str, Loop]] = []
        self._find = find
        self._known: dict[str, Formula] = {}
        self._visits = 0
        self._text = 0
        self._looks = 0

    def put(self, part: Part) -> None:
        """Add a bead.

        Raises:
            FormulaError: Its key cannot be one, or is there already; or the pot is full.
        """
        key = part.node.key
        place = f"step {key[:80]}"
        if not _KEY.fullmatch(key):
            raise FormulaError(place, "no id", "Letters, digits, . _ : and -, at most 200.")
        if key in self.parts or key in self.spans:
            raise FormulaError(place, "comes out twice", "Use {target}, {step.id} or the loop's variable in its id.")
        if len(self.parts) >= STEPS:
            raise FormulaError(place, f"more than {STEPS} beads come out")
        check_title(part.node.title, f"{place}: title")
        for label in part.node.labels:
            if not canon.is_line(label):
                raise FormulaError(f"{place}: labels", "a label is one line")
        self.parts[key] = part

    def span(self, key: str, first: Iterable[str], last: Iterable[str]) -> None:
        """Say what came instead of a step."""
        if key in self.parts or key in self.spans:
            raise FormulaError(f"step {key[:80]}", "comes out twice")
        self.spans[key] = Span(tuple(first), tuple(last))

    def look_up(self, name: str, type_: str, place: str) -> Formula:
        """Return another formula, joined with what it extends."""
        if name not in self._known:
            self.visit()
            self._known[name] = inherit(self._find(name), self._find)
        formula = self._known[name]
        if formula.type != type_:
            raise FormulaError(place, f"{name} is of type {formula.type}, not {type_}")
        return formula

    def under(self, key: str, id_: str, word: str, scope: Scope) -> str:
        """Make a key of a template's id: one that does not say whose it is gets the step's key in front."""
        filled = self.fill(id_, scope, "template: id")
        return filled if f"{{{word}}}" in id_ or f"{{{word}.id}}" in id_ else f"{key}.{filled}"

    def is_left_out(self, key: str) -> bool:
        """Say whether a step's condition did not hold."""
        return key in self.spans and not self.spans[key].first

    def require(self, place: str, key: str) -> None:
        """Refuse a key that is no step's."""
        if key not in self.parts and key not in self.spans:
            raise FormulaError(place, f"unknown step {key[:80]!r}", nearest(key, self.parts, "steps"))

    def leaves(self, names: Iterable[str], *, first: bool = False) -> list[str]:
        """Return the beads that names have come to: where they end, or where they begin."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(reversed(list(names)))
        while waiting:
            name = waiting.pop()
            self.look()
            if name in seen:
                continue
            seen.add(name)
            span = self.spans.get(name)
            if span is None:
                found[name if first else self.behind_all(name)] = None
            else:
                waiting += reversed(span.first if first else span.last)
        return list(found)

    def behind_all(self, name: str) -> str:
        """Return the last of what advice put behind a bead."""
        while name in self.after:
            name = self.after[name]
        return name

    def fill(self, text: str, scope: Scope, place: str) -> str:
        """Fill in the blanks of a text."""
        if "{" not in text:
            return text
        parts: list[str] = []
        end, size = 0, len(text)
        for found in _BLANK.finditer(text):
            known = scope.words.get(found[2], found[0]) if found[2] else value_of(found[1], scope.values, place)
            parts += [text[end : found.start()], known]
            size += len(known)
            end = found.end()
            if size > TEXT:
                raise FormulaError(place, f"more than {TEXT} characters come out")
        self._text += size
        if self._text > _ALL_TEXT:
            raise FormulaError(place, f"more than {_ALL_TEXT} characters come out")
        return "".join((*parts, text[end:]))

    def visit(self) -> None:
        """Count a step of work, of which there may be so many."""
        self._visits += 1
        if self._visits > _VISITS:
            raise FormulaError("", "too much work: loops and expansions multiply", f"At most {STEPS} beads come out.")

    def look(self) -> None:
        """Count a look at a name."""
        self._looks += 1
        if self._looks > _LOOKS:
            raise FormulaError("", "too much work: too many steps need too many others")


def check_title(title: str, place: str) -> None:
    """Refuse what cannot be a bead's title."""
    if not title.strip() or len(title.encode()) > TITLE_BYTES or not canon.is_line(title):
        raise FormulaError(place, f"a title is one line of 1 to {TITLE_BYTES} bytes")
