"""What moves BOLD and is no feature: drifts and confounds, regressed out run by run."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from giblet.encoding.problem import EncodingProblem
from giblet.errors import EncodingError
from giblet.timeline import Seconds, exact

HIGH_PASS = Fraction(1, 128)
"""Hz; drifts below it are taken out by default, as SPM does."""


def drifts(lengths: Sequence[int], tr: Fraction, high_pass: Seconds) -> np.ndarray:
    """Return cosines for what is slower than a frequency, for each run its own.

    Parameters
    ----------
    lengths : sequence of int
        Rows of each run.
    tr : fractions.Fraction
        Repetition time, seconds.
    high_pass : number or str
        Hz.

    Returns
    -------
    ndarray of float64, shape (sum of lengths, k)
        nilearn's discrete cosines without their constant; 0 outside the run that they belong to.

    Raises
    ------
    EncodingError
        If the frequency cannot be cut off at this TR.
    """
    from nilearn.glm.first_level import make_first_level_design_matrix

    frequency = exact(high_pass, "high_pass")
    if not 0 < frequency < 1 / (2 * tr):
        raise EncodingError(
            f"high_pass is {high_pass} Hz", f"give Hz below {float(1 / (2 * tr)):g}; a period of 128 s is 1/128"
        )
    parts = []
    for n in lengths:
        times = np.arange(n) * float(tr)
        matrix = make_first_level_design_matrix(times, drift_model="cosine", high_pass=float(frequency))
        parts.append(matrix.to_numpy()[:, :-1])
    out = np.zeros((sum(lengths), sum(part.shape[1] for part in parts)))
    row = column = 0
    for part in parts:
        out[row : row + len(part), column : column + part.shape[1]] = part
        row, column = row + len(part), column + part.shape[1]
    return out


def without_nuisance(problem: EncodingProblem, which: slice | np.ndarray = slice(None)) -> np.ndarray:
    """Take the mean and the nuisance regressors of each run out of its BOLD.

    They are fitted to all used rows of the run at once and know nothing of features. Where whole runs are held out,
    nothing of a held-out run is in the others; a block of a run is too short for drifts of its own.

    Parameters
    ----------
    problem : EncodingProblem
        The data.
    which : slice or ndarray of int
        Targets.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_chosen)
        What is left.

    Raises
    ------
    EncodingError
        If a run has no more rows than regressors.
    """
    left = np.array(problem.bold[:, which], np.float64)
    for rows in problem.each_run():
        used = problem.used[rows]
        regressors = np.ones((rows.stop - rows.start, 1))
        if problem.nuisance is not None:
            own = np.asarray(problem.nuisance[rows], np.float64)
            regressors = np.hstack([regressors, own[:, own[used].any(axis=0)]])
        if not used.any():
            continue
        if regressors.shape[1] >= used.sum():
            raise EncodingError(
                f"{problem.name}: {regressors.shape[1]} nuisance regressors would leave nothing of a run with "
                f"{used.sum()} rows that are used",
                "take fewer, or a lower high_pass (or none)",
            )
        weights = np.linalg.lstsq(regressors[used], left[rows][used], rcond=None)[0]
        left[rows] -= regressors @ weights
    return left
