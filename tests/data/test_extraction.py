"""extract: film to store, once per film and settings."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import xarray as xr
from fabricate import babble, random_encodec

import giblet
from giblet.codecs import encode
from giblet.data import extract, reconstruct
from giblet.data.encoding import FilmCodes
from giblet.errors import CodecError, ParameterError, StoreError
from giblet.store import StoreWriter, verify

PROJECT = Path(giblet.__file__).parents[1]


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


def test_another_codec_is_another_store(clip, tiny, tmp_path):
    extract(clip, tmp_path / "s", codec=tiny)
    with pytest.raises(StoreError, match="made by another codec"):
        extract(clip, tmp_path / "s", codec=random_encodec(num_filters=2, hidden_size=8))


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
    assert reconstruct(tmp_path / "mel", tmp_path / "mel.wav").seconds == pytest.approx(5 + 77 / 24_000, abs=1e-3)


def test_the_stereo_model_in_a_store(clip, stereo, tmp_path):
    extract(clip, tmp_path / "s", codec=stereo, bandwidth=6.0)
    with pytest.raises(CodecError, match="made by a codec in memory"):
        reconstruct(tmp_path / "s", tmp_path / "s.wav")
    seconds = reconstruct(tmp_path / "s", tmp_path / "s.wav", codec=stereo).seconds
    sound, rate = soundfile.read(tmp_path / "s.wav", dtype="float32")
    assert (rate, sound.shape) == (48_000, (240_154, 2))
    assert seconds == 240_154 / 48_000


def test_what_is_worth_saying_of_a_result(clip, tiny, tmp_path):
    done = extract(clip, tmp_path / "s", codec=tiny, features="audio.codes,audio.latents")
    hit = extract(clip, tmp_path / "s", codec=tiny, features="audio.codes,audio.latents")
    for result in (done, hit):
        assert result.unused == pytest.approx(0.5 + 77 / 24_000)
        assert (result.padding, result.missing, result.has_latents) == (0, 0, True)
    padded = extract(clip, tmp_path / "padded", codec=tiny, incomplete="pad")
    assert padded.padding == pytest.approx(1 - 77 / 24_000)
    assert (padded.unused, padded.has_latents) == (0, False)
    limited = extract(clip, tmp_path / "limited", codec=tiny, max_trs=2, start=0.25)
    assert (limited.unused, limited.padding, limited.missing) == (0, 0, 0)
    late = extract(clip, tmp_path / "late", codec=tiny, start=0.25)
    assert late.unused == pytest.approx(0.25 + 77 / 24_000)


@pytest.mark.realdata
def test_what_a_cut_off_film_lacks(realdata, tiny, tmp_path):
    film = realdata / "odd" / "truncated_60pct_bbb.webm"
    done = extract(film, tmp_path / "s", codec=tiny, partial=True)
    assert done.missing == pytest.approx(12.2, abs=0.05)
    # What was not asked for does not lack.
    assert extract(film, tmp_path / "t", codec=tiny, max_trs=4).missing == 0


def test_packets_that_were_skipped_are_told(clip, tiny, tmp_path):
    done = extract(clip, tmp_path / "s", codec=tiny)
    assert (done.empty_packets, done.corrupt_packets) == (0, 0)
    sound = {**done.provenance["sound"], "empty_packets": 2, "corrupt_packets": 3}
    other = dataclasses.replace(done, provenance={**done.provenance, "sound": sound})
    assert (other.empty_packets, other.corrupt_packets) == (2, 3)


class TestPlace:
    """Where nothing can be written, that is said before a film is read."""

    @pytest.fixture(autouse=True)
    def _unread(self, monkeypatch):
        for name in ("look_at_stimulus", "file_digest", "load_codec"):
            monkeypatch.setattr(f"giblet.data.extraction.{name}", lambda *args, **options: pytest.fail("was read"))

    @pytest.mark.parametrize("name", ["file/s", "file/new/s"])
    def test_below_a_file(self, clip, tmp_path, name):
        (tmp_path / "file").write_text("x")
        with pytest.raises(StoreError, match="Not a directory") as caught:
            extract(clip, tmp_path / name, codec="tiny")
        assert caught.value.path == str(tmp_path / name)

    @pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no such folder here")
    def test_in_a_folder_of_the_system(self, clip):
        with pytest.raises(StoreError, match=r"/proc/new/s: cannot be written \("):
            extract(clip, "/proc/new/s", codec="tiny")

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EDQUOT])
    def test_where_the_system_forbids_it(self, clip, tmp_path, monkeypatch, number):
        def refused(**options):
            raise OSError(number, os.strerror(number), str(options["dir"] / ".hidden"))

        monkeypatch.setattr("tempfile.TemporaryFile", refused)
        with pytest.raises(StoreError, match=os.strerror(number)) as caught:
            extract(clip, tmp_path / "new" / "s", codec="tiny")
        assert str(tmp_path / "new" / "s") in str(caught.value)
        assert "hidden" not in str(caught.value)

    def test_inside_a_store(self, clip, tmp_path):
        with StoreWriter(tmp_path / "old") as store:
            store.commit({})
        for name in ("old/new", "old/codes/new/s"):
            with pytest.raises(StoreError, match=r"lies inside the store .*old; choose a place outside"):
                extract(clip, tmp_path / name, codec="tiny", force=True)
        assert verify(tmp_path / "old") == []

    def test_where_something_else_lies(self, clip, tmp_path):
        (tmp_path / "thesis").mkdir()
        (tmp_path / "thesis" / "thesis.tex").touch()
        for name in ("thesis", "thesis/thesis.tex"):
            with pytest.raises(StoreError, match="never overwritten"):
                extract(clip, tmp_path / name, codec="tiny", force=True)


TOGETHER = """
import sys, time
from pathlib import Path
from giblet.data import extract
from giblet.data.encoding import FilmCodes
from giblet.errors import GibletError

clip, store, me, tr = sys.argv[1:]
original = FilmCodes.__iter__

def both(self):
    Path(store + me).touch()
    while not (Path(store + "1").exists() and Path(store + "2").exists()):
        time.sleep(0.01)
    yield from original(self)

FilmCodes.__iter__ = both
try:
    done = extract(clip, store, codec="tiny", tr=tr, device="cpu", cache=False)
    print("hit" if done.hit else "written")
except GibletError as error:
    print(error)
"""


def together(clip, store, *trs):
    """Extract in two processes, neither of which begins to write before the other has begun."""
    words = [[sys.executable, "-c", TOGETHER, str(clip), str(store), me, tr] for me, tr in zip("12", trs, strict=True)]
    processes = [subprocess.Popen(w, stdout=subprocess.PIPE, text=True, cwd=PROJECT) for w in words]
    return sorted(process.communicate(timeout=120)[0].strip() for process in processes)


def test_equal_extractions_at_the_same_time_both_succeed(clip, tmp_path):
    assert together(clip, tmp_path / "s", "1.5", "1.5") == ["hit", "written"]
    assert verify(tmp_path / "s") == []
    assert not list(tmp_path.glob(".s*"))


def test_different_extractions_to_one_place_at_the_same_time(clip, tmp_path):
    error, written = together(clip, tmp_path / "s", "1.5", "2")
    assert written == "written"
    assert error.startswith(f"{tmp_path / 's'}: another store was written there meanwhile; choose another output")
    assert verify(tmp_path / "s") == []
    assert not list(tmp_path.glob(".s*"))


def test_features_are_checked(clip, tiny, tmp_path):
    with pytest.raises(ParameterError, match="no feature"):
        extract(clip, tmp_path / "s", codec=tiny, features="")
