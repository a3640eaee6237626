"""Mel spectra of a stream against librosa's of the whole, and decibels."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet.errors import ParameterError
from giblet.spectral.mel import MelStream, db_to_power, mel_filters, mel_to_magnitude, power_to_db

DEFAULTS = {"sample_rate": 22050, "n_fft": 4096, "hop_length": 512, "n_mels": 2048}
SMALL = {"sample_rate": 8000, "n_fft": 256, "hop_length": 100, "n_mels": 30}


def noise(n: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(7).standard_normal(n)).astype(np.float32)


def whole(samples: np.ndarray, sample_rate: int, n_fft: int, hop_length: int, n_mels: int) -> np.ndarray:
    import librosa

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty filters, clips shorter than a frame
        return librosa.feature.melspectrogram(
            y=samples, sr=sample_rate, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels
        )


def streamed(blocks: list[np.ndarray], **parameters: int) -> np.ndarray:
    stream = MelStream(**parameters)
    return np.concatenate([*(stream.push(block) for block in blocks), stream.finish()], axis=1)


def assert_same_power(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.dtype == expected.dtype == np.float32
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-9 * expected.max())


@given(cuts=st.lists(st.integers(0, 3000), max_size=8), length=st.integers(1, 3000))
@settings(deadline=None, max_examples=40)
def test_blocks_side_by_side_equal_the_whole(cuts: list[int], length: int) -> None:
    samples = noise(length)
    blocks = np.split(samples, sorted(min(cut, length) for cut in cuts))
    assert_same_power(streamed(blocks, **SMALL), whole(samples, **SMALL))


def test_single_samples_can_be_pushed() -> None:
    samples = noise(700)
    assert_same_power(streamed(np.split(samples, len(samples)), **SMALL), whole(samples, **SMALL))


@pytest.mark.parametrize("length", [1, 511, 512, 4095, 4096, 50_000])
def test_the_defaults_equal_librosa_at_any_length(length: int) -> None:
    samples = noise(length)
    blocks = np.split(samples, range(3000, length, 3000))
    assert_same_power(streamed(blocks, **DEFAULTS), whole(samples, **DEFAULTS))


def test_a_quiet_sound_beside_a_loud_tone_is_exact_to_the_floor() -> None:
    import librosa

    time = np.arange(30_000) / 22050
    samples = (np.sin(2 * np.pi * 1000 * time) + 1e-4 * np.sin(2 * np.pi * 6000 * time)).astype(np.float32)
    actual, expected = streamed([samples], **DEFAULTS), whole(samples, **DEFAULTS)
    np.testing.assert_allclose(power_to_db(actual, actual.max()), librosa.power_to_db(expected, ref=np.max), atol=1e-3)


def test_silence_has_no_power_and_is_0_db_as_in_librosa() -> None:
    import librosa

    mel = streamed([np.zeros(10_000, np.float32)], **DEFAULTS)
    assert not mel.any()
    np.testing.assert_array_equal(power_to_db(mel, mel.max()), librosa.power_to_db(mel, ref=np.max))


def test_memory_does_not_grow_with_the_sound() -> None:
    stream = MelStream(**DEFAULTS)
    second = noise(22050)
    stream.push(second)
    tracemalloc.start()
    for _ in range(30):
        stream.push(second)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200e3
    assert peak < 20e6


@pytest.mark.parametrize("change", [{"sample_rate": 0}, {"n_mels": 0}, {"n_fft": 1}, {"hop_length": 0}])
def test_impossible_parameters_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ParameterError):
        MelStream(**{**DEFAULTS, **change})


def test_many_filters_bring_no_warning() -> None:
    mel_filters.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MelStream(**DEFAULTS)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "rate", "n_fft"), [("001", 4000, 128), ("003", 8000, 256)])
def test_filter_bank_equals_matlabs(realdata: Path, name: str, rate: int, n_fft: int) -> None:
    from scipy.io import loadmat

    reference = loadmat(realdata / "reference" / "librosa" / f"feature-melfb-{name}.mat")
    assert reference["fmax"].item() == rate / 2
    assert reference["sr"].item() / reference["nfft"].item() == rate / n_fft
    # MATLAB's bank of 001 goes on to frequencies above fmax, where it is 0.
    bank = mel_filters(rate, n_fft, int(reference["nfilts"].item())).toarray()
    np.testing.assert_allclose(bank, reference["wts"][:, : n_fft // 2 + 1], atol=1e-8)
    assert not reference["wts"][:, n_fft // 2 + 1 :].any()


@pytest.mark.parametrize("top_db", [80.0, 40.0])
@pytest.mark.parametrize("scale", [1e-14, 1e-6, 1.0, 1e6])
def test_decibels_of_blocks_equal_librosas_of_the_whole(scale: float, top_db: float) -> None:
    import librosa

    power = (scale * np.random.default_rng(3).random((20, 30)) ** 30).astype(np.float32)
    blocks = [power_to_db(block, power.max(), top_db) for block in np.array_split(power, 4, axis=1)]
    actual = np.concatenate(blocks, axis=1)
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, librosa.power_to_db(power, ref=np.max, top_db=top_db))


def test_decibels_and_back() -> None:
    power = np.array([3e-3, 2.0, 50.0], np.float32)
    np.testing.assert_allclose(db_to_power(power_to_db(power, 50.0), 50.0), power, rtol=1e-5)


def convergence(estimate: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(estimate - truth) / np.linalg.norm(truth))


def test_magnitudes_survive_the_mel_scale() -> None:
    # As many filters as frequencies need not mean that each is seen alone: 3 share a filter at the top.
    rng = np.random.default_rng(5)
    envelope = np.exp(-np.linspace(0, 6, 2049))[:, None]
    magnitude = envelope * np.abs(rng.standard_normal((2049, 8)) + 1j * rng.standard_normal((2049, 8)))
    magnitude[[0, -1]] = 0
    bank = mel_filters(22050, 4096, 2048)
    mel = (bank @ magnitude**2).astype(np.float32)
    estimate = mel_to_magnitude(mel, 22050, 4096)
    assert estimate.dtype == np.float32
    np.testing.assert_allclose(bank @ estimate**2, mel, rtol=0.05, atol=1e-3 * mel.max())
    # Below 2 kHz every frequency has filters of its own.
    assert convergence(estimate[:370], magnitude[:370]) < 1e-2


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e8])
def test_inversion_does_not_depend_on_the_level(scale: float) -> None:
    mel = np.random.default_rng(5).random((30, 4)).astype(np.float32)
    expected = np.sqrt(scale) * mel_to_magnitude(mel, 8000, 256)
    np.testing.assert_allclose(mel_to_magnitude((scale * mel).astype(np.float32), 8000, 256), expected, rtol=1e-3)


@pytest.mark.realdata
def test_inversion_comes_nearer_to_speech_than_librosas(realdata: Path) -> None:
    import librosa
    import soundfile

    speech, rate = soundfile.read(realdata / "speech" / "ljspeech_LJ001-0001.wav", frames=22050, dtype="float32")
    truth = np.abs(librosa.stft(speech, n_fft=4096, hop_length=512))
    mel = streamed([speech], **DEFAULTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = librosa.feature.inverse.mel_to_stft(mel, sr=rate, n_fft=4096)
    assert convergence(mel_to_magnitude(mel, rate, 4096), truth) < convergence(theirs, truth)
