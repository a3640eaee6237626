"""How well held-out BOLD was predicted: per target, fold and feature space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from giblet.bold import Space
    from giblet.encoding.ceiling import Ceiling


@dataclass(frozen=True, eq=False)
class Scores:
    """What an encoding model was worth on data that it never saw.

    In each fold, predictions and BOLD are centred on the held-out rows, for the level of a stretch says nothing.

    Attributes
    ----------
    name : str
        Subject, or "group".
    targets, spaces : tuple of str
        Names of targets and of feature spaces.
    r : ndarray of float64, shape (n_folds, n_targets)
        Pearson's correlation of prediction and BOLD; NaN for targets without signal.
    r2 : ndarray of float64, shape (n_folds, n_targets)
        1 − sum of squared errors / sum of squares.
    split : ndarray of float64, shape (n_spaces, n_folds, n_targets)
        Share of each space in R² by the product measure; sums to ``r2`` over spaces.
    unique : ndarray of float64, shape (n_spaces, n_folds, n_targets), or None
        R² less that of a model fitted without the space; None where it was not asked for.
    p, q : ndarray of float64, shape (n_targets,), or None
        One-sided p of the mean r, and after Benjamini and Hochberg's (1995) control of false discoveries; None without
        a null.
    chance : ndarray of float64, shape (n_targets,), or None
        What mean r has to exceed for p ≤ .05; NaN where there are too few permutations for that.
    smallest_p : float or None
        What p cannot fall below with these data and so many permutations.
    null : str
        What the null was: "blocks", "shifts" or "none".
    n_test : tuple of int
        Held-out rows of each fold.
    notes : tuple of str
        What was done and found, a sentence each.
    space : giblet.bold.Space or None
        Where the targets lie.
    ceiling : giblet.encoding.Ceiling or str
        The most that r can be for this subject or group; or why nobody knows.
    """

    name: str
    targets: tuple[str, ...]
    spaces: tuple[str, ...]
    r: np.ndarray
    r2: np.ndarray
    split: np.ndarray
    unique: np.ndarray | None
    p: np.ndarray | None
    q: np.ndarray | None
    chance: np.ndarray | None
    smallest_p: float | None
    null: str
    n_test: tuple[int, ...]
    notes: tuple[str, ...] = ()
    space: Space | None = None
    ceiling: Ceiling | str = "it was not asked for"

    @property
    def about_ceiling(self) -> str:
        """What the ceiling is, or why there is none, in a sentence."""
        if isinstance(self.ceiling, str):
            return f"No ceiling: {self.ceiling}."
        return f"Ceiling: {self.ceiling.sentence}"

    def reached(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the ceiling of r, and which part of it mean r reaches: NaN where there is none, (n_targets,) each."""
        nothing = np.full(len(self.targets), np.nan)
        if isinstance(self.ceiling, str):
            return nothing, nothing
        # A target that is not scored has no ceiling to reach.
        r = self.r.mean(axis=0)
        return np.where(np.isfinite(r), self.ceiling.r, np.nan), self.ceiling.share(r)

    def maps(self) -> dict[str, np.ndarray]:
        """Return one value for each target: means over folds.

        Returns
        -------
        dict of str to ndarray of float64, shape (n_targets,)
            r and r2; where there is one, the ceiling of r, and ``of_ceiling``, the part of it that is reached; for
            several spaces ``r2_SPACE`` and, where it was asked for, ``unique_SPACE``; with a null, p and q,
            and ``chance``, which r has to exceed for p ≤ .05.
        """
        found = {"r": self.r.mean(axis=0), "r2": self.r2.mean(axis=0)}
        if not isinstance(self.ceiling, str):
            found["ceiling"], found["of_ceiling"] = self.reached()
        if len(self.spaces) > 1:
            found |= {f"r2_{space}": self.split[i].mean(axis=0) for i, space in enumerate(self.spaces)}
        if self.unique is not None:
            found |= {f"unique_{space}": self.unique[i].mean(axis=0) for i, space in enumerate(self.spaces)}
        if self.p is not None and self.q is not None and self.chance is not None:
            found |= {"chance": self.chance, "p": self.p, "q": self.q}
        return found

    def to_table(self) -> pd.DataFrame:
        """Return `maps` as a table with a row for each target, whose name is in the column ``target``.

        It has the ceiling's columns, of NaN, also where there is no ceiling.
        """
        import pandas as pd

        ceiling, reached = self.reached()
        columns = {"r": None, "r2": None, "ceiling": ceiling, "of_ceiling": reached} | self.maps()
        return pd.DataFrame({"target": list(self.targets), **columns})

    def to_xarray(self) -> xr.Dataset:
        """Return all scores as labelled arrays.

        Returns
        -------
        xarray.Dataset
            ``r`` and ``r2`` (fold, target), ``r2_split`` and ``r2_unique`` (space, fold, target), ``ceiling``,
            ``of_ceiling``, ``chance``, ``p`` and ``q`` (target), ``n_test`` (fold); the notes, and what the ceiling is,
            among its attributes.
        """
        import xarray as xr

        data: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
            "r": (("fold", "target"), self.r),
            "r2": (("fold", "target"), self.r2),
            "r2_split": (("space", "fold", "target"), self.split),
            "n_test": (("fold",), np.array(self.n_test)),
        }
        data["ceiling"], data["of_ceiling"] = ((("target",), values) for values in self.reached())
        if self.unique is not None:
            data["r2_unique"] = (("space", "fold", "target"), self.unique)
        if self.p is not None and self.q is not None and self.chance is not None:
            data |= {name: (("target",), self.maps()[name]) for name in ("chance", "p", "q")}
        attributes: dict[str, Any] = {
            "name": self.name, "null": self.null, "notes": list(self.notes), "ceiling": self.about_ceiling,
        }  # fmt: skip
        if self.smallest_p is not None:
            attributes["smallest_p"] = self.smallest_p
        # Text of any length: what has a fixed one has no lasting form in zarr.
        names = {name: np.array(values, object) for name, values in (("target", self.targets), ("space", self.spaces))}
        coords = {**names, "fold": np.arange(len(self.n_test))}
        return xr.Dataset(data, coords, attributes)


def judge(parts: np.ndarray, bold: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare predictions with held-out BOLD.

    Parameters
    ----------
    parts : ndarray, shape (n_spaces, n_test, n_targets)
        What each feature space adds to the prediction.
    bold : ndarray, shape (n_test, n_targets)
        What was measured.

    Returns
    -------
    r, r2 : ndarray of float64, shape (n_targets,)
        Correlation, 0 for a prediction that never changes, and explained variance.
    split : ndarray of float64, shape (n_spaces, n_targets)
        Product measure of each space (Dupré la Tour et al. 2022, NeuroImage 264): the sum of its part times (2 · BOLD −
        prediction), over the sum of squares of BOLD; sums to ``r2``.
    """
    measured = bold.astype(np.float64)
    measured -= measured.mean(axis=0)
    own = parts.astype(np.float64)
    own -= own.mean(axis=1, keepdims=True)
    predicted = own.sum(axis=0)
    total = np.square(measured).sum(axis=0)
    product = (predicted * measured).sum(axis=0)
    size = np.square(predicted).sum(axis=0)
    scale = np.sqrt(total * size)
    r = np.divide(product, scale, out=np.zeros_like(product), where=scale > 1e-12 * total)
    split = (own * (2 * measured - predicted)).sum(axis=1) / total
    return r, 1 - np.square(measured - predicted).sum(axis=0) / total, split
