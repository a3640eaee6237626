"""Codes of an encoder, or of a store, as the blocks that containers take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from giblet.codecs import Segment
from giblet.formats import CodeBlock


class BlockCutter:
    """Cuts the codes that an encoder gives into blocks of one segment each."""

    def __init__(self) -> None:
        self._segment = 0
        self._done = 0

    def __call__(self, codes: np.ndarray, segments: Sequence[Segment]) -> Iterator[CodeBlock]:
        """Return the blocks of the next codes.

        Parameters
        ----------
        codes : ndarray of int16, shape (n_codebooks, k)
            The next frames.
        segments : sequence of Segment
            The frames that each segment has so far, these included.

        Yields
        ------
        CodeBlock
            Frames of one segment.
        """
        while codes.shape[1]:
            segment = segments[self._segment]
            piece = codes[:, : segment.n_frames - self._done]
            if piece.shape[1]:
                yield CodeBlock(self._segment, piece, segment.scale)
                self._done += piece.shape[1]
                codes = codes[:, piece.shape[1] :]
            else:
                self._segment, self._done = self._segment + 1, 0
