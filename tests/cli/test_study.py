"""``giblet extract`` of folders and patterns, alone and on workers: what it prints, how it ends, how it is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fabricate import babble

CHEAP = ["--features", "audio.power", "--tr", "0.5"]


@pytest.fixture
def films(tmp_path):
    root = tmp_path / "films"
    (root / "a b").mkdir(parents=True)
    for name, seconds in [("a b/x\n1.wav", 2), ("[red]y.wav", 1)]:
        soundfile.write(root / name, babble(8000 * seconds)[0], 8000)
    (root / "bad.mp4").write_bytes(b"no film at all" * 50)
    return root


def test_a_folder_is_a_study_and_failures_are_a_table(giblet, films, tmp_path):
    status, out, err = giblet("extract", films, "-o", tmp_path / "out", *CHEAP)
    assert (status, err) == (1, "")
    lines = out.splitlines()
    assert f"{films}/a b/x\\n1.wav → {tmp_path}/out/a b/x\\n1; extracted in " in lines[1]
    assert lines[3] == "3 films: 2 extracted, 1 failed"
    assert out.count("is not a film or sound file that can be read; check that it plays") == 1
    (films / "bad.mp4").unlink()
    status, out, _ = giblet("extract", films, "-o", tmp_path / "out", *CHEAP)
    assert status == 0
    assert out.splitlines()[-1] == "2 films: 2 there already"


def test_a_pattern_as_json_is_a_document_a_line(giblet, films, tmp_path):
    status, out, _ = giblet("extract", f"{films}/**/*.*", "-o", tmp_path / "out", *CHEAP, "--json")
    assert status == 1
    documents = {Path(one["film"]).name: one for one in map(json.loads, out.splitlines())}
    assert {name: one["state"] for name, one in documents.items()} == {
        "[red]y.wav": "done", "x\n1.wav": "done", "bad.mp4": "failed",
    }  # fmt: skip
    assert "is not a film" in documents["bad.mp4"]["reason"]
    assert documents["x\n1.wav"]["store"] == str(tmp_path / "out" / "a b" / "x\n1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "0"], "0 workers are asked for"),
        (["--workers", "many"], "--workers is 'many'"),
        (["--workers", "1", "--scheduler", "tcp://1.2.3.4:5"], "more than one way"),
        (["--scheduler", "nonsense"], "'nonsense' is no address of a scheduler"),
        (["--slurm", "no.yaml"], "no.yaml: cannot be read"),
    ],
)
def test_workers_that_cannot_be_had_are_said(giblet, films, tmp_path, words, said):
    commands = [["extract", films, "-o", tmp_path / "o"], ["benchmark", films, "-o", tmp_path / "o", "--codec", "tiny"]]
    for command in commands:
        status, out, err = giblet(*command, *words)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert said in err
    assert not (tmp_path / "o").exists()


def test_one_film_and_several_by_name_are_as_before(giblet, films, tmp_path):
    x, y = films / "a b" / "x\n1.wav", films / "[red]y.wav"
    assert giblet("extract", x, "-o", tmp_path / "one", *CHEAP)[0] == 0
    assert (tmp_path / "one" / "manifest.json").is_file()
    status, _, err = giblet("extract", x, y, films / "bad.mp4", "-o", tmp_path / "out", *CHEAP)
    assert (status, err.count("is not a film")) == (2, 1)
    assert (tmp_path / "out" / "[red]y" / "manifest.json").is_file()


@pytest.fixture
def long_films(tmp_path):
    minute = (np.random.default_rng(0).standard_normal(8000 * 60) * 0.1).astype(np.float32)
    (tmp_path / "long").mkdir()
    soundfile.write(tmp_path / "long" / "hour.wav", np.tile(minute, 60), 8000)
    soundfile.write(tmp_path / "long" / "short.wav", minute[:24000], 8000)
    return tmp_path / "long"


def descendants(pid: int) -> set[int]:
    found, left = set(), {pid}
    while left:
        parents = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parents[int(folder.name)] = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
        left = {child for child, parent in parents.items() if parent in left} - found
        found |= left
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("kind", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_study_is_stopped_within_seconds_and_goes_on(giblet, long_films, tmp_path, kind, status):
    output = tmp_path / "out"
    words = ["extract", str(long_films), "-o", str(output), "--features", "audio.envelope", "--workers", "1"]
    command = subprocess.Popen(
        [sys.executable, "-m", "giblet", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    until = time.monotonic() + 100
    # The hour comes first, and takes a while.
    while not list(output.glob(".hour.*")):
        assert command.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    others = descendants(command.pid)
    assert others
    began = time.monotonic()
    # A terminal sends Ctrl-C to all processes, a scheduler SIGTERM to the first.
    (os.killpg if kind == signal.SIGINT else os.kill)(command.pid, kind)
    out, err = command.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert command.returncode == status
    assert "what is done is kept; the same command goes on from there" in err
    assert "Traceback" not in out + err
    assert not list(output.rglob(".*"))
    # Python's own helper of processes may need a moment.
    while any(map(alive, others)) and time.monotonic() - began < 10:
        time.sleep(0.05)
    assert not any(map(alive, others))
    (long_films / "hour.wav").unlink()
    assert giblet("extract", long_films, "-o", output, "--features", "audio.envelope")[0] == 0
