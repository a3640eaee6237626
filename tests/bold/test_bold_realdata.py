"""Scans of others, as they are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from giblet.bold import check_alike, isc, read_bold, shared_mask
from giblet.errors import BoldError

pytestmark = [pytest.mark.realdata, pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")]
REGIONS = ["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"]


@pytest.fixture(scope="module")
def fmri(realdata):
    return realdata / "fmri"


@pytest.fixture(scope="module")
def alice(fmri):
    return fmri / "alice_brennan2016" / "alice_data_shared"


@pytest.mark.parametrize(
    ("high_pass", "expected"),
    [(None, [0.281, 0.137, 0.385, 0.268, 0.186, 0.120]), ("1/128", [0.253, 0.202, 0.381, 0.233, 0.216, 0.180])],
)
def test_the_people_who_heard_alice_agree(alice, high_pass, expected):
    paths = sorted((alice / "10mm").glob("s*-timecourses.txt"))
    runs = {p.name[:3]: read_bold(p, columns=REGIONS, tr=2, high_pass=high_pass) for p in paths}
    assert len(runs) == 28
    assert {run.values.shape for run in runs.values()} == {(362, 6)}
    assert runs["s18"].targets == tuple(REGIONS)
    assert [name for name, run in runs.items() if not run.valid.all()] == ["s33"]
    assert runs["s33"].notes[-1] == "Every value is 0: there is no signal in this run, leave it out."
    values = [run.values for run in runs.values()]
    np.testing.assert_allclose(np.nanmean(isc(values), axis=0), expected, atol=6e-4)


def test_alices_motion_files_still_have_the_dropped_volumes(alice):
    path = alice / "10mm" / "s18-timecourses.txt"
    motion = next(alice.glob("s18-rp_*.txt"))
    courses = read_bold(path, columns=REGIONS, confounds=motion, dropped=10, detrend=True)
    from nilearn.signal import clean

    expected = clean(np.loadtxt(path), confounds=np.loadtxt(motion)[10:], detrend=True, standardize=False)
    np.testing.assert_allclose(courses.values, expected, atol=1e-4)
    with pytest.raises(BoldError, match="372 rows, and the run 362 volumes"):
        read_bold(path, confounds=motion)


def test_a_last_row_without_a_line_break_counts(alice, tmp_path):
    run, motion = alice / "10mm" / "s33-timecourses.txt", next(alice.glob("s33-rp_*.txt"))
    # 371 line breaks, 372 rows.
    assert motion.read_bytes().count(b"\n") == 371
    read_bold(run, confounds=motion, dropped=10)
    short = tmp_path / motion.name
    short.write_bytes(motion.read_bytes().rpartition(b"\n")[0])
    with pytest.raises(BoldError, match="has 371 rows, and the run 362 volumes and 10 dropped before"):
        read_bold(run, confounds=short, dropped=10)


def test_the_fsl_scan(fmri, tmp_path):
    folder = fmri / "fsl_feeds"
    raw = folder / "cudaBayesregData_fmri.nii.gz"
    mask = folder / "cudaBayesregData_fmri_mask.nii.gz"
    with pytest.raises(BoldError, match=r"the header says 1\.0 sec"):
        read_bold(raw, mask=mask)
    courses = read_bold(raw, mask=mask, tr=3)
    filtered = read_bold(folder / "cudaBayesregData_fmri_filtered_func_data.nii.gz", mask=mask)
    assert (courses.tr, filtered.tr) == (3, 3)
    assert courses.values.shape == filtered.values.shape == (45, 7536)
    check_alike({"raw": courses.space, "filtered": filtered.space})
    with pytest.raises(BoldError, match="they differ"):
        read_bold(folder / "cudaBayesregData_fmri_filtered_func_data.nii.gz", mask=mask, tr=2)
    filtered.space.save(filtered.values, tmp_path / "again.nii.gz")
    again = read_bold(tmp_path / "again.nii.gz", mask=mask)
    np.testing.assert_array_equal(again.values, filtered.values)
    computed = read_bold(raw, tr=3)
    inside = courses.space.labels
    overlap = (computed.space.labels & inside).sum() / (computed.space.labels | inside).sum()
    assert overlap > 0.85


def test_haxbys_runs(fmri):
    from nilearn.maskers import NiftiLabelsMasker, NiftiMasker

    folder = fmri / "haxby2001_lowres" / "sub001"
    paths = sorted(folder.glob("BOLD/*/bold_25mm.nii.gz"))
    brain, atlas = folder / "masks" / "25mm" / "brain.nii.gz", folder / "masks" / "25mm" / "hoc.nii.gz"
    runs = {path.parent.name: read_bold(path, mask=brain) for path in paths}
    assert len(runs) == 12
    check_alike({name: run.space for name, run in runs.items()})
    for path, run in zip(paths, runs.values(), strict=True):
        assert run.values.shape == (121, 129)
        assert run.tr == Fraction(5, 2)
        np.testing.assert_allclose(run.values, NiftiMasker(brain).fit_transform(path), rtol=1e-6)
    regions = read_bold(paths[0], atlas=atlas)
    np.testing.assert_allclose(regions.values, NiftiLabelsMasker(atlas).fit_transform(paths[0]), rtol=1e-5)
    motion = read_bold(paths[0], mask=brain, confounds=paths[0].with_name("bold_moest.txt"), high_pass="1/128")
    assert motion.values.std(axis=0).mean() < runs["task001_run001"].values.std(axis=0).mean()
    with pytest.raises(BoldError, match=r"hoc\.nii\.gz: holds several values and is no mask"):
        read_bold(paths[0], mask=atlas)
    assert shared_mask([brain, folder / "masks" / "25mm" / "gray.nii.gz"], 1).get_fdata().sum() < 129


def test_the_localizer_of_pyhrf(fmri):
    path = fmri / "pyhrf_localizer" / "subj0_bold_session0.nii.gz"
    with pytest.raises(BoldError, match=r"the header says 1\.0 without a unit"):
        read_bold(path)
    courses = read_bold(path, tr=2.4, atlas=path.with_name("subj0_parcellation.nii.gz"))
    assert courses.tr == Fraction(12, 5)
    assert courses.values.shape == (125, 2)
    # All but the regions of interest was cut away.
    assert read_bold(path, tr=2.4).values.shape == (125, 1272)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nibabel_example4d.nii.gz", "the header says 2000.0 sec (that is no usual TR)"),
        ("nibabel_someones_epi.nii.gz", "has one volume and no series"),
        ("nipy_functional.nii.gz", "no brain can be found in it; give a mask"),
    ],
)
def test_small_scans_that_are_refused(fmri, name, said):
    with pytest.raises(BoldError) as error:
        read_bold(fmri / "small" / name)
    assert f"{name}: " in str(error.value)
    assert said in str(error.value)


def test_small_scans_and_tables(fmri):
    import nibabel

    functional = fmri / "small" / "nibabel_functional.nii"
    everywhere = nibabel.Nifti1Image(np.ones((17, 21, 3), np.uint8), nibabel.load(functional).affine)
    courses = read_bold(functional, mask=everywhere)
    assert (courses.values.shape, courses.tr) == ((20, 17 * 21 * 3), 2)
    np.testing.assert_array_equal(
        courses.space.to_image(courses.values).get_fdata(), nibabel.load(functional).get_fdata(dtype=np.float32)
    )
    assert read_bold(fmri / "small" / "nitime_fmri1.nii.gz").tr == Fraction(27, 20)
    table = read_bold(fmri / "small" / "nitime_fmri_timeseries.csv", columns=["LCau", "RPrec"])
    assert (table.values.shape, table.targets, table.tr) == ((250, 2), ("LCau", "RPrec"), None)
    events = read_bold(fmri / "small" / "nitime_event_related_fmri.csv")
    assert (events.values.shape, events.targets) == ((3360, 2), ("bold", "events"))
    cut = fmri / "fsl_feeds" / "cudaBayesregData_fmri_design.mat"
    with pytest.raises(BoldError, match=r"design\.mat: "):
        read_bold(cut)
