"""The colours of pages and pictures, by day and by night; `static/style.css` has the same (a test compares)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LIGHT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ink": "#221a14", "quiet": "#6a5d53", "paper": "#fbf7f1", "card": "#ffffff", "line": "#e5dacb",
        "mark": "#9a8b7c", "accent": "#a23c12", "soft": "#f3e7d6",
        "good": "#22683a", "good-soft": "#dff0e2", "wait": "#7a5200", "wait-soft": "#fbecc8",
        "bad": "#96271f", "bad-soft": "#f9dedb",
    }
)  # fmt: skip
DARK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ink": "#efe6da", "quiet": "#b0a293", "paper": "#191512", "card": "#221d19", "line": "#3a322b",
        "mark": "#857567", "accent": "#f0935c", "soft": "#2e261f",
        "good": "#8fd6a2", "good-soft": "#1d3524", "wait": "#efc869", "wait-soft": "#3a2f14",
        "bad": "#f3a49b", "bad-soft": "#40211d",
    }
)  # fmt: skip
TIERS: Final[Mapping[str, str]] = MappingProxyType(
    {"newcomer": "#6a5d53", "known": "#7a5200", "steady": "#22683a", "proven": "#1f5c78", "pillar": "#a23c12"}
)
"""Behind white letters on a badge; the word beside it says the same."""
LABEL: Final = "#463b33"
"""Behind the white letters of a badge's other half."""


def variables(colours: Mapping[str, str]) -> str:
    """Return colours as CSS custom properties."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


def scheme() -> str:
    """Return both, as CSS that follows what the reader's system says."""
    return f":root {{ {variables(LIGHT)} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}"
