"""Datasets on disk: built once, from every layout, alone or by many, and never served as what they are not."""

from __future__ import annotations

import os
import subprocess
import sys

import laboring
import numpy as np
import pytest
from data.fabricated_bids import write_derivative, write_raw

from giblet.data import MultimodalDataset, find_study
from giblet.data.multimodal.building import build
from giblet.data.multimodal.settings import asked_settings
from giblet.errors import BoldError, GibletError, ParameterError, StoreError, StudyError

from .conftest import bold


def test_a_dataset_is_built_once_and_anew_when_a_file_changes(study_file, study_folder, tmp_path):
    path = study_file("changing", bold="changing_{subject}_{run}.tsv", subjects=["a1"], runs=["x"])
    table = study_folder / "changing_a1_x.tsv"
    table.write_bytes((study_folder / "a1_x.tsv").read_bytes())
    first = MultimodalDataset(path, cache_dir=tmp_path, features="text.word_rate")[3]["fmri"]
    made = {folder.name for folder in tmp_path.iterdir()}
    MultimodalDataset(path, cache_dir=tmp_path, features="text.word_rate")
    assert {folder.name for folder in tmp_path.iterdir()} == made
    table.write_bytes((study_folder / "a2_x.tsv").read_bytes())
    os.utime(table, ns=(1, 1))
    again = MultimodalDataset(path, cache_dir=tmp_path, features="text.word_rate")[3]["fmri"]
    assert not np.allclose(first, again)
    assert not [folder for folder in tmp_path.iterdir() if folder.name.startswith(".")]


def test_a_dataset_built_elsewhere_is_the_same(study_file, tmp_path):
    study = find_study(study_file("elsewhere", onset=0))
    settings = asked_settings(study, {"features": "audio.mel,text.word_rate"})
    here = build(study, settings, tmp_path / "here", tmp_path / "stores")
    other = build(study, settings, tmp_path / "other", tmp_path / "others", run=laboring.backwards)
    assert other.scans == here.scans
    assert other.notes == here.notes
    arrays = sorted(path.relative_to(here.folder) for path in here.folder.rglob("*.npy"))
    assert len(arrays) > 10
    for name in arrays:
        assert (other.folder / name).read_bytes() == (here.folder / name).read_bytes(), name


def test_a_scan_that_fails_elsewhere_is_said_and_nothing_is_built(study_file, study_folder, tmp_path):
    (study_folder / "broken_a1_x.tsv").write_text("left\nnothing\n")
    study = find_study(study_file("broken", bold="broken_{subject}_{run}.tsv", subjects=["a1"], runs=["x"]))
    with pytest.raises(BoldError, match="broken_a1_x.tsv"):
        build(study, asked_settings(study, {"features": "text.word_rate"}), tmp_path / "out", tmp_path / "stores",
              run=laboring.backwards)  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_built_folder_is_served_as_what_it_is_only(dataset, tmp_path):
    built = dataset()._prepared.folder
    assert len(MultimodalDataset(built)) == 80
    assert len(MultimodalDataset(built, features="text.word_rate", tr=1.5)) == 80
    with pytest.raises(ParameterError, match=r"built with apply_hrf False, and True is asked for"):
        MultimodalDataset(built, apply_hrf=True)
    with pytest.raises(ParameterError, match=r"built with features \['text.word_rate'\]"):
        MultimodalDataset(built, features="audio.codes")
    with pytest.raises(ParameterError, match="there is no setting bandwith; see docs/datasets.md"):
        MultimodalDataset(built, bandwith=3)


def test_a_damaged_dataset_is_told(dataset, tmp_path):
    folder = tmp_path / "dataset"
    subprocess.run(["cp", "-r", dataset()._prepared.folder, folder], check=True)
    (folder / "bold" / "0000.npy").write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"its array bold/0000.npy is missing or damaged; build it again"):
        MultimodalDataset(folder)[0]
    (folder / "manifest.json").write_text('{"kind": "giblet-dataset", "version": 1}')
    with pytest.raises(StoreError, match="holds no dataset that can be read"):
        MultimodalDataset(folder)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bold": "gone_{subject}_{run}.tsv"}, "gone_a1_x.tsv"),
        ({"annotations": "gone.csv"}, "gone.csv"),
        ({"stimulus": "gone.mp4"}, "gone.mp4"),
        ({"tr": None}, "says nothing of its TR"),
        ({"onset": 900}, "no volume is left"),
        ({"features": ["text.wordrate"]}, "text.wordrate"),
        ({"stimulus": None, "features": ["audio.codes"]}, "audio.codes needs a film or sound"),
        ({"annotations": None, "features": ["text.word_rate"]}, "text.word_rate needs annotations"),
        ({"hrf": "spn"}, "there is no haemodynamic response 'spn'"),
        ({"columns": ["left", "middle"]}, "middle"),
    ],
)
def test_what_is_wrong_with_a_study_is_said_in_one_sentence(study_file, tmp_path, changes, told):
    path = study_file("wrong", **changes)
    with pytest.raises(GibletError) as error:
        MultimodalDataset(path, cache_dir=tmp_path)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    # Nothing half-built is left.
    assert not [folder for folder in tmp_path.glob("*") if folder.name != "stores"]


