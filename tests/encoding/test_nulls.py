"""p is what chance gives, no smaller than the data allow, and refused where shifts mean nothing."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from encoding.made import noise, problem, slow

from giblet.encoding import fit
from giblet.encoding.nuisance import drifts
from giblet.encoding.nulls import block_null, false_discoveries, plan_blocks, plan_shifts, shifted
from giblet.errors import EncodingError


@pytest.mark.parametrize(("lengths", "columns"), [((362,), 1), ((362,), 12), ((100, 100), 4), ((120,) * 6, 4)])
def test_p_is_that_of_chance_where_there_is_nothing_to_find(lengths, columns):
    found = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = np.concatenate([slow(rng, n, columns) for n in lengths])
        bold = np.concatenate([noise(rng, n, 80) for n in lengths])
        data = problem({"x": x}, bold, lengths=lengths, nuisance=drifts(lengths, Fraction(2), "1/128"), reach=(32.0, 0))
        options = {"delays": (), "alphas": np.logspace(0, 6, 7), "permutations": 200, "dtype": "float64"}
        found.append(fit(data, **options, random_state=seed).p)
    p = np.concatenate(found)
    # Targets share one feature, so that 400 of them are not 400 draws.
    assert (p <= 0.05).mean() < 0.08
    assert (p <= 0.2).mean() < 0.26
    assert 0.4 < (p <= 0.5).mean() < 0.62


def test_what_is_there_is_found():
    rng = np.random.default_rng(0)
    x = slow(rng, 362, 1)
    bold = noise(rng, 362, 40)
    bold[:, :20] += 1.5 * x / x.std()
    data = problem({"x": x}, bold, lengths=(362,), reach=(32.0, 0))
    scores = fit(data, delays=(), permutations=500)
    assert (scores.q[:20] <= 0.05).mean() > 0.9
    assert (scores.q[20:] <= 0.05).mean() < 0.15
    assert scores.smallest_p == pytest.approx(1 / 501)
    assert scores.p.min() < 5 / 501


def test_permuted_blocks_are_those_of_the_arrays():
    rng = np.random.default_rng(0)
    predicted, bold = ([rng.standard_normal((n, 3)) for n in (13, 9)] for _ in range(2))
    plan = plan_blocks([13, 9], Fraction(2), 40, 6, 1)
    assert (plan.lengths, [orders.shape for orders in plan.orders]) == ((3, 3), [(40, 4), (40, 3)])
    assert plan.smallest_p == pytest.approx(1 / 41)

    def mean_r(first, second):
        total = 0
        for prediction, order, measured in zip(predicted, (first, second), bold, strict=True):
            moved = np.concatenate([prediction[3 * block : 3 * block + 3] for block in order])
            n = len(moved)
            total = total + np.array([np.corrcoef(moved[:, t], measured[:n, t])[0, 1] for t in range(3)])
        return total

    here = mean_r(range(4), range(3))
    null = np.array([np.sqrt(2) * mean_r(*orders) for orders in zip(*plan.orders, strict=True)])
    p, margin = block_null(plan, predicted, bold)
    np.testing.assert_allclose(p, (1 + (null >= here).sum(axis=0)) / 41)
    # Of 40 permutations one may be as good where p ≤ .05: r has to exceed the second best.
    np.testing.assert_allclose(margin, (here - np.sort(null, axis=0)[-2]) / 2)
    few = plan_blocks([13, 9], Fraction(2), 10, 6, 1)
    assert np.isnan(block_null(few, predicted, bold)[1]).all()


def test_p_cannot_be_smaller_than_orders_allow():
    # Two folds of two blocks: 4 orders, however often one draws.
    plan = plan_blocks([30, 30], Fraction(2), 10_000, 30)
    assert plan.smallest_p == 1 / 4
    assert len(list(permutations(range(2)))) ** 2 == 4
    with pytest.raises(EncodingError, match="held-out parts of at most 29 TRs hold no two blocks of 30 s"):
        plan_blocks([20, 29], Fraction(2), 10, 30)


def test_shifts_are_fits_to_features_moved_within_their_run():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 1))
    bold = np.stack([np.roll(x[:, 0], 2) + rng.standard_normal(300), rng.standard_normal(300)], axis=1)
    data = problem({"x": x}, bold, lengths=(150, 150))
    scores = fit(data, delays=[2, 4], n_blocks=3, null="shifts", permutations=19, alphas=[10.0])
    assert scores.smallest_p == scores.p[0] == 1 / 20
    assert scores.p[1] > 1 / 20
    moved = shifted(data, 7)["x"]
    np.testing.assert_array_equal(moved[7:150], x[:143])
    np.testing.assert_array_equal(moved[:7], x[143:150])
    np.testing.assert_array_equal(moved[157:], x[150:293])


def test_shifts_are_as_far_apart_as_features_remember():
    rng = np.random.default_rng(0)
    data = problem({"x": slow(rng, 300, 3)}, noise(rng, 300, 1), lengths=(300,))
    plan = plan_shifts(data, (8.0, 0.0), 1000)
    assert plan.spacing >= 4
    assert set(np.diff(plan.shifts)) == {plan.spacing}
    assert plan.shifts[-1] <= 300 - plan.spacing
    assert plan.smallest_p == 1 / (1 + len(plan.shifts))
    # What p can be is decided by the data, not by how many shifts one asks for.
    assert len(plan.shifts) < 75
    assert len(plan_shifts(data, (8.0, 0.0), 10).shifts) == 10


@pytest.mark.parametrize("period", [10, 15])
def test_periodic_designs_are_refused_for_shifts(period):
    rng = np.random.default_rng(0)
    blocks = (np.arange(200) % period < period // 2) + 0.05 * rng.standard_normal(200)
    data = problem({"blocks": blocks[:, None]}, lengths=(200,), tr=3)
    with pytest.raises(EncodingError, match=rf"blocks repeats itself after {period * 3} s .* take the null by blocks"):
        fit(data, null="shifts")


def test_short_runs_hold_no_shifts():
    with pytest.raises(EncodingError, match=r"runs of 30 TRs hold only 2 shifts that are independent \(8 TRs apart\)"):
        plan_shifts(problem(lengths=(30,)), (16.0, 0.0), 100)


def test_false_discoveries_by_hand():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.005])
    # Sorted: .005 · 4/1, .01 · 4/2, .03 · 4/3, .04 · 4/4.
    np.testing.assert_allclose(false_discoveries(p), [0.02, np.nan, 0.04, 0.04, 0.02])
    assert np.isnan(false_discoveries(np.full(3, np.nan))).all()
