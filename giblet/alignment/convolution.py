"""A series at its own rate, convolved with a haemodynamic response and read at the times of the volumes.

A row is a box from its beginning to its end on a fine grid of TR / oversampling that holds all volume times. What it
adds to a volume is then the difference of two values of the kernel's running sum, so neither the series nor the
response is ever laid out at the fine rate: a volume is a weighted sum of the rows before it.
"""

from __future__ import annotations

import math

import numpy as np

from giblet.alignment.banded import weighted_rows
from giblet.alignment.hrf import HRF, Kernel, hrf_kernels, kernel_names
from giblet.features import ON_A_BOUNDARY, FeatureSeries
from giblet.timeline import TRGrid

OVERSAMPLING = 50
"""Steps per TR at the least; below, nilearn's SPM kernel is off SPM's by several percent."""

# Rows may be as short as they like; steps need not be.
_SHORTEST_STEP = 1e-3


def convolve(series: FeatureSeries, grid: TRGrid, hrf: HRF = "spm", oversampling: int | None = None) -> np.ndarray:
    """Convolve a series with a haemodynamic response and sample it at volume times.

    The response is causal: a volume at start + i·tr + sample_offset depends on what came before it, also on what came
    before the first volume. Before the series begins and after it ends there was nothing (0). FIR delays are windows of
    one TR, as in nilearn: one below a TR reaches past the volume, to the end of that window.

    The numbers are those of nilearn's ``compute_regressor`` with rows as events (onset, duration, amplitude) and the
    same oversampling: a row that is shorter than a step counts for one step. Unlike nilearn, the fine grid holds the
    volume times exactly whatever the TR, and derivatives are not orthogonalised, which would let every volume of the
    run speak into every other.

    Parameters
    ----------
    series : FeatureSeries
        Continuous rows or events.
    grid : TRGrid
        The volumes of one run.
    hrf : str, callable or sequence of seconds
        As in `check_hrf`.
    oversampling : int, optional
        Steps per TR; by default 50, or as many as let no continuous row be shorter than a step. Then a constant series
        of 1 becomes 1.

    Returns
    -------
    ndarray, shape (n_trs, dim · n_kernels)
        All columns with the first kernel, then all with the second, … (see `convolved_names`), of the series' dtype.

    Raises
    ------
    AlignmentError
        If the series is of categories.
    ParameterError
        If the response or the oversampling cannot be used.
    """
    series.refuse_categories("convolved")
    steps = native_oversampling(series, grid) if oversampling is None else oversampling
    kernels = hrf_kernels(hrf, grid.tr, steps)
    begins = _steps(series.times, grid, steps)
    ends = np.maximum(_steps(series.times + series.durations, grid, steps), begins + 1)
    volumes = np.arange(grid.n_trs) * steps
    earliest = max(kernel.lag + len(kernel.weights) for kernel in kernels) - 1
    latest = min(kernel.lag for kernel in kernels)
    lowest = np.searchsorted(np.maximum.accumulate(ends), volumes - earliest, side="right")
    highest = np.searchsorted(begins, volumes - latest, side="right")
    sums = [np.concatenate([[0.0], np.cumsum(kernel.weights)]) for kernel in kernels]

    def weights(trs: slice, rows: slice) -> np.ndarray:
        since_begin, since_end = (volumes[trs, None] - steps_of[rows] for steps_of in (begins, ends))
        return np.stack(
            [
                total[_place(since_begin, kernel)] - total[_place(since_end, kernel)]
                for total, kernel in zip(sums, kernels, strict=True)
            ]
        )

    out = weighted_rows(series.values, lowest, highest, weights)
    return out.transpose(1, 0, 2).reshape(grid.n_trs, len(kernels) * len(series.names))


def convolved_names(series: FeatureSeries, hrf: HRF) -> tuple[str, ...]:
    """Return names for the columns of `convolve`: "text.word_rate", "text.word_rate.derivative", …."""
    return tuple(f"{name}.{term}" if term else name for term in kernel_names(hrf) for name in series.names)


def native_oversampling(series: FeatureSeries, grid: TRGrid) -> int:
    """Return the steps per TR that `convolve` takes by default."""
    if series.kind == "event" or not len(series):
        return OVERSAMPLING
    shortest = max(float(series.durations.min()), _SHORTEST_STEP)
    return max(OVERSAMPLING, math.ceil((float(grid.tr) - ON_A_BOUNDARY) / shortest))


def _steps(seconds: np.ndarray, grid: TRGrid, steps: int) -> np.ndarray:
    """Return the first step at or after each time, counted from the first volume."""
    since = seconds - float(grid.start + grid.sample_offset) - ON_A_BOUNDARY
    # Times that no run reaches need not fit into an integer.
    return np.ceil(np.clip(since * (steps / float(grid.tr)), -1e15, 1e15)).astype(np.int64)


def _place(lags: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Return where a kernel's running sum, which begins with 0, stands after these many steps."""
    return np.clip(lags - kernel.lag + 1, 0, len(kernel.weights))
