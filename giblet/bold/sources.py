"""Files of every kind alike: look at the header, then read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Protocol

import numpy as np

from giblet.bold.damage import check_file, quiet
from giblet.bold.grayordinates import GrayordinateFile
from giblet.bold.grids import Grid, Regions
from giblet.bold.masks import find_mask, find_regions
from giblet.bold.names import KINDS, ending
from giblet.bold.repetition import HeaderTR
from giblet.bold.spaces import Space
from giblet.bold.surfaces import SurfaceFile
from giblet.bold.tables import read_table, refuse_unknown
from giblet.bold.volumes import VolumeFile
from giblet.errors import ParameterError

WIDEST = 100
"""Millimetres; a wider smoothing is a slip."""


@dataclass
class Reading:
    """What a file holds.

    Attributes
    ----------
    values : ndarray of float32, shape (n_volumes, n_targets)
        The signal.
    space : Space or None
        Its places, without a TR.
    names : tuple of str
        Of the targets; empty where they have none.
    broken : ndarray of bool, shape (n_targets,), or None
        Targets that had values which were no numbers, where that is no longer to be seen.
    notes : list of str
        What was found.
    """

    values: np.ndarray
    space: Space | None
    names: tuple[str, ...] = ()
    broken: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)


class Source(Protocol):
    """A file of which the header is known.

    Attributes
    ----------
    n_volumes : int
        Volumes.
    header : HeaderTR or None
        What it says of its TR; None if files of its kind cannot say it.
    """

    n_volumes: int
    header: HeaderTR | None

    def read(self) -> Reading:
        """Read the values."""


@dataclass(frozen=True)
class Wishes:
    """How to read a file; each field as in `giblet.bold.read_bold`."""

    mask: Any = None
    atlas: Any = None
    labels: Any = None
    smoothing: float | None = None
    surface: str | None = None
    columns: Sequence[str | int] | None = None
    variable: str | None = None
    transposed: bool = False


_FOR = {
    "volumes": ("mask", "atlas", "labels", "smoothing"),
    "surface": ("surface",),
    "grayordinates": (),
    "table": ("columns", "variable", "transposed"),
}
"""Which wishes files of each kind can fulfil."""


def open_source(path: str | os.PathLike[str], wishes: Wishes) -> Source:
    """Look at a file.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    wishes : Wishes
        How to read it.

    Returns
    -------
    Source
        To read from.

    Raises
    ------
    BoldError
        If the file is of no known kind, or damaged.
    ParameterError
        If a wish makes no sense for files of its kind.
    """
    kind = KINDS.get(ending(path))
    if kind is None:
        check_file(path)
        raise refuse_unknown(path)
    for name, value in vars(wishes).items():
        if value not in (None, False) and name not in _FOR[kind]:
            raise ParameterError(f"{name} means nothing for {os.fspath(path)}", f"leave {name} out")
    if kind == "volumes":
        return _Volumes(path, wishes)
    if kind == "surface":
        return _Vertices(path, wishes)
    return _Table(path, wishes) if kind == "table" else _Grayordinates(path)


class _Volumes:
    def __init__(self, path: str | os.PathLike[str], wishes: Wishes) -> None:
        width = wishes.smoothing
        if width is not None and not (isinstance(width, Real) and 0 <= width < WIDEST):
            raise ParameterError(f"smoothing is {width!r}", f"give a width at half maximum below {WIDEST} mm")
        if wishes.labels is not None and wishes.atlas is None:
            raise ParameterError("labels name the regions of an atlas, and there is none", "give atlas= as well")
        self._file, self._wishes = VolumeFile(path), wishes
        self.n_volumes = self._file.n_volumes
        self.header: HeaderTR | None = self._file.header

    def read(self) -> Reading:
        if self._wishes.atlas is not None:
            return self._regions()
        voxels, notes = find_mask(self._file, self._wishes.mask)
        values, broken = self._extract(voxels)
        return Reading(values, voxels, broken=broken, notes=notes)

    def _regions(self) -> Reading:
        wishes = self._wishes
        regions, names, notes = find_regions(self._file, wishes.atlas, wishes.labels, wishes.mask)
        values, broken = self._extract(regions)
        if broken.any():
            # A mean over voxels of which some are missing would be too small.
            known = dict(zip(regions.numbers, names, strict=True))
            labels = regions.labels.copy()
            labels[np.nonzero(labels)] = np.where(broken, 0, labels[np.nonzero(labels)])
            regions = Regions(None, labels, regions.affine)
            lost = [name for number, name in known.items() if number not in regions.numbers]
            notes.append(f"{broken.sum()} voxels hold values that are no numbers and are left out of their regions.")
            if lost:
                notes.append(f"Nothing is left of {', '.join(lost)[:200]}.")
            names = tuple(known[number] for number in regions.numbers)
            values, _ = self._extract(regions)
        return Reading(values, regions, names, notes=notes)

    def _extract(self, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
        from nilearn.maskers import NiftiLabelsMasker, NiftiMasker

        inside = grid.labels != 0
        options = {"smoothing_fwhm": self._wishes.smoothing or None, "standardize": False, "reports": False}
        if isinstance(grid, Regions):
            masker = NiftiLabelsMasker(grid.template(), resampling_target=None, **options)
        else:
            masker = NiftiMasker(grid.template(), **options)
        with quiet():
            return self._file.extract(masker.fit(), inside)


class _Grayordinates:
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = GrayordinateFile(path)
        self.n_volumes = self._file.n_volumes
        self.header: HeaderTR | None = self._file.header

    def read(self) -> Reading:
        return Reading(self._file.read(), self._file.space, self._file.names)


class _Vertices:
    def __init__(self, path: str | os.PathLike[str], wishes: Wishes) -> None:
        self._file = SurfaceFile(path, wishes.surface or "one")
        self.n_volumes = self._file.n_volumes
        self.header: HeaderTR | None = self._file.header

    def read(self) -> Reading:
        return Reading(self._file.read(), self._file.space)


class _Table:
    def __init__(self, path: str | os.PathLike[str], wishes: Wishes) -> None:
        table = read_table(path, variable=wishes.variable, transposed=wishes.transposed)
        self._table = table.choose(wishes.columns, path)
        self.n_volumes = len(self._table.values)
        self.header: HeaderTR | None = None

    def read(self) -> Reading:
        return Reading(self._table.values, None, self._table.names, notes=list(self._table.notes))
