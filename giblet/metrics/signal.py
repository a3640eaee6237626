"""How much of a signal is left, sample by sample."""

from __future__ import annotations

import math

import numpy as np

from giblet.errors import ParameterError

# More than 16-bit sound can hold; the limit keeps means finite where two sounds are equal.
LARGEST_RATIO = 100.0


def snr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the signal-to-noise ratio: the energy of the reference against that of the difference.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        The sound before and after, in step.

    Returns
    -------
    float
        dB, limited to ±100; nan for a silent reference.

    Raises
    ------
    ParameterError
        If the shapes differ.
    """
    before, after = as_pair(reference, degraded)
    if not before.any():
        return math.nan
    return _decibels(_energy(before), _energy(after - before))


def si_sdr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio.

    What is proportional to the reference is signal, the rest distortion; the level of neither sound counts. A
    constant offset, which is not heard, is removed first.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        The sound before and after, in step.

    Returns
    -------
    float
        dB, limited to ±100; nan where one of the two is silent.

    Raises
    ------
    ParameterError
        If the shapes differ.

    References
    ----------
    Le Roux, Wisdom, Erdogan and Hershey (2019), SDR – Half-baked or Well Done?
    """
    before, after = (_centred(sound) for sound in as_pair(reference, degraded))
    if not (before.any() and after.any()):
        return math.nan
    signal = before * (float(before @ after) / _energy(before))
    return _decibels(_energy(signal), _energy(after - signal))


def as_pair(reference: np.ndarray, degraded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two sounds in double precision after making sure that they can be compared.

    Parameters
    ----------
    reference, degraded : array_like of float, shape (n_samples,)
        The sound before and after.

    Returns
    -------
    tuple of ndarray of float64, shape (n_samples,)
        The same.

    Raises
    ------
    ParameterError
        If the shapes differ or there is more than one channel.
    """
    before, after = np.asarray(reference, np.float64), np.asarray(degraded, np.float64)
    if before.shape != after.shape or before.ndim != 1:
        raise ParameterError(
            f"the sounds have shapes {before.shape} and {after.shape}", "give two of the same length, one channel"
        )
    return before, after


def _centred(sound: np.ndarray) -> np.ndarray:
    return sound - sound.mean() if sound.size else sound


def _energy(sound: np.ndarray) -> float:
    return float(sound @ sound)


def _decibels(signal: float, noise: float) -> float:
    smallest = 10 ** (-LARGEST_RATIO / 10)
    if noise <= smallest * signal:
        return LARGEST_RATIO
    if signal <= smallest * noise:
        return -LARGEST_RATIO
    return 10 * math.log10(signal / noise)
