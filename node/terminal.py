"""Words of strangers on a terminal."""

import unicodedata


def visible(line: str) -> str:
    """Return a line in which nothing hides: escapes, bidirectional overrides and the like stand as their codes."""
    if line.isascii() and line.isprintable():
        return line
    return "".join(c if c == "\t" or unicodedata.category(c)[0] != "C" else f"<U+{ord(c):04X}>" for c in line)
