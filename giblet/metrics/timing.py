"""By how much one sound comes later than another."""

from __future__ import annotations

import math

import numpy as np
import soxr

from giblet.metrics.signal import as_pair
from giblet.spectral.mel import mel_filters
from giblet.spectral.stft import hann, overlapping

RATE = 16_000
# Envelopes of a few bands every millisecond: they outlive a codec, and phases that were made up.
LENGTH, HOP, N_BANDS = 256, 16, 12
# Seconds; a longer delay is not looked for.
LONGEST_DELAY = 1.0
# Seconds; less has too little shape.
SHORTEST = 0.5
# Least correlation of the envelopes that is no accident, and least change of their level, relative to it.
LEAST_CORRELATION = 0.3
LEAST_CHANGE = 0.05


def delay(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return by how many milliseconds a sound comes later than its reference.

    The lag at which the envelopes of twelve mel bands correlate best, within a second and a quarter of the sound's
    length, refined by a parabola. Waveforms are not compared: a reconstruction may be good and have other phases.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        The sound before and after.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        Milliseconds, negative where it comes earlier; nan where the sound is too short, too steady, or too little
        alike to tell.

    Raises
    ------
    ParameterError
        If the shapes differ.

    References
    ----------
    Knapp and Carter (1976), The Generalized Correlation Method for Estimation of Time Delay; on envelopes.
    """
    before, after = as_pair(reference, degraded)
    if len(before) < SHORTEST * sample_rate:
        return math.nan
    first, second = (_envelopes(sound, sample_rate) for sound in (before, after))
    if first is None or second is None:
        return math.nan
    most = int(min(LONGEST_DELAY * RATE / HOP, first.shape[1] / 4))
    correlation = _correlation(first, second, most)
    best = int(np.argmax(correlation))
    if correlation[best] < LEAST_CORRELATION or best in (0, 2 * most):
        return math.nan
    left, middle, right = correlation[best - 1 : best + 2]
    curvature = left - 2 * middle + right
    shift = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float((best - most + shift) * 1000 * HOP / RATE)


def _envelopes(sound: np.ndarray, sample_rate: int) -> np.ndarray | None:
    """Return the bands' levels without their means, (bands, n) of norm 1; None where nothing changes."""
    from scipy.fft import rfft

    heard = soxr.resample(sound, sample_rate, RATE)
    spectrum = rfft((overlapping(heard, LENGTH, HOP) * hann(LENGTH)).astype(np.float32))
    power = mel_filters(RATE, LENGTH, N_BANDS) @ (spectrum.real**2 + spectrum.imag**2).T
    # Compressed as hearing does, so that one bang does not decide.
    level = power.astype(np.float64) ** 0.3
    moving = level - level.mean(axis=1, keepdims=True)
    size = float(np.linalg.norm(moving))
    return moving / size if size > LEAST_CHANGE * np.linalg.norm(level) else None


def _correlation(first: np.ndarray, second: np.ndarray, most: int) -> np.ndarray:
    """Return the correlation at lags -most to most, summed over bands, as if all overlapped at each lag."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = next_fast_len(first.shape[1] + most + 1, real=True)
    product = (rfft(first, n).conj() * rfft(second, n)).sum(axis=0)
    lags = irfft(product, n)
    overlap = 1 - np.abs(np.arange(-most, most + 1)) / first.shape[1]
    return np.concatenate([lags[-most:], lags[: most + 1]]) / overlap
