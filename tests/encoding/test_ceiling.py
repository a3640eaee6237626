"""How well any model could do: ceilings of subjects, groups and runs."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.bold.quality import isc
from giblet.encoding.ceiling import explainable_variance, group_reliability, isc_ceiling
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.study_ceilings import ceilings_of, repeat_ceiling
from giblet.errors import EncodingError

STRENGTH = np.array([0.3, 0.6, 1.2])


def crowd(n_subjects, n_volumes=3000, strength=STRENGTH, seed=0):
    """What all share, and BOLD of subjects who follow it."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n_volumes, len(strength)))
    shared /= shared.std(axis=0)
    return shared, [strength * shared + rng.standard_normal(shared.shape) for _ in range(n_subjects)]


def r_of(one, other):
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(one.T, other.T, strict=True)])


def problem(bold, name="sub-1", runs=None, used=None, features=None):
    n = len(bold)
    return EncodingProblem(
        features={"x": np.random.default_rng(1).standard_normal((n, 1))} if features is None else features,
        bold=bold,
        runs=np.zeros(n, int) if runs is None else runs,
        tr=Fraction(2),
        used=np.ones(n, bool) if used is None else used,
        targets=tuple(map(str, range(bold.shape[1]))),
        name=name,
    )


def test_a_subjects_ceiling_is_what_the_best_model_reaches():
    shared, bold = crowd(9)
    best = np.mean([r_of(one, shared) for one in bold], axis=0)
    low, corrected = isc_ceiling(bold), isc_ceiling(bold, corrected=True)
    assert low.level == "subject"
    assert np.allclose(low.r, isc(bold), atol=1e-6)
    # Noise in the mean of the others costs much where little is shared; the correction finds it again.
    assert (low.r.mean(axis=0) < best - [0.08, 0.05, 0.01]).all()
    assert np.allclose(corrected.r.mean(axis=0), best, atol=0.02)
    assert "one subject" in low.sentence
    assert "8 others" in low.sentence


@pytest.mark.parametrize("n_subjects", [8, 9])
def test_a_groups_ceiling_is_what_the_best_model_reaches_of_its_mean(n_subjects):
    shared, bold = crowd(n_subjects)
    best = r_of(sum(one / one.std(axis=0) for one in bold), shared)
    for method in ("split-half", "alpha"):
        found = group_reliability(bold, method=method)
        assert found.level == "group"
        assert np.allclose(found.r, best, atol=0.02)
    # Never that of a subject, which is far lower.
    assert (found.r > isc_ceiling(bold).r.max(axis=0)).all()
    assert "no single one" in found.sentence


def test_alpha_is_cronbachs():
    _, bold = crowd(6, 500)
    scaled = np.stack([one / one.std(axis=0) for one in bold])
    # Cronbach (1951): k / (k − 1) · (1 − sum of variances / variance of the sum).
    alpha = 6 / 5 * (1 - scaled.var(axis=1).sum(axis=0) / scaled.sum(axis=0).var(axis=0))
    assert np.allclose(group_reliability(bold, method="alpha").r ** 2, alpha, atol=1e-12)


def test_explainable_variance_is_not_raised_by_noise():
    shared, runs = crowd(4, strength=np.array([0.0, 0.5, 1.0]))
    one, mean = explainable_variance(runs), explainable_variance(runs, mean=True)
    assert np.allclose(one.r**2, [0, 0.2, 0.5], atol=0.03)
    assert np.allclose(mean.r[1:], r_of(sum(runs), shared)[1:], atol=0.02)
    # Uncorrected, the mean of 4 runs of noise would explain a quarter of each.
    pure = np.mean([explainable_variance(crowd(4, 100, np.zeros(50), seed)[1]).r.mean() ** 2 for seed in range(5)])
    assert pure < 0.02
    assert (one.level, "single one" in one.sentence, "mean of these 4 runs" in mean.sentence) == ("run", True, True)


@settings(max_examples=25)
@given(st.integers(2, 7), st.integers(5, 40), st.integers(0, 1000), st.floats(0.1, 1e6))
def test_ceilings_lie_between_0_and_1_whatever_the_scale(n_subjects, n_volumes, seed, scale):
    _, bold = crowd(n_subjects, n_volumes, seed=seed)
    for make in (isc_ceiling, group_reliability, explainable_variance):
        found = make(bold).r
        assert ((found >= 0) & (found <= 1)).all()
        assert np.allclose(make([scale * one + 7 for one in bold]).r, found, atol=1e-5)


def test_what_never_changes_has_no_ceiling():
    _, bold = crowd(4, 200)
    for one in bold:
        one[:, 1] = 0.1
    assert np.isnan(isc_ceiling(bold).r[:, 1]).all()
    assert np.isnan(isc_ceiling(bold, corrected=True).r[:, 1]).all()
    for make in (group_reliability, explainable_variance):
        found = make(bold).r
        assert np.isnan(found).tolist() == [False, True, False]
    # A subject without signal takes no part; the others keep theirs.
    there = group_reliability(bold, method="alpha").r
    assert np.allclose(group_reliability([*bold, np.zeros((200, 3))], method="alpha").r, there, equal_nan=True)


