"""Envelopes against SciPy and against sounds whose envelope is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, fftconvolve, hilbert, lfilter, sosfiltfilt
from scipy.signal import gammatone as real_gammatone
from sounding import RATE, made, row_means, rows_of, tone

from giblet.errors import ParameterError
from giblet.features.sound.envelope import erb_spaced, gammatone


def modulated(frequency: float, seconds: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a tone whose amplitude goes up and down at 4 Hz, and its amplitude."""
    time = np.arange(int(seconds * RATE)) / RATE
    amplitude = 0.3 * (1 + 0.8 * np.cos(2 * np.pi * 4 * time))
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32), amplitude


def test_the_stream_equals_the_hilbert_transform_of_the_whole(recording: np.ndarray) -> None:
    audible = sosfiltfilt(butter(4, 20, "high", fs=RATE, output="sos"), recording)
    # Silence around the sound keeps its end from flowing into its beginning.
    whole = np.abs(hilbert(np.pad(audible, 20_000)))[20_000:-20_000]
    ours = rows_of("audio.envelope@rate=22050", audible.astype(np.float32))[:, 0]
    np.testing.assert_allclose(ours, whole, atol=2e-4 * whole.max())
    assert np.sqrt(np.mean((ours - whole) ** 2) / np.mean(whole**2)) < 1e-4


def test_what_cannot_be_heard_changes_little_of_a_recording(recording: np.ndarray) -> None:
    whole = np.abs(hilbert(np.pad(recording.astype(np.float64), 20_000)))[20_000:-20_000]
    ours = rows_of("audio.envelope", recording)[:, 0]
    expected = row_means(whole, 100, len(ours))
    np.testing.assert_allclose(ours, expected, atol=0.01 * expected.max())
    assert np.corrcoef(ours, expected)[0, 1] > 0.99999


@pytest.mark.parametrize("frequency", [20, 50, 440, 5000, 11_000])
def test_a_tone_has_its_amplitude_all_over_the_spectrum(frequency: float) -> None:
    envelope = rows_of("audio.envelope@rate=22050", tone(frequency, amplitude=0.5))[:, 0]
    np.testing.assert_allclose(envelope[5000:-5000], 0.5, rtol=2e-5)


def test_a_modulated_tone_gives_back_its_modulation() -> None:
    samples, amplitude = modulated(1000)
    envelope = rows_of("audio.envelope", samples)[:, 0]
    np.testing.assert_allclose(envelope[20:-20], row_means(amplitude, 100, 200)[20:-20], rtol=1e-4)


def test_a_band_gives_back_the_modulation_of_its_tone_a_little_later() -> None:
    bands = made("audio.envelope@bands=16").outputs[0].about["frequencies"]
    samples, amplitude = modulated(bands[8])
    rows = rows_of("audio.envelope@bands=16@rate=1000", samples)[200:-200]
    assert rows.mean(axis=0).argmax() == 8
    truth = row_means(amplitude, 1000, 2000)
    errors = [np.abs(rows[:, 8] - truth[200 - lag : -200 - lag]).max() for lag in range(30)]
    assert errors[np.argmin(errors)] < 0.005
    # The delay of a gammatone filter of order 4: 3 / (2π · bandwidth) s.
    assert np.argmin(errors) == pytest.approx(3000 / (2 * np.pi * 1.019 * (24.7 + bands[8] / 9.26449)), abs=1.5)


@pytest.mark.parametrize("band", [0, 3, 7])
def test_a_tone_passes_its_band_with_its_amplitude(band: int) -> None:
    frequency = made("audio.envelope@bands=8").outputs[0].about["frequencies"][band]
    rows = rows_of("audio.envelope@bands=8", tone(frequency, amplitude=0.5))
    np.testing.assert_allclose(rows[30:, band], 0.5, rtol=0.005)
    assert rows[30:].mean(axis=0).argmax() == band


@pytest.mark.parametrize("frequency", [1000.0, 4000.0])
def test_the_real_part_is_scipys_gammatone_filter(recording: np.ndarray, frequency: float) -> None:
    gain, poles = gammatone(frequency)
    expected = lfilter(*real_gammatone(frequency, "iir", fs=RATE), recording)
    np.testing.assert_allclose(lfilter([gain], poles, recording).real, expected, atol=1e-6 * np.abs(expected).max())


def test_all_bands_of_a_recording_equal_convolution_with_their_impulse_responses(recording: np.ndarray) -> None:
    samples, n = recording[: 3 * RATE].astype(np.float64), np.arange(RATE)
    rows = rows_of("audio.envelope@bands=12", samples.astype(np.float32))
    for band, frequency in enumerate(erb_spaced(12)):
        gain, _ = gammatone(frequency)
        bandwidth = 1.019 * 24.7 * (4.37e-3 * frequency + 1)
        response = (n + 1) * (n + 2) * (n + 3) / 6 * np.exp(2 * np.pi * (1j * frequency - bandwidth) * n / RATE)
        magnitude = np.abs(fftconvolve(samples, gain * response)[: len(samples)])
        expected = row_means(magnitude, 100, len(rows))
        # 24.7 · 4.37e-3 is 1 / 9.2645 to four digits.
        np.testing.assert_allclose(rows[:, band], expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_bands_are_as_wide_as_those_of_the_ear() -> None:
    gain, poles = gammatone(1000.0)
    power = np.abs(np.fft.fft(lfilter([gain], poles, np.eye(1, RATE)[0]))) ** 2
    # Glasberg and Moore (1990): 132.6 Hz at 1 kHz.
    assert power.sum() / power.max() == pytest.approx(132.6, rel=0.01)


def test_bands_lie_evenly_on_the_scale_of_the_ear() -> None:
    frequencies = erb_spaced(20)
    assert frequencies[[0, -1]] == pytest.approx([80, 8000])
    np.testing.assert_allclose(np.diff(21.4 * np.log10(0.00437 * frequencies + 1), 2), 0, atol=1e-9)


@pytest.mark.parametrize("bands", [-1, 1, 257])
def test_numbers_of_bands_that_cannot_be_are_refused(bands: int) -> None:
    with pytest.raises(ParameterError, match="bands"):
        made(f"audio.envelope@bands={bands}")
