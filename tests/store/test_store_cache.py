"""A cache computes nothing twice, never shows half a result, and is never in the way."""

from __future__ import annotations

import errno
import json
import logging
import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import giblet.store.cache as cache_module
import giblet.store.copying as copying
from giblet.errors import ParameterError, StoreError
from giblet.store import (
    Cache,
    StoreTakenError,
    StoreWriter,
    as_bytes,
    content_key,
    default_folder,
    open_dataset,
    verify,
)
from giblet.store.defaults import default_limit
from giblet.store.shelves import Shelves

PROJECT = Path(cache_module.__file__).parents[2]
KEYS = [content_key(film=number) for number in range(20)]
KEY = KEYS[0]

# Each of 16 processes puts the same 20 stores somewhere, in an order of its own, and tells which it made itself.
WORKERS = """
import os, random, sys, time
import numpy as np
from giblet.store import Cache, StoreWriter, content_key, verify
import giblet.store.arrays
folder, output = sys.argv[1:]
keys = [content_key(film=number) for number in range(20)]
begin = time.monotonic() + 0.2

def make(number, path):
    os.write(1, f"{number}\\n".encode())
    time.sleep(0.02)
    with StoreWriter(path) as store:
        store.put("x", ("frame",), np.full(500, number))
        store.commit({}, keys[number])

def work(seed):
    numbers = list(range(20))
    random.Random(seed).shuffle(numbers)
    time.sleep(max(0, begin - time.monotonic()))
    for number in numbers:
        path = os.path.join(output, f"{seed}-{number}")
        Cache(folder).provide(keys[number], path, lambda: make(number, path))
        assert verify(path) == []

children = []
for seed in range(16):
    children.append(os.fork())
    if not children[-1]:
        work(seed)
        os._exit(0)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def make(tmp_path):
    """Write a store of a key; `make.count` says how often that was done."""

    def write(path: Path | str = tmp_path / "made", key: str = KEY, values: int = 1) -> Path:
        write.count += 1
        with StoreWriter(path) as store:
            store.put("x", ("frame",), np.full(2000, values))
            store.commit({"film": {"name": "a.mp4"}}, key)
        return Path(path)

    write.count = 0
    return write


@pytest.fixture
def filled(cache, make, tmp_path):
    """A cache of one entry that shares no file with anything else."""
    cache.keep(KEY, make())
    shutil.rmtree(tmp_path / "made")
    return cache


@pytest.fixture(autouse=True)
def _nothing_said_yet(monkeypatch):
    monkeypatch.setattr(cache_module, "_said", set())


def chunk(store: Path) -> Path:
    return store / "x" / "c" / "0"


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def hidden(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


def test_what_was_made_is_found(cache, make, tmp_path):
    assert cache.find(KEY) is None
    assert not cache.folder.exists()
    assert not cache.provide(KEY, tmp_path / "a", lambda: make(tmp_path / "a"))
    assert cache.provide(KEY, tmp_path / "b", lambda: make(tmp_path / "b"))
    assert make.count == 1
    assert verify(tmp_path / "b") == []
    assert (open_dataset(tmp_path / "b")["x"].values == 1).all()
    assert [entry.key for entry in cache.entries()] == [KEY]
    assert cache.find(KEYS[1]) is None
    assert hidden(tmp_path) == []


def test_an_output_is_made_of_hard_links_and_never_of_symbolic_ones(filled, tmp_path):
    assert filled.deliver(KEY, tmp_path / "b")
    assert chunk(tmp_path / "b").samefile(chunk(filled.find(KEY)))
    assert not any(path.is_symlink() for path in (tmp_path / "b").rglob("*"))
    assert filled.collect(0)
    assert verify(tmp_path / "b") == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_there_are_no_hard_links_it_is_a_copy(filled, make, tmp_path, monkeypatch, number):
    original = os.link

    def refuse(*args, **options):
        # zarr makes its files by links, too.
        if options:
            raise OSError(number, os.strerror(number))
        original(*args)

    monkeypatch.setattr(os, "link", refuse)
    assert filled.deliver(KEY, tmp_path / "b")
    assert filled.keep(KEYS[1], make(tmp_path / "c", KEYS[1]))
    assert chunk(tmp_path / "b").stat().st_nlink == 1
    assert verify(tmp_path / "b") == verify(filled.find(KEYS[1])) == []


def test_another_file_system_is_another_file_system(filled, tmp_path):
    other = Path("/dev/shm")
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one file system")
    place = other / f"giblet-test-{os.getpid()}"
    try:
        assert filled.deliver(KEY, place)
        assert verify(place) == []
    finally:
        shutil.rmtree(place, ignore_errors=True)


def test_the_output_tells_of_its_own_film(filled, tmp_path):
    assert filled.deliver(KEY, tmp_path / "b", retold=lambda about: {**about, "film": {"name": "b.mp4"}})
    assert filled.deliver(KEY, tmp_path / "c")
    assert open_and_tell(tmp_path / "b") == "b.mp4"
    assert open_and_tell(tmp_path / "c") == "a.mp4"
    assert verify(tmp_path / "b") == []


def open_and_tell(store: Path) -> str:
    return json.loads((store / "manifest.json").read_text())["provenance"]["film"]["name"]


def test_a_store_in_the_way_is_refused_or_replaced(filled, make, tmp_path):
    make(tmp_path / "b", KEYS[1], 2)
    with pytest.raises(StoreTakenError):
        filled.deliver(KEY, tmp_path / "b")
    assert (open_dataset(tmp_path / "b")["x"].values == 2).all()
    assert filled.deliver(KEY, tmp_path / "b", force=True)
    assert (open_dataset(tmp_path / "b")["x"].values == 1).all()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="never overwritten"):
        filled.deliver(KEY, tmp_path / "thesis", force=True)
    assert filled.find(KEY)


def test_sixteen_processes_make_each_of_twenty_once(tmp_path):
    (tmp_path / "out").mkdir()
    words = [sys.executable, "-c", WORKERS, str(tmp_path / "cache"), str(tmp_path / "out")]
    run = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert sorted(map(int, run.stdout.split())) == list(range(20))
    assert len(list((tmp_path / "out").iterdir())) == 320
    assert hidden(tmp_path) == []
    assert not [path for name in ("leases", "readers") for path in (tmp_path / "cache" / name).rglob("*.*")]


def test_publishing_twice_is_publishing_once(cache, make, tmp_path):
    """Two made it at once, for one of them had lost its lease."""
    first, second = make(tmp_path / "a"), make(tmp_path / "b")
    assert cache.keep(KEY, first)
    before = chunk(cache.find(KEY)).stat().st_ino
    assert cache.keep(KEY, second)
    assert chunk(cache.find(KEY)).stat().st_ino == before


def test_both_may_publish_at_the_same_moment(cache, make, tmp_path, monkeypatch):
    first, second = make(tmp_path / "a"), make(tmp_path / "b")
    original = cache_module.copy_store

    def beaten(*args, **options):
        monkeypatch.setattr(cache_module, "copy_store", original)
        cache.keep(KEY, first)
        original(*args, **options)

    monkeypatch.setattr(cache_module, "copy_store", beaten)
    assert cache.keep(KEY, second)
    assert chunk(cache.find(KEY)).samefile(chunk(first))
    assert hidden(tmp_path) == []


def test_after_a_failure_it_is_the_turn_of_the_next(cache, make, tmp_path):
    def fail():
        raise StoreError("the disk is full", "free some space")

    with pytest.raises(StoreError, match="full"):
        cache.provide(KEY, tmp_path / "a", fail)
    assert not cache.provide(KEY, tmp_path / "a", lambda: make(tmp_path / "a"))


@pytest.mark.parametrize("name", ["x/c/0", "x/zarr.json", "zarr.json", "manifest.json"])
@pytest.mark.parametrize("harm", [flip, Path.unlink, lambda file: file.write_bytes(b"")])
def test_damage_is_found_set_aside_and_redone(filled, make, tmp_path, name, harm, caplog):
    entry = filled.find(KEY)
    harm(entry / name)
    assert not filled.provide(KEY, tmp_path / "b", lambda: make(tmp_path / "b"))
    assert verify(tmp_path / "b") == verify(filled.find(KEY)) == []
    assert [path.name[:64] for path in (filled.folder / "damaged").iterdir()] == [KEY]
    assert "set aside" in caplog.text or "now lies in" in caplog.text
    assert filled.provide(KEY, tmp_path / "c", lambda: pytest.fail("made again"))


def test_a_file_that_is_none_is_damage(filled, tmp_path):
    for number, make_one in enumerate([lambda file: file.symlink_to("/etc/hostname"), os.mkfifo, Path.mkdir]):
        file = chunk(filled.find(KEY))
        file.unlink()
        make_one(file)
        assert not filled.deliver(KEY, tmp_path / "b")
        assert filled.find(KEY) is None
        assert not (tmp_path / "b").exists()
        with StoreWriter(tmp_path / f"again{number}") as store:
            store.put("x", ("frame",), np.full(2000, 1))
            store.commit({}, KEY)
        filled.keep(KEY, tmp_path / f"again{number}")


def test_verify_finds_damage_that_nobody_asked_for(filled, make, tmp_path):
    filled.keep(KEYS[1], make(tmp_path / "c", KEYS[1]))
    assert filled.verify() == ([], [])
    flip(chunk(filled.find(KEY)))
    damaged, films = filled.verify()
    assert [entry.key for entry in damaged] == [KEY]
    assert films == []
    assert [entry.key for entry in filled.entries()] == [KEYS[1]]


def test_a_damaged_entry_that_cannot_be_set_aside_is_passed_over(filled, make, tmp_path, monkeypatch):
    flip(chunk(filled.find(KEY)))

    def read_only(entry):
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(filled._shelves, "set_aside", read_only)
    assert not filled.provide(KEY, tmp_path / "b", lambda: make(tmp_path / "b"))
    assert verify(tmp_path / "b") == []


def test_an_entry_removed_in_mid_copy_is_made_again(filled, make, tmp_path, monkeypatch):
    original, entry = copying._link_or_copy, filled.find(KEY)

    def vanishing(store, name, target):
        if name == "x/zarr.json":
            shutil.rmtree(entry)
        original(store, name, target)

    monkeypatch.setattr(copying, "_link_or_copy", vanishing)
    monkeypatch.setattr(filled, "keep", lambda key, store: False)
    assert not filled.provide(KEY, tmp_path / "b", lambda: make(tmp_path / "b"))
    assert verify(tmp_path / "b") == []
    assert hidden(tmp_path) == []
    assert not (filled.folder / "damaged").exists()


def test_the_least_recently_used_goes_first(cache, make, tmp_path):
    for number in range(4):
        cache.keep(KEYS[number], make(tmp_path / str(number), KEYS[number]))
        os.utime(cache.find(KEYS[number]), (1000 + number,) * 2)
    cache.find(KEYS[0])
    size = cache.entries()[0].size
    assert [entry.key for entry in cache.collect(2 * size)] == [KEYS[1], KEYS[2]]
    assert {entry.key for entry in cache.entries()} == {KEYS[0], KEYS[3]}
    assert cache.collect() == []
    assert not list((cache.folder / "removed").iterdir())


def test_the_limit_is_kept_while_entries_are_added(tmp_path, make):
    Cache(tmp_path / "cache").keep(KEY, make())
    (first,) = Cache(tmp_path / "cache").entries()
    os.utime(first.path, (1000, 1000))
    cache = Cache(tmp_path / "cache", limit=3 * first.size + 10)
    for number in range(1, 8):
        cache.keep(KEYS[number], make(tmp_path / str(number), KEYS[number]))
        os.utime(cache.find(KEYS[number]), (1000 + number,) * 2)
        assert sum(entry.size for entry in cache.entries()) <= cache.limit
    assert [entry.key for entry in cache.entries()] == KEYS[5:8]


def test_what_lies_there_is_not_counted_for_each_film(tmp_path, make, monkeypatch):
    counted, original = [], Shelves.entries
    monkeypatch.setattr(Shelves, "entries", lambda self: counted.append(self) or original(self))
    for number in range(5):
        cache = Cache(tmp_path / "cache", limit=10**9)
        assert cache.keep(KEYS[number], make(tmp_path / str(number), KEYS[number]))
    assert len(counted) == 1


def test_what_is_larger_than_the_limit_pushes_nothing_out(filled, make, tmp_path):
    small = Cache(filled.folder, limit=10)
    assert not small.keep(KEYS[1], make(tmp_path / "c", KEYS[1]))
    assert filled.find(KEY)


def test_what_is_read_into_an_output_stays(filled, tmp_path, monkeypatch):
    original, removed = copying._link_or_copy, []

    def meanwhile(store, name, target):
        removed.extend(Cache(filled.folder).collect(0))
        original(store, name, target)

    monkeypatch.setattr(copying, "_link_or_copy", meanwhile)
    assert filled.deliver(KEY, tmp_path / "b")
    assert removed == []
    assert len(filled.collect(0)) == 1


def test_who_begins_to_read_while_it_is_removed_finds_it_again(filled, monkeypatch):
    reading = iter([False, True])
    monkeypatch.setattr(filled._shelves, "_read", lambda key: next(reading))
    assert filled.collect(0) == []
    assert verify(filled.find(KEY)) == []


def test_a_reader_that_was_killed_keeps_nothing(filled):
    mark = filled.folder / "readers" / KEY[:2] / f"{KEY}.0123456789abcdef"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text("0badcafe-17-4-0123456789abcdef")
    assert filled.collect(0) == []
    os.utime(mark, (time.time() - 3600,) * 2)
    assert len(filled.collect(0)) == 1


def test_what_is_being_written_stays_and_what_the_killed_left_goes(filled, make, tmp_path):
    from giblet.workfolder import named_afresh

    place = filled.find(KEY)
    alive = named_afresh(place.with_name(KEYS[1]), ".partial")
    (alive / "store").mkdir(parents=True)
    pid = subprocess.Popen([sys.executable, "-c", ""])
    pid.wait()
    parts = alive.name.split("-")
    dead = alive.with_name("-".join([parts[0], str(pid.pid), *parts[2:]]))
    (dead / "store").mkdir(parents=True)
    left = filled.folder / "removed" / KEYS[2]
    left.mkdir(parents=True)
    os.utime(left, (1000, 1000))
    lease = filled.folder / "leases" / KEY[:2] / f"{KEY}.1"
    lease.parent.mkdir(parents=True, exist_ok=True)
    lease.write_text("0badcafe-17-4-0123456789abcdef")
    os.utime(lease, (1000, 1000))
    filled.collect()
    assert alive.is_dir()
    assert not dead.exists()
    assert not left.exists()
    assert not lease.exists()
    assert filled.find(KEY)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_keeps_nobody_from_computing(cache, make, tmp_path, monkeypatch, number, caplog):
    cache.keep(KEYS[1], make(tmp_path / "c", KEYS[1]))
    original = copying._link_or_copy

    def full(store, name, target):
        if name == "x/c/0" and cache.folder in target.parents:
            target.write_bytes(b"half")
            raise OSError(number, os.strerror(number))
        original(store, name, target)

    monkeypatch.setattr(copying, "_link_or_copy", full)
    for key, name in zip(KEYS[2:5], "def", strict=True):
        assert not cache.provide(key, tmp_path / name, lambda name=name, key=key: make(tmp_path / name, key))
        assert verify(tmp_path / name) == []
    assert [entry.key for entry in cache.entries()] == [KEYS[1]]
    assert hidden(tmp_path) == []
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize("there", ["file", "folder"])
def test_a_cache_that_cannot_be_written_is_said_once(tmp_path, make, there, caplog, monkeypatch):
    place = tmp_path / "cache"
    if there == "file":
        place.write_text("x")
    else:

        def refuse(self, *args, **options):
            if place in (self, *self.parents):
                raise PermissionError(errno.EACCES, "Permission denied", str(self))
            return original(self, *args, **options)

        original = Path.mkdir
        monkeypatch.setattr(Path, "mkdir", refuse)
    cache = Cache(place)
    for number in range(3):
        output = tmp_path / str(number)
        assert not cache.provide(KEYS[number], output, lambda: make(output, KEYS[number]))  # noqa: B023
        assert verify(output) == []
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1
    assert "--no-cache" in said[0]
    assert cache.entries() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_may_only_be_read_serves(filled, make, tmp_path):
    folders = [path for path in (filled.folder, *filled.folder.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert filled.provide(KEY, tmp_path / "b", lambda: pytest.fail("made again"))
        assert not filled.provide(KEYS[1], tmp_path / "c", lambda: make(tmp_path / "c", KEYS[1]))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert verify(tmp_path / "b") == verify(tmp_path / "c") == []


def test_another_store_than_that_of_the_key_is_not_kept(cache, make):
    assert not cache.keep(KEYS[1], make())
    assert cache.entries() == []
    for wrong in ("", "../../x", KEY[:-1], KEY.upper()):
        with pytest.raises(ValueError, match="no content key"):
            cache.find(wrong)


def test_it_travels_to_other_processes(filled):
    assert pickle.loads(pickle.dumps(filled)).find(KEY) == filled.find(KEY)


def test_what_an_argument_means(tmp_path, monkeypatch, cache):
    monkeypatch.setenv("GIBLET_CACHE", str(tmp_path / "named"))
    assert default_folder() == tmp_path / "named" == Cache.asked(True).folder
    assert Cache.asked(False) is None
    assert Cache.asked(cache) is cache
    assert Cache.asked(str(tmp_path)).folder == tmp_path
    monkeypatch.delenv("GIBLET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "giblet"
    assert default_limit() == 20 * 10**9
    for text, size in [("none", None), ("5GB", 5 * 10**9), ("1.5 t", 1.5e12), ("4096", 4096), ("3kb", 3000)]:
        monkeypatch.setenv("GIBLET_CACHE_LIMIT", text)
        assert Cache.asked(True).limit == size
    for text in ("", "x", "-1", "1e3", "5 GiB", "GB"):
        with pytest.raises(ParameterError, match="500MB"):
            as_bytes(text, "--limit")
