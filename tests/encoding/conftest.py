"""A small study: words, and BOLD of three people that follows their rate, one of them without signal."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from nilearn.glm.first_level import spm_hrf

TR, N = 2.0, 120
SUBJECTS, RUNS = ("s1", "s2", "s3"), ("a", "b")


def onsets(run: str) -> np.ndarray:
    """When words begin, s: in bursts."""
    rng = np.random.default_rng(RUNS.index(run))
    seconds = np.arange(0, N * TR - 1, 0.25)
    pace = 0.05 + 0.9 * (np.convolve(rng.random(len(seconds)), np.ones(16) / 16, "same") > 0.5)
    return seconds[rng.random(len(seconds)) < 0.5 * pace]


def rate(run: str) -> np.ndarray:
    """Words that end in each TR: (N, 1)."""
    return np.histogram(onsets(run) + 0.2, np.arange(N + 1) * TR)[0][:, None].astype(float)


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
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
