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
SMALL = (32, 18)


def noise(n, size=SMALL):
    return np.random.default_rng(0).integers(0, 256, (n, size[1], size[0], 3)).astype(np.uint8)


def by_hand(pictures, fps, monkeypatch, step=7):
    """Return what pymoten makes of all pictures, filter by filter, of every so manieth filter."""
    monkeypatch.setattr("moten.core.iterator_func", lambda items, *args, **options: items)
    pyramid = pyramids.MotionEnergyPyramid(stimulus_vhsize=pictures.shape[1:3], stimulus_fps=fps)
    return pyramid.project_stimulus(lightness(pictures), pyramid.filters[::step])


@pytest.fixture
def short_blocks(monkeypatch):
    """Filter few and small pictures together, as many filters as ever."""
    monkeypatch.setattr(motion, "_TOGETHER", 20)
    monkeypatch.setattr(motion.MotionEnergy, "size", SMALL)


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
    step = 1 if n == 70 else 7
    expected = by_hand(pictures, fps, monkeypatch, step)
    np.testing.assert_allclose(rows[:, ::step], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_even_pictures_are_as_by_hand_too(level, monkeypatch, short_blocks):
    pictures = np.full((45, *SMALL[::-1], 3), level, np.uint8)
    rows = rows_of(maker("video.motion_energy", 24), pictures)
    assert np.isfinite(rows).all()
    # Responses that cancel leave rounding errors, of which the logarithm keeps little.
    np.testing.assert_allclose(rows[:, ::7], by_hand(pictures, 24, monkeypatch), atol=1e-4)


def answering(pictures):
    """Return what the filter of stripes answers to that answers most in the middle of pictures."""
    made = maker("video.motion_energy", 24)
    rows, columns = rows_of(made, pictures), made.outputs[0].columns
    stripes = [k for k, column in enumerate(columns) if "_sf0_" not in column]
    return columns[stripes[int(rows[len(rows) // 2, stripes].argmax())]].split("_")[:3]


@pytest.mark.parametrize(
    ("direction", "cycles", "hertz"), [(0, 4, 2), (45, 8, 2), (90, 8, 4), (180, 4, 4), (315, 4, 2)]
)
def test_the_filter_of_the_pictures_own_motion_answers_most(direction, cycles, hertz):
    assert answering(grating(40, direction, cycles, hertz)) == [f"dir{direction}", f"sf{cycles}", f"tf{hertz}"]


def test_stripes_that_stand_still_are_told_by_their_direction_too():
    assert answering(grating(40, 90, 8, 0)) == ["dir90", "sf8", "tf0"]


def test_columns_have_names_of_their_own():
    made = maker("video.motion_energy", 24)
    columns = made.outputs[0].columns
    assert len(columns) == len(set(columns)) == 2530
    assert {"dir0_sf2_tf0_x0.8889_y0.5_sd0.3", "dir180_sf2_tf2_x0.8889_y0.5_sd0.3"} <= set(columns)


@pytest.mark.parametrize("rate", [24, 25, 15])
def test_rows_depend_on_the_past_and_future_that_they_state_and_no_more(rate, short_blocks):
    made = maker("video.motion_energy", rate)
    past, future = (round(made.outputs[0].about[name] * rate) for name in ("past", "future"))
    pictures, changed = noise(50), noise(50)
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


def test_a_portrait_film_is_stretched(tmp_path, monkeypatch, short_blocks):
    pictures = np.kron(grating(20, 0, 4, 2)[:, :, :54], np.ones((1, 2, 1, 1), np.uint8))
    film = write_pictures(tmp_path / "portrait.mkv", pictures, 24)
    rows = feature_of(film, "video.motion_energy")
    with PictureReader(film) as reader:
        stretched = np.stack([picture.rgb(SMALL) for picture in reader])
    np.testing.assert_allclose(rows[:, ::7], by_hand(stretched, 24, monkeypatch), rtol=1e-5, atol=1e-5)


@pytest.mark.realdata
def test_a_real_film_is_as_by_hand(realdata, monkeypatch):
    film = realdata / "odd/noaudio_moviepy_example.mp4"
    rows = feature_of(film, "video.motion_energy")
    with PictureReader(film) as reader:
        fps = round(reader.rate)
        pictures = np.stack([picture.rgb((WIDTH, HEIGHT)) for picture in reader])
    assert len(rows) == len(pictures)
    np.testing.assert_allclose(rows[:, ::7], by_hand(pictures, fps, monkeypatch), rtol=1e-4, atol=1e-4)
