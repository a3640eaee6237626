"""One folder with a film, its annotations and a folder of scans."""

from __future__ import annotations

import shutil
from fractions import Fraction

import pytest
from data.fabricated_bids import write_image, write_json

from giblet.data.layouts import find_study
from giblet.errors import ParameterError, StudyError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sherlock_nii").mkdir()
    for number in (1, 2, 10):
        write_image(tmp_path / "sherlock_nii" / f"sherlock_movie_s{number}.nii.gz")
    (tmp_path / "stimuli_Sherlock.m4v").write_bytes(b"film")
    (tmp_path / "annotations.xlsx").write_bytes(b"sheet")
    (tmp_path / "README.csv").write_bytes(b"notes")
    return tmp_path


def test_the_film_is_everybodys(folder):
    study = find_study(folder)
    assert not study.problems
    assert study.subjects == ("s1", "s2", "s10")
    for run in study.runs:
        assert run.run == "1"
        assert run.bold == folder / "sherlock_nii" / f"sherlock_movie_{run.subject}.nii.gz"
        assert run.stimulus == folder / "stimuli_Sherlock.m4v"
        assert run.annotations == (folder / "annotations.xlsx",)
        assert run.tr is run.sample_offset is run.sidecar is None
        assert run.start(Fraction(3, 2)) == 0


def test_other_names_that_mean_the_same(folder):
    (folder / "stimuli_Sherlock.m4v").rename(folder / "sample_stimulus.MP4")
    (folder / "annotations.xlsx").rename(folder / "sample_stimulus_words.csv")
    (folder / "sherlock_nii").rename(folder / "sample_nii")
    study = find_study(folder)
    assert study.runs[0].stimulus.name == "sample_stimulus.MP4"
    assert [path.name for path in study.runs[0].annotations] == ["sample_stimulus_words.csv"]
    assert study.subjects == ("s1", "s2", "s10")


def test_sidecars_beside_state_times(folder):
    write_json(folder / "sherlock_nii" / "sherlock_movie_s2.json", {"RepetitionTime": 1.5, "StartTime": 0.75})
    write_json(folder / "sherlock_nii" / "sherlock_movie_s10.json", {"RepetitionTime": 2})
    (folder / "sherlock_nii" / "sherlock_movie_s1.json").write_text("{")
    study = find_study(folder)
    assert [run.tr for run in study.runs] == [None, Fraction(3, 2), 2]
    assert study.runs[1].sample_offset == Fraction(3, 4)
    error, warning = study.problems
    assert "sherlock_movie_s1.json: is no JSON" in str(error)
    assert "header says a TR of 1.5 s and its sidecar 2 s" in str(warning)


def test_names_without_a_subject_stay_whole(folder):
    scans = folder / "sherlock_nii"
    for old, new in (("s1", "ann"), ("s2", "bob"), ("s10", "s10_again")):
        (scans / f"sherlock_movie_{old}.nii.gz").rename(scans / f"{new}.nii.gz")
    assert find_study(folder).subjects == ("ann", "bob", "s10")
    # Two scans of one subject are never taken for one another.
    write_image(scans / "s10_once.nii.gz")
    assert find_study(folder).subjects == ("ann", "bob", "s10_again", "s10_once")


def test_what_is_missing_or_too_much(folder):
    with pytest.raises(ParameterError, match="task is 'x', but task is for BIDS folders"):
        find_study(folder, task="x")
    (folder / "stimuli_2.mp4").write_bytes(b"film")
    with pytest.raises(StudyError, match=r"holds several films \(stimuli_2.mp4, stimuli_Sherlock.m4v\)"):
        find_study(folder)
    for film in folder.glob("stimuli_*"):
        film.unlink()
    study = find_study(folder)
    assert [(problem.severity, problem.problem) for problem in study.problems] == [("warning", "holds no film")]
    (folder / "sherlock_nii").rename(folder / "a_nii")
    shutil.copytree(folder / "a_nii", folder / "b_nii")
    with pytest.raises(StudyError, match=r"holds several folders of scans \(a_nii, b_nii\)"):
        find_study(folder)
    shutil.rmtree(folder / "a_nii")
    shutil.rmtree(folder / "b_nii")
    with pytest.raises(StudyError, match=r"is no study: it has neither study.yaml nor dataset_description.json"):
        find_study(folder)


def test_an_empty_scan_is_told(folder):
    (folder / "sherlock_nii" / "sherlock_movie_s2.nii.gz").write_bytes(b"")
    with pytest.raises(StudyError, match=r"sherlock_movie_s2.nii.gz: is empty \(0 bytes\), named for subject s2"):
        find_study(folder).raise_errors()
