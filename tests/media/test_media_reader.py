from __future__ import annotations

import tracemalloc

import av
import numpy as np
import pytest
import soundfile
import soxr
from media.synthetic_films import Track, encode, lag, noise

from giblet.errors import MediaError, ParameterError
from giblet.media.reader import AudioReader


def read(path, **options):
    """Return all sound of a file at its own rate, and the report."""
    with AudioReader(path, **options) as reader:
        return reader.read().data, reader.report


def write_sound(path, sound, rate, subtype="FLOAT"):
    soundfile.write(path, sound.T, rate, subtype=subtype)
    return path


class TestFilmClock:
    def test_sound_later_than_the_picture_is_preceded_by_silence(self, make_film):
        sound = noise(1)
        heard, report = read(make_film(Track(sound, start=0.75), picture_start=0.25))
        assert not heard[:, :24000].any()
        np.testing.assert_array_equal(heard[:, 24000:], sound)
        assert (report.sound_start, report.picture_start, report.offset) == (0.75, 0.25, 0.5)
        assert report.duration == pytest.approx(1.5)

    def test_sound_before_the_picture_is_cut(self, make_film):
        sound = noise(1)
        heard, report = read(make_film(Track(sound), picture_start=0.2))
        np.testing.assert_array_equal(heard, sound[:, 9600:])
        assert report.offset == pytest.approx(-0.2)

    def test_a_common_start_leaves_sound_alone(self, make_film):
        sound = noise(1)
        np.testing.assert_array_equal(read(make_film(Track(sound, start=1.48), picture_start=1.48))[0], sound)

    def test_a_sound_file_starts_at_its_first_sample(self, make_film):
        sound = noise(1)
        heard, report = read(make_film(Track(sound, start=5), picture_start=None))
        np.testing.assert_array_equal(heard, sound)
        assert (report.sound_start, report.picture_start, report.offset) == (5, None, 0)

    def test_cover_art_is_no_picture(self, tmp_path):
        path = tmp_path / "cover.mp4"
        with av.open(path, "w") as container:
            audio = container.add_stream("aac", rate=48000)
            audio.layout = "mono"
            cover = container.add_stream("mjpeg", rate=1, width=64, height=48, pix_fmt="yuvj420p")
            cover.disposition = av.stream.Disposition.attached_pic
            image = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            sound = av.AudioFrame.from_ndarray(noise(1), format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 48000, 3 * 48000
            container.mux(cover.encode(image) + audio.encode(sound) + audio.encode(None))
        heard, report = read(path)
        assert report.picture_start is None
        assert report.sound_start == pytest.approx(3, abs=0.03)
        assert heard.shape[1] == pytest.approx(48000, abs=2048)

    def test_encoder_delay_and_edit_lists_keep_sound_in_step(self, tmp_path):
        sound = noise(2, channels=2)
        for name, picture, start, expected in (
            ("level.mp4", (0, 2), 0, 0),
            ("late.mp4", (0, 2), 0.3, 0.3),
            ("early.mp4", (0.5, 2), 0, -0.5),
            ("delay.mkv", (0, 2), 0, 0),
        ):
            path = encode(tmp_path / name, "aac", sound, 48000, "stereo", picture, start)
            heard, _ = read(path)
            assert lag(sound.mean(axis=0), heard[0], 48000) == pytest.approx(expected, abs=1e-3), name

    def test_sound_that_ends_before_the_picture_begins_is_an_error(self, make_film):
        with pytest.raises(MediaError, match="ends before the first picture"):
            read(make_film(Track(noise(0.5)), picture_start=1))


class TestTimeStamps:
    def test_a_gap_becomes_silence_and_is_reported(self, make_film):
        sound = noise(2)
        stamps = [number / 100 + 0.7 * (number >= 80) for number in range(200)]
        heard, report = read(make_film(Track(sound, stamps=stamps)))
        np.testing.assert_array_equal(heard[:, :38400], sound[:, :38400])
        assert not heard[:, 38400:72000].any()
        np.testing.assert_array_equal(heard[:, 72000:], sound[:, 38400:])
        assert report.gaps == ((pytest.approx(0.8), pytest.approx(0.7)),)

    def test_long_gaps_come_in_blocks_of_moderate_size(self, make_film):
        stamps = [number / 100 + 600 * (number >= 50) for number in range(100)]
        with AudioReader(make_film(Track(noise(1), stamps=stamps))) as reader:
            lengths = [block.shape[1] for block in reader]
        assert sum(lengths) == 601 * 48000
        assert max(lengths) < 2 * 48000

    def test_jitter_and_single_wild_stamps_change_nothing(self, make_film):
        sound = noise(2)
        stamps = [number / 100 + (0.019 if number % 2 else 0) for number in range(200)]
        stamps[120] += 0.09
        heard, report = read(make_film(Track(sound, stamps=sorted(stamps))))
        np.testing.assert_array_equal(heard, sound)
        assert report.gaps == ()

    def test_a_gap_of_more_than_an_hour_is_refused(self, make_film):
        stamps = [number / 100 + 3700 * (number >= 50) for number in range(100)]
        with pytest.raises(MediaError, match=r"film\.mkv.*jump by 3700 s; remux"):
            read(make_film(Track(noise(1), stamps=stamps)))

    def test_corrupt_packets_are_counted_and_leave_silence(self, tmp_path):
        path = encode(tmp_path / "whole.mka", "aac", noise(4), 48000, "mono")
        damaged = tmp_path / "damaged.mka"
        with av.open(path) as source, av.open(damaged, "w") as target:
            copied = target.add_stream_from_template(source.streams.audio[0])
            for number, packet in enumerate(source.demux(audio=0)):
                if packet.dts is None:
                    continue
                if 60 <= number < 90:
                    broken = av.Packet(b"\xff" * packet.size)
                    broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                    packet = broken
                packet.stream = copied
                target.mux(packet)
        whole, _ = read(path)
        heard, report = read(damaged)
        assert report.corrupt_packets == 30
        assert report.gaps == ((pytest.approx(60 * 1024 / 48000, abs=0.05), pytest.approx(0.64, abs=0.05)),)
        assert lag(whole[0, 96000:], heard[0, 96000:], 48000) == pytest.approx(0, abs=2e-3)


class TestMixing:
    def test_stereo_becomes_mono_as_the_mean(self, make_film):
        sound = noise(0.5, channels=2)
        np.testing.assert_array_equal(read(make_film(Track(sound)))[0], sound.mean(axis=0, keepdims=True))

    def test_mono_becomes_stereo_by_doubling(self, make_film):
        sound = noise(0.5)
        np.testing.assert_array_equal(read(make_film(Track(sound)), channels=2)[0], np.repeat(sound, 2, axis=0))

    def test_none_keeps_the_channels(self, tmp_path):
        sound = noise(0.5, channels=6)
        path = encode(tmp_path / "six.flac", "flac", sound, 48000, "5.1")
        with AudioReader(path, channels=None) as reader:
            assert (reader.source_channels, reader.channels) == (6, 6)
            np.testing.assert_allclose(reader.read().data, sound, atol=2**-15)

    def test_surround_is_mixed_down_as_bs775_says(self, tmp_path):
        left, right, centre, _, left_back, right_back = levels = (0.1, 0.2, 0.05, 0.4, 0.03, 0.06)
        sound = np.repeat(np.array(levels, np.float32)[:, None], 4800, axis=1)
        path = encode(tmp_path / "six.flac", "flac", sound, 48000, "5.1")
        expected = [left + (centre + left_back) * 0.5**0.5, right + (centre + right_back) * 0.5**0.5]
        np.testing.assert_allclose(read(path, channels=2)[0].mean(axis=1), expected, atol=1e-4)
        np.testing.assert_allclose(read(path)[0].mean(), np.mean(expected), atol=1e-4)

    def test_tracks_are_chosen_by_number(self, make_film):
        first, second = noise(0.5, seed=1), noise(0.5, channels=2, seed=2)
        film = make_film(Track(first), Track(second))
        np.testing.assert_array_equal(read(film)[0], first)
        np.testing.assert_array_equal(read(film, track=1, channels=None)[0], second)
        with pytest.raises(MediaError, match=r"no sound track 2; choose one of 0 \(pcm_f32le, 1 channels\), 1 \("):
            read(film, track=2)
        with pytest.raises(MediaError, match="no sound track -1"):
            read(film, track=-1)

    def test_other_numbers_of_channels_are_refused(self, make_film):
        with pytest.raises(ParameterError, match="3 channels"):
            AudioReader(make_film(Track(noise(0.1))), channels=3)

    @pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
    def test_every_kind_of_samples_has_the_same_scale(self, tmp_path, subtype):
        sound = np.linspace(-1, 0.99, 4800, dtype=np.float32)[None]
        heard, _ = read(write_sound(tmp_path / "sound.wav", sound, 8000, subtype))
        np.testing.assert_allclose(heard, sound, atol=1 / 128 if subtype == "PCM_U8" else 1e-4)


class TestResampling:
    @pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 96000])
    def test_stream_equals_resampling_at_once(self, tmp_path, rate):
        sound = noise(3.1, rate, channels=2)
        path = write_sound(tmp_path / "sound.wav", sound, rate)
        with AudioReader(path, sample_rate=24000) as reader:
            assert (reader.source_rate, reader.sample_rate) == (rate, 24000)
            heard = reader.read()
        expected = soxr.resample(sound.mean(axis=0), rate, 24000, quality="HQ")
        assert heard.sample_rate == 24000
        np.testing.assert_array_equal(heard.data[0], expected)

    def test_own_rate_is_kept_by_default(self, tmp_path):
        sound = noise(1, 11025)
        np.testing.assert_array_equal(read(write_sound(tmp_path / "sound.wav", sound, 11025))[0], sound)

    def test_a_rate_that_changes_inside_the_track_is_brought_to_the_first(self, tmp_path):
        path = tmp_path / "joined.ts"
        parts = []
        for start, rate in ((0, 48000), (2, 24000)):
            tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate) / rate, dtype=np.float32)[None]
            part = encode(tmp_path / f"{rate}.ts", "aac", tone, rate, "mono", sound_start=start)
            parts.append(part.read_bytes())
        path.write_bytes(b"".join(parts))
        heard, report = read(path)
        assert report.duration == pytest.approx(4, abs=0.1)
        for stretch in (heard[0, 24000:48000], heard[0, 144000:168000]):
            assert np.argmax(np.abs(np.fft.rfft(stretch))) == 500

    def test_a_rate_of_nothing_is_refused(self, make_film):
        with pytest.raises(ParameterError, match="0 Hz"):
            AudioReader(make_film(Track(noise(0.1))), sample_rate=0)


