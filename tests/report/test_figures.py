"""Scales hold what they are made for, and nothing is lost on the way to the screen."""

from __future__ import annotations

import base64
import io
import math
import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from giblet.report.axes import clock, log_axis, time_axis, value_axis
from giblet.report.figures import Lane, Lanes, Span, bars, dots, line
from giblet.report.page import number
from giblet.report.raster import heat_image
from giblet.report.timeline import tr_lines, tr_step
from giblet.timeline import TRGrid

FINITE = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(FINITE, FINITE)
def test_a_scale_of_values_holds_them_between_round_ticks(a, b):
    low, high = sorted((a, b))
    assume(high == low or (high - low) > 1e-6 * max(abs(low), abs(high)))
    axis = value_axis(low, high)
    rounding = 1e-8 * (axis.high - axis.low)
    assert axis.low - rounding <= low <= high <= axis.high + rounding
    assert 2 <= len(axis.ticks) <= 7
    values = [value for value, _ in axis.ticks]
    assert values == sorted(set(values))
    assert len({label for _, label in axis.ticks}) == len(values)
    assert 0 <= axis.place(low) <= axis.place(high) <= 1


@given(st.floats(0, 1e4), st.floats(0.01, 1e5))
def test_a_scale_of_time_has_ticks_within_that_fit_a_phone(start, length):
    axis = time_axis(start, start + length)
    assert len(axis.ticks) <= 6 + 1
    rounding = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - rounding <= value <= axis.high + rounding for value, _ in axis.ticks)
    assert len({label for _, label in axis.ticks}) == len(axis.ticks)


@pytest.mark.parametrize(
    ("seconds", "tenths", "text"),
    [
        (0, False, "0:00"),
        (59.96, True, "1:00.0"),
        (3599.6, False, "1:00:00"),
        (62.5, True, "1:02.5"),
        (-3, False, "−0:03"),
    ],
)
def test_times_as_people_read_them(seconds, tenths, text):
    assert clock(seconds, tenths) == text


def test_bandwidths_stand_at_equal_ratios():
    axis = log_axis([1.5, 3, 6, 12], [1.5, 3, 6, 12])
    places = [place for place, _ in axis.labels]
    assert np.diff(places) == pytest.approx([np.diff(places)[0]] * 3)
    assert [label for _, label in log_axis([6.0], [6.0]).labels] == ["6"]
    assert log_axis([6.0], [6.0]).place(6.0) == pytest.approx(0.5)


def test_lines_are_interrupted_where_nothing_is_known():
    x, y = value_axis(0, 4), value_axis(0, 1)
    path = line(x, y, [(0, 0.0), (1, 1.0), (2, math.nan), (3, 0.5), (4, math.inf)])
    assert path == "M0.0 100.0L250.0 0.0M750.0 50.0"
    assert dots(x, y, [(0, math.nan), (2, 0.5)]) == "M500.0 50.0h0"
    assert bars(x, y, [(1, math.nan, 1), (2, 0, 1)]) == "M500.0 100.0L500.0 0.0"


def test_stretches_outside_of_a_lane_are_not_drawn_and_tiny_ones_are_seen():
    lane = Lane("", (Span(-5, -1, "a"), Span(2, 4, "b"), Span(9, 9.0001, "c"), Span(10, 12, "d"), Span(8, 30, "e")))
    boxes = {span.kind: (left, width) for left, width, span in Lanes("", "", value_axis(0, 10), ()).boxes(lane)}
    assert boxes["b"] == pytest.approx((200, 200))
    assert boxes["c"][1] == 0.4
    assert boxes["e"] == pytest.approx((800, 200))
    assert set(boxes) == {"b", "c", "e"}


@given(st.integers(1, 20_000))
def test_many_trs_become_few_boxes(n_trs):
    step = tr_step(n_trs)
    assert -(-n_trs // step) <= 121


def test_lines_stand_at_the_exact_times_of_trs():
    grid = TRGrid("1.49", 100, "0.3")
    mark = tr_lines(grid, time_axis(60.0, 90.0))
    drawn = [60 + float(at) * 30 / 1000 for at in re.findall(r"M([\d.]+)", mark.path)]
    expected = [0.3 + 1.49 * i for i in range(101) if 60 <= 0.3 + 1.49 * i <= 90]
    assert drawn == pytest.approx(expected, abs=0.002)
    assert tr_lines(TRGrid("0.1", 10_000), time_axis(0.0, 900.0)).label == "every 100 TRs"


def test_pictures_are_the_values_lighter_where_they_are_larger():
    from PIL import Image

    values = np.linspace(-0.2, 1.2, 57)[None] * np.ones((3, 1))
    values[0] = 0
    address = heat_image(values)
    image = Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))))
    assert image.size == (57, 3)
    light = np.asarray(image.convert("L")).astype(int)
    assert (light[-1] == light[-1, 0]).all()  # row 0 is the lowest
    assert (np.diff(light[0]) >= 0).all()
    assert light[0, -1] - light[0, 0] > 200


def test_numbers_that_are_none_are_dashes():
    assert number(1.005, 1) == "1.0"
    assert number(-0.01, 1) == "0.0"
    assert number(-0.26, 1) == "−0.3"
    for value in (None, math.nan, math.inf):
        assert "why <b>" not in number(value, 1, "why <b>")
        assert 'title="why &lt;b&gt;"' in number(value, 1, "why <b>")


def test_what_lasts_a_moment_is_seen_in_an_hour(tmp_path):
    from giblet.report.series import _Bins

    binned = _Bins(600, 1, 3600.0)
    times = np.arange(0, 3600, 0.01)
    values = np.zeros((len(times), 1))
    values[123_456] = 7
    for first in range(0, len(times), 50_000):
        binned.add(times[first : first + 50_000], values[first : first + 50_000])
    assert binned.counts.sum() == len(times)
    assert binned.high.max() == 7
    assert binned.high.argmax() == int(1234.56 / 6)
    assert binned.mean.max() == pytest.approx(7 / 600)
