"""The reference, low-passed: what keeps listeners' scales together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

REFERENCE = "reference"
LOW_ANCHOR = "anchor 3.5 kHz"
MID_ANCHOR = "anchor 7 kHz"
ANCHORS = {LOW_ANCHOR: 3500.0, MID_ANCHOR: 7000.0}
"""Names of the anchors, and up to which frequency, Hz, they are the reference."""

TRANSITION = 500.0
"""Hz from the end of the pass band to the beginning of the stop band."""
ATTENUATION = 80.0
"""Decibels by which the stop band is attenuated; by as much the ripple of the pass band lies below it."""


def low_pass(sound: NDArray[np.float32], sample_rate: int, cutoff: float) -> NDArray[np.float32]:
    """Take away what lies above a frequency, without delay or any shift of phase.

    A linear-phase FIR filter with a Kaiser window: up to `cutoff` its gain is 0 dB within ± 0.001 dB, and from 500 Hz
    above on at most -80 dB.

    Parameters
    ----------
    sound : ndarray of float32, shape (channels, n_samples)
        Samples; beyond its ends there is silence.
    sample_rate : int
        Hz, more than twice the end of the transition.
    cutoff : float
        End of the pass band, Hz.

    Returns
    -------
    ndarray of float32, shape (channels, n_samples)
        What is left, in step with `sound`.
    """
    from scipy.signal import oaconvolve

    taps = low_pass_filter(sample_rate, cutoff)
    padded = np.pad(sound.astype(np.float64), ((0, 0), (len(taps) // 2,) * 2))
    return oaconvolve(padded, taps[None], mode="valid", axes=1).astype(np.float32)


@lru_cache(maxsize=8)
def low_pass_filter(sample_rate: int, cutoff: float) -> NDArray[np.float64]:
    """Return the taps of the filter that `low_pass` applies.

    Parameters
    ----------
    sample_rate : int
        Hz.
    cutoff : float
        End of the pass band, Hz.

    Returns
    -------
    ndarray of float64, shape (n_taps,)
        Symmetric, of odd length. Shared between callers: not to be written to.
    """
    from scipy.signal import firwin, kaiserord

    # A little more than is promised, as Kaiser's formula is an estimate.
    n_taps, beta = kaiserord(ATTENUATION + 3, TRANSITION / (sample_rate / 2))
    return firwin(n_taps | 1, cutoff + TRANSITION / 2, window=("kaiser", beta), fs=sample_rate)
