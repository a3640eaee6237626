"""Pictures of a film on its clock."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.numbered_films import number_of, numbered_picture, write_numbered

from giblet.errors import GibletError, MediaError, ParameterError
from giblet.media.pictures import PictureReader, nominal_rate, picture_duration

REUSED = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def seen(path):
    """Return numbers and times of the pictures, and the report."""
    with PictureReader(path) as reader:
        pictures = [(number_of(picture.rgb((160, 90))), float(picture.time)) for picture in reader]
        return [number for number, _ in pictures], [time for _, time in pictures], reader.report


def regular(count, rate=25, start=0):
    return [Fraction(start) + Fraction(number) / rate for number in range(count)]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("film.mkv", "ffv1", {}),
        ("film.mkv", "mpeg4", {"bf": "2"}),
        ("film.mp4", "libx264", {"bf": "3"}),
        ("film.ts", "libx264", {"bf": "2"}),
        ("film.avi", "mpeg4", {}),
        ("film.webm", "libvpx", {}),
    ],
)
def test_every_picture_comes_once_at_its_time(tmp_path, name, codec, options):
    path = write_numbered(tmp_path / name, regular(60), codec, **options)
    numbers, times, report = seen(path)
    assert numbers == list(range(60))
    assert times == pytest.approx([float(time) for time in regular(60)], abs=1e-3)
    assert report.duration == pytest.approx(2.4, abs=1e-3)
    assert float(picture_duration(path)) == pytest.approx(2.4, abs=1e-3)
    assert (report.n_pictures, report.disordered, report.corrupt_packets) == (60, 0, 0)


@pytest.mark.parametrize(("name", "codec"), [("late.ts", "libx264"), ("late.mkv", "ffv1")])
def test_time_counts_from_the_first_picture_shown(tmp_path, name, codec):
    _, times, report = seen(write_numbered(tmp_path / name, regular(30, start=Fraction(7, 2)), codec))
    assert times == pytest.approx([float(time) for time in regular(30)], abs=1e-3)
    # The muxer of transport streams adds its own 1.4 s.
    assert report.picture_start >= 3.5


@REUSED
@given(st.lists(st.integers(15, 1500), min_size=1, max_size=40))
def test_varying_rates_are_followed(tmp_path, gaps):
    times = [Fraction(sum(gaps[:k]), 1000) for k in range(len(gaps))]
    numbers, found, _ = seen(write_numbered(tmp_path / "varying.mkv", times, "ffv1"))
    assert numbers == list(range(len(times)))
    assert found == [float(time) for time in times]


def test_a_wild_stamp_costs_its_picture_and_no_other(tmp_path):
    stamps = regular(30)
    for wild in (Fraction(400), Fraction(1, 10)):
        there = [*stamps[:12], wild, *stamps[13:]]
        numbers, times, report = seen(write_numbered(tmp_path / "wild.mkv", stamps, "ffv1", stamps=there))
        assert numbers == [number for number in range(30) if number != 12]
        assert times == [float(time) for k, time in enumerate(stamps) if k != 12]
        assert report.disordered == 1


def test_stamps_that_jump_by_hours_are_refused_with_a_remedy(tmp_path):
    times = regular(10) + regular(10, start=4000)
    with pytest.raises(MediaError, match=r"jump by 4000 s; remux"):
        seen(write_numbered(tmp_path / "jump.mkv", times, "ffv1"))


def test_pictures_without_stamps_follow_at_the_nominal_rate(tmp_path):
    path = write_numbered(tmp_path / "bare.h264", regular(50), "libx264", bf="0")
    numbers, times, report = seen(path)
    assert numbers == list(range(50))
    assert times == pytest.approx([float(time) for time in regular(50)])
    assert report.picture_start is None
    assert picture_duration(path) == 2


def test_pictures_are_stretched_to_the_size(tmp_path):
    path = write_numbered(tmp_path / "one.mkv", [0], "ffv1")
    with PictureReader(path) as reader:
        frame = next(iter(reader)).rgb((37, 91))
    assert frame.shape == (91, 37, 3)
    assert frame.dtype == np.uint8


def test_colours_come_as_red_green_and_blue(tmp_path):
    with av.open(tmp_path / "red.mkv", "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=64, height=64, pix_fmt="bgr0")
        red = np.zeros((64, 64, 3), np.uint8)
        red[..., 0] = 250
        container.mux(stream.encode(av.VideoFrame.from_ndarray(red, format="rgb24")) + stream.encode(None))
    with PictureReader(tmp_path / "red.mkv") as reader:
        np.testing.assert_array_equal(next(iter(reader)).rgb((10, 5)), np.broadcast_to([250, 0, 0], (5, 10, 3)))


def test_scaling_takes_the_mean(tmp_path):
    path = write_numbered(tmp_path / "one.mkv", [0], "ffv1")
    with PictureReader(path) as reader:
        frame = next(iter(reader)).rgb((4, 3))
    np.testing.assert_allclose(frame, numbered_picture(0, 4, 3), atol=3)


def test_damaged_packets_are_skipped_and_counted(tmp_path):
    numbers, times, report = seen(write_numbered(tmp_path / "film.mov", regular(50), "png", spoilt=(20, 33, 34)))
    assert report.corrupt_packets == 3
    assert numbers == [number for number in range(50) if number not in (20, 33, 34)]
    assert times == [number / 25 for number in numbers]


def test_a_sound_file_has_no_picture(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "sound.wav", np.zeros(1000), 8000)
    for ask in (PictureReader, picture_duration):
        with pytest.raises(MediaError, match=r"sound\.wav: has no moving pictures; give a film"):
            ask(tmp_path / "sound.wav")


def test_reading_twice_is_refused(tmp_path):
    with PictureReader(write_numbered(tmp_path / "film.mkv", regular(3), "ffv1")) as reader:
        list(reader)
        with pytest.raises(ParameterError, match="open it again"):
            list(reader)


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        (Fraction(243090000, 8111111), Fraction(30000, 1001)),
        (Fraction(2499, 100), Fraction(25)),
        (Fraction(24000, 1001), Fraction(24000, 1001)),
        (Fraction(24), Fraction(24)),
        (Fraction(23976, 1000), Fraction(24000, 1001)),
        (Fraction(173, 10), Fraction(173, 10)),
        (Fraction(1, 2), Fraction(1, 2)),
        (None, Fraction(25)),
    ],
)
def test_nominal_rates(average, expected):
    class Stream:
        average_rate, guessed_rate, base_rate = average, None, None

    assert nominal_rate(Stream) == expected


# Name: pictures, end of the last one (s), rate.
FILMS = {
    "odd/no_duration.webm": (74, 4.938, Fraction(15000, 1001)),
    "odd/noaudio_moviepy_example.mp4": (50, 2.0, Fraction(25)),
    "odd/short_0.55s_park.mp4": (17, 0.5672, Fraction(30000, 1001)),
    "odd/start_1.48s_hevc_5.1.ts": (120, 5.0, Fraction(24)),
    "odd/truncated_60pct_bbb.webm": (427, 17.791, Fraction(24)),
    "video/forensics_movie_hello.ogg": (242, 8.3083, Fraction(30000, 1001)),
    "video/small_mov.mov": (166, 5.5333, Fraction(30)),
    "video/small_mp4.mp4": (166, 5.5333, Fraction(30)),
    "video/small_ogg.ogv": (166, 5.5333, Fraction(30)),
    "video/small_webm.webm": (166, 5.533, Fraction(30)),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", FILMS)
def test_real_films(realdata, name):
    count, end, rate = FILMS[name]
    with PictureReader(realdata / name) as reader:
        times = [picture.time for picture in reader]
        assert reader.rate == rate
    assert len(times) == count == reader.report.n_pictures
    assert times[0] == 0
    assert all(np.diff(times) > 0)
    assert reader.report.duration == pytest.approx(end, abs=1e-3)
    assert float(picture_duration(realdata / name)) == pytest.approx(end, abs=1e-3)
    # Theora repeats a picture by an empty packet.
    assert reader.report.empty_packets == (7 if "movie_hello" in name else 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([".mp4", ".mkv"]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=64)), min_size=1, max_size=12),
    st.floats(0.2, 1),
)
def test_damaged_films_are_read_or_refused(tmp_path, ending, edits, keep):
    original = tmp_path / f"film{ending}"
    if not original.exists():
        write_numbered(original, regular(40), "libx264")
    content = bytearray(original.read_bytes())
    for where, what in edits:
        at = int(where * len(content))
        content[at : at + len(what)] = what
    path = tmp_path / f"damaged{ending}"
    path.write_bytes(content[: int(len(content) * keep)])
    with suppress(GibletError), PictureReader(path) as reader:
        times = [picture.time for picture in reader]
        assert (np.diff(times) > 0).all()
        assert min(times) >= 0
    with suppress(GibletError):
        assert picture_duration(path) >= 0
