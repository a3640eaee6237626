"""Codes as vectors: what may be averaged, filtered and convolved."""

from __future__ import annotations

import numpy as np


def latents(codes: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    """Sum the code vectors that a frame's codes stand for.

    Parameters
    ----------
    codes : ndarray of integers, shape (n_codebooks, n_frames)
        The codes.
    codebooks : ndarray of float32, shape (at least n_codebooks, codebook_size, dim)
        The code vectors.

    Returns
    -------
    ndarray of float32, shape (n_frames, dim)
        What the codec's decoder sees, before it multiplies by a segment's loudness where it does that.
    """
    total = np.zeros((codes.shape[1], codebooks.shape[2]), np.float32)
    for book, code in zip(codebooks, codes, strict=False):
        total += book[code]
    return total
