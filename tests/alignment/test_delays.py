from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alignment.made import SEEDS, TRS, codes, dense
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.alignment import check_delays, delayed, delayed_codes, support, to_trs, tr_windows
from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import FrameLayout, TRGrid

MONO = FrameLayout(24_000, 320)
few = settings(max_examples=40, deadline=None)


@few
@given(tr=TRS, delays=st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True), seed=SEEDS)
def test_whole_trs_move_rows(tr, delays, seed):
    values = np.random.default_rng(seed).normal(size=(30, 3))
    out, valid = delayed(values, [k * tr for k in delays], tr)
    assert out.shape == (30, 3 * len(delays))
    for block, k in enumerate(delays):
        assert np.array_equal(out[k:, 3 * block : 3 * block + 3], values[: 30 - k])
    assert valid.tolist() == [i >= max(delays) for i in range(30)]


@few
@given(tr=TRS, k=st.integers(0, 8), seed=SEEDS)
def test_delayed_rows_are_those_of_a_grid_moved_back(tr, k, seed):
    series, grid = dense(seed, seconds=120, start=-40), TRGrid(tr, 30)
    out, valid = delayed(to_trs(series, grid), [k * tr], tr)
    assert np.allclose(out[valid], to_trs(series, grid.moved(-k * tr))[valid], atol=1e-12)


def test_fractions_of_a_tr_interpolate_and_negative_delays_look_ahead():
    values = np.arange(6.0)[:, None]
    out, valid = delayed(values, [1.0, "-1.5"], "1.5")
    assert out[1:, 0] == pytest.approx(np.arange(5) + 1 / 3)
    assert out[:5, 1].tolist() == [1, 2, 3, 4, 5]
    assert valid.tolist() == [False, True, True, True, True, False]


def test_what_cannot_be_delayed_says_why():
    values = np.ones((5, 1))
    with pytest.raises(ParameterError, match="delays are given together with a haemodynamic response.*leave one"):
        check_delays([2, 4], "spm")
    with pytest.raises(ParameterError, match="leave one"):
        support(TRGrid(2, 10), hrf="glover", delays=[2])
    with pytest.raises(ParameterError, match="there are no delays"):
        delayed(values, [], 2)
    with pytest.raises(ParameterError, match="repeat one"):
        delayed(values, [2, "2.0"], 2)
    with pytest.raises(ParameterError, match="list of seconds"):
        delayed(values, 4, 2)
    with pytest.raises(AlignmentError, match="1.5 TRs, and categories cannot be interpolated"):
        delayed(values.astype(int), [3], 2)
    assert delayed(values.astype(int), [4], 2)[0].dtype.kind == "i"
    assert check_delays([], "spm") == ()


@few
@given(
    tr=TRS,
    delay=st.fractions(min_value=0, max_value=12, max_denominator=200),
    start=st.fractions(min_value=-5, max_value=10, max_denominator=100),
    policy=st.sampled_from(["floor", "ceil"]),
)
def test_delayed_codes_are_the_codes_of_windows_moved_back(tr, delay, start, policy):
    series, grid = codes(75 * 90), TRGrid(tr, 25, start)
    indices = np.arange(len(series))
    windows, valid = delayed_codes(MONO, indices, grid, delay, policy=policy)
    assert valid.tolist() == [grid.window(i)[0] - delay >= 0 for i in range(25)]
    first = int(valid.argmax())
    resliced = tr_windows(MONO, indices, grid.moved(-delay).part(first, 25 - first), policy)
    cut = windows.cut(series.values.T)
    assert np.array_equal(cut[valid], resliced.cut(series.values.T))
    assert np.array_equal(windows.n_frames[valid], resliced.n_frames)
    assert (windows.n_frames[~valid] == 0).all()
    # What is not valid is still a code that was heard.
    assert np.isin(cut[~valid], cut[valid][0]).all()


def test_codes_wait_for_the_peak_of_the_response():
    indices, grid = np.arange(75 * 60), TRGrid("1.5", 20)
    windows, valid = delayed_codes(MONO, indices, grid)
    assert valid.tolist() == [False] * 4 + [True] * 16
    # TR 4 begins at 6 s and holds what was heard from 1 s on.
    assert windows.start_frame[4] == 75
    assert np.array_equal(windows.columns, delayed_codes(MONO, indices, grid, 5)[0].columns)
    with pytest.raises(ParameterError, match="no peak; give the delay of the codes"):
        delayed_codes(MONO, indices, grid, hrf=[2, 4])


def test_codes_end_where_the_sound_ends():
    indices = np.arange(75 * 9)
    _, valid = delayed_codes(MONO, indices, TRGrid("1.5", 12), 3)
    assert valid.tolist() == [False] * 2 + [True] * 6 + [False] * 4
    with pytest.raises(AlignmentError, match="delayed by 30 s, no TR has codes"):
        delayed_codes(MONO, indices, TRGrid("1.5", 12), 30)
    with pytest.raises(AlignmentError, match="no TR has codes"):
        delayed_codes(MONO, indices[:0], TRGrid("1.5", 12), 0)


def test_codes_of_overlapping_segments_are_delayed_too():
    layout, grid = FrameLayout(48_000, 320, 48_000, 47_520), TRGrid("1.5", 10)
    indices = np.concatenate([i * 150 + np.arange(150) for i in range(20)])
    windows, valid = delayed_codes(layout, indices, grid, "4.5")
    assert valid.tolist() == [False] * 3 + [True] * 7
    assert np.array_equal(windows.columns[3:], tr_windows(layout, indices, grid.part(0, 7)).columns)


def test_support_counts_whole_trs():
    grid = TRGrid("1.5", 10)
    assert support(grid) == support(grid, method="mean") == (0, 0)
    assert support(grid, method="lanczos") == (4.5, 4.5)
    assert support(grid, hrf="spm") == (33, 0)
    assert support(grid, method="lanczos", delays=[2, 4]) == (9, 4.5)
    assert support(grid, delays=[-3, 3]) == (3, 3)
    # A row that begins up to a step before the window of a FIR delay counts into it.
    assert support(grid, hrf=[0, 3]) == (4.5, 0)
    assert support(TRGrid("1.5", 10, 0, Fraction(3, 4)), hrf=[0, 3]) == (3, 1.5)
