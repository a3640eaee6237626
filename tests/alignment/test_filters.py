from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from alignment.made import SEEDS, STARTS, TRS, codes, dense, events, random_events, span
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.alignment import covered, to_trs
from giblet.errors import AlignmentError, ParameterError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

few = settings(max_examples=40, deadline=None)
CONTINUOUS = st.sampled_from(["mean", "lanczos", "last"])


def huths_lanczos(series: FeatureSeries, grid: TRGrid) -> np.ndarray:
    """The matrix of Huth et al.'s lanczosinterp2D, written down anew from its formula."""
    t = (grid.midpoints[:, None] - (series.times + series.durations / 2)[None]) / float(grid.tr)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = 3 * np.sin(np.pi * t) * np.sin(np.pi * t / 3) / (np.pi**2 * t**2)
    weights[t == 0] = 1
    weights[np.abs(t) > 3] = 0
    return weights


@few
@given(tr=TRS, start=STARTS, method=CONTINUOUS, value=st.floats(-1e6, 1e6, width=32))
def test_a_constant_stays_what_it_is(tr, start, method, value):
    series = FeatureSeries.regular(np.full((75 * 150, 1), value), 75, ("x",), start=-40)
    out = to_trs(series, TRGrid(tr, 20, start), method)
    assert np.allclose(out, value, rtol=1e-9, atol=0)


@few
@given(seed=SEEDS, tr=TRS, start=STARTS)
def test_sums_lose_and_double_no_event(seed, tr, start):
    grid = TRGrid(tr, 30, start)
    begin, end = span(grid)
    series = random_events(seed, begin - 10, end + 10)
    inside = (series.times >= begin) & (series.times < end)
    assert to_trs(series, grid).sum() == pytest.approx(series.values[inside].sum(), abs=1e-9)


@few
@given(seed=SEEDS, tr=TRS, k=st.integers(1, 10), method=CONTINUOUS)
def test_a_series_k_trs_later_gives_the_same_k_rows_later(seed, tr, k, method):
    series, grid = dense(seed, seconds=120, start=-20), TRGrid(tr, 30)
    later = to_trs(series.moved(k * tr), grid.part(k, 20), method)
    assert np.allclose(later, to_trs(series, grid.part(0, 20), method), atol=1e-12)


@few
@given(seed=SEEDS, tr=TRS, start=st.fractions(min_value=0, max_value=5, max_denominator=100))
def test_the_mean_is_that_of_the_rows_that_start_in_the_tr(seed, tr, start):
    series, grid = dense(seed, seconds=60), TRGrid(tr, 15, start)
    means, last = to_trs(series, grid), to_trs(series, grid, "last")
    for i in range(15):
        first, stop = (math.ceil(edge * 75) for edge in grid.window(i))
        assert means[i, 0] == pytest.approx(series.values[first:stop].mean(), abs=1e-12)
        assert last[i, 0] == series.values[stop - 1, 0]


def test_lanczos_is_huths_divided_by_its_sum():
    series, grid = dense(1, dim=2), TRGrid("1.5", 80)
    weights = huths_lanczos(series, grid)
    # A plain sum would be 112 times too large in the middle of the run, and less at its ends.
    assert weights[40].sum() == pytest.approx(112.5 * 0.997, rel=1e-3)
    assert np.ptp(weights.sum(axis=1)) > 9
    expected = weights @ series.values / weights.sum(axis=1, keepdims=True)
    assert np.allclose(to_trs(series, grid, "lanczos"), expected, atol=1e-12)


def test_lanczos_of_events_is_a_plain_sum():
    series, grid = random_events(2, 0, 60), TRGrid("1.5", 40)
    assert np.allclose(to_trs(series, grid, "lanczos"), huths_lanczos(series, grid) @ series.values, atol=1e-12)


