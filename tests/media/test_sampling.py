"""Pictures at even moments, for several takers in one reading."""

from __future__ import annotations

import subprocess
import tracemalloc
from fractions import Fraction
from itertools import takewhile

import av
import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.numbered_films import number_of, numbered_picture, write_numbered

from giblet.errors import MediaError, ParameterError
from giblet.features.pictures import frames_per_tr
from giblet.media.pictures import Picture, PictureReader, picture_duration
from giblet.media.sampling import PictureSampler, Sampling
from giblet.timeline import TRGrid

REUSED = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """100 pictures at 25/s: 4 s."""
    return write_numbered(tmp_path_factory.mktemp("films") / "film.mkv", [Fraction(k, 25) for k in range(100)])


def taken(sampler):
    """Return the pictures of each taker, and the sampler's blocks in order."""
    blocks = list(sampler)
    pictures = [[picture for whose, block in blocks if whose == taker for picture in block] for taker in range(9)]
    return pictures[: len(sampler.wanted)], blocks


def numbers(film, rate, end, size=(160, 90)):
    sampler = PictureSampler(film, [Sampling(Fraction(rate), size)], Fraction(end))
    ((pictures,), _) = taken(sampler)
    return [number_of(picture) for picture in pictures], sampler


def test_every_taker_gets_its_own_rate_and_size(film):
    wanted = [Sampling(Fraction(25), (160, 90)), Sampling(Fraction(2), (96, 54)), Sampling(Fraction(10))]
    pictures, blocks = taken(PictureSampler(film, wanted, Fraction(4)))
    assert [[number_of(picture) for picture in some] for some in pictures] == [
        list(range(100)),
        [6, 18, 31, 43, 56, 68, 81, 93],
        [int((k + 0.5) * 2.5) for k in range(40)],
    ]
    assert [some[0].shape for some in pictures] == [(90, 160, 3), (54, 96, 3), (96, 192, 3)]
    assert all(block.dtype == np.uint8 and len(block) for _, block in blocks)
    for taker, sampling in enumerate(wanted):
        ((alone,), _) = taken(PictureSampler(film, [sampling], Fraction(4)))
        np.testing.assert_array_equal(pictures[taker], alone)


@pytest.mark.parametrize(("rate", "end", "count"), [(25, "4", 100), (25, "3.96", 99), (25, "3.961", 100), (3, "1", 3)])
def test_there_is_a_picture_for_every_beginning_before_the_end(film, rate, end, count):
    assert len(numbers(film, rate, end)[0]) == count


def test_nothing_is_taken_before_the_film_begins(film):
    assert numbers(film, 25, 0)[0] == numbers(film, 25, -1)[0] == []


@REUSED
@given(
    gaps=st.lists(st.integers(10, 900), min_size=1, max_size=25),
    rates=st.lists(st.sampled_from(["1", "4/3", "7", "25", "30000/1001"]), min_size=1, max_size=3),
    end=st.integers(1, 4000),
    block_bytes=st.sampled_from([1, 10**5, 2**24]),
)
def test_each_moment_gets_the_last_picture_whose_stamp_is_not_later(tmp_path, gaps, rates, end, block_bytes):
    stamps = [Fraction(sum(gaps[:k]), 1000) for k in range(len(gaps))]
    path = write_numbered(tmp_path / "varying.mkv", stamps)
    wanted = [Sampling(Fraction(rate), (64, 48)) for rate in rates]
    sampler = PictureSampler(path, wanted, Fraction(end, 1000), block_bytes)
    pictures, _ = taken(sampler)
    for sampling, some, held in zip(wanted, pictures, sampler.held, strict=True):
        moments = [(k + Fraction(1, 2)) / sampling.rate for k in range(len(some))]
        # Half a millisecond is the rounding of the container's stamps.
        shown = [sum(stamp <= moment + Fraction(1, 2000) for stamp in stamps) - 1 for moment in moments]
        assert [number_of(picture) for picture in some] == shown
        assert (len(some) - 1) / sampling.rate < Fraction(end, 1000) <= len(some) / sampling.rate
        ended = sampler.reader.ended
        assert held == (0 if ended is None else sum(moment >= ended for moment in moments))


def test_behind_the_film_its_last_picture_is_held_and_counted(film):
    found, sampler = numbers(film, 25, 6)
    assert found == [*range(100), *[99] * 50]
    assert sampler.held == [50]


def test_a_film_of_one_picture(tmp_path):
    one = write_numbered(tmp_path / "one.mkv", [Fraction(0)])
    found, sampler = numbers(one, 10, 1)
    assert found == [0] * 10
    assert sampler.held[0] > 5


def test_pictures_are_converted_once_for_each_size_and_not_at_all_for_nobody(film, monkeypatch):
    seen = []
    convert = Picture.rgb
    monkeypatch.setattr(Picture, "rgb", lambda self, size: seen.append((self.time, size)) or convert(self, size))
    small, large = (32, 24), (160, 90)
    wanted = [Sampling(Fraction(50), small), Sampling(Fraction(5), small), Sampling(Fraction(5), large)]
    taken(PictureSampler(film, wanted, Fraction(4)))
    assert len(seen) == len(set(seen)) == 100 + 20
    seen.clear()
    taken(PictureSampler(film, wanted[1:2], Fraction(4)))
    assert len(seen) == 20


