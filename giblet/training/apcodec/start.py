"""Codebooks set from latents, for an encoder that has learnt without them."""

from __future__ import annotations

import torch
from torch import Tensor

from giblet.codecs.apcodec.quantizer import Codebook, ResidualQuantizer

ITERATIONS = 10
CONSTANT = 5.0
"""As a multiple of the length of what a codebook is given."""


@torch.no_grad()
def set_codebooks(quantizer: ResidualQuantizer, latents: Tensor, generator: torch.Generator) -> None:
    """Set every codebook by k-means over what the ones before it leave.

    Projections between latents and entries become rotations and back, so that codes begin with all of a latent. Where
    entries have more numbers than latents, one that is spare gets a constant, long beside the latents: directions then
    differ as places do, so that the look-up by direction finds the nearest entry and not one of any other length.

    Parameters
    ----------
    quantizer : ResidualQuantizer
        Its weights are replaced.
    latents : Tensor, float32, shape (batch, latent_dim, frames)
        Of many crops, ten or more per entry.
    generator : torch.Generator
        On the CPU.
    """
    left = latents
    for layer in quantizer.layers:
        assert isinstance(layer, Codebook)
        _rotate(layer, generator, CONSTANT * left.square().sum(1).mean().sqrt())
        given = layer.project_in(left)
        vectors = given.transpose(1, 2).flatten(0, 1)
        layer.entries.weight.copy_(vectors[_chosen(len(vectors), len(layer.entries.weight), generator)])
        for _ in range(ITERATIONS):
            nearest = layer.nearest(given).flatten()
            sums = torch.zeros_like(layer.entries.weight).index_add_(0, nearest, vectors)
            counts = torch.bincount(nearest, minlength=len(sums))
            means = sums / counts.clamp_min(1)[:, None]
            # An entry that nobody chose becomes one of the vectors.
            others = vectors[torch.randint(len(vectors), (len(sums),), generator=generator).to(vectors.device)]
            layer.entries.weight.copy_(torch.where(counts[:, None] > 0, means, others))
        left = left - layer.project_out(layer.look_up(layer.nearest(given)))


def _rotate(layer: Codebook, generator: torch.Generator, constant: Tensor) -> None:
    rows, columns = layer.project_in.weight.shape[:2]
    size = max(rows, columns)
    rotation = torch.linalg.qr(torch.randn(size, size, generator=generator))[0].to(layer.project_in.weight)
    matrix = rotation[:rows, :columns]
    layer.project_in.weight = matrix[..., None]
    layer.project_out.weight = matrix.t().contiguous()[..., None]
    for projection in (layer.project_in, layer.project_out):
        torch.nn.init.zeros_(projection.bias)
    if rows > columns:
        layer.project_in.bias.copy_(constant * rotation[:, columns])


def _chosen(n: int, k: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(n, generator=generator)[:k] if n >= k else torch.randint(n, (k,), generator=generator)
