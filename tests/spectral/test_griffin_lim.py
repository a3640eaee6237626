"""Sound from mel decibels, a stretch at a time."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from giblet.errors import ParameterError
from giblet.spectral import griffin_lim
from giblet.spectral.griffin_lim import mel_to_audio
from giblet.spectral.mel import MelStream, power_to_db
from giblet.spectral.stft import hann, overlapping

RATE, N_FFT, HOP, N_MELS = 22050, 4096, 512, 2048
SMALL = (8000, 256, 64)


def mel_of(samples: np.ndarray) -> np.ndarray:
    stream = MelStream(RATE, N_FFT, HOP, N_MELS)
    return np.concatenate((stream.push(samples), stream.finish()), axis=1)


def there_and_back(samples: np.ndarray, **options: int) -> np.ndarray:
    mel = mel_of(samples)
    blocks = np.array_split(power_to_db(mel, mel.max()), 5, axis=1)
    sound = np.concatenate(list(mel_to_audio(blocks, RATE, N_FFT, HOP, reference=float(mel.max()), **options)))
    assert sound.dtype == np.float32
    return sound


def vowel(seconds: float) -> np.ndarray:
    """A voice without consonants: gliding pitch, two formants, nothing above 4 kHz."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    partials = np.arange(1, 24)
    strength = 1 / (1 + ((140 * partials - 700) / 200) ** 2) + 0.5 / (1 + ((140 * partials - 1800) / 300) ** 2)
    voice = sum(a * np.sin(n * phase) for n, a in zip(partials, strength, strict=True))
    return (0.1 * (1.2 + np.sin(2 * np.pi * 3 * time)) * voice).astype(np.float32)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return vowel(9.0)


@pytest.fixture(scope="module")
def rebuilt(voice: np.ndarray) -> np.ndarray:
    return there_and_back(voice)


