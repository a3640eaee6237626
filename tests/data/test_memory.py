"""Anonymous memory of an extraction: small, and the same for four minutes as for half a minute."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from watching import needs_proc, peak_memory_of_giblet


@pytest.mark.slow
@needs_proc
def test_four_minutes_need_what_half_a_minute_needs(tmp_path):
    part = (np.random.default_rng(0).standard_normal(8000 * 30) * 0.1).astype(np.float32)
    runs = []
    for minutes in (0.5, 4):
        film = tmp_path / f"{minutes}.flac"
        soundfile.write(film, np.tile(part, int(2 * minutes)), 8000)
        options = ["--codec", "tiny", "--features", "audio.codes,audio.power,audio.centroid"]
        runs.append(["extract", film, "-o", tmp_path / str(minutes), *options])
    short, long = peak_memory_of_giblet(*runs)
    # MiB. Three and a half more minutes of samples at the codec's rate alone are 19.
    assert long < 800
    assert long - short < 12