class TestBadInput:
    def test_no_sound_track(self, make_film):
        with pytest.raises(MediaError, match="has no sound track"):
            AudioReader(make_film())

    def test_no_samples(self, tmp_path):
        with pytest.raises(MediaError, match="holds no sound"):
            AudioReader(write_sound(tmp_path / "empty.wav", np.zeros((1, 0)), 8000))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_samples_that_are_no_numbers(self, tmp_path, value):
        sound = noise(1, 8000)
        sound[0, 5000] = value
        with pytest.raises(MediaError, match="no numbers"):
            read(write_sound(tmp_path / "sound.wav", sound, 8000))

    def test_a_track_that_ends_early_says_what_is_missing(self, tmp_path):
        path = encode(tmp_path / "whole.flac", "flac", noise(4), 48000, "mono")
        assert read(path)[1].missing == 0
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        _, report = read(path)
        assert report.announced_duration == 4
        assert report.missing == pytest.approx(2, abs=0.2)

    def test_sound_is_read_once(self, make_film):
        with AudioReader(make_film(Track(noise(0.1)))) as reader:
            reader.read()
            with pytest.raises(ParameterError, match="read already"):
                reader.read()


def test_memory_does_not_grow_with_the_film(tmp_path):
    peaks = []
    for minutes in (1, 8):
        path = write_sound(tmp_path / "sound.wav", np.zeros((1, minutes * 60 * 16000), np.int16), 16000, "PCM_16")
        tracemalloc.start()
        with AudioReader(path, sample_rate=24000) as reader:
            assert reader.duration_hint == minutes * 60
            for block in reader:
                assert block.shape[1] < 2 * 24000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 100_000
