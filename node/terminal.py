"""Words of strangers on a terminal: nothing hides, nothing moves, nothing colours but our own colours.

1. What is printed as text goes through `visible`; only JSON and files are as they were written.
2. A line that holds colours of ours is made visible first and is `Shown` then.
3. Columns are counted as a terminal does: a wide letter takes two, a combining mark none.
"""

import unicodedata
from collections.abc import Iterator, Mapping

JOINERS = "\u200c\u200d"
"""What joins letters of some scripts, and emoji; alone it shows nothing."""
_HIDING = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_NARROW = frozenset("–—‘’“”•…→○◐●◇❄✓✗└─")


class Shown(str):
    """A line whose words are visible already, perhaps with colours around them: it is printed as it is."""

    __slots__ = ()


def visible(line: str) -> str:
    """Return a line in which nothing hides: escapes, bidirectional overrides and the like stand as their codes."""
    if line.isascii() and line.isprintable():
        return line
    return "".join(c if c == "\t" or unicodedata.category(c)[0] != "C" else _code(c) for c in line)


def shown(line: str) -> str:
    """Return a line of text as a terminal may have it: like `visible`, but what joins letters and emoji joins them.

    Letters that this Python does not know yet stay, too: they are drawn as boxes at worst.
    """
    if isinstance(line, Shown) or (line.isascii() and line.isprintable()):
        return line
    return "".join(c if c in JOINERS or unicodedata.category(c) not in _HIDING else _code(c) for c in line)


def _code(c: str) -> str:
    return f"<U+{ord(c):04X}>"


def has_colours(environment: Mapping[str, str]) -> bool:
    """Say whether the user's environment lets a terminal be coloured (https://no-color.org)."""
    return not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


# -- columns -------------------------------------------------------------------------------------------------------


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if _is_narrow(text) else sum(columns for _, columns in _clusters(text))


def pad(text: str, columns: int) -> str:
    """Return a text at no less than so many columns."""
    return text + " " * (columns - width(text))


def fit(text: str, columns: int) -> str:
    """Return a text at exactly so many columns: filled up, or cut between what is seen as letters."""
    return pad(text if width(text) <= columns else _cut(text, columns - 1) + "…", columns)


def _cut(text: str, columns: int) -> str:
    if _is_narrow(text):
        return text[:columns]
    kept = ""
    for cluster, taken in _clusters(text):
        columns -= taken
        if columns < 0:
            break
        kept += cluster
    return kept


def _is_narrow(text: str) -> bool:
    """Say whether every letter surely takes one column: so it is in most tables, and the library takes ten ms."""
    return text.isascii() or all(c < "\u0300" or "\u0370" <= c < "\u0483" or c in _NARROW for c in text)


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """Yield what is seen as one letter (UAX 29), with its columns."""
    # Start-up time: only what is not narrow needs it.
    from wcwidth import iter_graphemes, wcswidth  # noqa: PLC0415

    for cluster in iter_graphemes(text):
        yield cluster, max(wcswidth(cluster), 0)