def spectral_distance(sound: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Relative error of magnitude of each frame, against the mean level."""
    actual, expected = (
        np.abs(np.fft.rfft(overlapping(x[: len(reference)], N_FFT, HOP) * hann(N_FFT))) for x in (sound, reference)
    )
    return np.sqrt(((actual - expected) ** 2).sum(axis=1) / (expected**2).sum(axis=1).mean())


def stretch_borders(n_frames: int) -> np.ndarray:
    """First samples of the stretches after the first."""
    return np.arange(griffin_lim.STRETCH_FRAMES, n_frames - 8, griffin_lim.STRETCH_FRAMES) * HOP - N_FFT // 2


def test_a_voice_comes_back_with_its_spectrum_and_level(voice: np.ndarray, rebuilt: np.ndarray) -> None:
    assert np.sqrt(np.mean(spectral_distance(rebuilt, voice) ** 2)) < 0.1
    assert np.std(rebuilt) == pytest.approx(np.std(voice), rel=0.03)


def test_there_is_no_seam_between_stretches(voice: np.ndarray, rebuilt: np.ndarray) -> None:
    borders = stretch_borders(1 + len(voice) // HOP)
    assert len(borders) >= 2
    # A jump in the wave would be heard above the 4 kHz that the voice leaves empty.
    short = 256
    power = np.abs(np.fft.rfft(overlapping(rebuilt, short, short // 2) * hann(short)))[:, short // 4 :] ** 2
    high = power.sum(axis=1)
    at_border = np.concatenate([high[b // 128 - 8 : b // 128 + 8] for b in borders])
    assert at_border.max() < np.quantile(high, 0.995)
    # Phases that do not meet would show in the spectra of the frames across the border.
    distance = spectral_distance(rebuilt, voice)
    across = np.concatenate([distance[b // HOP - 8 : b // HOP + 8] for b in borders])
    assert across.mean() < 1.5 * distance.mean()


def test_sounds_keep_their_place_in_time() -> None:
    rng = np.random.default_rng(2)
    clicks = np.array([9_000, 40_100, 75_300, 90_000])  # the third lies at the border of two stretches
    samples = np.zeros(100_000, np.float32)
    for click in clicks:
        samples[click - 200 : click + 200] = rng.standard_normal(400) * np.hanning(400)
    energy = there_and_back(samples, n_iter=16) ** 2
    for click in clicks:
        near = np.arange(click - 6000, click + 6000)
        assert np.average(near, weights=energy[near]) == pytest.approx(click, abs=HOP / 2)


@pytest.mark.parametrize("n_frames", [1, 2, 127, 128, 133, 134, 300])
def test_every_frame_gives_hop_length_samples(n_frames: int) -> None:
    db = np.random.default_rng(1).uniform(-80, 0, (40, n_frames)).astype(np.float32)
    sound = np.concatenate(list(mel_to_audio([db], *SMALL, n_iter=2)))
    assert len(sound) == n_frames * SMALL[2]
    assert np.isfinite(sound).all()
    # Inconsistent phases at the edges are not blown up by a window that is all but 0.
    assert np.abs(sound).max() < 10 * np.std(sound) + 1e-6


@pytest.mark.parametrize(("n_fft", "hop_length"), [(256, 100), (256, 128), (255, 40), (256, 1)])
def test_any_step_up_to_half_a_frame(n_fft: int, hop_length: int) -> None:
    rng = np.random.default_rng(1)
    stream = MelStream(8000, n_fft, hop_length, 100)
    samples = rng.standard_normal(400 * hop_length - 1).astype(np.float32)
    mel = np.concatenate((stream.push(samples), stream.finish()), axis=1)
    db = power_to_db(mel, mel.max())
    sound = np.concatenate(list(mel_to_audio([db], 8000, n_fft, hop_length, n_iter=4, reference=float(mel.max()))))
    assert len(sound) == mel.shape[1] * hop_length
    assert np.std(sound) == pytest.approx(1, abs=0.4)
    assert np.abs(sound).max() < 8


def test_no_frames_give_no_sound() -> None:
    assert list(mel_to_audio([], *SMALL)) == []
    assert list(mel_to_audio([np.empty((40, 0), np.float32)], *SMALL)) == []


def test_the_division_into_blocks_does_not_matter_but_the_seed_does() -> None:
    db = np.random.default_rng(1).uniform(-80, 0, (40, 301)).astype(np.float32)

    def sound(blocks: list[np.ndarray], seed: int) -> np.ndarray:
        return np.concatenate(list(mel_to_audio(blocks, *SMALL, n_iter=4, seed=seed)))

    once = sound([db], 0)
    np.testing.assert_array_equal(sound([db], 0), once)
    np.testing.assert_array_equal(sound(np.split(db, [1, 2, 2, 150, 290], axis=1), 0), once)
    assert not np.array_equal(sound([db], 1), once)


def test_silence_stays_silent() -> None:
    db = power_to_db(np.zeros((40, 200), np.float32), 0.0)
    np.testing.assert_array_equal(np.concatenate(list(mel_to_audio([db], *SMALL, reference=0.0))), 0)
    floor = np.concatenate(list(mel_to_audio([np.full((40, 200), -80, np.float32)], *SMALL, n_iter=4)))
    assert np.isfinite(floor).all()
    loud = np.concatenate(list(mel_to_audio([np.zeros((40, 200), np.float32)], *SMALL, n_iter=4)))
    assert np.std(floor) == pytest.approx(1e-4 * np.std(loud), rel=0.1)


def test_memory_does_not_grow_with_the_sound() -> None:
    def peak(n_blocks: int) -> int:
        blocks: Iterator[np.ndarray] = (np.full((40, 500), -30, np.float32) for _ in range(n_blocks))
        tracemalloc.start()
        for _ in mel_to_audio(blocks, *SMALL, n_iter=1):
            pass
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few = peak(2)
    assert peak(20) < 1.1 * few


@pytest.mark.parametrize(("n_fft", "hop_length", "n_iter"), [(256, 129, 32), (256, 0, 32), (1, 1, 32), (256, 64, -1)])
def test_what_cannot_be_inverted_is_refused_at_once(n_fft: int, hop_length: int, n_iter: int) -> None:
    with pytest.raises(ParameterError):
        mel_to_audio([], 8000, n_fft, hop_length, n_iter=n_iter)


@pytest.mark.realdata
def test_speech_is_as_intelligible_as_by_librosa_on_the_whole(realdata: Path) -> None:
    import librosa
    import soundfile
    from pystoi import stoi

    path = realdata / "speech" / "ljspeech_LJ001-0001.wav"
    speech, rate = soundfile.read(path, frames=5 * RATE, dtype="float32")
    assert rate == RATE
    ours = there_and_back(speech)[: len(speech)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # empty filters
        theirs = librosa.feature.inverse.mel_to_audio(
            mel_of(speech), sr=RATE, n_fft=N_FFT, hop_length=HOP, n_iter=32, length=len(speech)
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pystoi warns where it cannot measure
        intelligibility = stoi(speech, ours, RATE)
        assert intelligibility > 0.95
        assert intelligibility > stoi(speech, theirs, RATE) - 0.01
