"""Light and contrast of pictures, against published numbers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from features.vision.films import feature_of, maker, rows_of, write_pictures

from giblet.errors import ParameterError
from giblet.features.vision.luminance import lightness, luminance
from giblet.media.pictures import PictureReader

# sRGB and its CIE 1976 L*, as tables of colours give it.
PUBLISHED = {
    (0, 0, 0): 0,
    (255, 255, 255): 100,
    (119, 119, 119): 50.03,
    (255, 0, 0): 53.24,
    (0, 255, 0): 87.73,
    (0, 0, 255): 32.30,
    (255, 255, 0): 97.14,
    (128, 0, 128): 29.78,
    (10, 10, 10): 2.74,
}


def flat(colour, height=36, width=64):
    return np.full((height, width, 3), colour, np.uint8)


def halves(left, right):
    picture = flat(left)
    picture[:, 32:] = right
    return picture


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A film of a published colour every 40 ms."""
    return write_pictures(tmp_path_factory.mktemp("films") / "colours.mkv", map(flat, PUBLISHED))


@pytest.mark.parametrize(("colour", "expected"), PUBLISHED.items())
def test_lightness_is_the_published_one(colour, expected):
    assert lightness(np.uint8(colour)) == pytest.approx(expected, abs=0.01)


def test_middle_grey_reflects_a_fifth_of_the_light():
    assert luminance(np.uint8([119, 119, 119])) == pytest.approx(0.1845, abs=1e-4)
    np.testing.assert_allclose(luminance(np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255]])), [0.2126, 0.7152, 0.0722])


def test_lightness_agrees_with_that_of_pymoten():
    colorspace = pytest.importorskip("moten.colorspace")
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    np.testing.assert_allclose(lightness(colours), colorspace.rgb2lab(colours / 255)[..., 0], atol=0.02)


def test_a_film_of_known_colours(colours):
    rows = feature_of(colours, "video.luminance")
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows[:, 0], list(PUBLISHED.values()), atol=0.01)
    np.testing.assert_allclose(feature_of(colours, "video.contrast"), np.zeros((9, 1)), atol=1e-7)


def test_contrast_is_the_deviation_of_linear_light(tmp_path):
    pairs = [halves(0, 255), halves(119, 119), halves(0, 119), halves((255, 0, 0), (0, 255, 0))]
    film = write_pictures(tmp_path / "halves.mkv", pairs)
    expected = [0.5, 0, 0.1845 / 2, (0.7152 - 0.2126) / 2]
    # The picture is scaled, so that the pixels on the border lie between both.
    np.testing.assert_allclose(feature_of(film, "video.contrast")[:, 0], expected, atol=0.004)
    assert feature_of(film, "video.luminance")[0, 0] == pytest.approx(50, abs=0.3)


def test_what_is_finer_than_the_scaled_pixels_is_averaged_before(tmp_path):
    checks = np.indices((360, 640)).sum(axis=0) % 2 * 255
    film = write_pictures(tmp_path / "fine.mkv", [np.repeat(checks[..., None], 3, axis=2).astype(np.uint8)])
    assert feature_of(film, "video.contrast")[0, 0] < 0.01
    # Half of the values of white are a fifth of its light.
    assert feature_of(film, "video.luminance")[0, 0] == pytest.approx(float(lightness(np.uint8([128] * 3))), abs=0.5)


def test_a_rate_of_its_own(colours):
    rows = feature_of(colours, "video.luminance@rate=12.5")
    np.testing.assert_allclose(rows[:, 0], [*list(PUBLISHED.values())[1::2], PUBLISHED[10, 10, 10]], atol=0.01)
    assert maker("video.luminance@rate=12.5", None).rate == Fraction(25, 2)


def test_a_film_whose_rate_varies_gives_what_is_seen(tmp_path):
    times = [0, 0.5, 0.6, 1.8]
    levels = [0, 255, 0, 255]
    film = write_pictures(tmp_path / "varying.mkv", [flat(level) for level in levels], 25, times)
    rows = feature_of(film, "video.luminance@rate=20", end=2)
    expected = [levels[sum(time <= (k + 0.5) / 20 for time in times) - 1] / 2.55 for k in range(40)]
    np.testing.assert_allclose(rows[:, 0], expected, atol=0.01)


def test_a_film_of_one_picture(tmp_path):
    film = write_pictures(tmp_path / "one.mkv", [flat(119)])
    np.testing.assert_allclose(feature_of(film, "video.luminance"), [[50.03]], atol=0.01)


def test_no_pictures_give_no_rows():
    for name in ("video.luminance", "video.contrast"):
        assert rows_of(maker(name), np.zeros((0, 90, 160, 3), np.uint8)).shape == (0, 1)


@pytest.mark.parametrize(("name", "rate"), [("video.luminance@rate=-2", 25), ("video.contrast", None)])
def test_rates_that_cannot_be(name, rate):
    with pytest.raises(ParameterError, match=r"rate of -2 pictures per second|video\.contrast needs pictures"):
        maker(name, rate)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["odd/noaudio_moviepy_example.mp4", "odd/short_0.55s_park.mp4", "video/small_ogg.ogv"])
def test_real_films_scaled_are_as_light_as_in_full(realdata, name):
    colorspace = pytest.importorskip("moten.colorspace")
    film = realdata / name
    rows = feature_of(film, "video.luminance")
    with PictureReader(film) as reader:
        rate = reader.rate
        pictures = list(reader)
        for picture in pictures[:: max(1, len(pictures) // 4)]:
            by_hand = colorspace.rgb2lab(picture.rgb(picture.size) / 255)[..., 0].mean()
            # In the middle of the picture's time.
            index = int((picture.time + picture.duration / 2) * rate)
            assert rows[index, 0] == pytest.approx(by_hand, abs=0.6)
