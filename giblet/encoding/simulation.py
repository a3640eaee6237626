"""BOLD of a brain that follows features by known weights, with noise of a known size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from giblet.alignment import HRF, convolve
from giblet.errors import EncodingError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid, whole


@dataclass(frozen=True, eq=False)
class SimulatedBold:
    """What `simulate_bold` returns.

    Attributes
    ----------
    bold : ndarray of float64, shape (n_trs, n_targets)
        Signal and noise; each target's variance is 1 on average.
    signal : ndarray of float64, shape (n_trs, n_targets)
        What of it follows the features, of mean 0.
    weights : ndarray of float64, shape (dim, n_targets)
        What was planted: ``signal`` is the convolved features times these, less its mean. Continuous features were
        convolved as deviations from their mean.
    """

    bold: np.ndarray
    signal: np.ndarray
    weights: np.ndarray


def simulate_bold(
    features: FeatureSeries | np.ndarray,
    grid: TRGrid,
    *,
    snr: float,
    n_targets: int,
    hrf: HRF = "spm",
    autocorrelation: float = 0.0,
    seed: int = 0,
) -> SimulatedBold:
    """Simulate BOLD that follows features linearly.

    The features are convolved with a haemodynamic response and read at the times of the volumes. Every target takes
    all columns, each brought to the same spread, with normal random weights. Continuous features count as deviations
    from their mean: a brain at rest before the film is taken to be at their average, and not at a latent of 0, which is
    no silence.

    Parameters
    ----------
    features : FeatureSeries or ndarray, shape (n_trs, dim)
        A series at its own rate, such as the latents of a store; or one row for each TR of the grid, which lasts that
        TR.
    grid : TRGrid
        The volumes of one run.
    snr : float
        Variance of the signal over variance of the noise, in each target: 0 for noise alone, ``math.inf`` for none.
    n_targets : int
        Number of targets.
    hrf : str or callable
        As in `giblet.alignment.check_hrf`, of one kernel.
    autocorrelation : float
        Of the noise from one TR to the next, 0 or more and below 1 (first-order autoregressive).
    seed : int
        Of weights and noise.

    Returns
    -------
    SimulatedBold
        The same for the same seed.

    Raises
    ------
    EncodingError
        If there is no such ratio, number or autocorrelation; if rows do not match the grid; or if no column changes.
    """
    if math.isnan(snr) or snr < 0:
        raise EncodingError(f"the signal-to-noise ratio is {snr}", "give a ratio of variances, 0 or more")
    if whole(n_targets, "the number of targets") < 1 or not 0 <= autocorrelation < 1:
        raise EncodingError(
            f"{n_targets} targets with noise of autocorrelation {autocorrelation} cannot be simulated",
            "give 1 target or more, and an autocorrelation from 0 to below 1",
        )
    series = _series(features, grid)
    if series.kind == "continuous":
        series = replace(series, values=series.values - series.values.mean(axis=0, dtype=np.float64))
    convolved = convolve(series, grid, hrf).astype(np.float64)
    convolved -= convolved.mean(axis=0)
    spread = convolved.std(axis=0)
    changing = spread > 1e-9 * spread.max(initial=0)
    if not changing.any():
        raise EncodingError("no column of the features changes", "give features that differ from TR to TR")
    rng = np.random.default_rng(seed)
    weights = np.zeros((len(spread), n_targets))
    weights[changing] = rng.standard_normal((int(changing.sum()), n_targets)) / spread[changing, None]
    weights *= _share(snr) / (convolved @ weights).std(axis=0)
    signal = convolved @ weights
    noise = _noise(rng, grid.n_trs, n_targets, autocorrelation)
    return SimulatedBold(signal + noise * math.sqrt(1 - _share(snr) ** 2), signal, weights)


def _series(features: FeatureSeries | np.ndarray, grid: TRGrid) -> FeatureSeries:
    if isinstance(features, FeatureSeries):
        return features
    rows = np.asarray(features)
    if rows.ndim != 2 or len(rows) != grid.n_trs:
        raise EncodingError(
            f"the features have the shape {rows.shape}, and the grid {grid.n_trs} TRs", "give a row for each TR"
        )
    return FeatureSeries.regular(rows, 1 / grid.tr, [f"feature.{i}" for i in range(rows.shape[1])], start=grid.start)


def _share(snr: float) -> float:
    """Return the standard deviation of the signal where signal and noise together have a variance of 1."""
    return 1.0 if math.isinf(snr) else math.sqrt(snr / (1 + snr))


def _noise(rng: np.random.Generator, n_trs: int, n_targets: int, autocorrelation: float) -> np.ndarray:
    from scipy.signal import lfilter

    fresh = rng.standard_normal((n_trs, n_targets))
    # The first row has the spread that the others come to.
    fresh[1:] *= math.sqrt(1 - autocorrelation**2)
    return np.asarray(lfilter([1.0], [1.0, -autocorrelation], fresh, axis=0))
