"""Series and grids for the tests of alignment."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

TRS = st.sampled_from([Fraction(t) for t in ("0.72", "0.8", "1", "1.49", "1.5", "2", "2.47", "4/3")])
STARTS = st.fractions(min_value=-30, max_value=30, max_denominator=1000)
SEEDS = st.integers(0, 2**32 - 1)


def events(onsets, durations=0.0, amplitudes=1.0) -> FeatureSeries:
    onsets = np.asarray(onsets, float)
    amplitudes = np.broadcast_to(amplitudes, onsets.shape).astype(float)
    return FeatureSeries(amplitudes[:, None], onsets, ("x",), "event", np.broadcast_to(durations, onsets.shape))


def random_events(seed: int, first: float, last: float, n: int = 60) -> FeatureSeries:
    """Half of them impulses, of both signs, some at the same time."""
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(first, last, n))
    onsets[1::7] = onsets[0::7][: len(onsets[1::7])]
    durations = rng.exponential(2, n) * (rng.random(n) < 0.5)
    return events(onsets, durations, rng.normal(size=n))


def dense(seed: int, rate=75, seconds: float = 120, dim: int = 1, start=0, dtype=np.float64) -> FeatureSeries:
    values = np.random.default_rng(seed).normal(size=(int(seconds * float(Fraction(rate))), dim)).astype(dtype)
    return FeatureSeries.regular(values, rate, tuple(f"x{i}" for i in range(dim)), start=start)


def codes(n: int = 3000) -> FeatureSeries:
    return FeatureSeries.regular(np.arange(n)[:, None], 75, ("audio.codes.0",), "categorical")


def span(grid: TRGrid) -> tuple[float, float]:
    """Beginning and end of a grid, seconds."""
    return float(grid.edges[0]), float(grid.edges[-1])
