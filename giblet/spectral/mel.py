"""Mel power spectra of a stream of samples, the way back to linear frequency, and decibels."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from giblet.errors import ParameterError
from giblet.spectral.stft import FrameStream, check_frame_grid, hann

if TYPE_CHECKING:
    from scipy.sparse import csr_array

logger = logging.getLogger(__name__)

# Powers below this count as this, librosa's amin.
SMALLEST_POWER = 1e-10
# Frames transformed at a time: bounds the memory in use whatever is pushed.
FRAMES_AT_ONCE = 64
# More updates change the spectral convergence on speech by less than 0.1 %.
INVERSION_UPDATES = 16


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> csr_array:
    """Return librosa's Slaney mel filter bank.

    Every frequency lies within at most two filters, so a sparse product is some 70 times as fast as a dense one.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    n_fft : int
        Frame length in samples.
    n_mels : int
        Number of filters between 0 Hz and half the sampling rate. With many filters the lowest lie between two
        frequencies of the transform and are empty.

    Returns
    -------
    scipy.sparse.csr_array of float32, shape (n_mels, 1 + n_fft // 2)
        Shared between callers: not to be written to.

    Raises
    ------
    ParameterError
        If sample_rate or n_mels is below 1, or n_fft below 2.
    """
    check_frame_grid(n_fft, hop_length=1)
    if sample_rate < 1:
        raise ParameterError(f"sample_rate is {sample_rate}", "give a rate in Hz, such as 22050")
    if n_mels < 1:
        raise ParameterError(f"n_mels is {n_mels}", "give 1 filter or more, such as 2048")
    from librosa.filters import mel
    from scipy.sparse import csr_array

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Empty filters")
        bank = csr_array(mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels))
    empty = int((np.diff(bank.indptr) == 0).sum())
    logger.debug("mel filter bank %s at %d Hz, %d filters empty", bank.shape, sample_rate, empty)
    return bank


class MelStream:
    """Mel power spectra of a stream of samples, frame j centred at sample j * hop_length.

    All blocks side by side equal ``librosa.feature.melspectrogram`` of the whole sound (centred frames, silence
    around the sound, Hann window, power 2, Slaney filters).

    Parameters
    ----------
    sample_rate : int
        In Hz.
    n_fft : int
        Frame length in samples.
    hop_length : int
        Samples from one frame to the next.
    n_mels : int
        Number of mel filters.

    Raises
    ------
    ParameterError
        If a parameter is too small to mean anything.
    """

    def __init__(self, sample_rate: int, n_fft: int, hop_length: int, n_mels: int) -> None:
        self._frames = FrameStream(n_fft, hop_length)
        self._bank = mel_filters(sample_rate, n_fft, n_mels)
        self._window = hann(n_fft)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples and return the frames they complete.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            The samples that follow those of the last call; n may be 0.

        Returns
        -------
        ndarray of float32, shape (n_mels, k)
            Power; k may be 0.
        """
        return self._power(self._frames.push(samples))

    def finish(self) -> NDArray[np.float32]:
        """Return the frames that reach past the end of the sound; nothing may be pushed after.

        Returns
        -------
        ndarray of float32, shape (n_mels, k)
            Power; k may be 0.
        """
        return self._power(self._frames.finish())

    def _power(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        from scipy.fft import rfft

        mel = np.empty((self._bank.shape[0], len(frames)), np.float32)
        for begin in range(0, len(frames), FRAMES_AT_ONCE):
            part = slice(begin, begin + FRAMES_AT_ONCE)
            # In double precision, as 80 dB below a loud tone the rounding of single precision would show.
            spectrum = rfft(frames[part] * self._window)
            power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
            mel[:, part] = self._bank @ power.T
        return mel


def mel_to_magnitude(mel: NDArray[np.float32], sample_rate: int, n_fft: int) -> NDArray[np.float32]:
    """Estimate the magnitude spectra from which mel power spectra came.

    Richardson-Lucy updates: they keep every power non-negative, find what explains the mel powers in the sense of
    the Kullback-Leibler divergence (a misfit counts relative to its level, as in hearing), and stay smooth across
    frequencies that share a filter. On speech that comes nearer to the true spectra than non-negative least squares.

    Parameters
    ----------
    mel : ndarray of float32, shape (n_mels, k)
        Power, not negative; what lies more than 200 dB below the largest counts as nothing.
    sample_rate : int
        In Hz.
    n_fft : int
        Frame length in samples.

    Returns
    -------
    ndarray of float32, shape (1 + n_fft // 2, k)
        Magnitude; 0 at the frequencies that no filter covers.
    """
    bank = mel_filters(sample_rate, n_fft, mel.shape[0])
    spread = bank.T.tocsr()
    tiny = np.finfo(np.float32).tiny
    floor = np.maximum(mel.max(initial=0) * np.float32(1e-20), tiny)
    weight = np.maximum(spread.sum(axis=1), tiny)[:, None]
    power = (spread @ mel) / np.maximum(spread @ bank.sum(axis=1), tiny)[:, None]
    for _ in range(INVERSION_UPDATES):
        explained = np.maximum(bank @ power, floor)
        power *= (spread @ (mel / explained)) / weight
    return np.sqrt(power, dtype=np.float32)


def power_to_db(power: NDArray[np.float32], reference: float, top_db: float = 80.0) -> NDArray[np.float32]:
    """Express power in decibels relative to a reference, with a floor.

    With the maximum of the whole sound as reference, blocks give what ``librosa.power_to_db(ref=np.max)`` gives of
    the whole. Powers below 1e-10 count as 1e-10, the reference too, so digital silence is 0 dB everywhere.

    Parameters
    ----------
    power : ndarray of float32
        Not negative.
    reference : float
        The power that is 0 dB, the largest of the whole sound.
    top_db : float
        The floor lies this many decibels below the reference.

    Returns
    -------
    ndarray of float32, shape of `power`
        Decibels, from -top_db to 0.
    """
    db = 10 * np.log10(np.maximum(np.float32(SMALLEST_POWER), power, dtype=np.float32))
    return relative_db(db, reference, top_db)


def relative_db(db: NDArray[np.float32], reference: float, top_db: float = 80.0) -> NDArray[np.float32]:
    """Bring decibels above a power of 1 to another reference, with a floor.

    Parameters
    ----------
    db : ndarray of float32
        Decibels above a power of 1, as ``power_to_db(power, 1.0, np.inf)`` gives them.
    reference, top_db : float
        As in `power_to_db`.

    Returns
    -------
    ndarray of float32, shape of `db`
        What `power_to_db` gives for the reference, bit for bit.
    """
    zero = 10 * np.log10(np.maximum(np.float32(SMALLEST_POWER), np.float32(reference)))
    return np.maximum(db - zero, np.float32(-top_db))


def db_to_power(db: NDArray[np.float32], reference: float = 1.0) -> NDArray[np.float32]:
    """Return the power that decibels stand for, the inverse of `power_to_db` above its floor.

    Parameters
    ----------
    db : ndarray of float32
        Decibels.
    reference : float
        The power that is 0 dB.

    Returns
    -------
    ndarray of float32, shape of `db`
        Power.
    """
    return np.float32(reference) * np.float32(10) ** (np.asarray(db, np.float32) / np.float32(10))
