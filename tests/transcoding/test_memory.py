"""Anonymous memory of encoding and decoding: the same for twenty minutes as for one."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from fabricate import STEREO_CONFIG, random_encodec

# Runs one function, while a thread looks at what the process itself has allocated.
WATCHED = """
import re, sys, threading, time
peak = 0
def watch():
    global peak
    while True:
        peak = max(peak, int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]))
        time.sleep(0.01)
threading.Thread(target=watch, daemon=True).start()
from giblet.transcoding import *
source, target, codec = sys.argv[1:]
sound_to_codes(source, target + '.ecdc', codec, 0.5)
codes_to_codes(target + '.ecdc', target + '.nac')
codes_to_store(target + '.nac', target + '.giblet')
store_to_codes(target + '.giblet', target + '_again.ecdc')
codes_to_sound(target + '.ecdc', target + '.flac', codec)
print(peak / 1024)
"""


# The slowest rate is enough: 25 frames a second, and overlapping segments as the 48 kHz model has them.
SMALL = {"sampling_rate": 8_000, "target_bandwidths": [0.5], "num_filters": 2, "hidden_size": 8}
CONFIGS = {"causal": SMALL, "segmented": STEREO_CONFIG | SMALL | {"chunk_length_s": 4.0}}


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", CONFIGS)
def test_twenty_minutes_need_what_one_needs(tmp_path, name):
    random_encodec(**CONFIGS[name]).save_pretrained(tmp_path / name)
    minute = (np.random.default_rng(0).standard_normal(8_000 * 60) * 0.1).astype(np.float32)
    peaks = {}
    for minutes in (1, 20):
        source = tmp_path / f"{minutes}.flac"
        soundfile.write(source, np.tile(minute, minutes), 8_000)
        words = [str(source), str(tmp_path / f"x{minutes}"), str(tmp_path / name)]
        # Networks as small as these are slow on several threads.
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, check=True, env=environment
        )
        peaks[minutes] = float(done.stdout.splitlines()[-1])
    # MiB. Of 300 segments the loudness is kept, some bytes each.
    assert peaks[20] - peaks[1] < 20
    assert peaks[20] < 600
