from __future__ import annotations

import hashlib

import av
import numpy as np
import pytest
import soundfile
from media.synthetic_films import Track, encode, encoded_picture, lag, noise
from scipy.signal import butter, sosfilt

from giblet.errors import MediaError
from giblet.media.mux import check_picture, replace_sound
from giblet.media.probe import film_clock, probe
from giblet.media.reader import AudioReader


@pytest.fixture
def new_sound(tmp_path):
    """A file of noise without the highest tones, which codecs leave out."""

    def make(seconds=2.0, rate=24000, channels=1):
        samples = sosfilt(butter(4, 3000, fs=rate, output="sos"), noise(seconds, rate, channels)).astype(np.float32)
        path = tmp_path / f"sound{rate}x{channels}.wav"
        soundfile.write(path, samples.T, rate)
        return path

    return make


def stored(path):
    """Return the packets of a film's picture."""
    with av.open(path) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def shown(path):
    """Return digests of a film's pictures and their times since the first."""
    with av.open(path) as container:
        packets = (packet for packet in container.demux(video=0) if packet.size)
        frames = [frame for packet in packets for frame in packet.decode()]
        digests = [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in frames]
        return digests, [frame.time - frames[0].time for frame in frames]


def check_step(film, sound, rate):
    """Check that a film's sound is that of a file, sample 0 at the first picture."""
    expected = soundfile.read(sound, dtype="float32", always_2d=True)[0].T
    with AudioReader(film, channels=None, sample_rate=rate) as reader:
        heard = reader.read().data
    assert heard.shape[0] == expected.shape[0]
    n_samples = min(heard.shape[1], expected.shape[1])
    assert n_samples >= expected.shape[1] - 1
    assert lag(expected[0], heard[0], rate) == 0
    assert np.corrcoef(heard[0, :n_samples], expected[0, :n_samples])[0, 1] > 0.97


@pytest.mark.parametrize("start", [0, 0.2, 1.48])
@pytest.mark.parametrize("name", ["new.mp4", "new.mkv", "new.mov", "new.m4v"])
@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (48000, 2)])
def test_sound_is_replaced_in_step_and_the_picture_copied(make_film, new_sound, tmp_path, start, name, rate, channels):
    film = make_film(Track(noise(2)), Track(noise(2, channels=2)), picture_start=start)
    sound = new_sound(2, rate, channels)
    replace_sound(film, sound, tmp_path / name)
    assert stored(tmp_path / name) == stored(film)
    assert shown(tmp_path / name)[0] == shown(film)[0]
    np.testing.assert_allclose(shown(tmp_path / name)[1], shown(film)[1], atol=1e-3)
    assert len(probe(tmp_path / name).audio) == 1
    assert film_clock(tmp_path / name).picture_start == 0
    check_step(tmp_path / name, sound, rate)


@pytest.mark.parametrize("source", ["film.mp4", "film.mkv"])
def test_pictures_stored_out_of_order(tmp_path, new_sound, source):
    film = tmp_path / source
    with av.open(film, "w") as container:
        video = container.add_stream("mpeg4", rate=25, width=64, height=48, pix_fmt="yuv420p")
        video.codec_context.max_b_frames = 2
        container.mux(encoded_picture(video, 0.48, 2))
    for name in ("new.mp4", "new.mkv"):
        replace_sound(film, new_sound(), tmp_path / name)
        assert shown(tmp_path / name)[0] == shown(film)[0]
        np.testing.assert_allclose(shown(tmp_path / name)[1], shown(film)[1], atol=1e-3)
        check_step(tmp_path / name, new_sound(), 24000)


def test_webm(tmp_path, new_sound):
    film = tmp_path / "film.webm"
    with av.open(film, "w") as container:
        video = container.add_stream("libvpx", rate=25, width=64, height=48, pix_fmt="yuv420p")
        container.mux(encoded_picture(video, 0.2, 2))
    replace_sound(film, new_sound(), tmp_path / "new.webm")
    assert stored(tmp_path / "new.webm") == stored(film)
    check_step(tmp_path / "new.webm", new_sound(), 24000)
    with pytest.raises(MediaError, match=r"cannot hold .*vp8 pictures; end its name in \.mkv"):
        replace_sound(film, new_sound(), tmp_path / "new.mp4")
    assert not list(tmp_path.glob("*.mp4"))


