"""What conditions make of an excerpt: in step, of the right length, and what the codec says."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr
from fabricate import babble, lag

from giblet.codecs import decode, encode
from giblet.errors import MediaError
from giblet.listening.conditions import codec_condition, file_condition, mel_condition
from giblet.listening.excerpts import RATE, look_at, read_excerpt


@pytest.fixture
def recording(tmp_path):
    """Four seconds that hold nothing above 4 kHz."""
    sound = soxr.resample(soxr.resample(babble(4 * RATE)[0], RATE, 8000, "VHQ"), 8000, RATE, "VHQ")
    soundfile.write(tmp_path / "talk.wav", sound, RATE, subtype="FLOAT")
    return look_at(tmp_path / "talk.wav")


def test_a_codec_hears_the_surroundings_too_and_stays_in_step(tiny, recording):
    excerpt = read_excerpt(recording, 2, 1.5)
    condition = codec_condition(tiny, 6)
    again = condition.apply(excerpt)
    assert (condition.name, condition.channels) == ("tiny 6 kbps", 1)
    assert again.shape == excerpt.sound.shape
    at_24 = soxr.resample(excerpt.sound[0], RATE, 24_000, "VHQ")
    direct = decode(tiny, encode(tiny, at_24[None], 6))[0]
    np.testing.assert_allclose(again[0], soxr.resample(direct, 24_000, RATE, "VHQ"), atol=1e-6)
    assert abs(lag(excerpt.cut(excerpt.sound)[0], excerpt.cut(again)[0], 500)) <= 2


def test_a_stereo_codec_takes_mono_and_stereo(stereo, recording, tmp_path):
    condition = codec_condition(stereo, 6)
    assert condition.channels == 2
    mono = read_excerpt(recording, 2, 1)
    assert condition.apply(mono).shape == mono.sound.shape
    soundfile.write(tmp_path / "wide.wav", babble(3 * RATE, 2).T, RATE)
    wide = read_excerpt(look_at(tmp_path / "wide.wav"), 2)
    assert condition.apply(wide).shape == wide.sound.shape


def test_mel_and_back_is_in_step_and_as_loud(recording):
    excerpt = read_excerpt(recording, 2, 1)
    before, after = (excerpt.cut(sound)[0] for sound in (excerpt.sound, mel_condition().apply(excerpt)))
    assert 10 * np.log10((after**2).mean() / (before**2).mean()) == pytest.approx(0, abs=1)
    # Phases are made up, so envelopes are compared.
    envelopes = [np.sqrt((sound.reshape(-1, 240) ** 2).mean(axis=1)) for sound in (before, after)]
    assert abs(lag(*[envelope - envelope.mean() for envelope in envelopes], 20)) <= 1


def test_files_are_read_at_the_same_place(recording, tmp_path):
    (tmp_path / "other").mkdir()
    quieter, rate = soundfile.read(recording.path, dtype="float32")
    soundfile.write(tmp_path / "other" / "talk.flac", quieter / 2, rate, subtype="PCM_24")
    excerpt = read_excerpt(recording, 2, 1.5)
    for place in (tmp_path / "other", tmp_path / "other" / "talk.flac"):
        condition = file_condition("half", place, [tmp_path / "talk.wav"])
        np.testing.assert_allclose(condition.apply(excerpt), excerpt.sound / 2, atol=1e-6)


def test_files_that_are_missing_or_doubtful_are_told(recording, tmp_path):
    sounds = [tmp_path / "talk.wav", tmp_path / "song.wav"]
    for name in ("a/talk.wav", "a/b/talk.flac", "a/song.wav", "c/talk.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, babble(RATE)[0], RATE)
    for place, told in (
        ("gone", "there is no such file or folder, which condition 'x' names"),
        ("talk.wav", "is one file, and there are 2 sounds"),
        ("a", "has 2 files called talk; put the sound that 'x' makes of talk.wav there, once"),
        ("c", r"has no file called song\.\*; put the sound"),
    ):
        with pytest.raises(MediaError, match=told):
            file_condition("x", tmp_path / place, sounds)
