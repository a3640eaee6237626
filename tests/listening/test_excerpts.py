"""Excerpts: which part, in which surroundings, and how it begins and ends."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.errors import MediaError
from giblet.listening.excerpts import RATE, look_at, read_excerpt, read_same


@pytest.fixture
def count(tmp_path):
    """Write sound whose samples say where they are: sample i is i / 2**20, of so many seconds."""

    def write(seconds, channels=1, name="count.wav"):
        ramp = np.arange(round(seconds * RATE)) / 2**20
        soundfile.write(tmp_path / name, np.tile(ramp[:, None], channels), RATE, subtype="FLOAT")
        return look_at(tmp_path / name)

    return write


def test_it_begins_where_it_is_asked_for_and_knows_its_surroundings(count):
    excerpt = read_excerpt(count(8), 2, start=3)
    assert (excerpt.lead, excerpt.length, excerpt.start) == (RATE, 2 * RATE, 3)
    np.testing.assert_allclose(excerpt.sound[0] * 2**20, np.arange(2 * RATE, 6 * RATE), atol=0.5)


def test_its_ends_are_faded_over_five_milliseconds_and_nothing_else(count):
    excerpt = read_excerpt(count(8), 2, start=3)
    part = excerpt.cut(excerpt.sound)
    gain = part[0] / np.arange(3 * RATE, 5 * RATE) * 2**20
    assert part.shape == (1, 2 * RATE)
    np.testing.assert_allclose(gain[240:-240], 1, atol=1e-5)
    assert gain[0] == 0
    assert (np.diff(gain[:240]) > 0).all()
    np.testing.assert_allclose(gain[:240], gain[:-241:-1], atol=1e-5)
    assert gain[120] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("seconds", "start", "lead", "first"), [(8, 0, 0, 0), (8, 0.25, 0.25, 0.25), (8, None, 1, 3), (2, None, 0, 0)]
)
def test_there_is_no_more_around_it_than_there_is(count, seconds, start, lead, first):
    excerpt = read_excerpt(count(seconds), 2, start)
    assert (excerpt.lead, excerpt.start) == (lead * RATE, first)
    assert excerpt.sound.shape[1] == min(seconds * RATE, (first + 2 + 1) * RATE) - (first - lead) * RATE


def test_another_rate_becomes_48_khz_in_step(tmp_path):
    t = np.arange(4 * 44_100) / 44_100
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * t), 44_100, subtype="FLOAT")
    excerpt = read_excerpt(look_at(tmp_path / "tone.wav"), 1.5, start=2)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * (1 + np.arange(excerpt.sound.shape[1]) / RATE))
    # Beyond the end of the sound, the resampler looks at nothing.
    np.testing.assert_allclose(excerpt.sound[0, :-500], expected[:-500], atol=1e-3)


@pytest.mark.parametrize(("channels", "heard"), [(1, 1), (2, 2), (6, 2)])
def test_channels_are_one_or_two(count, channels, heard):
    assert len(read_excerpt(count(3, channels), 2).sound) == heard


def test_a_film_is_read_on_its_own_clock(sample_film):
    excerpt = read_excerpt(look_at(sample_film), 2, start=4)
    from giblet.media import AudioReader

    with AudioReader(sample_film, channels=len(excerpt.sound), sample_rate=RATE) as reader:
        whole = reader.read().data
    np.testing.assert_array_equal(excerpt.sound, whole[:, 3 * RATE : 7 * RATE])


@pytest.mark.parametrize(
    ("seconds", "start", "told"),
    [(0.5, None, "lasts 0.50 s, less than 1 s"), (4, 3.5, "ends 0.50 s after 3.5 s"), (4, 9, "ends 0.00 s after 9 s")],
)
def test_too_little_sound_is_refused(count, seconds, start, told):
    with pytest.raises(MediaError, match=told):
        read_excerpt(count(seconds), 2, start)


def test_a_silent_place_is_refused(tmp_path):
    sound = babble(6 * RATE)[0]
    sound[: 3 * RATE] = 0
    soundfile.write(tmp_path / "late.wav", sound, RATE)
    recording = look_at(tmp_path / "late.wav")
    with pytest.raises(MediaError, match=r"late\.wav: is silent from 0 to 2 s; start elsewhere"):
        read_excerpt(recording, 2, 0)
    assert read_excerpt(recording, 2, 3).length == 2 * RATE


def test_the_same_place_of_another_file(count):
    excerpt = read_excerpt(count(8), 2, start=3)
    np.testing.assert_array_equal(read_same(count(7, name="other.wav"), excerpt), excerpt.sound)
    shorter = read_same(count(4.97, name="short.wav"), excerpt)
    assert (excerpt.cut(shorter)[0, round(1.97 * RATE) :] == 0).all()
    with pytest.raises(MediaError, match="ends before the excerpt of count.wav does, which lasts until 5.00 s"):
        read_same(count(4.9, name="shorter.wav"), excerpt)
