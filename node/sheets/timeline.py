"""Stamps over time: where each lies, by its date and its mean score. Pure.

1. Height is the mean score, shape and size are the severity, the inside is what became of it: full where it counts,
   empty while a dispute has no answer, a cross where it was taken back. Colour alone says nothing.
2. Stamps of one score stand beside each other, however close their dates are: none covers another.
3. More stamps than can be told apart are put together: a circle for each stretch of time and half point, its area by
   how many there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import sqrt
from types import MappingProxyType
from typing import Final, NamedTuple

from node.sheets import words
from node.sheets.view import Behind
from stamps.stamp import MAX_SCORE

HEIGHT: Final = 190
LEFT, RIGHT, TOP, FOOT = 30.0, 14.0, 14.0, 30.0
APART: Final = 150
"""Up to how many stamps each has a mark of its own."""
CELL: Final = 16.0
"""How wide the stretch of time is that many stamps are put together by."""
LEAST_SPAN_MS: Final = 30 * 86_400_000
LABEL: Final = 84.0
"""How much room a date takes."""
BESIDE: Final = 12.0
"""How far apart the middles of two marks are, so that neither covers the other; less where there are very many."""
FEW_DAYS_MS: Final = 60 * 86_400_000
"""Over how short a time the days of the stamps are named; beyond, months and years."""
RADII: Final[Mapping[str, float]] = MappingProxyType({"leaf": 3.8, "branch": 6.0, "root": 5.4})
_MONTHS: Final = (1, 2, 3, 6, *(12 * years for years in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)))
_FEW_YEARS: Final = 36
"""Up to how many months a table goes by months, and beyond by years."""

FULL, EMPTY, CROSS = "full", "empty", "cross"


class Mark(NamedTuple):
    """A stamp, or several: its outline as an SVG path, how it is drawn, and what it says."""

    path: str
    kind: str
    said: str


class Tick(NamedTuple):
    """A line of the grid, and what stands beside it."""

    at: float
    label: str
    anchor: str


class Timeline(NamedTuple):
    """Marks in a frame.

    Attributes:
        together: Whether a mark stands for several stamps.
        said: The same in a sentence.
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    dates: tuple[Tick, ...]
    scores: tuple[Tick, ...]
    together: bool
    said: str


class Stretch(NamedTuple):
    """A row of the table beside the picture: a month or a year, how many stamps, and their mean."""

    name: str
    stamps: int
    mean: float


class _Frame(NamedTuple):
    start: int
    end: int
    width: float

    def x(self, ms: int) -> float:
        share = (words.in_calendar(ms) - self.start) / (self.end - self.start)
        return round(LEFT + 10 + share * (self.width - LEFT - RIGHT - 20), 1)


def timeline(stamps: Sequence[Behind], width: float) -> Timeline | None:
    """Lay stamps out, oldest first, in a picture of some width; None where there are none."""
    if not stamps:
        return None
    frame = _frame(stamps, width)
    together = len(stamps) > APART
    marks = _together(stamps, frame) if together else tuple(map(_mark, stamps, _places(stamps, frame)))
    levels = tuple(Tick(_y(level), str(level), "end") for level in range(MAX_SCORE + 1))
    return Timeline(width, HEIGHT, marks, tuple(_dates(stamps, frame)), levels, together, _said(stamps))


def table(stamps: Iterable[Behind]) -> tuple[Stretch, ...]:
    """Return the same as rows, oldest first; what was taken back is not in them."""
    months: defaultdict[str, list[float]] = defaultdict(list)
    years: defaultdict[str, list[float]] = defaultdict(list)
    for one in stamps:
        if not one.stamp.withdrawn:
            when = words.moment(one.stamp.time_ms)
            months[f"{when:%b} {when.year}"].append(one.score)
            years[str(when.year)].append(one.score)
    chosen = months if len(months) <= _FEW_YEARS else years
    return tuple(Stretch(name, len(scores), sum(scores) / len(scores)) for name, scores in chosen.items())


def shape(severity: str, x: float, y: float) -> str:
    """Return the outline of a severity: a circle for leaf, a diamond for branch, a square for root."""
    r = RADII[severity]
    if severity == "branch":
        return f"M{x:g} {y - r:g}l{r:g} {r:g}l{-r:g} {r:g}l{-r:g} {-r:g}Z"
    if severity == "root":
        return f"M{x - r:g} {y - r:g}h{2 * r:g}v{2 * r:g}h{-2 * r:g}Z"
    return circle(x, y, r)


def circle(x: float, y: float, r: float) -> str:
    """Return the outline of a circle."""
    return f"M{x - r:g} {y:g}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0Z"


def cross(x: float, y: float) -> str:
    """Return the two lines of what was taken back."""
    r = RADII["leaf"]
    return f"M{x - r:g} {y - r:g}l{2 * r:g} {2 * r:g}m0 {-2 * r:g}l{-2 * r:g} {2 * r:g}"


