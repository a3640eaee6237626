"""Discriminators: published sizes, what they see, and that they learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from giblet.errors import ParameterError
from giblet.training.adversarial import discriminator_loss
from giblet.training.discriminators import DISCRIMINATORS, Discriminators, build_discriminator

RATE = 16_000
SMALL = {
    "ms-stft": {"width": 8, "windows": (512, 256, 128)},
    "multi-period": {"width": 4, "periods": (2, 3, 5)},
    "multi-scale": {"width": 8},
    "melgan": {"width": 8, "scales": 2, "n_strided": 2},
    "multi-resolution": {"width": 4, "resolutions": ((256, 64, 128), (128, 32, 64))},
}


def small(name: str, channels: int = 1) -> nn.Module:
    torch.manual_seed(0)
    return build_discriminator(name, channels=channels, **SMALL[name])


def small_ones() -> Discriminators:
    return Discriminators(small(name) for name in DISCRIMINATORS)


def n_weights(module: nn.Module) -> int:
    """Values of the convolutions, without the norms' scales."""
    convs = [part for part in module.modules() if isinstance(part, nn.Conv1d | nn.Conv2d)]
    return sum(conv.weight.numel() + conv.bias.numel() for conv in convs)


def noise(batch: int, channels: int = 1, n_samples: int = 4000, seed: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(batch, channels, n_samples, generator=torch.Generator().manual_seed(seed))


def tones(batch: int, seed: int) -> torch.Tensor:
    hz = torch.rand(batch, 1, 1, generator=torch.Generator().manual_seed(seed)) * 300 + 100
    return 0.1 * 2**0.5 * torch.sin(2 * torch.pi * hz * torch.arange(4000) / RATE)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("multi-period", 41.1), ("multi-scale", 29.6), ("melgan", 16.9), ("ms-stft", 0.4),
     ("multi-resolution", 0.6)],
)  # fmt: skip
def test_unchanged_sizes_are_the_published_ones(name: str, millions: float) -> None:
    assert round(n_weights(build_discriminator(name)) / 1e6, 1) == millions


def test_the_stft_stack_has_the_published_kernels() -> None:
    convs = [part for part in build_discriminator("ms-stft", windows=(256,)).modules() if isinstance(part, nn.Conv2d)]
    assert [tuple(conv.kernel_size) for conv in convs] == [(3, 8)] * 4 + [(3, 3)] * 2
    assert [tuple(conv.dilation) for conv in convs] == [(1, 1), (1, 1), (2, 1), (4, 1), (1, 1), (1, 1)]
    assert [tuple(conv.stride) for conv in convs] == [(1, 1)] + [(1, 2)] * 3 + [(1, 1)] * 2


def test_only_the_first_scale_of_hifi_gan_has_spectral_norm() -> None:
    stacks = build_discriminator("multi-scale", width=8).stacks
    has_scale = ["layers.0.parametrizations.weight.original0" in dict(stack.named_parameters()) for stack in stacks]
    assert has_scale == [False, True, True]
    weight = stacks[0].layers[0].weight.flatten(1)
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize(
    ("name", "positions"),
    [
        ("ms-stft", [(28, 32), (59, 16), (122, 8)]),
        ("multi-period", [(25, 2), (17, 3), (10, 5)]),
        ("multi-scale", [(63,), (32,), (16,)]),
        ("melgan", [(250,), (125,)]),
        ("multi-resolution", [(5, 8), (3, 16)]),
    ],
)
def test_logits_and_features_keep_their_places(name: str, positions: list[tuple[int, ...]]) -> None:
    logits, features = small(name)(noise(2))
    assert [tuple(part.shape) for part in logits] == [(2, 1, *places) for places in positions]
    for judged, layers in zip(logits, features, strict=True):
        assert len(layers) >= 4
        assert layers[-1].shape[2:] == judged.shape[2:]
        assert all(layer.shape[1] > 1 for layer in layers)


