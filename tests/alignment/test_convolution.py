from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from alignment.made import SEEDS, STARTS, TRS, codes, dense, events, random_events, span
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.alignment import convolve, convolved_names, native_oversampling, support
from giblet.errors import AlignmentError, ParameterError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

few = settings(max_examples=25, deadline=None)


def nilearns(series: FeatureSeries, grid: TRGrid, hrf, oversampling: int, fir_delays=None) -> np.ndarray:
    """The same by nilearn, on a clock that begins with the first volume.

    Its fine grid begins a whole number of TRs before that, and times are given a microsecond earlier, for
    nilearn leaves rows that begin on a step to rounding.
    """
    from nilearn.glm.first_level import compute_regressor

    zero = grid.volume_times[0]
    before = float(grid.tr) * (int((zero - series.times.min()) / float(grid.tr)) + 2)
    condition = (series.times - zero - 1e-6, series.durations, series.values[:, 0])
    found, _ = compute_regressor(
        condition,
        hrf,
        grid.volume_times - zero,
        oversampling=oversampling,
        fir_delays=fir_delays,
        min_onset=-max(before, 0),
    )
    return found


def assert_equal_to_the_peak(ours: np.ndarray, theirs: np.ndarray, within: float = 1e-6) -> None:
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= within * np.abs(theirs).max()


@few
@given(
    seed=SEEDS,
    tr=TRS,
    start=STARTS,
    offset=st.sampled_from([0, "1/2", "0.3"]),
    hrf=st.sampled_from(["spm", "glover"]),
    oversampling=st.sampled_from([1, 16, 50]),
)
def test_events_are_what_nilearn_computes(seed, tr, start, offset, hrf, oversampling):
    grid = TRGrid(tr, 60, start, Fraction(offset) * tr)
    series = random_events(seed, span(grid)[0] - 30, span(grid)[1] + 5)
    assert_equal_to_the_peak(convolve(series, grid, hrf, oversampling), nilearns(series, grid, hrf, oversampling))


@pytest.mark.parametrize("rate", [75, 150, Fraction(24000, 1001)])
@pytest.mark.parametrize("tr", ["1.5", "1.49", "2"])
def test_a_dense_series_is_events_of_one_row_each(rate, tr):
    grid, series = TRGrid(tr, 60, 10), dense(1, rate)
    for oversampling in (20, 50, 113, 150, native_oversampling(series, grid)):
        assert_equal_to_the_peak(
            convolve(series, grid, "spm", oversampling), nilearns(series, grid, "spm", oversampling)
        )


@pytest.mark.parametrize("shape", ["spm", "glover"])
def test_derivatives_are_nilearns_before_it_orthogonalises_them(shape):
    from nilearn.glm.first_level.hemodynamic_models import orthogonalize

    grid, series = TRGrid(2, 100), random_events(3, -20, 190)
    name = f"{shape} + derivative + dispersion"
    ours = convolve(series, grid, name, 50)
    assert ours.shape == (100, 3)
    assert_equal_to_the_peak(orthogonalize(ours.copy()), nilearns(series, grid, name, 50))
    assert convolved_names(series, name) == ("x", "x.derivative", "x.dispersion")
    # Left as they are, they do not depend on how long the run is.
    assert np.array_equal(convolve(series, TRGrid(2, 50), name, 50), ours[:50])


def test_fir_delays_are_nilearns_and_may_be_fractions_of_a_tr():
    grid, series = TRGrid("1.5", 80), random_events(4, 0, 110)
    whole = convolve(series, grid, [0, 3, "4.5"], 50)
    assert_equal_to_the_peak(whole, nilearns(series, grid, "fir", 50, fir_delays=[0, 2, 3]))
    assert convolved_names(series, [0, 3, "4.5"]) == ("x.delay_0", "x.delay_3", "x.delay_4.5")
    part = convolve(series, grid, ["1.2"], 50)
    assert np.allclose(part, convolve(series, grid.moved(Fraction("-1.2")), [0], 50), atol=1e-12)


def test_a_function_is_a_response_too():
    def ramp(tr, oversampling):
        return np.arange(int(3 * oversampling)) * tr / oversampling

    grid, series = TRGrid(2, 40), random_events(5, 0, 80)
    assert_equal_to_the_peak(convolve(series, grid, ramp, 20), nilearns(series, grid, ramp, 20))
    assert convolved_names(series, ramp) == ("x",)


