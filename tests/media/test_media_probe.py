from __future__ import annotations

import json
import os
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from media.synthetic_films import Track, encode, noise

from giblet.errors import MediaError
from giblet.media.probe import film_clock, picture_start, probe


def test_film_is_described(make_film):
    path = make_film(Track(noise(1)), Track(noise(1, 22050, channels=2), rate=22050, start=0.5), picture_start=0.25)
    info = probe(path)
    assert info.format == "matroska,webm"
    assert info.duration == pytest.approx(2.25, abs=0.05)
    assert [track.track for track in info.audio] == [0, 1]
    assert [(track.codec, track.sample_rate, track.channels) for track in info.audio] == [
        ("pcm_f32le", 48000, 1),
        ("pcm_f32le", 22050, 2),
    ]
    assert info.audio[1].start == 0.5
    (picture,) = info.pictures
    assert (picture.codec, picture.width, picture.height, picture.rate) == ("mpeg4", 64, 48, 25)
    assert picture.start == 0.25


def test_layout_and_language_are_told(tmp_path):
    with av.open(tmp_path / "film.mkv", "w") as container:
        streams = [container.add_stream("flac", rate=48000) for _ in range(2)]
        for stream, language, layout in zip(streams, ("fre", "und"), ("5.1", "stereo"), strict=True):
            stream.layout, stream.metadata["language"] = layout, language
        for stream in streams:
            sound = noise(0.2, channels=stream.channels)
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout=stream.layout.name)
            frame.sample_rate, frame.pts = 48000, 0
            container.mux(stream.encode(frame) + stream.encode(None))
    tracks = probe(tmp_path / "film.mkv").audio
    assert [(track.layout, track.language) for track in tracks] == [("5.1", "fre"), ("stereo", None)]


def test_description_fits_into_json(make_film):
    info = json.loads(json.dumps(probe(make_film(Track(noise(1)))).to_dict()))
    assert info["audio"][0]["sample_rate"] == 48000
    assert info["pictures"][0]["width"] == 64


def test_sound_file_has_no_picture(make_film):
    path = make_film(Track(noise(1)), picture_start=None)
    assert probe(path).pictures == ()
    assert picture_start(path) is None


def test_picture_starts_with_the_first_one_displayed(make_film, tmp_path):
    assert picture_start(make_film(picture_start=1.48)) == Fraction(148, 100)
    # B-frames are stored in another order than shown, and MP4 hides with an edit list what lies before 0.
    path = encode(tmp_path / "film.mp4", "aac", noise(1), 48000, "mono", picture=(0.48, 1))
    assert picture_start(path) == Fraction(48, 100)


def test_pictures_that_cannot_be_decoded_leave_the_clock_to_the_sound_and_say_so(tmp_path, caplog):
    path = tmp_path / "film.mkv"
    with av.open(path, "w") as container:
        video = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        audio = container.add_stream("pcm_f32le", rate=48000)
        audio.layout = "mono"
        for number in range(5):
            packet = av.Packet(b"\xff" * 50)
            packet.stream, packet.pts, packet.dts, packet.time_base = video, number, number, Fraction(1, 25)
            container.mux(packet)
        container.mux(Track(noise(0.5), start=2).packets(audio))
    assert film_clock(path).offset == 0
    assert "no picture can be decoded" in caplog.text


def test_clock_tells_when_sound_begins(make_film):
    film = make_film(Track(noise(1), start=0.1), Track(noise(1), start=1.5), picture_start=0.5)
    assert film_clock(film).offset == pytest.approx(-0.4)
    clock = film_clock(film, track=1)
    assert (clock.picture_start, clock.sound_start, clock.offset) == (0.5, 1.5, 1)


def test_clock_of_silent_films_and_of_sound_files(make_film):
    assert film_clock(make_film()).sound_start is None
    clock = film_clock(make_film(Track(noise(1), start=2), picture_start=None))
    assert (clock.picture_start, clock.sound_start, clock.offset) == (None, 2, 0)


def test_names_that_look_like_protocols_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("concat:a.wav", np.zeros(100), 8000)
    assert probe("concat:a.wav").audio[0].sample_rate == 8000


def test_tags_in_old_encodings_are_no_obstacle(tmp_path):
    path = tmp_path / "sound.wav"
    soundfile.write(path, np.zeros(100), 8000)
    sound = path.read_bytes()
    tag = b"INFOINAM" + (4).to_bytes(4, "little") + "Ünä".encode("latin-1") + b"\0"
    path.write_bytes(sound + b"LIST" + len(tag).to_bytes(4, "little") + tag)
    assert probe(path).audio[0].sample_rate == 8000


def test_names_that_are_no_text_are_files(tmp_path):
    path = tmp_path / os.fsdecode(b"f\xfclm.wav")
    soundfile.write(tmp_path / "film.wav", np.zeros(100), 8000)
    (tmp_path / "film.wav").rename(path)
    assert probe(path).audio[0].sample_rate == 8000


class TestBadInput:
    def test_nothing_there(self, tmp_path):
        with pytest.raises(MediaError, match=r"film\.mp4: there is no such file"):
            probe(tmp_path / "film.mp4")

    def test_a_folder(self, tmp_path):
        with pytest.raises(MediaError, match="is a folder"):
            probe(tmp_path)

    @pytest.mark.parametrize(
        ("name", "content", "problem"),
        [
            ("film.mp4", b"", "is empty"),
            ("film.mp4", bytes(range(256)) * 40, "is not a film or sound file"),
            ("film.txt", b"Once upon a time\n" * 100, "is not a film or sound file"),
            ("film.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n", "is not a film or sound file"),
        ],
    )
    def test_no_film(self, tmp_path, name, content, problem):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(MediaError, match=problem):
            probe(path)

    def test_a_file_closed_to_the_reader(self, tmp_path, monkeypatch):
        path = tmp_path / "film.wav"
        soundfile.write(path, np.zeros(100), 8000)
        path.chmod(0)
        if os.access(path, os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(MediaError, match="may not be read"):
            probe(path)
