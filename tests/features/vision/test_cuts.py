"""Shot cuts, against PySceneDetect called by hand on the same files."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from features.vision.films import feature_of, maker, rows_of, write_pictures

from giblet.errors import ParameterError

scenedetect = pytest.importorskip("scenedetect", exc_type=ImportError)


def shot(seed, n=25, height=72, width=128):
    """Return pictures of colours of their own, that move."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(0, 256, (height // 8, width // 8, 3))
    still = np.kron(fields, np.ones((8, 8, 1))).astype(np.uint8)
    return [np.roll(still, k // 4, axis=1) for k in range(n)]


def cuts(film, name="video.cuts"):
    rows = feature_of(film, name)
    assert set(np.unique(rows)) <= {0, 1}
    return np.flatnonzero(rows).tolist()


def by_hand(film, threshold=27.0):
    scenes = scenedetect.detect(str(film), scenedetect.ContentDetector(threshold=threshold))
    return [start.frame_num for start, _ in scenes[1:]]


def test_the_first_picture_of_each_new_shot_is_marked(tmp_path):
    film = write_pictures(tmp_path / "shots.mkv", shot(1, 30) + shot(2, 41) + shot(3, 24))
    assert cuts(film) == [30, 71]
    assert by_hand(film) == [30, 71]


def test_cuts_that_follow_closely_are_one_as_they_are_by_hand(tmp_path):
    lengths = [30, 20, 5, 3, 40, 9, 30, 16, 14, 40, 2]
    film = write_pictures(tmp_path / "flashes.mkv", chain(*map(shot, range(11), lengths)))
    found = cuts(film)
    assert found == by_hand(film)
    # Not all are marked, and some of those that are were marked late.
    assert 3 < len(found) < len(lengths) - 1


def test_the_threshold_decides(tmp_path):
    pictures = [np.full((36, 64, 3), grey, np.uint8) for grey in [50] * 30 + [90] * 30 + [200] * 30]
    film = write_pictures(tmp_path / "greys.mkv", pictures)
    assert cuts(film) == [60]
    assert cuts(film, "video.cuts@threshold=10") == by_hand(film, 10) == [30, 60]
    assert cuts(film, "video.cuts@threshold=40") == []


def test_wide_pictures_are_scaled_as_by_hand(tmp_path):
    rng = np.random.default_rng(0)
    # Noise, whose change from one picture to the next depends on how it is scaled.
    pictures = [rng.integers(0, 30 + 22 * (k // 20), (120, 643, 3)).astype(np.uint8) for k in range(60)]
    film = write_pictures(tmp_path / "wide.mkv", pictures)
    for threshold in (12, 20):
        assert cuts(film, f"video.cuts@threshold={threshold}") == by_hand(film, threshold)


def test_a_portrait_and_an_odd_size(tmp_path):
    film = write_pictures(tmp_path / "portrait.mkv", shot(1, 30, 640, 360) + shot(2, 30, 640, 360))
    assert cuts(film) == by_hand(film) == [30]


def test_films_without_cuts(tmp_path):
    still = write_pictures(tmp_path / "still.mkv", [np.zeros((36, 64, 3), np.uint8)] * 40)
    one = write_pictures(tmp_path / "one.mkv", shot(1, 1))
    assert feature_of(still, "video.cuts").shape == (40, 1)
    assert cuts(still) == cuts(one) == []
    assert rows_of(maker("video.cuts")).shape == (0, 1)


def test_rows_are_held_back_no_longer_than_said():
    made = maker("video.cuts", 25)
    assert made.outputs[0].about["future"] == 15 / 25
    n_given = 0
    for index, picture in enumerate(shot(1, 40) + shot(2, 40)):
        n_given += len(made.push(picture[None])[0])
        assert n_given == max(0, index + 1 - 15)


@pytest.mark.parametrize("name", ["video.cuts@threshold=0", "video.cuts@threshold=-3", "video.cuts@threshold=nan"])
def test_thresholds_that_cannot_be(name):
    with pytest.raises(ParameterError, match="the threshold of cuts is"):
        maker(name)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["video/small_mp4.mp4", "video/small_ogg.ogv", "odd/noaudio_moviepy_example.mp4"])
def test_real_films_are_cut_as_by_hand(realdata, name):
    for threshold in (4,):
        found = cuts(realdata / name, f"video.cuts@threshold={threshold}")
        assert found == by_hand(realdata / name, threshold)


def test_the_sample_film_is_cut_as_by_hand(sample_film):
    assert cuts(sample_film) == by_hand(sample_film) == [270, 430, 548, 650]


@pytest.mark.realdata
def test_soft_cuts_near_the_threshold_are_those_by_hand(realdata):
    film = realdata / "video/cc_wanna_work_together.mp4"
    seconds = 40
    rows = feature_of(film, "video.cuts", end=seconds)
    scenes = scenedetect.detect(str(film), scenedetect.ContentDetector(), end_time=float(seconds))
    assert np.flatnonzero(rows).tolist() == [start.frame_num for start, _ in scenes[1:]] == [853, 1078, 1099, 1125]
