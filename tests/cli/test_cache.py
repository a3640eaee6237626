"""giblet cache, and what extract says of it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


@pytest.fixture
def kept(giblet, clip, tmp_path):
    """A cache of two entries."""
    place = tmp_path / "a cache"
    for number, tr in enumerate((1.5, 2)):
        status, _, err = giblet(
            "extract", clip, "-o", tmp_path / str(number), "--features", "audio.power", "--tr", tr, "--cache", place
        )
        assert (status, err) == (0, "")
    return place


def test_extract_finds_and_lets_be(giblet, clip, tmp_path, kept):
    words = ("extract", clip, "--features", "audio.power", "--json")
    assert json.loads(giblet(*words, "-o", tmp_path / "a", "--cache", kept)[1])["hit"]
    assert not json.loads(giblet(*words, "-o", tmp_path / "b", "--no-cache")[1])["hit"]
    assert not json.loads(giblet(*words, "-o", tmp_path / "c")[1])["hit"]
    assert json.loads(giblet(*words, "-o", tmp_path / "d")[1])["hit"]
    status, _, err = giblet(*words, "-o", tmp_path / "e", "--cache", kept, "--no-cache")
    assert (status, err) == (2, "giblet: --cache and --no-cache contradict each other; give one of them.\n")


def test_path_and_ls(giblet, kept, monkeypatch):
    assert giblet("cache", "path", "--cache", kept)[1] == f"{kept}\n"
    monkeypatch.setenv("GIBLET_CACHE", str(kept))
    assert json.loads(giblet("cache", "path", "--json")[1])["folder"] == str(kept)
    lines = giblet("cache", "ls")[1].splitlines()
    assert len(lines) == 3
    assert "a clip.wav: audio.power" in lines[0]
    assert lines[-1].startswith("2 entries (")
    listed = json.loads(giblet("cache", "ls", "--json")[1])
    assert {(each["film"], *each["features"]) for each in listed} == {("a clip.wav", "audio.power")}
    assert all(Path(each["path"]).is_dir() and each["bytes"] > 0 for each in listed)


def test_verify_tells_of_damage(giblet, kept):
    assert giblet("cache", "verify", "--cache", kept)[0] == 0
    file = next(path for path in kept.glob("stores/*/*/*/c/*") if path.is_file())
    file.write_bytes(b"x")
    status, out, _ = giblet("cache", "verify", "--cache", kept)
    assert (status, "1 of them damaged" in out) == (1, True)
    assert json.loads(giblet("cache", "verify", "--cache", kept, "--json")[1]) == {
        "entries": 1,
        "damaged": [],
        "films": [],
    }


def test_gc(giblet, kept, monkeypatch):
    listed = json.loads(giblet("cache", "ls", "--cache", kept, "--json")[1])
    os.utime(listed[1]["path"], (1000, 1000))
    monkeypatch.setenv("GIBLET_CACHE", str(kept))
    assert "0 entries (0 B) removed, 2 entries" in giblet("cache", "gc")[1]
    removed = json.loads(giblet("cache", "gc", "--limit", listed[0]["bytes"], "--json")[1])
    assert [each["key"] for each in removed["removed"]] == [listed[1]["key"]]
    monkeypatch.setenv("GIBLET_CACHE_LIMIT", "1kB")
    assert "1 entry" in giblet("cache", "gc")[1]
    assert giblet("cache", "ls")[1].startswith("0 entries (0 B) in ")
    for words in (("--limit", "much"), ()):
        monkeypatch.setenv("GIBLET_CACHE_LIMIT", "many" if not words else "1GB")
        status, _, err = giblet("cache", "gc", *words)
        assert (status, "give a size such as" in err) == (2, True)
