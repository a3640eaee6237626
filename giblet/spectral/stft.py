"""Short-time Fourier transform, forwards on a stream and backwards on a stretch of frames.

Frames lie along the first axis here, one row each: a row is contiguous in memory, which the transforms like.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from giblet.errors import ParameterError


def hann(n_fft: int) -> NDArray[np.float64]:
    """Return the periodic Hann window.

    Parameters
    ----------
    n_fft : int
        Length in samples.

    Returns
    -------
    ndarray of float64, shape (n_fft,)
        The window, 0 at its first sample and 1 at sample n_fft / 2.
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def check_frame_grid(n_fft: int, hop_length: int) -> None:
    """Refuse a frame length or a step that no transform can have.

    Parameters
    ----------
    n_fft, hop_length : int
        Frame length and step in samples.

    Raises
    ------
    ParameterError
        If n_fft is below 2 or hop_length below 1.
    """
    if n_fft < 2:
        raise ParameterError(f"n_fft is {n_fft}", "give a frame length of 2 samples or more, such as 4096")
    if hop_length < 1:
        raise ParameterError(f"hop_length is {hop_length}", "give a step of 1 sample or more, such as 512")


class FrameStream:
    """Cut a stream of samples into overlapping frames, frame j centred at sample j * hop_length.

    The sound is taken to be silent before its start and after its end. All blocks together hold
    1 + (n + 2 * (n_fft // 2) - n_fft) // hop_length frames of n samples, librosa's ``center=True``.

    Parameters
    ----------
    n_fft : int
        Frame length in samples.
    hop_length : int
        Samples from one frame to the next.

    Raises
    ------
    ParameterError
        If n_fft is below 2 or hop_length below 1.
    """

    def __init__(self, n_fft: int, hop_length: int) -> None:
        check_frame_grid(n_fft, hop_length)
        self._n_fft = n_fft
        self._hop_length = hop_length
        self._pending = np.zeros(n_fft // 2, np.float32)
        # Samples still to come that lie between two frames, where the step is longer than a frame.
        self._skip = 0

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples and return the frames they complete.

        Parameters
        ----------
        samples : ndarray of float32, shape (n,)
            The samples that follow those of the last call; n may be 0.

        Returns
        -------
        ndarray of float32, shape (k, n_fft)
            A read-only view; k may be 0.
        """
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        pending = np.concatenate((self._pending, samples[skipped:]), dtype=np.float32)
        frames = overlapping(pending, self._n_fft, self._hop_length)
        used = len(frames) * self._hop_length
        self._skip += max(0, used - len(pending))
        self._pending = pending[used:].copy()
        return frames

    def finish(self) -> NDArray[np.float32]:
        """Return the frames that reach past the end of the sound.

        Returns
        -------
        ndarray of float32, shape (k, n_fft)
            A read-only view; k may be 0.
        """
        return self.push(np.zeros(self._n_fft // 2, np.float32))


def overlapping(samples: NDArray[np.float32], n_fft: int, hop_length: int) -> NDArray[np.float32]:
    """View samples as the frames that lie wholly within them.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        The first frame starts at the first sample.
    n_fft, hop_length : int
        Frame length and step in samples.

    Returns
    -------
    ndarray of float32, shape (k, n_fft)
        A read-only view, k = 1 + (n - n_fft) // hop_length, or 0 where n is below n_fft.
    """
    if len(samples) < n_fft:
        return np.empty((0, n_fft), np.float32)
    return np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop_length]


def overlap_add(frames: NDArray[np.float32], hop_length: int) -> NDArray[np.float32]:
    """Sum frames where they lie, the inverse of `overlapping` up to a weight.

    Parameters
    ----------
    frames : ndarray of float32, shape (k, n_fft)
        k is at least 1.
    hop_length : int
        Samples from one frame to the next.

    Returns
    -------
    ndarray of float32, shape (n_fft + (k - 1) * hop_length,)
        The sum.
    """
    n_frames, n_fft = frames.shape
    # Column r of every frame's pieces of hop_length samples falls on the same row of the sum, shifted by r.
    pieces = -(-n_fft // hop_length)
    total = np.zeros((n_frames + pieces - 1, hop_length), np.float32)
    for r in range(pieces):
        piece = frames[:, r * hop_length : (r + 1) * hop_length]
        total[r : r + n_frames, : piece.shape[1]] += piece
    return total.ravel()[: n_fft + (n_frames - 1) * hop_length]
