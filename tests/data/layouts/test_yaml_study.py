"""Studies that a YAML file describes."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction

import pytest
import yaml
from conftest import PROJECT
from data.fabricated_bids import write_derivative, write_raw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.data.layouts import find_study
from giblet.data.layouts.yaml_keys import TOP
from giblet.errors import ParameterError, StudyError


@pytest.fixture
def folder(tmp_path):
    """Three subjects with two runs of time courses, a film and words for each run."""
    (tmp_path / "courses").mkdir()
    for run in ("1", "2"):
        for subject in ("s2", "s10", "s1"):
            (tmp_path / "courses" / f"{subject}_{run}.csv").write_text("1,2\n3,4\n")
        (tmp_path / f"film_{run}.mp4").write_bytes(b"film")
        (tmp_path / f"words_{run}.csv").write_text("onset,text\n1,a\n")
    return tmp_path


def study_of(folder, text, **options):
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return find_study(path, **options)


def told(study, severity="error"):
    return [str(problem) for problem in study.problems if problem.severity == severity]


PATTERN = "bold: courses/{subject}_{run}.csv\n"


class TestNames:
    def test_subjects_and_runs_are_found_by_the_pattern_in_natural_order(self, folder):
        study = study_of(folder, PATTERN + "stimulus: film_{run}.mp4\nannotations: ['words_{run}.csv']\ntr: 1.49\n")
        assert not study.problems
        assert [(run.subject, run.run) for run in study.runs] == [(s, r) for s in ("s1", "s2", "s10") for r in "12"]
        first = study.runs[0]
        assert first.bold == folder / "courses" / "s1_1.csv"
        assert (first.stimulus, first.annotations) == (folder / "film_1.mp4", (folder / "words_1.csv",))
        assert (first.tr, first.dropped, first.onset) == (Fraction(149, 100), 0, 0)
        assert study.subjects == ("s1", "s2", "s10")

    def test_named_ones_are_taken_and_those_without_files_told(self, folder):
        study = study_of(folder, PATTERN + "subjects: [s10, s3]\nruns: [2]\n")
        assert [run.bold.name for run in study.runs] == ["s3_2.csv", "s10_2.csv"]
        (problem,) = told(study)
        assert "s3_2.csv: there is no such file, named for subject s3, run 2" in problem

    def test_zeros_in_front_stay(self, folder):
        for name in ("008", "010", "8", "10"):
            (folder / f"{name}.csv").write_text("1\n2\n")
        study = study_of(folder, "bold: '{subject}.csv'\nsubjects: [008, 010]\n")
        assert [run.bold.name for run in study.runs] == ["008.csv", "010.csv"]
        assert not study.problems

    def test_a_name_that_comes_again_in_the_pattern_is_the_same(self, folder):
        for name in ("a/a_1.csv", "a/b_1.csv", "b/b_1.csv"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("1\n2\n")
        study = study_of(folder, "bold: '{subject}/{subject}_{run}.csv'\n")
        assert [(run.subject, run.run) for run in study.runs] == [("a", "1"), ("b", "1")]

    def test_without_runs_there_is_one(self, folder):
        study = study_of(folder, "bold: courses/{subject}_1.csv\n")
        assert [(run.subject, run.run) for run in study.runs] == [("s1", "1"), ("s2", "1"), ("s10", "1")]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("bold: courses/x.csv\n", "does not say who was scanned"),
            ("bold: other/{subject}.csv\n", "no file in .* fits bold"),
            ("bold: courses/{subjct}_{subject}.csv\n", r"bold has {subjct}; write {subject} or {run}"),
        ],
    )
    def test_nobody(self, folder, text, message):
        with pytest.raises(StudyError, match=message):
            study_of(folder, text)

    def test_two_runs_with_one_file_and_names_that_are_paths(self, folder):
        study = study_of(folder, "bold: courses/s1_1.csv\nsubjects: [a, b, ../c]\n")
        found = "\n".join(told(study))
        assert "is the scan of subject a, run 1, and of subject ../c, run 1" in found
        assert "'../c' is no name for a subject or run" in found


class TestValues:
    def test_the_most_special_statement_wins(self, folder):
        study = study_of(
            folder,
            PATTERN
            + """
tr: 2
onset: 1
dropped: 1
smoothing: 4
runs:
  "1":
  "2": {onset: 2, dropped: 2}
subjects:
  s1:
  s2: {onset: 3, columns: [a, b]}
  s10:
    tr: 4/3
    runs:
      "2": {onset: 4}
