from __future__ import annotations

import dataclasses
import math

import pytest
from benchmark.speaking import run_of, scores

from giblet.benchmark import TOLERANCES, compare, tolerances
from giblet.errors import ParameterError
from giblet.metrics import MEASURES


def changed(segments, **values):
    return [dataclasses.replace(score, **values) for score in segments]


def test_a_run_equals_itself():
    run = run_of(scores(0.9))
    found = compare(run, run)
    assert not found.fell
    assert {change.measure for change in found.changes} == {*MEASURES, "drift_ms"}
    assert all(change.before == change.after for change in found.changes)


@pytest.mark.parametrize("measure", list(MEASURES))
@pytest.mark.parametrize("by", [0.9, 1.1])
def test_a_fall_beyond_tolerance_is_found_and_a_rise_is_not(measure, by):
    segments = scores(0.9)
    worse = -1 if MEASURES[measure].higher_is_better else 1
    step = by * worse * TOLERANCES[measure]
    lower = [dataclasses.replace(s, **{measure: getattr(s, measure) + step}) for s in segments]
    assert [c.measure for c in compare(run_of(segments), run_of(lower)).fell] == ([measure] if by > 1 else [])
    assert not compare(run_of(lower), run_of(segments)).fell


def test_segments_that_can_no_longer_be_measured_are_a_fall():
    segments = scores(0.9)
    silent = [dataclasses.replace(segments[0], si_sdr=math.nan), *segments[1:]]
    (fell,) = compare(run_of(segments), run_of(silent)).fell
    assert (fell.measure, fell.n, fell.n_lost) == ("si_sdr", 5, 1)
    (fell,) = compare(run_of(segments), run_of(changed(segments, stoi=math.nan))).fell
    assert (fell.measure, fell.after, fell.n_lost) == ("stoi", None, 6)


def test_what_was_not_measured_before_is_not_missed():
    segments = scores(0.9)
    assert not compare(run_of(changed(segments, stoi=math.nan)), run_of(segments)).fell


def test_music_does_not_count_for_speech_measures_unless_it_is_all():
    speech, music = scores(0.9)[:3], changed(scores(0.9)[3:], music=True)
    worse = changed(music, stoi=0.1)
    assert not compare(run_of([*speech, *music]), run_of([*speech, *worse])).fell
    assert [c.measure for c in compare(run_of(music), run_of(worse)).fell] == ["stoi"]


@pytest.mark.parametrize(("growth", "falls"), [(-5.4, False), (5.6, True), (-5.6, True), (None, True), (0.0, False)])
def test_drift(growth, falls):
    segments = scores(0.9)
    fell = compare(run_of(segments, 0.5), run_of(segments, growth)).fell
    assert [change.measure for change in fell] == (["drift_ms"] if falls else [])


def test_a_codec_by_another_name_is_compared_and_said():
    segments = scores(0.9)
    old, new = run_of(segments), run_of(changed(segments, method="mine"))
    methods = (dataclasses.replace(new.methods[0], name="mine", title="mine 6 kbps"),)
    new = dataclasses.replace(new, methods=methods, codec={"name": "mine", "fingerprint": "g"})
    found = compare(old, new)
    assert len(found.changes) == len(MEASURES) + 1
    assert any("other weights: tiny before, mine now" in note for note in found.notes)


def test_what_cannot_be_compared_is_said():
    run = run_of(scores(0.9))
    other = dataclasses.replace(run, files=(dataclasses.replace(run.files[0], sha256="1" * 64),))
    with pytest.raises(ParameterError, match="no file in common"):
        compare(run, other)
    with pytest.raises(ParameterError, match="no method in common"):
        compare(run, dataclasses.replace(run, methods=(dataclasses.replace(run.methods[0], bandwidth=3.0),)))
    with pytest.raises(ParameterError, match=r"segments of 10\.0 s and 5\.0 s"):
        compare(run, dataclasses.replace(run, settings={"segment": 5.0}))
    without = dataclasses.replace(run, measures=tuple(m for m in MEASURES if not m.startswith("pesq")))
    assert compare(run, without).notes == ("The later run lacks PESQ wb, PESQ nb.",)


def test_tolerances_are_read():
    assert tolerances([]) == TOLERANCES
    assert tolerances(["stoi=0.2, snr=1"]) == TOLERANCES | {"stoi": 0.2, "snr": 1.0}
    for wrong in ("stoi", "stoi=", "stoi=-1", "stoi=nan", "loudness=1", ""):
        with pytest.raises(ParameterError):
            tolerances([wrong])
