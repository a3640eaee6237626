"""APCodec's losses: the circle by its properties, every term against a slow twin in NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from giblet.codecs.apcodec.config import APCodecConfig
from giblet.codecs.apcodec.spectrum import Spectrum, analyse
from giblet.training.apcodec.config import APCodecLossConfig
from giblet.training.apcodec.losses import anti_wrapped, mel_slope
from giblet.training.apcodec.objective import APCodecObjective
from giblet.training.apcodec.trainee import SpectralReconstruction

SIZES = APCodecConfig(sample_rate=16_000, n_fft=128, window=80, hop=20, ratio=4)
ANGLES = st.floats(-50, 50, allow_nan=False)


def wrapped(angle: float) -> float:
    """Return the angle in [0, π], by its cosine."""
    return math.acos(max(-1.0, min(1.0, math.cos(angle))))


@given(ANGLES)
def test_the_distance_from_zero_on_the_circle(angle: float) -> None:
    assert anti_wrapped(torch.tensor(angle, dtype=torch.float64)).item() == pytest.approx(wrapped(angle), abs=1e-6)


@given(ANGLES, st.integers(-8, 8))
def test_a_whole_turn_changes_nothing_and_a_sign_neither(angle: float, turns: int) -> None:
    x = torch.tensor(angle, dtype=torch.float64)
    torch.testing.assert_close(anti_wrapped(x + 2 * math.pi * turns), anti_wrapped(x), atol=1e-9, rtol=0)
    torch.testing.assert_close(anti_wrapped(-x), anti_wrapped(x), atol=1e-9, rtol=0)


@given(ANGLES.filter(lambda angle: min(wrapped(angle), math.pi - wrapped(angle)) > 1e-3))
def test_the_gradient_leads_to_the_nearest_whole_turn(angle: float) -> None:
    x = torch.tensor(angle, dtype=torch.float64, requires_grad=True)
    anti_wrapped(x).backward()
    step = 1e-5
    slope = (wrapped(angle + step) - wrapped(angle - step)) / (2 * step)
    assert abs(x.grad.item()) == 1
    assert x.grad.item() == pytest.approx(slope, abs=1e-6)


def test_the_gradient_is_finite_everywhere() -> None:
    x = (math.pi * torch.arange(-6.0, 7.0)).requires_grad_()
    anti_wrapped(x).sum().backward()
    assert x.grad.isfinite().all()


def slow_spectrum(sound: np.ndarray) -> np.ndarray:
    """Return (batch, frequencies, frames), one frame and one frequency after the other."""
    half = SIZES.n_fft // 2
    window = np.zeros(SIZES.n_fft)
    before = (SIZES.n_fft - SIZES.window) // 2
    window[before : before + SIZES.window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZES.window) / SIZES.window)
    turns = np.arange(SIZES.n_fft)
    found = np.zeros((len(sound), half + 1, sound.shape[1] // SIZES.hop + 1), complex)
    for item, samples in enumerate(sound):
        ends = np.pad(samples, half, "reflect")
        for frame in range(found.shape[2]):
            piece = ends[frame * SIZES.hop : frame * SIZES.hop + SIZES.n_fft] * window
            for k in range(half + 1):
                found[item, k, frame] = np.sum(piece * np.exp(-2j * np.pi * k * turns / SIZES.n_fft))
    return found


def slow_losses(
    target: np.ndarray, log_amplitude: np.ndarray, phase: np.ndarray, sound: np.ndarray
) -> dict[str, float]:
    """Return what the paper's formulas say, with the difference matrices of the authors' implementation."""
    import librosa

    def circle(angle: np.ndarray) -> float:
        return float(np.mean(np.vectorize(wrapped)(angle)))

    def steps(n: int) -> np.ndarray:
        return np.triu(np.ones((n, n)), 1) - np.triu(np.ones((n, n)), 2) - np.eye(n)

    def mel(spectrum: np.ndarray) -> np.ndarray:
        bank = librosa.filters.mel(sr=SIZES.sample_rate, n_fft=SIZES.n_fft, n_mels=12)
        return np.log(np.maximum(bank @ np.sqrt(np.abs(spectrum) ** 2 + 1e-9), 1e-5))

    again = slow_spectrum(sound)
    made = np.exp(log_amplitude) * np.exp(1j * phase)
    difference = np.angle(target) - phase
    mels = mel(target) - mel(again)
    return {
        "amplitude": np.mean((np.log(np.abs(target) + 1e-5) - log_amplitude) ** 2),
        "phase": circle(difference),
        "group_delay": circle(np.swapaxes(difference, 1, 2) @ steps(target.shape[1])),
        "time_difference": circle(difference @ steps(target.shape[2])),
        "consistency": np.mean(np.abs(made - again) ** 2),
        "real": np.mean(np.abs(made.real - target.real)),
        "imaginary": np.mean(np.abs(made.imag - target.imag)),
        "mel_l1": np.mean(np.abs(mels)),
        "mel_l2": np.mean(mels**2),
    }


def made_of(sound: torch.Tensor, decoded: torch.Tensor, seed: int = 0) -> SpectralReconstruction:
    """Return a reconstruction whose spectra have nothing to do with its sound."""
    reference = analyse(sound, SIZES)
    random = torch.Generator().manual_seed(seed)
    log_amplitude = reference.log_amplitude + 0.3 * torch.randn(reference.phase.shape, generator=random)
    phase = (torch.rand(reference.phase.shape, generator=random) * 2 - 1) * math.pi
    amplitude = log_amplitude.exp()
    spectrum = Spectrum(log_amplitude, phase, amplitude * phase.cos(), amplitude * phase.sin())
    return SpectralReconstruction(decoded[:, None], {}, reference, spectrum)


def noise(seed: int, level: float = 0.1) -> torch.Tensor:
    return level * torch.randn(2, 460, generator=torch.Generator().manual_seed(seed))


def objective(**settings: float) -> APCodecObjective:
    return APCodecObjective(APCodecLossConfig(**{"n_mels": 12, "mel_windows": (64,)} | settings), SIZES, {}, "cpu")


def test_every_term_is_that_of_the_slow_twin() -> None:
    sound, decoded = noise(1), noise(2)
    made = made_of(sound, decoded)
    found = objective().losses(sound[:, None], made, 0)
    target = slow_spectrum(sound.double().numpy())
    twin = slow_losses(
        target, made.spectrum.log_amplitude.numpy(), made.spectrum.phase.numpy(), decoded.double().numpy()
    )
    assert found.keys() == twin.keys()
    for name, loss in twin.items():
        assert found[name].item() == pytest.approx(loss, rel=2e-3), name


def test_the_slope_is_that_of_the_mel_scale() -> None:
    import librosa

    frequencies = np.linspace(0, 8_000, 65)
    step = 0.01
    slope = librosa.hz_to_mel(frequencies + step, htk=True) - librosa.hz_to_mel(frequencies, htk=True)
    np.testing.assert_allclose(mel_slope(16_000, 128)[:, 0], slope / slope.mean(), rtol=1e-4)


def test_differences_count_by_the_slope_of_the_mel_scale() -> None:
    sound = noise(1)
    made = made_of(sound, noise(2))
    found = objective(mel_weighted=True).losses(sound[:, None], made, 0)
    plain = objective().losses(sound[:, None], made, 0)
    slope = mel_slope(16_000, 128).numpy()
    difference = (made.spectrum.log_amplitude - made.reference.log_amplitude).numpy()
    assert found["amplitude"].item() == pytest.approx(np.mean((slope * difference) ** 2), rel=1e-4)
    turns = made.spectrum.phase.double().numpy() - made.reference.phase.double().numpy()
    steps = {
        "phase": turns,
        "group_delay": np.diff(turns, axis=1, prepend=0),
        "time_difference": np.diff(turns, axis=2, prepend=0),
    }
    for name, angles in steps.items():
        assert found[name].item() == pytest.approx(np.mean(slope * np.vectorize(wrapped)(angles)), rel=1e-4), name
    others = found.keys() - steps - {"amplitude"}
    assert {name: found[name] for name in others} == {name: plain[name] for name in others}


def test_the_sound_itself_costs_nothing() -> None:
    sound = noise(1)
    spectrum = analyse(sound, SIZES)
    made = SpectralReconstruction(sound[:, None], {}, spectrum, spectrum)
    losses = objective().losses(sound[:, None], made, 0)
    assert max(loss.item() for loss in losses.values()) < 1e-9


def test_the_gradient_is_the_weighted_sum_and_penalties_count() -> None:
    sound = noise(1)
    weights = {"amplitude": 2.0, "mel_l1": 3.0, "commitment": 5.0}
    factors = (name for name, value in APCodecLossConfig() if isinstance(value, float))
    others = dict.fromkeys(factors, 0.0)
    judge = objective(**others | weights)
    decoded = noise(2).requires_grad_()
    made = made_of(sound, decoded)
    made.spectrum.log_amplitude.requires_grad_()
    given = torch.ones((), requires_grad=True)
    made.penalties["commitment"] = given * 7
    losses = judge.losses(sound[:, None], made, 0)
    assert losses.keys() == {"amplitude", "mel_l1"}
    by_hand = torch.autograd.grad(losses["mel_l1"], decoded, retain_graph=True)[0] * 3
    of_amplitude = torch.autograd.grad(losses["amplitude"], made.spectrum.log_amplitude, retain_graph=True)[0] * 2
    judge.backward(losses, made)
    torch.testing.assert_close(decoded.grad, by_hand)
    torch.testing.assert_close(made.spectrum.log_amplitude.grad, of_amplitude)
    assert given.grad.item() == 35


def test_digital_silence_has_finite_gradients() -> None:
    silence = torch.zeros(2, 460)
    decoded = torch.zeros(2, 460, requires_grad=True)
    made = made_of(silence, decoded)
    judge = objective()
    losses = judge.losses(silence[:, None], made, 0)
    judge.backward(losses, made)
    assert all(loss.isfinite() for loss in losses.values())
    assert decoded.grad.isfinite().all()