def test_a_spectrum_is_normalised_and_its_two_parts_are_seen() -> None:
    scale = build_discriminator("ms-stft", windows=(256,)).scales[0]
    seen = []
    scale.stack.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    sound = noise(2, n_samples=1000)
    scale(sound)
    (spectrum,) = seen
    assert spectrum.shape == (2, 2, 1 + (1000 - 256) // 64, 129)
    window = np.hanning(257)[:-1]
    frame = np.fft.rfft(sound[1, 0, 64:320].numpy() * window / np.sqrt(np.sum(window**2)))
    np.testing.assert_allclose(spectrum[1, 0, 1], frame.real, atol=1e-5)
    np.testing.assert_allclose(spectrum[1, 1, 1], frame.imag, atol=1e-5)


def test_magnitudes_are_those_of_a_rectangle_in_the_middle_of_the_transform() -> None:
    judge = build_discriminator("multi-resolution", resolutions=((256, 40, 100),), width=2)
    seen = []
    judge.stacks[0].register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    sound = noise(1, n_samples=1000)
    judge(sound)
    (magnitude,) = seen
    assert magnitude.shape == (1, 1, 129, 1 + 1000 // 40)
    frame = np.fft.rfft(sound[0, 0, 10 * 40 - 50 : 10 * 40 + 50].numpy(), 256)
    np.testing.assert_allclose(magnitude[0, 0, :, 10], np.abs(frame), atol=1e-5)


def test_apcodec_has_the_published_resolutions_and_kernels() -> None:
    judge = build_discriminator("multi-resolution")
    assert judge.resolutions == ((512, 20, 160), (1024, 40, 320), (2048, 80, 640))
    convs = [part for part in judge.stacks[0].modules() if isinstance(part, nn.Conv2d)]
    assert [tuple(conv.kernel_size) for conv in convs] == [(7, 5), (5, 3), (5, 3), (3, 3), (3, 3), (3, 3)]
    assert [tuple(conv.stride) for conv in convs] == [(2, 2), (2, 1), (2, 2), (2, 1), (2, 2), (1, 1)]


def test_the_stft_discriminator_sees_both_channels_together() -> None:
    judge = small("ms-stft", channels=2)
    sound = noise(1, channels=2)
    logits, _ = judge(sound)
    assert all(part.shape[0] == 1 for part in logits)
    swapped, _ = judge(sound.flip(1))
    assert not any(torch.allclose(*pair) for pair in zip(logits, swapped, strict=True))


@pytest.mark.parametrize("name", ["multi-period", "multi-scale", "melgan", "multi-resolution"])
def test_the_others_judge_each_channel_by_itself(name: str) -> None:
    judge = small(name, channels=2).eval()
    sound = noise(2, channels=2)
    logits, _ = judge(sound)
    apart, _ = judge(sound[:, [1]])
    for together, alone in zip(logits, apart, strict=True):
        torch.testing.assert_close(together[1::2], alone)


def test_a_period_sees_every_pth_sample() -> None:
    judge = build_discriminator("multi-period", periods=(5,), width=4)
    sound = noise(1, n_samples=1000)
    changed = sound.clone()
    changed[..., 3::5] += 1
    ((before,), _), ((after,), _) = judge(sound), judge(changed)
    differs = (before != after).any(dim=2).flatten().tolist()
    assert differs == [False, False, False, True, False]


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_gradients_reach_the_sound_and_every_parameter(name: str) -> None:
    judge = small(name)
    sound = noise(2).requires_grad_()
    logits, _ = judge(sound)
    sum(part.square().mean() for part in logits).backward()
    assert sound.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.any() for p in judge.parameters())


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_silence_has_finite_gradients(name: str) -> None:
    judge = small(name)
    sound = torch.zeros(1, 1, 4000, requires_grad=True)
    logits, _ = judge(sound)
    sum(part.square().mean() for part in logits).backward()
    assert torch.isfinite(sound.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in judge.parameters())


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_noise_and_tones_are_told_apart_after_a_few_steps(name: str) -> None:
    judge = small(name)
    optimizer = torch.optim.Adam(judge.parameters(), lr=3e-3, betas=(0.5, 0.9))
    for step in range(30):
        real, fake = judge(tones(4, seed=step))[0], judge(noise(4, seed=step))[0]
        optimizer.zero_grad()
        discriminator_loss(real, fake, "hinge").backward()
        optimizer.step()
    real, fake = judge(tones(8, seed=1000))[0], judge(noise(8, seed=1000))[0]
    for tone_logits, noise_logits in zip(real, fake, strict=True):
        assert tone_logits.flatten(1).mean(dim=1).min() > noise_logits.flatten(1).mean(dim=1).max() + 0.1


def test_several_judge_side_by_side() -> None:
    judges = small_ones().eval()
    sound = noise(2)
    logits, features = judges(sound)
    assert len(logits) == len(features) == 3 + 3 + 3 + 2 + 2
    expected = [part for member in judges.members for part in member(sound)[0]]
    assert all(torch.equal(*pair) for pair in zip(logits, expected, strict=True))


def test_a_checkpoint_restores_every_judgement() -> None:
    judges = small_ones()
    judges(noise(2))
    torch.manual_seed(1)
    others = Discriminators(build_discriminator(name, **SMALL[name]) for name in DISCRIMINATORS)
    others.load_state_dict(judges.state_dict())
    for _ in range(2):  # spectral norms change with every judgement in training
        for first, second in zip(judges(noise(2))[0], others(noise(2))[0], strict=True):
            assert torch.equal(first, second)


def test_unknown_names_and_sizes_are_refused() -> None:
    with pytest.raises(
        ParameterError, match="choose one of ms-stft, multi-period, multi-scale, melgan, multi-resolution"
    ):
        build_discriminator("patch")
    with pytest.raises(ParameterError, match="no size windows; choose among n_strided, scales, width"):
        build_discriminator("melgan", windows=(512,))
    with pytest.raises(ParameterError, match="multiples of 4"):
        build_discriminator("ms-stft", windows=(510,))
    with pytest.raises(ParameterError, match="no longer than the transform"):
        build_discriminator("multi-resolution", resolutions=[(64, 16, 128)])
    with pytest.raises(ParameterError, match="period 0"):
        build_discriminator("multi-period", periods=(2, 0))


def test_sound_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ParameterError, match="512 samples cannot judge 500"):
        small("ms-stft")(noise(1, n_samples=500))
