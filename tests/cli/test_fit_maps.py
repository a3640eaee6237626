"""giblet fit on images of every kind: its maps lie where the scans did, and nibabel opens them."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pytest
import yaml
from bold.fabricated import AFFINE, grayordinates, parcels, write_cifti, write_gifti, write_mask, write_nifti
from nilearn.glm.first_level import spm_hrf

TR, N, SUBJECTS, HEARING = 2.0, 120, ("s1", "s2"), 3
SHAPE = (4, 3, 5)
OPTIONS = ("--hrf", "spm", "--permutations", "20", "--folds", "3", "--device", "cpu", "--json")
INSIDE = np.zeros(SHAPE, np.uint8)
INSIDE[1:3, 1, :4] = 1
REGIONS = INSIDE.astype(np.int32) * (1 + np.arange(5))


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A file of words, and the response to their rate (N,)."""
    rng = np.random.default_rng(0)
    onsets = np.flatnonzero(rng.random(N * 8) < 0.2 * (np.arange(N * 8) // 50 % 2 + 0.2)) / 4
    path = tmp_path_factory.mktemp("words") / "words.csv"
    path.write_text("onset,duration,word\n" + "".join(f"{onset},0.2,w\n" for onset in onsets if onset < N * TR - 1))
    rate = np.histogram(onsets + 0.2, np.arange(N + 1) * TR)[0]
    response = np.convolve(rate, spm_hrf(TR, oversampling=1))[:N]
    return path, (response - response.mean()) / response.std()


def courses(response, n_targets, subject, silent=None):
    """Time courses of which one follows the words, the next one less, and one is silent."""
    rng = np.random.default_rng(SUBJECTS.index(subject))
    values = 100 + rng.standard_normal((N, n_targets))
    values[:, HEARING] += 3 * response
    values[:, HEARING - 1] += response
    if silent is not None:
        values[:, silent] = 50
    return values


def in_volume(values):
    volumes = np.zeros((*SHAPE, N), np.float32)
    volumes[INSIDE > 0] = values.T
    return volumes


def fitted(giblet, folder, words, bold, **more):
    described = {
        "name": "maps", "subjects": list(SUBJECTS), "runs": ["one"], "bold": bold, "annotations": str(words), "tr": TR,
    } | more  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(described))
    status, told, err = giblet("fit", folder / "study.yaml", "-o", folder / "out", *OPTIONS)
    assert (status, err) == (0, "")
    summary = json.loads(told)
    assert [one["level"] for one in summary["scores"]] == ["subject", "subject"]
    return summary, folder / "out" / "sub-s1" / "maps"


def test_volumes(giblet, words, tmp_path):
    for subject in SUBJECTS:
        values = in_volume(courses(words[1], 8, subject, silent=6))
        write_nifti(tmp_path / f"{subject}.nii.gz", values, TR)
    write_mask(tmp_path / "mask.nii.gz", INSIDE)
    _, maps = fitted(giblet, tmp_path, words[0], "{subject}.nii.gz", mask="mask.nii.gz")
    names = ["ceiling", "chance", "of_ceiling", "p", "q", "r", "r2"]
    assert sorted(path.name for path in maps.iterdir()) == [f"{name}.nii.gz" for name in names]
    images = {name: nibabel.load(maps / f"{name}.nii.gz") for name in names}
    for image in images.values():
        np.testing.assert_array_equal(image.affine, AFFINE)
        assert image.shape == SHAPE
        assert image.header.get_xyzt_units()[0] == "mm"
    r, p = images["r"].get_fdata(), images["p"].get_fdata()
    assert not r[INSIDE == 0].any()
    assert r[INSIDE > 0].argmax() == HEARING
    assert r.max() > 0.8
    # No signal: no claim.
    assert (r[INSIDE > 0][6], p[INSIDE > 0][6]) == (0, 1)
    assert images["ceiling"].get_fdata()[INSIDE > 0].argmax() == HEARING


def test_regions(giblet, words, tmp_path):
    for subject in SUBJECTS:
        volumes = np.zeros((*SHAPE, N), np.float32)
        values = courses(words[1], 4, subject)
        for number in range(4):
            volumes[number + 1 == REGIONS] = values[:, number]
        write_nifti(tmp_path / f"{subject}.nii.gz", volumes, TR)
    write_mask(tmp_path / "atlas.nii.gz", REGIONS, dtype=np.int32)
    _, maps = fitted(giblet, tmp_path, words[0], "{subject}.nii.gz", atlas="atlas.nii.gz")
    image = nibabel.load(maps / "r.nii.gz")
    np.testing.assert_array_equal(image.affine, AFFINE)
    r = image.get_fdata()
    # All of a region has its score.
    assert np.unique(r[REGIONS == HEARING + 1]) == pytest.approx([r.max()])
    assert r.max() > 0.8


@pytest.mark.parametrize("axis", [grayordinates, parcels])
def test_grayordinates_and_parcels(giblet, words, tmp_path, axis):
    places = axis()
    ending = ("ptseries" if axis is parcels else "dtseries") + ".nii"
    for subject in SUBJECTS:
        values = courses(words[1], max(len(places), HEARING + 1), subject)
        write_cifti(tmp_path / f"{subject}.{ending}", values[:, -len(places) :], places, TR)
    _, maps = fitted(giblet, tmp_path, words[0], f"{{subject}}.{ending}")
    image = nibabel.load(maps / f"r.{ending.replace('tseries', 'scalar')}")
    assert isinstance(image.header.get_axis(0), nibabel.cifti2.ScalarAxis)
    assert image.header.get_axis(1) == places
    r = image.get_fdata()[0]
    assert r.argmax() == HEARING - max(0, HEARING + 1 - len(places))
    assert r.max() > 0.8


@pytest.mark.parametrize("surface", ["one", "both"])
def test_surfaces(giblet, words, tmp_path, surface):
    for subject in SUBJECTS:
        values = courses(words[1], 12, subject)
        write_gifti(tmp_path / f"{subject}_hemi-L.func.gii", values[:, :7], TR, "CortexLeft")
        write_gifti(tmp_path / f"{subject}_hemi-R.func.gii", values[:, 7:], TR, "CortexRight")
    _, maps = fitted(giblet, tmp_path, words[0], "{subject}_hemi-L.func.gii", surface=surface)
    found = sorted(path.name for path in maps.iterdir() if path.name.startswith("r") and "r2" not in path.name)
    assert found == (["r.gii"] if surface == "one" else ["r_hemi-L.gii", "r_hemi-R.gii"])
    image = nibabel.load(maps / found[0])
    assert image.meta["AnatomicalStructurePrimary"] == "CortexLeft"
    (array,) = image.darrays
    assert array.data.shape == (7,)
    assert array.data.argmax() == HEARING
    if surface == "both":
        other = nibabel.load(maps / found[1])
        assert other.meta["AnatomicalStructurePrimary"] == "CortexRight"
        assert other.darrays[0].data.shape == (5,)
