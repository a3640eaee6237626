"""Pictures and words of a film, as arrays per TR."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from media.numbered_films import number_of, write_numbered

from giblet.data import TextProcessor, VideoProcessor
from giblet.errors import GibletError


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """100 pictures at 25/s: 4 s."""
    return write_numbered(tmp_path_factory.mktemp("films") / "film.mkv", [Fraction(k, 25) for k in range(100)])


def test_the_pictures_of_a_film(film, tmp_path):
    features, metadata = VideoProcessor(tr=2, frame_skip=10).video_to_features(film)
    assert (features.shape, features.dtype) == ((2, 5, 90, 160, 3), np.uint8)
    assert [[number_of(frame) // 10 for frame in tr] for tr in features] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert metadata["start_time"].tolist() == [0, 2]
    assert metadata["valid"].all()
    written, again = VideoProcessor(tr=2, frame_skip=10).video_to_features(film, output_path=tmp_path / "frames.npy")
    np.testing.assert_array_equal(written, features)
    assert again.equals(metadata)
    later, _ = VideoProcessor(tr=2, frame_skip=10).video_to_features(film, max_trs=1, start=2)
    np.testing.assert_array_equal(later[0], features[1])


@pytest.mark.parametrize(
    ("options", "told"),
    [({"start": 3}, "fills no TR of 2 s"), ({"output_path": "frames.bin"}, "does not end in .npy")],
)
def test_pictures_that_cannot_be(film, options, told):
    with pytest.raises(GibletError, match=told):
        VideoProcessor(tr=2).video_to_features(film, **options)


def test_the_words_of_a_film(sample_film):
    words = sample_film.with_name("sample_stimulus_words.csv")
    features, metadata = TextProcessor().annotations_to_features(words)
    n_words = len(words.read_text().splitlines()) - 1
    assert (features.shape[1], features.dtype, features.sum()) == (1, np.float32, n_words)
    assert metadata["text"][1].startswith("A small red boat")
    more, _ = TextProcessor(at="onset").annotations_to_features(words, n_trs=20, start=1.5)
    assert more.shape == (20, 1)
    assert more[0] == sum(1.5 <= float(line.split(",")[0]) < 3 for line in words.read_text().splitlines()[1:])
    with pytest.raises(GibletError, match="holds nothing from the first TR on"):
        TextProcessor().annotations_to_features(words, start=100)
