"""Anonymous memory of a benchmark: the same for three minutes as for half a minute."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from benchmark.speaking import RATE, syllables
from watching import needs_proc, peak_memory_of_giblet


@pytest.mark.slow
@needs_proc
def test_three_minutes_need_what_half_a_minute_needs(tmp_path):
    runs = []
    for minutes in (0.5, 3):
        # Silence is coded as any sound is, and not measured, which would take long.
        sound = np.zeros(int(minutes * 60 * RATE), np.float32)
        sound[: 2 * RATE] = syllables(2)
        soundfile.write(tmp_path / f"{minutes}.flac", sound, RATE)
        options = ["--codec", "tiny", "-b", 1.5, "--jobs", 1, "--segment", 2]
        runs.append(["benchmark", tmp_path / f"{minutes}.flac", "-o", tmp_path / str(minutes), *options])
    short, long = peak_memory_of_giblet(*runs)
    # Two and a half more minutes of samples are 14 MB.
    assert long - short < 9
