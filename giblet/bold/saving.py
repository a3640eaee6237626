"""Time courses on disk: one array per run, to be mapped into memory, and the file that says where its columns lie."""

from __future__ import annotations

import os

import numpy as np

from giblet.bold.cleaning import blocks
from giblet.bold.courses import TimeCourses
from giblet.bold.damage import readable
from giblet.bold.grayordinates import Grayordinates
from giblet.bold.grids import Regions, Voxels
from giblet.bold.publishing import published
from giblet.bold.spaces import Space
from giblet.bold.surfaces import surface_of
from giblet.errors import BoldError

ROW_BLOCK = 2**21
"""Values that are written at once."""


def save_time_courses(
    courses: TimeCourses, path: str | os.PathLike[str], *, standardize: bool = True, force: bool = False
) -> None:
    """Write the values of a run as ``.npy``, complete or not at all.

    Parameters
    ----------
    courses : TimeCourses
        The run.
    path : str or os.PathLike
        Name of the file; ``np.load(path, mmap_mode="r")`` opens it without reading it.
    standardize : bool
        z-score each target over the volumes that are not censored (standard deviation with n in the denominator);
        targets that are not valid become 0.
    force : bool
        Whether to replace a file of that name.

    Raises
    ------
    BoldError
        If the name is taken or cannot be written to.
    """
    values = courses.values
    mean, scale = _statistics(courses) if standardize else (np.zeros(1), np.ones(1))
    rows = max(1, ROW_BLOCK // max(1, values.shape[1]))
    # A file mapped into memory would end the process where the disk is full.
    with published(path, force=force) as temporary, temporary.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": values.shape}
        np.lib.format.write_array_header_1_0(file, header)
        for first in range(0, len(values), rows):
            part = (values[first : first + rows] - mean) * scale
            file.write(np.ascontiguousarray(part, "<f4").data)


def _statistics(courses: TimeCourses) -> tuple[np.ndarray, np.ndarray]:
    used = ~courses.censored
    mean, scale = np.zeros(len(courses.valid)), np.zeros(len(courses.valid))
    for which in blocks(courses.values):
        part = courses.values[used, which].astype(np.float64)
        mean[which] = part.mean(axis=0)
        deviation = part.std(axis=0)
        usable = courses.valid[which] & (deviation > 0)
        scale[which] = np.divide(1, deviation, out=np.zeros_like(deviation), where=usable)
    return mean, scale


def read_space(path: str | os.PathLike[str]) -> Space:
    """Read a file that `Space.save_template` wrote.

    Parameters
    ----------
    path : str or os.PathLike
        The file.

    Returns
    -------
    Space
        The same places, without a TR.

    Raises
    ------
    BoldError
        If it is damaged or no such file.
    """
    import nibabel

    with readable(path):
        image = nibabel.load(path)
        if isinstance(image, nibabel.Cifti2Image):
            return Grayordinates(None, image.header.get_axis(1))
        if isinstance(image, nibabel.GiftiImage):
            return surface_of(path, image)
        if len(image.shape) != 3:
            raise BoldError("is no mask and no atlas", "name the file that was saved with the time courses", path)
        labels = np.asarray(image.dataobj)
        if image.header.get_intent()[0] == "label":
            return Regions(None, labels.astype(np.int32), image.affine)
        return Voxels(None, labels != 0, image.affine)
