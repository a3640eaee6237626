"""Pitch against librosa's of the whole, and of sounds whose pitch is known."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from sounding import RATE, made, rows_of, tone

from giblet.errors import ParameterError
from giblet.features.sound import pitch

# Fewer steps of pitch are quicker to search.
NARROW = "audio.f0@fmax=400@fmin=100"


def voice(frequency: np.ndarray) -> np.ndarray:
    """Return harmonics of a frequency that changes."""
    phase = 2 * np.pi * np.cumsum(frequency) / RATE
    return (0.2 * sum(np.sin(n * phase) / n for n in range(1, 8))).astype(np.float32)


def test_a_recording_has_the_pitch_that_librosa_finds_in_the_whole(recording: np.ndarray) -> None:
    samples = recording[: 7 * RATE]
    frequency, voiced, probability = rows_of("audio.f0", samples).T
    theirs = librosa.pyin(samples, fmin=65, fmax=600, sr=RATE, hop_length=512, fill_na=0)
    their_frequency, their_voiced, their_probability = (course[: len(voiced)] for course in theirs)
    np.testing.assert_allclose(probability, their_probability, atol=1e-5)
    np.testing.assert_array_equal(voiced, their_voiced)
    np.testing.assert_allclose(frequency, their_frequency, rtol=1e-5)
    assert 0.1 < voiced.mean() < 0.9


def test_a_gliding_voice_between_silences() -> None:
    time = np.arange(2 * RATE) / RATE
    frequency = 180 + 40 * np.sin(2 * np.pi * time)
    silence = np.zeros(RATE, np.float32)
    rows = rows_of("audio.f0", np.concatenate((silence, voice(frequency), silence)))
    at = np.arange(len(rows)) * 512 / RATE
    inside, outside = (at > 1.05) & (at < 2.95), (at < 0.95) | (at > 3.05)
    assert (rows[inside, 1] == 1).all()
    assert rows[inside, 2].mean() > 0.6
    expected = np.interp(at[inside] - 1, time, frequency)
    # Within a quarter of a semitone.
    np.testing.assert_allclose(12 * np.log2(rows[inside, 0] / expected), 0, atol=0.25)
    assert not rows[outside].any()


def test_decoding_in_parts_leaves_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = voice(200 + 50 * np.sin(np.arange(3 * RATE // 2) / 5000))
    whole = rows_of(NARROW, samples)
    monkeypatch.setattr(pitch, "DECODED", 20)
    monkeypatch.setattr(pitch, "CONTEXT", 10)
    np.testing.assert_array_equal(rows_of(NARROW, samples), whole)


def test_pitch_depends_on_no_more_past_and_future_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pitch, "DECODED", 8)
    monkeypatch.setattr(pitch, "CONTEXT", 3)
    output = made(NARROW).outputs[0]
    low, high, silence = voice(np.full(RATE, 120.0)), voice(np.full(RATE, 300.0)), np.zeros(RATE, np.float32)
    before = rows_of(NARROW, np.concatenate((low, high)))
    heard = int((1 - output.about["future"]) * output.rate) - 1
    np.testing.assert_array_equal(rows_of(NARROW, np.concatenate((low, silence)))[:heard], before[:heard])
    forgotten = int((1 + output.about["past"]) * output.rate) + 2
    rows = rows_of(NARROW, np.concatenate((silence, high)))
    np.testing.assert_allclose(rows[forgotten:], before[forgotten:], rtol=1e-5)


def test_frequencies_are_sought_where_they_are_asked_for() -> None:
    rows = rows_of("audio.f0@fmin=300@fmax=900", tone(700))
    np.testing.assert_allclose(rows[4:-4, 0], 700, rtol=0.01)


@pytest.mark.parametrize("options", ["@fmin=0", "@fmin=21", "@fmin=400", "@fmax=12000", "@fmin=nan", "@fmax=nan"])
def test_impossible_ranges_are_refused_at_once(options: str) -> None:
    with pytest.raises(ParameterError, match="Hz"):
        made(f"audio.f0{options}")
