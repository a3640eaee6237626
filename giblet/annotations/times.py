"""Times as people write them into tables."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

_CLOCK = re.compile(r"(?P<sign>-?)(?:(?P<h>\d{1,4}):)?(?P<m>\d{1,4}):(?P<s>\d{1,2}(?:[.,]\d{1,9})?)")
_FRAMES = re.compile(r"(?P<h>\d{1,4}):(?P<m>\d{1,2}):(?P<s>\d{1,2})[:;](?P<f>\d{1,3})")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
BLANKS = ("", "n/a", "na", "nan", "none", "null")


def seconds(cell: Any, fps: float | None = None) -> float:
    """Return the time in a cell.

    Parameters
    ----------
    cell : object
        A number of seconds, as number or text; a clock's reading, as text (``1:02.5``, ``00:01:02.5``,
        ``00:01:02:15`` with pictures) or as a spreadsheet's time.
    fps : float, optional
        Pictures per second.

    Returns
    -------
    float
        Seconds, NaN for a blank cell.

    Raises
    ------
    ValueError
        If there is no time in it, with the reason.
    """
    if cell is None:
        return math.nan
    if isinstance(cell, dt.time):
        return cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds()
    if isinstance(cell, (bool, dt.date)):
        raise ValueError("is no time")
    text = str(cell).strip()
    if text.lower() in BLANKS:
        return math.nan
    number = _clock(text, fps)
    if number is None:
        number = _number(text)
    if not math.isfinite(number):
        raise ValueError("is no finite time")
    return number


def _number(text: str) -> float:
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        # Python would take 1_000 for a number.
        return float(text.replace("_", " "))
    except ValueError:
        raise ValueError("is no time") from None


def _clock(text: str, fps: float | None) -> float | None:
    """Return the reading of a clock, None where the text is none."""
    if clock := _CLOCK.fullmatch(text):
        time = int(clock["h"] or 0) * 3600 + int(clock["m"]) * 60 + float(clock["s"].replace(",", "."))
        return -time if clock["sign"] else time
    if frames := _FRAMES.fullmatch(text):
        if fps is None:
            raise ValueError("counts pictures, so that fps must be given")
        return int(frames["h"]) * 3600 + int(frames["m"]) * 60 + int(frames["s"]) + int(frames["f"]) / fps
    return None
