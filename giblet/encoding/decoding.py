"""From BOLD back to the latents of a codec: an encoding model turned round."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from giblet.alignment import check_delays, to_trs
from giblet.alignment.hrf import DURATION
from giblet.encoding.folds import FEWEST_JUDGED, N_BLOCKS, Fold, divide
from giblet.encoding.problem import run_slices
from giblet.encoding.responses import responses
from giblet.encoding.scores import judge
from giblet.errors import EncodingError
from giblet.features import FeatureSeries
from giblet.timeline import Seconds, TRGrid, exact, whole

LAGS = (2, 4, 6, 8, 10)
"""Seconds after a TR at which BOLD is looked at by default: where a response rises, peaks and falls."""
STRENGTHS = tuple(float(value) for value in np.logspace(-4, 3, 15))
"""Strengths of regularisation that are tried, as multiples of the number of columns."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """Latents predicted from BOLD that the decoder never saw.

    Attributes
    ----------
    latents : ndarray of float32, shape (n_samples, dim)
        Predictions; NaN in rows that no fold held out.
    known : ndarray of bool, shape (n_samples,)
        Rows that were held out once: used, with all of their BOLD inside the run.
    runs : ndarray of int, shape (n_samples,)
        Run of each row.
    r, r2 : ndarray of float64, shape (n_folds, dim)
        Correlation with the true latents and explained variance over a fold's held-out rows; NaN where these never
        change.
    folds : tuple of Fold
        What was learnt from and judged by.
    gap : fractions.Fraction
        Seconds between the two.
    """

    latents: np.ndarray
    known: np.ndarray
    runs: np.ndarray
    r: np.ndarray
    r2: np.ndarray
    folds: tuple[Fold, ...]
    gap: Fraction

    @property
    def mean_r(self) -> float:
        """Mean correlation over folds and latents."""
        return float(np.nanmean(self.r))

    def stretches(self) -> tuple[slice, ...]:
        """Return the rows of each stretch of consecutive predicted TRs of one run, to be made one sound."""
        found = []
        for rows in run_slices(self.runs):
            edges = np.flatnonzero(np.diff(np.r_[False, self.known[rows], False].astype(np.int8)))
            found += [slice(rows.start + int(a), rows.start + int(b)) for a, b in zip(*[iter(edges)] * 2, strict=True)]
        return tuple(found)


def latent_bins(latents: FeatureSeries, grid: TRGrid, bins: int = 1) -> np.ndarray:
    """Average latents over TRs, or over equal parts of them.

    Parameters
    ----------
    latents : FeatureSeries
        Latents at the codec's rate, such as ``store.series("audio.latents")``.
    grid : TRGrid
        The TRs.
    bins : int
        Parts of a TR.

    Returns
    -------
    ndarray of float32, shape (n_trs, bins · dim)
        The means of a TR's first part, then of its second, ….

    Raises
    ------
    EncodingError
        If the number of parts is below 1.
    AlignmentError
        If a TR has no latents.
    """
    if whole(bins, "the number of bins") < 1:
        raise EncodingError(f"a TR of {bins} parts is none", "give 1 bin or more")
    fine = TRGrid(grid.tr / bins, grid.n_trs * bins, grid.start)
    return to_trs(latents, fine, "mean").astype(np.float32).reshape(grid.n_trs, -1)


def decode_latents(
    bold: np.ndarray,
    latents: np.ndarray,
    *,
    tr: Seconds,
    runs: np.ndarray | None = None,
    used: np.ndarray | None = None,
    lags: Iterable[Seconds] = LAGS,
    n_blocks: int | None = None,
    gap: Seconds | None = None,
    strengths: Sequence[float] = STRENGTHS,
    n_inner: int = N_BLOCKS,
    dtype: str = "float32",
) -> Decoded:
    """Predict latents from the BOLD that follows them, each TR by a decoder that never saw it.

    A row of latents is predicted by ridge regression from all targets at all lags after its TR. Each latent has a
    strength of its own, chosen by inner folds with the same gap; columns are z-scored by what is learnt from.

    Parameters
    ----------
    bold : ndarray, shape (n_samples, n_targets)
        One row per TR, detrended and of comparable level in all runs. Held in memory at all lags, a few times over.
    latents : ndarray, shape (n_samples, dim)
        One row per TR at the time of the stimulus, neither convolved nor delayed: what `latent_bins` returns, or a
        feature space of an `EncodingProblem`.
    tr : seconds
        Repetition time.
    runs : ndarray of int, shape (n_samples,), optional
        Run of each row, whose rows lie together; by default all are of one. No window of BOLD reaches across runs.
    used : ndarray of bool, shape (n_samples,), optional
        False for rows of unknown latents or censored BOLD; windows that touch one are left out.
    lags : iterable of seconds
        0 or more. Parts of a TR are interpolated.
    n_blocks : int, optional
        Contiguous blocks to hold out one by one; by default runs, or 5 blocks of a single one.
    gap : seconds, optional
        Left out between what is learnt from and what is judged by in the same run. By default long enough that no
        window of the one holds the response to a TR of the other.
    strengths : sequence of float
        Of regularisation, as multiples of the number of columns.
    n_inner : int
        Inner folds, at the most.
    dtype : {"float32", "float64"}
        Precision of the regression.

    Returns
    -------
    Decoded
        Predictions and how good they are.

    Raises
    ------
    EncodingError
        If shapes do not fit, values that are used are no numbers, or there are too few rows.
    ParameterError
        If lags cannot be used.
    MissingExtraError
        If himalaya is not installed.
    """
    from giblet.encoding.model import EncodingModel

    labels = np.zeros(len(bold), np.int64) if runs is None else np.asarray(runs)
    counted = np.ones(len(bold), bool) if used is None else np.asarray(used, bool)
    _check(bold, latents, labels, counted)
    repetition, wanted = exact(tr, "the TR"), check_delays(lags)
    if not wanted or min(wanted) < 0:
        raise EncodingError(
            f"the lags are {[float(lag) for lag in wanted]} s", "give seconds after the TR, 0 or more, such as 2,4,6,8"
        )
    seconds = _gap(wanted) if gap is None else exact(gap, "the gap")
    if seconds < 0:
        raise EncodingError(f"the gap is {float(seconds):g} s", "give seconds, 0 or more")
    # What a model of features calls delays is, seen from the latents, BOLD that comes later.
    delays = [-lag for lag in wanted]
    holes = np.where(counted, 0.0, np.nan)[:, None]
    known = responses(holes, labels, repetition, delays)[1] & counted
    folds = divide(np.flatnonzero(known), labels, n_blocks, math.ceil(seconds / repetition))
    n_columns = bold.shape[1] * len(delays)
    model = EncodingModel(
        delays=delays, tr=repetition, model="ridge", alphas=[value * n_columns for value in strengths],
        n_inner=n_inner, gap=seconds, dtype=dtype,
    )  # fmt: skip
    predicted = np.full(latents.shape, np.nan, np.float32)
    r, r2 = np.full((2, len(folds), latents.shape[1]), np.nan)
    for number, fold in enumerate(folds):
        if min(len(fold.train), len(fold.test)) < FEWEST_JUDGED:
            raise EncodingError(
                f"fold {number + 1} of {len(folds)} learns from {len(fold.train)} rows and judges by {len(fold.test)}, "
                f"with gaps of {float(seconds):g} s",
                "take longer or more runs, fewer folds, or a shorter gap",
            )
        learnt = np.zeros(len(bold), bool)
        learnt[fold.train] = True
        predicted[fold.test] = model.fit(bold, latents, labels, learnt).predict(bold, labels)[fold.test]
        truth = latents[fold.test]
        changing = np.flatnonzero((truth != truth[:1]).any(axis=0))
        made = predicted[np.ix_(fold.test, changing)]
        r[number, changing], r2[number, changing], _ = judge(made[None], truth[:, changing])
    return Decoded(predicted, known, labels, r, r2, folds, seconds)


def _gap(lags: Sequence[Fraction]) -> Fraction:
    """Return the seconds after which neither BOLD window holds a response to what the other's latents are of."""
    return max(max(lags), exact(DURATION) - min(lags))


def _check(bold: np.ndarray, latents: np.ndarray, runs: np.ndarray, used: np.ndarray) -> None:
    lengths = (len(bold), len(latents), len(runs), len(used))
    if bold.ndim != 2 or latents.ndim != 2 or len(set(lengths)) > 1:
        raise EncodingError(
            f"BOLD of shape {bold.shape}, latents of shape {latents.shape}, {len(runs)} labels of runs and {len(used)} "
            "marks of use do not fit together",
            "give a row of each for every TR",
        )
    for what, values in (("BOLD", bold), ("latents", latents)):
        broken = np.flatnonzero(used & ~np.isfinite(values).all(axis=1))
        if broken.size:
            raise EncodingError(
                f"row {broken[0]} of the {what} holds what is no number, as do {broken.size} of the {used.sum()} used",
                "mend them, leave the column out, or mark the rows as unused",
            )
