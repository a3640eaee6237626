"""Confounds, drifts and censored volumes, as nilearn treats them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from bold.fabricated import brain, write_fmriprep_confounds, write_mask, write_nifti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import signal

import giblet.bold.cleaning
from giblet.bold import read_bold
from giblet.errors import BoldError, ParameterError

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
N = 60


@pytest.fixture
def study(tmp_path):
    """A run as fMRIPrep leaves it, and its mask."""
    volumes, inside = brain(N)
    volumes += np.linspace(0, 40, N)[None, None, None].astype(np.float32)
    image = write_nifti(tmp_path / "sub-01_task-film_space-MNI_desc-preproc_bold.nii.gz", volumes)
    write_fmriprep_confounds(tmp_path / "sub-01_task-film_desc-confounds_timeseries.tsv", N)
    return image, write_mask(tmp_path / "mask.nii", inside), tmp_path / "sub-01_task-film_desc-confounds_timeseries.tsv"


@pytest.fixture(params=[2**21, 2000])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(giblet.bold.cleaning, "BLOCK", request.param)


def nilearns(image, mask, *, strategy, **options):
    from nilearn.interfaces.fmriprep import load_confounds
    from nilearn.maskers import NiftiMasker

    table, kept = load_confounds(str(image), strategy=strategy)
    masker = NiftiMasker(mask, standardize=False, t_r=2.0, **options)
    return masker.fit_transform(image, confounds=table, sample_mask=kept), kept


BOTH, SCRUB, DRIFTS = ("motion", "wm_csf"), ("motion", "scrub"), ("high_pass", "wm_csf")
COSINES = {"high_pass": 1 / 64, "clean_args": {"filter": "cosine"}}


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize(
    ("strategy", "ours", "theirs"),
    [
        *((strategy, {}, {}) for strategy in (BOTH, SCRUB, DRIFTS)),
        *((strategy, {"detrend": True}, {"detrend": True}) for strategy in (BOTH, SCRUB, DRIFTS)),
        *((strategy, {"high_pass": "1/64"}, COSINES) for strategy in (BOTH, SCRUB)),
    ],
)
def test_fmripreps_confounds_as_nilearn_takes_them_out(study, strategy, ours, theirs):
    image, mask, table = study
    expected, kept = nilearns(image, mask, strategy=strategy, **theirs)
    courses = read_bold(image, mask=mask, confounds=table, strategy=strategy, **ours)
    assert np.flatnonzero(~courses.censored).tolist() == kept.tolist()
    assert f"{courses.censored.sum()} of {N} volumes are censored by the confounds." in courses.notes
    np.testing.assert_allclose(courses.values[kept], expected, atol=0.05)
    # What is censored says nothing.
    assert np.ptp(courses.values[courses.censored] - courses.values[kept].mean(axis=0)) < 0.01


def test_the_table_may_lie_anywhere_and_the_image_have_any_kind(study, tmp_path):
    image, mask, table = study
    expected = read_bold(image, mask=mask, confounds=table)
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(table, tmp_path / "elsewhere" / "sub-01_desc-confounds_regressors.tsv")
    image = image.rename(tmp_path / "whatever.nii.gz")
    courses = read_bold(image, mask=mask, confounds=moved)
    np.testing.assert_array_equal(courses.values, expected.values)
    np.save(tmp_path / "x.npy", expected.values)
    assert read_bold(tmp_path / "x.npy", confounds=moved).censored.sum() == 1


def test_thresholds_are_handed_on(study):
    image, mask, table = study
    options = {"fd_threshold": 5.0, "std_dvars_threshold": 5.0}
    assert read_bold(image, mask=mask, confounds=table, strategy="scrub").censored[30]
    assert not read_bold(image, mask=mask, confounds=table, strategy=("scrub",), strategy_options=options).censored[30]


def test_chosen_columns_are_regressed_out(study):
    from nilearn.signal import clean

    image, mask, table = study
    names = ["trans_x", "rot_y_derivative1"]
    import pandas as pd

    regressors = pd.read_csv(table, sep="\t")[names].to_numpy()
    regressors[0, 1] = regressors[1, 1]
    raw = read_bold(image, mask=mask).values.astype(np.float64)
    expected = clean(raw, confounds=regressors, detrend=True, standardize=False)
    courses = read_bold(image, mask=mask, confounds=table, confound_columns=names, detrend=True)
    np.testing.assert_allclose(courses.values, expected, atol=1e-3)
    assert not courses.censored.any()
    marked = read_bold(image, mask=mask, confounds=table, confound_columns=["non_steady_state_outlier00"])
    assert np.flatnonzero(marked.censored).tolist() == [0]
    np.testing.assert_array_equal(marked.values, raw.astype(np.float32))


def test_a_table_with_rows_for_dropped_volumes(tmp_path):
    rng = np.random.default_rng(0)
    motion = rng.normal(size=(N + 10, 6))
    signal = motion[10:, :2] @ rng.normal(size=(2, 4)) + 0.01 * rng.normal(size=(N, 4))
    np.save(tmp_path / "x.npy", signal)
    np.savetxt(tmp_path / "rp.txt", motion)
    courses = read_bold(tmp_path / "x.npy", confounds=tmp_path / "rp.txt", dropped=10, detrend=True)
    assert courses.values.std() < 0.02
    with pytest.raises(BoldError, match=r"rp\.txt: has 70 rows, and the run 60 volumes; give the table of this run"):
        read_bold(tmp_path / "x.npy", confounds=tmp_path / "rp.txt")
    with pytest.raises(BoldError, match="60 volumes and 9 dropped before"):
        read_bold(tmp_path / "x.npy", confounds=tmp_path / "rp.txt", dropped=9)


def test_confounds_that_cannot_be_used(study, tmp_path):
    image, mask, table = study
    np.savetxt(tmp_path / "many.txt", np.random.default_rng(0).normal(size=(N, N)))
    hole = np.random.default_rng(0).normal(size=(N, 2))
    hole[5, 1] = np.nan
    np.savetxt(tmp_path / "hole.txt", hole)
    cases = [
        (ParameterError, "60 regressors would leave nothing of 60 volumes", {"confounds": tmp_path / "many.txt"}),
        (BoldError, "lacks values in the middle", {"confounds": tmp_path / "hole.txt"}),
        (BoldError, "has no column trans_q", {"confounds": table, "confound_columns": ["trans_q"]}),
        (BoldError, "does not fit the strategy", {"confounds": table, "strategy": ("global_signal",)}),
        (BoldError, "does not fit the strategy", {"confounds": table, "strategy": ("nonsense",)}),
        (BoldError, "there is no such file", {"confounds": tmp_path / "none.tsv"}),
        (ParameterError, "a strategy is for", {"confounds": tmp_path / "many.txt", "strategy": ("motion",)}),
        (ParameterError, "taken out twice", {"confounds": table, "strategy": ("high_pass",), "high_pass": 0.01}),
        (ParameterError, "high_pass is 128 Hz", {"high_pass": 128}),
        (ParameterError, "high_pass is 0 Hz", {"high_pass": 0}),
        (ParameterError, "regressors would leave nothing", {"high_pass": 0.249}),
    ]  # fmt: skip
    for kind, said, options in cases:
        with pytest.raises(kind) as error:
            read_bold(image, mask=mask, **options)
        assert said in str(error.value)
        assert str(tmp_path / "sub-x") not in str(error.value)
    np.save(tmp_path / "x.npy", hole)
    with pytest.raises(ParameterError, match="high_pass needs the TR"):
        read_bold(tmp_path / "x.npy", high_pass=0.01)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**16), detrend=st.booleans(), censor=st.sets(st.integers(0, N - 1), max_size=20))
def test_nothing_of_the_confounds_is_left(tmp_path, seed, detrend, censor):
    rng = np.random.default_rng(seed)
    marks = np.zeros((N, len(censor)))
    marks[sorted(censor), range(len(censor))] = 1
    names = [*"abc", *(f"motion_outlier{i:02}" for i in range(len(censor)))]
    table = np.hstack([rng.normal(size=(N, 3)), marks])
    np.savetxt(tmp_path / "c.tsv", table, delimiter="\t", header="\t".join(names), comments="")
    values = rng.normal(100, 3, (N, 5))
    values[sorted(censor)] += 1e4
    np.save(tmp_path / "x.npy", values)
    courses = read_bold(tmp_path / "x.npy", confounds=tmp_path / "c.tsv", detrend=detrend)
    assert np.flatnonzero(courses.censored).tolist() == sorted(censor)
    left = courses.values[~courses.censored].astype(np.float64)
    left -= left.mean(axis=0)
    regressors = signal.detrend(table[~courses.censored, :3], axis=0, type="linear" if detrend else "constant")
    correlation = (regressors.T @ left) / (np.linalg.norm(regressors, axis=0)[:, None] * np.linalg.norm(left, axis=0))
    assert np.abs(correlation).max() < 1e-4
    assert courses.values.max() < 1000
