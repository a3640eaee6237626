"""CIFTI-2: grayordinates and parcels."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet.bold.damage import readable
from giblet.bold.repetition import HeaderTR
from giblet.bold.spaces import Space
from giblet.errors import BoldError


@dataclass(frozen=True, eq=False)
class Grayordinates(Space):
    """Cortex vertices and voxels, or parcels of them, in the order of a CIFTI file.

    Attributes
    ----------
    axis : nibabel.cifti2.BrainModelAxis or ParcelsAxis
        The places.
    """

    axis: Any

    @property
    def n_targets(self) -> int:
        """Number of grayordinates or parcels."""
        return len(self.axis)

    @property
    def parcellated(self) -> bool:
        """Whether targets are parcels."""
        import nibabel

        return isinstance(self.axis, nibabel.cifti2.ParcelsAxis)

    def endings(self, series: bool) -> tuple[str, ...]:
        """Dense or parcellated, series or scalar."""
        return (f".{'p' if self.parcellated else 'd'}{'tseries' if series else 'scalar'}.nii",)

    def difference(self, other: Space) -> str | None:
        """Compare kind, number and places."""
        if not isinstance(other, Grayordinates) or self.parcellated != other.parcellated:
            return "kind"
        if self.n_targets != other.n_targets:
            return f"number of targets: {other.n_targets} and not {self.n_targets}"
        return None if self.axis == other.axis else "places, of which there are as many"

    def template(self) -> Any:
        """Return a scalar image of zeros."""
        return self.to_image(np.zeros(self.n_targets, np.float32))

    def _image(self, values: np.ndarray, series: bool) -> Any:
        import nibabel

        if series:
            rows = nibabel.cifti2.SeriesAxis(0, float(self.tr or 1), len(values), "SECOND")
        else:
            rows = nibabel.cifti2.ScalarAxis(["map"])
        image = nibabel.Cifti2Image(values, nibabel.cifti2.Cifti2Header.from_axes((rows, self.axis)))
        image.nifti_header.set_intent(_INTENTS[self.parcellated, series])
        return image


_INTENTS = {
    (False, True): "NIFTI_INTENT_CONNECTIVITY_DENSE_SERIES",
    (False, False): "NIFTI_INTENT_CONNECTIVITY_DENSE_SCALARS",
    (True, True): "NIFTI_INTENT_CONNECTIVITY_PARCELLATED_SERIES",
    (True, False): "NIFTI_INTENT_CONNECTIVITY_PARCELLATED_SCALAR",
}


class GrayordinateFile:
    """A CIFTI-2 file of several volumes; only its header is read at first.

    Parameters
    ----------
    path : str or os.PathLike
        The file, ``.dtseries.nii`` or ``.ptseries.nii``.

    Attributes
    ----------
    path : str
        As given.
    n_volumes : int
        Volumes.
    header : HeaderTR
        What the file says of its TR.
    space : Grayordinates
        Its places.
    names : tuple of str
        Of parcels; empty for grayordinates.

    Raises
    ------
    BoldError
        If it is no CIFTI file of a series, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import nibabel

        self.path = os.fspath(path)
        with readable(path):
            self._image = nibabel.load(path)
            if not isinstance(self._image, nibabel.Cifti2Image):
                raise BoldError("is no CIFTI-2 file", "rename it if it is a common NIfTI", path)
            rows, columns = (self._image.header.get_axis(i) for i in (0, 1))
        places = (nibabel.cifti2.BrainModelAxis, nibabel.cifti2.ParcelsAxis)
        if not isinstance(rows, nibabel.cifti2.SeriesAxis) or not isinstance(columns, places):
            raise BoldError("holds no series of volumes", "give a .dtseries.nii or .ptseries.nii", path)
        self.n_volumes = len(rows)
        if self.n_volumes < 2 or self._image.shape != (self.n_volumes, len(columns)):
            raise BoldError(f"has the shape {self._image.shape}", "give a run of at least two volumes", path)
        self.header = HeaderTR.read(rows.step, str(rows.unit).lower())
        self.space = Grayordinates(None, columns)
        self.names = tuple(map(str, columns.name)) if self.space.parcellated else ()

    def read(self) -> np.ndarray:
        """Read the values.

        Returns
        -------
        ndarray of float32, shape (n_volumes, n_targets)
            Mapped into memory where the file holds just this.

        Raises
        ------
        BoldError
            If the file is damaged or cut short.
        """
        with readable(self.path):
            return np.asarray(self._image.dataobj, dtype=np.float32)