def test_rates_that_aac_does_not_know(make_film, new_sound, tmp_path):
    film, sound = make_film(), new_sound(2, 20000)
    replace_sound(film, sound, tmp_path / "new.mp4")
    check_step(tmp_path / "new.mp4", sound, 20000)


def test_surround_is_mixed_down(make_film, tmp_path):
    sound = encode(tmp_path / "six.flac", "flac", noise(1, channels=6), 48000, "5.1")
    replace_sound(make_film(), sound, tmp_path / "new.mp4")
    assert probe(tmp_path / "new.mp4").audio[0].channels == 2


def test_whether_a_film_can_hold_a_picture_is_known_in_advance(make_film, new_sound, tmp_path):
    film = make_film()
    for ending in (".mp4", ".m4v", ".mov", ".mkv"):
        check_picture(film, tmp_path / f"new{ending}")
    for output, source, words in [
        ("new.webm", film, r"cannot hold mpeg4 pictures; end its name in \.mkv"),
        ("new.xyz", film, r"end it in \.mp4"),
        ("new.mp4", new_sound(), "no picture"),
    ]:
        with pytest.raises(MediaError, match=words):
            check_picture(source, tmp_path / output)
    assert not list(tmp_path.glob("*new.*"))


@pytest.mark.parametrize("start", [0, 1.48])
@pytest.mark.parametrize("name", ["new.mp4", "new.mkv"])
def test_how_long_the_picture_lasts_is_returned(make_film, new_sound, tmp_path, start, name):
    film = make_film(Track(noise(2)), picture_start=start, seconds=3)
    assert replace_sound(film, new_sound(), tmp_path / name) == pytest.approx(3, abs=1e-3)


def test_progress_is_told_in_seconds_of_sound(make_film, new_sound, tmp_path):
    class Watcher:
        told = ()

        def begin(self, stage, total):
            self.told += (total, 0)

        def advance(self, seconds):
            self.told = (*self.told[:-1], self.told[-1] + seconds)

        def end(self):
            self.told += ("end",)

    watcher = Watcher()
    replace_sound(make_film(), new_sound(3), tmp_path / "new.mp4", progress=watcher)
    assert watcher.told == (pytest.approx(3), pytest.approx(3), "end")


class TestBadInput:
    def test_existing_films_are_refused(self, make_film, new_sound, tmp_path):
        film, output = make_film(), tmp_path / "new.mkv"
        output.write_text("precious")
        with pytest.raises(MediaError, match="exists already"):
            replace_sound(film, new_sound(), output)
        assert output.read_text() == "precious"
        replace_sound(film, new_sound(), output, force=True)
        assert probe(output).pictures

    def test_a_film_can_replace_itself(self, make_film, new_sound):
        film = make_film(Track(noise(2, channels=2)))
        replace_sound(film, new_sound(), film, force=True)
        check_step(film, new_sound(), 24000)

    def test_unknown_endings(self, make_film, new_sound, tmp_path):
        with pytest.raises(MediaError, match=r"end it in \.mp4"):
            replace_sound(make_film(), new_sound(), tmp_path / "new.xyz")

    def test_no_picture(self, new_sound, tmp_path):
        with pytest.raises(MediaError, match="no picture"):
            replace_sound(new_sound(), new_sound(), tmp_path / "new.mp4")

    def test_no_sound(self, make_film, tmp_path):
        film = make_film()
        with pytest.raises(MediaError, match="no sound track"):
            replace_sound(film, film, tmp_path / "new.mp4")
        assert list(tmp_path.iterdir()) == [film]

    def test_sound_that_breaks_off_leaves_nothing(self, make_film, tmp_path):
        sound = noise(2)
        sound[0, 60000] = np.nan
        soundfile.write(tmp_path / "sound.wav", sound.T, 48000, subtype="FLOAT")
        with pytest.raises(MediaError, match="no numbers"):
            replace_sound(make_film(), tmp_path / "sound.wav", tmp_path / "new.mp4")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mkv", "sound.wav"]
