"""Problems of which one knows what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml
from nilearn.glm.first_level import spm_hrf
from scipy.signal import lfilter

from giblet.encoding import EncodingProblem

TR, N = 2.0, 120
SUBJECTS, RUNS = ("s1", "s2", "s3"), ("a", "b")


def problem(features=None, bold=None, *, lengths=(120,), tr=2, seed=0, n_targets=3, used=None, **more):
    """A problem of random features and BOLD, or of those given."""
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    features = (
        {"sound": rng.standard_normal((n, 3)), "words": rng.standard_normal((n, 1))} if features is None else features
    )
    bold = rng.standard_normal((n, n_targets)) if bold is None else bold
    runs = np.repeat(np.arange(len(lengths)), lengths)
    used = np.ones(n, bool) if used is None else used
    targets = tuple(f"t{i}" for i in range(bold.shape[1]))
    return EncodingProblem(features, bold, runs, tr, used, targets, **more)


def slow(rng, n, columns, tr=2.0):
    """Columns as features are after a haemodynamic response."""
    raw = lfilter([1], [1, -0.5], rng.standard_normal((n + 60, columns)), axis=0)
    return lfilter(spm_hrf(tr, oversampling=1), [1], raw, axis=0)[60:]


def noise(rng, n, targets):
    """BOLD that nothing is in: it remembers and drifts."""
    short = lfilter([1], [1, -0.6], rng.standard_normal((n + 60, targets)), axis=0)[60:]
    return short + 0.15 * np.cumsum(rng.standard_normal((n, targets)), axis=0)


def onsets(run: str) -> np.ndarray:
    """When words begin, s: in bursts."""
    rng = np.random.default_rng(RUNS.index(run))
    seconds = np.arange(0, N * TR - 1, 0.25)
    pace = 0.05 + 0.9 * (np.convolve(rng.random(len(seconds)), np.ones(16) / 16, "same") > 0.5)
    return seconds[rng.random(len(seconds)) < 0.5 * pace]


def rate(run: str) -> np.ndarray:
    """Words that end in each TR: (N, 1)."""
    return np.histogram(onsets(run) + 0.2, np.arange(N + 1) * TR)[0][:, None].astype(float)


def write_study(folder: Path) -> Path:
    """Write a study of words, and BOLD of three people that follows their rate, one of them without signal."""
    for run in RUNS:
        words = "".join(f"{onset},0.2,w\n" for onset in onsets(run))
        (folder / f"words_{run}.csv").write_text("onset,duration,word\n" + words)
        response = np.convolve(rate(run)[:, 0], spm_hrf(TR, oversampling=1))[:N]
        response = (response - response.mean()) / response.std()
        for number, subject in enumerate(SUBJECTS):
            rng = np.random.default_rng(10 * number + RUNS.index(run))
            bold = 100 + np.stack([response, 0 * response, response], axis=1) + rng.standard_normal((N, 3))
            bold[:, 2] += np.linspace(0, 30, N)
            rows = bold if subject != "s3" else np.zeros((N, 3))
            np.savetxt(folder / f"{subject}_{run}.tsv", rows, "%.6f", "\t", header="heard\tdeaf\tdrifts", comments="")
    values = {
        "name": "small", "subjects": list(SUBJECTS), "runs": list(RUNS), "bold": "{subject}_{run}.tsv",
        "annotations": "words_{run}.csv", "tr": TR,
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(values))
    return folder / "study.yaml"
