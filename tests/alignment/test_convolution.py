"""Haemodynamic responses: nilearn's and SPM's numbers, causality, and what codes may not be."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nilearn.glm.first_level import compute_regressor
from scipy.io import loadmat

from giblet.alignment import convolve, delayed, delayed_codes, hrf_peak, reconcile, support, to_trs, tr_windows
from giblet.errors import AlignmentError, ParameterError
from giblet.features import FeatureSeries
from giblet.timeline import FrameLayout, TRGrid


def events(onsets, durations=0.0, amplitudes=1.0):
    onsets = np.sort(np.asarray(onsets, float))
    return FeatureSeries(
        np.broadcast_to(np.asarray(amplitudes, float), onsets.shape)[:, None].copy(),
        onsets, ("word",), "event", np.broadcast_to(np.asarray(durations, float), onsets.shape),
    )  # fmt: skip


@pytest.mark.parametrize("hrf", ["spm", "glover"])
@pytest.mark.parametrize("seed", range(3))
def test_events_give_the_numbers_of_nilearn(hrf, seed):
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 90, 30))
    durations, amplitudes = rng.uniform(0, 4, 30), rng.standard_normal(30)
    series = FeatureSeries(amplitudes[:, None], onsets, ("e",), "event", durations)
    expected, _ = compute_regressor(
        np.stack([onsets, durations, amplitudes]), hrf, np.arange(60) * 2.0, oversampling=50
    )
    found = convolve(series, TRGrid(2, 60), hrf, oversampling=50)
    np.testing.assert_allclose(found[:, 0], expected[:, 0], atol=1e-6 * np.abs(expected).max() + 1e-9)


def test_a_dense_series_is_events_of_its_steps():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(1200)
    # Rows do not begin on the fine grid, where nilearn's rounding of floats decides.
    series = FeatureSeries.regular(values[:, None], 20, ("x",), start="0.01")
    onsets = 0.01 + np.arange(1200) / 20
    expected, _ = compute_regressor(
        np.stack([onsets, np.full(1200, 1 / 20), values]), "spm", np.arange(30) * 2.0, oversampling=40
    )
    found = convolve(series, TRGrid(2, 30), "spm", oversampling=40)
    np.testing.assert_allclose(found[:, 0], expected[:, 0], atol=1e-6)


@pytest.mark.realdata
def test_an_impulse_is_answered_as_spm_has_it(realdata):
    reference = loadmat(realdata / "reference/nipy_spm_hrfs.mat", squeeze_me=True)
    usual = [
        (params[0], kernel)
        for params, kernel in zip(reference["params"], reference["hrfs"], strict=True)
        if tuple(params[1:]) == (6, 16, 1, 1, 6)
    ]
    assert usual
    for step, kernel in usual:
        found = convolve(events([0.0]), TRGrid(Fraction(step), len(kernel)), "spm")[:, 0]
        assert np.abs(found / found.sum() - kernel).max() < 0.02 * kernel.max()


@pytest.mark.realdata
def test_word_rate_of_alice_is_the_authors_at_lag_0_only(realdata):
    from giblet.annotations import read_annotations
    from giblet.features.words import word_rate

    folder = realdata / "fmri/alice_brennan2016"
    words = read_annotations(folder / "alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid")
    authors = np.loadtxt(folder / "alice_data_shared/s18-rate.txt")
    found = convolve(word_rate(words, at="offset"), TRGrid(2, len(authors), Fraction(20)), "spm")[:, 0]
    r = {lag: np.corrcoef(np.roll(found, lag)[10:-10], authors[10:-10])[0, 1] for lag in range(-8, 9)}
    assert r[0] >= 0.98
    assert all(r[lag] < r[0] for lag in r if lag)


@given(st.lists(st.floats(0, 50), min_size=1, max_size=8), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_events_that_come_later_are_answered_later(onsets, trs):
    grid = TRGrid(Fraction(3, 2), 60)
    before = convolve(events(onsets), grid)
    after = convolve(events(np.asarray(onsets) + 1.5 * trs), grid)
    np.testing.assert_allclose(after[trs:], before[:-trs], atol=1e-9)
    np.testing.assert_allclose(after[:trs], 0, atol=1e-12)


@given(st.integers(0, 39))
@settings(max_examples=20, deadline=None)
def test_the_future_changes_nothing(tr):
    rng = np.random.default_rng(tr)
    values = rng.standard_normal((1500, 2))
    changed = values.copy()
    changed[int(np.ceil(tr * 1.5 * 25)) :] += 5
    grid = TRGrid(Fraction(3, 2), 40)
    one, other = (convolve(FeatureSeries.regular(v, 25, ("a", "b")), grid) for v in (values, changed))
    np.testing.assert_array_equal(one[: tr + 1], other[: tr + 1])
    lanczos = [to_trs(FeatureSeries.regular(v, 25, ("a", "b")), grid, "lanczos") for v in (values, changed)]
    np.testing.assert_array_equal(lanczos[0][: max(0, tr - 3)], lanczos[1][: max(0, tr - 3)])


@pytest.mark.parametrize("method", ["mean", "lanczos", "last"])
def test_a_constant_stays_what_it_is(method):
    series = FeatureSeries.regular(np.full((4500, 1), 3.0, np.float32), 75, ("x",))
    np.testing.assert_allclose(to_trs(series, TRGrid("1.49", 38), method), 3, rtol=1e-6)


def test_sums_lose_no_event():
    rng = np.random.default_rng(1)
    onsets = rng.uniform(0, 60, 500)
    counted = to_trs(events(onsets), TRGrid(Fraction(3, 2), 40))
    assert counted.sum() == 500
    np.testing.assert_array_equal(counted[:, 0], np.histogram(onsets, np.arange(41) * 1.5)[0])


def test_delays_of_whole_trs_move_rows():
    values = np.arange(20.0)[:, None]
    moved, valid = delayed(values, [0, 3], "1.5")
    np.testing.assert_array_equal(moved[2:], np.stack([np.arange(2, 20), np.arange(18)], axis=1))
    assert valid.tolist() == [False, False] + [True] * 18
    with pytest.raises(ParameterError, match="together with a haemodynamic response"):
        support(TRGrid(2, 10), hrf="spm", delays=[2])


def test_delayed_codes_are_cut_anew_and_never_invented():
    layout, indices = FrameLayout(24_000, 320), np.arange(75 * 30)
    grid = TRGrid(Fraction(3, 2), 20)
    windows, valid = delayed_codes(layout, indices, grid, 3)
    plain = tr_windows(layout, indices, grid)
    np.testing.assert_array_equal(windows.columns[2:], plain.columns[:-2])
    assert valid.tolist() == [False, False] + [True] * 18
    assert (windows.columns[:2] == 0).all()
    _, by_hrf = delayed_codes(layout, indices, grid, hrf="spm")
    assert (~by_hrf).sum() == np.ceil(hrf_peak("spm") / 1.5)


def test_codes_are_neither_convolved_nor_averaged():
    codes = FeatureSeries.regular(np.zeros((750, 2), np.int64), 75, ("c0", "c1"), "categorical")
    for deed in (lambda: convolve(codes, TRGrid(1, 5)), lambda: to_trs(codes, TRGrid(1, 5))):
        with pytest.raises(AlignmentError, match="codes are categories and cannot be"):
            deed()


def test_film_and_scan_of_different_length_are_reconciled_and_told():
    grid, told = reconcile(TRGrid(2, 100, Fraction(-6)), 150, 100, (1, 2))
    assert (grid.start, grid.n_trs) == (2, 75 - 3)
    assert any("3 volumes at the beginning are left out" in line for line in told)
    assert any("22 volumes at the end are left out" in line for line in told)
    with pytest.raises(AlignmentError, match="no volume is left"):
        reconcile(TRGrid(2, 10, Fraction(500)), 150, 10)
