"""`FMRIProcessor`: brain images ↔ one row per volume."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from giblet.bold import TimeCourses, read_bold, shared_mask
from giblet.errors import ParameterError
from giblet.timeline import Seconds, TRGrid, whole

if TYPE_CHECKING:
    import pandas as pd


class FMRIProcessor:
    """Turns runs of BOLD into arrays with a row per volume, and such arrays into images.

    Parameters
    ----------
    tr : number or str, optional
        Repetition time, seconds; needed where header and sidecar leave a doubt.
    mask : str, os.PathLike or nibabel image, optional
        Which voxels; default computed for each run.
    **options
        Further arguments of `giblet.bold.read_bold`: atlas, smoothing, detrend, high_pass, confounds, ….

    Attributes
    ----------
    tr, mask, options
        As given.
    courses : TimeCourses or None
        What was read last: names and space of the targets, which are valid, notes.

    Examples
    --------
    >>> processor = FMRIProcessor(mask="brain.nii.gz", high_pass="1/128")
    >>> features, metadata = processor.nii_to_features("sub-01_task-film_bold.nii.gz")
    >>> processor.features_to_nii(features.mean(axis=0), "mean.nii.gz")
    """

    def __init__(self, tr: Seconds | None = None, mask: Any = None, **options: Any) -> None:
        self.tr = tr
        self.mask = mask
        self.options = options
        self.courses: TimeCourses | None = None

    def nii_to_features(
        self, path: str | os.PathLike[str], max_trs: int | None = None
    ) -> tuple[np.ndarray, pd.DataFrame]:
        """Read a run.

        Parameters
        ----------
        path : str or os.PathLike
            Image or table.
        max_trs : int, optional
            At most so many volumes.

        Returns
        -------
        features : ndarray of float32, shape (n_volumes, n_targets)
            The signal.
        metadata : pandas.DataFrame
            One row per volume: tr_index; start_time, end_time and sample_time, seconds after the start of the first
            one; censored.

        Raises
        ------
        BoldError, ParameterError
            As `giblet.bold.read_bold`; and if nobody says the TR of a table.
        """
        import pandas as pd

        if max_trs is not None and whole(max_trs, "max_trs") < 1:
            raise ParameterError(f"max_trs is {max_trs}", "give at least 1")
        courses = read_bold(path, tr=self.tr, mask=self.mask, **self.options)
        if courses.tr is None:
            raise ParameterError(f"nobody says the TR of {os.fspath(path)}", "give tr= in seconds")
        self.courses = courses
        features = courses.values[:max_trs]
        grid = TRGrid(courses.tr, len(features), sample_offset=courses.sample_offset)
        times = [grid.window(i) for i in range(grid.n_trs)]
        metadata = pd.DataFrame(
            {
                "tr_index": np.arange(grid.n_trs),
                "start_time": [float(begin) for begin, _ in times],
                "end_time": [float(end) for _, end in times],
                "sample_time": [float(begin + grid.sample_offset) for begin, _ in times],
                "censored": courses.censored[:max_trs],
            }
        )
        return features, metadata

    def features_to_nii(self, features: np.ndarray, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write values of the targets of the run that was read last as an image.

        Parameters
        ----------
        features : ndarray, shape (n_targets,) or (n, n_targets)
            One map, or a series of volumes.
        path : str or os.PathLike
            Name of the file.
        force : bool
            Whether to replace a file of that name.

        Raises
        ------
        BoldError
            If it cannot be written.
        ParameterError
            If no run was read, it was a table, or the values are not those of its targets.
        """
        if self.courses is None or self.courses.space is None:
            raise ParameterError("there is no image whose places are known", "read one with nii_to_features first")
        self.courses.space.save(features, path, force=force)

    @staticmethod
    def create_shared_mask(paths: Sequence[str | os.PathLike[str]], threshold: float = 0.5) -> Any:
        """Return the voxels that enough subjects have (`giblet.bold.shared_mask`).

        Parameters
        ----------
        paths : sequence of str or os.PathLike
            A run, or a mask, of each subject.
        threshold : float
            Voxels of more than this share of them are kept.

        Returns
        -------
        nibabel.Nifti1Image
            To be given as ``mask``.
        """
        return shared_mask(paths, threshold)
