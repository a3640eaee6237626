"""BIDS datasets, raw and derived: every field arrives, and what contradicts another is told."""

from __future__ import annotations

import importlib.util
import shutil
from fractions import Fraction
from pathlib import Path

import pytest
from data.fabricated_bids import (
    N_VOLUMES,
    ONSETS,
    RUNS,
    SLICES,
    SPACE,
    START_TIME,
    SUBJECTS,
    TR,
    change_json,
    write_derivative,
    write_events,
    write_image,
    write_json,
    write_raw,
)

from giblet.data.layouts import find_study
from giblet.errors import StudyError

FIRST = "sub-01/func/sub-01_task-movie_run-1"
OTHERS = [
    f"sub-{subject}/func/sub-{subject}_task-movie_run-{run}" for subject, run in (("01", 2), ("02", 1), ("02", 2))
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    raw = write_raw(tmp_path_factory.mktemp("bids") / "film")
    write_derivative(raw)
    return raw


@pytest.fixture
def raw(dataset, tmp_path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(dataset, tmp_path / "film", ignore=shutil.ignore_patterns("derivatives"))


@pytest.fixture
def derived(dataset, raw) -> Path:
    """A copy of what is derived, in its place."""
    return shutil.copytree(dataset / "derivatives" / "fmriprep", raw / "derivatives" / "fmriprep")


def errors(study) -> list[str]:
    return [str(problem) for problem in study.problems if problem.severity == "error"]


def warned(study) -> list[str]:
    return [str(problem) for problem in study.problems if problem.severity == "warning"]


def by_name(study, subject="01", run="task-movie_run-1"):
    return next(found for found in study.runs if (found.subject, found.run) == (subject, run))


def test_what_is_fabricated_is_bids(dataset):
    from bids.layout import BIDSLayout
    from bids_validator import BIDSValidator

    files = [path for path in dataset.rglob("*") if path.is_file() and "derivatives" not in path.parts]
    assert len(files) == 3 + 4 + 8
    assert all(BIDSValidator().is_bids(f"/{path.relative_to(dataset).as_posix()}") for path in files)
    layout = BIDSLayout(dataset, validate=True, derivatives=True)
    assert len(layout.get(scope="raw", suffix="bold", extension=".nii.gz")) == 4
    assert len(layout.get(scope="derivatives", suffix="bold", desc="preproc", extension=".nii.gz")) == 8


class TestRaw:
    def test_every_field_arrives(self, dataset):
        study = find_study(dataset)
        assert not study.problems
        assert study.name == "Film"
        assert study.subjects == SUBJECTS
        assert [run.run for run in study.runs] == [f"task-movie_run-{run}" for run in RUNS] * 2
        for run in study.runs:
            number = run.run[-1]
            assert run.bold == dataset / f"sub-{run.subject}/func/sub-{run.subject}_task-movie_run-{number}_bold.nii.gz"
            assert run.events == run.bold.with_name(run.bold.name.replace("bold.nii.gz", "events.tsv"))
            assert run.stimulus == dataset / "stimuli" / f"film_{number}.wav"
            assert run.annotations == (dataset / "stimuli" / f"film_{number}_words.csv",)
            assert (run.tr, run.onset, run.dropped) == (TR, ONSETS[number], 0)
            # The slices' direction is k-: the first time is that of the last slice.
            assert list(map(float, run.sidecar["SliceTiming"])) == SLICES[::-1]
            assert run.sidecar.keys() == {"RepetitionTime", "SliceTiming"}
            assert run.sample_offset is run.mask is run.confounds is None

    def test_discarded_volumes_move_nothing_for_onsets_count_from_the_first_stored_one(self, dataset):
        study = find_study(dataset)
        assert by_name(study).start(TR) == -ONSETS["1"]
        said = [note for note in study.notes if "run-1" in note and "sub-01" in note]
        assert any("NumberOfVolumesDiscardedByScanner is 4" in note for note in said)
        assert any("NumberOfVolumesDiscardedByUser is 2" in note for note in said)

    def test_that_there_are_derivatives_is_said(self, dataset):
        assert any("fmriprep" in note for note in find_study(dataset).notes)

    def test_a_sidecar_of_one_run_wins_over_what_is_inherited(self, raw):
        write_json(raw / f"{FIRST}_bold.json", {"RepetitionTime": 1.5, "StartTime": 0.25})
        study = find_study(raw)
        assert by_name(study).sample_offset == Fraction(1, 4)
        assert by_name(study, "02").sample_offset is None

    def test_sessions_and_tasks_are_chosen(self, raw):
        for session in ("a", "b"):
            folder = raw / "sub-03" / f"ses-{session}" / "func"
            folder.mkdir(parents=True)
            write_image(folder / f"sub-03_ses-{session}_task-rest_bold.nii.gz")
            write_json(folder / f"sub-03_ses-{session}_task-rest_bold.json", {"RepetitionTime": 1.5})
        assert [run.run for run in find_study(raw, task="rest").runs] == ["ses-a_task-rest", "ses-b_task-rest"]
        assert [run.run for run in find_study(raw, session="b").runs] == ["ses-b_task-rest"]
        with pytest.raises(StudyError, match="task 'film'; choose among movie, rest"):
            find_study(raw, task="film")

    def test_events_are_inherited(self, raw):
        for path in raw.glob("sub-*/func/*run-1_events.tsv"):
            path.unlink()
        write_events(raw / "task-movie_run-1_events.tsv", "film_1.wav", Fraction(6))
        study = find_study(raw)
        assert [float(run.onset) for run in study.runs] == [6, -3, 6, -3]


class TestDerived:
    def test_every_field_arrives(self, dataset):
        derived = dataset / "derivatives" / "fmriprep"
        study = find_study(derived)
        assert not study.problems
        assert len(study.runs) == 4
        for run in study.runs:
            number = run.run[-1]
            stem = derived / f"sub-{run.subject}/func/sub-{run.subject}_task-movie_run-{number}"
            assert run.bold == Path(f"{stem}_{SPACE}_desc-preproc_bold.nii.gz")
            assert run.mask == Path(f"{stem}_{SPACE}_desc-brain_mask.nii.gz")
            assert run.confounds == Path(f"{stem}_desc-confounds_timeseries.tsv")
            assert run.stimulus == dataset / "stimuli" / f"film_{number}.wav"
            assert run.events.parent == dataset / f"sub-{run.subject}" / "func"
            assert (run.tr, run.onset, run.sample_offset) == (TR, ONSETS[number], START_TIME)
            # Slices of the raw scan are not those of the standard space.
            assert run.sidecar == {"RepetitionTime": TR, "StartTime": START_TIME, "SliceTimingCorrected": True}
        assert any(
            "the one with space MNI152NLin2009cAsym is taken (also there: T1w, fsLR, fsaverage5)" in note
            for note in study.notes
        )

    def test_old_derivatives_are_known_by_their_pipeline(self, derived):
        write_json(
            derived / "dataset_description.json", {"Name": "fMRIPrep", "PipelineDescription": {"Name": "fMRIPrep"}}
        )
        study = find_study(derived)
        assert not study.problems
        assert all(run.confounds is not None and run.stimulus is not None for run in study.runs)

    def test_another_space_is_chosen(self, dataset):
        study = find_study(dataset / "derivatives" / "fmriprep", space="T1w")
        assert all("space-T1w" in run.bold.name and "space-T1w" in run.mask.name for run in study.runs)
        with pytest.raises(StudyError, match="space 'MNI'; choose among MNI152NLin2009cAsym, T1w, fsLR, fsaverage5"):
            find_study(dataset / "derivatives" / "fmriprep", space="MNI")

    def test_surfaces_are_cifti_or_both_hemispheres(self, dataset):
        for space, ending, options in (
            ("fsLR", "space-fsLR_den-91k_bold.dtseries.nii", {}),
            ("fsaverage5", "hemi-L_space-fsaverage5_bold.func.gii", {"surface": "both"}),
        ):
            study = find_study(dataset / "derivatives" / "fmriprep", space=space)
            assert not study.problems
            assert len(study.runs) == 4
            assert all(run.bold.name.endswith(ending) and run.mask is None for run in study.runs)
            assert all(run.options == options and run.confounds is not None for run in study.runs)

    def test_of_several_resolutions_the_native_one_is_taken_or_another_chosen(self, derived):
        for path in list(derived.rglob(f"*{SPACE}*")):
            shutil.copy(path, path.with_name(path.name.replace(SPACE, f"{SPACE}_res-2")))
        study = find_study(derived)
        assert not any("res-2" in run.bold.name for run in study.runs)
        assert any("the one without resolution is taken (also there: 2)" in note for note in study.notes)
        study = find_study(derived, resolution="2")
        assert all("res-2" in run.bold.name and "res-2" in run.mask.name for run in study.runs)

    def test_several_spaces_without_the_usual_one_ask(self, derived):
        for path in derived.rglob(f"*{SPACE}*"):
            path.unlink()
        with pytest.raises(
            StudyError, match=r"several versions \(space: T1w, fsLR, fsaverage5\); choose one by space="
        ):
            find_study(derived)

    def test_a_run_that_lacks_the_space_is_told_and_not_forgotten(self, derived):
        for path in derived.rglob(f"sub-02_task-movie_run-2_{SPACE}*"):
            path.unlink()
        study = find_study(derived)
        assert len(study.runs) == 3
        assert any(
            "sub-02_task-movie_run-2_space-T1w" in text and "lacks the version" in text for text in errors(study)
        )

    def test_a_raw_dataset_elsewhere_is_found_by_its_link(self, raw, tmp_path):
        derived = write_derivative(raw, tmp_path / "elsewhere")
        lonely = find_study(derived)
        assert lonely.runs[0].stimulus is None
        assert any("raw dataset" in text for text in warned(lonely))
        change_json(
            derived / "dataset_description.json", DatasetLinks={"raw": "../film", "web": "https://example.org/ds"}
        )
        study = find_study(derived)
        assert not study.problems
        assert study.runs[0].stimulus.samefile(raw / "stimuli" / "film_1.wav")


def test_contradictions_are_reported_with_file_and_remedy(raw):
    """One of each kind in each run; tests of sidecars and events have the others."""
    write_image(raw / f"{FIRST}_bold.nii.gz", tr=3.0)
    second, third, fourth = (raw / name for name in OTHERS)
    write_json(Path(f"{second}_bold.json"), {"StartTime": 0.5, "SliceTimingCorrected": False})
    Path(f"{third}_events.tsv").write_text("onset\tstim_file\n1\t../../film_1.wav\n40\tn/a\n")
    Path(f"{third}_bold.nii.gz").unlink()
    Path(f"{third}_bold.nii.gz").symlink_to("annex")
    Path(f"{fourth}_bold.nii.gz").write_bytes(b"\x1f\x8bnothing")
    shutil.copy(raw / f"{FIRST}_bold.nii.gz", raw / f"{FIRST}_echo-2_bold.nii.gz")
    study = find_study(raw)
    assert len(study.runs) == 4
    told = "\n".join(map(str, study.problems))
    for path, message in (
        (raw / f"{FIRST}_bold.nii.gz", "its header says a TR of 3 s and its sidecar 1.5 s; correct the wrong one"),
        (raw / f"{FIRST}_bold.nii.gz", "is one of several images of subject 01, run task-movie_run-1"),
        (f"{second}_bold.nii.gz", "StartTime is 0.5 s but SliceTimingCorrected is false; correct its sidecar"),
        (f"{third}_events.tsv", "stim_file ../../film_1.wav lies outside"),
        (f"{third}_bold.nii.gz", "is a link to nothing, named for subject 02, run task-movie_run-1; fetch its content"),
        (f"{fourth}_bold.nii.gz", "is no image that can be read"),
    ):
        assert f"{path}: {message}" in told


def test_all_problems_are_listed_errors_first(raw):
    change_json(raw / "task-movie_bold.json", SliceTiming="none")
    (raw / "stimuli" / "film_1.wav").unlink()
    (raw / "stimuli" / "film_2.wav").write_bytes(b"")
    study = find_study(raw)
    assert [problem.severity for problem in study.problems] == ["error"] * 2 + ["warning"] * 4
    with pytest.raises(StudyError, match=r"film_1.wav: there is no such file.*\(and 1 more; giblet dataset verify"):
        study.raise_errors()


def test_derived_and_raw_scans_are_compared(derived):
    stem = f"{FIRST}_{SPACE}_desc-preproc_bold"
    write_image(derived / f"{stem}.nii.gz", (4, 4, 4, 18), tr=2.0)
    change_json(derived / f"{stem}.json", RepetitionTime=2.0)
    found = warned(find_study(derived))
    assert any("has 18 volumes and the raw scan 20" in text for text in found)
    assert any("its RepetitionTime is 2 s and that of the raw scan 1.5 s" in text for text in found)


def test_volume_timing_stands_for_a_repetition_time(raw):
    times = [1.5 * i for i in range(N_VOLUMES)]
    change_json(raw / "task-movie_bold.json", RepetitionTime=None, VolumeTiming=times)
    study = find_study(raw)
    assert study.runs[0].tr == TR
    assert not study.problems


def test_the_only_film_is_taken_and_said(raw):
    for path in raw.rglob("*_events.tsv"):
        path.unlink()
    (raw / "stimuli" / "film_2.wav").unlink()
    study = find_study(raw)
    assert {run.stimulus for run in study.runs} == {raw / "stimuli" / "film_1.wav"}
    assert all("is taken to begin with the first stored volume" in text for text in warned(study))


@pytest.mark.parametrize("text", ["{", "[1]"])
@pytest.mark.parametrize("name", ["dataset_description.json", "task-movie_bold.json"])
def test_broken_json_names_its_file(raw, name, text):
    (raw / name).write_text(text)
    with pytest.raises(StudyError, match=name):
        find_study(raw)


def test_a_dataset_without_scans_and_one_without_pybids(tmp_path, monkeypatch):
    write_json(tmp_path / "dataset_description.json", {"Name": "x", "BIDSVersion": "1.10.0"})
    with pytest.raises(StudyError, match="holds no BOLD images"):
        find_study(tmp_path)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "bids" else real(name, *more))
    with pytest.raises(StudyError, match=r"needs the package pybids; install giblet\[bids\]"):
        find_study(tmp_path)


def test_a_folder_of_subjects_needs_no_description(raw):
    (raw / "dataset_description.json").unlink()
    assert len(find_study(raw).runs) == 4


def test_problems_are_plain_text(raw):
    (raw / f"{FIRST}_events.tsv").write_text("onset\tstim_file\n1\tno\x1b[31m.wav\n", encoding="utf-8")
    (raw / f"{OTHERS[0]}_events.tsv").write_text("onset\tstim_file\nno\x1b[31m\tn/a\n", encoding="utf-8")
    told = [str(problem) for problem in find_study(raw).problems]
    assert sum(r"no\x1b[31m" in text for text in told) == 2
    assert all(text.isprintable() for text in told)
