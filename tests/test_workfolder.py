"""Hidden folders: the dead are known from the living."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import giblet.workfolder as workfolder
from giblet.workfolder import WorkFolder, check_place, named_afresh, take_abandoned

PROJECT = Path(workfolder.__file__).parents[1]
WORKER = """
import sys
from pathlib import Path
from giblet.workfolder import WorkFolder
with WorkFolder(Path(sys.argv[1])) as folder:
    (folder.path / "half").write_text("x")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sound.wav"


@pytest.fixture
def worker(target):
    """A process at work for the same target."""
    words = [sys.executable, "-c", WORKER, str(target)]
    with subprocess.Popen(words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_a_folder_is_there_inside_the_block_only(target):
    with pytest.raises(KeyboardInterrupt), WorkFolder(target) as folder:  # noqa: PT012
        assert folder.path.is_dir()
        assert folder.path.name.startswith(".sound.wav.")
        raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("reaped", [True, False])
def test_only_what_the_dead_left_is_removed(target, worker, reaped):
    (theirs,) = target.parent.iterdir()
    with WorkFolder(target) as mine:
        assert set(target.parent.iterdir()) == {theirs, mine.path}
    os.kill(worker.pid, signal.SIGKILL)
    if reaped:
        worker.wait()
    else:
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
    with WorkFolder(target) as mine:
        assert list(target.parent.iterdir()) == [mine.path]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell when a process began")
def test_a_process_that_took_over_the_number_of_a_dead_one_does_not_protect_its_folder(target, monkeypatch):
    folder = named_afresh(target, ".part")
    folder.mkdir()
    assert take_abandoned(target, ".part") == []
    began = workfolder._state(os.getpid())[1]
    monkeypatch.setattr(workfolder, "_state", lambda pid: ("R", began + 1))
    assert len(take_abandoned(target, ".part")) == 1


def test_a_folder_is_taken_by_one_only_and_others_targets_and_endings_are_left_alone(target, worker):
    worker.kill()
    worker.wait()
    assert take_abandoned(target.with_name("sound.wa"), ".part") == []
    assert take_abandoned(target, ".partial") == []
    (taken,) = take_abandoned(target, ".part")
    assert (taken / "half").exists()
    assert take_abandoned(target, ".part") == []


def test_links_are_not_followed(target, tmp_path, worker):
    (theirs,) = target.parent.iterdir()
    worker.kill()
    worker.wait()
    (tmp_path / "precious").mkdir()
    theirs.rename(tmp_path / "elsewhere")
    theirs.symlink_to(tmp_path / "precious")
    with WorkFolder(target):
        pass
    assert (tmp_path / "precious").is_dir()
    assert theirs.is_symlink()


def test_names_of_any_length_have_a_folder(tmp_path):
    target = tmp_path / ("電" * 80 + ".wav")
    with WorkFolder(target) as folder:
        (folder.path / target.name).touch()
    assert list(tmp_path.iterdir()) == []


def test_a_place_is_checked_without_a_trace(tmp_path):
    before = tmp_path.stat().st_mtime_ns
    check_place(tmp_path / "x")
    check_place(tmp_path / "new" / "newer" / "x")
    assert list(tmp_path.iterdir()) == []
    if hasattr(os, "O_TMPFILE"):
        assert tmp_path.stat().st_mtime_ns == before
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to("absent")
    for name in ("file/x", "file/new/x", "nowhere/x", "x" * 300):
        with pytest.raises(OSError, match=r"\[Errno"):
            check_place(tmp_path / name)


def test_what_the_system_says_about_a_place_is_passed_on(tmp_path, monkeypatch):
    def refused(*args, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/tmp/hidden")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(OSError, match="Read-only") as caught:
        check_place(tmp_path / "x")
    assert workfolder.reason(caught.value) == os.strerror(errno.EROFS)
    assert "hidden" not in workfolder.reason(OSError("/tmp/hidden went away"))
