"""A series at its own rate → one row per TR, by a filter that has a name.

Never by picking the nearest row: that folds every frequency above half the TR's into the ones that BOLD follows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from giblet.alignment.banded import weighted_rows
from giblet.errors import AlignmentError, ParameterError
from giblet.features import ON_A_BOUNDARY, FeatureSeries
from giblet.timeline import TRGrid

METHODS = {"continuous": ("mean", "lanczos", "last"), "event": ("sum", "lanczos")}
"""Filters of each kind of series, its default first."""

LANCZOS_LOBES = 3
"""TRs that the Lanczos kernel reaches to either side of a TR's middle."""

# Sum of weights over the sum of their magnitudes: 0.74 for the whole kernel, or half of it. Where a gap leaves little
# but the negative lobes, dividing by the sum would blow noise up.
_LEAST_WEIGHT = 0.2


def to_trs(series: FeatureSeries, grid: TRGrid, method: str | None = None) -> np.ndarray:
    """Bring a series to one row per TR.

    Parameters
    ----------
    series : FeatureSeries
        Continuous rows or events.
    grid : TRGrid
        The TRs.
    method : {"mean", "lanczos", "last", "sum"}, optional
        Continuous: ``"mean"`` (default) of the rows that start in the TR; ``"lanczos"``, a low-pass at half the TR's
        rate (3 lobes, evaluated at the middle of the TR from the middles of rows, weights normalised to a sum of 1);
        ``"last"`` row that starts in the TR. A TR in which no row starts takes the row that lasts into it.
        Events: ``"sum"`` (default) of the events that start in the TR; ``"lanczos"``, the same kernel as a plain sum,
        as Huth et al. (2016, Nature 532) filter word features.

    Returns
    -------
    ndarray, shape (n_trs, dim)
        One row per TR, of the series' dtype. A TR without events holds 0.

    Raises
    ------
    AlignmentError
        If the series is of categories, or a continuous one leaves a TR without data.
    ParameterError
        If the method is unknown or not for this kind.
    """
    method = check_method(series, method)
    first, stop = _rows_of_trs(series, grid)
    if series.kind == "continuous":
        _refuse_gaps(series, grid, first, stop)
    if method == "lanczos":
        return _lanczos(series, grid)
    if method == "sum":
        return _by_tr(series, first, stop, np.sum)
    if method == "last":
        return np.array(series.values[stop - 1])
    # A row that lasts into a TR in which none starts lies just before where such a TR's own rows would.
    return _by_tr(series, np.minimum(first, stop - 1), stop, np.mean)


def check_method(series: FeatureSeries, method: str | None = None) -> str:
    """Return the filter for a series, or raise as `to_trs` does."""
    series.refuse_categories("averaged or interpolated")
    choices = METHODS[series.kind]
    if method is None:
        return choices[0]
    if method not in choices:
        kind = "a continuous series" if series.kind == "continuous" else "a series of events"
        raise ParameterError(f"{method!r} is no filter for {kind}", f"choose from {', '.join(choices)}")
    return method


def covered(series: FeatureSeries, grid: TRGrid) -> np.ndarray:
    """Tell in which TRs a row starts, or lasts into.

    Parameters
    ----------
    series : FeatureSeries
        The rows.
    grid : TRGrid
        The TRs.

    Returns
    -------
    ndarray of bool, shape (n_trs,)
        False for TRs of which the series knows nothing.
    """
    first, stop = _rows_of_trs(series, grid)
    return (stop > first) | _lasting(series, grid, first)


def _rows_of_trs(series: FeatureSeries, grid: TRGrid) -> tuple[np.ndarray, np.ndarray]:
    bounds = np.searchsorted(series.times + ON_A_BOUNDARY, grid.edges)
    return bounds[:-1], bounds[1:]


def _lasting(series: FeatureSeries, grid: TRGrid, first: np.ndarray) -> np.ndarray:
    before = np.maximum(first - 1, 0)
    ends = (series.times + series.durations)[before] if len(series) else np.full(grid.n_trs, -np.inf)
    return (first > 0) & (ends > grid.edges[:-1] + ON_A_BOUNDARY)


def _refuse_gaps(series: FeatureSeries, grid: TRGrid, first: np.ndarray, stop: np.ndarray) -> None:
    empty = np.flatnonzero((stop <= first) & ~_lasting(series, grid, first))
    if empty.size:
        begin, end = grid.window(int(empty[0]))
        raise AlignmentError(
            f"{series.title}: TR {empty[0]} ({float(begin):g}–{float(end):g} s) has no data, as {empty.size} of "
            f"{grid.n_trs} TRs",
            "leave these TRs out (giblet.alignment.reconcile), or give the series whole",
        )


def _by_tr(series: FeatureSeries, first: np.ndarray, stop: np.ndarray, pool: Callable[..., np.ndarray]) -> np.ndarray:
    out = np.empty((len(first), series.values.shape[1]), series.values.dtype)
    for i, (a, b) in enumerate(zip(first, stop, strict=True)):
        out[i] = pool(series.values[a:b], axis=0, dtype=np.float64)
    return out


def _lanczos(series: FeatureSeries, grid: TRGrid) -> np.ndarray:
    middles, tr, centres = series.times + series.durations / 2, float(grid.tr), grid.midpoints
    reach = LANCZOS_LOBES * tr
    # Rows are in order of their beginnings; where they differ in length, their middles need not be.
    lowest = np.searchsorted(np.maximum.accumulate(middles), centres - reach)
    highest = np.searchsorted(np.minimum.accumulate(middles[::-1])[::-1], centres + reach, side="right")

    def weights(trs: slice, rows: slice) -> np.ndarray:
        distance = (centres[trs, None] - middles[rows]) / tr
        lobes = np.where(np.abs(distance) < LANCZOS_LOBES, np.sinc(distance) * np.sinc(distance / LANCZOS_LOBES), 0)
        if series.kind == "event":
            return lobes[None]
        total = lobes.sum(axis=1, keepdims=True)
        thin = np.flatnonzero(total[:, 0] <= _LEAST_WEIGHT * np.abs(lobes).sum(axis=1))
        if thin.size:
            raise AlignmentError(
                f"{series.title}: TR {trs.start + thin[0]} has too few rows for the Lanczos filter",
                "fill the gap, or take the mean",
            )
        return lobes[None] / total

    return weighted_rows(series.values, lowest, highest, weights)[0]
