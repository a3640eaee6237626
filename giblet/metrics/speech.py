"""Intelligibility and quality of speech, by the reference libraries."""

from __future__ import annotations

import math
import warnings

import numpy as np

from giblet.errors import ParameterError

# What pystoi returns, with a warning, when too little speech is left to compare.
NOTHING_TO_COMPARE = 1e-5


def stoi(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, *, extended: bool = False) -> float:
    """Return the short-time objective intelligibility.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        The sound before and after, in step.
    sample_rate : int
        Hz.
    extended : bool
        The variant for modulated noise (Jensen and Taal, 2016).

    Returns
    -------
    float
        About 0 to 1; nan where too little sound is left to compare.

    Raises
    ------
    ParameterError
        If the shapes differ.

    References
    ----------
    Taal, Hendriks, Heusdens and Jensen (2011), An Algorithm for Intelligibility Prediction of Time–Frequency Weighted
    Noisy Speech.
    """
    reference, degraded = _pair(reference, degraded)
    # The measure works on 30 frames of 12.8 ms; without loud ones among them it has nothing to compare.
    if len(reference) < 0.4 * sample_rate or not reference.any():
        return math.nan
    import pystoi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        value = float(pystoi.stoi(reference, degraded, sample_rate, extended=extended))
    return math.nan if value == NOTHING_TO_COMPARE else value


def pesq(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, band: str = "wb") -> float:
    """Return the perceptual evaluation of speech quality, as a mean opinion score.

    Parameters
    ----------
    reference, degraded : ndarray of float, shape (n_samples,)
        Speech before and after, at most 30 s. The measure aligns the two in time, so it hides drift.
    sample_rate : int
        16,000 Hz, or 8,000 Hz for the narrow band.
    band : {"wb", "nb"}
        Wide band (P.862.2) or narrow band (P.862.1).

    Returns
    -------
    float
        About 1 to 4.6; nan where no speech is found, or the package fails on what it was given.

    Raises
    ------
    ParameterError
        If rate, band, length or shapes are not what the measure is defined for, or the package ``pesq`` is absent.

    References
    ----------
    ITU-T Recommendations P.862, P.862.1 and P.862.2.
    """
    reference, degraded = _pair(reference, degraded)
    if (sample_rate, band) not in ((16_000, "wb"), (16_000, "nb"), (8_000, "nb")):
        raise ParameterError(
            f"PESQ is not defined for band {band!r} at {sample_rate} Hz", "resample to 16000 Hz and choose wb or nb"
        )
    if reference.size > 30 * sample_rate:
        raise ParameterError(
            f"{reference.size / sample_rate:.0f} s are too long for PESQ", "measure segments of at most 30 s"
        )
    try:
        import pesq as package
    except ImportError:
        raise ParameterError("PESQ needs the package pesq", "install giblet[pesq], with a C compiler") from None
    if len(reference) < sample_rate / 4 or not (reference.any() and degraded.any()):
        return math.nan
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return float(package.pesq(sample_rate, reference, degraded, band))
    except package.PesqError:
        return math.nan


def _pair(reference: np.ndarray, degraded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    reference, degraded = np.asarray(reference), np.asarray(degraded)
    if reference.shape != degraded.shape or reference.ndim != 1:
        raise ParameterError(
            f"the sounds have shapes {reference.shape} and {degraded.shape}", "give two of the same length, one channel"
        )
    return reference, degraded
