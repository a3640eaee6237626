"""The JSON file beside an image, as BIDS describes it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from giblet.bold.names import stem
from giblet.errors import BoldError
from giblet.timeline import exact

LARGEST = 2**24
"""Bytes; a larger file is no sidecar."""


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar says of a run's timing.

    Attributes
    ----------
    name : str
        What to call it: a file name.
    tr : fractions.Fraction or None
        RepetitionTime, seconds.
    start : fractions.Fraction or None
        StartTime, seconds: the moment that the first volume stands for.
    slices : tuple of float
        SliceTiming: seconds after the start of a volume at which each slice was measured.
    corrected : bool or None
        SliceTimingCorrected: whether preprocessing has shifted all slices to one moment.
    units : str or None
        Units of the values.
    """

    name: str
    tr: Fraction | None = None
    start: Fraction | None = None
    slices: tuple[float, ...] = ()
    corrected: bool | None = None
    units: str | None = None


def read_sidecar(path: str | os.PathLike[str], given: Mapping[str, Any] | None = None) -> Sidecar:
    """Read the sidecar of a run, if there is one.

    Parameters
    ----------
    path : str or os.PathLike
        The image or table; its sidecar has the same name and ends in ``.json``.
    given : mapping, optional
        Fields of the sidecar, if somebody has collected them already (BIDS lets files inherit them); no file is
        looked for then.

    Returns
    -------
    Sidecar
        With nothing but its name where there is none.

    Raises
    ------
    BoldError
        If it is damaged, or a field has a value that it cannot have.
    """
    whole, short = (Path(path).with_name(f"{name}.json") for name in stem(path))
    if given is not None:
        return _checked(given, short.name, path)
    found = next((file for file in (short, whole) if file.is_file()), None)
    return Sidecar(short.name) if found is None else _checked(_load(found), found.name, found)


def _load(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError("it is too large")
        fields = json.loads(file.read_bytes())
    # Nested a thousand deep, or a number of a million digits: no sidecar either.
    except (OSError, ValueError, RecursionError) as error:
        raise BoldError(f"cannot be read as JSON ({error})", "mend it, or take it away and give tr=", file) from error
    if not isinstance(fields, dict):
        raise BoldError("is no JSON object", "mend it, or take it away and give tr=", file)
    return fields


def _checked(fields: Mapping[str, Any], name: str, path: str | os.PathLike[str]) -> Sidecar:
    def refuse(field: str, wanted: str) -> BoldError:
        return BoldError(f"{field} is {str(fields[field])[:40]}, and BIDS wants {wanted}", f"mend {field}", path)

    tr, start = (_seconds(fields.get(field)) for field in ("RepetitionTime", "StartTime"))
    if "RepetitionTime" in fields and (tr is None or tr <= 0):
        raise refuse("RepetitionTime", "seconds above 0")
    if tr is None and "VolumeTiming" in fields:
        raise BoldError(
            "has VolumeTiming and no RepetitionTime: volumes at times of their own",
            "use a run with one TR throughout, or give tr= if the times are evenly spaced",
            path,
        )
    if "StartTime" in fields and (start is None or start < 0):
        raise refuse("StartTime", "seconds, 0 or more")
    slices = fields.get("SliceTiming", ())
    times = [_seconds(time) for time in slices] if isinstance(slices, (list, tuple)) else [None]
    limit = math.inf if tr is None else tr
    if any(time is None or not 0 <= time <= limit for time in times):
        raise refuse("SliceTiming", "a list of seconds, each within the TR")
    corrected = fields.get("SliceTimingCorrected")
    if corrected not in (None, True, False):
        raise refuse("SliceTimingCorrected", "true or false")
    units = fields.get("Units")
    return Sidecar(
        name, tr, start, tuple(float(time) for time in times if time is not None), corrected,
        units if isinstance(units, str) else None,
    )  # fmt: skip


def _seconds(value: Any) -> Fraction | None:
    usable = isinstance(value, (int, float, Fraction)) and not isinstance(value, bool) and math.isfinite(value)
    return exact(value) if usable and abs(value) < 10**9 else None
