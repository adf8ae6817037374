"""What a line of beads says that cannot be what it is for, or leaves out; and what is understood instead.

The line is kept as it is in any case. What tools of its kind leave out where it is empty is nothing odd.
"""

import json
from collections.abc import Callable, Container, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from beads import record as records
from beads import times, vocabulary
from beads.jsonl import Document, Line, Problem, problem
from beads.merge import TIMES
from beads.record import Record
from beads.vocabulary import DEFAULT_PRIORITY, DEFAULT_TYPE, OPEN, PRIORITIES

LEFT_OUT: Final = "left_out"
_SHOWN: Final = 40
"""Characters of a value that are shown."""
_ALWAYS: Final = MappingProxyType(
    {
        "title": "none", "priority": "0, the most urgent", "created_at": "1970, so that every clone says the same",
        "updated_at": "when it was made, or brought in",
    }
)  # fmt: skip
"""Members that every line has, and what is understood where one has not."""
_INSTEAD: Final = MappingProxyType(
    {"status": OPEN, "priority": f"{DEFAULT_PRIORITY}", "issue_type": DEFAULT_TYPE, "created_at": "1970"}
)
"""What is understood where a member cannot be what it says; nothing for all others."""
_FITS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "labels": lambda one, _: records.is_label(one), "dependencies": records.is_dependency,
        "comments": lambda one, _: records.is_comment(one),
    }
)  # fmt: skip


def unreadable(document: Document, statuses: Container[str]) -> list[Problem]:
    """Return what the lines of a file say that cannot be read as what it is for."""
    found = (one for line in document.counted.values() for one in of(line, statuses))
    return [one for one in found if one.code != LEFT_OUT]


def of(line: Line, statuses: Container[str]) -> Iterator[Problem]:
    """Yield what is odd about the line of a bead.

    Args:
        statuses: Those that the ledger knows beside the built-in ones.
    """
    record = line.record or {}
    odd = [*_odd_values(record), *_odd_sets(record)]
    if odd:
        yield problem(line.number, "odd_value", "; ".join(odd))
    missing = [f"no {name}: understood is {what}" for name, what in _ALWAYS.items() if _is_empty(record.get(name))]
    if missing:
        yield problem(line.number, LEFT_OUT, "; ".join(missing))
    status = record.get("status")
    if isinstance(status, str) and status and status not in vocabulary.STATUSES and status not in statuses:
        yield problem(line.number, "unknown_status", f"{_shown(status)}: neither ready nor over")


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _odd_values(record: Record) -> Iterator[str]:
    for name, value in record.items():
        if not _is_empty(value) and not _fits(name, value):
            yield f"{name} {_shown(value)}: understood is {_INSTEAD.get(name, 'nothing')}"
    number = record.get("priority")
    if type(number) is int and number not in PRIORITIES:
        yield f"priority {number}: it goes from 0 to {PRIORITIES[-1]}"


def _fits(name: str, value: Any) -> bool:
    if name in TIMES and name in records.SCALARS:
        return times.instant(value) is not None
    if name in records.TEXTS:
        return isinstance(value, str)
    kind = records.SCALARS.get(name)
    # A long text is no field, and still is what it says; a type is one by its name only.
    return (
        kind is None or (kind is str and type(value) is str and name != "issue_type") or records.is_field(name, value)
    )


def _odd_sets(record: Record) -> Iterator[str]:
    for name, fits in _FITS.items():
        value = record.get(name) or []
        if not isinstance(value, list):
            yield f"{name} {_shown(value)}: understood is nothing"
        elif odd := [one for one in value if not fits(one, record["id"])]:
            more = f" and {len(odd) - 1} more" if odd[1:] else ""
            yield f"among {name} {_shown(odd[0])}{more}: understood is nothing"


def _shown(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=False, default=str)
    return said if len(said) <= _SHOWN else f"{said[: _SHOWN - 1]}…"
