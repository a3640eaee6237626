"""Anonymous memory of encoding and decoding: the same for half an hour as for a minute."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile

# Runs one function, while a thread looks at what the process itself has allocated.
WATCHED = """
import os, re, sys, threading, time
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]))
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
from giblet.transcoding import *
source, target, codec, ending = sys.argv[1:]
sound_to_codes(source, target + ending, codec, 3.0)
codes_to_codes(target + ending, target + '.nac')
codes_to_store(target + '.nac', target + '.giblet')
store_to_codes(target + '.giblet', target + '_again' + ending)
codes_to_sound(target + ending, target + '.flac', codec, rescale=True)
print(peak / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(("name", "ending"), [("encodec_24khz", ".ecdc"), ("encodec_48khz", ".txt")])
def test_half_an_hour_needs_what_a_minute_needs(tmp_path, models, name, ending):
    minute = (np.random.default_rng(0).standard_normal(8000 * 60) * 0.1).astype(np.float32)
    peaks = {}
    for minutes in (1, 30):
        source = tmp_path / f"{minutes}.flac"
        soundfile.write(source, np.tile(minute, minutes), 8000)
        words = [str(source), str(tmp_path / f"x{minutes}"), str(models / name), ending]
        done = subprocess.run([sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, check=True)
        peaks[minutes] = float(done.stdout.splitlines()[-1])
    # MiB. Of 1,800 segments of a second the loudness is kept, some bytes each.
    assert peaks[30] - peaks[1] < 30
