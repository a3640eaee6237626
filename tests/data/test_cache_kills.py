"""Whenever an extraction is killed, what is visible is complete and right, and the next call finishes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import soundfile
from fabricate import babble

import giblet

PROJECT = Path(giblet.__file__).parents[1]
ROUNDS = int(os.environ.get("GIBLET_KILLS", "15"))

# Everything is loaded once; each round forks a victim, kills it at a random moment, looks at what lies there, and lets
# an undisturbed call finish. Every third round, two victims work at the same, and only one of them is killed.
HARNESS = """
import json, os, random, shutil, signal, sys, time
from pathlib import Path
import numpy as np
from giblet.data import extract, open_store
from giblet.store import Cache, verify

folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
clips = sorted(folder.glob("*.wav"))
cache, random = Cache(folder / "cache"), random.Random(7)

def series(store):
    opened = open_store(store)
    return {name: opened.series(name).values for name in opened.features}

def visible(number):
    outputs = [path for path in folder.glob(f"out{number}-*") if not path.name.startswith(".")]
    return outputs + [entry.path for entry in cache.entries()]

def work(number, clip):
    for copy in range(3):
        extract(clip, folder / f"out{number}-{copy}", features="audio.power", cache=cache)

def victim(number, clip):
    child = os.fork()
    if not child:
        try:
            work(number, clip)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child

began = time.perf_counter()
right = {}
for clip in clips:
    extract(clip, folder / f"right-{clip.stem}", features="audio.power", cache=False)
    right[clip.name] = series(folder / f"right-{clip.stem}")
began = time.perf_counter()
work("timed", clips[0])
whole = time.perf_counter() - began

for number in range(rounds):
    clip = random.choice(clips)
    # Half of the rounds begin without an entry, so that kills hit making and keeping as well as finding.
    if random.random() < 0.7:
        cache.collect(0)
    child, other = victim(number, clip), victim(f"{number}b", clip) if number % 3 == 0 else None
    time.sleep(random.uniform(0, whole))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    wrong = []
    for store in visible(number):
        try:
            wrong += [f"{store}: {name}" for name in verify(store)]
            name = json.loads((store / "manifest.json").read_text())["provenance"]["film"]["name"]
            for feature, values in series(store).items():
                if not np.array_equal(values, right[name][feature]):
                    wrong.append(f"{store}: other values")
        except Exception as error:
            wrong.append(f"{store}: {error!r}")
    shown = len(visible(number))
    failed = other is not None and os.waitpid(other, 0)[1] != 0
    before = time.perf_counter()
    work(number, clip)
    seconds = time.perf_counter() - before
    wrong += [f"{path}: after" for path in visible(number) if verify(path)]
    cache.collect()
    left = [str(path) for path in folder.rglob(".*") if path.name != "."]
    print(json.dumps({"killed": os.WIFSIGNALED(status), "shown": shown, "wrong": wrong, "failed": failed,
                      "seconds": seconds, "left": left}), flush=True)
    for output in folder.glob(f"out{number}*"):
        shutil.rmtree(output)
"""


def test_kills_at_random_moments(tmp_path):
    for number in range(2):
        soundfile.write(tmp_path / f"{number}.wav", babble(16_000 - number)[0], 8_000)
    run = subprocess.run(
        [sys.executable, "-c", HARNESS, str(tmp_path), str(ROUNDS)],
        cwd=PROJECT, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    rounds = [json.loads(line) for line in run.stdout.splitlines()]
    hit, slowest = sum(each["killed"] for each in rounds), max(each["seconds"] for each in rounds)
    sys.stdout.write(f"{len(rounds)} kills, {hit} of them at work; slowest next call {slowest:.2f} s\n")
    assert len(rounds) == ROUNDS
    assert [each["wrong"] for each in rounds if each["wrong"]] == []
    assert not any(each["failed"] for each in rounds), "the other process failed because one was killed"
    assert [each["left"] for each in rounds if each["left"]] == []
    assert hit > ROUNDS / 3, "too few kills hit a process at work"
    assert slowest < 30, "the next call waited for a process that is gone"
