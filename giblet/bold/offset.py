"""At which moment of a TR its volume was sampled."""

from __future__ import annotations

import os
from fractions import Fraction

from giblet.bold.repetition import ROUNDING
from giblet.bold.sidecar import Sidecar
from giblet.errors import BoldError, ParameterError
from giblet.timeline import exact


def settle_offset(
    path: str | os.PathLike[str], tr: Fraction | None, sidecar: Sidecar, slice_time_ref: float | None, dropped: int = 0
) -> tuple[Fraction, list[str]]:
    """Decide on the moment within a TR that volumes stand for.

    Parameters
    ----------
    path : str or os.PathLike
        The file, for the message of an error.
    tr : fractions.Fraction or None
        Repetition time, seconds.
    sidecar : Sidecar
        What stands beside the file.
    slice_time_ref : float, optional
        What the caller says, as a share of the TR, 0 to 1.
    dropped : int
        Volumes that were cut off before the first stored one; StartTime may count from the first measured one.

    Returns
    -------
    offset : fractions.Fraction
        Seconds, 0 where nobody says anything.
    notes : list of str
        That preprocessing and caller would both correct, or nobody did.

    Raises
    ------
    BoldError
        If the sidecar's StartTime lies outside the first volume, or contradicts the caller.
    ParameterError
        If ``slice_time_ref`` is no share, or there is no TR to take a share of.
    """
    asked = _asked(tr, slice_time_ref)
    start = _within_tr(path, tr, sidecar, dropped)
    if start is not None and asked is not None:
        if abs(start - asked) > ROUNDING:
            raise BoldError(
                f"{sidecar.name} says that volumes stand for {float(start):g} s (StartTime) and you say"
                f" {float(asked):g} s (slice_time_ref)",
                "leave slice_time_ref out, or correct StartTime",
                path,
            )
        return start, [
            f"StartTime in {sidecar.name} and slice_time_ref both correct for slice timing; it is done once."
        ]
    if asked is not None and sidecar.corrected:
        return asked, [
            f"{sidecar.name} says that slice timing is corrected already; slice_time_ref is taken as the moment to"
            " which that was done and must not come on top of it."
        ]
    if start is None and asked is None and sidecar.slices and not sidecar.corrected:
        return Fraction(0), [
            f"Slices were measured between {min(sidecar.slices):g} and {max(sidecar.slices):g} s of each TR and nobody"
            " corrected for it; volumes count as sampled at their start (slice_time_ref=0.5 takes the middle)."
        ]
    return start or asked or Fraction(0), []


def _asked(tr: Fraction | None, slice_time_ref: float | None) -> Fraction | None:
    if slice_time_ref is None:
        return None
    share = exact(slice_time_ref, "slice_time_ref")
    if not 0 <= share <= 1:
        raise ParameterError(f"slice_time_ref is {slice_time_ref}", "give a share of the TR, from 0 to 1")
    if tr is None:
        raise ParameterError("slice_time_ref is a share of a TR that is not known", "give tr= as well")
    return share * tr


def _within_tr(path: str | os.PathLike[str], tr: Fraction | None, sidecar: Sidecar, dropped: int) -> Fraction | None:
    start = sidecar.start
    if start is None or tr is None:
        return start
    if start > tr:
        start -= dropped * tr
    if not 0 <= start <= tr:
        raise BoldError(
            f"StartTime in {sidecar.name} is {float(sidecar.start or 0):g} s, outside the first stored volume"
            f" (TR {float(tr):g} s, {dropped} volumes dropped before it)",
            "give the number of volumes that were cut off (dropped=), or correct StartTime",
            path,
        )
    return start
