"""Centroids against librosa's."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from sounding import RATE, rows_of, tone


def test_a_recording_has_the_centroids_that_librosa_gives(recording: np.ndarray) -> None:
    ours = rows_of("audio.centroid", recording)[:, 0]
    theirs = librosa.feature.spectral_centroid(y=recording, sr=RATE)[0][: len(ours)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=0.01)
    assert np.ptp(theirs) > 1000


@pytest.mark.parametrize("frequency", [300, 3000, 9000])
def test_a_tone_has_its_frequency(frequency: float) -> None:
    np.testing.assert_allclose(rows_of("audio.centroid", tone(frequency))[4:-4], frequency, rtol=0.02)


def test_a_tone_in_silence_shows_at_its_time() -> None:
    samples = np.concatenate((np.zeros(RATE, np.float32), tone(2000), np.zeros(RATE, np.float32)))
    sounding = np.flatnonzero(rows_of("audio.centroid", samples)) * 512 / RATE
    assert sounding[[0, -1]] == pytest.approx([1, 2], abs=1024 / RATE)
