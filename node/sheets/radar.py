"""The radar of an actor's dimensions: where its corners lie, and how far each score may be out. Pure."""

from collections.abc import Sequence
from math import cos, pi, sin
from typing import Final, NamedTuple

SIZE, RADIUS, ROOM = 320, 100, 20
FULL: Final = 5.0
LEAST: Final = 3
"""Fewer dimensions span nothing; the scales beside it say them."""


class Corner(NamedTuple):
    """One dimension: the end of its axis, its name's place and alignment, its score and where that lies."""

    name: str
    score: float
    axis: tuple[float, float]
    label: tuple[float, float]
    anchor: str
    at: tuple[float, float]


class Radar(NamedTuple):
    """A polygon of scores within rings of one point each.

    Attributes:
        area: The polygon as SVG's `points`.
        doubt: The path of the band between score - uncertainty and score + uncertainty, to be filled by even-odd.
        rings: One for each point, likewise, the outermost last.
    """

    size: int
    corners: tuple[Corner, ...]
    area: str
    doubt: str
    rings: tuple[str, ...]

    @property
    def said(self) -> str:
        """The same in words."""
        return ", ".join(f"{corner.name} {corner.score:.1f} of {FULL:g}" for corner in self.corners)


def radar(scores: Sequence[tuple[str, float, float]]) -> Radar | None:
    """Lay dimensions, each with its score from 0 to 5 and its uncertainty, out round a circle, the first on top.

    Returns:
        None where there are fewer than three.
    """
    if len(scores) < LEAST:
        return None
    count = len(scores)
    corners = tuple(_corner(n, count, name, score) for n, (name, score, _) in enumerate(scores))
    rings = tuple(_points(count, [float(ring)] * count) for ring in range(1, int(FULL) + 1))
    least = _points(count, [max(0.0, score - doubt) for _, score, doubt in scores])
    most = _points(count, [min(FULL, score + doubt) for _, score, doubt in scores])
    return Radar(SIZE, corners, _points(count, [score for _, score, _ in scores]), f"M{most}ZM{least}Z", rings)


def _corner(n: int, count: int, name: str, score: float) -> Corner:
    x, y = _at(n, count, RADIUS + ROOM)
    middle = SIZE / 2
    anchor = "middle" if abs(x - middle) < 1 else "start" if x > middle else "end"
    return Corner(name, score, _at(n, count, RADIUS), (x, y), anchor, _at(n, count, RADIUS * score / FULL))


def _points(count: int, scores: Sequence[float]) -> str:
    places = (_at(n, count, RADIUS * score / FULL) for n, score in enumerate(scores))
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _at(n: int, count: int, far: float) -> tuple[float, float]:
    turn = 2 * pi * n / count
    return round(SIZE / 2 + far * sin(turn), 1), round(SIZE / 2 - far * cos(turn), 1)
