"""Lengths and times that images state about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from giblet.data.layouts.findings import Findings
from giblet.timeline import exact

_UNITS = {"sec": Fraction(1), "msec": Fraction(1, 1000), "usec": Fraction(1, 1_000_000)}


@dataclass(frozen=True)
class Header:
    """What an image's header says.

    Attributes
    ----------
    n_volumes : int
        Volumes.
    shape : tuple of int
        Voxels along each axis; empty for surfaces.
    tr : fractions.Fraction or None
        Repetition time, seconds; None where it is 0 or has no unit.
    """

    n_volumes: int
    shape: tuple[int, ...]
    tr: Fraction | None


def read_header(path: Path, findings: Findings) -> Header | None:
    """Read the header of a scan.

    Parameters
    ----------
    path : pathlib.Path
        NIfTI with 4 dimensions, or CIFTI time series.
    findings : Findings
        Gets a problem if it cannot be read or holds no scan.

    Returns
    -------
    Header or None
        None with a problem.
    """
    import nibabel

    try:
        image: Any = nibabel.load(path)
        if isinstance(image, nibabel.Cifti2Image):
            return _series(image)
        shape = tuple(map(int, image.shape))
        step, unit = image.header.get_zooms()[-1], image.header.get_xyzt_units()[1]
    # nibabel meets damaged files with whatever went wrong inside.
    except Exception as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        findings.error(path, f"is no image that can be read ({reason})", "copy it again, or convert it to NIfTI")
        return None
    if len(shape) != 4 or 0 in shape:
        findings.error(path, f"has the shape {shape} and is no series of volumes", "name a 4-D image")
        return None
    known = unit in _UNITS and step > 0
    return Header(shape[3], shape[:3], exact(float(f"{step:.7g}"), "the TR") * _UNITS[unit] if known else None)


def _series(image: Any) -> Header:
    axis = image.header.get_axis(0)
    if axis.unit != "SECOND":
        raise ValueError(f"its rows are a series in {axis.unit}")
    return Header(len(axis), (), exact(axis.step, "the TR") if axis.step > 0 else None)
