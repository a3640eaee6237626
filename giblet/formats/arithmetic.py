"""Entropy coding of codes: the arithmetic coder of EnCodec, bit for bit.

A model of the codes gives each entry of a codebook a share of 2²⁴ counts; a code costs as many bits as its share is
small. Method: Défossez et al., High Fidelity Neural Audio Compression, 2022, section 3.3, and the published program
of its authors, whose every rounding is kept here.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from giblet.errors import ParameterError
from giblet.formats.source import ByteSource

RANGE_BITS = 24
"""The counts of a codebook's entries sum to at most two to the power of this."""
LEAST_COUNT = 2
"""What the least probable entry is given."""
ROUNDOFF = 1e-8
"""Probabilities are rounded down to multiples of it."""
_RANGE = 1 << RANGE_BITS
# The coder emits bits one by one, the first of a byte in its least significant place.
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class CodeModel(Protocol):
    """Tells how probable codes are, given those before."""

    @property
    def n_codebooks(self) -> int:
        """The most codebooks that it knows."""

    @property
    def n_entries(self) -> int:
        """Entries of each codebook."""

    def start(self, n_codebooks: int) -> CodeState:
        """Begin a segment with the first ``n_codebooks`` codebooks, without memory of any other."""


class CodeState(Protocol):
    """What a model has seen of one segment.

    A reader calls `cdf` for each codebook of a frame in turn, then `push` with the frame; a writer calls `intervals`.
    """

    def cdf(self, below: np.ndarray) -> np.ndarray:
        """Return the counts of one codebook's entries in the next frame, summed up.

        Parameters
        ----------
        below : ndarray of int64, shape (q,)
            The codes of the codebooks before it in the same frame; q says which codebook is meant.

        Returns
        -------
        ndarray of int64, shape (n_entries,)
            Ascending in steps of at least 2, the last one at most 2²⁴.
        """

    def push(self, frame: np.ndarray) -> None:
        """Go on to the next frame after int64 (n_codebooks,), the codes of this one."""

    def intervals(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where known codes lie in their counts, and go on behind them.

        Parameters
        ----------
        frames : ndarray of integers, shape (n_codebooks, k)
            The next frames.

        Returns
        -------
        low, high : ndarray of int64, shape (n_codebooks, k)
            ``cdf[code - 1]``, 0 for code 0, and ``cdf[code]``.
        """


def quantised_cdf(probabilities: np.ndarray) -> np.ndarray:
    """Turn probabilities into whole counts, summed up.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (..., n_entries)
        Each sums to 1.

    Returns
    -------
    ndarray of int64, shape (..., n_entries)
        Cumulative counts. Every entry has at least 2; the last is 2²⁴ less what rounding cost.
    """
    # All in float32, in this order: another order gives other bytes.
    rounded = np.floor(probabilities / np.float32(ROUNDOFF)) * np.float32(ROUNDOFF)
    spare = np.float32(_RANGE - LEAST_COUNT * probabilities.shape[-1])
    counts = np.floor(spare * rounded).astype(np.int64) + LEAST_COUNT
    return np.cumsum(counts, axis=-1)


class _Interval:
    """The numbers that all begin like what was coded, without the leading bits that are certain."""

    def __init__(self) -> None:
        self.low = 0
        self.high = 0
        self.bits = 0

    def widen(self) -> int:
        """Append places until the counts fit in; return how many."""
        places = max(0, RANGE_BITS + 1 - (self.high - self.low + 1).bit_length())
        self.low <<= places
        self.high = ((self.high + 1) << places) - 1
        self.bits += places
        return places

    def share(self, low: int, high: int, unit: float) -> tuple[int, int]:
        """Return the part of this interval that belongs to the counts in [low, high)."""
        return self.low + math.ceil(low * unit), self.low + math.floor((high - 1) * unit)

    @property
    def unit(self) -> float:
        """Numbers per count. Rounded where there are more than 2⁵³, at which writer and reader agree."""
        return (self.high - self.low + 1) / _RANGE

    def narrow(self, low: int, high: int) -> tuple[int, int]:
        """Go on with a part; return the leading bits that became certain, and how many."""
        open_bits = (low ^ high).bit_length()
        certain = low >> open_bits
        n_certain = self.bits - open_bits
        offset = certain << open_bits
        self.low, self.high, self.bits = low - offset, high - offset, open_bits
        return certain, n_certain


class ArithmeticEncoder:
    """Turns intervals of counts into bytes. One for each segment."""

    def __init__(self) -> None:
        self._interval = _Interval()
        self._waiting = 0
        self._n_waiting = 0

    def push(self, low: np.ndarray, high: np.ndarray) -> bytes:
        """Code some codes and return the bytes that are complete by now.

        Parameters
        ----------
        low, high : ndarray of int64, shape (n_codebooks, k)
            As `CodeState.intervals` gives them. Coded frame by frame.

        Returns
        -------
        bytes
            Perhaps none.

        Raises
        ------
        ParameterError
            If they are no intervals of 2²⁴ counts.
        """
        interval = self._interval
        for first, last in zip(low.T.ravel().tolist(), high.T.ravel().tolist(), strict=True):
            interval.widen()
            part_low, part_high = interval.share(first, last, interval.unit)
            if not (first >= 0 and part_low <= part_high < 1 << interval.bits):
                raise ParameterError(
                    f"the model of the codes gives the counts {first} to {last}", f"let it share out {_RANGE}"
                )
            self._append(*interval.narrow(part_low, part_high))
        return self._whole_bytes()

    def flush(self) -> bytes:
        """End the segment and return its last bytes."""
        self._append(self._interval.low, self._interval.bits)
        self._append(0, -self._n_waiting % 8)
        self._interval = _Interval()
        return self._whole_bytes()

    def _append(self, value: int, n_bits: int) -> None:
        self._waiting = self._waiting << n_bits | value
        self._n_waiting += n_bits

    def _whole_bytes(self) -> bytes:
        rest = self._n_waiting % 8
        whole = (self._waiting >> rest).to_bytes(self._n_waiting // 8, "big")
        self._waiting &= (1 << rest) - 1
        self._n_waiting = rest
        return whole.translate(_MIRRORED)


class ArithmeticDecoder:
    """Turns bytes back into codes. One for each segment; it reads the bytes of the segment and no other.

    Parameters
    ----------
    source : ByteSource
        Stands at the segment's first byte.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._interval = _Interval()
        self._value = 0
        self._waiting = 0
        self._n_waiting = 0

    def pull(self, cdf: np.ndarray) -> int:
        """Return the next code.

        Parameters
        ----------
        cdf : ndarray of int64, shape (n_entries,)
            What `CodeState.cdf` gives, exactly as when it was written.

        Returns
        -------
        int
            Index into ``cdf``.

        Raises
        ------
        FormatError
            If the file ends, or its bits fall between two codes.
        """
        interval = self._interval
        if places := interval.widen():
            self._value = self._value << places | self._next_bits(places)
        unit = interval.unit
        wanted = self._value - interval.low
        # Rounding shifts the edges by less than the least count, so a neighbour can be right, but no other.
        near = int(cdf.searchsorted(int(wanted / unit), side="right"))
        for code in (near, near - 1, near + 1):
            if 0 <= code < len(cdf):
                low, high = interval.share(int(cdf[code - 1]) if code else 0, int(cdf[code]), unit)
                if low <= self._value <= high:
                    certain, _ = interval.narrow(low, high)
                    self._value -= certain << interval.bits
                    return code
        raise self._source.error(
            "the bits fit no code: they are damaged, or were written with other probabilities",
            "read it with the language model, and with Meta's also on the machine and with the threads, that wrote it",
        )

    def _next_bits(self, count: int) -> int:
        while self._n_waiting < count:
            self._waiting = self._waiting << 8 | _MIRRORED[self._source.read(1)[0]]
            self._n_waiting += 8
        self._n_waiting -= count
        bits = self._waiting >> self._n_waiting
        self._waiting &= (1 << self._n_waiting) - 1
        return bits
