"""``giblet features``, and several features by ``giblet extract``."""

from __future__ import annotations

import json

from giblet.data import open_store
from giblet.features import known_features


def test_the_list_names_every_feature(giblet):
    status, out, _ = giblet("features", "--json")
    assert status == 0
    assert [feature["name"] for feature in json.loads(out)] == [f.pattern for f in known_features().values()]
    _, text, _ = giblet("features")
    for feature in known_features().values():
        assert feature.pattern in text
        assert feature.summary in text
    assert "needs giblet[text]" in text


def test_several_features_and_what_the_closing_line_says(giblet, sample_film, tmp_path):
    words = sample_film.with_name("sample_stimulus_words.csv")
    status, out, err = giblet(
        "extract", sample_film, "-o", tmp_path / "s", "--max-trs", 2, "--annotations", words, "--features",
        "audio.power,audio.envelope@bands=4,text.word_rate,video.frames@rate=2",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "audio.power × 1 at 100 Hz; audio.envelope@bands=4 × 4 at 100 Hz; " in out
    assert "video.frames@rate=2 pictures at 2 Hz; text.word_rate × 1; 3.000 s of sound" in out
    assert open_store(tmp_path / "s").tr_view("text.word_rate").shape == (2, 1)


def test_what_cannot_be_extracted_is_one_sentence(giblet, sample_film, tmp_path):
    for features, told in (
        ("audio.powr", "there is no feature 'audio.powr'; did you mean audio.power?"),
        ("audio.power@rate=0", "audio.power"),
        ("text.word_rate", "text.word_rate needs the words of the film; name their file with --annotations"),
        (f"audio.hf:{tmp_path}/nothing:1", "nothing"),
    ):
        status, out, err = giblet("extract", sample_film, "-o", tmp_path / "s", "--features", features)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert told in err
        assert "Traceback" not in err
    assert not (tmp_path / "s").exists()
