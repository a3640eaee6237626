"""Words as events, how long they last and how frequent they are."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language import annotated, made

from giblet.annotations import Annotations, read_annotations
from giblet.errors import AnnotationError, GibletError, MissingExtraError, ParameterError
from giblet.features.words import MOMENTS, Words

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["", "one", "two words", "  three  little words "]), st.integers(0, 50), st.integers(0, 9)
    ),
    max_size=12,
)


@settings(deadline=None)
@given(EVENTS, st.sampled_from(sorted(MOMENTS)))
def test_words_share_the_time_of_their_text(events, at):
    import pandas as pd

    events = sorted(events, key=lambda event: event[1])
    table = pd.DataFrame(events, columns=["text", "onset", "duration"]).astype({"onset": float, "duration": float})
    if events and not any(text.split() for text, _, _ in events):
        with pytest.raises(AnnotationError, match="none of its events has a text"):
            Words.of(Annotations(table, "words.csv"), at)
        return
    words = Words.of(Annotations(table, "words.csv"), at)
    expected = []
    for text, onset, duration in events:
        parts = text.split()
        expected += [
            (onset + duration * (k + MOMENTS[at]) / len(parts), duration / len(parts), word)
            for k, word in enumerate(parts)
        ]
    expected.sort(key=lambda word: word[0])
    np.testing.assert_allclose(words.times, [time for time, _, _ in expected])
    assert sorted(words.texts) == sorted(word for _, _, word in expected)
    np.testing.assert_allclose(words.durations.sum(), sum(d for text, _, d in events if text.split()))


def test_every_feature_stands_at_the_same_moments():
    said = annotated(["the old house", "xqzvwj!"], [1, 3], [1.5, 0.2])
    (_, rate), (_, duration), (_, frequency) = (
        made(f"text.{name}@at=midpoint").series(said, 5)[0] for name in ("word_rate", "duration", "frequency")
    )
    for series in (rate, duration, frequency):
        assert (series.kind, series.values.dtype) == ("event", np.float32)
        assert series.names[0].endswith("@at=midpoint")
        np.testing.assert_allclose(series.times, [1.25, 1.75, 2.25, 3.1])
    assert rate.values.ravel().tolist() == [1, 1, 1, 1]
    np.testing.assert_allclose(duration.values.ravel(), [0.5, 0.5, 0.5, 0.2])
    assert frequency.values[3] == 0


def test_the_words_of_the_sample_film(sample_film):
    import wordfreq

    table = read_annotations(sample_film.with_name("sample_stimulus_words.csv"))
    feature = made("text.frequency")
    ((name, series),) = feature.series(table, 30)
    assert name == "text.frequency"
    np.testing.assert_allclose(
        series.values.ravel(), [wordfreq.zipf_frequency(word, "en") for word in table.table["text"]], rtol=1e-6
    )
    assert (series.values > 0).all()
    assert feature.notes == ()
    german = made("text.frequency@language=de").series(table, 30)[0][1]
    assert not np.array_equal(german.values, series.values)
    assert made("text.frequency").identity["wordfreq"]


def test_unknown_words_are_noted():
    feature = made("text.frequency")
    feature.series(annotated(["the xqzvwj zzqqx", "xqzvwj —"], [0, 1], [1, 1]), 2)
    assert feature.notes == ("4 of 5 words are not in wordfreq's list of 'en' and count 0 ('xqzvwj', 'zzqqx', '—')",)
    feature.series(annotated(["the"], [0], [1]), 2)
    assert feature.notes == ()


@pytest.mark.parametrize("name", ["text.word_rate", "text.duration", "text.frequency"])
def test_a_film_without_words(name):
    series = made(name).series(annotated([], [], []), 60)[0][1]
    assert (series.kind, series.values.shape) == ("event", (0, 1))
    with pytest.raises(AnnotationError, match=r"^words.csv: none of its events has a text; name the column"):
        made(name).series(annotated(["", " "], [0, 1], [1, 1]), 60)


def test_words_without_timings(tmp_path):
    (tmp_path / "words.txt").write_text("word\nthe\nhouse\n")
    with pytest.raises(AnnotationError, match="has no column called onset or start"):
        read_annotations(tmp_path / "words.txt")
    (tmp_path / "words.csv").write_text("onset,word\n1,the\n2,house\n")
    table = read_annotations(tmp_path / "words.csv")
    assert made("text.word_rate").series(table, 5)[0][1].times.tolist() == [1, 2]
    with pytest.raises(AnnotationError, match=r"words.csv: nothing in it says how long words last; give their ends"):
        made("text.duration").series(table, 5)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("text.word_rate@at=end", "at is 'end'; choose from onset, midpoint, offset"),
        ("text.duration@at=end", "at is 'end'"),
        ("text.frequency@at=end", "at is 'end'"),
        ("text.frequency@language=klingon", "no frequencies for the language 'klingon'; choose from ar, bg,"),
    ],
)
def test_options_that_cannot_be(name, told):
    with pytest.raises(ParameterError, match=told):
        made(name)


def test_what_is_not_installed_is_named(monkeypatch):
    japanese = made("text.frequency@language=ja")
    monkeypatch.setitem(sys.modules, "MeCab", None)
    with pytest.raises(GibletError, match="pip install 'wordfreq\\[cjk\\]'"):
        japanese.series(annotated(["家"], [0], [1]), 2)
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    with pytest.raises(MissingExtraError, match=r"^text.frequency needs .*; pip install 'giblet\[text\]'\.$"):
        made("text.frequency")
