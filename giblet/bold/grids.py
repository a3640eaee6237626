"""Targets on the grid of a NIfTI image: voxels of a mask, regions of an atlas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet.bold.damage import quiet
from giblet.bold.spaces import Space

NEAR = 1e-3
"""Millimetres by which two affines may differ: they were rounded."""


@dataclass(frozen=True, eq=False)
class Grid(Space):
    """Targets among the voxels of an image.

    Attributes
    ----------
    labels : ndarray, shape (x, y, z)
        Which target a voxel belongs to; 0 for none.
    affine : ndarray, shape (4, 4)
        From voxels to millimetres.
    """

    labels: np.ndarray
    affine: np.ndarray

    def endings(self, series: bool) -> tuple[str, ...]:
        """NIfTI, compressed or not."""
        return ".nii.gz", ".nii"

    def difference(self, other: Space) -> str | None:
        """Compare kind, shape, affine and voxels."""
        if type(other) is not type(self) or not isinstance(other, Grid):
            return "kind"
        if self.labels.shape != other.labels.shape:
            return f"shape: {other.labels.shape} and not {self.labels.shape}"
        if not same_place(self.affine, other.affine):
            return f"affine: {_place(other.affine)} and not {_place(self.affine)}"
        return None if np.array_equal(self.labels, other.labels) else self._what

    @property
    def _what(self) -> str:
        return "mask"

    def template(self) -> Any:
        """Return the mask as an image, uint8."""
        return self._timed(self._nifti(self.labels.astype(np.uint8)), series=False)

    def _nifti(self, array: np.ndarray) -> Any:
        import nibabel

        return nibabel.Nifti1Image(array, self.affine)

    def _timed(self, image: Any, series: bool) -> Any:
        if series and self.tr is not None:
            image.header.set_zooms((*image.header.get_zooms()[:3], float(self.tr)))
        image.header.set_xyzt_units("mm", "sec" if series and self.tr is not None else None)
        return image


@dataclass(frozen=True, eq=False)
class Voxels(Grid):
    """The voxels of a mask, in the order of C: the last axis runs fastest. ``labels`` is True in the mask."""

    @property
    def n_targets(self) -> int:
        """Number of voxels in the mask."""
        return int(np.count_nonzero(self.labels))

    def _image(self, values: np.ndarray, series: bool) -> Any:
        from nilearn.masking import unmask

        with quiet():
            return self._timed(unmask(values if series else values[0], self.template()), series)


@dataclass(frozen=True, eq=False)
class Regions(Grid):
    """The regions of an atlas, by ascending label."""

    @property
    def n_targets(self) -> int:
        """Number of regions."""
        return len(self.numbers)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the regions in the atlas, ascending."""
        return np.unique(self.labels[self.labels != 0]).tolist()

    def _image(self, values: np.ndarray, series: bool) -> Any:
        # Column 0 is for what belongs to no region.
        columns = np.pad(values, ((0, 0), (1, 0)))
        place = np.searchsorted(self.numbers, self.labels) + 1
        painted = columns.T[np.where(self.labels == 0, 0, place)]
        return self._timed(self._nifti(painted if series else painted[..., 0]), series)

    @property
    def _what(self) -> str:
        return "atlas"

    def template(self) -> Any:
        """Return the atlas as an image, int32."""
        image = self._nifti(self.labels)
        # By this `read_space` knows an atlas from a mask.
        image.header.set_intent("label")
        return self._timed(image, series=False)


def same_place(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether two affines place voxels alike, but for rounding."""
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=NEAR))


def _place(affine: np.ndarray) -> str:
    sizes = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return f"voxels of {' × '.join(f'{x:.4g}' for x in sizes)} mm from ({', '.join(f'{x:.6g}' for x in affine[:3, 3])})"
