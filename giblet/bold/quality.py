"""How good a run is, per target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from giblet.bold.cleaning import blocks
from giblet.errors import ParameterError


def tsnr(values: np.ndarray) -> np.ndarray:
    """Compute the temporal signal-to-noise ratio: mean over standard deviation.

    Parameters
    ----------
    values : ndarray, shape (n_volumes, n_targets)
        The signal as it was measured; once means are taken out, the figure says nothing.

    Returns
    -------
    ndarray of float32, shape (n_targets,)
        0 for a target that never changes.
    """
    ratio = np.zeros(values.shape[1], np.float32)
    for which in blocks(values):
        part = values[:, which].astype(np.float64)
        deviation = part.std(axis=0)
        ratio[which] = np.divide(part.mean(axis=0), deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return ratio


def isc(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Correlate each subject with the mean of all others (leave-one-out inter-subject correlation).

    Hasson et al. (2004), Science 303; here every subject is z-scored before the mean is taken, so that none counts
    for more than another.

    Parameters
    ----------
    runs : sequence of ndarray, each of shape (n_volumes, n_targets)
        The same run of at least two subjects.

    Returns
    -------
    ndarray of float32, shape (n_subjects, n_targets)
        Pearson's r; NaN where the subject's target never changes, and such a target has no part in the means of
        others.

    Raises
    ------
    ParameterError
        If there are fewer than two subjects, or their shapes differ.
    """
    shapes = {np.shape(run) for run in runs}
    if len(runs) < 2 or len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ParameterError(
            f"runs of {len(runs)} subjects have the shapes {', '.join(map(str, sorted(shapes)))[:200]}",
            "give (n_volumes, n_targets), the same for at least two subjects",
        )
    result = np.full((len(runs), runs[0].shape[1]), np.nan, np.float32)
    for which in blocks(runs[0]):
        # Two passes over the subjects, so that only one is in memory.
        total = sum(_standard(run[:, which]) for run in runs)
        for subject, run in enumerate(runs):
            own = _standard(run[:, which])
            others = _standard(total - own)
            r = (own * others).mean(axis=0)
            usable = own.any(axis=0) & others.any(axis=0)
            result[subject, which] = np.where(usable, r, np.nan)
    return result


def _standard(values: np.ndarray) -> np.ndarray:
    part = values.astype(np.float64)
    part -= part.mean(axis=0)
    deviation = part.std(axis=0)
    # What is left of a target that never changes is rounding.
    usable = deviation > 1e-9 * np.abs(values).max(axis=0, initial=0)
    return np.divide(part, deviation, out=np.zeros_like(part), where=usable)
