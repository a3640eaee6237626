"""A benchmark's folder back to what it says, or one sentence."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from benchmark.speaking import run_of, scores, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet.benchmark import BenchmarkRun
from giblet.errors import FormatError


@pytest.fixture
def folder(tmp_path):
    written(run_of(scores(0.9)), tmp_path / "run")
    return tmp_path / "run"


def test_what_was_written_is_read(folder):
    run = run_of(scores(0.9))
    again = BenchmarkRun.load(folder)
    assert again.to_dict() == run.to_dict()
    assert again.scores == run.scores
    assert again.of("a.wav", again.methods[0]) == run.scores


def test_names_that_are_no_text_or_hold_line_ends(tmp_path):
    name = 'a "strange",\r\nname\u2028 \udcff.wav'
    run = run_of(scores(0.9, file=name))
    (tmp_path / "run").mkdir()
    run.segments().to_csv(tmp_path / "run" / "segments.csv", index=False, errors="surrogateescape")
    (tmp_path / "run" / "results.json").write_text(run.to_json(), encoding="utf-8")
    assert {score.file for score in BenchmarkRun.load(tmp_path / "run").scores} == {name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "evaluation"}, "is no benchmark"),
        ({"schema": 2}, "newer giblet"),
        ({"schema": "1"}, "damaged"),
        ({"measures": [1]}, "damaged"),
        ({"files": []}, "damaged"),
        ({"methods": []}, "damaged"),
        ({"overall": []}, "damaged"),
        ({"surprise": 1}, "damaged"),
    ],
)
def test_a_document_that_is_not_what_it_should_be(folder, change, message):
    document = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps(document | change))
    with pytest.raises(FormatError, match=message):
        BenchmarkRun.load(folder)


@pytest.mark.parametrize(
    "sound", ["../secret.flac", "sounds/../x", "/etc/passwd", "sounds/", "sounds\\x", "sounds/no.flac"]
)
def test_a_sound_lies_in_the_folder_and_is_there(folder, sound):
    document = json.loads((folder / "results.json").read_text())
    document["files"][0]["sound"] = sound
    (folder / "results.json").write_text(json.dumps(document))
    with pytest.raises(FormatError, match="damaged|missing"):
        BenchmarkRun.load(folder)


def test_an_unfinished_one(folder):
    (folder / "segments.csv").unlink()
    with pytest.raises(FormatError, match=r"holds no segments\.csv"):
        BenchmarkRun.load(folder)
    with pytest.raises(FormatError, match="no such folder"):
        BenchmarkRun.load(folder / "x")


def test_segments_of_another_run(folder):
    text = (folder / "segments.csv").read_text()
    (folder / "segments.csv").write_text(text.replace("a.wav", "b.wav"))
    with pytest.raises(FormatError, match="does not belong"):
        BenchmarkRun.load(folder)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(folder, data):
    name = data.draw(st.sampled_from(["results.json", "segments.csv"]))
    whole = (folder / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.sampled_from([b"", b"\x00", b"\xff", b"NaN", b"inf", b'"', b",", b"[" * 3, b"-1", b"null"]))
    (folder / name).write_bytes(whole[:at] + junk + whole[at + data.draw(st.integers(0, 40)) :])
    with suppress(FormatError):
        BenchmarkRun.load(folder)
    (folder / name).write_bytes(whole)
