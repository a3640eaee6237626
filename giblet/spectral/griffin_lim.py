"""Sound from mel spectra alone: the phases are found by the fast Griffin-Lim algorithm, a stretch at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from giblet.errors import ParameterError
from giblet.spectral.mel import db_to_power, mel_to_magnitude
from giblet.spectral.stft import check_frame_grid, hann, overlap_add, overlapping

logger = logging.getLogger(__name__)

# Frames settled at a time: 3 s at the usual step of 512 samples at 22,050 Hz. Longer stretches sound no better.
STRETCH_FRAMES = 128
# Perraudin, Balazs and Søndergaard (2013) found 0.99 to converge best.
MOMENTUM = 0.99
# Frames searched ahead of a stretch, in units of the frames that one frame overlaps on one side.
LOOK_AHEAD = 2
# Least divisor of the overlap-add relative to the largest: below what frames half overlapping come to between them.
SMALLEST_WEIGHT = 0.25
# Keeps the division by a magnitude of 0 finite; 400 dB below full level.
LEAST_MAGNITUDE = np.float32(1e-20)


def mel_to_audio(
    blocks: Iterable[NDArray[np.float32]],
    sample_rate: int,
    n_fft: int,
    hop_length: int,
    n_iter: int = 32,
    seed: int = 0,
    reference: float = 1.0,
) -> Iterator[NDArray[np.float32]]:
    """Turn mel spectra in decibels into a sound that has them, at flat memory.

    Sample j * hop_length is the centre of frame j. The sound of n frames is n * hop_length samples long, so it
    ends within one step after the sound that was analysed. Within its last step, fewer frames overlap: where they
    overlap by less than seven eighths, that step is faded out.

    Parameters
    ----------
    blocks : iterable of ndarray of float32, shape (n_mels, k)
        Decibels, consecutive frames; k may differ from block to block. How the frames are divided into blocks has no
        influence on the sound.
    sample_rate : int
        In Hz.
    n_fft : int
        Frame length in samples.
    hop_length : int
        Samples from one frame to the next, at most half of `n_fft`.
    n_iter : int
        Griffin-Lim iterations.
    seed : int
        Of the random phases the search starts from; the same seed gives the same sound.
    reference : float
        The mel power that is 0 dB, which sets the level of the sound: that of the analysis restores it, 0 is silence.

    Returns
    -------
    iterator of ndarray of float32, shape (n,)
        The sound, some seconds at a time, each found when it is asked for.

    Raises
    ------
    ParameterError
        If a parameter is too small to mean anything, or the frames overlap by less than half.
    """
    check_frame_grid(n_fft, hop_length)
    if hop_length > n_fft // 2:
        raise ParameterError(
            f"frames of {n_fft} samples every {hop_length} overlap too little to be turned back into sound",
            "extract with a hop_length of at most half of n_fft, better an eighth",
        )
    if n_iter < 0:
        raise ParameterError(f"n_iter is {n_iter}", "give 0 iterations or more, such as 32")
    # Inverted relative to 0 dB and scaled afterwards, as very quiet references would leave the range of float32.
    magnitudes = (mel_to_magnitude(db_to_power(block), sample_rate, n_fft).T for block in _rechunked(blocks))
    search = _PhaseSearch(n_fft, hop_length, n_iter, np.random.default_rng(seed))
    gain = np.float32(np.sqrt(reference))
    return (gain * samples for samples in search.sound(magnitudes))


def _rechunked(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Yield the same frames in blocks of STRETCH_FRAMES, the last one shorter, whatever sizes came in."""
    parts: list[NDArray[np.float32]] = []
    held = 0
    for block in blocks:
        begin = 0
        while held + block.shape[1] - begin >= STRETCH_FRAMES:
            end = begin + STRETCH_FRAMES - held
            yield np.concatenate((*parts, block[:, begin:end]), axis=1)
            parts, held, begin = [], 0, end
        parts.append(block[:, begin:])
        held += block.shape[1] - begin
    if held:
        yield np.concatenate(parts, axis=1)


