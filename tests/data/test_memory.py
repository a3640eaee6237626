"""Anonymous memory of an extraction: small, and the same for nine minutes as for two."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from watching import needs_proc, peak_memory_of_giblet


@pytest.mark.slow
@needs_proc
def test_nine_minutes_need_what_two_need(tmp_path):
    minute = (np.random.default_rng(0).standard_normal(8000 * 60) * 0.1).astype(np.float32)
    peaks = {}
    for minutes in (2, 9):
        film = tmp_path / f"{minutes}.flac"
        soundfile.write(film, np.tile(minute, minutes), 8000)
        peaks[minutes] = peak_memory_of_giblet(
            "extract", film, "-o", tmp_path / str(minutes), "--codec", "tiny", "--features",
            "audio.codes,audio.power,audio.centroid",
        )  # fmt: skip
    # MiB. Seven more minutes of samples at the codec's rate alone are 38.
    assert peaks[9] < 800
    assert peaks[9] - peaks[2] < 30
