"""The page of a dataset: who saw what, which TRs are missing, splits, and the quality of the BOLD."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import yaml
from report.pages import Page

from giblet.bold import isc, tsnr
from giblet.data import MultimodalDataset
from giblet.errors import ParameterError, StoreError
from giblet.report import write_report

N, SUBJECTS, TARGETS = 60, ("a", "b", "c"), ("left", "right", "front")


def courses(number):
    """Time courses (N, 3) of a subject: a shared signal in the first, noise in the second, nothing in the third."""
    rng = np.random.default_rng(number)
    shared = 10 * np.sin(np.arange(N) / 3)
    noise = rng.standard_normal((N, 3))
    return np.stack([1000 + shared + noise[:, 0], 500 + 5 * noise[:, 1], np.full(N, 7.0)], axis=1)


def write_study(folder, n_words=40, **changes):
    for number, subject in enumerate(SUBJECTS):
        with (folder / f"{subject}.tsv").open("w", newline="") as file:
            csv.writer(file, delimiter="\t").writerows([TARGETS, *courses(number).tolist()])
    words = "".join(f"{2.0 * i},0.5,word\n" for i in range(n_words))
    (folder / "words.csv").write_text("onset,duration,text\n" + words)
    values = {
        "name": "a <b>study</b>", "subjects": list(SUBJECTS), "runs": ["one"], "bold": "{subject}.tsv",
        "annotations": "words.csv", "tr": 1.5,
    } | changes  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(values))
    return folder / "study.yaml"


def build(study, folder, **settings):
    from giblet.data.layouts import find_study
    from giblet.data.multimodal.building import build as made
    from giblet.data.multimodal.settings import asked_settings

    found = find_study(study)
    return made(found, asked_settings(found, settings), folder, folder.parent / "stores").folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return build(write_study(folder), folder / "dataset")


@pytest.fixture(scope="module")
def page(dataset, tmp_path_factory):
    page = Page(write_report(dataset, tmp_path_factory.mktemp("page") / "page.html"))
    page.check()
    return page


def table(page, heading):
    (found,) = [table for table in page.tables if table[0][0] == heading]
    return found


def test_scans_features_and_splits(page, dataset):
    assert "3 subjects, 1 run, 180 TRs of 1.5 s" in page.text
    assert "a <b>study</b>" in page.text
    rows = table(page, "Subject")[1:]
    assert [row[:2] for row in rows] == [["a", "one"], ["b", "one"], ["c", "one"]]
    assert {row[3] for row in rows} == {str(N)}
    assert {row[10] for row in rows} == {"2 of 3"}
    assert "Subject a, run one: 1 of 3 targets have no signal." in page.text
    assert table(page, "Feature")[1][:3] == ["text.word_rate", "event", "1 text.word_rate"]
    sizes = [len(MultimodalDataset(dataset, split=split)) for split in ("train", "val", "test")]
    assert [int(row[1]) for row in table(page, "Split")[1:]] == sizes


def test_quality_of_the_bold_is_that_of_the_functions(page):
    all_of_them = [courses(number) for number in range(3)]
    together = isc(all_of_them)
    noise = np.mean([tsnr(values)[1] for values in all_of_them])
    signal = np.mean([tsnr(values)[0] for values in all_of_them])
    left, right, front = table(page, "Target")[1:]
    assert left[:3] == ["left", f"{signal:.1f}", f"{together[:, 0].mean():.3f}"]
    assert right[1] == f"{noise:.1f}"
    low, high = together[:, 0].min(), together[:, 0].max()
    assert left[3] == f"{low:.3f} to {high:.3f}"
    assert float(left[2]) > 0.9
    assert front[1].startswith("— (the target has no signal")
    assert front[2].startswith("— (no two subjects can be compared")


def test_censored_volumes_are_drawn_and_left_out(dataset, tmp_path):
    folder = tmp_path / "dataset"
    shutil.copytree(dataset, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    used = np.ones(N, bool)
    used[10:25] = False
    np.save(folder / manifest["scans"][1]["used"], used)
    bold = np.load(folder / manifest["scans"][1]["bold"])
    # What lies in censored volumes has no part in the correlations.
    bold[10:25] = 1e6
    np.save(folder / manifest["scans"][1]["bold"], bold)
    page = Page(write_report(folder, tmp_path / "page.html"))
    page.check()
    row = table(page, "Subject")[2]
    assert row[4:6] == ["45", "15"]
    (censored,) = [rect for rect in page.all("rect") if rect["class"] == "censored"]
    assert (float(censored["x"]), float(censored["width"])) == pytest.approx((1000 * 10 / N, 1000 * 15 / N), abs=0.01)
    expected = isc([courses(number)[used][:, :1] for number in range(3)]).mean()
    assert float(table(page, "Target")[1][2]) == pytest.approx(expected, abs=2e-3)


def test_a_dataset_without_bold(sample_film, tmp_path):
    (tmp_path / "film.mp4").symlink_to(sample_film)
    study = write_study(tmp_path, bold=None, stimulus="film.mp4")
    values = {key: value for key, value in yaml.safe_load(study.read_text()).items() if value is not None}
    study.write_text(yaml.safe_dump(values))
    folder = build(study, tmp_path / "dataset", features="text.word_rate")
    page = Page(write_report(folder, tmp_path / "page.html"))
    page.check()
    assert "The dataset has no BOLD" in page.text


def test_splits_that_are_empty_are_told(tmp_path):
    folder = build(write_study(tmp_path), tmp_path / "dataset", hrf="spm", apply_hrf=True)
    page = Page(write_report(folder, tmp_path / "page.html"))
    assert "The split val is empty" in page.text
    study = write_study(tmp_path, split_by="subject", splits={"train": ["a", "b"], "test": ["c"]})
    page = Page(write_report(build(study, tmp_path / "other"), tmp_path / "other.html"))
    page.check()
    assert {(row[0], row[3]) for row in table(page, "Split")[1:]} == {("train", "a, b"), ("test", "c")}


def test_a_dataset_of_an_earlier_giblet_has_no_tsnr(dataset, tmp_path):
    folder = tmp_path / "dataset"
    shutil.copytree(dataset, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for scan in manifest["scans"]:
        del scan["tsnr"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    page = Page(write_report(folder, tmp_path / "page.html"))
    page.check()
    assert "There is no tSNR, for an earlier giblet built this dataset" in page.text
    assert table(page, "Target")[1][2] != ""


def test_volumes_have_a_glass_brain(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    pytest.importorskip("matplotlib")
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -10
    mask = np.zeros((6, 6, 6), np.uint8)
    mask[1:5, 1:5, 1:5] = 1
    nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "mask.nii.gz")
    values = {}
    for number, subject in enumerate(SUBJECTS[:2]):
        rng = np.random.default_rng(number)
        volumes = 100 + rng.standard_normal((6, 6, 6, 20)) + np.sin(np.arange(20))
        values[subject] = volumes[mask > 0].T.astype(np.float32)
        image = nibabel.Nifti1Image(volumes.astype(np.float32), affine)
        image.header.set_zooms((4, 4, 4, 1.5))
        image.header.set_xyzt_units("mm", "sec")
        nibabel.save(image, tmp_path / f"{subject}.nii.gz")
    study = write_study(
        tmp_path, subjects=["a", "b"], bold="{subject}.nii.gz", mask="mask.nii.gz", name="volumes", tr=1.5
    )
    folder = build(study, tmp_path / "dataset")
    page = Page(write_report(folder, tmp_path / "page.html"))
    page.check()
    brains = [image["alt"] for image in page.all("img") if image["alt"].startswith("Glass brain")]
    middle = np.median(np.mean([tsnr(value) for value in values.values()], axis=0))
    assert f"Glass brain of tSNR, seen from the left, behind, the right and above; median {middle:.2f}." in brains
    assert len(brains) == 2
    alts = [figure["aria-label"] for figure in page.all("div", role="img")]
    assert any(alt.startswith(f"tSNR of 64 targets: median {middle:.2f}") for alt in alts)


def test_what_is_wrong_is_said(dataset, tmp_path):
    folder = tmp_path / "dataset"
    shutil.copytree(dataset, folder)
    (folder / "bold" / "0000.npy").write_bytes(b"nothing")
    with pytest.raises(StoreError, match=r"its array bold/0000.npy is missing or damaged"):
        write_report(folder, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
    with pytest.raises(ParameterError, match="--listen is for sounds, and this is a dataset"):
        write_report(dataset, tmp_path / "page.html", listen=3)
