"""What can be said of films and settings at once."""

from __future__ import annotations

import os

import pytest

from giblet.codecs import find_codec
from giblet.data.checks import check_file, check_settings
from giblet.data.request import TRRequest
from giblet.errors import AlignmentError, CodecError, MediaError, ParameterError

CODES, MEL = ("audio.codes",), ("audio.mel",)


def test_a_file_is_not_read(tmp_path):
    (tmp_path / "film.mp4").write_text("not really a film")
    check_file(tmp_path / "film.mp4")


def test_what_is_no_file_is_told_apart(tmp_path):
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe")
    for name, message in [
        (tmp_path / "nothing", "no such file"),
        (tmp_path / "empty.mp4" / "film.mp4", "Not a directory"),
        ("a\0b", "null"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "pipe or a device"),
        (tmp_path / "empty.mp4", "0 bytes"),
    ]:
        with pytest.raises(MediaError, match=message):
            check_file(name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "film.mp4").write_text("secret")
    (tmp_path / "film.mp4").chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        check_file(tmp_path / "film.mp4")


def test_settings_that_can_be_are_returned_as_numbers():
    assert check_settings(CODES, TRRequest(), "tiny", "6", "auto") == (6.0, find_codec("tiny"))


def test_features_without_a_codec_need_none(tiny):
    assert check_settings(MEL, TRRequest(), "./nowhere", 3, "cpu") == (3.0, None)
    assert check_settings(CODES, TRRequest(), tiny, 3, "cpu") == (3.0, None)


@pytest.mark.parametrize(
    ("names", "tr", "codec", "bandwidth", "device", "error"),
    [
        (CODES, "1.5", "./nowhere", 3, "auto", CodecError),
        (CODES, "1.5", "tiny", 7, "auto", CodecError),
        (CODES, "1.5", "tiny", "three", "auto", ParameterError),
        (CODES, "1.5", "tiny", 3, "warp", ParameterError),
        (CODES, "0.01", "tiny", 3, "auto", AlignmentError),
        (MEL, "0.01", "tiny", 3, "auto", AlignmentError),
    ],
)
def test_settings_that_cannot_be(names, tr, codec, bandwidth, device, error):
    with pytest.raises(error):
        check_settings(names, TRRequest.asked(tr), codec, bandwidth, device)
