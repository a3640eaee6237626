"""Ridge as himalaya and scikit-learn compute it; delays within runs; the conventions of scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from encoding.made import problem
from himalaya.backend import get_backend, set_backend
from himalaya.kernel_ridge import MultipleKernelRidgeCV
from himalaya.ridge import GroupRidgeCV
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import check_estimator

from giblet.alignment import delayed
from giblet.encoding import EncodingModel, inner_folds, make_folds
from giblet.encoding.responses import Responses
from giblet.errors import EncodingError, ParameterError

DELAYS = (2, 4, 6)
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def made(n=160, widths=(4, 2), n_targets=7, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, sum(widths))) * [1, 5, 0.1, 2, 1, 30]
    late, _ = delayed(X, DELAYS, 2)
    Y = late @ rng.standard_normal((late.shape[1], n_targets)) + 20 * rng.standard_normal((n, n_targets)) + 100
    return X, Y


def by_hand(X, Y, train, widths):
    """Features of each space at all delays, z-scored over training rows, and those rows' inner folds."""
    ends = np.cumsum([0, *widths])
    spaces = [delayed(X[:, a:b], DELAYS, 2)[0] for a, b in pairwise(ends)]
    spaces = [(space - space[train].mean(0)) / space[train].std(0) for space in spaces]
    data = problem({"x": X}, Y, lengths=(len(X),))
    fold = next(f for f in make_folds(data, 4, delays=DELAYS, used=np.arange(len(X)) >= 3))
    inner = inner_folds(data, type(fold)(train, fold.test), delays=DELAYS)
    cv = [(np.searchsorted(train, part.train), np.searchsorted(train, part.test)) for part in inner]
    return spaces, cv


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("n", [160, 30])
def test_banded_ridge_is_himalayas(backend, n):
    widths = (4, 2)
    X, Y = made(n)
    # 18 columns: with 160 rows the primal is solved, with the 17 rows left of 30 the dual.
    train = np.arange(3, n - (0 if n == 160 else 10))
    spaces, cv = by_hand(X, Y, train, widths)
    model = EncodingModel(
        {"a": 4, "b": 2}, delays=DELAYS, tr=2, alphas=ALPHAS, n_iter=12, backend=backend, dtype="float64",
        random_state=3,
    ).fit(X, Y, used=np.isin(np.arange(n), train))  # fmt: skip
    parameters = {"n_iter": 12, "alphas": np.array(ALPHAS), "progress_bar": False}
    if n == 160:
        theirs = GroupRidgeCV(groups="input", cv=cv, random_state=3, fit_intercept=True, solver_params=parameters)
        theirs.fit([space[train] for space in spaces], Y[train])
        expected = theirs.predict(spaces)
    else:
        kernels = np.stack([space[train] @ space[train].T for space in spaces])
        theirs = MultipleKernelRidgeCV(
            kernels="precomputed", cv=cv, random_state=3, fit_intercept=True, solver_params=parameters
        )
        theirs.fit(kernels, Y[train])
        expected = theirs.predict(np.stack([space @ space[train].T for space in spaces]))
    np.testing.assert_allclose(model.deltas_, theirs.deltas_, atol=1e-5)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)
    parts = model.predict_spaces(X)
    np.testing.assert_allclose(parts.sum(axis=0) + model.intercept_, model.predict(X), rtol=1e-9)


def test_one_band_is_scikit_learns_ridge():
    X, Y = made()
    model = EncodingModel(delays=DELAYS, tr=2, alphas=[30.0], dtype="float64").fit(X, Y)
    design = delayed(X, DELAYS, 2)[0]
    learnt = design[3:]
    design = (design - learnt.mean(0)) / learnt.std(0)
    expected = Ridge(alpha=30.0).fit(design[3:], Y[3:])
    np.testing.assert_allclose(model.predict(X), expected.predict(design), rtol=1e-5)
    np.testing.assert_allclose(model.coef_, expected.coef_.T, rtol=1e-5, atol=1e-8)


def test_batches_and_seeds_change_nothing_that_they_should_not():
    X, Y = made()
    options = {"spaces": {"a": 4, "b": 2}, "delays": DELAYS, "tr": 2, "n_iter": 8, "dtype": "float64"}
    one = EncodingModel(**options).fit(X, Y)
    np.testing.assert_allclose(EncodingModel(**options, targets_at_once=2).fit(X, Y).coef_, one.coef_, rtol=1e-9)
    np.testing.assert_array_equal(EncodingModel(**options).fit(X, Y).coef_, one.coef_)
    other = EncodingModel(**options, random_state=1).fit(X, Y)
    assert not np.allclose(other.deltas_, one.deltas_)


