"""What a codec spends: codebook entries, bits, and time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from giblet.codecs.codes import Codes


@dataclass(frozen=True)
class BandwidthUse:
    """What one bandwidth of a codec used on the recordings.

    Attributes
    ----------
    bandwidth : float
        Kilobits per second, as the codec states it.
    n_codebooks : int
        Codebooks it uses.
    n_frames : int
        Frames that were coded.
    bits_per_second : float
        Bits of the codes per second of sound, as the codes were counted.
    encode_real_time_factor, decode_real_time_factor : float
        Seconds of sound per second of computing: above 1 is faster than real time.
    perplexity : tuple of float
        Per codebook, two to the power of the entropy of its codes: how many entries it would have if all were used
        equally often. At most the number of entries, and of frames.
    used : tuple of float
        Per codebook, the share of its entries that occurred, 0 to 1.
    """

    bandwidth: float
    n_codebooks: int
    n_frames: int
    bits_per_second: float
    encode_real_time_factor: float
    decode_real_time_factor: float
    perplexity: tuple[float, ...]
    used: tuple[float, ...]


class UseCounter:
    """Counts what one bandwidth uses.

    Parameters
    ----------
    bandwidth : float
        Kilobits per second.
    n_codebooks, codebook_size : int
        Shape of the codes.
    """

    def __init__(self, bandwidth: float, n_codebooks: int, codebook_size: int) -> None:
        self.bandwidth = bandwidth
        self._counts = np.zeros((n_codebooks, codebook_size), np.int64)
        self._seconds = self._encoding = self._decoding = 0.0

    def add(self, codes: Codes, encoding: float, decoding: float) -> None:
        """Count the codes of one sound, and the seconds that it took to encode and to decode it."""
        for counts, row in zip(self._counts, codes.data, strict=True):
            counts += np.bincount(row, minlength=len(counts))
        self._seconds += codes.length / codes.layout.sample_rate
        self._encoding += encoding
        self._decoding += decoding

    def result(self) -> BandwidthUse:
        """Return what was used so far."""
        n_codebooks, codebook_size = self._counts.shape
        n_frames = int(self._counts[0].sum())
        return BandwidthUse(
            bandwidth=self.bandwidth,
            n_codebooks=n_codebooks,
            n_frames=n_frames,
            bits_per_second=n_frames * n_codebooks * math.log2(codebook_size) / self._seconds,
            encode_real_time_factor=self._seconds / self._encoding,
            decode_real_time_factor=self._seconds / self._decoding,
            perplexity=tuple(perplexity(counts) for counts in self._counts),
            used=tuple(float((counts > 0).mean()) for counts in self._counts),
        )


def perplexity(counts: np.ndarray) -> float:
    """Return two to the power of the entropy of a distribution.

    Parameters
    ----------
    counts : ndarray of int, shape (n,)
        How often each entry occurred; at least one did.

    Returns
    -------
    float
        1 to n.
    """
    shares = counts[counts > 0] / counts.sum()
    return float(2 ** -(shares * np.log2(shares)).sum())
