"""Scales of figures: where a value lies, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Seconds between marks on an axis of time, the first that leaves room for all labels is taken.
TIME_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
# Labels that fit below a figure on a phone.
MOST_LABELS = 6


@dataclass(frozen=True)
class Axis:
    """A scale.

    Attributes
    ----------
    low, high : float
        Its ends.
    ticks : tuple of (float, str)
        Values that are marked, with their labels.
    log : bool
        Whether equal ratios are equally long.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one; beyond them, at the end."""
        low, high, at = (
            (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        return min(1.0, max(0.0, (at - low) / (high - low)))

    @property
    def labels(self) -> tuple[tuple[float, str], ...]:
        """Places of the ticks, 0 to 1, with their labels."""
        return tuple((self.place(value), label) for value, label in self.ticks)


def value_axis(low: float, high: float, most: int = 4) -> Axis:
    """Return a scale of round ticks that holds ``low`` to ``high``, both finite.

    Parameters
    ----------
    low, high : float
        What it has to hold; a range of no width is widened.
    most : int
        Most ticks.
    """
    if high <= low:
        room = max(abs(low) / 10, 1e-6)
        low, high = low - room, high + room
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(s * power for s in (1, 2, 5, 10, 20) if (high - low) / (s * power) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple((i * step, f"{i * step:.{digits}f}") for i in range(first, last + 1))
    if step >= 1e5 or step < 1e-4:
        # As many digits as tell neighbours apart.
        digits = 1 + math.ceil(math.log10(max(abs(first), abs(last)) + 1))
        ticks = tuple((value, f"{value:.{digits}g}") for value, _ in ticks)
    return Axis(first * step, last * step, ticks)


def time_axis(start: float, end: float, most: int = MOST_LABELS) -> Axis:
    """Return a scale of seconds from ``start`` to ``end``, ticks at round times.

    Parameters
    ----------
    start, end : float
        Seconds; the ends of the scale.
    most : int
        Most ticks.
    """
    end = max(end, start + 1e-3)
    step = next((s for s in TIME_STEPS if (end - start) / s < most), (end - start) / most)
    first = math.ceil(start / step - 1e-9)
    values = [i * step for i in range(first, math.floor(end / step + 1e-9) + 1)]
    return Axis(start, end, tuple((value, clock(value, step < 1)) for value in values))


def log_axis(values: Sequence[float], ticks: Sequence[float]) -> Axis:
    """Return a scale of ratios with room around positive ``values`` and labels at ``ticks``."""
    low, high = min(values), max(values)
    room = (high / low) ** 0.06 if high > low else 1.5
    shown = tuple((value, f"{value:g}") for value in ticks)
    return Axis(low / room, high * room, shown, log=True)


def clock(seconds: float, tenths: bool = False) -> str:
    """Return a time as people read it: ``1:02``, ``1:02:03``, with ``tenths`` ``0:01.5``."""
    sign = "−" if seconds < -1e-9 else ""
    units = round(abs(seconds) * 10) if tenths else 10 * round(abs(seconds))
    minutes, rest = divmod(units, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest // 10:02d}" + (f".{rest % 10}" if tenths else "")
    return f"{sign}{hours}:{minutes:02d}:{text}" if hours else f"{sign}{minutes}:{text}"
