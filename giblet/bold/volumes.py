"""NIfTI: volumes block by block, through a mask or an atlas."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, cast

import numpy as np

from giblet.bold.damage import readable
from giblet.bold.repetition import HeaderTR
from giblet.errors import BoldError

BLOCK = 2**24
"""Values that are read at once, 64 MB of float32."""


class VolumeFile:
    """A NIfTI file of several volumes; only its header is read at first.

    Parameters
    ----------
    path : str or os.PathLike
        The file, ``.nii`` or ``.nii.gz``.

    Attributes
    ----------
    path : str
        As given.
    shape : tuple of int
        Voxels along three axes.
    affine : ndarray, shape (4, 4)
        From voxels to millimetres.
    n_volumes : int
        Volumes.
    header : HeaderTR
        What the file says of its TR.

    Raises
    ------
    BoldError
        If it is no NIfTI file, damaged, or has not four dimensions.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import nibabel

        self.path = os.fspath(path)
        with readable(path):
            image = nibabel.load(path)
            shape, affine = tuple(int(n) for n in image.shape), np.asarray(image.affine)
            self._class = type(image)
            if not isinstance(image, nibabel.Nifti1Pair):
                raise BoldError(f"is {type(image).__name__} and no NIfTI", "convert it to NIfTI", path)
            unit, number = image.header.get_xyzt_units()[1], image.header["pixdim"][4]
        if len(shape) != 4:
            what = "one volume" if len(shape) == 3 else f"{len(shape)} dimensions"
            raise BoldError(f"has {what} and no series of volumes", "give the 4-D file of the run", path)
        if min(shape) < 1 or shape[3] < 2:
            raise BoldError(f"has the shape {shape}", "give a run of at least two volumes", path)
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise BoldError("has an affine that places no voxel anywhere", "mend the header", path)
        self.shape, self.n_volumes, self.affine = shape[:3], shape[3], affine
        self.header = HeaderTR.read(number, unit)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Read the volumes in their order.

        Yields
        ------
        which : slice
            Numbers of these volumes.
        block : ndarray of float32, shape (x, y, z, n)
            The volumes; values that are no numbers are as they were.

        Raises
        ------
        BoldError
            If the file is damaged or cut short.
        """
        per_block = max(1, BLOCK // int(np.prod(self.shape, dtype=np.int64)))
        with ExitStack() as stack:
            with readable(self.path):
                file = stack.enter_context(_opened(self.path))
                volumes = self._class.from_stream(file).dataobj
            for first in range(0, self.n_volumes, per_block):
                which = slice(first, min(first + per_block, self.n_volumes))
                with readable(self.path):
                    # float64 of scaled integers lives for one block only.
                    block = np.asarray(volumes[..., which]).astype(np.float32)
                yield which, block
            with readable(self.path):
                # The checksum of a compressed file comes at its end.
                while file.read(BLOCK):
                    pass

    def mean(self) -> np.ndarray:
        """Return the mean volume.

        Returns
        -------
        ndarray of float32, shape (x, y, z)
            Values that are no numbers make the mean none.

        Raises
        ------
        BoldError
            As in `blocks`.
        """
        total = np.zeros(self.shape)
        for _, block in self.blocks():
            total += block.sum(axis=-1, dtype=np.float64)
        return (total / self.n_volumes).astype(np.float32)

    def extract(self, masker: Any, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read the file through one of nilearn's maskers.

        Parameters
        ----------
        masker : nilearn.maskers.NiftiMasker or NiftiLabelsMasker
            Fitted, on the grid of this file.
        inside : ndarray of bool, shape (x, y, z)
            The voxels that it looks at.

        Returns
        -------
        values : ndarray of float32, shape (n_volumes, n_targets)
            What it makes of them; values that are no numbers count as 0.
        broken : ndarray of bool, shape (n_inside,)
            Which of these voxels have such values.

        Raises
        ------
        BoldError
            As in `blocks`.
        """
        import nibabel

        values: np.ndarray | None = None
        broken = np.zeros(int(inside.sum()), bool)
        for which, block in self.blocks():
            voxels = ~np.isfinite(block)
            if voxels.any():
                broken |= voxels[inside].any(axis=1)
                block[voxels] = 0
            part = masker.transform(nibabel.Nifti1Image(block, self.affine))
            if values is None:
                values = np.empty((self.n_volumes, part.shape[1]), np.float32)
            values[which] = part
        return cast(np.ndarray, values), broken


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    with open(path, "rb") as raw:  # noqa: PTH123 - gzip wants a file
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if compressed:
            with gzip.GzipFile(fileobj=raw) as file:
                yield cast(BinaryIO, file)
        else:
            yield raw
