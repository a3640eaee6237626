"""The anchors, measured: what their filters let through, stop, and leave where it is."""

from __future__ import annotations

import numpy as np
import pytest

from giblet.listening.anchors import ANCHORS, low_pass

N = 2**16


def response(rate, cutoff):
    """Return frequencies and gains in decibels, by an impulse in the middle, and the impulse's answer."""
    impulse = np.zeros((1, N), np.float32)
    impulse[0, N // 2] = 1
    answer = low_pass(impulse, rate, cutoff)[0].astype(np.float64)
    return np.fft.rfftfreq(N, 1 / rate), 20 * np.log10(np.abs(np.fft.rfft(answer)) + 1e-12), answer


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("cutoff", ANCHORS.values())
def test_pass_band_and_stop_band_are_as_stated(rate, cutoff):
    frequency, gain, _ = response(rate, cutoff)
    assert np.abs(gain[frequency <= cutoff]).max() < 0.001
    assert gain[frequency >= cutoff + 500].max() < -80
    # 6 dB in the middle of the transition, where the filter is said to lie.
    assert gain[np.argmin(np.abs(frequency - cutoff - 250))] == pytest.approx(-6.02, abs=0.1)


@pytest.mark.parametrize("cutoff", ANCHORS.values())
def test_nothing_is_delayed_or_shifted_in_phase(cutoff):
    _, _, answer = response(48_000, cutoff)
    assert np.argmax(answer) == N // 2
    np.testing.assert_allclose(answer[1 : N // 2], answer[: N // 2 : -1], atol=1e-8)


def test_tones_below_stay_and_tones_above_go_in_every_channel():
    t = np.arange(48_000) / 48_000
    below, above = (np.sin(2 * np.pi * f * t).astype(np.float32) for f in (3000, 4100))
    left, right = low_pass(np.stack([below + above, above]), 48_000, 3500)
    inside = slice(2000, -2000)
    assert np.abs(left - below)[inside].max() < 2e-4
    assert np.abs(right[inside]).max() < 1e-4


def test_a_sound_shorter_than_the_filter_keeps_its_length():
    assert low_pass(np.ones((2, 7), np.float32), 48_000, 3500).shape == (2, 7)
