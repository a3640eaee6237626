"""Which picture of a film stands for which moment of a TR."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from media.numbered_films import number_of, write_numbered

from giblet.errors import MediaError, ParameterError
from giblet.features.pictures import frames_per_tr
from giblet.timeline import TRGrid

REUSED = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """200 pictures at 25/s: 8 s."""
    return write_numbered(tmp_path_factory.mktemp("films") / "film.mkv", [Fraction(k, 25) for k in range(200)])


def numbers(film, grid, **options):
    """Return the pictures' numbers, shape (n_trs, n_frames), and which TRs are valid."""
    read = list(frames_per_tr(film, grid, **options))
    return np.array([[number_of(frame) for frame in frames] for frames, _ in read]), [valid for _, valid in read]


def test_each_picture_stands_once_where_a_tr_holds_whole_ones(film):
    found, valid = numbers(film, TRGrid(Fraction(2), 4))
    np.testing.assert_array_equal(found, np.arange(200).reshape(4, 50))
    assert valid == [True] * 4


@pytest.mark.parametrize("skip", [2, 5, 10, 25, 50])
def test_skipping_takes_every_kth_picture(film, skip):
    found, _ = numbers(film, TRGrid(Fraction(2), 4), frame_skip=skip)
    assert found.shape == (4, 50 // skip)
    assert set(np.diff(found.ravel())) == {skip}
    assert found[0, 0] == skip // 2


def test_a_tr_of_half_pictures_keeps_in_step_to_the_end(film):
    # 37.5 pictures a TR: counting columns would be 2 pictures late after 5 TRs.
    found, valid = numbers(film, TRGrid(Fraction(3, 2), 5))
    assert found.shape == (5, 37)
    assert list(found[:, 0]) == [0, 38, 75, 113, 150]
    assert valid == [True] * 5


def test_one_frame_is_the_picture_in_the_middle(film):
    found, _ = numbers(film, TRGrid(Fraction(2), 4), frames=1)
    assert found.ravel().tolist() == [25, 75, 125, 175]


@REUSED
@given(
    gaps=st.lists(st.integers(10, 900), min_size=1, max_size=30),
    tr=st.sampled_from(["0.72", "1.49", "3/2", "4/3", "2"]),
    start=st.integers(-2000, 2000),
    frames=st.integers(1, 12),
)
def test_each_moment_gets_the_last_picture_whose_stamp_is_not_later(tmp_path, gaps, tr, start, frames):
    stamps = [Fraction(sum(gaps[:k]), 1000) for k in range(len(gaps))]
    path = write_numbered(tmp_path / "varying.mkv", stamps)
    grid = TRGrid(Fraction(tr), 4, Fraction(start, 1000))
    found, valid = numbers(path, grid, frames=frames)
    for index in range(4):
        moments = [grid.start + index * grid.tr + (2 * j + 1) * grid.tr / (2 * frames) for j in range(frames)]
        for moment, number in zip(moments, found[index], strict=True):
            # Half a millisecond is the rounding of the container's stamps.
            expected = sum(stamp <= moment + Fraction(1, 2000) for stamp in stamps) - 1
            # How long the last picture lasts is the container's guess.
            if moment <= stamps[-1] or expected < len(stamps) - 1:
                assert number == max(expected, 0)
        if min(moments) < -Fraction(1, 2000) or max(moments) > stamps[-1] + 1:
            assert not valid[index]
        elif min(moments) >= 0 and max(moments) <= stamps[-1]:
            assert valid[index]


def test_the_film_starts_when_its_first_picture_is_shown(tmp_path):
    late = write_numbered(tmp_path / "late.ts", [5 + Fraction(k, 25) for k in range(100)], "libx264", bf="2")
    found, valid = numbers(late, TRGrid(Fraction(1), 4))
    np.testing.assert_array_equal(found, np.arange(100).reshape(4, 25))
    assert valid == [True] * 4


def test_trs_beyond_the_film_and_before_it_are_black_and_not_valid(film):
    read = list(frames_per_tr(film, TRGrid(Fraction(3, 2), 8, Fraction(-3)), frames=3))
    assert [valid for _, valid in read] == [False, False, True, True, True, True, True, False]
    assert not read[0][0].any()
    assert not read[7][0][2].any()
    assert number_of(read[7][0][0]) == int(7.75 * 25)


def test_frames_are_stretched_whatever_the_aspect(film):
    frames, _ = next(iter(frames_per_tr(film, TRGrid(Fraction(2), 1), size=(40, 120), frames=2)))
    assert frames.shape == (2, 120, 40, 3)
    assert frames.dtype == np.uint8
    assert [number_of(frame) for frame in frames] == [12, 37]


def test_writing_fills_an_array_on_disk(film, tmp_path):
    grid = TRGrid(Fraction(3, 2), 6)
    pictures = frames_per_tr(film, grid, frame_skip=6)
    out = np.lib.format.open_memmap(tmp_path / "frames.npy", "w+", np.uint8, pictures.shape)
    valid = pictures.write(out)
    assert valid.tolist() == [True] * 5 + [False]
    for index, (frames, _) in enumerate(frames_per_tr(film, grid, frame_skip=6)):
        np.testing.assert_array_equal(out[index], frames)
    with pytest.raises(ParameterError, match=r"give one of uint8 \(6, 6, 90, 160, 3\)"):
        frames_per_tr(film, grid, frame_skip=6).write(np.zeros((6, 6, 90, 160, 3)))


def test_memory_holds_one_tr(film):
    grid = TRGrid(Fraction(1, 2), 16)
    tracemalloc.start()
    for _ in frames_per_tr(film, grid, size=(320, 180)):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one_tr = 12 * 320 * 180 * 3
    assert peak < 3.5 * one_tr


@pytest.mark.parametrize(
    "options", [{"size": (0, 90)}, {"size": 160}, {"size": (160, 90, 3)}, {"frame_skip": 0}, {"frames": 0}]
)
def test_settings_that_cannot_be(film, options):
    with pytest.raises(ParameterError):
        frames_per_tr(film, TRGrid(Fraction(2), 1), **options)


@pytest.mark.realdata
def test_the_same_clip_in_four_containers_gives_the_same_frames(realdata):
    grid = TRGrid(Fraction(1), 5)
    names = ("small_mp4.mp4", "small_mov.mov", "small_webm.webm", "small_ogg.ogv")
    clips = [np.stack([frames for frames, _ in frames_per_tr(realdata / "video" / name, grid)]) for name in names]
    assert clips[0].shape == (5, 30, 90, 160, 3)
    still = np.abs(clips[0][:, 1:].astype(float) - clips[0][:, :-1]).mean()
    for clip in clips[1:]:
        apart = np.abs(clip.astype(float) - clips[0]).mean()
        late = np.abs(clip[:, 1:].astype(float) - clips[0][:, :-1]).mean()
        assert apart < late
        assert apart < 4 * still + 6


@pytest.mark.realdata
def test_a_sound_file_is_refused(realdata):
    with pytest.raises(MediaError, match="has no moving pictures"):
        frames_per_tr(realdata / "music/vibe_ace.hq.ogg", TRGrid(Fraction(2), 1))
