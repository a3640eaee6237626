"""Figures as plain values: the templates draw them, in the colours of the page, at any width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from giblet.report.axes import Axis

# Units across and down a figure, stretched to whatever room there is.
WIDE, HIGH = 1000, 100


@dataclass(frozen=True)
class Mark:
    """Something drawn in a plot.

    Attributes
    ----------
    path : str
        Data of an SVG path, in units of `WIDE` by `HIGH`.
    kind : str
        How it looks: classes of the style sheet, such as ``"line s2"``.
    label : str
        What it is, where a pointer rests on it; may be empty.
    """

    path: str
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Plot:
    """Values over something.

    Attributes
    ----------
    title, alt : str
        What it shows; the same in a sentence with figures, for who does not see it.
    x, y : Axis
        Scales.
    marks : tuple of Mark
        From back to front.
    """

    title: str
    alt: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Picture:
    """Values as colours.

    Attributes
    ----------
    title, alt : str
        As in `Plot`.
    image : str
        Address of the image, which is its content.
    x : Axis
        Scale along it.
    rows : tuple of (float, str)
        Labels of rows, by their place: 0 below, 1 above.
    """

    title: str
    alt: str
    image: str
    x: Axis
    rows: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Span:
    """A stretch of a lane.

    Attributes
    ----------
    start, end : float
        On the scale of the lanes.
    kind : str
        Class of the style sheet.
    label : str
        What it is, where a pointer rests on it.
    """

    start: float
    end: float
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Lane:
    """A row of stretches.

    Attributes
    ----------
    name : str
        What it shows.
    spans : tuple of Span
        From back to front.
    marks : tuple of Mark
        Drawn over them.
    """

    name: str
    spans: tuple[Span, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Lanes:
    """Stretches of time, below each other.

    Attributes
    ----------
    title, alt : str
        As in `Plot`.
    x : Axis
        Their scale.
    lanes : tuple of Lane
        From above.
    key : tuple of (str, str)
        Classes of spans and what they mean.
    """

    title: str
    alt: str
    x: Axis
    lanes: tuple[Lane, ...]
    key: tuple[tuple[str, str], ...] = ()

    def boxes(self, lane: Lane) -> Iterable[tuple[float, float, Span]]:
        """Yield left end and width of each span of a lane, in units of `WIDE`."""
        for span in lane.spans:
            if span.end <= self.x.low or span.start >= self.x.high:
                continue
            left, right = (WIDE * self.x.place(value) for value in (span.start, span.end))
            yield left, max(right - left, 0.4), span


def line(x: Axis, y: Axis, points: Iterable[tuple[float, float]]) -> str:
    """Return the path of a line that is interrupted where a value is no number."""
    parts, pen = [], "M"
    for at, value in points:
        if not math.isfinite(value):
            pen = "M"
            continue
        parts.append(f"{pen}{_point(x, y, at, value)}")
        pen = "L"
    return "".join(parts)


def dots(x: Axis, y: Axis, points: Iterable[tuple[float, float]]) -> str:
    """Return the path of dots: lines of no length with round ends, which stay round at any width."""
    return "".join(f"M{_point(x, y, at, value)}h0" for at, value in points if math.isfinite(value))


def bars(x: Axis, y: Axis, points: Iterable[tuple[float, float, float]]) -> str:
    """Return the path of upright lines, each from a low to a high value."""
    return "".join(
        f"M{_point(x, y, at, low)}L{_point(x, y, at, high)}"
        for at, low, high in points
        if math.isfinite(low) and math.isfinite(high)
    )


def band(x: Axis, y: Axis, points: Sequence[tuple[float, float, float]]) -> str:
    """Return the outline of an area between low and high values."""
    if not points:
        return ""
    upper = "L".join(_point(x, y, at, high) for at, _, high in points)
    lower = "L".join(_point(x, y, at, low) for at, low, _ in reversed(points))
    return f"M{upper}L{lower}Z"


def boxes(x: Axis, y: Axis, columns: Iterable[tuple[float, float, float]]) -> str:
    """Return the outline of a histogram's columns, each (left, right, height)."""
    path = ""
    for left, right, height in columns:
        a, b = (f"{WIDE * x.place(value):.1f}" for value in (left, right))
        path += f"M{a} {HIGH}V{HIGH * (1 - y.place(height)):.1f}H{b}V{HIGH}Z"
    return path


def uprights(x: Axis, places: Iterable[float]) -> str:
    """Return the path of lines over the whole height."""
    return "".join(f"M{WIDE * x.place(place):.1f} 0V{HIGH}" for place in places)


def _point(x: Axis, y: Axis, at: float, value: float) -> str:
    return f"{WIDE * x.place(at):.1f} {HIGH * (1 - y.place(value)):.1f}"
