"""EnCodec's residual vector quantiser, as transformers computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


class ResidualQuantizer:
    """Nearest code vectors, codebook after codebook.

    Parameters
    ----------
    module : transformers EncodecResidualVectorQuantizer
        Where the code vectors come from.
    """

    def __init__(self, module: Any) -> None:
        self.embeddings: list[Tensor] = [layer.codebook.embed for layer in module.layers]
        self.square_norms = [embedding.t().pow(2).sum(0, keepdim=True) for embedding in self.embeddings]

    def encode(self, latents: Tensor, n_codebooks: int) -> np.ndarray:
        """Quantise (1, dim, n) latents.

        Returns
        -------
        ndarray of int16, shape (n_codebooks, n)
            Index of the nearest entry, per codebook and frame.
        """
        residual = latents[0].t()
        codes = []
        for embedding, square_norm in zip(self.embeddings[:n_codebooks], self.square_norms[:n_codebooks], strict=True):
            # The same sums in the same order as transformers, so that ties fall alike.
            distance = residual.pow(2).sum(1, keepdim=True) - 2 * residual @ embedding.t() + square_norm
            index = (-distance).max(dim=-1).indices
            residual = residual - embedding[index]
            codes.append(index)
        return torch.stack(codes).to(torch.int16).cpu().numpy()

    def decode(self, codes: np.ndarray) -> Tensor:
        """Sum the code vectors of (n_codebooks, n) codes to (1, dim, n) latents."""
        device = self.embeddings[0].device
        indices = torch.from_numpy(codes.astype(np.int64)).to(device)
        latents = self.embeddings[0][indices[0]]
        for embedding, index in zip(self.embeddings[1:], indices[1:], strict=False):
            latents = latents + embedding[index]
        return latents.t()[None]
