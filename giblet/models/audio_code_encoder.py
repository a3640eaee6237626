"""The codes of a TR as one vector: the audio branch of a network."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from giblet.errors import ParameterError

_WAVES = 8
"""Sines and cosines that tell a frame's place in its TR: as fine as a sixteenth of it."""


class AudioCodeEncoder(nn.Module):
    """Encode the codes of a stretch of sound, such as one TR, as a vector.

    Each codebook has a table of embeddings, for code 512 of one is nothing to code 512 of another. The embeddings of a
    frame are summed, as the codec sums its code vectors; convolutions see neighbouring frames; learnt attention pools
    over the frames. A frame's place in the stretch is added before, so the order of frames counts over its whole
    length. There may be any number of frames, so one encoder serves any TR.

    Parameters
    ----------
    n_codebooks : int
        Codebooks of the codes.
    codebook_size : int
        Entries of a codebook.
    dim : int
        Length of the vector.
    channels : int
        Channels of the convolutions; a multiple of ``heads``.
    n_layers : int
        Residual convolutions, with dilations 1, 2, 4, …: with 3 of kernel 5, a frame sees 14 to either side.
    kernel_size : int
        Frames of a kernel; odd.
    heads : int
        Ways of pooling, each over its share of the channels.
    dropout : float
        Share of channels dropped in each residual convolution while training.
    code_vectors : array-like of float, shape (n_codebooks, codebook_size, any), optional
        The codec's code vectors (`giblet.codecs.Codec.codebooks`) to begin the embeddings with; frames then begin as
        the latents that the codec's decoder sees. They learn on like everything else.

    Raises
    ------
    ParameterError
        If the sizes do not fit together.

    Examples
    --------
    >>> encoder = AudioCodeEncoder(n_codebooks=4, codebook_size=1024, dim=32)
    >>> encoder(torch.zeros(2, 4, 112, dtype=torch.int64)).shape
    torch.Size([2, 32])
    """

    def __init__(
        self,
        n_codebooks: int,
        codebook_size: int,
        dim: int,
        *,
        channels: int = 64,
        n_layers: int = 3,
        kernel_size: int = 5,
        heads: int = 4,
        dropout: float = 0.0,
        code_vectors: Any = None,
    ) -> None:
        super().__init__()
        if min(n_codebooks, codebook_size, dim, channels, n_layers, kernel_size, heads) < 1:
            raise ParameterError("an encoder of codes has a size below 1", "give sizes of 1 or more")
        if channels % heads or kernel_size % 2 == 0:
            raise ParameterError(
                f"{channels} channels, {heads} heads and kernels of {kernel_size} frames cannot be combined",
                "give a multiple of the heads as channels, and an odd kernel",
            )
        width = channels
        if code_vectors is not None:
            code_vectors = torch.as_tensor(code_vectors, dtype=torch.float32)
            if code_vectors.ndim != 3 or code_vectors.shape[:2] != (n_codebooks, codebook_size):
                raise ParameterError(
                    f"the code vectors have the shape {tuple(code_vectors.shape)}",
                    f"give ({n_codebooks}, {codebook_size}, any), such as codec.codebooks({n_codebooks})",
                )
            width = code_vectors.shape[2]
        self.n_codebooks, self.codebook_size, self.dim = n_codebooks, codebook_size, dim
        # One table for all: codebook q has the rows from q · codebook_size on.
        self.embedding = nn.Embedding(n_codebooks * codebook_size, width)
        if code_vectors is not None:
            self.embedding.weight.data.copy_(code_vectors.reshape(-1, width))
        self.project = nn.Linear(width, channels)
        self.place = nn.Linear(2 * _WAVES, channels, bias=False)
        self.layers = nn.ModuleList(_Residual(channels, kernel_size, 2**i, dropout) for i in range(n_layers))
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.Linear(channels, heads, bias=False)
        self.out = nn.Linear(channels, dim)

    def forward(self, codes: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode codes.

        Parameters
        ----------
        codes : Tensor of int64, shape (..., n_codebooks, frames)
            As `giblet.data.MultimodalDataset` serves them, batched; a window of TRs is a further dimension in front.
        mask : Tensor of bool, shape (..., frames), optional
            True for frames that count. What the others hold, even -1, changes nothing: a padded stretch is encoded as
            the same stretch without its padding. A stretch without any frame becomes the same vector whatever it
            holds.

        Returns
        -------
        Tensor of float32, shape (..., dim)
            A vector for each stretch.

        Raises
        ------
        ParameterError
            If the codes are of another shape or type, or, on a CPU, no entries of the codebooks.
        """
        if codes.ndim < 2 or codes.shape[-2] != self.n_codebooks or not codes.shape[-1] or codes.is_floating_point():
            raise ParameterError(
                f"the codes have the shape {tuple(codes.shape)} and type {codes.dtype}",
                f"give int64 of shape (..., {self.n_codebooks}, frames), with one frame or more",
            )
        before, n_frames = codes.shape[:-2], codes.shape[-1]
        codes = codes.reshape(-1, self.n_codebooks, n_frames).long()
        if mask is None:
            mask = codes.new_ones(len(codes), n_frames, dtype=torch.bool)
        elif mask.shape != (*before, n_frames):
            raise ParameterError(f"the mask has the shape {tuple(mask.shape)}", f"give {(*before, n_frames)}")
        mask = mask.reshape(-1, n_frames).bool()
        x = self.project(self._embedded(codes.masked_fill(~mask[:, None], 0)))
        x = x + self.place(_places(mask).to(x.dtype))
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        scores = self.attention(x).masked_fill(~mask[..., None], torch.finfo(x.dtype).min)
        by_head = x.unflatten(-1, (scores.shape[-1], -1)) * mask[..., None, None]
        pooled = (scores.softmax(dim=1)[..., None] * by_head).sum(dim=1)
        return self.out(pooled.flatten(1)).reshape(*before, self.dim)

    def _embedded(self, codes: Tensor) -> Tensor:
        # A GPU would have to be waited for, and says itself that an index is out of range.
        if not codes.is_cuda and codes.numel() and (codes.min() < 0 or codes.max() >= self.codebook_size):
            raise ParameterError(
                f"codes range from {int(codes.min())} to {int(codes.max())}, and a codebook has {self.codebook_size} "
                "entries",
                "give the codes as they were encoded, and mask frames that are padding",
            )
        first_row = torch.arange(self.n_codebooks, device=codes.device)[:, None] * self.codebook_size
        return self.embedding(codes + first_row).sum(dim=1)


class _Residual(nn.Module):
    """A convolution over frames beside a shortcut; it sees zeros where there are no frames."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        reach = dilation * (kernel_size - 1) // 2
        self.over_frames = nn.Conv1d(channels, channels, kernel_size, dilation=dilation, padding=reach)
        self.mix = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Take (batch, frames, channels) and return the same shape."""
        y = self.norm(x) * mask[..., None]
        y = self.over_frames(y.transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(self.mix(nn.functional.gelu(y)))


def _places(mask: Tensor) -> Tensor:
    """Return waves of a frame's place among those that count, float (batch, frames, 2 · _WAVES)."""
    place = (mask.cumsum(dim=1) - 0.5) / mask.sum(dim=1, keepdim=True).clamp(min=1)
    angle = place[..., None] * math.pi * torch.arange(1, _WAVES + 1, device=mask.device)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