def test_subjects_of_other_regions_are_refused(study_file, study_folder, tmp_path):
    (study_folder / "odd_a1_x.tsv").write_text((study_folder / "a1_x.tsv").read_text())
    rows = [line.split("\t")[:2] for line in (study_folder / "a2_x.tsv").read_text().splitlines()]
    (study_folder / "odd_a2_x.tsv").write_text("\n".join("\t".join(row) for row in rows))
    path = study_file("odd", bold="odd_{subject}_{run}.tsv", runs=["x"])
    with pytest.raises(GibletError, match=r"odd_a2_x.tsv: has 2 targets, and .*odd_a1_x.tsv has 3"):
        MultimodalDataset(path, cache_dir=tmp_path, features="text.word_rate")


def test_a_scan_without_signal_is_told_and_does_not_spoil_the_mean(study_file, study_folder, tmp_path):
    for subject in ("a1", "a2"):
        values = bold(subject, "x") * (subject == "a1")
        np.savetxt(study_folder / f"flat_{subject}_x.tsv", values, delimiter="\t", header="l\tr\tf", comments="")
    path = study_file("flat", bold="flat_{subject}_{run}.tsv", runs=["x"])
    each = MultimodalDataset(path, cache_dir=tmp_path, features="text.word_rate")
    assert [bool(each[i]["valid"]) for i in (5, 25)] == [True, False]
    assert not each[25]["fmri"].any()
    mean = MultimodalDataset(path, cache_dir=tmp_path, features="text.word_rate", mode="cross_subject")
    np.testing.assert_array_equal(mean[5]["fmri"], each[5]["fmri"])
    assert mean[5]["valid"]


@pytest.fixture(scope="module")
def derivative(tmp_path_factory):
    folder = write_derivative(write_raw(tmp_path_factory.mktemp("bids") / "raw"))
    # The fabricated table is too small for the usual strategy.
    for table in folder.rglob("*confounds*"):
        table.unlink()
    return folder


def test_bids_scans_stand_where_their_sidecars_and_events_say(derivative, tmp_path):
    import nibabel

    ds = MultimodalDataset(derivative, cache_dir=tmp_path, features="text.word_rate", normalize_fmri=False)
    assert (ds.subjects, ds.runs) == (("01", "02"), ("task-movie_run-1", "task-movie_run-2"))
    grids = [ds._prepared.stimuli[scan.stimulus].grid for scan in ds._prepared.scans]
    # The film began 4.5 s after the first volume of run 1 and 3 s before that of run 2; slices stand for .75 s.
    assert [(grid.start, grid.sample_offset) for grid in grids] == [(0, 0.75), (3, 0.75)] * 2
    assert [scan.first_volume for scan in ds._prepared.scans] == [3, 0] * 2
    stem = derivative / "sub-02/func/sub-02_task-movie_run-1_space-MNI152NLin2009cAsym_desc"
    image = nibabel.load(f"{stem}-preproc_bold.nii.gz").get_fdata()
    inside = nibabel.load(f"{stem}-brain_mask.nii.gz").get_fdata() > 0
    data = ds.get_subject_data("sub-02")
    first_run = data["run"] == 0
    np.testing.assert_allclose(data["fmri"][first_run].T, image[inside][:, 3 : 3 + first_run.sum()], rtol=1e-6)
    volume = ds.to_image(data["fmri"][0])
    np.testing.assert_allclose(volume.get_fdata()[inside], image[inside][:, 3], rtol=1e-6)


PROCESS = """
import sys
import torch.distributed as dist
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler
from giblet.data import MultimodalDataset

rank, meeting, study, cache = int(sys.argv[1]), *sys.argv[2:]
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
ds = MultimodalDataset(study, cache_dir=cache, features="text.word_rate")
sampler = DistributedSampler(ds, shuffle=False)
seen = [(int(s), int(r), int(t)) for b in DataLoader(ds, 4, sampler=sampler, num_workers=1)
        for s, r, t in zip(b["subject_id"], b["run"], b["tr_index"])]
both = [None, None]
dist.all_gather_object(both, seen)
dist.destroy_process_group()
print(len(seen), len(set(both[0]) | set(both[1])))
"""


def test_two_distributed_processes_share_the_work(study_file, tmp_path):
    study = study_file("shared")
    command = [sys.executable, "-c", PROCESS]
    processes = [
        subprocess.Popen(
            [*command, str(rank), tmp_path / "meeting", study, tmp_path / "cache"], stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    assert [process.communicate(timeout=240)[0].split() for process in processes] == [["40", "80"]] * 2
    assert len([folder for folder in (tmp_path / "cache").iterdir() if folder.name != "stores"]) == 1


def test_studies_without_runs_or_files_are_no_studies(tmp_path):
    with pytest.raises(StudyError, match="there is no such file or folder"):
        MultimodalDataset(tmp_path / "gone.yaml")
    with pytest.raises(StudyError, match="is no study"):
        MultimodalDataset(tmp_path)
