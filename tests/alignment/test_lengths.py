from __future__ import annotations

from fractions import Fraction

import pytest
from alignment.made import TRS
from hypothesis import given
from hypothesis import strategies as st

from giblet.alignment import reconcile
from giblet.errors import AlignmentError, ParameterError
from giblet.timeline import TRGrid


@given(
    tr=TRS,
    start=st.fractions(min_value=-40, max_value=40, max_denominator=100),
    n_volumes=st.integers(1, 200),
    duration=st.fractions(min_value=1, max_value=400, max_denominator=100),
    trim=st.tuples(st.integers(0, 5), st.integers(0, 5)),
)
def test_the_volumes_that_stay_are_those_the_stimulus_covers(tr, start, n_volumes, duration, trim):
    grid = TRGrid(tr, n_volumes, start, tr / 2)
    common = [i for i in range(n_volumes) if grid.window(i)[0] >= 0 and grid.window(i)[1] <= duration]
    common = common[trim[0] : max(0, len(common) - trim[1])]
    if not common:
        with pytest.raises(AlignmentError, match="no volume is left"):
            reconcile(grid, duration, n_volumes, trim)
        return
    kept, report = reconcile(grid, duration, n_volumes, trim)
    assert kept.n_trs == len(common)
    assert (kept.start - grid.start) / tr == common[0]
    assert (kept.tr, kept.sample_offset) == (tr, tr / 2)
    assert bool(report) or len(common) == n_volumes


def test_equal_lengths_are_nothing_to_report():
    grid = TRGrid("1.5", 40)
    assert reconcile(grid, 60, 40) == (grid, ())
    # Durations in containers are rounded to microseconds.
    assert reconcile(grid, 59.9999995, 40) == (grid, ())


def test_the_report_says_what_is_left_out_and_why():
    kept, report = reconcile(TRGrid(2, 372, -20), 700, 372, trim=(2, 3))
    assert (kept.start, kept.n_trs) == (Fraction(4), 345)
    assert report == (
        "10 volumes at the beginning are left out: the stimulus had not begun.",
        "12 volumes at the end are left out: the stimulus was over.",
        "2 volumes at the beginning are left out: as asked.",
        "3 volumes at the end are left out: as asked.",
    )
    _, report = reconcile(TRGrid("1.5", 1000, "4.5"), 1500, 920)
    assert report == (
        "The scan has 920 volumes where 1000 were expected.",
        "The stimulus goes on for 115.5 s after the last volume; nothing is known of that.",
        "The stimulus began 4.5 s before the first volume.",
    )
    _, report = reconcile(TRGrid(2, 10), 20, 11)
    assert report == ("1 volume at the end is left out: no more were expected.",)


def test_impossible_numbers_are_refused():
    grid = TRGrid(2, 10)
    with pytest.raises(AlignmentError, match="from 100 to 120 s.*correct the onset"):
        reconcile(TRGrid(2, 10, 100), 60, 10)
    with pytest.raises(ParameterError, match="0 or more"):
        reconcile(grid, 20, 10, (-1, 0))
    with pytest.raises(ParameterError):
        reconcile(grid, "long", 10)
