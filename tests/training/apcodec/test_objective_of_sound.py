"""Losses of the sound itself, which small APCodecs begin with."""

import pytest
import torch

from giblet.training.apcodec.config import APCodecLossConfig, APCodecModelSection, APCodecQuantizerConfig
from giblet.training.apcodec.objective import APCodecObjective
from giblet.training.apcodec.trainee import APCodecTrainee
from giblet.training.losses import MelLoss

MODEL = APCodecModelSection(
    n_fft=64, window=64, hop=16, ratio=2, width=8, depth=1, inner=8, reduced=4, latent_dim=6, codebook_dim=6,
    codebook_size=16,
)  # fmt: skip
WINDOWS = (128, 256)


@pytest.fixture(scope="module")
def made():
    sound = 0.1 * torch.randn(2, 1, 4784, generator=torch.Generator().manual_seed(0))
    return sound, APCodecTrainee(MODEL, APCodecQuantizerConfig(), 0, "cpu").reconstruct(sound, 0)


def objective(**weights):
    return APCodecObjective(APCodecLossConfig(mel_windows=WINDOWS, **weights), MODEL.sizes, {}, "cpu")


def test_only_what_weighs_is_listed(made):
    assert not {"waveform", "multi_mel"} & objective().losses(*made, 0).keys()
    assert objective(waveform=1, multi_mel=1).losses(*made, 0).keys() >= {"waveform", "multi_mel", "phase", "mel_l1"}


def test_both_are_those_of_other_codecs_with_a_floor_that_descends(made):
    sound, reconstruction = made
    settings = {"waveform": 1, "multi_mel": 1, "log_floor": (1e-2, 1e-4), "log_floor_steps": 10}
    losses = [objective(**settings).losses(*made, step) for step in (0, 5, 10, 99)]
    expected = []
    for floor in (1e-2, 1e-3, 1e-4, 1e-4):
        mel = MelLoss(48_000, WINDOWS, overlap=2, linear=1, log_l1=1, log_l2=0, log_floor=floor)
        expected.append(float(mel(sound, reconstruction.sound).detach()))
    assert [float(each["multi_mel"].detach()) for each in losses] == pytest.approx(expected)
    assert float(losses[0]["waveform"].detach()) == pytest.approx(
        float((sound - reconstruction.sound).abs().mean().detach())
    )
