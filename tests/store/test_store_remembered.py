"""Digests of large files are remembered, and never wrong."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

import giblet.store.remembered as remembered
from giblet.errors import StoreError
from giblet.store.remembered import Digests


@pytest.fixture
def film(tmp_path, monkeypatch):
    """A small file that counts as large."""
    monkeypatch.setattr(remembered, "SMALLEST", 1)
    path = tmp_path / "a film.mp4"
    path.write_bytes(b"one")
    return path


@pytest.fixture
def digests(tmp_path):
    return Digests(tmp_path / "digests")


@pytest.fixture
def read(monkeypatch):
    """Files that were read to the end."""
    names = []
    original = remembered.file_digest
    monkeypatch.setattr(remembered, "file_digest", lambda path: names.append(os.fspath(path)) or original(path))
    return names


@pytest.fixture
def later(monkeypatch):
    """Let an hour pass."""

    def pass_by():
        future = time.time() + 3600
        monkeypatch.setattr(remembered.time, "time", lambda: future)
        monkeypatch.setattr(remembered, "time_at", lambda folder: future)

    return pass_by


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once(film, digests, read, later):
    later()
    assert [digests.of(film), digests.of(film), Digests(digests._folder).of(film)] == [sha(b"one")] * 3
    assert len(read) == 1


def test_a_touched_or_renamed_file_is_read_again(film, digests, read, later):
    later()
    digests.of(film)
    os.utime(film, (1e9, 1e9))
    assert digests.of(film) == sha(b"one")
    assert digests.of(film.rename(film.with_name("another.mp4"))) == sha(b"one")
    assert len(read) == 3


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_file_of_the_same_size_is_read_again(film, digests, read, later, keep_time):
    later()
    digests.of(film)
    times = film.stat().st_atime_ns, film.stat().st_mtime_ns
    time.sleep(0.02)
    film.write_bytes(b"two")
    if keep_time:
        os.utime(film, ns=times)
    assert digests.of(film) == sha(b"two")


def test_a_file_that_changed_just_now_is_not_believed(film, digests, read):
    """Within one tick of the clock a change leaves no trace."""
    assert [digests.of(film), digests.of(film)] == [sha(b"one")] * 2
    assert len(read) == 2
    for number in range(200):
        film.write_bytes(b"%03d" % number)
        assert digests.of(film) == sha(b"%03d" % number)


@pytest.mark.parametrize("late", ["time", "time_at"])
def test_both_clocks_must_say_that_a_file_is_old(film, digests, read, monkeypatch, late):
    future = time.time() + 3600
    if late == "time":
        monkeypatch.setattr(remembered.time, "time", lambda: future)
    else:
        monkeypatch.setattr(remembered, "time_at", lambda folder: future)
    digests.of(film)
    digests.of(film)
    assert len(read) == 2


def test_small_files_are_not_remembered(film, digests, monkeypatch, later):
    later()
    monkeypatch.setattr(remembered, "SMALLEST", 4)
    assert digests.of(film) == sha(b"one")
    assert not digests._folder.exists()


def test_verify_finds_and_forgets_a_wrong_one(film, digests, later):
    later()
    digests.of(film)
    assert digests.verify() == []
    (record,) = digests._records()
    record.write_text(record.read_text().replace(sha(b"one"), sha(b"two")))
    assert digests.of(film) == sha(b"two")
    assert digests.verify() == [str(film)]
    assert digests.of(film) == sha(b"one")


@pytest.mark.parametrize("rubbish", [b"", b"\xff", b"[]", b"{}", b'{"sha256": 3, "path": "x", "size": 1}'])
def test_a_damaged_record_is_none(film, digests, later, rubbish):
    later()
    digests.of(film)
    (record,) = digests._records()
    record.write_bytes(rubbish)
    assert digests.of(film) == sha(b"one")
    record.write_bytes(rubbish)
    assert digests.verify() == []
    assert digests._records() == []


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(film, tmp_path, later):
    later()
    (tmp_path / "file").write_text("x")
    assert Digests(tmp_path / "file" / "digests").of(film) == sha(b"one")


def test_what_is_no_file_is_refused(tmp_path, digests):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(StoreError):
            digests.of(path)


def test_what_nobody_used_for_long_is_forgotten(film, digests, later):
    later()
    digests.of(film)
    digests.forget(time.time())
    assert len(digests._records()) == 1
    digests.forget(time.time() + remembered.FORGOTTEN)
    assert digests._records() == []
