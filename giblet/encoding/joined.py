"""BOLD of several runs or people as if it were one array, read from its files batch by batch of targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class JoinedBold:
    """Runs one after the other, each the mean of one or more arrays that may be mapped from files.

    Parameters
    ----------
    runs : sequence of sequence of ndarray, each of shape (n_trs, n_targets)
        For each run the arrays whose mean it is, all of its length.

    Attributes
    ----------
    shape : tuple of int
        Rows of all runs, and targets.
    ndim : int
        2.
    """

    ndim = 2

    def __init__(self, runs: Sequence[Sequence[np.ndarray]]) -> None:
        self._runs = runs
        self.shape = (sum(len(parts[0]) for parts in runs), runs[0][0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, which = key if isinstance(key, tuple) else (key, slice(None))
        return np.concatenate([_mean(parts, which) for parts in self._runs])[rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype)


def _mean(parts: Sequence[np.ndarray], which: Any) -> np.ndarray:
    total = np.array(parts[0][:, which], np.float32)
    for part in parts[1:]:
        total += part[:, which]
    total /= np.float32(len(parts))
    return total
