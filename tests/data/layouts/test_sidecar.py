"""Times in sidecars: what arrives, what is contradicted."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.data.layouts.findings import Findings
from giblet.data.layouts.headers import Header
from giblet.data.layouts.sidecar import read_timing

HEADER = Header(20, (3, 4, 5), Fraction(3, 2))
SCAN = Path("sub-01_task-x_bold.nii.gz")


def read(header=HEADER, **fields):
    findings = Findings()
    return read_timing({"RepetitionTime": 1.5, **fields}, SCAN, header, findings), findings


def test_what_agrees_arrives_exactly():
    stated, findings = read(
        RepetitionTime=1.5, StartTime=0.75, SliceTimingCorrected=True, SliceTiming=[0, 0.3, 0.6, 0.9, 1.2]
    )
    assert not findings.problems
    assert stated["StartTime"] == Fraction(3, 4)
    assert stated["SliceTiming"] == tuple(Fraction(3 * i, 10) for i in range(5))
    assert stated["SliceTimingCorrected"] is True


@pytest.mark.parametrize(("direction", "n_slices"), [("i", 3), ("j-", 4), ("k", 5), ("k-", 5)])
def test_slices_are_counted_along_their_direction(direction, n_slices):
    times = [i / 10 for i in range(n_slices)]
    stated, findings = read(SliceTiming=times, SliceEncodingDirection=direction)
    assert not findings.problems
    assert list(map(float, stated["SliceTiming"])) == (times[::-1] if direction.endswith("-") else times)


@pytest.mark.parametrize(
    ("fields", "header", "severity", "message"),
    [
        ({}, Header(20, (3, 4, 5), Fraction(1500)), "warning", "header says a TR of 1500 s and its sidecar 1.5 s"),
        ({"VolumeTiming": [2 * i for i in range(20)]}, HEADER, "warning", "VolumeTiming has a volume every 2 s"),
        ({"VolumeTiming": [0, 1.5, 3]}, HEADER, "warning", "VolumeTiming lists 3 volumes and the image has 20"),
        ({"VolumeTiming": [0, 1.5, 4]}, HEADER, "error", "VolumeTiming has volumes 1.5 to 2.5 s apart"),
        ({"SliceTiming": [0, 0.5]}, HEADER, "warning", "SliceTiming lists 2 slices and the image has 5"),
        ({"SliceTiming": [0, 600, 1200]}, HEADER, "warning", "reaches from 0 to 1200 s, outside the TR of 1.5 s"),
        ({"SliceTiming": "none"}, HEADER, "warning", "SliceTiming is 'none'"),
        ({"SliceTiming": [0], "SliceEncodingDirection": "z"}, HEADER, "warning", "SliceEncodingDirection is 'z'"),
        ({"StartTime": 1.5}, HEADER, "error", "StartTime is 1.5 s and the TR 1.5 s"),
        ({"StartTime": -0.1}, HEADER, "error", "StartTime is -0.1 s"),
        ({"StartTime": 0.5, "SliceTimingCorrected": False}, HEADER, "warning", "but SliceTimingCorrected is false"),
        ({"SliceTimingCorrected": True}, HEADER, "warning", "no sidecar says to what time"),
        ({"SliceTimingCorrected": "yes"}, HEADER, "warning", "SliceTimingCorrected is 'yes'"),
        ({"RepetitionTime": None}, HEADER, "warning", "no sidecar states its RepetitionTime"),
        ({"RepetitionTime": "1.5 s"}, HEADER, "error", "RepetitionTime is '1.5 s'"),
        ({"RepetitionTime": True}, HEADER, "error", "RepetitionTime is True"),
        ({"RepetitionTime": 0}, HEADER, "error", "RepetitionTime is 0 s"),
        ({"RepetitionTime": 1500}, None, "error", "RepetitionTime is 1500 s"),
        ({"NumberOfVolumesDiscardedByUser": -1}, HEADER, "warning", "DiscardedByUser is -1"),
        ({"NumberOfVolumesDiscardedByScanner": 1.5}, HEADER, "warning", "DiscardedByScanner is 1.5"),
    ],
)
def test_contradictions_are_reported(fields, header, severity, message):
    _, findings = read(header, **fields)
    if fields.get("RepetitionTime", 0) is None:
        findings = Findings()
        read_timing({}, SCAN, header, findings)
    (problem,) = findings.problems
    assert problem.severity == severity
    assert message in problem.problem
    assert problem.path == str(SCAN)
    assert problem.remedy


def test_what_is_contradicted_is_not_used():
    assert "StartTime" not in read(StartTime=0.5, SliceTimingCorrected=False)[0]
    assert "StartTime" not in read(StartTime=2)[0]
    assert "SliceTiming" not in read(SliceTiming=[0, 1])[0]


def test_volume_times_of_equal_steps_are_a_repetition_time():
    times = [round(i * 4 / 3, 3) for i in range(20)]
    findings = Findings()
    stated = read_timing({"VolumeTiming": times}, SCAN, Header(20, (3, 4, 5), None), findings)
    assert not findings.problems
    assert float(stated["RepetitionTime"]) == pytest.approx(4 / 3, abs=1e-4)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "1.5", "k-", "\x1b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.just("a"), inner, max_size=2),
    max_leaves=6,
)
FIELDS = [
    "RepetitionTime",
    "VolumeTiming",
    "StartTime",
    "SliceTiming",
    "SliceTimingCorrected",
    "SliceEncodingDirection",
]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*FIELDS, "NumberOfVolumesDiscardedByScanner"]), json_values))
def test_whatever_json_holds_is_used_or_reported(fields):
    findings = Findings()
    stated = read_timing(json.loads(json.dumps(fields)), SCAN, HEADER, findings)
    tr = stated.get("RepetitionTime")
    assert tr is None or 0 < tr <= 100
    assert stated.get("StartTime", 0) >= 0
    assert all(str(problem).isprintable() for problem in findings.problems)
