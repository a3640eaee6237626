"""Published studies, from their files to samples."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import yaml
from conftest import PROJECT

from giblet.alignment import convolve
from giblet.data import MultimodalDataset
from giblet.errors import GibletError
from giblet.features import FeatureSeries
from giblet.timeline import TRGrid

pytestmark = pytest.mark.realdata


def test_the_words_of_alice_move_as_the_authors_say(realdata, tmp_path, monkeypatch):
    monkeypatch.setenv("GIBLET_TEST_DATA", str(realdata))
    ds = MultimodalDataset(PROJECT / "examples/alice.yaml", cache_dir=tmp_path)
    folder = realdata / "fmri/alice_brennan2016/alice_data_shared"
    assert len(ds.subjects) == 28
    for subject in ("s18", "s36", "s53"):
        data = ds.get_subject_data(subject)
        authors = np.loadtxt(folder / f"{subject}-rate.txt")
        r = {lag: np.corrcoef(np.roll(data["text"][:, 0], lag)[8:-8], authors[8:-8])[0, 1] for lag in range(-8, 9)}
        assert r[0] >= 0.98
        assert max(r[lag] for lag in r if lag) < r[0]
        table = np.loadtxt(folder / f"10mm/{subject}-timecourses.txt")
        np.testing.assert_allclose(data["fmri"], (table - table.mean(0)) / table.std(0), atol=1e-4)
    flat = ds.get_subject_data("s33")
    assert not flat["valid"].any()
    assert not flat["fmri"].any()
    assert len(MultimodalDataset(PROJECT / "examples/alice.yaml", cache_dir=tmp_path, mode="cross_subject")) == 362


def test_twelve_runs_of_haxby_with_what_was_shown(realdata, tmp_path):
    import nibabel

    root = realdata / "fmri/haxby2001_lowres/sub001"
    path = tmp_path / "haxby.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "root": str(root), "subjects": ["001"], "tr": 2.5, "mask": "masks/25mm/brain.nii.gz",
                "bold": "BOLD/task001_run{run}/bold_25mm.nii.gz",
                "annotations": "BOLD/task001_run{run}/bold_events.tsv",
            }
        )
    )  # fmt: skip
    ds = MultimodalDataset(path, cache_dir=tmp_path, apply_hrf=True, split="test", split_by="run")
    everything = MultimodalDataset(path, cache_dir=tmp_path, apply_hrf=True)
    assert everything.runs == tuple(f"{run:03d}" for run in range(1, 13))
    # Whole runs are held out, so every volume of one counts.
    assert {everything.runs[int(sample["run"])] for sample in ds} == {"012"}
    assert len(everything) == 12 * 121
    inside = nibabel.load(root / "masks/25mm/brain.nii.gz").get_fdata() > 0
    values = nibabel.load(root / "BOLD/task001_run012/bold_25mm.nii.gz").get_fdata()[inside].T
    data = ds.get_subject_data(1)
    np.testing.assert_allclose(data["fmri"], (values - values.mean(0)) / values.std(0), atol=1e-3)
    with (root / "BOLD/task001_run012/bold_events.tsv").open() as file:
        ends = [float(row["onset"]) + float(row["duration"]) for row in csv.DictReader(file, delimiter="\t")]
    events = FeatureSeries(np.ones((len(ends), 1)), np.sort(ends), ("e",), "event", np.zeros(len(ends)))
    np.testing.assert_allclose(data["text"], convolve(events, TRGrid(2.5, 121), "spm"), atol=1e-6)


def test_the_scan_of_fsl_whose_header_lies(realdata, tmp_path):
    import nibabel

    (tmp_path / "sound.csv").write_text("onset,duration,word\n" + "".join(f"{on},1,tone\n" for on in range(45)))
    values = {
        "root": str(realdata / "fmri/fsl_feeds"), "subjects": ["fsl"], "bold": "cudaBayesregData_fmri.nii.gz",
        "mask": "cudaBayesregData_fmri_mask.nii.gz", "annotations": str(tmp_path / "sound.csv"),
    }  # fmt: skip
    path = tmp_path / "fsl.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(GibletError, match=r"cudaBayesregData_fmri.nii.gz: .*TR"):
        MultimodalDataset(path, cache_dir=tmp_path)
    path.write_text(yaml.safe_dump(values | {"tr": 3}))
    ds = MultimodalDataset(path, cache_dir=tmp_path, apply_hrf=True)
    assert len(ds) == 45
    assert [float(ds[i]["time"]) for i in (0, 44)] == [0, 132]
    image = ds.to_image(ds[44]["fmri"])
    mask = nibabel.load(realdata / "fmri/fsl_feeds/cudaBayesregData_fmri_mask.nii.gz").get_fdata() > 0
    np.testing.assert_allclose(image.get_fdata()[mask], ds[44]["fmri"])
    assert not image.get_fdata()[~mask].any()