class _PhaseSearch:
    """Settle the phases of a stream of magnitudes, stretch after stretch.

    A stretch is searched together with the frames that follow it as far as they matter to it, and beside the frames
    before it, which are settled and stay as they are. Every frame is settled once, and the sound is one overlap-add
    of all settled frames: between two stretches there is no seam to fade over. The frames that follow keep what was
    found for them as a start for their own search.
    """

    def __init__(self, n_fft: int, hop_length: int, n_iter: int, rng: np.random.Generator) -> None:
        self._n_fft = n_fft
        self._hop = hop_length
        self._n_iter = n_iter
        self._rng = rng
        self._window = hann(n_fft).astype(np.float32)
        # Frames on either side of a frame that share samples with it.
        self._neighbours = -(-n_fft // hop_length) - 1
        self._stretch = max(STRETCH_FRAMES, 2 * self._neighbours)
        self._settled = np.empty((0, 1 + n_fft // 2), np.complex64)
        self._ahead = self._settled
        # Samples of the first frame that lie before the sound.
        self._outside = n_fft // 2

    def sound(self, magnitudes: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """Yield the samples of all magnitudes, given as arrays of shape (k, 1 + n_fft // 2)."""
        pending = np.empty(self._settled.shape, np.float32)
        enough = self._stretch + LOOK_AHEAD * self._neighbours
        for block in magnitudes:
            pending = np.concatenate((pending, block))
            while len(pending) >= enough:
                yield self._settle(pending[:enough], self._stretch, last=False)
                pending = pending[self._stretch :]
        if len(pending):
            yield self._settle(pending, len(pending), last=True)

    def _settle(self, magnitude: NDArray[np.float32], count: int, *, last: bool) -> NDArray[np.float32]:
        """Settle the first `count` frames of `magnitude` and return the samples that no later frame touches."""
        begin = len(self._settled) * self._hop + self._outside
        n_frames = len(self._settled) + count
        end = n_frames * self._hop + (self._n_fft // 2 if last else 0)
        found = self._search(magnitude)
        spectra = np.concatenate((self._settled, found[:count]))
        logger.debug("settled the phases of %d frames, %d ahead", count, len(found) - count)
        self._settled = spectra[n_frames - self._neighbours :]
        self._ahead = found[count:]
        self._outside = 0
        return self._invert(spectra)[begin:end]

    def _search(self, magnitude: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Find spectra with these magnitudes that go together, and with the settled ones before them."""
        from scipy.fft import rfft

        n_settled = len(self._settled)
        shape = (len(magnitude) - len(self._ahead), magnitude.shape[1])
        fresh = np.exp(2j * np.pi * self._rng.random(shape, np.float32), dtype=np.complex64)
        spectra = np.concatenate((self._settled, self._ahead, fresh * magnitude[len(self._ahead) :]))
        free = spectra[n_settled:]
        previous = np.zeros_like(free)
        for _ in range(self._n_iter):
            frames = overlapping(self._invert(spectra), self._n_fft, self._hop)[n_settled:]
            consistent = rfft(frames * self._window)
            np.subtract(consistent, MOMENTUM / (1 + MOMENTUM) * previous, out=free)
            free *= magnitude / np.maximum(np.abs(free), LEAST_MAGNITUDE)
            previous = consistent
        return free

    def _invert(self, spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Return the samples from the start of the first frame to the end of the last."""
        from scipy.fft import irfft

        frames = irfft(spectra, self._n_fft)
        frames *= self._window
        return overlap_add(frames, self._hop) / _weight(self._n_fft, self._hop, len(spectra))


@lru_cache(maxsize=4)
def _weight(n_fft: int, hop_length: int, n_frames: int) -> NDArray[np.float32]:
    """Return what an overlap-add of twice windowed frames is divided by.

    Where it is small, at the outer edges of the first and the last frame, a floor keeps rounding and inconsistent
    phases from being blown up.
    """
    squared = (hann(n_fft) ** 2).astype(np.float32)
    weight = overlap_add(np.broadcast_to(squared, (n_frames, n_fft)), hop_length)
    return np.maximum(weight, SMALLEST_WEIGHT * weight.max())
