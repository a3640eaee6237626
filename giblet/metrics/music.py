"""Whether a stretch of sound is music rather than speech."""

from __future__ import annotations

import numpy as np
import soxr

from giblet.spectral.mel import mel_filters
from giblet.spectral.stft import hann, overlapping

RATE = 16_000
# Seconds; in less, neither the rhythm of syllables nor the length of tones shows.
SHORTEST = 1.0
# Frames of 32 ms every 10 ms, in which syllables show, and of 128 ms every 20 ms, in which tones do.
SYLLABLE, SYLLABLE_HOP, N_MELS = 512, 160, 40
TONE, TONE_HOP = 2048, 320
# Hz: how often syllables follow each other, and where the harmonics of voices and instruments lie.
RHYTHM = (2.0, 8.0)
HARMONICS = (80.0, 4000.0)
# Tones are compared with themselves 0.2 s later, in which a voice has moved on.
LATER = 10
# Bins, about 160 Hz: what stands out of its neighbours by that width is a peak.
NEIGHBOURS = 21
# Logistic regression on the two features, fitted to 452 segments of 10 s of music and 475 of speech in 30 languages.
WEIGHTS = (-3.9, 25.7)
BIAS = -20.2


def is_music(sound: np.ndarray, sample_rate: int) -> bool:
    """Tell music from speech, as far as two simple features can.

    Speech is strong and weak about four times a second and holds no tone for long. What has less of the first and
    more of the second than speech usually has is taken for music; so are other steady sounds, many voices at once,
    and speech under loud music. A single instrument that plays detached notes may pass for speech.

    Parameters
    ----------
    sound : ndarray of float, shape (n_samples,)
        Some seconds of sound, of any level.
    sample_rate : int
        Hz.

    Returns
    -------
    bool
        False for less than a second.

    References
    ----------
    Scheirer and Slaney (1997), Construction and Evaluation of a Robust Multifeature Speech/Music Discriminator: energy
    modulation at 4 Hz. Seyerlehner, Pohle, Schedl and Widmer (2007), Automatic Music Detection in Television
    Productions: tones that last.
    """
    if len(sound) < SHORTEST * sample_rate or not np.any(sound):
        return False
    return float(np.dot(WEIGHTS, features(sound, sample_rate))) + BIAS > 0


def features(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return what `is_music` looks at.

    Parameters
    ----------
    sound : ndarray of float, shape (n_samples,)
        A second or more, not silent.
    sample_rate : int
        Hz.

    Returns
    -------
    ndarray of float64, shape (2,)
        Natural logarithm of the share of modulation at 2 to 8 Hz; correlation of spectral peaks with those 0.2 s
        later, 0 to 1.
    """
    heard = sound if sample_rate == RATE else soxr.resample(sound, sample_rate, RATE)
    heard = heard.astype(np.float64) / max(float(np.abs(heard).max()), 1e-9)
    return np.array([_modulation(heard), _persistence(heard)])


def _spectra(sound: np.ndarray, length: int, hop: int) -> np.ndarray:
    from scipy.fft import rfft

    spectrum = rfft(overlapping(sound, length, hop) * hann(length))
    return spectrum.real**2 + spectrum.imag**2


def _modulation(sound: np.ndarray) -> float:
    from scipy.fft import rfft, rfftfreq

    bank = mel_filters(RATE, SYLLABLE, N_MELS)
    level = np.sqrt((bank @ _spectra(sound, SYLLABLE, SYLLABLE_HOP).T).T) + 1e-9
    means = level.mean(axis=0)
    moving = np.abs(rfft((level - means) * hann(len(level))[:, None], axis=0)) ** 2
    frequencies = rfftfreq(len(level), SYLLABLE_HOP / RATE)
    rhythm = moving[(frequencies >= RHYTHM[0]) & (frequencies < RHYTHM[1])].sum(axis=0)
    # Relative to each band's mean level; loud bands count more.
    return float(np.log(np.average(rhythm / (means * len(level)) ** 2, weights=means) + 1e-6))


def _persistence(sound: np.ndarray) -> float:
    from scipy.ndimage import uniform_filter1d

    first, stop = (round(frequency * TONE / RATE) for frequency in HARMONICS)
    power = _spectra(sound, TONE, TONE_HOP)[:, first:stop]
    # 90 dB below the loudest nothing is heard.
    decibels = 10 * np.log10(power + 1e-9 * power.max() + 1e-30)
    peaks = np.maximum(decibels - uniform_filter1d(decibels, NEIGHBOURS, axis=1), 0)
    peaks /= np.linalg.norm(peaks, axis=1, keepdims=True) + 1e-9
    energy = power.sum(axis=1)
    weights = np.sqrt(energy[:-LATER] * energy[LATER:]) + 1e-30
    return float(np.average((peaks[:-LATER] * peaks[LATER:]).sum(axis=1), weights=weights))
