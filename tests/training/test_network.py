"""The forward pass for training gives what transformers' own gives."""

import pytest
import torch
from transformers import EncodecModel

from giblet.training.encodec import encodec_config
from giblet.training.encodec_config import ModelConfig
from giblet.training.network import run_network

CAUSAL = ModelConfig(filters=4, strides=(2, 4, 5), latent_dim=8, lstm_layers=1, residual_layers=2, bandwidths=(12,))
STEREO = ModelConfig(
    sample_rate=48_000, channels=2, causal=False, normalize=True, segment=1.0, filters=4, strides=(2, 4, 5, 8),
    latent_dim=8, lstm_layers=1, bandwidths=(3,),
)  # fmt: skip


@pytest.mark.parametrize("settings", [CAUSAL, STEREO], ids=["causal", "not causal"])
@pytest.mark.parametrize("n_samples", [16, 640, 1283])
def test_output_and_gradients_are_those_of_transformers(settings, n_samples):
    torch.manual_seed(0)
    model = EncodecModel(encodec_config(settings))
    sound = torch.randn(3, settings.channels, n_samples)
    results = []
    for run in (lambda network, x: network(x), run_network):
        model.zero_grad()
        decoded = run(model.decoder, run(model.encoder, sound))
        decoded.square().mean().backward()
        gradients = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
        results.append((decoded.detach(), gradients))
    (expected, expected_gradients), (found, gradients) = results
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert len(gradients) == len(expected_gradients) > 0
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, atol=1e-5, rtol=1e-3)
