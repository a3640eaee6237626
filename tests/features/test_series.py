from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import AlignmentError, ParameterError
from giblet.features import FeatureSeries


def series(**changes):
    given_ = {
        "values": np.ones((3, 2), np.float32),
        "times": [0, 1, 2],
        "names": ("a", "b"),
        "kind": "continuous",
        "durations": [1, 1, 1],
    }
    return FeatureSeries(**(given_ | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.ones(3)}, "shape"),
        ({"names": ("a",)}, "name for each column"),
        ({"kind": "categorical"}, "give integers"),
        ({"values": np.array([["x", "y"]] * 3)}, "real numbers"),
        ({"values": np.array([[0, 1], [0, np.nan], [0, 1]])}, "row 1 holds a value that is no finite number"),
        ({"times": [0, 2, 1]}, "row 2 begins at 1 s, before row 1"),
        ({"times": [0, 1]}, "times have the shape"),
        ({"times": [0, 1, np.inf]}, r"times\[2\] is inf"),
        ({"durations": [1, 0, 1]}, "row 1 lasts 0 s"),
        ({"durations": [1, -1, 1], "kind": "event"}, "row 1 lasts -1 s"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(AlignmentError, match=message):
        series(**changes)


def test_unknown_kinds_and_rates_are_refused():
    with pytest.raises(ParameterError, match="categorical, continuous, event"):
        series(kind="ordinal")
    with pytest.raises(ParameterError, match="above 0"):
        FeatureSeries.regular(np.ones((3, 1)), 0, ("a",))


def test_values_get_the_type_of_their_kind_and_are_not_copied_without_need():
    assert series(values=np.ones((3, 2), np.int16), kind="categorical").values.dtype == np.int64
    assert series(values=np.ones((3, 2), np.int16), kind="event").values.dtype == np.float64
    assert series(values=np.ones((3, 2), np.float16)).values.dtype == np.float32
    values = np.ones((3, 2), np.float32)
    assert series(values=values).values is values
    assert series(values=values).moved(2).values is values


def test_impulses_may_coincide_and_last_no_time():
    both = series(times=[1, 1, 1], durations=[0, 0, 0], kind="event")
    assert both.end == 1


@given(rate=st.sampled_from([75, 150, "24000/1001", Fraction(44100, 512)]), n=st.integers(1, 300_000))
def test_regular_rows_do_not_drift(rate, n):
    made = FeatureSeries.regular(np.zeros((n, 1), np.float32), rate, ("a",), start=-1)
    assert made.times[-1] == pytest.approx(float((n - 1) / Fraction(rate) - 1), abs=1e-9)
    assert made.end == pytest.approx(float(n / Fraction(rate) - 1), abs=1e-9)


def test_categories_say_why_they_are_not_averaged():
    codes = series(values=np.ones((3, 2), np.int64), kind="categorical", names=("audio.codes.0", "audio.codes.1"))
    with pytest.raises(AlignmentError, match=r"audio\.codes\.0 and 1 more: codes are categories .* averaged.*latents"):
        codes.refuse_categories("averaged")
    series().refuse_categories("averaged")
