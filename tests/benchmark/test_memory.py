"""Anonymous memory of a benchmark: the same for six minutes as for one."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from benchmark.speaking import RATE, syllables
from watching import needs_proc, peak_memory_of_giblet


@pytest.mark.slow
@needs_proc
def test_six_minutes_need_what_one_needs(tmp_path):
    peaks = []
    for minutes in (1, 6):
        # Silence is coded as any sound is, and not measured, which would take long.
        sound = np.zeros(minutes * 60 * RATE, np.float32)
        sound[: 2 * RATE] = syllables(2)
        soundfile.write(tmp_path / f"{minutes}.flac", sound, RATE)
        peaks.append(peak_memory_of_giblet(
            "benchmark", tmp_path / f"{minutes}.flac", "-o", tmp_path / str(minutes), "--codec", "tiny", "-b", 1.5,
            "--jobs", 1, "--segment", 2,
        ))  # fmt: skip
    # Five more minutes of samples are 29 MB.
    assert peaks[1] - peaks[0] < 15
