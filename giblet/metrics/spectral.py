"""How far apart the spectra of two sounds are."""

from __future__ import annotations

import math

import numpy as np

from giblet.metrics.signal import as_pair
from giblet.spectral.mel import mel_filters
from giblet.spectral.stft import hann, overlapping

N_MELS = 80
# Decibels below the loudest moment of the reference; quieter differences are masked, or only rounding.
RANGE = 80.0
# Frames last at least so many seconds: two periods of a low voice.
FRAME = 0.04


def log_spectral_distance(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return the log-spectral distance.

    The root mean square over frequencies of the difference of two power spectra in decibels, averaged over frames.
    Power more than 80 dB below the reference's largest counts as that floor.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        The sound before and after, in step.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        dB, 0 for equal sounds; nan for a silent reference.

    Raises
    ------
    ParameterError
        If the shapes differ.

    References
    ----------
    Gray and Markel (1976), Distance Measures for Speech Processing.
    """
    before, after = as_pair(reference, degraded)
    if not before.any():
        return math.nan
    difference = _difference(_power(before, sample_rate), _power(after, sample_rate))
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def mel_distance(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return the mean distance of two mel spectrograms.

    The mean absolute difference in decibels over frames and 80 mel bands up to half the sample rate. Power more than
    80 dB below the reference's largest counts as that floor.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        The sound before and after, in step.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        dB, 0 for equal sounds; nan for a silent reference.

    Raises
    ------
    ParameterError
        If the shapes differ.

    References
    ----------
    The error measure of Kong, Kim and Bae (2020), HiFi-GAN, in decibels.
    """
    before, after = as_pair(reference, degraded)
    if not before.any():
        return math.nan
    bank = mel_filters(sample_rate, _frame_length(sample_rate), N_MELS)
    difference = _difference(*((bank @ _power(sound, sample_rate).T).T for sound in (before, after)))
    return float(np.abs(difference).mean())


def _frame_length(sample_rate: int) -> int:
    """Return the power of two that is long enough, samples."""
    return 1 << max(1, math.ceil(math.log2(FRAME * sample_rate)))


def _power(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return power spectra, float64 (n_frames, n_frequencies), frames centred every quarter of their length."""
    from scipy.fft import rfft

    length = _frame_length(sample_rate)
    frames = overlapping(np.pad(sound, length // 2), length, length // 4)
    spectrum = rfft(frames * hann(length))
    return spectrum.real**2 + spectrum.imag**2


def _difference(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    floor = before.max() * 10 ** (-RANGE / 10)
    return 10 * np.log10(np.maximum(after, floor) / np.maximum(before, floor))
