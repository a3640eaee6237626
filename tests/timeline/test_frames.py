from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from giblet.timeline import FrameLayout, TRGrid

MONO = FrameLayout(24_000, 320)
STEREO = FrameLayout(48_000, 320, 48_000, 47_520)


@given(
    layout=st.sampled_from([MONO, STEREO]),
    tr=st.fractions(min_value=Fraction(1, 10), max_value=4, max_denominator=200),
    n_trs=st.integers(1, 60),
    owned=st.booleans(),
)
def test_windows_share_out_all_frames_once(layout, tr, n_trs, owned):
    grid = TRGrid(tr, n_trs)
    bounds = [grid.bound(i, layout.sample_rate) for i in range(n_trs + 1)]
    parts = [layout.between(a, b, owned=owned) for a, b in itertools.pairwise(bounds)]
    whole = layout.between(0, bounds[-1], owned=owned)
    assert np.array_equal(np.sort(np.concatenate(parts)), whole)


@given(first=st.integers(0, 10**7), length=st.integers(1, 200_000), layout=st.sampled_from([MONO, STEREO]))
def test_a_frame_is_in_the_window_it_starts_in(first, length, layout):
    starts = layout.starts(layout.between(first, first + length))
    assert ((starts >= first) & (starts < first + length)).all()


def test_owned_frames_tell_each_moment_once():
    starts = STEREO.starts(STEREO.between(0, 48_000 * 60, owned=True))
    steps = np.diff(starts)
    # Full steps, and one half step where the shifted grids of two segments meet.
    assert set(steps.tolist()) == {320, 160}
    assert (steps == 160).sum() == 60 * 48_000 // 47_520


def test_stereo_windows_always_fill_their_columns():
    for tr in (Fraction(3, 2), Fraction(18, 25), Fraction(149, 100), Fraction(247, 100)):
        grid = TRGrid(tr, 500)
        counts = [len(STEREO.between(grid.bound(i, 48_000), grid.bound(i + 1, 48_000), owned=True)) for i in range(500)]
        assert min(counts) >= int(150 * tr)
