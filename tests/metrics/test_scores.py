from __future__ import annotations

import json
import math

import pytest

from giblet.metrics import (
    MEASURES,
    SegmentScore,
    bandwidth_table,
    file_table,
    json_value,
    records,
    score_table,
)

SCORES = [
    SegmentScore("long.wav", "c", 3.0, 0.0, 10.0, stoi=0.8, si_sdr=6.0),
    SegmentScore("long.wav", "c", 3.0, 10.0, 10.0, stoi=0.6),
    SegmentScore("long.wav", "c", 3.0, 20.0, 10.0, silent=True),
    SegmentScore("short.wav", "c", 3.0, 0.0, 4.0, stoi=0.9, si_sdr=2.0),
    SegmentScore("short.wav", "c", 6.0, 0.0, 4.0, stoi=1.0),
    SegmentScore("short.wav", "mel", None, 0.0, 4.0, stoi=0.5),
]


def test_segments_are_averaged_to_files_and_files_to_bandwidths():
    files = file_table(SCORES).set_index(["method", "bandwidth", "file"])
    long = files.loc[("c", 3.0, "long.wav")]
    assert (long.stoi, long.si_sdr, long.seconds) == (pytest.approx(0.7), 6.0, 30.0)
    assert (long.n_segments, long.n_silent) == (3, 1)
    means = bandwidth_table(SCORES)
    assert means.bandwidth.tolist()[:2] == [3.0, 6.0]
    three = means.iloc[0]
    assert (three.stoi, three.si_sdr) == (pytest.approx(0.8), pytest.approx(4.0))
    assert (three.n_files, three.n_segments, three.n_silent, three.seconds) == (2, 4, 1, 34.0)
    assert math.isnan(three.pesq_wb)


def test_a_method_without_bandwidths_keeps_its_row():
    row = bandwidth_table(SCORES).iloc[2]
    assert (row.method, math.isnan(row.bandwidth), row.stoi) == ("mel", True, 0.5)


def test_json_holds_null_for_what_is_not_there():
    rows = records(score_table(SCORES))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[2]["stoi"] is None
    assert rows[2]["silent"] is True
    assert rows[5]["bandwidth"] is None
    assert rows[0]["stoi"] == 0.8
    assert json_value({"a": (math.inf, [math.nan, 1])}) == {"a": [None, [None, 1]]}


def test_every_measure_is_part_of_a_score():
    assert set(MEASURES) <= set(score_table([]).columns)
    assert all(math.isnan(getattr(SCORES[2], name)) for name in MEASURES)
