"""A residual vector quantiser that learns, in the buffers of transformers' own.

transformers' quantiser looks codes up and cannot learn. Here its buffers are updated in place by exponential moving
averages, so the trained model is an ordinary `transformers.EncodecModel` at any moment.

References
----------
van den Oord, Vinyals and Kavukcuoglu (2017), Neural Discrete Representation Learning (the moving averages).
Zeghidour et al. (2021), SoundStream (residual quantisation, k-means start, dead entries, codebook dropout).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

# Vectors compared with a codebook at once: k-means sees hundreds of thousands of a large one.
_AT_ONCE = 4096


@dataclass
class Quantized:
    """What the quantiser made of a batch of latents.

    Attributes
    ----------
    latents : Tensor, float32, shape (batch, dim, frames)
        Sums of code vectors; gradients pass straight through to what was quantised.
    commitment : Tensor, scalar
        Mean squared distance between what each codebook was given and what it chose, averaged over codebooks.
    codes : Tensor, int64, shape (n_codebooks, batch, frames)
        The choices.
    """

    latents: Tensor
    commitment: Tensor
    codes: Tensor


class ResidualQuantizerTrainer:
    """Learns the codebooks of a model.

    Parameters
    ----------
    module : transformers EncodecResidualVectorQuantizer
        Its buffers are updated in place.
    decay : float
        Of the moving averages, per step.
    replace_below : float
        An entry used less than this share of an even use is replaced by a latent of the batch.
    """

    def __init__(self, module: Any, decay: float = 0.99, replace_below: float = 0.1) -> None:
        self.codebooks = [layer.codebook for layer in module.layers]
        self.decay = decay
        self.replace_below = replace_below

    def start(self, latents: Tensor, generator: torch.Generator, iterations: int = 50) -> None:
        """Set every codebook by k-means over what the ones before it leave.

        Parameters
        ----------
        latents : Tensor, float32, shape (n, dim)
            Latents of many crops, ten or more per entry.
        generator : torch.Generator
            On the CPU.
        iterations : int
            Of Lloyd's algorithm.
        """
        residual = latents.detach()
        for codebook in self.codebooks:
            centres, sizes = _k_means(residual, len(codebook.embed), generator, iterations)
            codebook.embed.copy_(centres)
            # As if the averages had seen this batch only, at the size of an even use.
            codebook.cluster_size.copy_(sizes * (len(centres) / sizes.sum()))
            codebook.embed_avg.copy_(centres * codebook.cluster_size[:, None])
            codebook.inited.fill_(1)
            residual = residual - centres[_nearest(residual, centres)]

    def __call__(self, latents: Tensor, n_codebooks: Tensor, generator: torch.Generator | None = None) -> Quantized:
        """Quantise a batch, and learn from it where a generator is given.

        Parameters
        ----------
        latents : Tensor, float32, shape (batch, dim, frames)
            What the encoder made.
        n_codebooks : Tensor, int64, shape (batch,)
            Codebooks that each item uses.
        generator : torch.Generator or None
            Chooses replacements of dead entries; None leaves the codebooks as they are.

        Returns
        -------
        Quantized
            Sums of code vectors, commitment and codes; unused places of the codes hold -1.
        """
        batch, dim, frames = latents.shape
        flat = latents.permute(0, 2, 1).reshape(-1, dim)
        uses = n_codebooks.repeat_interleave(frames)
        total = torch.zeros_like(flat)
        codes = torch.full((int(n_codebooks.max()), len(flat)), -1, device=flat.device)
        commitments = []
        for q, codebook in enumerate(self.codebooks[: len(codes)]):
            rows = (uses > q).nonzero()[:, 0]
            # What is left is taken against the detached sum: else later codebooks would lose their gradient.
            residual = flat[rows] - total[rows]
            index = _nearest(residual.detach(), codebook.embed)
            chosen = codebook.embed[index]
            codes[q, rows] = index
            commitments.append(functional.mse_loss(residual, chosen))
            total = total.index_add(0, rows, chosen)
            if generator is not None:
                self._learn(codebook, residual.detach(), index, generator)
        through = flat + (total - flat).detach()
        return Quantized(
            through.view(batch, frames, dim).permute(0, 2, 1),
            torch.stack(commitments).mean(),
            codes.view(-1, batch, frames),
        )

    def _learn(self, codebook: Any, vectors: Tensor, index: Tensor, generator: torch.Generator) -> None:
        n = len(codebook.embed)
        counts = torch.bincount(index, minlength=n).to(vectors.dtype)
        sums = torch.zeros_like(codebook.embed).index_add_(0, index, vectors)
        codebook.cluster_size.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        codebook.embed_avg.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        size = codebook.cluster_size
        dead = size < self.replace_below * size.sum() / n
        if dead.any():
            pick = torch.randint(len(vectors), (int(dead.sum()),), generator=generator).to(vectors.device)
            # A newcomer counts as evenly used, else it would be replaced again before it is found.
            size[dead] = size.sum() / n
            codebook.embed_avg[dead] = vectors[pick] * size[dead][:, None]
        # Laplace smoothing keeps the entries of tiny clusters finite.
        smooth = (size + 1e-5) / (size.sum() + n * 1e-5) * size.sum()
        codebook.embed.copy_(codebook.embed_avg / smooth[:, None])


def _nearest(vectors: Tensor, entries: Tensor) -> Tensor:
    half_square_norms = entries.pow(2).sum(1) / 2
    return torch.cat([
        torch.addmm(half_square_norms, part, entries.t(), beta=-1).argmax(1) for part in vectors.split(_AT_ONCE)
    ])  # fmt: skip


def _k_means(vectors: Tensor, k: int, generator: torch.Generator, iterations: int) -> tuple[Tensor, Tensor]:
    if len(vectors) >= k:
        chosen = torch.randperm(len(vectors), generator=generator)[:k]
    else:
        chosen = torch.randint(len(vectors), (k,), generator=generator)
    centres = vectors[chosen.to(vectors.device)].clone()
    counts = torch.ones(k, device=vectors.device)
    for _ in range(iterations):
        index = _nearest(vectors, centres)
        counts = torch.bincount(index, minlength=k).to(vectors.dtype)
        sums = torch.zeros_like(centres).index_add_(0, index, vectors)
        # A centre that nobody chose stays where it is.
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], centres)
    return centres, counts
