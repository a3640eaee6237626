"""A derivative that others read: pybids its features, nilearn its design matrices."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from data.fabricated_bids import write_image

from giblet.data.bids_export import ExportedRun, Recording, bids_label, export_bids
from giblet.data.design import Design, design_matrix
from giblet.errors import ParameterError, StudyError
from giblet.timeline import TRGrid

# The film began 4.5 s after the first stored volume.
GRID = TRGrid(Fraction(3, 2), 20, Fraction(-9, 2), Fraction(3, 4))
RNG = np.random.default_rng(5)
LATENTS = Recording(
    "audio.latents", ("l0", "l1"), RNG.standard_normal((9000, 2)).astype(np.float32), Fraction(75), Fraction(1, 75)
)
CODES = Recording("audio.codes", ("c0",), RNG.integers(0, 1024, (90, 1)), Fraction(2, 3))
VALID = np.arange(20) >= 3
DESIGN = Design(("word_rate", "power"), np.where(VALID[:, None], RNG.standard_normal((20, 2)), np.nan), VALID)
RUN = ExportedRun("01", "task-movie_run-1", "movie", GRID, (LATENTS, CODES), DESIGN)


@pytest.fixture
def folder(tmp_path):
    runs = [replace(RUN, subject=subject, run=f"task-movie_run-{run}") for subject in ("01", "02") for run in (1, 2)]
    return export_bids(iter(runs), tmp_path / "features", name="Features of the film", sources=["doi:10.18112/x"])


def test_pybids_reads_every_field(folder):
    from bids.layout import BIDSLayout

    layout = BIDSLayout(folder, validate=True, is_derivative=True)
    assert layout.source_pipeline == "giblet"
    assert layout.description["SourceDatasets"] == [{"URL": "doi:10.18112/x"}]
    files = layout.get(suffix="stim", extension=".tsv.gz")
    assert len(files) == 8
    assert {file.entities["recording"] for file in files} == {"audioLatents", "audioCodes"}
    (latents,) = layout.get(
        subject="02", task="movie", run=2, recording="audioLatents", suffix="stim", extension=".tsv.gz"
    )
    fields = latents.get_metadata()
    assert fields["SamplingFrequency"] == 75
    # Row 0 begins 1/75 s into the film, which began 4.5 s after the first stored volume.
    assert fields["StartTime"] == pytest.approx(4.5 + 1 / 75)
    assert fields["Columns"] == ["l0", "l1"]
    table = pd.read_csv(latents.path, sep="\t", header=None)
    np.testing.assert_array_equal(table.to_numpy(np.float32), LATENTS.values)
    assert len(layout.get(suffix="design", extension=".tsv")) == 4


def test_raw_names_are_bids(folder):
    from bids_validator import BIDSValidator

    stims = list(folder.rglob("*_stim.*"))
    assert len(stims) == 16
    assert all(BIDSValidator().is_bids(f"/{path.relative_to(folder).as_posix()}") for path in stims)


def test_codes_stay_whole_numbers_and_gaps_are_marked(tmp_path):
    values = np.array([[1.0], [np.nan], [3.25]])
    run = replace(RUN, recordings=(CODES, Recording("audio.power", ("p",), values, Fraction(1))), design=None)
    func = export_bids([run], tmp_path / "out", name="x") / "sub-01" / "func"
    stem = "sub-01_task-movie_run-1_recording"
    codes = pd.read_csv(func / f"{stem}-audioCodes_stim.tsv.gz", sep="\t", header=None)
    assert codes.dtypes[0] == np.int64
    np.testing.assert_array_equal(codes, CODES.values)
    text = gzip.decompress((func / f"{stem}-audioPower_stim.tsv.gz").read_bytes())
    assert text == b"1\nn/a\n3.25\n"


class TestDesign:
    def test_times_columns_and_rows_without_data(self):
        matrix = design_matrix(DESIGN, GRID)
        np.testing.assert_allclose(matrix.index, np.arange(20) * 1.5 + 0.75)
        assert list(matrix.columns) == ["word_rate", "power", "invalid_0", "invalid_1", "invalid_2", "constant"]
        assert np.linalg.matrix_rank(matrix) == 6
        np.testing.assert_array_equal(matrix.loc[VALID, ["word_rate", "power"]], DESIGN.values[VALID])

    def test_rows_without_data_do_not_count(self):
        """Least squares gives what it gives without those rows, whatever BOLD is there."""
        bold = RNG.standard_normal(20)
        bold[~VALID] = 1e3
        matrix = design_matrix(DESIGN, GRID).to_numpy()
        whole = np.linalg.lstsq(matrix, bold, rcond=None)[0]
        cut = np.linalg.lstsq(matrix[VALID][:, [0, 1, 5]], bold[VALID], rcond=None)[0]
        np.testing.assert_allclose(whole[[0, 1, 5]], cut)

    def test_drifts_and_trimming(self):
        matrix = design_matrix(replace(DESIGN, high_pass=0.05), GRID, first_volume=4)
        assert matrix.index[0] == 4 * 1.5 + 0.75
        assert [name for name in matrix.columns if name.startswith("drift")] == ["drift_1", "drift_2", "drift_3"]

    def test_nilearn_fits_it_by_frame_and_by_name(self, folder, tmp_path):
        import nibabel
        from nilearn.glm.first_level import FirstLevelModel

        scan = tmp_path / "sub-01_task-movie_run-1_bold.nii.gz"
        write_image(scan)
        image = nibabel.load(scan)
        data = image.get_fdata()
        matrix = design_matrix(DESIGN, GRID)
        # One voxel follows the word rate.
        data[1, 2, 3] = 100 + 5 * matrix["word_rate"] + 0.01 * RNG.standard_normal(20)
        image = nibabel.Nifti1Image(data, image.affine, image.header)
        mask = nibabel.Nifti1Image(np.ones(data.shape[:3], np.uint8), image.affine)
        name = folder / "sub-01" / "func" / "sub-01_task-movie_run-1_desc-giblet_design.tsv"
        maps = []
        for given in (matrix, str(name)):
            model = FirstLevelModel(
                t_r=1.5, mask_img=mask, noise_model="ols", signal_scaling=False, minimize_memory=False
            )
            model.fit(image, design_matrices=given)
            maps.append(model.compute_contrast("word_rate", output_type="effect_size").get_fdata())
        assert maps[0][1, 2, 3] == pytest.approx(5, abs=0.02)
        np.testing.assert_allclose(maps[1], maps[0], rtol=1e-5, atol=1e-6)
        fields = json.loads(name.with_suffix(".json").read_text())
        assert (fields["RepetitionTime"], fields["StartTime"], fields["FirstVolume"]) == (1.5, 0.75, 0)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"values": DESIGN.values[:-1]}, "19 rows, valid has 20 and the run 20 volumes"),
            ({"valid": None}, "values that are not finite"),
            ({"valid": np.zeros(20, bool)}, "no row of the design is valid"),
            ({"columns": ("a", "a")}, "a column named 'a'"),
            ({"columns": ("a", "b\tc")}, "without tabs"),
            ({"columns": ("a",)}, "1 names of columns"),
            ({"columns": ("a", "constant")}, "named constant, as one that is added"),
            ({"values": np.full((20, 2), "x")}, "give numbers"),
        ],
    )
    def test_what_is_no_design_is_refused(self, changes, message):
        with pytest.raises(ParameterError, match=message):
            design_matrix(replace(DESIGN, **changes), GRID)


class TestPlace:
    def test_nothing_that_others_wrote_is_replaced(self, folder, tmp_path):
        with pytest.raises(StudyError, match="exists already; choose another place, or replace it with --force"):
            export_bids([RUN], folder, name="x")
        (folder / "notes.txt").write_text("mine")
        with pytest.raises(StudyError, match=r"also holds notes.txt"):
            export_bids([RUN], folder, name="x", force=True)
        (folder / "notes.txt").unlink()
        assert export_bids([RUN], folder, name="x", force=True) == folder
        assert sorted(path.name for path in folder.iterdir()) == ["dataset_description.json", "sub-01"]
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "a").write_text("b")
        with pytest.raises(StudyError, match="giblet did not write it"):
            export_bids([RUN], tmp_path / "other", name="x", force=True)

    def test_a_failure_leaves_what_was_there(self, folder, tmp_path):
        def runs():
            yield RUN
            raise RuntimeError("no more")

        before = sorted(folder.rglob("*"))
        for place in (folder, tmp_path / "new"):
            with pytest.raises(RuntimeError, match="no more"):
                export_bids(runs(), place, name="x", force=True)
        assert sorted(tmp_path.iterdir()) == [folder]
        assert sorted(folder.rglob("*")) == before

    def test_no_folder_to_write_to(self, tmp_path):
        (tmp_path / "file").write_text("x")
        for place in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / "a" / "b"):
            with pytest.raises(StudyError, match=str(place)):
                export_bids([RUN], place, name="x")

    def test_names_that_would_collide(self, tmp_path):
        runs = [replace(RUN, subject=subject) for subject in ("s.1", "s-1")]
        with pytest.raises(ParameterError, match="would be written twice, the second time for subject s-1"):
            export_bids(runs, tmp_path / "x", name="x")


@pytest.mark.parametrize(
    ("subject", "run", "stem"),
    [
        ("s18", "1", "sub-s18/func/sub-s18_task-alice_run-1"),
        ("sub-01", "ses-a_task-x_run-2", "sub-01/ses-a/func/sub-01_ses-a_task-x_run-2"),
        ("s_1", "intact film", "sub-s1/func/sub-s1_task-aliceIntactFilm"),
    ],
)
def test_runs_get_the_names_that_bids_wants(tmp_path, subject, run, stem):
    folder = export_bids([replace(RUN, subject=subject, run=run, task="alice")], tmp_path / "x", name="x")
    assert (folder / f"{stem}_desc-giblet_design.tsv").is_file()


def test_a_name_without_letters_is_refused():
    with pytest.raises(ParameterError, match="neither letters nor digits"):
        bids_label("_.")
