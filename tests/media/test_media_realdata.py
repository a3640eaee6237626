"""What real recordings, good and odd, give."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from media.synthetic_films import lag

from giblet.errors import MediaError
from giblet.media.mux import replace_sound
from giblet.media.probe import film_clock, picture_start, probe
from giblet.media.reader import AudioReader

pytestmark = pytest.mark.realdata


def read(path, **options):
    with AudioReader(path, **options) as reader:
        return reader.read().data, reader.report


# Name: own rate, channels, first sound and first picture (s), sound delivered and announced (s).
FILES = {
    "odd/flac_23_8bit.flac": (44100, 2, 0, None, 7.7091, 7.7091),
    "odd/flac_37_96k_20bit_stereo.flac": (96000, 2, 0, None, 7.9962, 7.9962),
    "odd/flac_41_5.1.flac": (44100, 6, 0, None, 8.1003, 8.1003),
    "odd/multi_audio_5.1_two_tracks.mp4": (48000, 6, 0, None, 5.0133, 5.0133),
    "odd/no_duration.webm": (48000, 2, 0.015, 0, 4.875, None),
    "odd/short_0.55s_park.mp4": (44100, 2, 0, 0, 0.5573, 0.5528),
    "odd/start_1.48s_hevc_5.1.ts": (48000, 6, 1.4833, 1.4833, 5.0133, None),
    "odd/truncated_60pct_bbb.webm": (44100, 2, 0.003, 0.003, 17.8024, 30),
    "video/big_buck_bunny_0_30.webm": (44100, 2, 0.003, 0.003, 30.0190, 30),
    "video/cc_wanna_work_together.mp4": (44100, 2, 0, 0, 180.2565, 180.2565),
    "video/forensics_movie_hello.ogg": (48000, 2, 0.0334, 0.0334, 8.236, 8.2533),
    "video/small_mov.mov": (48000, 1, 0, 0, 5.5923, 5.58),
    "video/small_mp4.mp4": (48000, 1, 0.0213, 0, 5.568, 5.568),
    "video/small_ogg.ogv": (48000, 1, 0, 0, 5.5467, 5.5467),
    "video/small_webm.webm": (48000, 1, 0.003, 0, 5.575, 5.568),
    "speech/forensics_debian_44k.mp3": (44100, 1, 0.0251, None, 5.407, None),
    "speech/asterisk_it_demo-congrats_16k.g722": (16000, 1, 0, None, 27.1484, None),
    "music/vibe_ace.hq.ogg": (44100, 2, 0, None, 61.4589, 61.4589),
    "reference/librosa/test2_8000.mkv": (8000, 1, 0.032, None, 30.208, 30.198),
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_lies_on_its_clock(realdata, name):
    rate, channels, sound, picture, delivered, announced = FILES[name]
    with AudioReader(realdata / name) as reader:
        assert (reader.source_rate, reader.source_channels) == (rate, channels)
        n_samples = sum(block.shape[1] for block in reader)
        report = reader.report
    assert report.sound_start == pytest.approx(sound, abs=1e-4)
    assert report.picture_start == (None if picture is None else pytest.approx(picture, abs=1e-4))
    assert report.duration == pytest.approx(delivered, abs=1e-4)
    assert n_samples == round(report.duration * rate)
    assert report.announced_duration == (None if announced is None else pytest.approx(announced, abs=1e-3))
    assert report.gaps == ()
    assert report.corrupt_packets == 0
    assert report.empty_packets == (5572 if "movie_hello" in name else 0)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("corrupted_header.wav", "is not a film or sound file"),
        ("empty_data.wav", "holds no sound"),
        ("noaudio_moviepy_example.mp4", "has no sound track"),
    ],
)
def test_files_without_sound_say_so(realdata, name, problem):
    with pytest.raises(MediaError, match=problem):
        AudioReader(realdata / "odd" / name)


def test_every_file_has_an_expectation(realdata):
    there = {f"{folder}/{path.name}" for folder in ("odd", "video") for path in (realdata / folder).iterdir()}
    silent = {"odd/corrupted_header.wav", "odd/empty_data.wav", "odd/noaudio_moviepy_example.mp4"}
    assert there == {name for name in FILES if name.startswith(("odd/", "video/"))} | silent


def test_a_truncated_film_says_what_is_missing(realdata):
    assert read(realdata / "odd/truncated_60pct_bbb.webm")[1].missing == pytest.approx(12.2, abs=0.01)


def test_the_whole_film_is_the_truncated_one_and_more(realdata):
    part, _ = read(realdata / "odd/truncated_60pct_bbb.webm")
    whole, _ = read(realdata / "video/big_buck_bunny_0_30.webm")
    np.testing.assert_array_equal(part[:, :780_000], whole[:, :780_000])


def test_one_film_in_four_containers_is_in_step(realdata):
    # Decoded without regard to time stamps, mov and webm lag by 24 and 21 ms. The stamps of the ogv itself are early.
    reference, _ = read(realdata / "video/small_mp4.mp4")
    for name, expected in (("small_mov.mov", 0), ("small_webm.webm", 0), ("small_ogg.ogv", -0.0213)):
        sound, _ = read(realdata / "video" / name)
        assert lag(reference[0], sound[0], 48000) == pytest.approx(expected, abs=0.004), name


def test_one_recording_in_three_formats_is_in_step(realdata):
    reference, _ = read(realdata / "speech/forensics_debian_44k.wav")
    for ending in ("ogg", "mp3"):
        sound, _ = read(realdata / f"speech/forensics_debian_44k.{ending}")
        assert sound.shape == reference.shape
        assert lag(reference[0], sound[0], 44100) == 0


def test_the_two_tracks_of_a_film_are_told_apart(realdata):
    path = realdata / "odd/multi_audio_5.1_two_tracks.mp4"
    assert [track.layout for track in probe(path).audio] == ["5.1", "5.1"]
    assert read(path, track=1)[0].shape == read(path)[0].shape
    with pytest.raises(MediaError, match=r"no sound track 2; choose one of 0 \(aac, 6 channels\), 1 \(aac"):
        AudioReader(path, track=2)


def test_cover_art_is_no_picture(realdata):
    assert probe(realdata / "music/vibe_ace.hq.ogg").pictures == ()
    assert picture_start(realdata / "music/vibe_ace.hq.ogg") is None


def test_pcm_is_read_as_soundfile_reads_it(realdata):
    for name in ("speech/alsa_Front_Center_48k.wav", "speech/sr_french_44k.aiff", "odd/flac_23_8bit.flac"):
        expected = soundfile.read(realdata / name, dtype="float32", always_2d=True)[0].T
        np.testing.assert_array_equal(read(realdata / name, channels=None)[0], expected)


@pytest.mark.parametrize(
    ("film", "name"),
    [
        ("odd/start_1.48s_hevc_5.1.ts", "new.mp4"),
        ("video/forensics_movie_hello.ogg", "new.mkv"),
        ("video/small_mp4.mp4", "new.mp4"),
        ("video/small_webm.webm", "new.webm"),
        ("odd/short_0.55s_park.mp4", "new.mp4"),
    ],
)
def test_real_films_take_another_sound_in_step(realdata, tmp_path, film, name):
    speech = realdata / "speech/ljspeech_LJ001-0001.wav"
    replace_sound(realdata / film, speech, tmp_path / name)
    expected, _ = read(speech, sample_rate=24000)
    heard, report = read(tmp_path / name, sample_rate=24000)
    assert film_clock(tmp_path / name).picture_start == 0
    assert report.gaps == ()
    assert abs(lag(expected[0], heard[0], 24000)) <= 1 / 24000