""",
        )
        assert not study.problems
        values = {(r.subject, r.run): (float(r.onset), r.dropped, r.tr, dict(r.options)) for r in study.runs}
        assert values == {
            ("s1", "1"): (1, 1, 2, {"smoothing": 4}),
            ("s1", "2"): (2, 2, 2, {"smoothing": 4}),
            ("s2", "1"): (3, 1, 2, {"smoothing": 4, "columns": ("a", "b")}),
            ("s2", "2"): (3, 2, 2, {"smoothing": 4, "columns": ("a", "b")}),
            ("s10", "2"): (4, 2, Fraction(4, 3), {"smoothing": 4}),
        }
        assert study.runs[-1].start(study.runs[-1].tr) == 2 * Fraction(4, 3) - 4

    def test_settings_arrive(self, folder):
        study = study_of(
            folder,
            PATTERN
            + """
name: courses
features: [audio.latents, text.word_rate]
codec: tiny
bandwidth: 3
hrf: spm + derivative
filter: lanczos
trim: [3, 0]
splits: {train: 0.8, test: 0.2}
mask: epi
high_pass: 1/128
""",
        )
        assert not study.problems
        assert study.name == "courses"
        assert study.settings == {
            "features": ("audio.latents", "text.word_rate"),
            "codec": "tiny",
            "bandwidth": 3.0,
            "hrf": "spm + derivative",
            "filter": "lanczos",
            "trim": (3, 0),
            "splits": {"train": 0.8, "test": 0.2},
        }
        assert study.runs[0].options == {"mask": "epi", "high_pass": Fraction(1, 128)}
        assert study.runs[0].bold_arguments == {"mask": "epi", "high_pass": Fraction(1, 128), "dropped": 0}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("featurs: [a]", "there is no key 'featurs'; did you mean features"),
            ("zzz: 1", "there is no key 'zzz'; choose among name, root"),
            ("subjects: {s1: {smothing: 4}}", "there is no key subjects: s1: 'smothing'; did you mean smoothing"),
            ("runs: {'1': {features: a}}", "there is no key runs: 1: 'features'; choose among bold"),
            ("tr: soon", "tr is 'soon'; write seconds"),
            ("tr: true", "tr is True; write seconds"),
            ("tr: .nan", "tr is nan; write seconds"),
            ("tr: 0", "the TR of subject s1, run 1 is 0 s"),
            ("tr: 2000000", "give it in seconds"),
            ("tr: 2\nsample_offset: 2", "would be sampled 2 s into a TR of 2 s"),
            ("dropped: 1.5", "dropped is 1.5; write a whole number"),
            ("dropped: -1", "dropped is -1; write a whole number"),
            ("detrend: 1", "detrend is 1; write true or false"),
            ("smoothing: wide", "smoothing is 'wide'; write a number"),
            ("features: [no]", "features is [False]; write text, in quotes"),
            ("trim: 3", "trim is 3; write two whole numbers"),
            ("splits: {train: 0.8, test: 0.4}", "not more than 1 together"),
            ("splits: {train: 0.8, test: [s1]}", "write a share or a list of names"),
            ("subjects: [s1, s1]", "subjects is ['s1', 's1']; write each of the subjects once"),
            ("subjects: {s1: 3}", "write a list of subjects, or a table"),
            ("mask: '{sbject}.nii'", "has {sbject}; write {subject} or {run}"),
            ("task: film", "task is for BIDS datasets"),
            ("stimulus: film.mp4", "film.mp4: there is no such file"),
            ("stimulus: courses", "courses: is a folder or a device"),
        ],
    )
    def test_what_makes_no_sense_is_told_with_a_remedy(self, folder, text, message):
        study = study_of(folder, f"{PATTERN}{text}\n")
        assert any(message in problem for problem in told(study)), study.problems
        with pytest.raises(StudyError):
            study.raise_errors()

    def test_files_elsewhere_are_told(self, folder):
        study = study_of(folder, f"{PATTERN}stimulus: {os.devnull}\natlas: ../atlas.nii\n")
        outside = told(study, "warning")
        assert any("/dev/null lies outside" in text for text in outside)
        assert any("../atlas.nii lies outside" in text for text in outside)
        assert any("is a folder or a device" in text for text in told(study))


class TestRoot:
    TEXT = "root: ${GIBLET_TEST_STUDY}/courses\nbold: '{subject}_{run}.csv'\n"

    def test_environment_and_override(self, folder, tmp_path_factory, monkeypatch):
        monkeypatch.delenv("GIBLET_TEST_STUDY", raising=False)
        path = tmp_path_factory.mktemp("elsewhere") / "mine.yaml"
        path.write_text(self.TEXT)
        with pytest.raises(StudyError, match=r"variable GIBLET_TEST_STUDY, which is not set; set it \(export"):
            find_study(path)
        assert len(find_study(path, root=folder / "courses").runs) == 6
        monkeypatch.setenv("GIBLET_TEST_STUDY", str(folder))
        study = find_study(path)
        assert (len(study.runs), study.name) == (6, "mine")
        monkeypatch.setenv("GIBLET_TEST_STUDY", str(folder / "nowhere"))
        with pytest.raises(StudyError, match="there is no such folder, which is its root"):
            find_study(path)

    def test_a_folder_with_a_study_in_it(self, folder):
        study_of(folder, PATTERN)
        assert len(find_study(folder).runs) == 6
        with pytest.raises(ParameterError, match="space is 'T1w'"):
            find_study(folder, space="T1w")


class TestBids:
    def test_a_dataset_with_settings_and_what_differs(self, tmp_path):
        write_derivative(write_raw(tmp_path / "film"))
        study = study_of(
            tmp_path,
            """