def _frame(stamps: Sequence[Behind], width: float) -> _Frame:
    start, end = (words.in_calendar(one.stamp.time_ms) for one in (stamps[0], stamps[-1]))
    missing = max(0, LEAST_SPAN_MS - (end - start))
    return _Frame(start - missing // 2, end + missing - missing // 2, width)


def _y(score: float) -> float:
    return round(TOP + (1 - score / MAX_SCORE) * (HEIGHT - TOP - FOOT), 1)


def _places(stamps: Sequence[Behind], frame: _Frame) -> list[float]:
    """Return how far to the right each stamp stands: at its date, or beside another of the same score."""
    levels: defaultdict[float, list[int]] = defaultdict(list)
    for n, one in enumerate(stamps):
        levels[_y(one.score)].append(n)
    found = [frame.x(one.stamp.time_ms) for one in stamps]
    for level in levels.values():
        for n, x in zip(level, apart([found[n] for n in level], frame.width - RIGHT), strict=True):
            found[n] = x
    return found


def apart(places: Sequence[float], end: float) -> list[float]:
    """Move places, in order, so far to the right that none is on another; those pushed over the end, back again."""
    gap = min(BESIDE, (end - LEFT) / (2 * len(places)))
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + gap) if found else place)
    most = end
    for n in reversed(range(len(found))):
        found[n] = min(found[n], most)
        most = found[n] - gap
    return [round(place, 1) for place in found]


def _mark(one: Behind, x: float) -> Mark:
    stamp, y = one.stamp, _y(one.score)
    became = words.state(stamp)
    said = f"{words.date(stamp.time_ms)}: {one.score:.1f}, {stamp.severity}{', ' if became else ''}{became}"
    said = f"{said} – {words.plain(stamp.title)}"
    if stamp.withdrawn:
        return Mark(cross(x, y), CROSS, said)
    return Mark(shape(stamp.severity, x, y), EMPTY if became == "disputed" else FULL, said)


def _together(stamps: Iterable[Behind], frame: _Frame) -> tuple[Mark, ...]:
    cells: defaultdict[tuple[int, float], int] = defaultdict(int)
    for one in stamps:
        if not one.stamp.withdrawn:
            cells[int((frame.x(one.stamp.time_ms) - LEFT) / CELL), round(one.score * 2) / 2] += 1
    most = max(cells.values(), default=1)
    return tuple(
        Mark(
            circle(LEFT + (column + 0.5) * CELL, _y(score), round(max(1.5, (CELL / 2 - 0.5) * sqrt(count / most)), 1)),
            FULL,
            f"{words.counted(count, 'stamp')} of about {score:g}",
        )
        for (column, score), count in sorted(cells.items())
    )


def _said(stamps: Sequence[Behind]) -> str:
    first, last = words.date(stamps[0].stamp.time_ms), words.date(stamps[-1].stamp.time_ms)
    counted = [one.score for one in stamps if not one.stamp.withdrawn]
    mean = f", {sum(counted) / len(counted):.1f} of {MAX_SCORE} at the mean" if counted else ""
    when = f"on {first}" if first == last else f"from {first} to {last}"
    return f"{words.counted(len(stamps), 'stamp')} {when}{mean}"


# -- dates ---------------------------------------------------------------------------------------------------------


def _dates(stamps: Sequence[Behind], frame: _Frame) -> Iterable[Tick]:
    first, last = (words.in_calendar(one.stamp.time_ms) for one in (stamps[0], stamps[-1]))
    # What a month is called says little where all lies within a few weeks.
    return _days(stamps, frame) if last - first <= FEW_DAYS_MS else _months(frame)


def _days(stamps: Sequence[Behind], frame: _Frame) -> Iterable[Tick]:
    """Return lines at the days on which there are stamps, as many as have room for their words."""
    free = -LABEL
    days: dict[str, float] = {}
    for one in stamps:
        days.setdefault(words.date(one.stamp.time_ms), frame.x(one.stamp.time_ms))
    for day, x in days.items():
        ends = x + LABEL / 2 > frame.width
        begins = x - (LABEL if ends else LABEL / 2)
        if begins >= free:
            free = begins + LABEL
            yield Tick(x, day, "end" if ends else "middle")


def _months(frame: _Frame) -> Iterable[Tick]:
    """Return lines at the beginnings of months or years, as many as have room for their words."""
    room = max(1, int((frame.width - LEFT - RIGHT) / LABEL))
    first, last = words.moment(frame.start), words.moment(frame.end)
    months = _month(last) - _month(first)
    step = next((step for step in _MONTHS if months / step <= room), _MONTHS[-1])
    starts = range(-(-_month(first) // step) * step, _month(last) + 1, step)
    found = [(_ms(first, month), month) for month in starts]
    for ms, month in found:
        if frame.start <= ms <= frame.end:
            name = datetime(2000, month % 12 + 1, 1).strftime("%b")
            yield Tick(frame.x(ms), str(month // 12) if step >= 12 else f"{name} {month // 12}", "middle")


def _month(when: datetime) -> int:
    return when.year * 12 + when.month - 1


def _ms(like: datetime, month: int) -> int:
    begins = like.replace(year=min(month // 12, 9999), month=month % 12 + 1, day=1, hour=0, minute=0, second=0)
    return int((begins.replace(microsecond=0) - words.moment(0)).total_seconds() * 1000)
