"""What was planted is found again; what was not is not; scores are what they are said to be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encoding.made import noise, problem, slow

from giblet.alignment import delayed
from giblet.encoding import EncodingModel, fit, make_folds
from giblet.errors import EncodingError, ParameterError

DELAYS = (2, 4, 6)


def planted(weights=(1.0, 0.0), noise=1.0, n=240, seed=0, lengths=None):
    """BOLD that follows sound, words, or neither, each 4 s late."""
    rng = np.random.default_rng(seed)
    features = {"sound": rng.standard_normal((n, 4)), "words": rng.standard_normal((n, 2))}
    lengths = (n,) if lengths is None else lengths
    late = {
        name: np.concatenate([delayed(part, [4], 2)[0] for part in np.split(values, np.cumsum(lengths)[:-1])])
        for name, values in features.items()
    }
    mix = {"sound": weights[0] / 2 * np.array([1, -1, 1, 1]), "words": weights[1] / np.sqrt(2) * np.array([1, -1])}
    signal = sum(late[name] @ mix[name] for name in features)
    bold = signal[:, None] + noise * rng.standard_normal((n, 5))
    return problem(features, bold, lengths=lengths), mix


def test_planted_weights_come_back():
    data, mix = planted((1.0, 0.7), noise=0.3, n=400)
    X = np.hstack(list(data.features.values()))
    model = EncodingModel({"sound": 4, "words": 2}, delays=DELAYS, tr=2, n_iter=20, dtype="float64").fit(X, data.bold)
    weights = model.coef_.mean(axis=1) / X.std(axis=0)[[0, 1, 2, 3] * 3 + [4, 5] * 3]
    expected = np.concatenate([np.zeros(4), mix["sound"], np.zeros(4), np.zeros(2), mix["words"], np.zeros(2)])
    np.testing.assert_allclose(weights, expected, atol=0.05)


def test_variance_goes_to_the_space_that_it_came_from():
    # Of BOLD's variance 1 + .49 + .36, sound explains .54 and words .26.
    data, _ = planted((1.0, 0.7), noise=0.6, n=400)
    scores = fit(data, delays=DELAYS, n_iter=10, unique=True, null="none", dtype="float64")
    maps = scores.maps()
    np.testing.assert_allclose(maps["r2"], 0.805, atol=0.04)
    np.testing.assert_allclose(maps["r"], 0.897, atol=0.03)
    for share in ("r2", "unique"):
        np.testing.assert_allclose(maps[f"{share}_sound"], 0.54, atol=0.09)
        np.testing.assert_allclose(maps[f"{share}_words"], 0.265, atol=0.09)


def test_a_useless_space_gets_nothing_and_costs_less_in_banded_ridge():
    rng = np.random.default_rng(3)
    data, _ = planted((1.0, 0.0), noise=2.0)
    many = replace(data, features={"sound": data.features["sound"], "junk": rng.standard_normal((240, 30))})
    banded, ridge = (fit(many, delays=DELAYS, model=m, n_iter=15, null="none").maps() for m in ("banded", "ridge"))
    assert banded["r"].mean() > ridge["r"].mean() + 0.05
    assert np.abs(banded["r2_junk"]).max() < 0.05


def test_scores_are_those_of_predictions_that_one_makes_oneself():
    data, _ = planted((0.7, 0.7), lengths=(100, 60, 80))
    scores = fit(data, delays=DELAYS, n_iter=6, null="none", dtype="float64")
    assert scores.r.shape == (3, 5)
    assert scores.n_test == (97, 57, 77)
    X = np.hstack(list(data.features.values()))
    bold = np.concatenate([part - part.mean(axis=0) for part in np.split(data.bold, [100, 160])])
    for number, fold in enumerate(make_folds(data)):
        model = EncodingModel({"sound": 4, "words": 2}, delays=DELAYS, tr=2, n_iter=6, dtype="float64")
        model.fit(X, bold, data.runs, np.isin(np.arange(240), fold.train))
        # A run's first rows have no past.
        test = fold.test[3:]
        predicted = model.predict(X, data.runs)[test]
        for target in range(5):
            r = np.corrcoef(predicted[:, target], bold[test, target])[0, 1]
            assert scores.r[number, target] == pytest.approx(r, abs=1e-9)


def test_the_split_sums_to_explained_variance_in_every_fold():
    data, _ = planted((0.7, 0.7), noise=1.5)
    scores = fit(data, delays=DELAYS, n_iter=6, null="none", dtype="float64")
    np.testing.assert_allclose(scores.split.sum(axis=0), scores.r2, atol=1e-10)
    assert (np.abs(scores.split) > 0.01).any(axis=(1, 2)).all()


def test_held_out_bold_is_never_learnt_from():
    data, _ = planted()
    before = fit(data, delays=DELAYS, n_iter=5, null="none", dtype="float64")
    other = data.bold.copy()
    # Any other numbers of the same mean: the mean of a run is all that is taken from what is held out.
    held = make_folds(data, used=np.arange(240) >= 3)[2].test
    other[held] = other[held][::-1]
    after = fit(replace(data, bold=other), delays=DELAYS, n_iter=5, null="none", dtype="float64")
    X = {"sound": 4, "words": 2}
    assert set(X) == set(before.spaces)
    assert after.r[2].mean() < 0.5 < before.r[2].mean()
    # The same weights predict the fold as before: judged by the old BOLD, they are worth the same.
    back = other.copy()
    back[held] = data.bold[held]
    again = fit(replace(data, bold=back), delays=DELAYS, n_iter=5, null="none", dtype="float64")
    np.testing.assert_allclose(again.r, before.r)


def test_batches_seeds_and_repetition():
    data, _ = planted((0.7, 0.3))
    options = {"delays": DELAYS, "n_iter": 6, "permutations": 50, "unique": True, "dtype": "float64"}
    one, again = fit(data, **options), fit(data, **options)
    small = fit(data, **options, targets_at_once=2)
    for name in ("r", "r2", "split", "unique", "p"):
        np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
        np.testing.assert_allclose(getattr(one, name), getattr(small, name), atol=1e-9)
    assert not np.array_equal(fit(data, **options, random_state=5).p, one.p)


def test_targets_without_signal_are_named_and_get_no_scores():
    data, _ = planted()
    bold = data.bold.copy()
    bold[:, 1] = 7
    # One that stands still only while it is judged.
    bold[:51, 3] = 2
    scores = fit(replace(data, bold=bold), delays=DELAYS, n_iter=4, permutations=20)
    assert np.isnan(scores.maps()["r"]).tolist() == [False, True, False, True, False]
    assert np.isnan(scores.p).tolist() == np.isnan(scores.q).tolist() == [False, True, False, True, False]
    bold[0, 0] = np.nan
    assert np.isnan(fit(replace(data, bold=bold), delays=DELAYS, n_iter=4, null="none").r[:, 0]).all()
    assert any("2 of 5 targets have no signal, and no scores: t1, t3." in note for note in scores.notes)
    with pytest.raises(EncodingError, match="no target has a signal in every fold"):
        fit(replace(data, bold=np.ones_like(bold)), delays=DELAYS)


def test_bold_may_be_a_file_that_only_is_mapped(tmp_path):
    data, _ = planted()
    np.save(tmp_path / "bold.npy", data.bold)
    mapped = replace(data, bold=np.load(tmp_path / "bold.npy", mmap_mode="r"))
    options = {"delays": DELAYS, "n_iter": 4, "null": "none"}
    np.testing.assert_array_equal(fit(mapped, **options).r, fit(data, **options).r)


def test_memory_is_bounded_by_targets_at_once(tmp_path):
    import tracemalloc

    n, n_targets = 120, 6000
    rng = np.random.default_rng(0)
    np.save(tmp_path / "bold.npy", rng.standard_normal((n, n_targets)).astype(np.float32))
    bold = np.load(tmp_path / "bold.npy", mmap_mode="r")
    data = problem({"x": rng.standard_normal((n, 4)).astype(np.float32)}, bold)
    peaks = []
    for at_once in (500, 6000):
        tracemalloc.start()
        fit(
            data,
            delays=DELAYS,
            alphas=[1.0, 100.0],
            targets_at_once=at_once,
            permutations=2,
            n_blocks=3,
            backend="numpy",
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < peaks[1] / 2
    # 500 targets in float64, a few times over, and what is kept of all 6000.
    assert peaks[0] < 16 * n * 500 * 8 + 30 * 6000 * 8


def test_a_short_gap_is_said():
    data, _ = planted()
    notes = " ".join(fit(data, delays=DELAYS, n_iter=3, null="none", gap=2).notes)
    assert "with 2 s left out around each; the model reaches 6 s" in notes
    assert "The gap is shorter than the model's reach" in notes
    assert "shorter" not in " ".join(fit(data, delays=DELAYS, n_iter=3, null="none").notes)


def test_features_at_the_time_of_bold_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    x = slow(rng, 300, 1)
    data = problem(
        {"x": x}, x + 0.5 * noise(rng, 300, 2), lengths=(300,), response="convolved with spm", reach=(32.0, 0.0)
    )
    assert fit(data, null="none").maps()["r"].min() > 0.5
    assert fit(data, null="none", hrf="spm").maps()["r"].min() > 0.5
    with pytest.raises(EncodingError, match="the features are convolved with spm already"):
        fit(data, delays=[2])
    with pytest.raises(EncodingError, match="the features are convolved with spm already"):
        fit(data, hrf="glover")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"null": "maybe"}, "there is no null 'maybe'"),
        ({"permutations": 0}, "permutations is 0"),
        ({"targets_at_once": 0}, "targets_at_once is 0"),
        ({"block": 0}, "the block is 0 s"),
        ({"delays": [2], "hrf": "spm"}, "which is a delay already"),
        ({"hrf": "gauss"}, "there is no haemodynamic response 'gauss'"),
        ({"n_blocks": 400}, "cannot be divided into 400 folds"),
        ({"n_blocks": 8}, "hold no two blocks of 30 s"),
    ],
)
def test_options_that_cannot_be_are_told(options, told):
    with pytest.raises((EncodingError, ParameterError), match=told):
        fit(planted(n=160)[0], **options)
