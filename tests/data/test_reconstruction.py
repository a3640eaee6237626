"""reconstruct: what is wrong is said before anything is decoded, and nothing is left behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from fabricate import babble
from media.synthetic_films import Track, write_film

import giblet
from giblet.data import extract, reconstruct
from giblet.errors import MediaError, StoreError
from giblet.store import verify

PROJECT = Path(giblet.__file__).parents[1]


@pytest.fixture
def film(tmp_path):
    """Six seconds of MPEG-4 pictures, four of sound."""
    sound = babble(24_000 * 4)
    return write_film(tmp_path / "film.mkv", Track(sound, rate=24_000), seconds=6)


@pytest.fixture
def store(film, tiny, tmp_path):
    extract(film, tmp_path / "s", codec=tiny, partial=True)
    return tmp_path / "s"


def test_by_how_much_picture_and_sound_differ(film, store, tiny, tmp_path):
    done = reconstruct(store, tmp_path / "new.mp4", film=film, codec=tiny)
    assert done.path == tmp_path / "new.mp4"
    assert (done.seconds, done.picture_seconds) == (pytest.approx(4), pytest.approx(6, abs=1e-3))
    assert done.difference == pytest.approx(2, abs=1e-3)
    alone = reconstruct(store, tmp_path / "new.wav", codec=tiny)
    assert (alone.seconds, alone.picture_seconds, alone.difference) == (pytest.approx(4), None, 0)


def test_small_differences_are_how_films_are(sample_film, tiny, tmp_path):
    extract(sample_film, tmp_path / "s", codec=tiny)
    done = reconstruct(tmp_path / "s", tmp_path / "new.mp4", film=sample_film, codec=tiny)
    assert done.picture_seconds == pytest.approx(done.seconds, abs=0.1)
    assert done.difference == 0


class TestBeforeDecoding:
    @pytest.fixture(autouse=True)
    def _unheard(self, monkeypatch, store):
        monkeypatch.setattr("giblet.data.reconstruction.load_codec", lambda *args: pytest.fail("a codec was loaded"))

    def test_pictures_that_the_new_film_cannot_hold(self, film, store, tmp_path):
        with pytest.raises(MediaError, match=r"cannot hold mpeg4 pictures; end its name in \.mkv") as caught:
            reconstruct(store, tmp_path / "new.webm", film=film)
        assert caught.value.path == str(tmp_path / "new.webm")

    def test_a_film_without_picture(self, store, tmp_path):
        soundfile.write(tmp_path / "sound.wav", babble(24_000)[0], 24_000)
        with pytest.raises(MediaError, match="has no picture"):
            reconstruct(store, tmp_path / "new.mp4", film=tmp_path / "sound.wav")

    @pytest.mark.parametrize("name", ["a.wav", "codes/a.flac", "new.mp4"])
    def test_inside_a_store(self, film, store, name):
        with pytest.raises(StoreError, match="lies inside the store"):
            reconstruct(store, store / name, film=film if name.endswith("mp4") else None)
        assert verify(store) == []

    def test_below_a_file(self, film, store):
        with pytest.raises(MediaError, match=r"film\.mkv/a\.wav: cannot be written \(Not a directory\)"):
            reconstruct(store, film / "a.wav")

    def test_where_the_system_forbids_it(self, store, tmp_path, monkeypatch):
        def refused(**options):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(options["dir"] / ".hidden"))

        monkeypatch.setattr("tempfile.TemporaryFile", refused)
        with pytest.raises(MediaError, match=r"a\.wav: cannot be written \(Read-only file system\)") as caught:
            reconstruct(store, tmp_path / "a.wav")
        assert "hidden" not in str(caught.value)


STOPPED = """
import sys
import giblet.data.reconstruction as module

store, output, film = sys.argv[1:]
original = module.decode_blocks

def stopping(codec, codes):
    print("ready", flush=True)
    sys.stdin.read()
    yield from original(codec, codes)

module.decode_blocks = stopping
module.reconstruct(store, output, film=film or None, codec="tiny", device="cpu")
"""


@pytest.mark.parametrize("name", ["new.wav", "new.mp4"])
def test_what_a_killed_one_left_goes_with_the_next(film, store, tiny, tmp_path, name):
    given = film if name.endswith("mp4") else None
    words = [sys.executable, "-c", STOPPED, str(store), str(tmp_path / name), str(given or "")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGKILL)
    assert len(list(tmp_path.glob(f".{name}.*"))) == 1
    reconstruct(store, tmp_path / name, film=given, codec=tiny)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["film.mkv", "s", name])


def test_a_result_at_work_elsewhere_is_not_disturbed(film, store, tiny, tmp_path):
    words = [sys.executable, "-c", STOPPED, str(store), str(tmp_path / "new.mp4"), str(film)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout.readline() == "ready\n"
        (theirs,) = tmp_path.glob(".new.mp4.*")
        reconstruct(store, tmp_path / "new.mp4", film=film, codec=tiny)
        assert theirs.is_dir()
        process.kill()
    with av.open(tmp_path / "new.mp4") as container:
        samples = [frame.to_ndarray() for frame in container.decode(audio=0)]
    assert np.concatenate(samples, axis=1).shape[1] >= 24_000 * 4
