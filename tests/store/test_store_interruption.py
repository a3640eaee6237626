"""Whatever stops a writer, a store is there complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

import giblet.store
from giblet.errors import StoreError
from giblet.store import StoreWriter, is_store, open_dataset, verify
from giblet.store.partial import OLD_AGE

PROJECT = Path(giblet.store.__file__).parents[2]

# Writes stores one after another in a child, kills it at a random moment, and tells what lies there then.
KILLER = """
import json, os, random, signal, sys, time
import numpy as np
import giblet.store.arrays
from giblet.store import StoreWriter, verify

folder, path = sys.argv[1], os.path.join(sys.argv[1], "s")
random.seed(1)

def write(number):
    with StoreWriter(path, force=True) as store:
        codes = store.create("codes", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=50)
        for _ in range(10):
            codes.append(np.full((4, 50), number))
        store.commit({"number": number})

for attempt in range(20):
    child = os.fork()
    if child == 0:
        for number in range(1000):
            write(number)
    time.sleep(random.uniform(0.02, 0.2))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    hidden = [name for name in os.listdir(folder) if os.path.exists(os.path.join(folder, name, "store"))]
    there = os.path.exists(path)
    print(json.dumps({"there": there, "wrong": verify(path) if there else [], "hidden": hidden}))