bids: film/derivatives/fmriprep
space: T1w
subjects: ["02"]
smoothing: 5
runs:
  task-movie_run-1:
  task-movie_run-2: {dropped: 3}
hrf: glover
""",
        )
        assert not study.problems
        assert [(run.subject, run.run, run.dropped) for run in study.runs] == [
            ("02", "task-movie_run-1", 0),
            ("02", "task-movie_run-2", 3),
        ]
        second = study.runs[1]
        assert "space-T1w" in second.bold.name
        # Three volumes of 1.5 s were cut off since the events were written, and the film had begun 3 s before them.
        assert second.start(second.tr) == Fraction(9, 2) + 3
        assert second.options == {"smoothing": 5}
        assert study.settings == {"hrf": "glover"}

    def test_unknown_subjects_and_another_repetition_time(self, tmp_path):
        write_raw(tmp_path / "film")
        study = study_of(tmp_path, "bids: film\nsubjects: ['01', '07']\ntr: 2\n")
        assert any("no subject 07; choose among 01, 02" in text for text in told(study))
        assert any("is 2 s and its sidecar says 1.5 s" in text for text in told(study, "warning"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n",
        "a: [\n",
        "a: 1\na: 2\n",
        "a: !!python/object/apply:os.system ['false']\n",
        "&a [*a]",
        "[" * 1000,
        "a: *b",
        "? [x]\n: 1\n",
        "\t",
    ],
)
def test_what_is_no_table_names_the_file(tmp_path, text):
    with pytest.raises(StudyError, match="study.yaml: "):
        study_of(tmp_path, text)


def test_bytes_that_are_no_text_and_files_that_are_no_studies(tmp_path):
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="UTF-8"):
        find_study(tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"film")
    with pytest.raises(StudyError, match="is no study"):
        find_study(tmp_path / "film.mp4")
    with pytest.raises(StudyError, match="no such file or folder"):
        find_study(tmp_path / "nowhere")
    with pytest.raises(StudyError, match="no such file or folder"):
        find_study("a\0b")


plain = (
    st.none() | st.booleans() | st.integers(-9, 9999) | st.floats() | st.sampled_from(["", "a", "{run}", "../x", "1:2"])
)
nested = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60, deadline=None
)
@given(st.dictionaries(st.sampled_from(sorted(TOP.keys() - {"root", "bids"})), nested, max_size=4))
def test_whatever_yaml_holds_is_read_or_refused(folder, values):
    with suppress(StudyError):
        study = study_of(folder, yaml.safe_dump({"bold": "courses/{subject}_{run}.csv", **values}))
        assert all(str(problem).isprintable() for problem in study.problems)
        assert all(run.tr is None or isinstance(run.tr, Fraction) for run in study.runs)


@pytest.mark.realdata
def test_the_alice_study(realdata, monkeypatch):
    monkeypatch.setenv("GIBLET_TEST_DATA", str(realdata))
    study = find_study(PROJECT / "examples" / "alice.yaml")
    assert not study.problems
    assert len(study.subjects) == 28
    assert {"s18", "s33", "s53"} < set(study.subjects)
    for run in study.runs:
        assert run.bold.name == f"{run.subject}-timecourses.txt"
        assert run.start(run.tr) == 20
        assert run.options["columns"] == ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")
        assert [path.suffix for path in run.annotations] == [".TextGrid"]
    assert study.settings == {"features": ("text.word_rate",), "hrf": "spm"}
