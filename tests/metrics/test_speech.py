from __future__ import annotations

import math

import numpy as np
import pytest
import soundfile
from fabricate import babble

from giblet.errors import ParameterError
from giblet.metrics import pesq, stoi


@pytest.mark.realdata
def test_pesq_is_the_published_one(realdata):
    clean, rate = soundfile.read(realdata / "speech" / "pesq_speech.wav")
    noisy, _ = soundfile.read(realdata / "speech" / "pesq_speech_bab_0dB.wav")
    assert pesq(clean, noisy, rate, "wb") == pytest.approx(1.0832337141036987, abs=1e-4)
    assert pesq(clean, noisy, rate, "nb") == pytest.approx(1.6072081327438354, abs=1e-4)


def test_stoi_falls_with_noise():
    sound = babble(24_000 * 3)[0]
    noise = np.random.default_rng(1).standard_normal(len(sound))
    values = [stoi(sound, sound + level * noise, 24_000) for level in (0.0, 0.05, 0.5)]
    assert values[0] == pytest.approx(1, abs=1e-6)
    assert values == sorted(values, reverse=True)
    assert stoi(sound, sound, 24_000, extended=True) == pytest.approx(1, abs=1e-6)


def test_too_little_sound_is_missing_and_not_zero():
    assert math.isnan(stoi(babble(2000)[0], babble(2000)[0], 24_000))
    assert math.isnan(stoi(np.zeros(0), np.zeros(0), 24_000))
    assert math.isnan(stoi(np.zeros(24_000), np.zeros(24_000), 24_000))


@pytest.mark.parametrize(
    ("reference", "degraded", "rate", "band"),
    [
        (np.zeros(16_000), np.zeros(15_999), 16_000, "wb"),
        (np.zeros(16_000), np.zeros(16_000), 24_000, "wb"),
        (np.zeros(8_000), np.zeros(8_000), 8_000, "wb"),
        (np.zeros(16_000 * 31), np.zeros(16_000 * 31), 16_000, "wb"),
    ],
)
def test_pesq_refuses_what_it_is_not_defined_for(reference, degraded, rate, band):
    with pytest.raises(ParameterError):
        pesq(reference, degraded, rate, band)


def test_pesq_without_speech_is_missing():
    assert math.isnan(pesq(np.zeros(16_000), np.zeros(16_000), 16_000))
    assert math.isnan(pesq(babble(16_000)[0], np.zeros(16_000), 16_000))
    assert math.isnan(pesq(babble(100)[0], babble(100)[0], 16_000))