"""


def test_kill_leaves_a_complete_store_or_none(tmp_path, write):
    run = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(found) == 20
    assert all(state["wrong"] == [] for state in found)
    assert all(len(state["hidden"]) <= 1 for state in found), "each writer removes what the one before it left"
    assert any(state["hidden"] for state in found), "no kill hit a writer at work"
    assert all(name.startswith(".s.") and name.endswith(".partial") for state in found for name in state["hidden"])
    write(tmp_path / "s", force=True)
    assert verify(tmp_path / "s") == []
    # A kill in the instant in which a folder has no owner yet leaves that folder, empty, for a day.
    assert not list(tmp_path.glob(".s.*/store"))


def test_nothing_is_visible_before_commit(tmp_path, codes, names):
    with StoreWriter(tmp_path / "s") as store:
        store.create("codes", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=5).append(codes)
        assert [name for name in names(tmp_path) if not name.startswith(".")] == []
        assert not any(is_store(path) for path in tmp_path.rglob("*"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("reason", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_leaves_nothing(tmp_path, write, codes, reason, names):
    write(tmp_path / "old")
    for name in ("new", "old"):
        with pytest.raises(reason):
            append_for_ever(tmp_path / name, codes + 1, Mock(side_effect=[None, None, reason]))
    assert names(tmp_path) == ["old"]
    np.testing.assert_array_equal(open_dataset(tmp_path / "old")["codes"], codes)


def test_ctrl_c_at_any_moment_leaves_nothing(tmp_path, names):
    block = np.random.default_rng(0).integers(0, 1024, (32, 20_000))
    for delay in np.linspace(0.001, 0.06, 25):
        with pytest.raises(KeyboardInterrupt):
            append_until_ctrl_c(tmp_path / "s", block, delay)
    time.sleep(0.1)
    assert names(tmp_path) == []


@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), KeyboardInterrupt()], ids=repr)
def test_the_old_store_stays_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch, write, codes, failure, names):
    path = write(tmp_path / "s")
    original = Path.rename

    def failing(self, target):
        if self.name == "store":
            assert not path.exists()
            raise failure
        return original(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises((StoreError, KeyboardInterrupt)):
        write(path, codes + 1, force=True)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes)
    assert verify(path) == []
    assert names(tmp_path) == ["s"]


def test_a_store_retired_by_a_killed_writer_comes_back(tmp_path, write, codes):
    path = write(tmp_path / "s")
    folder = left_behind(path, pid=dead_pid())
    path.rename(folder / "retired")
    with pytest.raises(StoreError, match="--force"):
        write(path, codes + 1)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes)
    assert not folder.exists()


def test_a_retired_store_never_replaces_one_in_place(tmp_path, write, codes, names):
    path = write(tmp_path / "s")
    folder = left_behind(path, pid=dead_pid())
    path.rename(folder / "retired")
    write(tmp_path / "other", codes + 1).rename(path)
    write(path, codes + 2, force=True)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes + 2)
    assert names(tmp_path) == ["s"]


def test_a_replaced_store_whose_removal_was_cut_short_stays_gone(tmp_path, monkeypatch, write, codes):
    path = write(tmp_path / "s")
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *args, **options: None)
        write(path, codes + 1, force=True)
    (folder,) = tmp_path.glob(".s.*")
    assert (folder / "retired" / "zarr.json").exists()
    (folder / "owner.json").write_text(json.dumps({"host": socket.gethostname(), "pid": dead_pid()}))
    shutil.rmtree(path)
    write(path, codes + 2)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes + 2)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("owner", "age", "goes"),
    [
        ({"pid": "dead"}, 0, True),
        ({"pid": "mine"}, 2 * OLD_AGE, False),
        ({"pid": "dead", "host": "elsewhere"}, 0, False),
        ({"pid": "dead", "host": "elsewhere"}, 2 * OLD_AGE, True),
        ({"pid": -1}, 2 * OLD_AGE, True),
        ({"pid": "nonsense"}, 0, False),
        ({"pid": "nonsense"}, 2 * OLD_AGE, True),
        (None, 0, False),
        (None, 2 * OLD_AGE, True),
    ],
    ids=str,
)
def test_only_abandoned_folders_are_removed(tmp_path, write, owner, age, goes):
    pids = {"dead": dead_pid(), "mine": os.getpid()}
    if owner is not None:
        owner = {**owner, "pid": pids.get(owner["pid"], owner["pid"])}
    folder = left_behind(tmp_path / "s", **{"pid": "dead", **(owner or {})})
    if owner is None:
        (folder / "owner.json").unlink()
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - age,) * 2)
    write(tmp_path / "s")
    assert folder.exists() != goes
    assert is_store(tmp_path / "s")


def test_folders_of_others_stay(tmp_path, write, names):
    others = [
        ".s.partial",
        ".s.12345678.partial.old",
        ".t.12345678.partial",
        "s.12345678.partial",
        ".s.x2345678.partial",
    ]
    for name in others:
        (tmp_path / name / "store").mkdir(parents=True)
        os.utime(tmp_path / name / "store", (0, 0))
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".s.abcdef01.partial").symlink_to(tmp_path / others[0])
    os.utime(tmp_path / ".s.abcdef01.partial", (0, 0), follow_symlinks=False)
    write(tmp_path / "s")
    assert names(tmp_path) == sorted([*others, ".s.abcdef01.partial", "s"])
    assert all((tmp_path / name / "store").is_dir() for name in others)


def test_a_folder_swept_away_by_others_is_noticed(tmp_path, codes, names):
    with StoreWriter(tmp_path / "s") as store:
        store.create("codes", ("codebook", "frame"), (4, 0), "int16", append_dim="frame", chunk=5).append(codes)
        folder = next(tmp_path.iterdir())
        for path in (folder / "owner.json", *(folder / "store" / "codes" / "c" / "0").iterdir()):
            path.unlink()
        with pytest.raises(StoreError, match="removed while"):
            store.commit({})
    assert names(tmp_path) == []


def append_for_ever(path: Path, block: np.ndarray, after_each: Callable[[], object]) -> None:
    with StoreWriter(path, force=True) as store:
        shape = (len(block), 0)
        array = store.create("x", ("codebook", "frame"), shape, "int16", append_dim="frame", chunk=block.shape[1])
        while True:
            array.append(block)
            after_each()


def append_until_ctrl_c(path: Path, block: np.ndarray, delay: float) -> None:
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    append_for_ever(path, block, lambda: None)


def left_behind(path: Path, pid: object, host: str | None = None) -> Path:
    """Make the hidden folder of a writer that stopped."""
    folder = path.with_name(f".{path.name}.12345678.partial")
    (folder / "store" / "codes").mkdir(parents=True)
    (folder / "owner.json").write_text(json.dumps({"host": host or socket.gethostname(), "pid": pid}))
    return folder


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
