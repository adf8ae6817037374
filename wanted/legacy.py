"""What the reference's rows mean here: they are shown, and weigh nothing, for nobody signed them.

The two clients of the reference give the same severity opposite meanings: for `wl` root is the most that work can
matter, for `gt` it is a warning that keeps a stamp out of the score. Their scales differ, too: 1 to 5, 0 to 5, 0 to 1.
"""

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

from stamps.stamp import MAX_CONFIDENCE, MAX_SCORE, SEVERITIES

UNSIGNED = "unsigned at source"
WEIGHT = 0
"""What such a stamp weighs in any score: whoever wrote it signed nothing, and whoever brings it was not there."""


class LegacyStamp(NamedTuple):
    """A stamp of the reference, as it would be read here.

    Attributes:
        id: Its id at the source.
        author: The handle there of who gave it.
        subject: The handle there of whose work it is.
        dims: Dimension and score on our scale, 0 to 5.
        severity: leaf, branch or root; None where the source says something else.
        warning: Whether the source means it as a warning.
        confidence: 0 to 100.
        created: As the source says it.
    """

    id: str
    author: str
    subject: str
    dims: tuple[tuple[str, float], ...]
    severity: str | None
    warning: bool
    confidence: int
    created: str


def stamp(row: str, client: str, fields: Mapping[str, object]) -> LegacyStamp:
    """Read a row of the table of stamps."""
    severity = str(fields.get("severity", "leaf"))
    warning = client == "gt" and severity == "root"
    return LegacyStamp(
        id=row,
        author=str(fields.get("author", "")),
        subject=str(fields.get("subject", "")),
        dims=_dims(str(fields.get("valence", ""))),
        severity=None if warning or severity not in SEVERITIES else severity,
        warning=warning,
        confidence=_confidence(str(fields.get("confidence", ""))),
        created=str(fields.get("created_at", "")),
    )


def _dims(valence: str) -> tuple[tuple[str, float], ...]:
    """Read a valence; where every value is within 0 to 1 and one has a fraction, the scale was 0 to 1."""
    try:
        values = json.loads(valence)
    except (ValueError, RecursionError):
        return ()
    listed = values.items() if isinstance(values, dict) else ()
    read = {str(name): _number(value) for name, value in listed if not isinstance(value, str)}
    # A name may hold anything that JSON can spell, half a character too.
    numbers = {name: value for name, value in read.items() if value is not None and name.isprintable()}
    unit = all(0 <= value <= 1 for value in numbers.values()) and any(value % 1 for value in numbers.values())
    scale = MAX_SCORE if unit else 1
    return tuple(sorted((name, min(max(value * scale, 0.0), float(MAX_SCORE))) for name, value in numbers.items()))


def _number(value: object) -> float | None:
    """Return a finite number as such; None for anything else, in which JSON and texts are rich."""
    if not isinstance(value, int | float | str) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _confidence(text: str) -> int:
    share = _number(text)
    return MAX_CONFIDENCE if share is None else round(min(max(share, 0.0), 1.0) * MAX_CONFIDENCE)
