"""What a feature would make of BOLD if the stimulus had begun earlier or later than is stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from giblet.alignment import HRF, check_hrf, convolve
from giblet.alignment.hrf import kernel_names
from giblet.errors import EncodingError
from giblet.features import FeatureSeries
from giblet.timeline import Seconds, TRGrid, exact

MAX_LAG = 10
"""Seconds that are swept to either side by default."""
STEP = Fraction(1, 4)
"""Of a TR, by default."""

_PERIODIC, _DECAYED, _MOST_LAGS = 0.5, 0.1, 2000
_FEWEST_COMPARED = 30


@dataclass(frozen=True, eq=False)
class LagSweep:
    """A feature as BOLD should follow it, for every lag.

    Attributes
    ----------
    feature : str
        Name.
    hrf : str
        What it was convolved with.
    tr : fractions.Fraction
        Repetition time, seconds.
    lags : tuple of fractions.Fraction
        Seconds by which BOLD comes later than the stimulus' times say; ascending, 0 in their middle.
    values : ndarray of float64, shape (n_lags, n_samples)
        The feature at the times of the volumes, run after run.
    """

    feature: str
    hrf: str
    tr: Fraction
    lags: tuple[Fraction, ...]
    values: np.ndarray


def sweep(
    shown: Sequence[tuple[FeatureSeries, TRGrid]],
    *,
    max_lag: Seconds = MAX_LAG,
    step: Seconds = STEP,
    hrf: HRF = "spm",
) -> LagSweep:
    """Move a feature in time and convolve it with a haemodynamic response, lag by lag.

    The feature is moved at its own rate, before it is convolved, so a fraction of a TR costs no interpolation of BOLD.
    Before a continuous feature begins and after it ends its mean is taken to go on.

    Parameters
    ----------
    shown : sequence of (FeatureSeries, TRGrid)
        What was shown in each run, on the clock of the stimulus, and the volumes of the run.
    max_lag : seconds
        The largest lag to either side; cut to whole steps.
    step : number or str
        Of a TR, from one lag to the next.
    hrf : str or callable
        A response of one column, as in `giblet.alignment.check_hrf`.

    Returns
    -------
    LagSweep
        The feature at every lag.

    Raises
    ------
    EncodingError
        If the feature has several columns, never changes or repeats itself, or the lags cannot be swept.
    AlignmentError
        If it is of categories.
    ParameterError
        If there is no such response.
    """
    title, tr = shown[0][0].title, shown[0][1].tr
    checked = check_hrf(hrf)
    if len(kernel_names(checked)) != 1:
        raise EncodingError(f"{hrf!r} makes several columns of one", "take a response of one column, such as spm")
    for series, grid in shown:
        series.refuse_categories("convolved")
        if series.values.shape[1] != 1:
            raise EncodingError(
                f"{series.title}: the feature has {series.values.shape[1]} columns",
                "take one of a single column, such as text.word_rate, audio.envelope or audio.power",
            )
        if grid.tr != tr:
            raise EncodingError(
                f"the runs have TRs of {float(tr):g} and {float(grid.tr):g} s", "check runs of one TR at a time"
            )
    lags = _lags(tr, max_lag, step)
    centred = [(_centred(series), grid) for series, grid in shown]
    values = np.stack(
        [np.concatenate([convolve(series.moved(lag), grid, checked)[:, 0] for series, grid in centred]) for lag in lags]
    ).astype(np.float64)
    _refuse_periodic(title, [grid.n_trs for _, grid in shown], values[len(lags) // 2], tr)
    name = checked if isinstance(checked, str) else getattr(checked, "__name__", "a response of its own")
    return LagSweep(title, str(name), tr, lags, values)


def _lags(tr: Fraction, max_lag: Seconds, step: Seconds) -> tuple[Fraction, ...]:
    every, most = exact(step, "the step") * tr, exact(max_lag, "the largest lag")
    if every <= 0 or most < every or most / every > _MOST_LAGS:
        raise EncodingError(
            f"lags up to {float(most):g} s in steps of {float(every):g} s cannot be swept",
            f"give a step above 0 (of a TR) and a largest lag of 1 to {_MOST_LAGS} steps",
        )
    n = most // every
    return tuple(k * every for k in range(-n, n + 1))


def _centred(series: FeatureSeries) -> FeatureSeries:
    """Return a continuous series around its mean, so that where it knows nothing it says nothing."""
    if series.kind != "continuous" or not len(series):
        return series
    mean = np.average(series.values, axis=0, weights=series.durations)
    return replace(series, values=series.values - mean.astype(series.values.dtype))


def _refuse_periodic(title: str, lengths: Sequence[int], values: np.ndarray, tr: Fraction) -> None:
    start = 0
    if not np.ptp(values) > 1e-9 * np.abs(values).max():
        raise EncodingError(f"{title}: the feature never changes", "take another, for this one marks no time")
    for n in lengths:
        alike = np.array(list(_autocorrelation(values[start : start + n])))
        decayed = np.flatnonzero(alike <= _DECAYED)
        # Half a period later, what is periodic has turned over.
        after = np.abs(alike[decayed[0] :]) if decayed.size else np.zeros(1)
        if after.max() >= _PERIODIC:
            lag = float((decayed[0] + int(after.argmax())) * tr)
            raise EncodingError(
                f"{title}: the feature repeats itself, or turns over, after {lag:g} s (r = {after.max():.2f}), so one "
                "lag is as good as another",
                "take a feature that does not, or a longer run",
            )
        start += n


def _autocorrelation(values: np.ndarray) -> Iterator[float]:
    """Yield how a run resembles itself k TRs later, as long as half of the run, and enough of it, is compared."""
    for k in range(max(1, len(values) - max(len(values) // 2, _FEWEST_COMPARED) + 1)):
        one, other = values[: len(values) - k], values[k:]
        one, other = one - one.mean(), other - other.mean()
        length = np.linalg.norm(one) * np.linalg.norm(other)
        yield float(one @ other / length) if length > 0 else 0.0
