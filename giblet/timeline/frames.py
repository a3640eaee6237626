"""Where a codec's frames lie in time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class FrameLayout:
    """The grid of frames that a codec, or a spectrogram, lays over the samples.

    Frames follow each other every ``hop`` samples. Some codecs cut the sound into overlapping segments of
    ``segment`` samples, one every ``stride``, each with a frame grid of its own; there, frame j of segment i has the
    index ``i * frames_per_segment + j`` and starts at sample ``i * stride + j * hop``.

    Attributes
    ----------
    sample_rate : int
        Samples per second.
    hop : int
        Samples between frames.
    segment, stride : int or None
        Length of a segment and distance between segments, samples; None for one grid over the whole sound.
    """

    sample_rate: int
    hop: int
    segment: int | None = None
    stride: int | None = None

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second inside a segment."""
        return Fraction(self.sample_rate, self.hop)

    @property
    def frames_per_segment(self) -> int | None:
        """Frames of a full segment, or None where there is one grid."""
        return None if self.segment is None else -(-self.segment // self.hop)

    def starts(self, indices: np.ndarray) -> np.ndarray:
        """Return the first sample of each frame.

        Parameters
        ----------
        indices : ndarray of int64
            Frame indices.

        Returns
        -------
        ndarray of int64
            Sample numbers, of the same shape.
        """
        if self.stride is None:
            return indices * self.hop
        segment, frame = np.divmod(indices, self.frames_per_segment or 1)
        return segment * self.stride + frame * self.hop

    def owned(self, indices: np.ndarray) -> np.ndarray:
        """Tell which frames stand for their time alone, where segments overlap.

        Decoding cross-fades two overlapping segments with triangular weights. A frame counts for the segment whose
        weight is larger at the frame's first sample, so that each moment has one frame.

        Parameters
        ----------
        indices : ndarray of int64
            Frame indices.

        Returns
        -------
        ndarray of bool
            True where the frame's own segment has the larger weight.
        """
        if self.segment is None or self.stride is None:
            return np.ones(indices.shape, bool)
        segment, frame = np.divmod(indices, self.frames_per_segment or 1)
        # The weights of neighbours cross in the middle of their overlap.
        crossing = (self.segment - self.stride) / 2
        offset = frame * self.hop
        return ((segment == 0) | (offset >= crossing)) & (offset < self.stride + crossing)

    def between(self, first: int, stop: int, *, owned: bool = False) -> np.ndarray:
        """List the frames that start in [first, stop).

        Parameters
        ----------
        first, stop : int
            Sample numbers.
        owned : bool
            Leave out frames that a neighbouring segment stands for.

        Returns
        -------
        ndarray of int64
            Frame indices, ascending.
        """
        if self.segment is None or self.stride is None:
            return np.arange(max(0, -(-first // self.hop)), max(0, -(-stop // self.hop)), dtype=np.int64)
        per_segment = -(-self.segment // self.hop)
        first_segment = max(0, (first - self.segment) // self.stride)
        last_segment = max(first_segment, stop // self.stride + 1)
        indices = np.arange(first_segment * per_segment, last_segment * per_segment, dtype=np.int64)
        starts = self.starts(indices)
        keep = (starts >= first) & (starts < stop)
        if owned:
            keep &= self.owned(indices)
        return indices[keep]
