"""Drafts that write fields and texts of a bead, naming what they take the place of."""

from collections.abc import Mapping
from typing import Any

from beads import limits
from beads.fields import MAX_FIELDS, Value
from beads.ledger import Draft
from beads.record import BeadView

_Cell = tuple[tuple[str, str], Any]
_ROOM = limits.BODY - 1024


def setting(view: BeadView, news: Mapping[str, Value], texts: Mapping[str, str], at: int | None = None) -> list[Draft]:
    """Return the drafts that write fields and texts of a bead, naming what they take the place of."""
    cells = [(("field", name), value) for name, value in news.items()] + [
        (("text", name), text) for name, text in texts.items()
    ]
    drafts: list[Draft] = []
    while cells:
        part, cells = _that_fits(view, cells)
        drafts.append(_set(view, part, at))
    return drafts


def setting_fields(view: BeadView, values: Mapping[str, Value]) -> list[Draft]:
    """Return the drafts that write fields which are not members of a record."""
    return setting(view, {name: value for name, value in values.items() if view.fields.get(name) != value}, {})


def _that_fits(view: BeadView, cells: list[_Cell]) -> tuple[list[_Cell], list[_Cell]]:
    """Split cells so that the first part fits one operation."""
    seen: set[str] = set()
    size = 0
    for n, (key, value) in enumerate(cells):
        seen |= {view.written[key]} if key in view.written else set()
        size += len(value.encode()) * 2 if isinstance(value, str) else 20
        full = len(seen) >= limits.NAMED_OPERATIONS or n >= MAX_FIELDS or size > _ROOM
        if n and (full or (key[0] == "field" and size > limits.LINE // 2)):
            return cells[:n], cells[n:]
    return cells, []


def _set(view: BeadView, cells: list[_Cell], at: int | None) -> Draft:
    seen = sorted({view.written[key] for key, _ in cells if key in view.written})
    texts = {key[1]: value for key, value in cells if key[0] == "text"}
    pairs = sorted((key[1], value) for key, value in cells if key[0] == "field")
    more = ({"seen": seen} if seen else {}) | ({"at": at} if at else {})
    return Draft("bead.set", {"bead": view.id, "fields": pairs, "prose": sorted(texts), **more}, texts)
