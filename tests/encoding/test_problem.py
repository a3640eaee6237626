"""Problems say what is wrong with them, and name it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from encoding.made import problem

from giblet.encoding.nuisance import drifts, without_nuisance
from giblet.errors import EncodingError


def spoilt(change):
    values = np.random.default_rng(1).standard_normal((30, 4))
    change(values)
    return {"sound": values[:, :2], "words": values[:, 2:]}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v: v.__setitem__((slice(None), 1), 5), r"sound\[loud\] never changes; leave it out"),
        (lambda v: v.__setitem__((7, 0), np.nan), r"sound\[0\] holds values that are no numbers in rows that are used"),
        (lambda v: v.__setitem__((slice(None), 3), v[:, 0]), r"words\[1\] \(as sound\[0\]\) is there twice"),
    ],
)
def test_columns_that_cannot_be_learnt_from_are_named(change, told):
    with pytest.raises(EncodingError, match=told):
        problem(spoilt(change), lengths=(30,), columns={"sound": ("0", "loud")})


def test_what_is_not_known_may_be_unknown():
    used = np.ones(30, bool)
    used[7] = False
    assert problem(spoilt(lambda v: v.__setitem__(7, np.nan)), lengths=(30,), used=used).n_samples == 30


def test_lengths_runs_and_times_must_fit():
    x = np.random.default_rng(0).standard_normal((30, 1))
    with pytest.raises(EncodingError, match="the BOLD has 29, runs has 30, used has 30, x has 30 rows"):
        problem({"x": x}, x[:29], lengths=(30,))
    with pytest.raises(EncodingError, match="only 3 of 30 rows can be used"):
        problem({"x": x}, x, lengths=(30,), used=np.arange(30) < 3)
    with pytest.raises(EncodingError, match="the TR is 0 s"):
        problem({"x": x}, x, lengths=(30,), tr=0)
    with pytest.raises(EncodingError, match="there is no feature"):
        problem({}, x, lengths=(30,))
    made = problem({"x": x}, x, lengths=(10, 10, 10))
    with pytest.raises(EncodingError, match="the rows of a run do not lie together"):
        type(made)(made.features, made.bold, np.tile([0, 1], 15), 2, made.used, made.targets)


def test_drifts_are_those_of_nilearn_run_by_run():
    from nilearn.glm.first_level import make_first_level_design_matrix

    found = drifts([100, 60], Fraction(2), "1/128")
    for rows, columns, n in ((slice(0, 100), slice(0, 3), 100), (slice(100, 160), slice(3, 4), 60)):
        matrix = make_first_level_design_matrix(np.arange(n) * 2.0, drift_model="cosine", high_pass=1 / 128)
        np.testing.assert_allclose(found[rows, columns], matrix.to_numpy()[:, :-1])
        assert not np.delete(found[rows], np.r_[columns], axis=1).any()
    with pytest.raises(EncodingError, match="high_pass is 1 Hz; give Hz below 0.25"):
        drifts([100], Fraction(2), 1)


def test_nuisance_is_taken_out_of_each_run_by_its_used_rows():
    rng = np.random.default_rng(0)
    nuisance = rng.standard_normal((100, 2))
    clean = rng.standard_normal((100, 2))
    levels = np.repeat([[100.0], [-50.0]], 50, axis=0)
    bold = clean + nuisance @ [[5, -3], [1, 40]] + levels
    used = np.ones(100, bool)
    used[10] = False
    bold[10] = 1e6
    data = problem({"x": rng.standard_normal((100, 1))}, bold, lengths=(50, 50), nuisance=nuisance, used=used)
    left = without_nuisance(data)
    for rows in (np.r_[0:10, 11:50], np.r_[50:100]):
        full = np.column_stack([np.ones(len(rows)), nuisance[rows]])
        expected = bold[rows] - full @ np.linalg.lstsq(full, bold[rows], rcond=None)[0]
        np.testing.assert_allclose(left[rows], expected, atol=1e-8)
    np.testing.assert_allclose(without_nuisance(data, np.array([1]))[:, 0], left[:, 1])
    few = problem({"x": rng.standard_normal((8, 1))}, bold[20:28], lengths=(8,), nuisance=rng.standard_normal((8, 7)))
    with pytest.raises(EncodingError, match="8 nuisance regressors would leave nothing of a run with 8 rows"):
        without_nuisance(few)
