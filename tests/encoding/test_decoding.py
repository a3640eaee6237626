"""Latents from the BOLD that follows them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from giblet.encoding import decode_latents, latent_bins, simulate_bold
from giblet.errors import EncodingError, ParameterError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

N, TR = 240, 2


def pieces(n: int = N, kinds: int = 5, dim: int = 12) -> np.ndarray:
    """Latents of a film that shows one of few things in each TR."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((kinds, dim))[rng.integers(0, kinds, n)]


def noise(n: int = N, n_targets: int = 10) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((n, n_targets))


def test_predictions_are_those_of_scikit_learn_on_windows_made_by_hand():
    latents, bold = pieces(), simulate_bold(pieces(), TRGrid(TR, N), snr=2, n_targets=20).bold
    made = decode_latents(bold, latents, tr=TR, lags=(2, 4, 6), strengths=[0.01], dtype="float64")
    windows = np.concatenate([np.roll(bold, -k, axis=0) for k in (1, 2, 3)], axis=1)
    assert np.array_equal(made.known, np.arange(N) < N - 3)
    for fold in made.folds:
        scaler = StandardScaler().fit(windows[fold.train])
        ridge = Ridge(alpha=0.01 * 60).fit(scaler.transform(windows[fold.train]), latents[fold.train])
        expected = ridge.predict(scaler.transform(windows[fold.test]))
        np.testing.assert_allclose(made.latents[fold.test], expected, atol=1e-5)
    for number, fold in enumerate(made.folds):
        r = [np.corrcoef(made.latents[fold.test, i], latents[fold.test, i])[0, 1] for i in range(12)]
        np.testing.assert_allclose(made.r[number], r, atol=1e-6)


def test_predictions_come_nearer_with_the_signal():
    latents = pieces()
    found = [
        decode_latents(
            simulate_bold(latents, TRGrid(TR, N), snr=snr, n_targets=40).bold, latents, tr=TR, lags=range(2, 21, 2),
            gap=18,
        ).mean_r
        for snr in (0, 0.1, 1, 10, math.inf)
    ]  # fmt: skip
    assert abs(found[0]) < 0.1
    assert found == sorted(found)
    # The response itself smears TRs of 2 s into each other: without any noise they do not come fully apart.
    assert 0.8 < found[-1] < 0.95


def test_no_fold_has_seen_what_it_is_judged_by():
    latents, bold = pieces(), simulate_bold(pieces(), TRGrid(TR, N), snr=2, n_targets=20).bold
    made = decode_latents(bold, latents, tr=TR, strengths=[0.01])
    fold = made.folds[2]
    changed = latents.copy()
    changed[fold.test] = 1000
    # By default a window holds no response (32 s) to a TR of the other side: the first lag is 2 s.
    assert made.gap == 30
    apart = np.abs(fold.train[:, None] - fold.test).min()
    assert apart == 16
    near = np.abs(np.arange(N)[:, None] - fold.test).min(axis=1) <= 15
    changed[near] = 1000
    again = decode_latents(bold, changed, tr=TR, strengths=[0.01])
    assert np.array_equal(again.latents[fold.test], made.latents[fold.test])
    assert not np.allclose(again.latents[made.folds[4].test], made.latents[made.folds[4].test])


def test_no_window_reaches_into_the_next_run():
    runs = np.repeat([3, 1, 2], 80)
    made = decode_latents(noise(), pieces(), tr=TR, runs=runs)
    assert [len(fold.test) for fold in made.folds] == [75, 75, 75]
    assert np.array_equal(np.flatnonzero(~made.known) % 80, [75, 76, 77, 78, 79] * 3)
    assert np.array_equal(np.isnan(made.latents).all(axis=1), ~made.known)
    assert made.stretches() == (slice(0, 75), slice(80, 155), slice(160, 235))
    assert abs(made.mean_r) < 0.1


def test_rows_that_are_not_used_count_nowhere():
    used = np.ones(N, bool)
    used[[0, 100]] = False
    bold, latents = noise(), pieces()
    made = decode_latents(bold, latents, tr=TR, lags=(2, 4), used=used)
    assert np.array_equal(np.flatnonzero(~made.known), [0, 98, 99, 100, 238, 239])
    assert made.stretches() == (slice(1, 98), slice(101, 238))
    bold[100], latents[0] = 1e6, np.nan
    again = decode_latents(bold, latents, tr=TR, lags=(2, 4), used=used)
    np.testing.assert_array_equal(again.latents, made.latents)


def test_lags_of_parts_of_a_tr_lie_between_its_volumes():
    latents = pieces()
    ahead = decode_latents(np.roll(latents, 1, axis=0), latents, tr=TR, lags=(2,), strengths=[1e-6])
    half = decode_latents(np.roll(latents, 1, axis=0), latents, tr=TR, lags=(1, 3), strengths=[1e-6])
    assert ahead.mean_r > 0.999
    assert 0.4 < half.mean_r < 0.95


def test_a_latent_that_never_changes_has_no_score():
    latents = pieces()
    latents[:, 3] = 2.5
    made = decode_latents(noise(), latents, tr=TR)
    assert np.isnan(made.r[:, 3]).all()
    assert np.isfinite(np.delete(made.r, 3, axis=1)).all()
    np.testing.assert_allclose(made.latents[made.known, 3], 2.5, rtol=1e-5)
    assert math.isfinite(made.mean_r)


@pytest.mark.parametrize(("tr", "bins"), [("0.8", 1), ("0.8", 4), ("1.5", 1), ("1.5", 7)])
def test_parts_of_a_tr_are_means_of_the_frames_that_begin_in_them(tr, bins):
    values = np.random.default_rng(0).standard_normal((900, 3)).astype(np.float32)
    series = FeatureSeries.regular(values, 75, list("abc"))
    grid = TRGrid(Fraction(tr), 5, Fraction(1, 3))
    found = latent_bins(series, grid, bins)
    assert (found.shape, found.dtype) == ((5, bins * 3), np.float32)
    for i in range(5):
        for part in range(bins):
            first, stop = (grid.start + (i + Fraction(k, bins)) * grid.tr for k in (part, part + 1))
            inside = [frame for frame in range(900) if first <= Fraction(frame, 75) < stop]
            expected = values[inside].mean(axis=0)
            np.testing.assert_allclose(found[i, part * 3 : part * 3 + 3], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"lags": ()}, EncodingError, "give seconds after the TR"),
        ({"lags": (2, -4)}, EncodingError, "give seconds after the TR"),
        ({"lags": (2, 2)}, ParameterError, "give each delay once"),
        ({"latents": pieces(100)}, EncodingError, "give a row of each for every TR"),
        ({"bold": np.where(np.arange(N)[:, None] == 7, np.nan, noise())}, EncodingError, "row 7 of the BOLD"),
        ({"gap": -1}, EncodingError, "give seconds, 0 or more"),
        ({"gap": 200}, EncodingError, "take longer or more runs"),
        ({"n_blocks": 1}, EncodingError, "2 folds or more"),
    ],
)
def test_what_cannot_be_decoded(change, error, told):
    with pytest.raises(error, match=told):
        decode_latents(**{"bold": noise(), "latents": pieces(), "tr": TR} | change)
    with pytest.raises(EncodingError, match="give 1 bin or more"):
        latent_bins(FeatureSeries.regular(noise(), 75, [str(i) for i in range(10)]), TRGrid(TR, 1), 0)
