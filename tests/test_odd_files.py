"""Difficult files: each is either extracted, with what was done about it, or refused in one sentence."""

from __future__ import annotations

import pytest

from giblet.data import extract
from giblet.errors import AlignmentError, MediaError

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize(
    ("name", "seconds", "n_trs"),
    [
        ("flac_23_8bit.flac", 7.709, 5),
        ("flac_37_96k_20bit_stereo.flac", 7.996, 5),
        ("flac_41_5.1.flac", 8.100, 5),
        ("multi_audio_5.1_two_tracks.mp4", 5.013, 3),
        ("no_duration.webm", 4.875, 3),
        ("start_1.48s_hevc_5.1.ts", 5.013, 3),
    ],
)
def test_extracted(realdata, tiny, tmp_path, name, seconds, n_trs):
    done = extract(realdata / "odd" / name, tmp_path / "s", codec=tiny)
    assert done.provenance["sound"]["duration"] == pytest.approx(seconds, abs=0.002)
    assert done.provenance["n_trs"] == n_trs
    assert done.provenance["sound"]["gaps"] == []


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("corrupted_header.wav", MediaError, "no film or sound file|not a film or sound file"),
        ("empty_data.wav", MediaError, "holds no sound"),
        ("noaudio_moviepy_example.mp4", MediaError, "has no sound track"),
        ("short_0.55s_park.mp4", AlignmentError, r"lasts 0\.56 s from the first TR on, less than one TR of 1\.5 s"),
        ("truncated_60pct_bbb.webm", MediaError, r"ends at 17\.80 s .* announces 30\.00 s, so 12\.20 s \(8\.1 TRs\)"),
    ],
)
def test_refused(realdata, tiny, tmp_path, name, error, message):
    with pytest.raises(error, match=message) as refusal:
        extract(realdata / "odd" / name, tmp_path / "s", codec=tiny)
    assert name in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_every_odd_file_has_an_expectation(realdata):
    tested = {case[0] for test in (test_extracted, test_refused) for case in test.pytestmark[0].args[1]}
    assert tested == {file.name for file in (realdata / "odd").iterdir()}


def test_what_a_truncated_film_holds_can_be_had(realdata, tiny, tmp_path):
    done = extract(realdata / "odd" / "truncated_60pct_bbb.webm", tmp_path / "s", codec=tiny, partial=True)
    assert done.provenance["n_trs"] == 11


def test_the_second_track_is_another_sound(realdata, tiny, tmp_path):
    film = realdata / "odd" / "multi_audio_5.1_two_tracks.mp4"
    second = extract(film, tmp_path / "b", codec=tiny, audio_track=1)
    assert (second.provenance["sound"]["track"], second.provenance["sound"]["n_tracks"]) == (1, 2)
    with pytest.raises(MediaError, match="track"):
        extract(film, tmp_path / "c", codec=tiny, audio_track=2)


def test_a_clip_shorter_than_a_tr_is_padded_on_request(realdata, tiny, tmp_path):
    done = extract(realdata / "odd" / "short_0.55s_park.mp4", tmp_path / "s", codec=tiny, incomplete="pad")
    assert done.provenance["n_trs"] == 1
    assert done.provenance["codes"]["n_samples"] == 36_000
