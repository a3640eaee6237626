from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.alignment import join_windows, tr_windows
from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import FrameLayout, TRGrid

MONO = FrameLayout(24_000, 320)
TRS = st.sampled_from([Fraction(t) for t in ("0.72", "0.8", "1", "1.49", "1.5", "2", "2.47", "4/3")])


def series(n_frames: int) -> np.ndarray:
    return np.arange(n_frames)[None].repeat(2, axis=0)


def bounds(grid: TRGrid, layout: FrameLayout) -> list[tuple[int, int]]:
    return [(grid.bound(i, layout.sample_rate), grid.bound(i + 1, layout.sample_rate)) for i in range(grid.n_trs)]


def test_the_usual_tr_has_112_columns_and_drops_every_other_time():
    windows = tr_windows(MONO, np.arange(1000), TRGrid(1.5, 8), "floor")
    assert windows.columns.shape == (8, 112)
    assert windows.start_frame.tolist() == [0, 113, 225, 338, 450, 563, 675, 788]
    assert windows.dropped_frames.tolist() == [1, 0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(("tr", "columns"), [(0.72, 54), (0.8, 60), (1.0, 75), (2.0, 150)])
def test_trs_that_divide_exactly_drop_nothing(tr, columns):
    for policy in ("floor", "ceil"):
        windows = tr_windows(MONO, np.arange(columns * 50), TRGrid(tr, 50), policy)
        assert windows.columns.shape[1] == columns
        assert np.array_equal(windows.columns.ravel(), np.arange(columns * 50))


@given(tr=TRS, n_trs=st.integers(1, 2000))
@settings(deadline=None)
def test_no_window_drifts(tr, n_trs):
    grid = TRGrid(tr, n_trs)
    windows = tr_windows(MONO, np.arange(int(75 * tr * n_trs) + 2), grid)
    late = [Fraction(int(f), 75) - grid.window(i)[0] for i, f in enumerate(windows.start_frame)]
    assert all(0 <= lateness < Fraction(1, 75) for lateness in late)


@given(tr=TRS, n_trs=st.integers(1, 300), start=st.fractions(min_value=0, max_value=3, max_denominator=100))
def test_ceil_gives_every_frame_back(tr, n_trs, start):
    grid = TRGrid(tr, n_trs, start)
    values = series(int(75 * (start + tr * n_trs)) + 2)
    windows = tr_windows(MONO, np.arange(values.shape[1]), grid, "ceil")
    joined = join_windows(windows.cut(values), MONO, bounds(grid, MONO), windows.n_frames.tolist())
    assert np.array_equal(joined.values, values[:, joined.indices])
    assert np.array_equal(joined.indices, MONO.between(joined.first, joined.stop))


@given(tr=TRS, n_trs=st.integers(2, 300), first=st.integers(0, 100))
def test_floor_holds_the_frame_before_each_dropped_one(tr, n_trs, first):
    grid = TRGrid(tr, n_trs + first)
    values = series(int(75 * tr * grid.n_trs) + 2)
    windows = tr_windows(MONO, np.arange(values.shape[1]), grid, "floor")
    part = slice(first, None)
    joined = join_windows(windows.cut(values)[part], MONO, bounds(grid, MONO)[part], windows.n_frames[part].tolist())
    lag = joined.indices - joined.values[0]
    assert ((lag == 0) | (lag == 1)).all()
    assert (lag == 1).sum() == windows.dropped_frames[part].sum()


def test_a_spare_column_repeats_the_last_frame_and_never_invents_a_category():
    values = series(1000) + 7
    windows = tr_windows(MONO, np.arange(1000), TRGrid(1.5, 4), "ceil")
    cut = windows.cut(values)
    assert cut.shape == (4, 2, 113)
    assert windows.n_frames.tolist() == [113, 112, 113, 112]
    assert (cut[1, :, 112] == cut[1, :, 111]).all()


def test_rows_that_do_not_follow_each_other_are_refused():
    grid = TRGrid(1.5, 4)
    windows = tr_windows(MONO, np.arange(1000), grid)
    cut, rows, n_frames = windows.cut(series(1000)), bounds(grid, MONO), windows.n_frames.tolist()
    with pytest.raises(AlignmentError, match="does not follow"):
        join_windows(cut[[0, 2]], MONO, [rows[0], rows[2]], [112, 112])
    with pytest.raises(AlignmentError, match="holds 114 frames"):
        join_windows(cut, MONO, rows, [114, *n_frames[1:]])


def test_windows_outside_the_series_and_unknown_policies_are_refused():
    with pytest.raises(AlignmentError, match="outside the features"):
        tr_windows(MONO, np.arange(100), TRGrid(1.5, 3))
    with pytest.raises(AlignmentError, match="shorter than a frame"):
        tr_windows(MONO, np.arange(100), TRGrid(0.01, 3))
    with pytest.raises(ParameterError, match="floor or ceil"):
        tr_windows(MONO, np.arange(1000), TRGrid(1.5, 3), "round")


@given(tr=TRS, n_trs=st.integers(1, 12), policy=st.sampled_from(["floor", "ceil"]))
def test_overlapping_segments_come_back(tr, n_trs, policy):
    layout = FrameLayout(48_000, 320, 48_000, 47_520)
    grid = TRGrid(tr, n_trs)
    indices = np.concatenate([i * 150 + np.arange(150) for i in range(int(n_trs * tr) + 3)])
    windows = tr_windows(layout, indices, grid, policy)
    joined = join_windows(windows.cut(indices[None]), layout, bounds(grid, layout), windows.n_frames.tolist())
    inside = np.isin(joined.indices, layout.between(joined.first, joined.stop))
    if policy == "ceil":
        assert np.array_equal(joined.values[0][inside], joined.indices[inside])
    else:
        # What was left out is filled from next to it, in the same segment where that has any frame.
        assert (np.abs(joined.values[0] - joined.indices)[inside] <= 3).all()
