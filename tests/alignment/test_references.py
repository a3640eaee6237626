"""Against what other programs computed: SPM, nipraxis, and the regressors of a published study."""

from __future__ import annotations

import re

import numpy as np
import pytest
from alignment.made import events
from scipy.io import loadmat
from scipy.stats import gamma

from giblet.alignment import convolve, hrf_peak
from giblet.timeline import TRGrid

ONSETS = ([30, 50, 70], [10, 30, 80], [30, 40, 60])


def off_the_peak(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@pytest.mark.realdata
def test_spms_response_at_three_trs(realdata):
    file = loadmat(realdata / "reference" / "nipy_spm_hrfs.mat")
    canonical = [
        (parameters.ravel()[0], response.ravel())
        for parameters, response in zip(file["params"][0], file["hrfs"][0], strict=True)
        if tuple(parameters.ravel()[1:]) == (6, 16, 1, 1, 6)
    ]
    assert [tr for tr, _ in canonical] == [0.5, 1, 1.5]
    for tr, spms in canonical:
        ours = convolve(events([0.0]), TRGrid(tr, len(spms)))[:, 0]
        # SPM normalises what it sampled to a sum of 1.
        assert off_the_peak(ours / ours.sum(), spms) < 0.02


@pytest.mark.realdata
def test_spms_basis_functions_at_10_ms(realdata):
    file = loadmat(realdata / "reference" / "nipy_spm_bases.mat")
    ours = convolve(events([0.0]), TRGrid("0.01", 3201), "spm + derivative + dispersion", 1)
    for column, name in ((0, "hrf"), (2, "ddhrf")):
        assert off_the_peak(ours[:, column], file[name].ravel()) < 0.02
    # SPM's derivative is the difference to the response a second later, nilearn's to that of a tenth of a second.
    later = np.concatenate([np.zeros(100), ours[:-100, 0]])
    assert off_the_peak(ours[:, 0] - later, file["dhrf"].ravel()) < 0.02


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "seconds", "bin_of_16"),
    # SPM samples at a reference bin of its 16 per TR; the files do not say which, but no other comes as close.
    [("arr_1", 10, 1), ("arr_1", 10, 0), ("arr_0", 1, 9)],
)
def test_spms_design_of_blocks(realdata, name, seconds, bin_of_16):
    with np.load(realdata / "reference" / "nilearn_spm_dmtx.npz", allow_pickle=False) as file:
        spms = file[name][:, :3]
    grid = TRGrid(1, 100, sample_offset=bin_of_16 / 16)
    ours = np.concatenate([convolve(events(onsets, seconds), grid) for onsets in ONSETS], axis=1)
    assert off_the_peak(ours, spms) < 0.02


@pytest.mark.realdata
def test_a_response_of_ones_own_at_the_rate_of_trs(realdata):
    """The regressor of nipraxis comes from a response of its own, sampled once per TR."""
    onsets, durations, _ = np.loadtxt(realdata / "reference" / "nipraxis_ds114_sub009_t2r1_cond.txt").T
    theirs = np.loadtxt(realdata / "reference" / "nipraxis_ds114_sub009_t2r1_conv.txt")

    def nipraxis(tr, oversampling):
        times = np.arange(0, 30, tr / oversampling)
        values = gamma.pdf(times, 6) - 0.35 * gamma.pdf(times, 12)
        return values / values.max() * 0.6

    ours = convolve(events(onsets, durations), TRGrid("2.5", 173), nipraxis, 1)[:, 0]
    assert np.abs(ours - theirs).max() < 1e-6


@pytest.mark.parametrize("hrf", ["spm", "glover", "spm + derivative"])
def test_responses_are_strongest_after_5_seconds(hrf):
    assert 4.95 <= hrf_peak(hrf) <= 5.05


@pytest.mark.realdata
def test_the_word_rate_of_alice_in_wonderland(realdata):
    """Ends of words with SPM's response are the authors' regressor, at its own lag and no other."""
    study = realdata / "fmri" / "alice_brennan2016"
    (grid_file,) = (study / "alice_stim_shared").glob("*.TextGrid")
    intervals = re.findall(r'xmax = ([\d.]+)\s+text = "(.*)"', grid_file.read_text(encoding="utf-8"))
    words = np.sort([float(end) for end, text in intervals if text.strip() not in ("", "sp")])
    files = sorted((study / "alice_data_shared").glob("s*-rate.txt"))
    assert (len(words), len(files)) == (2127, 28)
    around = 9
    ours = convolve(events(words), TRGrid(2, 362 + 2 * around, 20 - 2 * around))[:, 0]
    for file in files:
        theirs = np.loadtxt(file)
        r = {
            lag: np.corrcoef(ours[around + lag : around + lag + 362], theirs)[0, 1]
            for lag in range(-around, around + 1)
        }
        assert r[0] >= 0.98, file.name
        assert max(r, key=r.__getitem__) == 0, file.name
