"""extract: what was computed once is found again, for the same film under whatever name, and for no other."""

from __future__ import annotations

import logging
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
from fabricate import babble, random_encodec

import giblet.data.extraction as extraction
import giblet.store.cache as cache_module
import giblet.store.remembered as remembered
from giblet.data import extract, open_store
from giblet.errors import StoreError
from giblet.store import Cache, verify


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, babble(8_000 * 4)[0], 8_000)
    return path


@pytest.fixture
def made(monkeypatch):
    """Films that were really read, in order."""
    names = []
    original = extraction.Filler.fill

    def fill(self, *args, **options):
        names.append(self._film.name)
        return original(self, *args, **options)

    monkeypatch.setattr(extraction.Filler, "fill", fill)
    return names


def power(film, output, **options):
    return extract(film, output, features="audio.power", **options)


def test_a_second_output_is_found_and_not_computed(clip, tmp_path, made):
    first, second = power(clip, tmp_path / "a"), power(clip, tmp_path / "b")
    assert (first.hit, second.hit, made) == (False, True, ["clip.wav"])
    assert second.provenance == first.provenance
    values = [open_store(tmp_path / name).series("audio.power").values for name in "ab"]
    np.testing.assert_array_equal(*values)
    assert verify(tmp_path / "b") == []


def test_a_renamed_or_touched_film_hits(clip, tmp_path, made):
    power(clip, tmp_path / "a")
    os.utime(clip, (1e9, 1e9))
    assert power(clip, tmp_path / "b").hit
    renamed = clip.rename(tmp_path / "another name\n.wav")
    again = power(renamed, tmp_path / "c")
    assert again.hit
    assert again.provenance["film"]["name"] == "another name\n.wav"
    assert made == ["clip.wav"]


def test_a_changed_film_misses(clip, tmp_path, made, monkeypatch):
    """Also one that changed within the same second, has the same size, and whose time was set back."""
    monkeypatch.setattr(remembered, "SMALLEST", 1)
    monkeypatch.setattr(remembered, "FRESH", 0.0)
    power(clip, tmp_path / "a")
    times = clip.stat().st_atime_ns, clip.stat().st_mtime_ns
    time.sleep(0.02)
    soundfile.write(clip, babble(8_000 * 4)[0] / 2, 8_000)
    os.utime(clip, ns=times)
    assert not power(clip, tmp_path / "b").hit
    assert made == ["clip.wav"] * 2


def test_two_at_a_time_to_one_output_compute_once(clip, tmp_path, made):
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: power(clip, tmp_path / "a"), range(2)))
    assert sorted(each.hit for each in done) == [False, True]
    assert made == ["clip.wav"]
    assert verify(tmp_path / "a") == []


@pytest.mark.parametrize("other", [{"tr": 2}, {"start": 1}, {"max_trs": 1}, {"incomplete": "pad"}])
def test_other_settings_miss(clip, tmp_path, other):
    power(clip, tmp_path / "a")
    assert not power(clip, tmp_path / "b", **other).hit


def test_no_cache_neither_finds_nor_keeps(clip, tmp_path):
    cache = Cache(tmp_path / "cache")
    power(clip, tmp_path / "a", cache=False)
    assert Cache.asked(True).entries() == []
    assert not power(clip, tmp_path / "b", cache=tmp_path / "cache").hit
    assert not power(clip, tmp_path / "c", cache=False).hit
    assert power(clip, tmp_path / "d", cache=cache).hit


def test_codes_are_found_without_loading_the_codec(clip, tmp_path, monkeypatch):
    extract(clip, tmp_path / "a", codec="tiny")
    monkeypatch.setattr(extraction, "load_codec", lambda *_: pytest.fail("loaded"))
    assert extract(clip, tmp_path / "b", codec="tiny").hit


def test_another_codec_misses(clip, tmp_path, tiny):
    extract(clip, tmp_path / "a", codec=tiny)
    assert not extract(clip, tmp_path / "b", codec=random_encodec()).hit
    assert extract(clip, tmp_path / "c", codec=tiny).hit


def test_force_replaces_the_output_by_what_is_kept(clip, tmp_path, made):
    power(clip, tmp_path / "a")
    power(clip, tmp_path / "b", tr=2)
    with pytest.raises(StoreError, match="--force"):
        power(clip, tmp_path / "b")
    assert power(clip, tmp_path / "b", force=True).hit
    assert len(made) == 2


def test_a_damaged_output_is_mended_although_the_cache_shares_its_files(clip, tmp_path, made, caplog):
    power(clip, tmp_path / "a")
    shared = next(path for path in sorted((tmp_path / "a").rglob("c/0*")) if path.is_file())
    assert shared.stat().st_nlink == 2
    content = shared.read_bytes()
    shared.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(StoreError, match="--force"):
        power(clip, tmp_path / "a")
    assert not power(clip, tmp_path / "a", force=True).hit
    assert verify(tmp_path / "a") == []
    assert power(clip, tmp_path / "b").hit
    assert made == ["clip.wav"] * 2
    assert "was damaged" in caplog.text


def test_nothing_is_written_into_files_that_an_entry_shares(clip, tmp_path):
    """Replacing outputs, and features that are revised once all is known, leave the entry as it was."""
    cache = Cache(tmp_path / "cache")
    extract(clip, tmp_path / "a", features="audio.mel,audio.power", cache=cache)
    entry = cache.entries()[0]
    extract(clip, tmp_path / "a", features="audio.mel,audio.power", tr=2, force=True, cache=False)
    extract(clip, tmp_path / "a", features="audio.mel", force=True, cache=cache)
    shutil.rmtree(tmp_path / "a")
    assert cache.verify() == ([], [])
    assert entry.path in [each.path for each in cache.entries()]


def test_a_cache_that_cannot_be_written_is_said_once_and_does_no_harm(clip, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(cache_module, "_said", set())
    (tmp_path / "file").write_text("x")
    for name in "abc":
        assert not power(clip, tmp_path / name, cache=tmp_path / "file").hit
        assert verify(tmp_path / name) == []
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


def test_a_bad_film_leaves_nothing_and_stops_nobody(clip, tmp_path, monkeypatch):
    cache = Cache(tmp_path / "cache")
    original = extraction.Filler.fill

    def fail(self, *args, **options):
        original(self, *args, **options)
        clip.touch()

    with monkeypatch.context() as patch:
        patch.setattr(extraction.Filler, "fill", fail)
        with pytest.raises(StoreError, match="changed while"):
            power(clip, tmp_path / "a", cache=cache)
    assert cache.entries() == []
    assert not (tmp_path / "a").exists()
    assert not power(clip, tmp_path / "a", cache=cache).hit
