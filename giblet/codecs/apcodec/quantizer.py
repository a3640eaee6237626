"""A residual quantiser that learns by gradient.

References
----------
Kumar et al. (2023), High-Fidelity Audio Compression with Improved RVQGAN (projections, look-up by cosine, losses).
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from giblet.codecs.apcodec.config import APCodecConfig


class Quantized(NamedTuple):
    """What the quantiser made of a batch of latents.

    Attributes
    ----------
    latents : Tensor, float32, shape (batch, latent_dim, frames)
        Sums of projected entries; gradients pass straight through to what was quantised.
    codes : Tensor, int64, shape (batch, n_codebooks, frames)
        The entries chosen.
    codebook_loss, commitment_loss : Tensor, scalar
        Mean squared distance between what a codebook was given and the entry it chose, summed over codebooks: the
        first moves the entries, the second what was given.
    """

    latents: Tensor
    codes: Tensor
    codebook_loss: Tensor
    commitment_loss: Tensor


class Codebook(nn.Module):
    """One codebook, with a projection before and one behind.

    Parameters
    ----------
    config : APCodecConfig
        Sizes.
    """

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        self.project_in = weight_norm(nn.Conv1d(config.latent_dim, config.codebook_dim, 1))
        self.project_out = weight_norm(nn.Conv1d(config.codebook_dim, config.latent_dim, 1))
        self.entries = nn.Embedding(config.codebook_size, config.codebook_dim)

    def nearest(self, given: Tensor) -> Tensor:
        """Return the entries that point most nearly where (batch, codebook_dim, frames) points: (batch, frames)."""
        directions = functional.normalize(self.entries.weight)
        return (functional.normalize(given).transpose(1, 2) @ directions.t()).argmax(-1)

    def look_up(self, codes: Tensor) -> Tensor:
        """Return the entries (batch, codebook_dim, frames) that codes (batch, frames) name."""
        return self.entries(codes).transpose(1, 2)

    def vectors(self) -> Tensor:
        """Return what each entry adds to a latent, (codebook_size, latent_dim)."""
        return self.project_out(self.entries.weight.t()[None])[0].t()


class ResidualQuantizer(nn.Module):
    """Codebooks, each for what the ones before it leave.

    Parameters
    ----------
    config : APCodecConfig
        Sizes.
    """

    def __init__(self, config: APCodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Codebook(config) for _ in range(config.n_codebooks))

    def forward(self, latents: Tensor, n_codebooks: int | None = None) -> Quantized:
        """Quantise latents.

        Parameters
        ----------
        latents : Tensor, float32, shape (batch, latent_dim, frames)
            What the encoder made.
        n_codebooks : int, optional
            Codebooks to use, from the first; default all.

        Returns
        -------
        Quantized
            Latents, codes and losses.
        """
        total = torch.zeros_like(latents)
        codes = []
        codebook_loss = commitment_loss = latents.new_zeros(())
        for layer in self._first(n_codebooks):
            given = layer.project_in(latents - total)
            chosen = layer.nearest(given)
            entry = layer.look_up(chosen)
            commitment_loss = commitment_loss + functional.mse_loss(given, entry.detach())
            codebook_loss = codebook_loss + functional.mse_loss(entry, given.detach())
            total = total + layer.project_out(given + (entry - given).detach())
            codes.append(chosen)
        return Quantized(total, torch.stack(codes, dim=1), codebook_loss, commitment_loss)

    def encode(self, latents: Tensor, n_codebooks: int | None = None) -> Tensor:
        """Return the codes, int64 (batch, n_codebooks, frames), of latents (batch, latent_dim, frames)."""
        left = latents
        codes = []
        for layer in self._first(n_codebooks):
            chosen = layer.nearest(layer.project_in(left))
            left = left - layer.project_out(layer.look_up(chosen))
            codes.append(chosen)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the latents (batch, latent_dim, frames) of codes (batch, n_codebooks, frames)."""
        layers = self._first(codes.shape[1])
        return torch.stack([
            layer.project_out(layer.look_up(chosen)) for layer, chosen in zip(layers, codes.unbind(1), strict=True)
        ]).sum(0)  # fmt: skip

    def codebooks(self, n_codebooks: int | None = None) -> Tensor:
        """Return what each entry adds to a latent, float32 (n_codebooks, codebook_size, latent_dim)."""
        return torch.stack([layer.vectors() for layer in self._first(n_codebooks)])

    def _first(self, n_codebooks: int | None) -> list[Codebook]:
        return cast("list[Codebook]", list(self.layers[:n_codebooks]))