def test_blocks_are_bounded_and_come_in_the_order_of_the_film(film):
    wanted = [Sampling(Fraction(25), (160, 90)), Sampling(Fraction(10), (160, 90))]
    _, blocks = taken(PictureSampler(film, wanted, Fraction(4), block_bytes=2 * 8 * 160 * 90 * 3))
    assert max(len(block) for _, block in blocks) == 8
    given = [0, 0]
    for whose, block in blocks:
        given[whose] += len(block)
        # Who waits, waits for no more than a block.
        assert abs(given[0] / 25 - given[1] / 10) <= 8 / 10


def test_memory_stays_flat(film):
    def peak(end):
        tracemalloc.start()
        for _ in PictureSampler(film, [Sampling(Fraction(25), (320, 180))], Fraction(end), block_bytes=2**20):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(40) < peak(2) + 2**19 < 5 * 2**20


def test_it_agrees_with_frames_per_tr(film):
    ((pictures,), _) = taken(PictureSampler(film, [Sampling(Fraction(10, 3), (64, 36))], Fraction(4)))
    frames = np.concatenate([tr for tr, _ in frames_per_tr(film, TRGrid(Fraction(3, 2), 2), (64, 36), frames=5)])
    np.testing.assert_array_equal(pictures[:10], frames)


@pytest.mark.parametrize(("turn", "quarter"), [(90, 1), (-90, 3), (180, 2)])
def test_pictures_are_turned_as_players_turn_them(tmp_path, turn, quarter):
    lying = write_numbered(tmp_path / "lying.mp4", [Fraction(k, 25) for k in range(5)], "libx264")
    turned = tmp_path / "turned.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation", str(turn), "-i", lying]
    subprocess.run([*command, "-c", "copy", turned], check=True, stdin=subprocess.DEVNULL)
    ((upright,), _) = taken(PictureSampler(lying, [Sampling(Fraction(25))], Fraction(1, 5)))
    ((found,), _) = taken(PictureSampler(turned, [Sampling(Fraction(25))], Fraction(1, 5)))
    np.testing.assert_array_equal(found, np.rot90(upright, quarter, axes=(1, 2)))
    ((scaled,), _) = taken(PictureSampler(turned, [Sampling(Fraction(25), (40, 80))], Fraction(1, 5)))
    assert np.shape(scaled) == (5, 80, 40, 3)
    assert [number_of(np.rot90(picture, -quarter)) for picture in scaled] == list(range(5))


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16le", "yuv444p10le", "yuva420p", "gbrp10le", "bgr0"])
def test_pictures_of_odd_formats_come_in_red_green_and_blue(tmp_path, pix_fmt):
    path = tmp_path / "odd.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25, width=192, height=96, pix_fmt=pix_fmt)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    assert numbers(path, 25, "1/5")[0] == list(range(5))


def test_a_rate_above_zero_is_needed():
    with pytest.raises(ParameterError, match="give a rate above 0"):
        Sampling(Fraction(0))


def test_it_is_read_once(film):
    sampler = PictureSampler(film, [Sampling(Fraction(5))], Fraction(1))
    list(sampler)
    with pytest.raises(ParameterError, match="open it again"):
        list(sampler)


@pytest.mark.realdata
@pytest.mark.parametrize(
    "name",
    ["no_duration.webm", "noaudio_moviepy_example.mp4", "short_0.55s_park.mp4", "start_1.48s_hevc_5.1.ts"],
)
def test_odd_films_show_what_they_show(realdata, name):
    film = realdata / "odd" / name
    end = min(picture_duration(film), Fraction(2))
    with PictureReader(film) as reader:
        early = takewhile(lambda picture: picture.time <= end, reader)
        stored = [(picture.time, picture.rgb((32, 18))) for picture in early]
        rate = reader.rate
    sampler = PictureSampler(film, [Sampling(rate, (32, 18)), Sampling(Fraction(3), (32, 18))], end)
    pictures, _ = taken(sampler)
    assert sampler.held == [0, 0]
    for some, per_second in zip(pictures, (rate, 3), strict=True):
        assert len(some) == -(-end * per_second // 1)
        for index, picture in enumerate(some):
            moment = (index + Fraction(1, 2)) / per_second + Fraction(1, 2000)
            expected = max((entry for entry in stored if entry[0] <= moment), key=lambda entry: entry[0])[1]
            np.testing.assert_array_equal(picture, expected)


@pytest.mark.realdata
def test_sound_has_no_pictures(realdata):
    with pytest.raises(MediaError, match="has no moving pictures"):
        PictureSampler(realdata / "music/vibe_ace.hq.ogg", [Sampling(Fraction(2))], Fraction(2))
