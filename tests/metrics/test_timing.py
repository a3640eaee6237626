from __future__ import annotations

import math

import numpy as np
import pytest
from benchmark.speaking import RATE, chords, syllables
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.metrics import delay
from giblet.spectral import MelStream, mel_to_audio, power_to_db


@settings(max_examples=8, deadline=None)
@given(late=st.integers(-14_400, 14_400))
def test_a_shift_is_found_to_a_fraction_of_a_millisecond(late):
    sound = syllables(6)
    middle = sound[RATE:-RATE]
    shifted = sound[RATE - late : len(sound) - RATE - late]
    assert delay(middle, shifted, RATE) == pytest.approx(1000 * late / RATE, abs=0.3)


@pytest.mark.parametrize("late", [0, 1200, -4800])
def test_it_outlives_other_phases_noise_and_level(late):
    sound = syllables(5)
    stream = MelStream(RATE, 1024, 256, 80)
    power = np.concatenate([stream.push(sound), stream.finish()], axis=1)
    level = float(power.max())
    again = np.concatenate(list(mel_to_audio([power_to_db(power, level)], RATE, 1024, 256, reference=level)))
    worn = 0.2 * np.roll(again[: len(sound)], late) + 0.003 * np.random.default_rng(0).standard_normal(len(sound))
    assert delay(sound, worn, RATE) == pytest.approx(1000 * late / RATE, abs=4)


def test_what_cannot_be_told_is_nan():
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(5 * RATE) * 0.1)
    for before, after in (
        (tone, tone),
        (syllables(5), np.zeros(5 * RATE)),
        (syllables(5), tone),
        (rng.standard_normal(5 * RATE), rng.standard_normal(5 * RATE)),
        (syllables(0.3), syllables(0.3)),
        (chords(5), rng.standard_normal(5 * RATE)),
    ):
        assert math.isnan(delay(before, after, RATE))


def test_sounds_of_two_lengths_are_refused():
    with pytest.raises(ParameterError):
        delay(np.zeros(5), np.zeros(6), RATE)
