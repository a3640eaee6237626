"""extract: film to store, once per film and settings."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
import xarray as xr
from fabricate import babble

from giblet.codecs import encode
from giblet.data import extract, reconstruct
from giblet.data.encoding import FilmCodes
from giblet.errors import CodecError, ParameterError, StoreError
from giblet.store import verify


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.flac"
    soundfile.write(path, babble(24_000 * 5 + 77)[0], 24_000)
    return path


def test_the_store_holds_the_codec_s_own_frames(clip, tiny, tmp_path):
    done = extract(clip, tmp_path / "s", codec=tiny, features="audio.codes,audio.latents")
    sound = soundfile.read(clip, dtype="float32")[0][None]
    expected = encode(tiny, sound, 3.0)
    with xr.open_zarr(tmp_path / "s", consolidated=False, chunks=None) as data:
        assert data["codes"].dims == ("codebook", "frame")
        assert data["codes"].dtype == np.int16
        assert np.array_equal(data["codes"], expected.data)
        np.testing.assert_allclose(data["time"], np.arange(expected.data.shape[1]) / 75)
        books = tiny.codebooks(4)
        summed = sum(books[q][expected.data[q]] for q in range(4))
        np.testing.assert_allclose(data["latents"], summed, rtol=1e-6)
    assert verify(tmp_path / "s") == []
    about = done.provenance
    assert about["codec"]["fingerprint"] == tiny.fingerprint
    assert (about["film"]["name"], about["codes"]["n_samples"], about["n_trs"]) == ("clip.flac", 120_077, 3)
    json.dumps(about)


def test_same_film_same_settings_is_a_hit_whatever_its_name(clip, tiny, tmp_path):
    first = extract(clip, tmp_path / "s", codec=tiny)
    renamed = tmp_path / "another name.flac"
    shutil.copy(clip, renamed)
    again = extract(renamed, tmp_path / "s", codec=tiny)
    assert (first.hit, again.hit) == (False, True)
    assert again.provenance == first.provenance


@pytest.mark.parametrize(
    "change", [{"tr": 2}, {"bandwidth": 6.0}, {"start": 0.5}, {"max_trs": 2}, {"incomplete": "pad"},
               {"features": "audio.latents"}],
)  # fmt: skip
def test_other_settings_are_another_store(clip, tiny, tmp_path, change):
    extract(clip, tmp_path / "s", codec=tiny)
    with pytest.raises(StoreError, match="other settings"):
        extract(clip, tmp_path / "s", codec=tiny, **change)
    assert not extract(clip, tmp_path / "s", codec=tiny, force=True, **change).hit


def test_a_tr_written_differently_is_the_same(clip, tiny, tmp_path):
    extract(clip, tmp_path / "s", codec=tiny, tr=1.5)
    assert extract(clip, tmp_path / "s", codec=tiny, tr="3/2").hit


def test_a_film_that_changes_while_it_is_read_is_not_stored(clip, tiny, tmp_path, monkeypatch):
    original = FilmCodes.__iter__

    def meddled(self):
        yield from original(self)
        soundfile.write(clip, babble(24_000 * 9)[0], 24_000)

    monkeypatch.setattr(FilmCodes, "__iter__", meddled)
    with pytest.raises(StoreError, match="changed while it was read"):
        extract(clip, tmp_path / "s", codec=tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.flac"]


def test_nothing_is_left_when_encoding_fails(clip, tiny, tmp_path, monkeypatch):
    def failing(self):
        yield np.zeros((4, 10), np.int16)
        raise KeyboardInterrupt

    monkeypatch.setattr(FilmCodes, "__iter__", failing)
    with pytest.raises(KeyboardInterrupt):
        extract(clip, tmp_path / "s", codec=tiny)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.flac"]


def test_mel_alone_loads_no_codec(clip, tmp_path):
    done = extract(clip, tmp_path / "mel", features="audio.mel", codec="no-one/nothing")
    assert "codec" not in done.provenance
    assert reconstruct(tmp_path / "mel", tmp_path / "mel.wav") == pytest.approx(5 + 77 / 24_000, abs=1e-3)


def test_the_stereo_model_in_a_store(clip, stereo, tmp_path):
    extract(clip, tmp_path / "s", codec=stereo, bandwidth=6.0)
    with pytest.raises(CodecError, match="made by a codec in memory"):
        reconstruct(tmp_path / "s", tmp_path / "s.wav")
    seconds = reconstruct(tmp_path / "s", tmp_path / "s.wav", codec=stereo)
    sound, rate = soundfile.read(tmp_path / "s.wav", dtype="float32")
    assert (rate, sound.shape) == (48_000, (240_154, 2))
    assert seconds == 240_154 / 48_000


def test_features_are_checked(clip, tiny, tmp_path):
    with pytest.raises(ParameterError, match="no feature"):
        extract(clip, tmp_path / "s", codec=tiny, features="")
