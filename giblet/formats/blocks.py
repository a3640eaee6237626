"""The codes of a sound, some frames at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np

FRAMES_AT_ONCE = 1024
"""Frames of a block, at most."""


@dataclass(frozen=True)
class CodeBlock:
    """Some frames of one segment.

    Attributes
    ----------
    segment : int
        Number of the segment, from 0.
    codes : ndarray of int16, shape (n_codebooks, k)
        Frames, in their order.
    scale : float or None
        Loudness of the segment; None where the codec does not normalise.
    """

    segment: int
    codes: np.ndarray
    scale: float | None = None


def as_blocks(codes: np.ndarray, segments: Sequence[tuple[int, float | None]]) -> Iterator[CodeBlock]:
    """Cut the codes of a whole sound into blocks.

    Parameters
    ----------
    codes : ndarray of int16, shape (n_codebooks, n_frames)
        The frames of all segments; may be memory-mapped.
    segments : sequence of (int, float or None)
        Frames and scale of each segment.

    Yields
    ------
    CodeBlock
        At most `FRAMES_AT_ONCE` frames.
    """
    first = 0
    for number, (n_frames, scale) in enumerate(segments):
        for size in in_pieces(n_frames, FRAMES_AT_ONCE):
            yield CodeBlock(number, np.asarray(codes[:, first : first + size]), scale)
            first += size


def from_blocks(blocks: Iterable[CodeBlock]) -> tuple[np.ndarray, list[tuple[int, float | None]]]:
    """Put the blocks of a sound together, in memory.

    Parameters
    ----------
    blocks : iterable of CodeBlock
        All of them, in their order; at least one.

    Returns
    -------
    codes : ndarray of int16, shape (n_codebooks, n_frames)
        The frames of all segments.
    segments : list of (int, float or None)
        Frames and scale of each segment.
    """
    pieces = []
    segments: list[tuple[int, float | None]] = []
    for block in blocks:
        pieces.append(block.codes)
        if block.segment == len(segments):
            segments.append((0, block.scale))
        segments[-1] = (segments[-1][0] + block.codes.shape[1], block.scale)
    return np.concatenate(pieces, axis=1), segments


def in_pieces(total: int, piece: int) -> Iterator[int]:
    """Return numbers of at most ``piece`` that sum to ``total``."""
    return chain(repeat(piece, total // piece), filter(None, [total % piece]))
