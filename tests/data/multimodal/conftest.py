"""A small study of two subjects and two runs: a film, words, and BOLD as tables that say where they come from."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import yaml

N_TRS, TR = 18, 1.5
SUBJECTS, RUNS = ("a1", "a2"), ("x", "y")


def bold(subject: str, run: str) -> np.ndarray:
    """Time courses (20, 3) of which each value tells subject, run and volume."""
    volume = np.arange(20.0)
    own = 1 + SUBJECTS.index(subject) + 10 * RUNS.index(run)
    return np.stack([np.sin(volume * own), np.cos(volume / own), volume % (3 + own)], axis=1)


@pytest.fixture(scope="session")
def study_folder(tmp_path_factory, sample_film):
    folder = tmp_path_factory.mktemp("study")
    (folder / "film.mp4").symlink_to(sample_film)
    words = sample_film.with_name("sample_stimulus_words.csv")
    (folder / "words.csv").symlink_to(words)
    for subject in SUBJECTS:
        for run in RUNS:
            with (folder / f"{subject}_{run}.tsv").open("w", newline="") as file:
                writer = csv.writer(file, delimiter="\t")
                writer.writerow(["left", "right", "front"])
                writer.writerows(bold(subject, run).tolist())
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def study_file(study_folder):
    """Write the study's YAML file, changed as asked."""

    def write(name="study", **changes):
        values = {
            "name": name, "subjects": list(SUBJECTS), "runs": list(RUNS), "bold": "{subject}_{run}.tsv",
            "stimulus": "film.mp4", "annotations": "words.csv", "tr": TR, "codec": "tiny",
        } | changes  # fmt: skip
        path = study_folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
        return path

    return write


@pytest.fixture(scope="session")
def dataset(study_file, cache):
    """Open the study, its words alone unless asked otherwise, for they take no codec."""
    from giblet.data import MultimodalDataset

    path = study_file()

    def open_dataset(source=path, **settings):
        settings.setdefault("features", "text.word_rate")
        return MultimodalDataset(source, cache_dir=cache, **settings)

    return open_dataset
