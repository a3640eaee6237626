"""Annotations of every format, real sheets, and files that are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.annotations import read_annotations
from giblet.errors import GibletError
from giblet.features.words import word_rate

GRID = """File type = "ooTextFile"
Object class = "TextGrid"

0
2
<exists>
1
"IntervalTier"
"words"
0
2
3
0
0.5
"hello"
0.5
1
""
1
2
"you there"
"""
FILES = {
    "words.TextGrid": GRID,
    "words.csv": "onset,duration,word\n0,0.5,hello\n1,1,you there\n",
    "words.tsv": "onset\tduration\ttrial_type\n0\t0.5\thello\n1\t1\tyou there\n",
    "words.srt": "1\n00:00:00,000 --> 00:00:00,500\nhello\n\n2\n00:00:01,000 --> 00:00:02,000\nyou there\n",
    "words.vtt": "WEBVTT\n\n00:00.000 --> 00:00.500\nhello\n\n00:01.000 --> 00:02.000\nyou there\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_says_the_same(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    table = read_annotations(tmp_path / name).table
    assert table["onset"].tolist() == [0, 1]
    assert table["duration"].tolist() == [0.5, 1]
    assert table["text"].tolist() == ["hello", "you there"]


def test_a_word_is_one_event_at_its_end(tmp_path):
    (tmp_path / "words.csv").write_text(FILES["words.csv"])
    series = word_rate(read_annotations(tmp_path / "words.csv"), at="offset")
    assert series.kind == "event"
    assert series.times.tolist() == [0.5, 1.5, 2]
    assert series.values.sum() == 3


def test_what_was_mended_is_told(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("onset,duration,word\n2,1,b\n0,3,a\n")
    found = read_annotations(path)
    assert found.table["text"].tolist() == ["a", "b"]
    assert found.notes


@pytest.mark.realdata
def test_the_words_of_alice(realdata):
    found = read_annotations(
        realdata / "fmri/alice_brennan2016/alice_stim_shared/DownTheRabbitHoleFinal_exp120_pad_1.TextGrid"
    )
    assert len(found.table) == 2423 - 296
    assert np.all(np.diff(found.table["onset"]) >= 0)


@pytest.mark.realdata
def test_the_clock_of_the_sherlock_sheet_restarts_and_is_put_right(realdata):
    found = read_annotations(next((realdata / "fmri/sherlock_annotations").glob("*.xlsx")))
    assert len(found.table) > 900
    assert np.all(np.diff(found.table["onset"]) >= 0)
    # Two halves of 946 and 1030 TRs of 1.5 s.
    assert found.table["onset"].max() > 2 * 1200
    assert any("restart" in note for note in found.notes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gone.csv", None),
        ("empty.csv", ""),
        ("words.csv", "a,b\n1,2\n"),
        ("words.TextGrid", GRID[:60]),
        ("words.csv", "onset,duration,word\n1,-2,a\n"),
        ("words.xlsx", "no workbook"),
        ("words.docx", "?"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(GibletError) as told:
        read_annotations(tmp_path / name)
    assert name in str(told.value)
    assert "\n" not in str(told.value)


@given(st.sampled_from(sorted(FILES)), st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_files_are_read_or_refused(tmp_path_factory, name, data):
    text = FILES[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    path = tmp_path_factory.mktemp("fuzz") / name
    path.write_text(text[:start] + data.draw(st.text(max_size=8)) + text[end:], encoding="utf-8", errors="replace")
    try:
        found = read_annotations(path)
    except GibletError:
        return
    assert (found.table["duration"] >= 0).all()
