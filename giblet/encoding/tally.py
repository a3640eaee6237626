"""How many nulls are as good as what was found, and how good it has to be to be better than chance."""

from __future__ import annotations

import numpy as np

LEVEL = 0.05
"""Of p, and of the share of false discoveries, by which targets are counted."""
_AT_ONCE = 32


class Tally:
    """What chance gives beside what was found, counted null by null.

    Parameters
    ----------
    found : ndarray of float64, shape (n_targets,)
        Scores.
    n : int
        Nulls that will be added.
    """

    def __init__(self, found: np.ndarray, n: int) -> None:
        self._found, self._n = found, n
        self._larger = np.zeros(len(found))
        # So many may be as good for p ≤ LEVEL, and one more may not.
        self._top = np.full((int(LEVEL * (n + 1)), len(found)), -np.inf)
        self._waiting: list[np.ndarray] = []

    def add(self, null: np.ndarray) -> None:
        """Count the scores (n_targets,) of one null."""
        self._larger += null >= self._found
        self._waiting.append(null)
        if len(self._waiting) == _AT_ONCE:
            self._merge()

    def p(self) -> np.ndarray:
        """Return (1 + nulls as good) / (1 + nulls), (n_targets,)."""
        return np.asarray((1 + self._larger) / (1 + self._n))

    def chance(self) -> np.ndarray:
        """Return the score that has to be exceeded for p ≤ .05, (n_targets,); NaN where there are too few nulls."""
        self._merge()
        return np.asarray(self._top[0] if len(self._top) else np.full(len(self._found), np.nan))

    def _merge(self) -> None:
        k = len(self._top)
        if k and self._waiting:
            self._top = np.partition(np.concatenate([self._top, *(null[None] for null in self._waiting)]), -k, axis=0)[
                -k:
            ]
        self._waiting.clear()
