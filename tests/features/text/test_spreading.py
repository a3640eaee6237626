"""Vectors that last for a while on windows of time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.features.text.spreading import AGGREGATIONS, GAP_FILLS, check_spreading, filled, known_for, spread

# Tenths of a second, so that many ends lie on edges of windows.
EVENTS = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 15)), max_size=8).map(sorted)


@settings(deadline=None)
@given(EVENTS, st.integers(1, 9), st.integers(1, 14), st.integers(0, 12), st.sampled_from(AGGREGATIONS))
def test_every_window_holds_what_goes_on_in_it(events, step, length, n, aggregation):
    vectors = np.random.default_rng(len(events)).standard_normal((len(events), 3)).astype(np.float32)
    onsets, durations = np.array(events, float).reshape(-1, 2).T
    ends = np.arange(n) * step + length
    rows, covered = spread(vectors, onsets * 0.1, durations * 0.1, (ends - length) * 0.1, ends * 0.1, aggregation)
    assert (rows.shape, rows.dtype) == ((n, 3), np.float32)
    for row, there, end in zip(rows, covered, ends, strict=True):
        begin, going = end - length, []
        for number, (onset, duration) in enumerate(events):
            # In tenths, which is exact.
            shared = min(end, onset + duration) - max(begin, onset)
            if shared > 0 or (duration == 0 and begin <= onset < end):
                going.append((number, max(shared, 0)))
        assert there == bool(going)
        if not going:
            assert not row.any()
            continue
        numbers, weights = [number for number, _ in going], [weight for _, weight in going]
        if not any(weights):
            weights = [1] * len(going)
        expected = {
            "mean": np.average(vectors[numbers], axis=0, weights=weights),
            "first": vectors[numbers[0]],
            "last": vectors[numbers[-1]],
            "max": vectors[numbers].max(axis=0),
        }[aggregation]
        # What has no duration counts as a millionth of a second beside what has.
        np.testing.assert_allclose(row, expected, atol=1e-4)


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=12), st.sampled_from(GAP_FILLS))
def test_gaps(there, gap_fill):
    covered = np.array(there, bool)
    rows = np.random.default_rng(0).standard_normal((len(covered), 2)).astype(np.float32) * covered[:, None]
    expected = rows.copy()
    held = np.flatnonzero(covered)
    for k in range(held[0] if held.size else len(covered), len(covered)):
        if not covered[k] and gap_fill == "forward_fill":
            expected[k] = expected[k - 1]
        if not covered[k] and gap_fill == "interpolate":
            expected[k] = [np.interp(k, held, rows[held, column]) for column in (0, 1)]
    np.testing.assert_allclose(filled(rows.copy(), covered, gap_fill), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("median", "zero"), "aggregation is 'median'; choose from mean, first, last, max"),
        (("mean", "fill"), "gap_fill is 'fill'; choose from forward_fill, zero, interpolate"),
    ],
)
def test_names_that_mean_nothing(names, told):
    with pytest.raises(ParameterError, match=told):
        check_spreading(*names)


@settings(deadline=None)
@given(EVENTS.filter(bool), st.sampled_from(GAP_FILLS))
def test_rows_that_know_the_same_text_are_no_farther_apart_than_is_said(events, gap_fill):
    onsets, durations = np.array(events, float).reshape(-1, 2).T
    edges, known = np.arange(-5, 61.0), []
    for number in range(len(events)):
        # What a row says of a text is what changes with it.
        both = np.ones((2, len(events), 1), np.float32)
        both[1, number] = 2
        rows = [
            filled(*spread(vectors, onsets, durations, edges[:-1], edges[1:]), gap_fill=gap_fill) for vectors in both
        ]
        known += [np.flatnonzero(rows[0] != rows[1])]
    farthest = max((int(np.ptp(rows)) for rows in known if len(rows)), default=0)
    # From the end of one row to the beginning of another.
    assert farthest - 1 <= known_for(onsets, durations, 60, gap_fill)
    assert known_for(onsets[:0], durations[:0], 60) == 0
