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
        self.transposed = [embedding.t().contiguous() for embedding in self.embeddings]
        self.half_square_norms = [embedding.pow(2).sum(1) / 2 for embedding in self.embeddings]

    def encode(self, latents: Tensor, n_codebooks: int) -> np.ndarray:
        """Quantise (n, dim) latents.

        Returns
        -------
        ndarray of int16, shape (n_codebooks, n)
            Index of the nearest entry, per codebook and frame.
        """
        residual = latents.clone()
        codes = []
        for embedding, transposed, half_square_norm in zip(
            self.embeddings[:n_codebooks], self.transposed, self.half_square_norms, strict=False
        ):
            # The nearest entry maximises x·e − |e|²/2; |x|² is the same for all entries.
            index = torch.addmm(half_square_norm, residual, transposed, beta=-1).argmax(dim=1)
            residual -= embedding[index]
            codes.append(index)
        return torch.stack(codes).to(torch.int16).cpu().numpy()

    def decode(self, codes: np.ndarray) -> Tensor:
        """Sum the code vectors of (n_codebooks, n) codes to (n, dim) latents."""
        indices = torch.from_numpy(codes.astype(np.int64)).to(self.embeddings[0].device)
        latents = self.embeddings[0][indices[0]]
        for embedding, index in zip(self.embeddings[1:], indices[1:], strict=False):
            latents = latents + embedding[index]
        return latents
