"""The TR and the moment of sampling: whom to believe, and when to ask."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from bold.fabricated import brain, write_cifti, write_gifti, write_mask, write_nifti, write_sidecar
from hypothesis import given
from hypothesis import strategies as st

from giblet.bold import read_bold
from giblet.bold.repetition import HeaderTR, settle_tr
from giblet.bold.sidecar import Sidecar
from giblet.errors import BoldError, GibletError, ParameterError

SECOND = "sec"


def settle(asked=None, beside=None, header=None):
    sidecar = Sidecar("x.json", None if beside is None else Fraction(str(beside)))
    return settle_tr("x.nii", asked, sidecar, None if header is None else HeaderTR.read(np.float32(header[0]), header[1]))


@pytest.mark.parametrize(
    ("asked", "beside", "header", "tr"),
    [
        (None, None, (2.0, SECOND), 2),
        (None, None, (1.35, SECOND), Fraction(27, 20)),
        (None, None, (2000, "msec"), 2),
        (None, None, (720_000, "usec"), Fraction(18, 25)),
        (None, 0.8, (0.8, SECOND), Fraction(4, 5)),
        (None, 3.0, (1.0, SECOND), 3),
        (None, 2.0, (2000, SECOND), 2),
        (None, 2.4, (1.0, "unknown"), Fraction(12, 5)),
        (None, 2.2, None, Fraction(11, 5)),
        (None, 1.0, (1.0, SECOND), 1),
        ("4/3", None, (1.0, SECOND), Fraction(4, 3)),
        (1.0, None, (1.0, SECOND), 1),
        (12, None, (12, SECOND), 12),
        (3.0, 2.0, (3.0, SECOND), 3),
        (2.0, 2.0, (3.0, SECOND), 2),
        (1.5, None, None, Fraction(3, 2)),
        (None, None, None, None),
    ],
)
def test_a_tr_that_nobody_doubts(asked, beside, header, tr):
    assert settle(asked, beside, header)[0] == tr


@pytest.mark.parametrize(
    ("asked", "beside", "header", "said"),
    [
        (None, None, (2000, SECOND), "no usual TR"),
        (None, None, (1.0, SECOND), "1 s is what software writes"),
        (None, None, (2.0, "unknown"), "unit is not known"),
        (None, None, (2.0, "hz"), "unit is not known"),
        (None, None, (0.0, SECOND), "no time"),
        (None, None, (np.nan, SECOND), "no time"),
        (None, None, (12, SECOND), "no usual TR"),
        (None, 2000.0, None, "no usual TR"),
        (None, 2.0, (3.0, SECOND), "x.json says 2 s, the header says 3.0 sec (they differ)"),
        (2.0, None, (3.0, SECOND), "you say 2 s, no sidecar says it, the header says 3.0 sec (they differ)"),
        (2.0, 3.0, (1.0, SECOND), "you say 2 s, x.json says 3 s"),
        (2.0, 3.0, (3.0, SECOND), "they differ"),
    ],
)
def test_a_doubtful_tr_is_an_error_that_says_what_everybody_says(asked, beside, header, said):
    with pytest.raises(BoldError) as error:
        settle(asked, beside, header)
    assert said in str(error.value)
    assert str(error.value).startswith("x.nii: its TR is in doubt")
    assert ("give the TR in seconds" if asked is None else "leave tr= out") in error.value.remedy


def test_who_was_not_believed_is_noted():
    assert settle(None, 3.0, (1.0, SECOND))[1] == [
        "The TR is 3 s, although x.json says 3 s, the header says 1.0 sec."
    ]
    assert settle(None, 3.0, (3.0, "unknown"))[1] == []


@pytest.mark.parametrize("asked", [2000, 0, -1, "abc", float("nan")])
def test_what_is_asked_for_must_be_seconds(asked):
    with pytest.raises(ParameterError):
        settle(asked)


_TRS = st.one_of(st.none(), st.sampled_from([0.5, 1.0, 1.5, 2.0, 2000.0]))


@given(asked=st.one_of(st.none(), st.sampled_from([0.5, 1.0, 2.0])), beside=_TRS, number=_TRS, known=st.booleans())
def test_a_tr_has_a_source_and_no_source_that_is_plausible_stands_alone_against_it(asked, beside, number, known):
    header = None if number is None else (number, SECOND if known else "unknown")
    try:
        tr, notes = settle(asked, beside, header)
    except GibletError:
        # More knowledge of the same TR never makes a doubt.
        assert asked is None or any(other not in (None, asked) for other in (beside, number))
        return
    if tr is None:
        assert (asked, beside, number) == (None, None, None)
        return
    assert float(tr) in (asked, beside, number)
    contradicted = any(other not in (None, float(tr)) for other in (beside, number))
    assert bool(notes) == contradicted


def bold(tmp_path, name="bold.nii.gz", **options):
    volumes, inside = brain(6)
    write_nifti(tmp_path / name, volumes, **options)
    return tmp_path / name, write_mask(tmp_path / "mask.nii", inside)


def test_the_sidecar_beside_the_file_is_read(tmp_path):
    path, mask = bold(tmp_path, tr=1.0)
    write_sidecar(path, RepetitionTime=1.5, StartTime=0.75, SliceTimingCorrected=True, Units="percent")
    courses = read_bold(path, mask=mask)
    assert (courses.tr, courses.sample_offset) == (Fraction(3, 2), Fraction(3, 4))
    assert courses.notes == (
        "The TR is 1.5 s, although bold.json says 1.5 s, the header says 1.0 sec.",
        "bold.json gives the unit of the values as 'percent'.",
    )
    given = read_bold(path, mask=mask, sidecar={"RepetitionTime": 2.5})
    assert (given.tr, given.sample_offset) == (Fraction(5, 2), 0)


def test_cifti_says_its_tr_and_gifti_does_not(tmp_path):
    from bold.fabricated import grayordinates

    axis = grayordinates()
    values = np.random.default_rng(0).normal(size=(5, len(axis)))
    assert read_bold(write_cifti(tmp_path / "a_bold.dtseries.nii", values, axis)).tr == Fraction(18, 25)
    with pytest.raises(BoldError, match="1 s is what software writes"):
        read_bold(write_cifti(tmp_path / "b_bold.dtseries.nii", values, axis, tr=1.0))
    with pytest.raises(BoldError, match="unit is not known"):
        read_bold(write_cifti(tmp_path / "c_bold.dtseries.nii", values, axis, tr=2.0, unit="HERTZ"))
    # fMRIPrep names the sidecar without the inner ending.
    (tmp_path / "c_bold.json").write_text('{"RepetitionTime": 2.0}')
    assert read_bold(tmp_path / "c_bold.dtseries.nii").tr == 2

    path = write_gifti(tmp_path / "hemi-L_bold.func.gii", values)
    with pytest.raises(BoldError, match="the header says nothing"):
        read_bold(path)
    with pytest.raises(BoldError, match="says 2.0 without a unit"):
        read_bold(write_gifti(tmp_path / "lh.func.gii", values, step="2.0"))
    with pytest.raises(BoldError, match="says 0.0 without a unit"):
        read_bold(write_gifti(tmp_path / "rh.func.gii", values, step="0.000000"))
    assert read_bold(path, tr=2).tr == 2


@pytest.mark.parametrize(
    ("fields", "options", "offset", "note"),
    [
        ({}, {}, 0, None),
        ({}, {"slice_time_ref": 0.5}, 1, None),
        ({"StartTime": 0.9}, {}, Fraction(9, 10), None),
        ({"StartTime": 1.0, "SliceTimingCorrected": True}, {"slice_time_ref": 0.5}, 1, "both correct"),
        ({"SliceTimingCorrected": True}, {"slice_time_ref": 0.5}, 1, "is corrected already"),
        ({"SliceTimingCorrected": False}, {"slice_time_ref": 0.5}, 1, None),
        ({"SliceTiming": [0, 0.9, 1.8]}, {}, 0, "between 0 and 1.8 s of each TR"),
        ({"SliceTiming": [0, 0.9, 1.8]}, {"slice_time_ref": 0.5}, 1, None),
        ({"SliceTiming": [0, 0.9], "SliceTimingCorrected": True, "StartTime": 0.9}, {}, Fraction(9, 10), None),
        ({"StartTime": 20.9}, {"dropped": 10}, Fraction(9, 10), None),
    ],
)
def test_the_moment_of_sampling(tmp_path, fields, options, offset, note):
    path, mask = bold(tmp_path)
    write_sidecar(path, RepetitionTime=2.0, **fields)
    courses = read_bold(path, mask=mask, **options)
    assert courses.sample_offset == offset
    assert [note in courses.notes[0]] == [True] if note else courses.notes == ()


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        ({"StartTime": 0.2}, {"slice_time_ref": 0.5}, "you say 1 s (slice_time_ref)"),
        ({"StartTime": 20.9}, {}, "outside the first stored volume"),
        ({"StartTime": 20.9}, {"dropped": 9}, "9 volumes dropped"),
        ({"StartTime": -1}, {}, "StartTime is -1"),
        ({"StartTime": "soon"}, {}, "StartTime is soon"),
        ({"SliceTiming": [0, 900]}, {}, "SliceTiming is [0, 900]"),
        ({"SliceTiming": 3}, {}, "SliceTiming is 3"),
        ({"SliceTimingCorrected": "yes"}, {}, "SliceTimingCorrected is yes"),
        ({"RepetitionTime": "2"}, {}, "RepetitionTime is 2"),
        ({"RepetitionTime": True}, {}, "RepetitionTime is True"),
        ({"RepetitionTime": -2}, {}, "RepetitionTime is -2"),
    ],
)
def test_a_sidecar_that_cannot_be_right(tmp_path, fields, options, said):
    path, mask = bold(tmp_path)
    write_sidecar(path, **({"RepetitionTime": 2.0} | fields))
    with pytest.raises(BoldError) as error:
        read_bold(path, mask=mask, **options)
    assert said in str(error.value)
    assert "bold" in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000, '{"RepetitionTime": NaN}', "\ufffe", "9" * 5000])
def test_a_damaged_sidecar(tmp_path, text):
    path, _ = bold(tmp_path)
    (tmp_path / "bold.json").write_text(text, encoding="utf-8")
    with pytest.raises(BoldError, match=r"bold\.json: "):
        read_bold(path)


def test_volumes_at_times_of_their_own(tmp_path):
    path, _ = bold(tmp_path, tr=1.0)
    (tmp_path / "bold.json").write_text(json.dumps({"VolumeTiming": [0, 2, 7]}))
    with pytest.raises(BoldError, match="VolumeTiming"):
        read_bold(path)


def test_a_share_of_the_tr_needs_one(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(9, 2)))
    with pytest.raises(ParameterError, match="share of a TR"):
        read_bold(tmp_path / "x.npy", slice_time_ref=0.5)
    with pytest.raises(ParameterError, match="from 0 to 1"):
        read_bold(tmp_path / "x.npy", tr=2, slice_time_ref=1.5)
    assert read_bold(tmp_path / "x.npy", tr=2, slice_time_ref=0.25).sample_offset == Fraction(1, 2)
