"""Design matrices of runs, for first-level models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from giblet.errors import ParameterError
from giblet.timeline import TRGrid

if TYPE_CHECKING:
    import pandas as pd

_TAKEN = re.compile(r"constant|drift_[0-9]+|invalid_[0-9]+")


@dataclass(frozen=True)
class Design:
    """Regressors of a run, one row for each volume.

    Attributes
    ----------
    columns : tuple of str
        Names.
    values : ndarray, shape (n_trs, len(columns))
        Regressors, convolved and all.
    valid : ndarray of bool, shape (n_trs,), or None
        Rows that have data; None for all. Each other row gets a regressor of its own, which takes the volume out of the
        model.
    high_pass : float or None
        Lowest frequency of the model, Hz: slower drifts get cosines. None for BOLD that was filtered already.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    valid: np.ndarray | None = None
    high_pass: float | None = None


def design_matrix(design: Design, grid: TRGrid, first_volume: int = 0) -> pd.DataFrame:
    """Build the design matrix of a run, as nilearn's FirstLevelModel takes it.

    Parameters
    ----------
    design : Design
        Regressors.
    grid : TRGrid
        Volumes.
    first_volume : int, optional
        Which stored volume the grid begins with.

    Returns
    -------
    pandas.DataFrame
        float64; a row for each volume, indexed by its time in seconds after the first stored one began; columns as
        named, ``invalid_0`` and so on, ``drift_1`` and so on, and ``constant``.

    Raises
    ------
    ParameterError
        If shapes do not fit, names are not unique, or a valid row has values that are not finite.
    """
    from nilearn.glm.first_level import make_first_level_design_matrix

    values = checked_table(design.values, design.columns, "the design")
    valid = np.ones(grid.n_trs, bool) if design.valid is None else np.asarray(design.valid, bool)
    if len(values) != grid.n_trs or valid.shape != (grid.n_trs,):
        raise ParameterError(
            f"the design has {len(values)} rows, valid has {valid.size} and the run {grid.n_trs} volumes",
            "give a row for each volume",
        )
    if not np.isfinite(values[valid]).all():
        raise ParameterError("the design has values that are not finite", "mark such rows as not valid")
    if not valid.any():
        raise ParameterError("no row of the design is valid", "give a longer run, or shorter delays")
    for name in filter(_TAKEN.fullmatch, design.columns):
        raise ParameterError(f"a regressor is named {name}, as one that is added", "choose another name")
    outside = np.flatnonzero(~valid)
    # Whatever stands there, the regressor of that row alone explains the volume.
    values = np.where(valid[:, None], values, 0)
    alone = (np.arange(grid.n_trs)[:, None] == outside).astype(float)
    names = [*design.columns, *(f"invalid_{row}" for row in outside)]
    times = [float((first_volume + row) * grid.tr + grid.sample_offset) for row in range(grid.n_trs)]
    matrix: pd.DataFrame = make_first_level_design_matrix(
        np.array(times),
        drift_model=None if design.high_pass is None else "cosine",
        high_pass=design.high_pass or 0,
        add_regs=np.hstack([values, alone]),
        add_reg_names=names,
    )
    return matrix


def checked_table(values: np.ndarray, columns: Sequence[str], what: str) -> np.ndarray:
    """Return values as a table of numbers, or raise ParameterError if they do not fit the names of its columns."""
    table = np.asarray(values)
    if table.ndim != 2 or table.shape[1] != len(columns):
        problem = f"{what} has the shape {table.shape} and {len(columns)} names of columns"
        raise ParameterError(problem, "give a row for each time and a name for each column")
    if not (np.issubdtype(table.dtype, np.number) or table.dtype == bool) or np.iscomplexobj(table):
        raise ParameterError(f"{what} holds {table.dtype}", "give numbers")
    for name in columns:
        if not name.strip() or not name.isprintable() or list(columns).count(name) > 1:
            raise ParameterError(f"{what} has a column named {name!r}", "name each column once, without tabs")
    return table.astype(np.uint8) if table.dtype == bool else table
