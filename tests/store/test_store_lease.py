"""A lease has one holder, whatever the clocks say, and passes to one when its holder is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import giblet.store.lease as lease_module
from giblet.store.lease import Lease, lapsed

PROJECT = Path(lease_module.__file__).parents[2]

# Each of many processes counts up a file, one at a time: a second holder would lose a count.
COUNTER = """
import os, sys, time
from pathlib import Path
from giblet.store.lease import Lease
folder, count = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(3):
    os.fork()
done = 0
while done < 5:
    with Lease(folder, "x") as lease:
        if not lease.attempt():
            time.sleep(0.001)
            continue
        seen = int(count.read_text())
        time.sleep(0.001)
        count.write_text(str(seen + 1))
        done += 1
"""
HOLDER = """
import sys, time
from pathlib import Path
from giblet.store.lease import Lease
with Lease(Path(sys.argv[1]), "x") as lease:
    print(lease.attempt(), flush=True)
    time.sleep(600)
"""


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def foreign(folder: Path, number: int = 1, age: float = 0) -> Path:
    """Leave the lease of a process on another machine."""
    folder.mkdir(exist_ok=True)
    path = folder / f"x.{number}"
    path.write_text("0badcafe-17-4-0123456789abcdef")
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_one_holds_it_until_it_is_given_back(tmp_path):
    with Lease(tmp_path, "x") as first:
        assert first.attempt()
        with Lease(tmp_path, "x") as second, Lease(tmp_path, "y") as other:
            assert not second.attempt()
            assert other.attempt()
        assert files(tmp_path) == ["x.1"]
    assert files(tmp_path) == []
    with Lease(tmp_path, "x") as third:
        assert third.attempt()


def test_never_two_at_a_time_among_processes(tmp_path):
    (tmp_path / "count").write_text("0")
    words = [sys.executable, "-c", COUNTER, str(tmp_path / "leases"), str(tmp_path / "count")]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE) as process:
        # The pipe ends when the last of eight has ended.
        process.stdout.read()
    assert (tmp_path / "count").read_text() == "40"
    assert files(tmp_path / "leases") == []


def test_the_end_of_a_process_here_is_seen_at_once(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "True\n"
        with Lease(tmp_path, "x") as lease:
            assert not lease.attempt()
            holder.kill()
            holder.wait()
            assert lease.attempt()
            assert files(tmp_path) == ["x.2"]


def test_a_lapsed_lease_of_another_machine_passes_to_one(tmp_path):
    for _ in range(20):
        foreign(tmp_path, number=3, age=2 * lease_module.EXPIRY)
        leases = [Lease(tmp_path, "x") for _ in range(8)]
        ready, got = threading.Barrier(8), []

        def ask(lease, ready=ready, got=got):
            ready.wait()
            got.append(lease.attempt())

        threads = [threading.Thread(target=ask, args=[lease]) for lease in leases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(got) == 1
        assert files(tmp_path) == ["x.4"]
        for lease in leases:
            lease.__exit__(None, None, None)
    assert files(tmp_path) == []


@pytest.mark.parametrize("wrong", [-86_400, 86_400])
def test_a_clock_that_is_wrong_by_a_day_changes_nothing(tmp_path, monkeypatch, wrong):
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + wrong)
    alive = foreign(tmp_path, age=wrong)
    os.utime(alive)
    with Lease(tmp_path, "x") as lease:
        assert not lease.attempt()
        os.utime(alive, (right() - 2 * lease_module.EXPIRY,) * 2)
        assert lease.attempt()


def test_a_time_far_in_the_future_does_not_keep_it_for_ever(tmp_path):
    foreign(tmp_path, age=-86_400)
    with Lease(tmp_path, "x") as lease:
        assert lease.attempt()


def test_it_is_renewed_while_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(lease_module, "EXPIRY", 0.4)
    monkeypatch.setattr(lease_module, "has_ended", lambda process: False)
    with Lease(tmp_path, "x") as lease, Lease(tmp_path, "x") as other:
        assert lease.attempt()
        for _ in range(10):
            time.sleep(0.1)
            assert not other.attempt()


def test_a_holder_that_slept_sees_that_it_lost_it_and_leaves_the_other_s_alone(tmp_path):
    with Lease(tmp_path, "x") as slept:
        assert slept.attempt()
        assert slept.renew()
        os.utime(tmp_path / "x.1", (time.time() - 2 * lease_module.EXPIRY,) * 2)
        with Lease(tmp_path, "x") as other:
            assert other.attempt()
            assert not slept.renew()
            slept.__exit__(None, None, None)
            assert files(tmp_path) == ["x.2"]
            assert other.renew()


@pytest.mark.parametrize("there", [None, "x.1"])
def test_who_was_slow_withdraws(tmp_path, monkeypatch, there):
    """What was seen is no more when the lease is made: a holder that left, or none where there is one by then."""
    if there:
        foreign(tmp_path, age=2 * lease_module.EXPIRY)
    make = lease_module._make

    def slowly(path, text):
        if there:
            (tmp_path / there).unlink()
        else:
            foreign(tmp_path, number=2)
        return make(path, text)

    monkeypatch.setattr(lease_module, "_make", slowly)
    with Lease(tmp_path, "x") as slow:
        assert not slow.attempt()
    assert files(tmp_path) == ([] if there else ["x.2"])


def test_it_needs_no_hard_links(tmp_path, monkeypatch):
    def refuse(*args, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with Lease(tmp_path, "x") as first, Lease(tmp_path, "x") as second:
        assert first.attempt()
        assert not second.attempt()
        assert files(tmp_path) == ["x.1"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(self, *args, **options):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with Lease(tmp_path, "x") as lease, pytest.raises(OSError, match="No space"):
        lease.attempt()
    assert files(tmp_path) == []


def test_what_is_gone_has_lapsed(tmp_path):
    assert lapsed(tmp_path / "x.1")
