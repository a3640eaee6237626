"""Anonymous memory of a benchmark: the same for six minutes as for one."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from benchmark.speaking import RATE, syllables

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
print('peak', peak / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_six_minutes_need_what_one_needs(tmp_path):
    peaks = []
    for minutes in (1, 6):
        # Silence is coded as any sound is, and not measured, which would take long.
        sound = np.zeros(minutes * 60 * RATE, np.float32)
        sound[: 2 * RATE] = syllables(2)
        soundfile.write(tmp_path / f"{minutes}.flac", sound, RATE)
        words = ["benchmark", str(tmp_path / f"{minutes}.flac"), "-o", str(tmp_path / str(minutes))]
        words += ["--codec", "tiny", "-b", "1.5", "--jobs", "1", "--segment", "2"]
        done = subprocess.run([sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, check=True)
        peaks.append(float(re.search(r"peak (.*)", done.stdout)[1]))
    # Five more minutes of samples are 29 MB.
    assert peaks[1] - peaks[0] < 15
