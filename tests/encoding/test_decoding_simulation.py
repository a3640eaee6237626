"""Simulated BOLD holds what was planted."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from giblet.alignment import convolve
from giblet.encoding import simulate_bold
from giblet.errors import EncodingError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

GRID = TRGrid(Fraction(3, 2), 200, Fraction(-3), Fraction(3, 4))
ROWS = np.random.default_rng(0).normal(5, 1, (200, 4))


def words() -> FeatureSeries:
    times = np.sort(np.random.default_rng(0).uniform(0, 290, 600))
    return FeatureSeries(np.ones((600, 1)), times, ("text.word_rate",), "event", np.zeros(600))


@pytest.mark.parametrize("snr", [0.1, 1, 10])
def test_the_ratio_is_as_stated_in_every_target(snr):
    made = simulate_bold(ROWS, GRID, snr=snr, n_targets=300, seed=1)
    noise = made.bold - made.signal
    np.testing.assert_allclose(made.signal.var(axis=0), snr / (1 + snr))
    assert noise.var() == pytest.approx(1 / (1 + snr), rel=0.02)
    assert made.bold.var() == pytest.approx(1, rel=0.03)


def test_the_signal_is_the_convolved_features_times_the_weights():
    for features in (words(), FeatureSeries.regular(ROWS - ROWS.mean(axis=0), Fraction(2, 3), list("abcd"), start=-3)):
        made = simulate_bold(features, GRID, snr=math.inf, n_targets=7)
        expected = convolve(features, GRID) @ made.weights
        np.testing.assert_allclose(made.signal, expected - expected.mean(axis=0), atol=1e-9)
        assert np.array_equal(made.bold, made.signal)


def test_a_row_per_tr_lasts_its_tr_and_its_mean_does_not_count():
    made = simulate_bold(ROWS, GRID, snr=1, n_targets=3)
    series = FeatureSeries.regular(ROWS + 100, Fraction(2, 3), list("abcd"), start=-3)
    np.testing.assert_allclose(simulate_bold(series, GRID, snr=1, n_targets=3).bold, made.bold, atol=1e-9)
    assert np.abs(made.signal[:10]).max() < 4


def test_noise_alone_and_noise_with_memory():
    made = simulate_bold(ROWS, GRID, snr=0, n_targets=500, autocorrelation=0.6)
    assert not made.signal.any()
    assert np.mean(made.bold[1:] * made.bold[:-1]) == pytest.approx(0.6, abs=0.02)
    assert made.bold[0].std() == pytest.approx(1, rel=0.1)


def test_a_seed_decides_and_a_column_that_never_changes_has_no_weight():
    rows = np.c_[ROWS, np.full(200, 3.0)]
    first, again, other = (simulate_bold(rows, GRID, snr=1, n_targets=3, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.bold, again.bold)
    assert np.abs(first.bold - other.bold).max() > 0.1
    assert not first.weights[4].any()


@pytest.mark.parametrize(
    ("features", "options", "told"),
    [
        (ROWS, {"snr": -1}, "give a ratio of variances, 0 or more"),
        (ROWS, {"snr": math.nan}, "give a ratio"),
        (ROWS, {"snr": 1, "n_targets": 0}, "give 1 target or more"),
        (ROWS, {"snr": 1, "autocorrelation": 1}, "from 0 to below 1"),
        (ROWS[:5], {"snr": 1}, "give a row for each TR"),
        (np.ones((200, 2)), {"snr": 1}, "no column of the features changes"),
    ],
)
def test_what_cannot_be_simulated(features, options, told):
    with pytest.raises(EncodingError, match=told):
        simulate_bold(features, GRID, **{"n_targets": 3} | options)
