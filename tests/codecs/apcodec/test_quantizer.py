"""The residual quantiser that learns by gradient."""

from __future__ import annotations

import numpy as np
import torch

from giblet.features.latents import latents


def some_latents(frames=50):
    return torch.randn(2, 8, frames, generator=torch.Generator().manual_seed(1))


def test_each_codebook_takes_the_entry_of_the_nearest_direction(networks):
    given = some_latents()
    codes = networks.quantizer.encode(given).numpy()
    left = given.numpy().astype(np.float64)
    for q, layer in enumerate(networks.quantizer.layers):
        weight, bias = layer.project_in.weight[..., 0].detach().numpy(), layer.project_in.bias.detach().numpy()
        projected = np.einsum("oi,bit->bto", weight, left) + bias
        entries = layer.entries.weight.detach().numpy()
        cosine = np.einsum("bto,ko->btk", projected, entries / np.linalg.norm(entries, axis=1, keepdims=True))
        assert (cosine.argmax(-1) == codes[:, q]).all()
        weight, bias = layer.project_out.weight[..., 0].detach().numpy(), layer.project_out.bias.detach().numpy()
        left = left - (np.einsum("oi,bti->bot", weight, entries[codes[:, q]]) + bias[:, None])


def test_training_and_use_agree(networks):
    given = some_latents()
    quantized = networks.quantizer(given)
    assert (quantized.codes == networks.quantizer.encode(given)).all()
    torch.testing.assert_close(networks.quantizer.decode(quantized.codes), quantized.latents, atol=1e-5, rtol=0)
    assert (networks.quantizer.encode(given, 2) == quantized.codes[:, :2]).all()
    fewer = networks.quantizer(given, 2)
    torch.testing.assert_close(networks.quantizer.decode(quantized.codes[:, :2]), fewer.latents, atol=1e-5, rtol=0)


def test_latents_are_sums_of_the_code_vectors(networks, codec):
    codes = networks.quantizer.encode(some_latents())
    expected = networks.quantizer.decode(codes)[0].t().detach().numpy()
    np.testing.assert_allclose(latents(codes[0].numpy(), codec.codebooks()), expected, atol=1e-5)
    assert codec.codebooks(3).shape == (3, 64, 8)


def test_gradients_pass_straight_through_and_each_loss_moves_its_own(networks):
    given = some_latents().requires_grad_()
    quantized = networks.quantizer(given)
    entries = networks.quantizer.layers[0].entries.weight
    by_codebook = torch.autograd.grad(quantized.codebook_loss, [entries, given], retain_graph=True, allow_unused=True)
    used = quantized.codes[:, 0].unique()
    assert by_codebook[0][used].abs().sum(1).min() > 0
    through = torch.autograd.grad(quantized.latents.square().sum(), given, retain_graph=True)[0]
    assert through.abs().min(dim=1).values.max() > 0
    committed = torch.autograd.grad(quantized.commitment_loss, [entries, given], allow_unused=True)
    assert committed[1].abs().sum() > 0
    torch.testing.assert_close(quantized.commitment_loss, quantized.codebook_loss)
