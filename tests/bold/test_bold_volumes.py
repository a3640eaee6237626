"""NIfTI through masks and atlases, as nilearn does it."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from bold.fabricated import AFFINE, SHAPE, brain, write_mask, write_nifti
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import giblet.bold.volumes
from giblet.bold import check_alike, read_bold, shared_mask
from giblet.errors import BoldError, ParameterError

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture
def run(tmp_path):
    volumes, inside = brain()
    return write_nifti(tmp_path / "bold.nii.gz", volumes), write_mask(tmp_path / "mask.nii.gz", inside), volumes, inside


@pytest.fixture
def atlas(tmp_path, run):
    labels = np.zeros(SHAPE, np.int16)
    labels[2:4, 3:6, 2:5], labels[4:6, 3:6, 2:5], labels[6, 6, 6] = 7, 3, 40
    return write_mask(tmp_path / "atlas.nii.gz", labels, dtype=np.int16), labels


@pytest.fixture(params=[2**24, 1000])
def _blocks(request, monkeypatch):
    """Read at once, and volume by volume."""
    monkeypatch.setattr(giblet.bold.volumes, "BLOCK", request.param)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("smoothing", [None, 5.0])
def test_voxels_as_nilearn_reads_them(run, smoothing):
    from nilearn.maskers import NiftiMasker

    path, mask, _, inside = run
    courses = read_bold(path, mask=mask, smoothing=smoothing)
    expected = NiftiMasker(mask, smoothing_fwhm=smoothing, standardize=False).fit_transform(path)
    np.testing.assert_allclose(courses.values, expected, rtol=1e-6)
    assert courses.values.dtype == np.float32
    assert courses.targets == tuple(f"v{i}" for i in range(inside.sum()))
    assert courses.valid.all()
    assert not courses.censored.any()


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("smoothing", [None, 5.0])
def test_regions_as_nilearn_reads_them(run, atlas, smoothing):
    from nilearn.maskers import NiftiLabelsMasker

    path, labels = run[0], atlas[0]
    courses = read_bold(path, atlas=labels, smoothing=smoothing, labels={3: "Heschl left", 7: "Heschl right"})
    expected = NiftiLabelsMasker(labels, smoothing_fwhm=smoothing, standardize=False).fit_transform(path)
    np.testing.assert_allclose(courses.values, expected, rtol=1e-5)
    assert courses.targets == ("Heschl left", "Heschl right", "region 40")


def test_an_atlas_is_cut_to_the_mask(run, atlas):
    path, mask, volumes, inside = run
    courses = read_bold(path, atlas=atlas[0], mask=mask)
    for number, column in zip((3, 7), courses.values.T, strict=True):
        np.testing.assert_allclose(column, volumes[(atlas[1] == number) & inside].mean(axis=0), rtol=1e-5)
    assert courses.notes == ("1 regions of the atlas have no voxel in the scan and are left out: 40.",)


def test_an_atlas_on_another_grid_is_brought_to_the_scans(run, tmp_path):
    from nilearn.maskers import NiftiLabelsMasker

    fine = np.zeros((16, 18, 14), np.int16)
    fine[4:8, 6:12, 4:10], fine[8:12, 6:12, 4:10] = 1, 2
    affine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    path = write_mask(tmp_path / "fine.nii", fine, affine, np.int16)
    courses = read_bold(run[0], atlas=path)
    masker = NiftiLabelsMasker(path, standardize=False, resampling_target="data")
    np.testing.assert_allclose(courses.values, masker.fit_transform(run[0]), rtol=1e-5)
    assert "another grid" in courses.notes[0]


def test_names_from_the_table_beside_the_atlas(run, atlas, tmp_path):
    (tmp_path / "atlas.tsv").write_text("index\tname\tcolor\n3\tA1\tred\n7\tV1\tblue\n")
    assert read_bold(run[0], atlas=atlas[0]).targets == ("A1", "V1", "region 40")
    other = tmp_path / "other.tsv"
    other.write_text("number\tname\n3\tA1\n")
    with pytest.raises(BoldError, match=r"other\.tsv: has no columns index and name"):
        read_bold(run[0], atlas=atlas[0], labels=other)


def test_voxels_that_are_no_numbers(run, atlas, tmp_path):
    path, mask, volumes, inside = run
    broken, constant = volumes.copy(), np.argwhere(inside)[5]
    broken[4, 4, 3, 7] = np.nan
    broken[2, 3, 2] = np.inf
    broken[tuple(constant)] = 4
    write_nifti(path, broken)
    courses = read_bold(path, mask=mask)
    number = {tuple(place): i for i, place in enumerate(np.argwhere(inside))}
    bad = [number[4, 4, 3]] + ([number[2, 3, 2]] if inside[2, 3, 2] else [])
    assert set(np.flatnonzero(~courses.valid)) == {*bad, 5}
    assert not courses.values[:, bad].any()
    assert np.isfinite(courses.values).all()
    assert any("are no numbers" in note for note in courses.notes)
    assert any("1 of" in note and "never change" in note for note in courses.notes)
    # Smoothing spreads them no further, and they stay marked.
    smooth = read_bold(path, mask=mask, smoothing=5)
    assert not smooth.valid[bad].any()
    assert np.isfinite(smooth.values).all()
    # A region's mean is that of its other voxels.
    regions = read_bold(path, atlas=atlas[0])
    rest = (atlas[1] == 3) & np.isfinite(broken).all(axis=-1)
    np.testing.assert_allclose(regions.values[:, 0], broken[rest].mean(axis=0), rtol=1e-5)
    assert regions.valid.all()
    assert "2 voxels" in regions.notes[0]


def test_a_region_without_a_usable_voxel_is_lost(run, atlas):
    path, _, volumes, _ = run
    volumes[6, 6, 6, 0] = np.nan
    write_nifti(path, volumes)
    courses = read_bold(path, atlas=atlas[0])
    assert courses.targets == ("region 3", "region 7")
    assert "Nothing is left of region 40." in courses.notes
    assert courses.space.n_targets == 2


@pytest.mark.parametrize("how", ["epi", "background"])
def test_a_computed_mask_is_nilearns(run, how):
    from nilearn import masking

    path = run[0]
    expected = getattr(masking, f"compute_{how}_mask")(str(path)).get_fdata() > 0
    courses = read_bold(path, mask=how)
    np.testing.assert_array_equal(courses.space.labels, expected)
    assert courses.notes == (f"A mask of {expected.sum()} voxels was computed (nilearn's {how}).",)


def test_what_lies_around_decides_how_the_mask_is_computed(run):
    path, _, volumes, inside = run
    assert "epi" in read_bold(path).notes[0]
    volumes[~inside] = 0
    write_nifti(path, volumes)
    courses = read_bold(path)
    assert "background" in courses.notes[0]
    np.testing.assert_array_equal(courses.space.labels, inside)


def test_integers_with_a_slope_and_big_endian(run, tmp_path):
    path, mask, volumes, inside = run
    image = nibabel.Nifti1Image(volumes, AFFINE, nibabel.Nifti1Header(endianness=">"))
    image.set_data_dtype(np.int16)
    image.header.set_zooms((3, 3, 4, 2))
    image.header.set_xyzt_units("mm", "sec")
    nibabel.save(image, path)
    assert not np.isnan(nibabel.load(path).dataobj.slope)
    np.testing.assert_allclose(read_bold(path, mask=mask).values, volumes[inside].T, atol=0.05)
    second = write_nifti(tmp_path / "two.nii", volumes, kind=nibabel.Nifti2Image)
    np.testing.assert_array_equal(read_bold(second, mask=mask).values, volumes[inside].T)


@pytest.mark.parametrize("dimensions", [3, 5])
def test_no_series_of_volumes(tmp_path, dimensions):
    path = tmp_path / "x.nii"
    write_nifti(path, np.ones((4, 4, 4, 1, 3)[:dimensions], np.float32))
    with pytest.raises(BoldError, match=r"x\.nii: has .* give the 4-D file"):
        read_bold(path, tr=2)


def test_an_empty_run_is_said_so(run):
    path, mask, volumes, _ = run
    write_nifti(path, np.zeros_like(volumes))
    courses = read_bold(path, mask=mask)
    assert not courses.valid.any()
    assert courses.notes == ("Every value is 0: there is no signal in this run, leave it out.",)
    with pytest.raises(BoldError, match="0 throughout"):
        read_bold(path)


def test_masks_that_do_not_fit(run, tmp_path):
    path, _, _, inside = run
    moved = AFFINE.copy()
    moved[0, 3] += 1
    cases = {
        "in its shape: (8, 9, 6)": write_mask(tmp_path / "a.nii", inside[..., :-1]),
        "in its affine: voxels of 3 × 3 × 4 mm from (-11, -15, -8)": write_mask(tmp_path / "b.nii", inside, moved),
        "holds no voxel": write_mask(tmp_path / "c.nii", np.zeros(SHAPE)),
        "several values": write_mask(tmp_path / "d.nii", inside * np.arange(7)),
    }
    for said, mask in cases.items():
        with pytest.raises(BoldError) as error:
            read_bold(path, mask=mask)
        assert said in str(error.value)
        assert mask.name in str(error.value)
    # Rounded, as software writes it.
    nearly = write_mask(tmp_path / "e.nii", inside, AFFINE + 1e-5)
    assert read_bold(path, mask=nearly).values.shape[1] == inside.sum()
    with pytest.raises(BoldError, match="no whole numbers"):
        read_bold(path, atlas=write_mask(tmp_path / "f.nii", inside * 0.5, dtype=np.float32))
    with pytest.raises(BoldError, match="no region within the scan"):
        read_bold(path, atlas=write_mask(tmp_path / "g.nii", ~inside), mask=tmp_path / "e.nii")


@pytest.mark.parametrize(
    "options", [{"smoothing": -1}, {"smoothing": "4"}, {"mask": 3}, {"labels": {1: "x"}}, {"surface": "both"}, {"dropped": -1},
                {"columns": ["a"]}, {"strategy": ("motion",)}, {"confound_columns": [0]}],
)  # fmt: skip
def test_arguments_that_make_no_sense(run, options):
    with pytest.raises(ParameterError):
        read_bold(run[0], **options)


def test_a_shared_mask_is_voted_for(tmp_path):
    votes = np.zeros((3, *SHAPE), bool)
    votes[0, 2:5, 2, 2] = votes[1, 3:6, 2, 2] = votes[2, 4:7, 2, 2] = True
    paths = [write_mask(tmp_path / f"{i}.nii", vote) for i, vote in enumerate(votes)]
    for threshold, places in [(0, [2, 3, 4, 5, 6]), (0.5, [3, 4, 5]), (1, [4])]:
        kept = np.asarray(shared_mask(paths, threshold).dataobj)
        assert np.argwhere(kept).tolist() == [[x, 2, 2] for x in places]
    with pytest.raises(BoldError, match="no voxel is in enough masks"):
        shared_mask([*paths, write_mask(tmp_path / "far.nii", ~votes.any(axis=0))], 1)
    with pytest.raises(BoldError, match=r"small\.nii: differs from .*0\.nii in its shape"):
        shared_mask([*paths, write_mask(tmp_path / "small.nii", votes[0][1:])])
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ParameterError):
            shared_mask(paths, threshold)
    with pytest.raises(ParameterError):
        shared_mask([])


def test_runs_vote_with_their_computed_masks(tmp_path):
    from nilearn.masking import compute_multi_epi_mask

    paths = [write_nifti(tmp_path / f"{i}.nii.gz", brain(4, seed=i)[0]) for i in range(3)]
    expected = compute_multi_epi_mask(list(map(str, paths)), threshold=0.5, connected=False).get_fdata()
    mask = shared_mask(paths, 0.5)
    np.testing.assert_array_equal(mask.get_fdata(), expected)
    assert read_bold(paths[0], mask=mask).values.shape == (4, int(expected.sum()))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    votes=st.lists(st.integers(1, 2**8 - 1), min_size=1, max_size=5),
    threshold=st.sampled_from([0, 0.25, 0.5, 0.75, 1]),
)
def test_a_voxel_is_kept_by_more_than_the_threshold(tmp_path, votes, threshold):
    masks = [np.array([vote >> i & 1 for i in range(8)], bool).reshape(2, 2, 2) for vote in votes]
    paths = [write_mask(tmp_path / f"{i}.nii", mask) for i, mask in enumerate(masks)]
    share = np.mean(masks, axis=0)
    expected = share == 1 if threshold == 1 else share > threshold
    if expected.any():
        np.testing.assert_array_equal(np.asarray(shared_mask(paths, threshold).dataobj) > 0, expected)
    else:
        with pytest.raises(BoldError):
            shared_mask(paths, threshold)


def test_subjects_that_differ_are_refused_by_name(tmp_path, run):
    path, mask, volumes, inside = run
    space = read_bold(path, mask=mask).space
    moved = write_nifti(tmp_path / "moved.nii", volumes, affine=AFFINE * 1.01)
    small = write_nifti(tmp_path / "small.nii", volumes[1:])
    same = write_nifti(tmp_path / "same.nii", volumes * 2, tr=1.5)
    check_alike({"s1": space, "s2": read_bold(same, mask=mask).space})
    check_alike({})
    for other, said in [(moved, "affine"), (small, r"shape: \(7, 9, 7\) and not \(8, 9, 7\)")]:
        with pytest.raises(BoldError, match=f"s2: differs from s1 in its {said}"):
            check_alike({"s1": space, "s2": read_bold(other).space})
    fewer = inside.copy()
    fewer[tuple(np.argwhere(inside)[0])] = False
    with pytest.raises(BoldError, match="in its mask"):
        check_alike({"s1": space, "s2": read_bold(path, mask=write_mask(tmp_path / "f.nii", fewer)).space})
    with pytest.raises(BoldError, match="one is a table"):
        check_alike({"s1": space, "s2": None})
