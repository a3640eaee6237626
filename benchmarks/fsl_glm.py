"""The GLM of FSL's visual and auditory scan by our design and by FEAT's: python benchmarks/fsl_glm.py FOLDER.

FOLDER holds cudaBayesregData_fmri_design.mat, …_filtered_func_data.nii.gz and …_mask.nii.gz. Pictures went on and off
every 30 s, sound every 45 s. FEAT's design has each with its derivative: its first column turns over every 30 s, so it
is the pictures, and its third, which turns over every 45 s, is the sound, whatever the page that comes with it says.

Boxes are convolved by giblet, once with FEAT's own response (a gamma function of mean 6 s and deviation 3 s), once with
SPM's, and read in the middle of each TR as FEAT does, which takes what was on at the beginning to have been on before.
Then they are filtered as FEAT filters BOLD and design: what a straight line by weighted least squares finds around each
volume is taken out.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from scipy.stats import gamma

from giblet.alignment import HRF, convolve
from giblet.bold import read_bold
from giblet.data.design import Design, design_matrix
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

TR, N_VOLUMES = Fraction(3), 45
GRID = TRGrid(TR, N_VOLUMES, sample_offset=TR / 2)
PERIODS = {"pictures": 30, "sound": 45}
"""Seconds on, and as many off."""
COLUMNS = {"pictures": 0, "sound": 2}
CUT_OFF = 100
"""Seconds; FEAT's default."""


@dataclass(frozen=True)
class Comparison:
    """Two designs of one scan.

    Attributes
    ----------
    regressors : dict of str to float
        r of our regressor with FEAT's.
    maps : dict of str to float
        r of the maps of t over voxels.
    peaks : dict of str to (float, float, float)
        Largest t by our design, by FEAT's, and the millimetres between the two places.
    shared : dict of str to float
        How many of FEAT's 100 strongest voxels are among ours, as a part of 1.
    """

    regressors: dict[str, float]
    maps: dict[str, float]
    peaks: dict[str, tuple[float, float, float]]
    shared: dict[str, float]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    print(
        "response           r of regressors   r of t maps   largest t: ours   FEAT's   apart   of FEAT's 100 strongest"
    )
    for title, hrf in RESPONSES.items():
        found = compare(folder, hrf)
        for name in PERIODS:
            ours, theirs, apart = found.peaks[name]
            print(
                f"{title:8} {name:9} {found.regressors[name]:15.3f}   {found.maps[name]:11.3f}   {ours:15.2f}   "
                f"{theirs:6.2f}   {apart:2.0f} mm   {found.shared[name]:.0%}"
            )


def compare(folder: Path, hrf: HRF) -> Comparison:
    """Fit both designs."""
    mask = folder / "cudaBayesregData_fmri_mask.nii.gz"
    bold = read_bold(folder / "cudaBayesregData_fmri_filtered_func_data.nii.gz", mask=mask, tr=TR).values
    feat = read_feat(folder / "cudaBayesregData_fmri_design.mat")
    values = convolve(boxes(), GRID, hrf)
    # In the order of FEAT's columns: each with its derivative, which FEAT takes from volume to volume.
    own = filtered(np.stack([f(values[:, i]) for i in range(2) for f in (lambda x: x, np.gradient)], axis=1))
    mine, theirs, places = t_maps(own, bold), t_maps(feat, bold), _places(mask)
    regressors, maps, peaks, shared = {}, {}, {}, {}
    for name, column in COLUMNS.items():
        regressors[name] = r_of(own[:, column], feat[:, column])
        ours, other = mine[column], theirs[column]
        maps[name] = r_of(ours, other)
        apart = float(np.linalg.norm(places[ours.argmax()] - places[other.argmax()]))
        peaks[name] = float(ours.max()), float(other.max()), apart
        strongest = [set(np.argsort(-t)[:100].tolist()) for t in (ours, other)]
        shared[name] = len(strongest[0] & strongest[1]) / 100
    return Comparison(regressors, maps, peaks, shared)


def boxes() -> FeatureSeries:
    """Return pictures and sound as events that last; the first of each began long before the scan."""
    rows = sorted(
        (onset, seconds, column)
        for column, seconds in enumerate(PERIODS.values())
        for onset in range(0, int(N_VOLUMES * TR), 2 * seconds)
    )
    before = 60
    onsets, durations = (np.array([row[i] for row in rows], float) for i in range(2))
    durations[onsets == 0] += before
    onsets[onsets == 0] -= before
    values = np.eye(len(PERIODS))[[column for _, _, column in rows]]
    return FeatureSeries(values, onsets, tuple(PERIODS), "event", durations)


def feat_gamma(tr: float, oversampling: int) -> np.ndarray:
    """Return FEAT's default response, in steps of tr / oversampling."""
    mean, deviation = 6.0, 3.0
    times = np.arange(0, 32, tr / oversampling)
    weights = gamma.pdf(times, (mean / deviation) ** 2, scale=deviation**2 / mean)
    return weights / weights.sum()


def filtered(values: np.ndarray) -> np.ndarray:
    """Take out slow drifts as FSL does (fslmaths -bptf): lines under a Gaussian of half the cut-off."""
    rows, sigma, out = np.arange(len(values)), CUT_OFF / 2 / float(TR), np.empty_like(values)
    for row in rows:
        root = np.exp(-np.square((rows - row) / sigma) / 4)[:, None]
        line = np.stack([np.ones(len(rows)), rows - row], axis=1)
        out[row] = values[row] - np.linalg.lstsq(line * root, values * root, rcond=None)[0][0]
    return out


RESPONSES: dict[str, HRF] = {"FEAT's": feat_gamma, "SPM's": "spm"}


def read_feat(path: Path) -> np.ndarray:
    """Return the matrix of a FEAT design, (n_volumes, n_columns)."""
    _, _, table = path.read_text().partition("/Matrix")
    return np.array([[float(word) for word in line.split()] for line in table.strip().splitlines()])


def t_maps(design: np.ndarray, bold: np.ndarray) -> np.ndarray:
    """Return t of each column, by ordinary least squares: (n_columns, n_voxels)."""
    from nilearn.glm.contrasts import compute_contrast
    from nilearn.glm.first_level import run_glm

    matrix = design_matrix(Design(tuple("abcd"), design), GRID).to_numpy()
    labels, results = run_glm(bold.astype(np.float64), matrix, noise_model="ols")
    contrasts = np.eye(matrix.shape[1])[: design.shape[1]]
    return np.stack([compute_contrast(labels, results, one, stat_type="t").stat() for one in contrasts])


def r_of(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's r."""
    return float(np.corrcoef(one, other)[0, 1])


def _places(mask: Path) -> np.ndarray:
    """Return where voxels lie, millimetres."""
    import nibabel

    image = nibabel.load(mask)
    return np.argwhere(image.get_fdata() > 0) * np.array(image.header.get_zooms()[:3])


if __name__ == "__main__":
    main()
