"""Onset strength against librosa's, and where onsets are."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from sounding import RATE, made, rows_of, tone

from giblet.errors import ParameterError


@pytest.mark.parametrize("floor", [-100, -50])
def test_a_recording_has_librosas_onset_strength_with_the_same_floor(recording: np.ndarray, floor: int) -> None:
    ours = rows_of(f"audio.onset@floor={floor}", recording)[:, 0]
    mel = librosa.feature.melspectrogram(y=recording, sr=RATE, n_fft=2048, hop_length=512, n_mels=128)
    decibels = np.maximum(librosa.power_to_db(mel, ref=1.0, top_db=None), floor)
    theirs = librosa.onset.onset_strength(S=decibels, sr=RATE, hop_length=512)[: len(ours)]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    assert theirs.max() > 5


def test_the_default_is_near_librosas_whose_floor_follows_the_loudest_moment(recording: np.ndarray) -> None:
    ours = rows_of("audio.onset", recording)[:, 0]
    theirs = librosa.onset.onset_strength(y=recording, sr=RATE)[: len(ours)]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99


@pytest.mark.parametrize("at", [5000, 12_345, 40_000])
def test_a_click_is_an_onset_in_the_rows_that_begin_after_it(at: int) -> None:
    samples = np.zeros(60_000, np.float32)
    samples[at] = 0.5
    onset = rows_of("audio.onset", samples)[:, 0]
    assert np.argmax(onset) - at // 512 in (1, 2)
    assert not onset[: at // 512 + 1].any()


def test_tones_are_onsets_only_where_they_begin() -> None:
    samples = np.zeros(3 * RATE, np.float32)
    starts = np.array([0.5, 1.3, 2.2])
    for start, frequency in zip(starts, (400, 900, 1700), strict=True):
        samples[int(start * RATE) :][: RATE // 3] = tone(frequency, 0.5)[: RATE // 3]
    onset = rows_of("audio.onset", samples)[:, 0]
    loudest = np.sort(
        [np.argmax(np.where(np.abs(np.arange(len(onset)) * 512 / RATE - s) < 0.2, onset, 0)) for s in starts]
    )
    np.testing.assert_allclose(loudest * 512 / RATE, starts, atol=1.5 * 512 / RATE)
    steady = rows_of("audio.onset", tone(1000, 2.0))[10:-10]
    assert steady.max() < 0.02 * onset.max()


def test_a_louder_copy_of_a_loud_sound_has_the_same_onsets() -> None:
    samples = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    np.testing.assert_allclose(
        rows_of("audio.onset", samples)[5:], rows_of("audio.onset", np.float32(4) * samples)[5:], atol=1e-4
    )


def test_what_lies_below_the_floor_is_silence() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[RATE // 2 :] = 2e-5 * np.random.default_rng(1).standard_normal(RATE - RATE // 2)
    assert not rows_of("audio.onset", samples).any()
    assert rows_of("audio.onset@floor=-100", samples).max() > 10


@pytest.mark.parametrize("floor", ["-101", "nan", "inf"])
def test_floors_that_cannot_be_are_refused(floor: str) -> None:
    with pytest.raises(ParameterError, match="floor"):
        made(f"audio.onset@floor={floor}")