def test_lanczos_keeps_what_bold_can_follow_and_drops_the_rest():
    times = np.arange(0, 300, 1 / 75)
    slow, fast = np.sin(2 * np.pi * times / 12), np.sin(2 * np.pi * times * 0.6)
    series = FeatureSeries.regular(np.stack([slow, fast], axis=1), 75, ("slow", "fast"))
    grid = TRGrid("1.5", 190, 3)
    out = to_trs(series, grid, "lanczos")
    assert np.abs(out[:, 0] - np.sin(2 * np.pi * grid.midpoints / 12)).max() < 0.03
    # 0.6 Hz lies above half the TRs' rate, 0.33 Hz; picking the nearest row would fold it to 0.07 Hz at full strength.
    assert np.abs(out[5:-5, 1]).max() < 0.03
    assert np.abs(series.values[(grid.midpoints * 75).astype(int), 1]).max() > 0.95


def test_no_filter_looks_further_than_3_trs():
    series, grid = dense(3), TRGrid("1.5", 60)
    i = 30
    for method, reach in (("mean", 0), ("last", 0), ("lanczos", 2.5)):
        begin, end = (
            float(t)
            for t in (grid.window(i)[0] - Fraction(reach) * grid.tr, grid.window(i)[1] + Fraction(reach) * grid.tr)
        )
        values = np.where((series.times >= begin - 0.02) & (series.times <= end), series.values[:, 0], 1e6)
        other = FeatureSeries(values[:, None], series.times, series.names, series.kind, series.durations)
        assert to_trs(other, grid, method)[i] == pytest.approx(to_trs(series, grid, method)[i], abs=1e-9)


def test_rows_longer_than_a_tr_last_into_the_next():
    slow = FeatureSeries.regular(np.arange(5.0)[:, None], "0.25", ("x",))
    for method in ("mean", "last"):
        assert to_trs(slow, TRGrid(1, 20), method)[:, 0].tolist() == np.repeat(np.arange(5.0), 4).tolist()


def test_times_rounded_below_a_boundary_count_as_on_it():
    series = events([1.499998, 1.4999999, 2.9999996])
    assert to_trs(series, TRGrid("1.5", 3))[:, 0].tolist() == [1, 1, 1]


def test_trs_without_data_are_named_not_filled():
    series = dense(4, seconds=10)
    grid = TRGrid("1.5", 10, -3)
    with pytest.raises(AlignmentError, match=r"x0: TR 0 \(-3–-1.5 s\) has no data, as 3 of 10 TRs"):
        to_trs(series, grid)
    assert covered(series, grid).tolist() == [False] * 2 + [True] * 7 + [False]
    # Silence between words is no gap.
    assert to_trs(events([4.0]), grid)[:, 0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert to_trs(events([]), grid).shape == (10, 1)
    assert not covered(events([]), grid).any()


def test_what_cannot_be_filtered_says_why():
    grid = TRGrid("1.5", 4)
    for method in (None, "mean", "lanczos", "last", "sum"):
        with pytest.raises(AlignmentError, match="categories and cannot be averaged or interpolated.*latents"):
            to_trs(codes(), grid, method)
    with pytest.raises(ParameterError, match="'sum' is no filter for a continuous series; choose from mean"):
        to_trs(dense(0), grid, "sum")
    with pytest.raises(ParameterError, match="'mean' is no filter for a series of events; choose from sum"):
        to_trs(events([1.0]), grid, "mean")
    # One row in the TR, and 112 where the kernel is below 0.
    times = np.r_[0.5, 2.25 + np.arange(112) / 75]
    gap = FeatureSeries(np.ones((113, 1)), times, ("x",), "continuous", np.full(113, 1 / 75))
    with pytest.raises(AlignmentError, match="too few rows for the Lanczos filter"):
        to_trs(gap, TRGrid("1.5", 1), "lanczos")


def test_float32_stays_float32():
    series = dense(5, dtype=np.float32)
    for method in ("mean", "lanczos", "last"):
        assert to_trs(series, TRGrid("1.5", 20), method).dtype == np.float32
