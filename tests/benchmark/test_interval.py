from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.benchmark.interval import block_bootstrap, block_length

VALUES = st.lists(st.floats(-100, 100), min_size=3, max_size=40)


def correlated(rng: np.random.Generator, n: int, strength: float) -> np.ndarray:
    """A series in which neighbours are alike, of mean 0."""
    noise = rng.standard_normal(n + 50)
    series = np.zeros(n + 50)
    for i in range(1, n + 50):
        series[i] = strength * series[i - 1] + noise[i]
    return series[50:]


@settings(max_examples=25, deadline=None)
@given(values=VALUES)
def test_the_mean_lies_within_and_the_interval_within_the_values(values):
    found = block_bootstrap([values])
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert min(values) - 1e-6 <= found.low <= found.mean <= found.high <= max(values) + 1e-6
    assert found.n == len(values)
    assert block_bootstrap([values]) == found


@settings(max_examples=15, deadline=None)
@given(values=VALUES, shift=st.floats(-10, 10), factor=st.floats(0.1, 10))
def test_another_unit_gives_the_same_interval_in_that_unit(values, shift, factor):
    one, other = block_bootstrap([values]), block_bootstrap([[shift + factor * v for v in values]])
    assert other.low == pytest.approx(shift + factor * one.low, abs=1e-6)
    assert other.high == pytest.approx(shift + factor * one.high, abs=1e-6)


def test_what_is_missing_is_left_out():
    assert block_bootstrap([[1.0, math.nan, 3.0, 2.0]]) == block_bootstrap([[1.0, 3.0, 2.0]])
    nothing = block_bootstrap([[math.nan], []])
    assert (nothing.mean, nothing.low, nothing.high, nothing.n) == (None, None, None, 0)
    two = block_bootstrap([[1.0, 2.0]])
    assert (two.mean, two.low, two.high, two.n) == (1.5, None, None, 2)


def test_each_file_counts_the_same():
    found = block_bootstrap([[0.0] * 30, [1.0] * 3])
    assert found.mean == pytest.approx(0.5)
    # With two files that are nothing alike, nothing is known of a third.
    assert (found.low, found.high) == (0.0, 1.0)


def test_files_that_are_not_alike_widen_it():
    rng = np.random.default_rng(0)
    alike = [rng.standard_normal(20) for _ in range(8)]
    apart = [file + 2 * i for i, file in enumerate(alike)]
    one, other = block_bootstrap(alike), block_bootstrap(apart)
    assert other.high - other.low > 4 * (one.high - one.low)
    short = block_bootstrap([[1.0], [2.0], [4.0]])
    assert short.low < short.mean < short.high


@pytest.mark.parametrize(("strength", "least"), [(0.0, 0.88), (0.5, 0.8)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(strength, least):
    rng = np.random.default_rng(0)
    found = [block_bootstrap([correlated(rng, 120, strength)]) for _ in range(200)]
    assert least <= np.mean([one.low <= 0 <= one.high for one in found]) <= 0.99


def test_neighbours_that_are_alike_widen_it():
    series = correlated(np.random.default_rng(3), 216, 0.8)
    shuffled = np.random.default_rng(4).permutation(series)
    alike, apart = block_bootstrap([series]), block_bootstrap([shuffled])
    assert alike.mean == pytest.approx(apart.mean)
    assert alike.high - alike.low > 1.4 * (apart.high - apart.low)


def test_blocks_grow_with_the_cube_root():
    assert [block_length(n) for n in (1, 8, 9, 27, 1000)] == [1, 2, 3, 3, 10]
