from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from giblet.errors import ParameterError
from giblet.timeline import exact


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (1.49, Fraction(149, 100)),
        (np.float32(1.49), Fraction(149, 100)),
        (np.float64(0.72), Fraction(18, 25)),
        (2, Fraction(2)),
        (np.int64(2), Fraction(2)),
        ("4/3", Fraction(4, 3)),
        ("1.5", Fraction(3, 2)),
        (1e-3, Fraction(1, 1000)),
        (4 / 3, Fraction(4, 3)),
        (0.1 + 0.2, Fraction(3, 10)),
        (1.4900001, Fraction(14900001, 10**7)),
    ],
)
def test_a_number_means_what_was_written(written, meant):
    assert exact(written) == meant


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "soon", "1/0", "", "1e-99999999", "9" * 5000, None, "1_0"])
def test_what_is_no_time_is_refused(bad):
    with pytest.raises(ParameterError, match="give a"):
        exact(bad)
