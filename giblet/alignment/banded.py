"""Weighted sums of neighbouring rows, without a copy of the series."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Volumes at a time: enough to read a row for several at once, few enough for their rows to stay in cache.
_BLOCK = 16


def weighted_rows(
    values: np.ndarray,
    lowest: np.ndarray,
    highest: np.ndarray,
    weights: Callable[[slice, slice], np.ndarray],
) -> np.ndarray:
    """Multiply a matrix that is zero except for a band with the rows of a series, block by block.

    Parameters
    ----------
    values : ndarray, shape (n_rows, dim)
        The rows, which may be memory-mapped: only those in the band are read, and none is kept.
    lowest, highest : ndarray of int64, shape (n_out,)
        The rows [lowest, highest) that an output may depend on; both ascend.
    weights : callable
        Takes a slice of outputs and a slice of rows, returns their weights: float64 (n_kernels, n_out, n_rows).

    Returns
    -------
    ndarray, shape (n_kernels, n_out, dim)
        The sums, computed in float64, of the values' dtype.
    """
    n_out = len(lowest)
    # Asked once of nothing, the weights say how many kernels there are.
    out = np.zeros((len(weights(slice(0, 0), slice(0, 0))), n_out, values.shape[1]), values.dtype)
    for start in range(0, n_out, _BLOCK):
        block = slice(start, min(start + _BLOCK, n_out))
        rows = slice(int(lowest[block.start]), int(highest[block.stop - 1]))
        if rows.stop > rows.start:
            # Not the operator @: for products this small, BLAS' threads wait for each other longer than they work.
            out[:, block] = np.einsum("kij,jd->kid", weights(block, rows), values[rows].astype(np.float64))
    return out
