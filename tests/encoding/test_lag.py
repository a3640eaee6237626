"""The lag between stimulus and BOLD: planted errors are found, and noise is called noise."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import yaml
from conftest import PROJECT

from giblet.alignment import convolve
from giblet.encoding.curve import LagCurve
from giblet.encoding.lag import choose_targets, lag_curve
from giblet.encoding.lag_sweep import sweep
from giblet.encoding.nuisance import HIGH_PASS, drifts
from giblet.encoding.problem import EncodingProblem
from giblet.encoding.time_check import TimeCheck, check_alignment
from giblet.encoding.verdict import judge_lag
from giblet.errors import AlignmentError, EncodingError, ParameterError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

TR = Fraction(3, 2)
GRID = TRGrid(TR, 240, start=Fraction(10))


def words(seed=0, seconds=400.0):
    """Words in sentences, whose rate wanders as in speech."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.gamma(2, 0.15, 2000) * np.repeat(rng.lognormal(0, 0.7, 200), 10))
    times = times[times < seconds]
    return FeatureSeries(np.ones((len(times), 1)), times, ("text.word_rate",), "event", np.zeros(len(times)))


def envelope(seed=0, rate=20, seconds=400):
    """A continuous feature far from 0, as decibels are."""
    rng = np.random.default_rng(seed)
    coarse = np.repeat(rng.standard_normal(seconds // 2), 2 * rate)
    return FeatureSeries.regular(80 + 3 * coarse[:, None], rate, ("audio.power",))


def people(series, n=8, late=Fraction(0), noise=1.0, seed=0, n_targets=3, grids=(GRID,)):
    """BOLD of subjects to whom a stimulus came later than it is said to have."""
    rng = np.random.default_rng(seed)
    clean = np.concatenate([convolve(series.moved(late), grid)[:, 0] for grid in grids])
    clean = (clean - clean.mean()) / clean.std()
    lengths = [grid.n_trs for grid in grids]
    nuisance = drifts(lengths, TR, HIGH_PASS)
    slow = 10 * nuisance.sum(axis=1)
    return [
        EncodingProblem(
            features={"x": rng.standard_normal((len(clean), 1))},
            bold=500 + 20 * (clean[:, None] + slow[:, None] + noise * rng.standard_normal((len(clean), n_targets))),
            runs=np.repeat(np.arange(len(grids)), lengths),
            tr=TR,
            used=np.ones(len(clean), bool),
            targets=tuple(f"region-{i}" for i in range(n_targets)),
            nuisance=nuisance,
            name=f"sub-{i}",
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("make", [words, envelope])
@pytest.mark.parametrize("trs", [Fraction(2), Fraction(-3, 2), Fraction(0), Fraction(1, 4)])
def test_a_planted_error_is_found_with_its_sign(make, trs):
    series, late = make(), trs * TR
    curve = lag_curve(people(series, late=late, noise=3.0), sweep([(series, GRID)]))
    assert curve.level == "group"
    assert abs(curve.peak - float(late)) <= 0.75
    assert curve.interval[0] <= curve.peak <= curve.interval[1]
    if abs(trs) < 1:
        assert curve.verdict == "aligned"
    else:
        assert curve.verdict == "off"
        assert curve.interval[0] - 0.4 <= float(late) <= curve.interval[1] + 0.4
        assert f"{'later' if trs > 0 else 'earlier'} than the stimulus says" in curve.sentence
        assert ("raise onset" if trs > 0 else "lower onset") in curve.sentence


def test_without_noise_every_lag_is_exact_and_r_is_1():
    series = words()
    swept = sweep([(series, GRID)], max_lag=6, step=Fraction(1, 4))
    assert [float(lag) for lag in swept.lags] == [k * 0.375 for k in range(-16, 17)]
    for lag in swept.lags[4:-4:5]:
        curve = lag_curve(people(series, late=lag, noise=0), swept)
        assert curve.peak == float(lag)
        assert curve.r.max() == pytest.approx(1, abs=1e-9)


def test_runs_are_swept_each_for_itself():
    series = words()
    grids = (TRGrid(TR, 120, start=Fraction(5)), TRGrid(TR, 100, start=Fraction(190)))
    curve = lag_curve(people(series, late=Fraction(3), grids=grids, noise=0), sweep([(series, g) for g in grids]))
    assert (curve.peak, curve.verdict) == (3.0, "off")
    assert curve.r.max() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n", [1, 8])
def test_noise_is_inconclusive(n):
    series = words()
    swept = sweep([(series, GRID)])
    curves = [
        lag_curve(people(series, n, noise=1e6, seed=seed), swept, n_bootstrap=300, n_permutations=200)
        for seed in range(12)
    ]
    assert {curve.verdict for curve in curves if curve.p > 0.05} == {"inconclusive"}
    # The search for the best lag is part of the null, so one in twenty falls below .05, and not half of them.
    assert sum(curve.p <= 0.05 for curve in curves) <= 3
    assert all("chance reaches" in curve.sentence for curve in curves if curve.p > 0.05)


def test_a_single_subjects_interval_comes_from_blocks_and_is_wider():
    series = words()
    swept, crowd = sweep([(series, GRID)]), people(series, noise=4.0)
    one, group = lag_curve(crowd[0], swept), lag_curve(crowd, swept)
    assert (one.level, one.name, group.name) == ("subject", "sub-0", "group")
    assert any("12 blocks of 30 s" in note for note in one.notes)
    assert any("8 subjects" in note for note in group.notes)
    assert one.interval[1] - one.interval[0] > group.interval[1] - group.interval[0]
    # Two subjects are too few to draw from.
    assert any("12 blocks" in note for note in lag_curve(crowd[:2], swept).notes)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    series = words()
    swept = sweep([(series, GRID)], max_lag=8, step=Fraction(1, 8))
    held = 0
    for seed in range(30):
        curve = lag_curve(
            people(series, 12, late=Fraction(3), noise=6.0, seed=seed), swept, n_bootstrap=400, n_permutations=20
        )
        held += curve.interval[0] <= 3 <= curve.interval[1]
    assert held >= 25


def test_censored_volumes_and_drifts_do_not_move_the_peak():
    series = words()
    crowd = people(series, late=TR, noise=0.5)
    spoilt = []
    for i, problem in enumerate(crowd):
        used, bold = problem.used.copy(), problem.bold.copy()
        used[20 * i : 20 * i + 6] = False
        bold[~used] = 1e6
        spoilt.append(replace(problem, used=used, bold=bold))
    curve = lag_curve(spoilt, sweep([(series, GRID)]))
    assert curve.peak == pytest.approx(1.5, abs=0.375)
    assert curve.r.max() > 0.8


def test_a_target_that_is_no_number_leaves_the_others_alone():
    series = words()
    crowd = people(series, noise=0.5)
    broken = [replace(problem, bold=problem.bold.copy()) for problem in crowd]
    broken[3].bold[7, 1] = np.nan
    curve, whole = (lag_curve(group, sweep([(series, GRID)])) for group in (broken, crowd))
    assert np.isfinite(curve.r).all()
    assert curve.r.max() == pytest.approx(whole.r.max(), abs=0.01)


def test_of_many_targets_those_count_that_subjects_share():
    series = words()
    crowd = [
        replace(
            problem,
            bold=np.hstack([problem.bold, np.random.default_rng(i).standard_normal((240, 597))]),
            targets=tuple(f"v{k}" for k in range(600)),
        )
        for i, problem in enumerate(people(series, noise=1.0))
    ]
    which, notes = choose_targets(crowd, np.arange(240))
    assert len(which) == 60
    assert {0, 1, 2} <= set(which.tolist())
    assert "60 of 600" in notes[0]
    named = lag_curve(crowd, sweep([(series, GRID)]), targets=["v1", "v2"])
    assert (named.n_targets, named.verdict) == (2, "aligned")
    with pytest.raises(EncodingError, match="there is no target v600"):
        lag_curve(crowd, sweep([(series, GRID)]), targets=["v600"])


def test_curves_survive_json_and_are_the_same_for_a_seed():
    series = words()
    curve = lag_curve(people(series, noise=3.0), sweep([(series, GRID)]), n_bootstrap=100, n_permutations=50)
    again = lag_curve(people(series, noise=3.0), sweep([(series, GRID)]), n_bootstrap=100, n_permutations=50)
    back = LagCurve.from_dict(json.loads(json.dumps(curve.to_dict())))
    for other in (again, back):
        assert other.to_dict() == curve.to_dict()
    table = back.to_table()
    assert list(table.columns) == ["name", "level", "lag", "r", "low", "high"]
    assert (table["low"] <= table["high"]).all()
    assert table["lag"][table["r"].idxmax()] == curve.peak


def test_periodic_designs_are_refused():
    for period in (30, 60, 90):
        onsets = np.arange(0, 400, period, dtype=float)
        boxes = FeatureSeries(np.ones((len(onsets), 1)), onsets, ("boxes",), "event", np.full(len(onsets), period / 2))
        with pytest.raises(EncodingError, match="repeats itself, or turns over, after"):
            sweep([(boxes, GRID)])


def test_features_that_mark_no_time_are_refused():
    grid = [(words(), GRID)]
    for settings in ({"step": 0}, {"max_lag": 0.1}, {"step": "1/10000"}, {"max_lag": -3}):
        with pytest.raises(EncodingError, match="cannot be swept"):
            sweep(grid, **settings)
    with pytest.raises(EncodingError, match="several columns of one"):
        sweep(grid, hrf="spm + derivative")
    with pytest.raises(ParameterError, match="no haemodynamic response"):
        sweep(grid, hrf="none")
    codes = FeatureSeries.regular(np.zeros((4000, 1), int), 10, ("audio.codes",), "categorical")
    with pytest.raises(AlignmentError, match="categories"):
        sweep([(codes, GRID)])
    two = FeatureSeries.regular(np.ones((4000, 2)), 10, ("a", "b"))
    with pytest.raises(EncodingError, match="has 2 columns"):
        sweep([(two, GRID)])
    with pytest.raises(EncodingError, match="never changes"):
        sweep([(FeatureSeries.regular(np.ones((4000, 1)), 10, ("flat",)), GRID)])
    with pytest.raises(EncodingError, match=r"TRs of 1\.5 and 2 s"):
        sweep([*grid, (words(), TRGrid(Fraction(2), 100))])


def test_what_does_not_fit_is_refused():
    series = words()
    swept, crowd = sweep([(series, GRID)]), people(series)
    with pytest.raises(EncodingError, match=r"the feature has 100 rows of 1\.5 s, the BOLD 240"):
        lag_curve(crowd, sweep([(series, TRGrid(TR, 100))]))
    with pytest.raises(EncodingError, match="no target has a signal"):
        lag_curve(replace(crowd[0], bold=np.full((240, 3), 0.1)), swept)
    with pytest.raises(EncodingError, match="sub-0: 240 TRs hold 3 whole blocks of 120 s, and 6"):
        lag_curve(crowd[0], swept, block=120)
    with pytest.raises(EncodingError, match="0 bootstrap draws"):
        lag_curve(crowd, swept, n_bootstrap=0)
    with pytest.raises(EncodingError, match="other volumes"):
        lag_curve([crowd[0], people(series, 2, grids=(TRGrid(TR, 100),))[1]], swept)


@pytest.mark.parametrize(
    ("peak", "interval", "p", "verdict"),
    [
        (0.5, (-0.5, 1.5), 0.001, "aligned"),
        (-1.0, (-3.0, 0.5), 0.001, "aligned"),
        (2.0, (1.5, 3.0), 0.001, "off"),
        (-2.0, (-2.5, -1.5), 0.001, "off"),
        (2.0, (0.5, 3.0), 0.001, "inconclusive"),
        (0.0, (-3.0, 3.0), 0.001, "inconclusive"),
        (10.0, (9.0, 10.0), 0.001, "inconclusive"),
        (0.0, (0.0, 0.0), 0.06, "inconclusive"),
    ],
)
def test_verdicts(peak, interval, p, verdict):
    found, sentence = judge_lag("group", np.arange(-10, 10.5, 0.5), peak, interval, 0.3, p, 0.001, 0.2)
    assert found == verdict
    assert sentence.startswith(f"group: {verdict}: ")
    assert sentence.count(". ") == 0


@pytest.fixture(scope="module")
def alice(realdata, tmp_path_factory):
    """Return a function that writes the study with an onset that may be wrong."""
    folder = tmp_path_factory.mktemp("alice")
    for part in ("alice_data_shared", "alice_stim_shared"):
        (folder / part).symlink_to(realdata / "fmri" / "alice_brennan2016" / part)
    stated = yaml.safe_load((PROJECT / "examples" / "alice.yaml").read_text())

    def study(onset):
        path = folder / f"alice{onset}.yaml"
        path.write_text(yaml.safe_dump({**stated, "root": str(folder), "onset": onset}))
        return path

    return study


@pytest.mark.realdata
@pytest.mark.slow
def test_alice_is_aligned_as_a_group_and_undecided_one_by_one(alice):
    found = check_alignment(alice(0))
    # Known of this study: best lag −0.5 s, bootstrap interval −1 to 0 s.
    assert found.group.verdict == "aligned"
    assert (found.group.peak, found.group.interval) == (-0.5, (-1.0, 0.0))
    assert len(found.subjects) == 27
    assert sum(curve.verdict == "inconclusive" for curve in found.subjects) >= 25
    widths = [curve.interval[1] - curve.interval[0] for curve in found.subjects]
    assert np.median(widths) > 8
    assert TimeCheck.from_dict(json.loads(json.dumps(found.to_dict()))).to_dict() == found.to_dict()


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize(("onset", "late"), [(-4, 4), (3, -3)])
def test_errors_planted_in_alice_are_found(alice, onset, late):
    found = check_alignment(alice(onset), subjects=["s18", *(f"s{i}" for i in range(35, 54))])
    assert found.group.verdict == "off"
    # All lags of this study are half a second early.
    assert found.group.peak == pytest.approx(late - 0.5, abs=0.5)
    assert found.group.interval[0] <= late <= found.group.interval[1] + 0.5
