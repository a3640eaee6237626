"""Motion energy, against pymoten called by hand on whole films."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from features.vision.films import feature_of, maker, rows_of, write_pictures

from giblet.errors import ParameterError
from giblet.features.vision import motion
from giblet.features.vision.luminance import lightness
from giblet.media.pictures import PictureReader

pyramids = pytest.importorskip("moten.pyramids")

HEIGHT, WIDTH = 54, 96


def noise(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, HEIGHT, WIDTH, 3)).astype(np.uint8)


def by_hand(pictures, fps, monkeypatch):
    """Return what pymoten makes of all pictures, filter by filter."""
    monkeypatch.setattr("moten.core.iterator_func", lambda items, *args, **options: items)
    pyramid = pyramids.MotionEnergyPyramid(stimulus_vhsize=(HEIGHT, WIDTH), stimulus_fps=fps)
    return pyramid.project_stimulus(lightness(pictures))


@pytest.fixture
def short_blocks(monkeypatch):
    monkeypatch.setattr(motion, "_TOGETHER", 20)


def grating(n, direction, cycles, hertz, fps=24):
    """Return pictures of a grating that drifts; directions count anticlockwise from the right."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] / HEIGHT
    along = x * np.cos(np.deg2rad(direction)) - y * np.sin(np.deg2rad(direction))
    waves = [np.cos(2 * np.pi * (cycles * along - hertz * k / fps)) for k in range(n)]
    grey = np.round(127.5 + 100 * np.array(waves)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3)


@pytest.mark.parametrize(
    ("rate", "fps", "n"),
    [
        (24, 24, 70),
        (25, 25, 1),
        (Fraction(24000, 1001), 24, 33),
        (15, 15, 5),
        (Fraction(30000, 1001), 30, 40),
        (8, 8, 20),
    ],
)
def test_it_is_what_pymoten_gives_for_the_whole_film(rate, fps, n, monkeypatch, short_blocks):
    pictures = noise(n)
    rows = rows_of(maker("video.motion_energy", rate), pictures)
    assert rows.shape == (n, 2530)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, by_hand(pictures, fps, monkeypatch), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_even_pictures_are_as_by_hand_too(level, monkeypatch, short_blocks):
    pictures = np.full((45, HEIGHT, WIDTH, 3), level, np.uint8)
    rows = rows_of(maker("video.motion_energy", 24), pictures)
    assert np.isfinite(rows).all()
    # Responses that cancel leave rounding errors, of which the logarithm keeps little.
    np.testing.assert_allclose(rows, by_hand(pictures, 24, monkeypatch), atol=1e-4)


@pytest.mark.parametrize("direction", [0, 45, 90, 180, 315])
@pytest.mark.parametrize(("cycles", "hertz"), [(4, 2), (8, 4)])
def test_the_filter_that_moves_as_the_picture_does_answers_most(direction, cycles, hertz):
    made = maker("video.motion_energy", 24)
    rows = rows_of(made, grating(48, direction, cycles, hertz))
    column = made.outputs[0].columns[int(rows[24].argmax())]
    assert column.startswith(f"dir{direction}_sf{cycles}_tf{hertz}_")


def test_still_pictures_answer_most_without_movement():
    made = maker("video.motion_energy", 24)
    rows = rows_of(made, grating(48, 90, 8, 0))
    assert made.outputs[0].columns[int(rows[24].argmax())].startswith("dir90_sf8_tf0_")


def test_columns_have_names_of_their_own():
    made = maker("video.motion_energy", 24)
    columns = made.outputs[0].columns
    assert len(columns) == len(set(columns)) == 2530
    assert "dir0_sf2_tf0_x0.8889_y0.5_sd0.3" in columns


@pytest.mark.parametrize("rate", [24, 25, 15])
def test_rows_depend_on_the_past_and_future_that_they_state_and_no_more(rate, short_blocks):
    made = maker("video.motion_energy", rate)
    past, future = (round(made.outputs[0].about[name] * rate) for name in ("past", "future"))
    pictures, changed = noise(60), noise(60)
    changed[30] = 255 - changed[30]
    rows, other = rows_of(made, pictures), rows_of(maker("video.motion_energy", rate), changed)
    differ = np.flatnonzero((rows != other).any(axis=1))
    assert differ.min() == 30 - future
    assert differ.max() == 30 + past
    assert past + future + 1 == int(rate * 2 / 3)


def test_no_pictures_give_no_rows():
    assert rows_of(maker("video.motion_energy")).shape == (0, 2530)


@pytest.mark.parametrize(("name", "rate"), [("video.motion_energy", 5), ("video.motion_energy@rate=7.9", 25)])
def test_rates_that_show_no_motion(name, rate):
    with pytest.raises(ParameterError, match="too few for motion; write video.motion_energy@rate=15"):
        maker(name, rate)


def test_memory_stays_flat(short_blocks):
    made = maker("video.motion_energy", 24)
    made.push(noise(20))

    def peak(n):
        tracemalloc.start()
        for _ in range(n):
            made.push(noise(20))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(12) < peak(2) + 2**20


def test_a_portrait_film_is_stretched(tmp_path, monkeypatch):
    pictures = np.kron(grating(20, 0, 4, 2)[:, :, :54], np.ones((1, 2, 1, 1), np.uint8))
    film = write_pictures(tmp_path / "portrait.mkv", pictures, 24)
    rows = feature_of(film, "video.motion_energy")
    with PictureReader(film) as reader:
        stretched = np.stack([picture.rgb((WIDTH, HEIGHT)) for picture in reader])
    np.testing.assert_allclose(rows, by_hand(stretched, 24, monkeypatch), rtol=1e-5, atol=1e-5)


@pytest.mark.realdata
def test_a_real_film_is_as_by_hand(realdata, monkeypatch):
    film = realdata / "odd/noaudio_moviepy_example.mp4"
    rows = feature_of(film, "video.motion_energy")
    with PictureReader(film) as reader:
        fps = round(reader.rate)
        pictures = np.stack([picture.rgb((WIDTH, HEIGHT)) for picture in reader])
    assert len(rows) == len(pictures)
    np.testing.assert_allclose(rows, by_hand(pictures, fps, monkeypatch), rtol=1e-4, atol=1e-4)
