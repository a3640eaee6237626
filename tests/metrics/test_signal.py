from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.metrics import si_sdr, snr

TONE = np.array([1.0, -1.0, 1.0, -1.0])
# Without mean, and orthogonal to the tone.
NOISE = np.array([0.5, 0.5, -0.5, -0.5])


def test_values_computed_by_hand():
    assert snr(TONE, TONE + NOISE) == pytest.approx(10 * math.log10(4))
    assert si_sdr(TONE, TONE + NOISE) == pytest.approx(10 * math.log10(4))
    assert si_sdr(TONE, 2 * TONE + NOISE) == pytest.approx(10 * math.log10(16))
    assert snr(TONE, 2 * TONE + NOISE) == pytest.approx(10 * math.log10(4 / 5))
    assert snr(TONE, 0 * TONE) == pytest.approx(0)


def test_equal_and_unrelated_sounds_have_finite_ratios():
    assert snr(TONE, TONE) == si_sdr(TONE, TONE) == 100
    assert si_sdr(TONE, NOISE) == -100


def test_silence_has_no_ratio():
    silence = np.zeros(4)
    for value in (snr(silence, TONE), si_sdr(silence, TONE), si_sdr(TONE, silence), snr(silence[:0], silence[:0])):
        assert math.isnan(value)


@given(
    seed=st.integers(0, 1000),
    reference_gain=st.floats(1e-3, 1e3),
    degraded_gain=st.floats(1e-3, 1e3),
    offset=st.floats(-1, 1),
    noise=st.floats(1e-3, 10),
)
def test_level_and_offset_of_either_sound_do_not_count(seed, reference_gain, degraded_gain, offset, noise):
    sounds = np.random.default_rng(seed).standard_normal((2, 200))
    reference, degraded = sounds[0], sounds[0] + noise * sounds[1]
    changed = si_sdr(reference_gain * (reference + offset), degraded_gain * (degraded - offset))
    assert changed == pytest.approx(si_sdr(reference, degraded), abs=1e-6)


@pytest.mark.parametrize("measure", [snr, si_sdr])
def test_sounds_that_do_not_match_are_refused(measure):
    with pytest.raises(ParameterError, match="same length"):
        measure(TONE, TONE[:3])
    with pytest.raises(ParameterError, match="one channel"):
        measure(TONE[None], TONE[None])