def test_nothing_passes_from_one_run_into_another():
    X, Y = made()
    runs = np.repeat([0, 1], 80)
    model = EncodingModel(delays=DELAYS, tr=2, dtype="float64").fit(X, Y, runs)
    together, apart = model.predict(X, runs), np.concatenate([model.predict(X[:80]), model.predict(X[80:])])
    np.testing.assert_allclose(together, apart)
    changed = X.copy()
    changed[:80] += 1000
    np.testing.assert_array_equal(model.predict(changed, runs)[80:], together[80:])
    # The first rows of a run have no past to be delayed: what stands there is not learnt from.
    spoilt = Y.copy()
    spoilt[[0, 1, 2, 80, 81, 82]] = 1e6
    np.testing.assert_array_equal(
        EncodingModel(delays=DELAYS, tr=2, dtype="float64").fit(X, spoilt, runs).coef_, model.coef_
    )


def test_features_of_rows_that_are_not_used_count_at_their_delays():
    X, Y = made()
    used = np.ones(160, bool)
    used[50] = False
    model = EncodingModel(delays=DELAYS, tr=2, dtype="float64").fit(X, Y, used=used)
    unknown = X.copy()
    unknown[50] = np.nan
    lost = used & ~np.isin(np.arange(160), [51, 52, 53])
    expected = EncodingModel(delays=DELAYS, tr=2, dtype="float64").fit(X, Y, used=lost)
    assert not np.allclose(model.coef_, expected.coef_)
    again = EncodingModel(delays=DELAYS, tr=2, dtype="float64").fit(unknown, Y, used=used)
    np.testing.assert_allclose(again.coef_, expected.coef_)
    assert np.flatnonzero(np.isnan(again.predict(unknown)).any(axis=1)).tolist() == [51, 52, 53]


def test_a_response_is_convolved_with_rows_of_one_tr():
    from nilearn.glm.first_level import compute_regressor

    x = np.random.default_rng(0).standard_normal((40, 1))
    onsets = np.arange(40) * 2.0
    expected, _ = compute_regressor(
        np.stack([onsets - 1e-6, np.full(40, 2.0), x[:, 0]]), "spm", onsets, oversampling=50, min_onset=-24
    )
    found = Responses(hrf="spm", tr=2).fit_transform(x)
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_the_choice_of_others_backend_stays():
    set_backend("torch")
    try:
        EncodingModel(backend="numpy").fit(*made())
        assert get_backend().name == "torch"
    finally:
        set_backend("numpy")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_told():
    with pytest.raises(ParameterError, match="there is no CUDA device that torch can use; take --device cpu"):
        EncodingModel(backend="torch_cuda").fit(*made())
    assert get_backend().name == "numpy"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_what_numpy_gives():
    X, Y = made()
    options = {"spaces": {"a": 4, "b": 2}, "delays": DELAYS, "tr": 2, "n_iter": 8, "dtype": "float64"}
    one, other = (EncodingModel(**options, backend=b).fit(X, Y) for b in ("numpy", "torch_cuda"))
    np.testing.assert_allclose(other.predict(X), one.predict(X), rtol=1e-5)


# Messages are giblet's own sentences; objects and sparse matrices are not what BOLD and features are kept in.
OWN_WAY = {
    "check_complex_data": "own message",
    "check_dtype_object": "objects are refused",
    "check_estimators_empty_data_messages": "own message",
    "check_estimator_sparse_tag": "own message",
    "check_estimator_sparse_array": "own message",
    "check_estimator_sparse_matrix": "own message",
    "check_fit2d_1sample": "own message",
    "check_fit2d_predict1d": "own message",
    "check_requires_y_none": "own message",
}


def test_it_is_an_estimator_of_scikit_learn():
    told = check_estimator(EncodingModel(dtype="float64"), on_skip=None, on_fail=None, expected_failed_checks=OWN_WAY)
    assert [one["check_name"] for one in told if one["status"] == "failed"] == []
    assert sum(one["status"] == "passed" for one in told) > 30
    model = EncodingModel({"a": 4, "b": 2}, delays=[2, 4], tr="1.5", model="ridge")
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"delays": [2]}, "the TR is not given"),
        ({"gap": 4}, "the TR is not given"),
        ({"delays": [2], "hrf": "spm", "tr": 2}, "which is a delay already"),
        ({"spaces": {"a": 5}}, "the spaces have 5 columns, and the features 6"),
        ({"model": "lasso"}, "there is no model 'lasso'"),
        ({"alphas": [0.0]}, "the alphas are"),
        ({"backend": "jax"}, "there is no backend 'jax'"),
        ({"targets_at_once": 0}, "targets_at_once is 0"),
        ({"n_iter": 0}, "n_iter is 0"),
    ],
)
def test_bad_parameters_are_told(options, told):
    with pytest.raises((EncodingError, ParameterError), match=told):
        EncodingModel(**options).fit(*made())
