"""What the low-level features of sound share: one rate of sound, blocks of one size, rows at exact times."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from giblet.errors import ParameterError
from giblet.features.asking import FeatureRequest
from giblet.features.streams import Output
from giblet.timeline import exact

# One rate, librosa's, for all features here: a film's sound is resampled once for all of them.
SAMPLE_RATE = 22_050
# Frames of librosa's defaults.
N_FFT = 2048
HOP_LENGTH = 512
FRAME_RATE = Fraction(SAMPLE_RATE, HOP_LENGTH)
# A row stands for HOP_LENGTH samples from the middle of its frame on; these are the frame's seconds outside.
FRAME_PAST = N_FFT / 2 / SAMPLE_RATE
FRAME_FUTURE = (N_FFT / 2 - HOP_LENGTH) / SAMPLE_RATE

# Samples computed at a time.
BLOCK = 8192


class RowStream:
    """A `SoundFeature` with one output.

    However the sound arrives, it is computed in the same blocks, so that rows do not depend on how it was cut, not
    even by the rounding of floats, and memory does not depend on how much is pushed at once.

    Parameters
    ----------
    output : Output
        The series it gives.

    Attributes
    ----------
    outputs, sample_rate, identity
        As of every `SoundFeature`.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, output: Output) -> None:
        self.outputs = (output,)
        self.identity: dict[str, Any] = {}
        self._held = np.empty(0, np.float32)
        self._late = np.empty((0, len(output.columns)), np.float32)
        self._n_samples = 0
        self._n_rows = 0

    def push(self, samples: np.ndarray) -> Sequence[np.ndarray]:
        """Take the next samples and return the rows that they complete (see `SoundFeature`)."""
        held = np.concatenate((self._held, samples), dtype=np.float32)
        n_whole = len(held) // BLOCK * BLOCK
        self._held = held[n_whole:].copy()
        return self._given([self._block(block) for block in held[:n_whole].reshape(-1, BLOCK)], n_whole)

    def finish(self) -> Sequence[np.ndarray]:
        """Return the remaining rows (see `SoundFeature`)."""
        if not self._n_samples + len(self._held):
            return self._given([], 0)
        return self._given([self._block(self._held), self._end()], len(self._held))

    def _given(self, rows: list[np.ndarray], n_samples: int) -> Sequence[np.ndarray]:
        """Return those rows that begin before the end of what was heard, and keep the others."""
        self._n_samples += n_samples
        every = np.concatenate((self._late, *rows), dtype=np.float32)
        begun = -(-self._n_samples * self.outputs[0].rate // self.sample_rate) - self._n_rows
        self._late = every[begun:].copy()
        self._n_rows += len(every[:begun])
        return (every[:begun],)

    def _block(self, samples: np.ndarray) -> np.ndarray:
        """Take the next samples, float32 (n,), and return the rows that they complete, (k, n_columns)."""
        raise NotImplementedError

    def _end(self) -> np.ndarray:
        """Return the rows that reach past the end of the sound; more than there should be are left out."""
        raise NotImplementedError


class RowMeans:
    """Means over each row's own interval: row i takes the samples from i / rate on, before (i + 1) / rate.

    Parameters
    ----------
    rate : fractions.Fraction
        Rows per second, at most SAMPLE_RATE.
    n_columns : int
        Columns of what is averaged.
    """

    def __init__(self, rate: Fraction, n_columns: int) -> None:
        self._samples_per_row = SAMPLE_RATE / rate
        self._row = 0
        self._taken = 0
        self._sum = np.zeros((1, n_columns))
        self._last = np.zeros((1, n_columns))

    def push(self, values: np.ndarray) -> np.ndarray:
        """Take the next values, (n, n_columns), and return the means of the rows that they complete."""
        if not len(values):
            return np.empty((0, self._sum.shape[1]))
        stop_row = (self._taken + len(values)) // self._samples_per_row
        firsts = np.array([self._first(row) for row in range(self._row, stop_row + 1)])
        # What was summed of the current row stands in front; the zeros are for a next row without samples so far.
        parts = np.concatenate((self._sum, values, np.zeros_like(self._sum)))
        sums = np.add.reduceat(parts, np.concatenate(([0], firsts[1:] - self._taken + 1)), axis=0)
        self._row, self._taken = stop_row, self._taken + len(values)
        self._sum, self._last = sums[-1:], values[-1:]
        return sums[:-1] / np.diff(firsts)[:, None]

    def finish(self) -> np.ndarray:
        """Return the mean of the last row, which the sound need not fill.

        Where the row begins within the last sample, and so has none of its own, it takes that sample.
        """
        n_samples = self._taken - self._first(self._row)
        return self._sum / n_samples if n_samples else self._last

    def _first(self, row: int) -> int:
        return -(-row * self._samples_per_row.numerator // self._samples_per_row.denominator)


def asked_rate(request: FeatureRequest) -> Fraction:
    """Return the option ``rate`` as the number that was meant.

    Parameters
    ----------
    request : FeatureRequest
        With the option.

    Returns
    -------
    fractions.Fraction
        Rows per second.

    Raises
    ------
    ParameterError
        If there cannot be so many.
    """
    rate = exact(request.option("rate"), f"the rate of {request.feature.name}")
    if not 0 < rate <= SAMPLE_RATE:
        raise ParameterError(
            f"{request.feature.name} was asked for at {float(rate):g} Hz",
            f"give a rate above 0, up to {SAMPLE_RATE} Hz",
        )
    return rate
