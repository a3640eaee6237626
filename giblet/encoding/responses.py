"""Features at the time of the stimulus → features at the time of BOLD, run by run."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from giblet.alignment import HRF, check_delays, check_hrf, convolve, delayed, support
from giblet.encoding.problem import run_slices
from giblet.errors import EncodingError
from giblet.features import FeatureSeries
from giblet.timeline import Seconds, TRGrid, exact


class Responses(TransformerMixin, BaseEstimator):
    """Delays features, or convolves them with a haemodynamic response: a step of a scikit-learn pipeline.

    Nothing is learnt, and nothing passes from one run into another.

    Parameters
    ----------
    delays : iterable of seconds
        Every column is there once for each.
    hrf : str, callable or sequence of seconds, optional
        In place of delays, as in `giblet.alignment.check_hrf`.
    tr : seconds, optional
        Repetition time; needed for either.
    sample_offset : seconds
        When within its TR a volume was sampled; for a response.
    """

    def __init__(
        self,
        delays: Iterable[Seconds] = (),
        hrf: HRF | None = None,
        tr: Seconds | None = None,
        sample_offset: Seconds = 0,
    ) -> None:
        self.delays = delays
        self.hrf = hrf
        self.tr = tr
        self.sample_offset = sample_offset

    def fit(self, X: np.ndarray, y: object = None) -> Self:
        """Do nothing but count the columns."""
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X: np.ndarray, runs: np.ndarray | None = None) -> np.ndarray:
        """Return features at the time of BOLD.

        Parameters
        ----------
        X : ndarray, shape (n_samples, dim)
            One row per TR.
        runs : ndarray of int, shape (n_samples,), optional
            Which run each row belongs to; by default all to one.

        Returns
        -------
        ndarray, shape (n_samples, dim · n_columns)
            All columns at the first delay, then all at the second, …
        """
        labels = np.zeros(len(X), np.int64) if runs is None else np.asarray(runs)
        return responses(np.asarray(X), labels, self.tr, self.delays, self.hrf, self.sample_offset)[0]


def responses(
    values: np.ndarray,
    runs: np.ndarray,
    tr: Seconds | None,
    delays: Iterable[Seconds] = (),
    hrf: HRF | None = None,
    sample_offset: Seconds = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Delay or convolve features, each run for itself.

    Parameters
    ----------
    values : ndarray, shape (n_samples, dim)
        One row per TR; NaN where nothing is known.
    runs : ndarray of int, shape (n_samples,)
        Run of each row; the rows of a run lie together.
    tr, delays, hrf, sample_offset
        As in `Responses`. A response is convolved with rows that last one TR each.

    Returns
    -------
    values : ndarray, shape (n_samples, dim · n_columns)
        Features at the time of BOLD.
    known : ndarray of bool, shape (n_samples,)
        False where a delay reaches before its run, or anything reaches rows of which nothing is known.

    Raises
    ------
    EncodingError
        If the TR is missing.
    ParameterError
        If delays and response cannot be used.
    """
    wanted = check_delays(delays, hrf)
    unknown = ~np.isfinite(values).all(axis=1)
    if not wanted and hrf is None:
        return values, ~unknown
    if tr is None:
        raise EncodingError("delays and responses are in seconds, and the TR is not given", "give tr= in seconds")
    repetition = exact(tr, "the TR")
    parts, known = [], np.ones(len(values), bool)
    for rows in run_slices(runs):
        if wanted:
            part, inside = delayed(values[rows], wanted, repetition)
            known[rows] = inside & np.isfinite(part).all(axis=1)
        else:
            grid = TRGrid(repetition, rows.stop - rows.start, sample_offset=exact(sample_offset))
            part = _convolved(values[rows], grid, hrf or "spm")
            known[rows] = ~_within_reach(unknown[rows], grid, hrf or "spm")
        parts.append(part)
    return np.concatenate(parts), known


def _convolved(values: np.ndarray, grid: TRGrid, hrf: HRF) -> np.ndarray:
    names = tuple(str(i) for i in range(values.shape[1]))
    times = grid.edges
    rows = FeatureSeries(np.nan_to_num(values), times[:-1], names, "continuous", np.diff(times))
    return convolve(rows, grid, check_hrf(hrf))


def _within_reach(unknown: np.ndarray, grid: TRGrid, hrf: HRF) -> np.ndarray:
    if not unknown.any():
        return unknown
    past, future = (round(Fraction(seconds) / grid.tr) for seconds in support(grid, hrf=hrf))
    near = np.convolve(unknown, np.ones(past + future + 1))[future : future + len(unknown)]
    return near > 0.5
