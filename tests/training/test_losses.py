"""Losses of sound against librosa, torch's own transforms and hand-made numbers, and what they do in training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from giblet.errors import ParameterError
from giblet.training.losses import MelLoss, StftLoss, WaveformLoss

RATE = 16_000


def noise(*shape: int, level: float = 0.1, seed: int = 3) -> torch.Tensor:
    return level * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tone(hz: float, n_samples: int = 4000) -> torch.Tensor:
    return 0.3 * torch.sin(2 * torch.pi * hz * torch.arange(n_samples) / RATE)[None, None]


def every_loss() -> list[torch.nn.Module]:
    return [
        WaveformLoss(),
        MelLoss(RATE, log_l1=1.0),
        MelLoss(RATE, log_l1=1.0, power=2),
        MelLoss(RATE, (64, 512), window_weighted=True, overlap=2, log_floor=1e-2),
        StftLoss(),
    ]


def mel_by_librosa(samples: np.ndarray, window: int, n_mels: int, power: int) -> np.ndarray:
    """Means over the frequencies of a band, for windows of unit energy, shape (frames, bands)."""
    import librosa

    filters = librosa.filters.mel(sr=RATE, n_fft=window, n_mels=n_mels)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=window, hop_length=window // 4, n_mels=n_mels, power=power
    )
    energy = np.square(librosa.filters.get_window("hann", window)).sum()
    total = filters.sum(axis=1)
    return (mel[total > 0] / total[total > 0, None]).T / energy ** (power / 2)


def mel_loss_by_torch(loss: MelLoss, reference: torch.Tensor, estimate: torch.Tensor) -> torch.Tensor:
    """EnCodec's mel loss from `torch.stft`, whose gradient is autograd's."""
    total = torch.zeros((), dtype=estimate.dtype)
    for scale in loss.scales:
        window, bank = scale.window, scale.bank
        bands = []
        for sound in (reference, estimate):
            options = {"window": window, "center": True, "pad_mode": "constant", "return_complex": True}
            spectrum = torch.stft(sound.flatten(0, 1), len(window), len(window) // 4, **options)
            bands.append(spectrum.abs().transpose(1, 2) @ bank)
        logs = [(part + loss.log_floor).log10() for part in bands]
        total = total + (bands[0] - bands[1]).abs().mean() + (logs[0] - logs[1]).square().mean()
    return total / len(loss.scales)


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(("window", "n_mels"), [(2048, 64), (256, 64), (64, 32), (32, 16)])
def test_bands_are_librosas(window: int, n_mels: int, power: int) -> None:
    sound = noise(2, 1, 5001)
    ((bands, logs),) = MelLoss(RATE, (window,), 64, power=power, log_floor=1e-3).features(sound)
    expected = np.stack([mel_by_librosa(item[0].numpy(), window, n_mels, power) for item in sound])
    np.testing.assert_allclose(bands.numpy(), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(logs.numpy(), np.log10(expected + 1e-3), atol=1e-4)


def test_small_windows_have_no_band_without_a_frequency() -> None:
    for bands, _ in MelLoss(RATE, n_mels=64).features(noise(1, 1, 6000)):
        assert 8 < bands.shape[-1] <= 64
        assert (bands.mean(dim=(0, 1)) > 1e-3).all()


def test_white_noise_has_its_level_in_every_band_of_every_scale() -> None:
    for power, _ in MelLoss(RATE, power=2).features(noise(16, 1, 20_000, level=0.05)):
        inner = power[:, 4:-4, 1:-1].mean(dim=(0, 1)).sqrt()
        torch.testing.assert_close(inner, torch.full_like(inner, 0.05), rtol=0.1, atol=0)


def test_overlap_sets_the_number_of_frames() -> None:
    sound = noise(1, 1, 6000)
    for overlap in (1, 2, 4, 8):
        ((bands, _),) = MelLoss(RATE, (512,), overlap=overlap).features(sound)
        assert bands.shape[1] == 1 + 6000 * overlap // 512


@pytest.mark.parametrize("n_samples", [100, 3001, 6000])
def test_value_and_gradient_are_those_of_torch_stft(n_samples: int) -> None:
    loss = MelLoss(RATE, log_floor=1e-2).double()
    reference, estimate = noise(3, 2, n_samples).double(), noise(3, 2, n_samples, seed=4).double()
    gradients = []
    for compare in (loss, lambda *pair: mel_loss_by_torch(loss, *pair)):
        sound = estimate.clone().requires_grad_()
        value = compare(reference, sound)
        gradients.append((value.detach(), *torch.autograd.grad(value, sound)))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-9, atol=1e-12)


def test_gradient_of_powers_is_right() -> None:
    loss = MelLoss(RATE, (32, 64), power=2, log_l1=0.5).double()
    reference, estimate = noise(1, 1, 50).double(), noise(1, 1, 50, seed=4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda sound: loss(reference, sound), estimate)


def test_terms_of_the_mel_loss_are_weighted_and_averaged_over_scales() -> None:
    reference, estimate = noise(2, 1, 4000), noise(2, 1, 4000, seed=4)
    windows = (128, 512)
    features = [MelLoss(RATE, windows, log_floor=1e-3).features(sound) for sound in (reference, estimate)]
    expected = 0.0
    for window, (x, log_x), (y, log_y) in zip(windows, *features, strict=True):
        linear, logs = (x - y).numpy(), (log_x - log_y).numpy()
        squared = math.sqrt(window / 2) * np.square(logs).mean()
        expected += (2 * np.abs(linear).mean() + 3 * np.abs(logs).mean() + 5 * squared) / 2
    loss = MelLoss(RATE, windows, log_floor=1e-3, linear=2, log_l1=3, log_l2=5, window_weighted=True)
    assert loss(reference, estimate).item() == pytest.approx(expected, rel=1e-4)


def test_terms_without_weight_are_left_out() -> None:
    reference, estimate = noise(1, 1, 4000), noise(1, 1, 4000, seed=4)
    linear = MelLoss(RATE, log_l2=0.0)
    log_l1 = MelLoss(RATE, linear=0.0, log_l1=1.0, log_l2=0.0)
    both = MelLoss(RATE, log_l1=1.0, log_l2=0.0)
    parts = linear(reference, estimate) + log_l1(reference, estimate)
    assert parts.item() == pytest.approx(both(reference, estimate).item(), rel=1e-5)


def test_a_prepared_reference_gives_the_same() -> None:
    loss = MelLoss(RATE)
    reference, estimate = noise(2, 2, 4000), noise(2, 2, 4000, seed=4)
    assert loss(loss.features(reference), estimate).item() == loss(reference, estimate).item()


def test_channels_are_compared_one_by_one() -> None:
    reference, estimate = noise(1, 2, 4000), noise(1, 2, 4000, seed=4)
    for loss in every_loss()[:-1]:
        apart = [loss(reference[:, [i]], estimate[:, [i]]).item() for i in (0, 1)]
        assert loss(reference, estimate).item() == pytest.approx(np.mean(apart), rel=1e-5)


def test_a_large_floor_hides_faint_differences() -> None:
    reference, estimate = noise(1, 1, 8000, level=1e-4), noise(1, 1, 8000, level=2e-4, seed=4)
    assert MelLoss(RATE, log_floor=1e-2)(reference, estimate) < 1e-3
    assert MelLoss(RATE, log_floor=1e-6)(reference, estimate) > 0.1


def test_the_waveform_loss_is_the_mean_absolute_difference() -> None:
    reference, estimate = torch.tensor([[[0.0, 1.0]], [[0.5, 0.5]]]), torch.tensor([[[0.5, 0.0]], [[0.5, -0.5]]])
    assert WaveformLoss()(reference, estimate).item() == pytest.approx(2.5 / 4)


def test_the_stft_loss_of_librosas_spectra() -> None:
    import librosa

    reference, estimate = noise(2, 1, 5000), noise(2, 1, 5000, seed=4)
    expected = 0.0
    for window in (256, 1024):
        options = {"n_fft": window, "hop_length": window // 4, "pad_mode": "constant"}
        scale = np.sqrt(np.square(librosa.filters.get_window("hann", window)).sum())
        x, y = (
            np.abs(librosa.stft(s[:, 0].numpy().astype(np.float64), **options)) / scale for s in (reference, estimate)
        )
        convergence = np.linalg.norm(x - y) / np.linalg.norm(x)
        expected += (2 * convergence + 3 * np.abs(np.log(x + 1e-3) - np.log(y + 1e-3)).mean()) / 2
    loss = StftLoss((256, 1024), log_floor=1e-3, convergence=2, log_magnitude=3)
    assert loss(reference, estimate).item() == pytest.approx(expected, rel=1e-4)


def test_twice_the_sound_is_a_convergence_of_1_and_a_logarithm_of_2() -> None:
    sound = noise(1, 1, 8000)
    assert StftLoss(log_floor=1e-9)(sound, 2 * sound).item() == pytest.approx(1 + math.log(2), rel=1e-3)


@pytest.mark.parametrize("loss", every_loss(), ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("levels", [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)], ids=["both", "estimate", "reference"])
def test_silence_has_a_finite_loss_and_gradient(loss: torch.nn.Module, levels: tuple[float, float]) -> None:
    reference, estimate = noise(2, 1, 4000, level=levels[0]), noise(2, 1, 4000, level=levels[1]).requires_grad_()
    value = loss(reference, estimate)
    value.backward()
    assert math.isfinite(value.item())
    assert torch.isfinite(estimate.grad).all()
    if levels == (0.0, 0.0):
        assert value.item() == 0


@pytest.mark.parametrize("loss", every_loss(), ids=lambda loss: type(loss).__name__)
def test_a_sound_is_at_no_distance_from_itself(loss: torch.nn.Module) -> None:
    assert loss(noise(2, 1, 4000), noise(2, 1, 4000)).item() == 0


@pytest.mark.parametrize("loss", every_loss()[1:], ids=lambda loss: type(loss).__name__)
def test_sound_can_be_found_by_going_down_the_gradient(loss: torch.nn.Module) -> None:
    reference = tone(440)
    sound = noise(1, 1, 4000).requires_grad_()
    optimizer = torch.optim.Adam([sound], lr=0.01)
    values = []
    for _ in range(60):
        optimizer.zero_grad()
        value = loss(reference, sound)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.7 * values[0]


def test_filters_are_no_part_of_a_checkpoint() -> None:
    assert not any(len(loss.state_dict()) for loss in every_loss())


@pytest.mark.parametrize("loss", every_loss(), ids=lambda loss: type(loss).__name__)
def test_sounds_of_different_shape_are_refused(loss: torch.nn.Module) -> None:
    with pytest.raises(ParameterError, match="shape"):
        loss(noise(1, 2, 4000), noise(1, 1, 4000))


def test_a_prepared_reference_of_another_length_is_refused() -> None:
    loss = MelLoss(RATE)
    with pytest.raises(ParameterError, match="shape"):
        loss(loss.features(noise(1, 1, 4000)), noise(1, 1, 8000))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"windows": ()}, "no window"),
        ({"windows": (100,), "overlap": 8}, "100 samples"),
        ({"windows": (33,)}, "33 samples"),
        ({"overlap": 0}, "1/0"),
        ({"log_floor": 0.0}, "log_floor is 0.0"),
    ],
)
@pytest.mark.parametrize("make", [StftLoss, lambda **options: MelLoss(RATE, **options)], ids=["stft", "mel"])
def test_parameters_without_a_meaning_are_refused(make, options: dict, names: str) -> None:
    with pytest.raises(ParameterError, match=names):
        make(**options)


@pytest.mark.parametrize(
    ("options", "names"),
    [({"power": 3}, "power is 3"), ({"linear": -1.0}, "linear -1"), ({"linear": 0, "log_l2": 0}, "positive")],
)
def test_parameters_of_the_mel_loss_are_checked(options: dict, names: str) -> None:
    with pytest.raises(ParameterError, match=names):
        MelLoss(RATE, **options)
