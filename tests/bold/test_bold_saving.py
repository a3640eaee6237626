"""Time courses on disk, and how good they are."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from bold.fabricated import brain, write_mask, write_nifti
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import giblet.bold.cleaning
from giblet.bold import isc, read_bold, save_time_courses, tsnr
from giblet.errors import BoldError, ParameterError


@pytest.fixture
def courses(tmp_path):
    values = np.random.default_rng(0).normal(1000, 5, (40, 30)).astype(np.float32)
    values[:, 3] = 7
    np.save(tmp_path / "x.npy", values)
    return read_bold(tmp_path / "x.npy")


@pytest.mark.parametrize("block", [2**21, 100])
def test_z_scores_to_be_mapped(courses, tmp_path, monkeypatch, block):
    monkeypatch.setattr(giblet.bold.cleaning, "BLOCK", block)
    monkeypatch.setattr(giblet.bold.saving, "ROW_BLOCK", block)
    censored = np.zeros(40, bool)
    censored[[0, 7]] = True
    path = tmp_path / "run.npy"
    save_time_courses(replace(courses, censored=censored), path)
    saved = np.load(path, mmap_mode="r", allow_pickle=False)
    assert (saved.shape, saved.dtype, saved.flags.c_contiguous) == ((40, 30), np.dtype("<f4"), True)
    used = courses.values.astype(np.float64)
    others = np.arange(30) != 3
    expected = stats.zmap(used[:, others], used[~censored][:, others], axis=0)
    np.testing.assert_allclose(saved[:, others], expected, atol=1e-5)
    assert not saved[:, 3].any()
    save_time_courses(courses, tmp_path / "raw.npy", standardize=False)
    np.testing.assert_array_equal(np.load(tmp_path / "raw.npy"), courses.values)


def test_nothing_is_lost_or_half_written(courses, tmp_path, monkeypatch):
    path = tmp_path / "run.npy"
    save_time_courses(courses, path)
    before = path.read_bytes()
    with pytest.raises(BoldError, match=r"run\.npy: exists already"):
        save_time_courses(courses, path)
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(np, "ascontiguousarray", lambda *_: (_ for _ in ()).throw(full))
    with pytest.raises(BoldError, match=r"cannot be written \(No space left"):
        save_time_courses(courses, path, force=True)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.npy", "x.npy"]


def test_tsnr(courses):
    values = courses.values.astype(np.float64)
    with np.errstate(divide="ignore"):
        expected = np.where(np.arange(30) == 3, 0, values.mean(axis=0) / values.std(axis=0))
    np.testing.assert_allclose(tsnr(courses.values), expected, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**16), st.integers(2, 5), st.floats(0.1, 100))
def test_isc_is_the_correlation_with_the_mean_of_the_others(seed, n_subjects, scale):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(30, 4))
    runs = [(common + rng.normal(size=(30, 4))) * rng.uniform(1, scale + 1) + 50 for _ in range(n_subjects)]
    z = stats.zscore(np.array(runs), axis=1)
    expected = [
        [np.corrcoef(z[i, :, t], np.delete(z, i, 0)[:, :, t].mean(axis=0))[0, 1] for t in range(4)]
        for i in range(n_subjects)
    ]
    np.testing.assert_allclose(isc(runs), expected, atol=1e-5)


def test_isc_passes_over_who_says_nothing():
    rng = np.random.default_rng(0)
    runs = [rng.normal(size=(30, 2)) + 10 for _ in range(3)]
    silent = np.zeros((30, 2))
    silent[:, 1] = runs[0][:, 1]
    result = isc([*runs, silent])
    assert np.isnan(result[3, 0])
    np.testing.assert_allclose(result[:3, 0], isc(runs)[:, 0], atol=1e-6)
    assert np.isnan(isc([runs[0], silent])[:, 0]).all()
    for wrong in ([runs[0]], [], [runs[0], runs[1][1:]], [np.zeros(3), np.zeros(3)]):
        with pytest.raises(ParameterError):
            isc(wrong)


# A thread looks at what the process itself has allocated.
WATCHED = """
import json, re, sys, threading, time
def allocated():
    return int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1024
import nilearn.maskers, nilearn.masking, nilearn.signal
from giblet.bold import read_bold, save_time_courses
before = peak = allocated()
def watch():
    global peak
    while True:
        peak = max(peak, allocated())
        time.sleep(0.005)
threading.Thread(target=watch, daemon=True).start()
courses = read_bold(sys.argv[1], mask=sys.argv[2], detrend=True, high_pass='1/128')
save_time_courses(courses, sys.argv[3])
print(json.dumps([peak - before, courses.values.nbytes / 2**20]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_that_of_the_voxels_in_the_mask(tmp_path):
    volumes, inside = brain(400, (40, 44, 36), dtype=np.int16)
    run, mask = write_nifti(tmp_path / "bold.nii.gz", volumes), write_mask(tmp_path / "mask.nii", inside)
    words = [sys.executable, "-c", WATCHED, run, mask, tmp_path / "out.npy"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    peak, values = json.loads(done.stdout)
    # The whole run takes 97 MB as float32 and 193 as float64; blocks of 64 MB are read.
    assert peak < values + 250