@few
@given(seed=SEEDS, tr=TRS, k=st.integers(1, 20), rows=st.sampled_from(["events", "dense"]))
def test_a_series_k_trs_later_gives_the_same_k_rows_later(seed, tr, k, rows):
    series = random_events(seed, -10, 60) if rows == "events" else dense(seed, seconds=60)
    grid = TRGrid(tr, 60)
    before, after = convolve(series, grid), convolve(series.moved(k * tr), grid)
    assert np.allclose(after[k:], before[:-k], atol=1e-12)


@few
@given(
    seed=SEEDS,
    tr=TRS,
    i=st.integers(0, 39),
    offset=st.sampled_from([0, "1/2"]),
    hrf=st.sampled_from(["spm", "glover + derivative"]),
)
def test_nothing_after_a_volume_changes_it(seed, tr, i, offset, hrf):
    grid = TRGrid(tr, 40, -3, Fraction(offset) * tr)
    series = dense(seed, seconds=100)
    values = series.values.copy()
    future = series.times > grid.volume_times[i]
    values[future] += 100
    changed = convolve(FeatureSeries(values, series.times, series.names, series.kind, series.durations), grid, hrf)
    before = convolve(series, grid, hrf)
    assert np.array_equal(changed[: i + 1], before[: i + 1])
    assert future.sum() == 0 or i > 37 or not np.array_equal(changed[i + 1 :], before[i + 1 :])


def test_what_lies_before_the_first_volume_counts_and_support_says_how_far():
    grid = TRGrid("1.5", 40, 60)
    whole = dense(6, seconds=120)
    later = whole.times >= 60
    cut = FeatureSeries(whole.values[later], whole.times[later], whole.names, whole.kind, whole.durations[later])
    difference = np.abs(convolve(whole, grid) - convolve(cut, grid))[:, 0]
    past, future = support(grid, hrf="spm")
    reached = int(past / 1.5)
    assert (difference[: reached - 2] > 0).all()
    assert (difference[reached:] == 0).all()
    assert future == 0


@pytest.mark.parametrize("tr", ["0.72", "1.49", "1.5", "2"])
def test_a_constant_stays_what_it_is_at_the_default_rate(tr):
    series = FeatureSeries.regular(np.full((75 * 100, 2), 3.0), 75, ("a", "b"))
    out = convolve(series, TRGrid(tr, 20, 40))
    assert np.allclose(out, 3.0, atol=1e-9)


def test_columns_do_not_mix_and_stand_kernel_by_kernel():
    grid, series = TRGrid(1, 50), dense(7, dim=3, seconds=60)
    out = convolve(series, grid, "spm + derivative")
    assert out.shape == (50, 6)
    for i in range(3):
        alone = FeatureSeries(series.values[:, [i]], series.times, ("a",), series.kind, series.durations)
        assert np.allclose(out[:, [i, 3 + i]], convolve(alone, grid, "spm + derivative"), atol=1e-12)
    single = FeatureSeries(series.values.astype(np.float32), series.times, series.names, series.kind, series.durations)
    assert convolve(single, grid).dtype == np.float32
    assert np.allclose(convolve(single, grid), out[:, :3], atol=1e-6)


def test_long_events_and_series_outside_the_run():
    grid = TRGrid(2, 30, 1000)
    assert np.allclose(convolve(events([0.0], 1e9), grid), 1)
    assert (convolve(events([2000.0, 1e300]), grid) == 0).all()
    assert (convolve(events([]), grid) == 0).all()
    assert convolve(events([1.0]), TRGrid(2, 0)).shape == (0, 1)


def test_what_cannot_be_convolved_says_why():
    grid = TRGrid("1.5", 10)
    with pytest.raises(AlignmentError, match="codes are categories and cannot be convolved.*latents"):
        convolve(codes(), grid)
    with pytest.raises(ParameterError, match="choose from spm, spm \\+ derivative"):
        convolve(dense(0), grid, "SPM13")
    with pytest.raises(ParameterError, match="1 step per TR"):
        convolve(dense(0), grid, "spm", 0)
    with pytest.raises(ParameterError, match="delays of 0 s or more"):
        convolve(dense(0), grid, [-2, 2])
    with pytest.raises(ParameterError, match="row of finite numbers"):
        convolve(dense(0), grid, lambda tr, oversampling: np.full(30, np.nan))


@pytest.mark.slow
def test_a_film_of_49_minutes_needs_no_copy_of_its_latents():
    import tracemalloc

    series = dense(8, seconds=49 * 60, dim=128, dtype=np.float32)
    grid = TRGrid("1.5", 1960)
    convolve(series, TRGrid("1.5", 2))
    tracemalloc.start()
    try:
        out = convolve(series, grid)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert out.shape == (1960, 128)
    # The series has 113 MB; times and steps of its rows are 8 bytes each.
    assert peak < 40e6
