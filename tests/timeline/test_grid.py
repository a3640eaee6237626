from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.timeline import TRGrid

TRS = st.fractions(min_value=Fraction(1, 100), max_value=10, max_denominator=1000)
RATES = st.sampled_from([8_000, 16_000, 22_050, 24_000, 44_100, 48_000])


@given(
    tr=TRS, rate=RATES, start=st.fractions(min_value=-5, max_value=5, max_denominator=1000), i=st.integers(0, 10_000)
)
def test_a_bound_is_the_first_sample_of_its_window(tr, rate, start, i):
    grid = TRGrid(tr, i + 1, start)
    bound = grid.bound(i, rate)
    # Within a millionth of a sample above it counts as on it.
    assert Fraction(bound, rate) + Fraction(1, 10**6 * rate) >= start + i * tr > Fraction(bound - 1, rate)


@given(tr=TRS, duration=st.fractions(min_value=0, max_value=5000, max_denominator=48_000), partial=st.booleans())
def test_covering_counts_windows_that_are_full_or_begun(tr, duration, partial):
    grid = TRGrid.covering(duration, tr, partial=partial)
    if partial:
        assert grid.n_trs * tr >= duration > (grid.n_trs - 1) * tr
    else:
        assert grid.n_trs * tr <= duration < (grid.n_trs + 1) * tr


def test_an_hour_of_decimal_trs_does_not_drift():
    grid = TRGrid(1.49, 2416)
    assert grid.window(2415)[1] == Fraction(149, 100) * 2416
    assert grid.bound(2416, 24_000) == 149 * 24_000 * 2416 // 100


@pytest.mark.parametrize(("tr", "n_trs"), [(0, 1), (-1.5, 1), (1.5, -1), ("x", 1)])
def test_impossible_grids_are_refused(tr, n_trs):
    with pytest.raises(ParameterError):
        TRGrid(tr, n_trs)


def test_times_of_an_hour_are_rounded_once_and_do_not_drift():
    grid = TRGrid("4/3", 2700, "-1/3", "2/3")
    assert grid.edges.shape == (2701,)
    assert grid.edges[[0, 1, 2700]].tolist() == [-1 / 3, 1, 3599 + 2 / 3]
    assert grid.midpoints[[0, 2699]].tolist() == [1 / 3, 3599.0]
    assert grid.volume_times.tolist() == grid.midpoints.tolist()


@given(tr=TRS, start=st.fractions(min_value=-50, max_value=50, max_denominator=1000), first=st.integers(0, 50))
def test_a_part_has_the_windows_of_the_whole(tr, start, first):
    grid = TRGrid(tr, 60, start, tr / 2)
    part = grid.part(first, 60 - first)
    assert [part.window(i) for i in range(60 - first)] == [grid.window(i) for i in range(first, 60)]
    assert part.volume_times.tolist() == grid.volume_times[first:].tolist()
    assert grid.moved(-first * tr).part(first, 10) == grid.part(0, 10)
