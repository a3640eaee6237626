"""Anonymous memory of encoding and decoding: the same for ten minutes as for one."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fabricate import STEREO_CONFIG, random_encodec
from watching import needs_proc, peak_memory

PROGRAM = """
from giblet.transcoding import *
source, target, codec = sys.argv[1:]
sound_to_codes(source, target + '.ecdc', codec, 0.5)
codes_to_codes(target + '.ecdc', target + '.nac')
codes_to_store(target + '.nac', target + '.giblet')
store_to_codes(target + '.giblet', target + '_again.ecdc')
codes_to_sound(target + '.ecdc', target + '.flac', codec)
"""

# The slowest rate is enough: 25 frames a second, and overlapping segments as the 48 kHz model has them.
SMALL = {"sampling_rate": 8_000, "target_bandwidths": [0.5], "num_filters": 2, "hidden_size": 8}
CONFIGS = {"causal": SMALL, "segmented": STEREO_CONFIG | SMALL | {"chunk_length_s": 4.0}}


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("name", CONFIGS)
def test_ten_minutes_need_what_one_needs(tmp_path, name, monkeypatch):
    # Networks as small as these are slow on several threads.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    random_encodec(**CONFIGS[name]).save_pretrained(tmp_path / name)
    minute = (np.random.default_rng(0).standard_normal(8_000 * 60) * 0.1).astype(np.float32)
    peaks = {}
    for minutes in (1, 10):
        source = tmp_path / f"{minutes}.flac"
        soundfile.write(source, np.tile(minute, minutes), 8_000)
        peaks[minutes] = peak_memory(PROGRAM, source, tmp_path / f"x{minutes}", tmp_path / name)
    # MiB. Nine more minutes of samples are 17; of 150 segments the loudness is kept, some bytes each.
    assert peaks[10] - peaks[1] < 12
    assert peaks[10] < 600
