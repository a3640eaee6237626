"""Values go back to the kind of image that they came from."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from bold.fabricated import (
    AFFINE,
    SHAPE,
    brain,
    grayordinates,
    parcels,
    write_cifti,
    write_gifti,
    write_mask,
    write_nifti,
)

from giblet.bold import check_alike, read_bold, read_space
from giblet.errors import BoldError, ParameterError

RNG = np.random.default_rng(7)


def voxels(tmp_path):
    volumes, inside = brain(5)
    mask = write_mask(tmp_path / "mask.nii", inside)
    return read_bold(write_nifti(tmp_path / "bold.nii.gz", volumes, tr=1.35), mask=mask), (".nii.gz", ".nii.gz")


def regions(tmp_path):
    labels = np.zeros(SHAPE, np.int32)
    labels[1:4, 2:5, 2:6], labels[4:7, 2:5, 2:6], labels[1, 1, 1] = 2001, 12, 5
    atlas = write_mask(tmp_path / "atlas.nii", labels, dtype=np.int32)
    return read_bold(write_nifti(tmp_path / "bold.nii.gz", brain(5)[0], tr=1.35), atlas=atlas), (".nii", ".nii")


def dense(tmp_path):
    axis = grayordinates()
    path = write_cifti(tmp_path / "bold.dtseries.nii", RNG.normal(size=(5, len(axis))), axis)
    return read_bold(path), (".dtseries.nii", ".dscalar.nii")


def parcellated(tmp_path):
    path = write_cifti(tmp_path / "bold.ptseries.nii", RNG.normal(size=(5, 2)), parcels())
    return read_bold(path), (".ptseries.nii", ".pscalar.nii")


def hemisphere(tmp_path):
    path = write_gifti(tmp_path / "hemi-R_bold.func.gii", RNG.normal(size=(5, 32)))
    return read_bold(path, tr=2), (".func.gii", ".shape.gii")


def hemispheres(tmp_path):
    for side in "LR":
        write_gifti(tmp_path / f"hemi-{side}_bold.func.gii", RNG.normal(size=(5, 32 if side == "L" else 30)))
    return read_bold(tmp_path / "hemi-R_bold.func.gii", tr=2, surface="both"), ("_hemi-L.func.gii", "_hemi-L.shape.gii")


KINDS = pytest.mark.parametrize("make", [voxels, regions, dense, parcellated, hemisphere, hemispheres])


@KINDS
def test_a_series_comes_back(tmp_path, make):
    courses, endings = make(tmp_path)
    values = RNG.normal(size=(4, len(courses.targets))).astype(np.float32)
    path = tmp_path / f"predicted{endings[0]}"
    courses.space.save(values, path)
    options = {"tr": courses.tr} if path.name.endswith("gii") else {}
    if make is voxels:
        options["mask"] = tmp_path / "mask.nii"
    if make is regions:
        options["atlas"] = tmp_path / "atlas.nii"
    if make is hemispheres:
        options["surface"] = "both"
    again = read_bold(path, **options)
    np.testing.assert_allclose(again.values, values, rtol=1e-5, atol=1e-6)
    assert again.tr == courses.tr
    assert again.targets == courses.targets
    check_alike({"then": courses.space, "now": again.space})


@KINDS
def test_a_space_comes_back_from_its_template(tmp_path, make):
    courses, endings = make(tmp_path)
    path = tmp_path / f"space{endings[1]}"
    courses.space.save_template(path)
    again = read_space(path)
    assert again.n_targets == len(courses.targets)
    check_alike({"then": courses.space, "now": again})
    value = RNG.normal(size=again.n_targets).astype(np.float32)
    again.save(value, tmp_path / f"map{endings[1]}")
    courses.space.save(value, tmp_path / f"same{endings[1]}")
    names = [p.name for p in tmp_path.iterdir() if p.name.startswith("map")]
    assert len(names) == (2 if make is hemispheres else 1)
    for name in names:
        one, two = ((tmp_path / n) for n in (name, name.replace("map", "same")))
        if name.endswith("gii"):
            arrays = [nibabel.load(p).darrays[0].data for p in (one, two)]
        else:
            arrays = [nibabel.load(p).get_fdata() for p in (one, two)]
        np.testing.assert_array_equal(*arrays)


@KINDS
def test_what_cannot_be_saved(tmp_path, make):
    courses, endings = make(tmp_path)
    n_targets = len(courses.targets)
    path = tmp_path / f"x{endings[0]}"
    for shape in [(n_targets + 1,), (2, n_targets - 1), (1, 1, n_targets), ()]:
        with pytest.raises(ParameterError, match="are not those of"):
            courses.space.to_image(np.zeros(shape))
    with pytest.raises(BoldError, match="ending of another kind"):
        courses.space.save(np.zeros((2, n_targets)), tmp_path / "x.png")
    courses.space.save(np.zeros((2, n_targets)), path)
    with pytest.raises(BoldError, match="exists already"):
        courses.space.save(np.zeros((2, n_targets)), path)
    courses.space.save(np.ones((2, n_targets)), path, force=True)
    with pytest.raises(BoldError, match="folder does not exist"):
        courses.space.save(np.zeros((2, n_targets)), tmp_path / "none" / path.name)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_voxels_as_nilearn_puts_them_back(tmp_path):
    from nilearn.masking import unmask

    courses, _ = voxels(tmp_path)
    values = RNG.normal(size=(3, len(courses.targets))).astype(np.float32)
    image = courses.space.to_image(values)
    np.testing.assert_array_equal(image.get_fdata(), unmask(values, str(tmp_path / "mask.nii")).get_fdata())
    np.testing.assert_array_equal(image.affine, AFFINE)
    assert image.header.get_zooms() == pytest.approx((3, 3, 4, 1.35))
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert courses.space.to_image(values[0]).shape == SHAPE


def test_regions_as_nilearn_paints_them(tmp_path):
    from nilearn.regions import signals_to_img_labels

    courses, _ = regions(tmp_path)
    values = RNG.normal(size=(3, 3)).astype(np.float32)
    expected = signals_to_img_labels(values, str(tmp_path / "atlas.nii")).get_fdata()
    np.testing.assert_array_equal(courses.space.to_image(values).get_fdata(), expected)
    np.testing.assert_array_equal(courses.space.to_image(values[1]).get_fdata(), expected[..., 1])


def test_cifti_keeps_its_places_and_says_what_it_is(tmp_path):
    courses, _ = dense(tmp_path)
    values = RNG.normal(size=(3, 24)).astype(np.float32)
    courses.space.save(values, tmp_path / "p.dtseries.nii")
    image = nibabel.load(tmp_path / "p.dtseries.nii")
    assert image.header.get_axis(1) == grayordinates()
    series = image.header.get_axis(0)
    assert (series.step, series.unit, series.size) == (0.72, "SECOND", 3)
    assert image.nifti_header.get_intent()[0] == "ConnDenseSeries"
    courses.space.save(values[0], tmp_path / "p.dscalar.nii")
    assert nibabel.load(tmp_path / "p.dscalar.nii").nifti_header.get_intent()[0] == "ConnDenseScalar"
    with pytest.raises(BoldError, match=r"let the name end in \.dtseries\.nii"):
        courses.space.save(values, tmp_path / "p2.dscalar.nii")
    assert parcellated(tmp_path)[0].targets == ("Auditory A1", "Visual V1")


def test_gifti_says_its_hemisphere(tmp_path):
    courses, _ = hemispheres(tmp_path)
    left, right = courses.space.to_image(RNG.normal(size=(3, 62)))
    assert left.meta["AnatomicalStructurePrimary"] == "CortexLeft"
    assert right.meta["AnatomicalStructurePrimary"] == "CortexRight"
    assert [len(image.darrays) for image in (left, right)] == [3, 3]
    assert (left.darrays[0].data.size, right.darrays[0].data.size) == (32, 30)
    # The left comes first, whichever was named.
    first = read_bold(tmp_path / "hemi-L_bold.func.gii", tr=2)
    np.testing.assert_array_equal(first.values, courses.values[:, :32])


@pytest.mark.parametrize(
    ("left", "right"),
    [("lh.x.gii", "rh.x.gii"), ("1.tfMRI.L.gii", "1.tfMRI.R.gii"), ("sub-01_hemi-L_x.gii", "sub-01_hemi-R_x.gii")],
)
def test_names_of_hemispheres(tmp_path, left, right):
    for name in (left, right):
        write_gifti(tmp_path / name, RNG.normal(size=(3, 8)))
    assert read_bold(tmp_path / right, tr=2, surface="both").space.structures == ("CortexLeft", "CortexRight")
    (tmp_path / left).unlink()
    with pytest.raises(BoldError, match="there is no such file"):
        read_bold(tmp_path / right, tr=2, surface="both")


def test_hemispheres_that_do_not_fit(tmp_path):
    write_gifti(tmp_path / "lh.x.gii", RNG.normal(size=(3, 8)))
    write_gifti(tmp_path / "rh.x.gii", RNG.normal(size=(4, 8)))
    with pytest.raises(BoldError, match="another number of volumes"):
        read_bold(tmp_path / "lh.x.gii", tr=2, surface="both")
    with pytest.raises(BoldError, match="does not say its hemisphere"):
        read_bold(write_gifti(tmp_path / "x.gii", RNG.normal(size=(3, 8))), tr=2, surface="both")
    with pytest.raises(ParameterError, match="surface"):
        read_bold(tmp_path / "lh.x.gii", tr=2, surface="three")


def test_spaces_of_surfaces_that_differ(tmp_path):
    spaces = {
        name: read_bold(write_gifti(tmp_path / f"{name}.func.gii", RNG.normal(size=(3, n))), tr=2).space
        for name, n in {"lh.a": 8, "lh.b": 9, "rh.a": 8}.items()
    }
    for other, said in {"lh.b": "number of vertices", "rh.a": "hemisphere"}.items():
        with pytest.raises(BoldError, match=f"{other}: differs from lh.a in its {said}"):
            check_alike({"lh.a": spaces["lh.a"], other: spaces[other]})
    one, two = dense(tmp_path)[0].space, parcellated(tmp_path)[0].space
    with pytest.raises(BoldError, match="in its kind"):
        check_alike({"a": one, "b": two})
    with pytest.raises(BoldError, match="in its kind"):
        check_alike({"a": one, "b": spaces["lh.a"]})


def test_a_reader_of_cifti_meets_other_files(tmp_path):
    scalar = dense(tmp_path)[0].space.to_image(np.zeros(24))
    scalar.to_filename(tmp_path / "x.dtseries.nii")
    with pytest.raises(BoldError, match="holds no series"):
        read_bold(tmp_path / "x.dtseries.nii")
    write_nifti(tmp_path / "y.dtseries.nii", brain(3)[0])
    with pytest.raises(BoldError, match="is no CIFTI"):
        read_bold(tmp_path / "y.dtseries.nii")
    (tmp_path / "bold.dtseries.nii").rename(tmp_path / "z.nii")
    with pytest.raises(BoldError, match="is a Cifti2Image and no volumes of NIfTI"):
        read_bold(tmp_path / "z.nii")
