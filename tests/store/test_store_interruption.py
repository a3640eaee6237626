"""Whatever stops a writer, a store is there complete or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
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
from giblet.workfolder import OLD_AGE, named_afresh

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
    assert not list(tmp_path.glob(".s.*"))


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
    folder.rename(renamed(folder, pid=dead_pid()))
    shutil.rmtree(path)
    write(path, codes + 2)
    np.testing.assert_array_equal(open_dataset(path)["codes"], codes + 2)
    assert not list(tmp_path.glob(".s.*"))


def test_folders_of_the_living_and_of_others_stay(tmp_path, write, names):
    mine = named_afresh(tmp_path / "s", ".partial").name
    others = [mine, renamed(tmp_path / mine, machine="0" * 8).name, ".s.partial", f"{mine}.old", f".s{mine}", mine[1:]]
    for name in others:
        (tmp_path / name / "store").mkdir(parents=True)
    write(tmp_path / "s")
    assert names(tmp_path) == sorted([*others, "s"])
    assert all((tmp_path / name / "store").is_dir() for name in others)


def test_a_folder_from_elsewhere_goes_when_it_is_old(tmp_path, write, names):
    folder = renamed(named_afresh(tmp_path / "s", ".partial"), machine="0" * 8)
    (folder / "store" / "codes").mkdir(parents=True)
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (time.time() - 2 * OLD_AGE,) * 2)
    write(tmp_path / "s")
    assert names(tmp_path) == ["s"]


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


def left_behind(path: Path, pid: int) -> Path:
    """Make the hidden folder of a writer that stopped."""
    folder = renamed(named_afresh(path, ".partial"), pid=pid)
    (folder / "store" / "codes").mkdir(parents=True)
    return folder


def renamed(folder: Path, **owner: object) -> Path:
    """Return the name of a hidden folder with another owner."""
    head, machine, pid, rest = re.fullmatch(r"(.*\.)(\w+)-(\d+)-(.*)", folder.name).groups()
    return folder.with_name(f"{head}{owner.get('machine', machine)}-{owner.get('pid', pid)}-{rest}")


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
