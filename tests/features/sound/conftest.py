"""Recordings whose features are known by other means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sounding import sound_of


@pytest.fixture(scope="package", params=["film", pytest.param("speech", marks=pytest.mark.realdata)])
def recording(request: pytest.FixtureRequest, sample_film: Path) -> np.ndarray:
    """Samples of a whole recording at 22,050 Hz, with speech in it."""
    if request.param == "film":
        return sound_of(sample_film)
    return sound_of(request.getfixturevalue("realdata") / "speech" / "ljspeech_LJ001-0001.wav")
