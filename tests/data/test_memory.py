"""Anonymous memory of an extraction: small, and the same for a quarter of an hour as for two minutes."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from watching import needs_proc, peak_memory_of_giblet


@pytest.mark.slow
@needs_proc
def test_sixteen_minutes_need_what_two_need(tmp_path):
    minute = (np.random.default_rng(0).standard_normal(8000 * 60) * 0.1).astype(np.float32)
    peaks = {}
    for minutes in (2, 16):
        film = tmp_path / f"{minutes}.flac"
        soundfile.write(film, np.tile(minute, minutes), 8000)
        peaks[minutes] = peak_memory_of_giblet(
            "extract", film, "-o", tmp_path / str(minutes), "--codec", "tiny", "--features",
            "audio.codes,audio.power,audio.centroid",
        )  # fmt: skip
    # MiB. Fourteen more minutes of samples at the codec's rate alone are 77.
    assert peaks[16] < 800
    assert peaks[16] - peaks[2] < 30
