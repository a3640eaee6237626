"""Anonymous memory of an extraction: small, and the same for an hour as for three minutes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile

# Runs the command line, while a thread looks at what the process itself has allocated.
WATCHED = """
import re, sys, threading, time
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]))
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
from giblet.cli.main import run
try:
    run()
except SystemExit as end:
    assert not end.code
print(peak / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_an_hour_needs_what_three_minutes_need(tmp_path):
    minute = (np.random.default_rng(0).standard_normal(8000 * 60) * 0.1).astype(np.float32)
    peaks = {}
    for minutes in (3, 60):
        film, store = tmp_path / f"{minutes}.flac", tmp_path / str(minutes)
        soundfile.write(film, np.tile(minute, minutes), 8000)
        words = ["extract", str(film), "-o", str(store), "--codec", "tiny"]
        done = subprocess.run([sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, check=True)
        peaks[minutes] = float(done.stdout.splitlines()[-1])
    assert peaks[60] < 800
    assert peaks[60] - peaks[3] < 50
