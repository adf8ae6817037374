"""The forms in which a sheet can be had: one table for the command line and for HTTP."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from node.errors import Usage
from node.sheets import markdown, plain
from node.sheets.view import SheetView

SVG: Final = "image/svg+xml"


class Format(NamedTuple):
    """A form: what its files end in, its media type, and who makes it."""

    suffix: str
    media: str
    make: Callable[[SheetView], str]


def _text(view: SheetView) -> str:
    return "\n".join(plain.lines(view)) + "\n"


def _markdown(view: SheetView) -> str:
    return "\n".join(markdown.lines(view)) + "\n"


def _json(view: SheetView) -> str:
    return json.dumps({"schema_version": 1, **plain.record(view)}, ensure_ascii=False, indent=1) + "\n"


def _html(view: SheetView) -> str:
    # Start-up time: templates take as long as all the rest of a cold verb, and most want text.
    from node.sheets import drawn  # noqa: PLC0415

    return drawn.page(view, drawn.Links(None))


def _svg(view: SheetView) -> str:
    # Start-up time: see `_html`.
    from node.sheets import drawn  # noqa: PLC0415

    return drawn.card(view)


FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {
        "text": Format("txt", "text/plain; charset=utf-8", _text),
        "json": Format("json", "application/json", _json),
        "markdown": Format("md", "text/markdown; charset=utf-8", _markdown),
        "html": Format("html", "text/html; charset=utf-8", _html),
        "svg": Format("svg", SVG, _svg),
    }
)


def of_file(name: str) -> str:
    """Return the form that a file's name ends in.

    Raises:
        Usage: There is none.
    """
    found = next((form for form, each in FORMATS.items() if name.lower().endswith(f".{each.suffix}")), None)
    if found is None:
        ends = ", ".join(f".{each.suffix}" for each in FORMATS.values())
        raise Usage(f"what {name} ends in says no form", f"End it in one of {ends}, or say --format.")
    return found
