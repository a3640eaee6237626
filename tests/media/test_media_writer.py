from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media.synthetic_films import noise

from giblet.errors import MediaError, ParameterError
from giblet.media import writer
from giblet.media.reader import AudioReader
from giblet.media.writer import SoundWriter


def write(path, sound, rate=24000, blocks=3, **options):
    with SoundWriter(path, rate, len(sound), **options) as file:
        for block in np.array_split(sound, blocks, axis=1):
            file.write(block)
    return path


@pytest.mark.parametrize("ending", [".wav", ".flac", ".WAV"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_read_is_what_was_written(tmp_path, ending, channels):
    sound = np.rint(noise(1, channels=channels) * 2**15).astype(np.float32) / 2**15
    path = write(tmp_path / f"sound{ending}", sound)
    assert soundfile.info(path).subtype == "PCM_16"
    with AudioReader(path, channels=None) as reader:
        assert reader.sample_rate == 24000
        np.testing.assert_array_equal(reader.read().data, sound)


@pytest.mark.parametrize(("name", "subtype", "step"), [("a.wav", "PCM_24", 2**-24), ("a.wav", "FLOAT", 0),
                                                       ("a.flac", "PCM_24", 2**-24)])  # fmt: skip
def test_finer_samples(tmp_path, name, subtype, step):
    sound = noise(0.5)
    path = write(tmp_path / name, sound, subtype=subtype)
    assert soundfile.info(path).subtype == subtype
    np.testing.assert_allclose(soundfile.read(path, dtype="float32")[0], sound[0], atol=step)


def test_vorbis(tmp_path):
    sound = np.sin(np.arange(240000) / 20, dtype=np.float32)[None] / 2
    heard = soundfile.read(write(tmp_path / "sound.ogg", sound, blocks=1))[0]
    assert np.corrcoef(heard, sound[0])[0, 1] > 0.99


@pytest.mark.parametrize("name", ["sound.wav", "sound.flac", "sound.ogg"])
def test_loud_sound_is_clipped_and_never_wraps(tmp_path, name):
    ramp = np.linspace(-3, 3, 24000, dtype=np.float32)[None]
    heard = soundfile.read(write(tmp_path / name, ramp))[0]
    np.testing.assert_allclose(heard, ramp[0].clip(-1, 1), atol=0.1 if name == "sound.ogg" else 1e-4)


def test_wav_beyond_its_limit_goes_on_as_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_MOST_WAV_BYTES", 40_000)
    sound = np.rint(noise(1, 24000) * 2**15).astype(np.float32) / 2**15
    path = write(tmp_path / "sound.wav", sound, blocks=10)
    assert soundfile.info(path).format == "RF64"
    with AudioReader(path) as reader:
        np.testing.assert_array_equal(reader.read().data, sound)
    assert list(tmp_path.iterdir()) == [path]


def test_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "sound.wav"
    with SoundWriter(path, 24000, 1) as file:
        file.write(noise(1))
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_remains_of_an_interrupted_file(tmp_path, error):
    def interrupted():
        yield noise(1)
        raise error

    with pytest.raises(error), SoundWriter(tmp_path / "sound.wav", 24000, 1) as file:
        list(map(file.write, interrupted()))
    assert list(tmp_path.iterdir()) == []


def test_what_the_system_says_is_told_without_the_hidden_name(tmp_path, monkeypatch):
    def refused(self, *args, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(MediaError) as caught, SoundWriter(tmp_path / "sound.wav", 24000, 1):
        pass
    assert (
        str(caught.value) == f"{tmp_path}/sound.wav: cannot be written (Read-only file system); choose another place."
    )


def test_existing_files_are_refused_before_any_work(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_text("precious")
    with pytest.raises(MediaError, match=r"sound\.wav: exists already; .*--force"):
        SoundWriter(path, 24000, 1)
    assert path.read_text() == "precious"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "sound.wav"
    with pytest.raises(MediaError, match="exists already"), SoundWriter(path, 24000, 1):
        path.write_text("precious")
    assert path.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


def test_existing_files_are_replaced_on_demand(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_text("worthless")
    write(path, noise(1, 24000), force=True)
    assert soundfile.info(path).frames == 24000


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("sound.mp3", {}, r"ending '\.mp3'; end the name in \.wav, \.flac, \.ogg"),
        ("sound", {}, "no ending"),
        ("nowhere/sound.wav", {}, "folder does not exist"),
        ("sound.flac", {"subtype": "FLOAT"}, r"\.flac cannot hold FLOAT; choose PCM_16 or PCM_24"),
    ],
)
def test_names_that_cannot_be_written(tmp_path, name, options, problem):
    with pytest.raises(MediaError, match=problem):
        SoundWriter(tmp_path / name, 24000, 1, **options)


def test_a_folder_of_that_name(tmp_path):
    (tmp_path / "sound.wav").mkdir()
    with pytest.raises(MediaError, match="is a folder"):
        SoundWriter(tmp_path / "sound.wav", 24000, 1, force=True)


def test_what_the_format_cannot_hold_leaves_nothing(tmp_path):
    with pytest.raises(MediaError, match="cannot be written"), SoundWriter(tmp_path / "sound.flac", 24000, 9):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sound", [noise(0.1, channels=2), noise(0.1)[0], np.full((1, 10), np.nan, np.float32)])
def test_samples_that_do_not_fit(tmp_path, sound):
    with SoundWriter(tmp_path / "sound.wav", 24000, 1) as file, pytest.raises(ParameterError):
        file.write(sound)
