"""Codes as vectors, what may be averaged, filtered and convolved; and vectors as codes."""

from __future__ import annotations

import numpy as np

from giblet.errors import ParameterError

_AT_ONCE = 4096
"""Frames that are compared with a codebook at a time: 16 MB for 1024 entries."""


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


def nearest_codes(latents: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    """Find codes for latents as a residual quantiser does: each codebook takes what those before it left.

    Parameters
    ----------
    latents : ndarray of float, shape (n_frames, dim)
        Any vectors of that space.
    codebooks : ndarray of float32, shape (n_codebooks, codebook_size, dim)
        The code vectors.

    Returns
    -------
    ndarray of int16, shape (n_codebooks, n_frames)
        Index of the nearest vector; of equally near ones the first.

    Raises
    ------
    ParameterError
        If latents and code vectors are not of one space.
    """
    rows = np.asarray(latents, np.float32)
    if rows.ndim != 2 or codebooks.ndim != 3 or rows.shape[1] != codebooks.shape[2]:
        raise ParameterError(
            f"latents of shape {rows.shape} and code vectors of shape {codebooks.shape} do not fit together",
            "give (n_frames, dim) and (n_codebooks, codebook_size, dim)",
        )
    codes = np.empty((len(codebooks), len(rows)), np.int16)
    for first in range(0, len(rows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        residual = rows[part].copy()
        for level, book in enumerate(codebooks):
            # |x − e|² is smallest where x·e − |e|²/2 is largest.
            codes[level, part] = (residual @ book.T - np.square(book).sum(axis=1) / 2).argmax(axis=1)
            residual -= book[codes[level, part]]
    return codes