def test_share_is_of_the_same_level():
    _, bold = crowd(5)
    ceiling = group_reliability(bold)
    assert np.allclose(ceiling.share(ceiling.r / 2), 0.5)
    with pytest.raises(EncodingError, match="group level"):
        ceiling.share(isc_ceiling(bold).r)
    nothing = explainable_variance(crowd(3, 50, np.zeros(40))[1])
    assert np.isnan(nothing.share(np.ones(40))[nothing.r == 0]).all()


@pytest.mark.parametrize("make", [isc_ceiling, group_reliability, explainable_variance])
def test_too_few_and_unequal_are_refused(make):
    _, bold = crowd(3, 50)
    with pytest.raises(EncodingError, match="only 1 "):
        make(bold[:1])
    with pytest.raises(EncodingError, match=r"\(49, 3\), \(50, 3\)"):
        make([bold[0], bold[1][:49]])
    with pytest.raises(EncodingError):
        make([bold[0][:, 0], bold[1][:, 0]])


def test_other_wrong_uses_are_refused():
    _, bold = crowd(2, 50)
    with pytest.raises(EncodingError, match="only 2 subject"):
        isc_ceiling(bold, corrected=True)
    with pytest.raises(EncodingError, match="split-half, alpha"):
        group_reliability(bold, method="omega")
    with pytest.raises(EncodingError, match="0 splits"):
        group_reliability(bold, n_splits=0)


def test_problems_give_ceilings_of_the_rows_that_all_use_without_drifts():
    _, bold = crowd(4, 300)
    used = np.ones((4, 300), bool)
    used[1, 40:80] = used[2, 100] = False
    ramp = np.linspace(-50, 50, 300)[:, None]
    drifting = [replace(problem(one + ramp, f"sub-{i}", used=used[i]), nuisance=ramp) for i, one in enumerate(bold)]
    found = ceilings_of(drifting)
    assert list(found) == ["sub-0", "sub-1", "sub-2", "sub-3", "group"]
    rows = used.all(axis=0)
    plain = isc_ceiling([one[rows] for one in bold])
    assert np.allclose([found[f"sub-{i}"].r for i in range(4)], plain.r, atol=0.02)
    assert np.allclose(found["group"].r, group_reliability([one[rows] for one in bold]).r, atol=0.02)
    for one in drifting:
        one.bold[:, 1] = 0.1
    # What a regression leaves of a constant is rounding, which all would share.
    assert np.isnan(ceilings_of(drifting)["group"].r).tolist() == [False, True, False]
    # The ramp, which everyone shares, would have made a ceiling of nearly 1.
    assert group_reliability([one + ramp for one in bold]).r.min() > 0.99


def test_problems_that_do_not_fit_are_refused():
    _, bold = crowd(3, 60)
    people = [problem(one, f"sub-{i}") for i, one in enumerate(bold)]
    with pytest.raises(EncodingError, match="there is 1 subject"):
        ceilings_of(people[:1])
    with pytest.raises(EncodingError, match="not the mean of the group"):
        ceilings_of([people[0], problem(bold[1], "group")])
    with pytest.raises(EncodingError, match="not the mean of the group"):
        ceilings_of([people[0], people[0]])
    with pytest.raises(EncodingError, match="sub-1 has other volumes than sub-0"):
        ceilings_of([people[0], problem(bold[1][:59], "sub-1")])
    with pytest.raises(EncodingError, match="sub-1 has other targets"):
        ceilings_of([people[0], problem(bold[1][:, :2], "sub-1")])
    halves = [np.arange(60) < 32, np.arange(60) >= 30]
    with pytest.raises(EncodingError, match="all subjects use only 2 rows"):
        ceilings_of([problem(bold[i], f"sub-{i}", used=halves[i]) for i in range(2)])


def test_runs_that_repeat_are_found_by_their_features():
    _, runs = crowd(3, 400)
    shown = np.random.default_rng(5).standard_normal((2, 400, 1))
    features = {"x": np.concatenate([shown[0], shown[1], shown[0]])}
    labels = np.repeat([0, 1, 2], 400)
    one = problem(np.concatenate(runs), runs=labels, features=features)
    found = repeat_ceiling(one)
    assert np.allclose(found.r, explainable_variance([runs[0], runs[2]]).r, atol=1e-9)
    assert np.allclose(repeat_ceiling(one, [1, 2]).r, explainable_variance(runs[1:]).r, atol=1e-9)
    with pytest.raises(EncodingError, match="sub-1: runs 0, of 400 TRs, are no repeats"):
        repeat_ceiling(one, [0])
    with pytest.raises(EncodingError, match="no repeats"):
        repeat_ceiling(one, [0, 7])
    uneven = problem(np.concatenate(runs)[:-1], runs=labels[:-1])
    with pytest.raises(EncodingError, match="of 400, 399 TRs"):
        repeat_ceiling(uneven, [0, 2])
