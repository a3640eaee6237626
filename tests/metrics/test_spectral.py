from __future__ import annotations

import math

import numpy as np
import pytest
from fabricate import babble

from giblet.errors import ParameterError
from giblet.metrics import log_spectral_distance, mel_distance

BOTH = pytest.mark.parametrize("distance", [log_spectral_distance, mel_distance])


@BOTH
@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_equal_sounds_are_at_no_distance_and_noise_moves_them_apart(distance, rate):
    sound = babble(rate)[0]
    noise = np.random.default_rng(1).standard_normal(rate)
    values = [distance(sound, sound + level * noise, rate) for level in (0.0, 0.01, 0.1, 1.0)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[1] > 0.1


@BOTH
def test_a_change_of_level_is_its_decibels(distance):
    sound = np.random.default_rng(0).standard_normal(24_000)
    assert distance(sound, sound * 10 ** (-6 / 20), 24_000) == pytest.approx(6, abs=0.01)


@BOTH
def test_what_lies_far_below_the_loudest_does_not_count(distance):
    t = np.arange(24_000) / 24_000
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    hiss = 1e-6 * np.random.default_rng(0).standard_normal(24_000)
    assert distance(tone, tone + hiss, 24_000) < 0.05


@BOTH
def test_a_sound_shorter_than_a_frame_has_a_distance_and_silence_has_none(distance):
    assert distance(np.ones(10), 2 * np.ones(10), 24_000) > 1
    assert math.isnan(distance(np.zeros(24_000), np.ones(24_000), 24_000))
    assert math.isnan(distance(np.zeros(0), np.zeros(0), 24_000))
    with pytest.raises(ParameterError, match="same length"):
        distance(np.ones(10), np.ones(11), 24_000)
