"""The layers of an APCodec.

Where ``streaming`` is set, every layer sees the past only and every statistic is that of one frame, so that a sound
can be run block by block with the result of the whole.

References
----------
Woo et al. (2023), ConvNeXt V2 (the blocks); Ai et al. (2024), APCodec (in one dimension, over spectra).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm


class Conv(nn.Conv1d):
    """A convolution that gives a frame for every ``stride`` frames begun.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    kernel : int
        Taps, odd.
    stride : int
        Frames from one output to the next.
    groups : int
        As in torch.
    streaming : bool
        Whether the last tap lies on the last of the ``stride`` frames that an output stands for, rather than the
        middle one on the first: it then knows all of its own frames, and none of those that follow.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1, *, streaming: bool = False
    ) -> None:
        super().__init__(n_in, n_out, kernel, stride, groups=groups)
        self.before = kernel - stride if streaming else kernel // 2
        self.after = kernel - 1 - self.before

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (batch, n_in, frames) to (batch, n_out, ceil(frames / stride))."""
        return super().forward(functional.pad(x, (self.before, self.after)))


class Upsample(nn.ConvTranspose1d):
    """A transposed convolution that gives ``ratio`` frames for each.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    ratio : int
        Frames made of one, even; it has twice as many taps.
    streaming : bool
        Whether a frame is spread over its own frames and those that follow, rather than around them.
    """

    def __init__(self, n_in: int, n_out: int, ratio: int, *, streaming: bool = False) -> None:
        super().__init__(n_in, n_out, 2 * ratio, ratio)
        self.before = 0 if streaming else ratio // 2

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Spread (batch, n_in, frames) to (batch, n_out, frames · ratio)."""
        return super().forward(x)[..., self.before : self.before + x.shape[-1] * self.stride[0]]


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each frame of (batch, channels, frames)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise."""
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation: channels compete by their norm over the frames of the clip.

    Parameters
    ----------
    channels : int
        Channels.
    streaming : bool
        Whether the norm is that of each frame by itself, its absolute value.
    """

    def __init__(self, channels: int, *, streaming: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, channels))
        self.streaming = streaming

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, frames, channels)."""
        norm = x.abs() if self.streaming else torch.linalg.vector_norm(x, dim=1, keepdim=True)
        share = norm / (norm.mean(dim=-1, keepdim=True) + 1e-6)
        return self.gamma * (x * share) + self.beta + x


class Block(nn.Module):
    """A ConvNeXt block in its second version, in one dimension.

    Parameters
    ----------
    width, inner : int
        Channels outside and inside.
    kernel : int
        Taps in time.
    streaming : bool
        As in `Conv` and `ResponseNorm`.
    """

    def __init__(self, width: int, inner: int, kernel: int, *, streaming: bool = False) -> None:
        super().__init__()
        self.depthwise = Conv(width, width, kernel, groups=width, streaming=streaming)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, inner)
        self.response = ResponseNorm(inner, streaming=streaming)
        self.contract = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Run over (batch, width, frames)."""
        y = self.norm(self.depthwise(x).transpose(1, 2))
        y = self.contract(self.response(functional.gelu(self.expand(y))))
        return x + y.transpose(1, 2)


class Stack(nn.Module):
    """What encoder and decoder have in each branch: a convolution, blocks, and a layer that ends them.

    Parameters
    ----------
    n_in, n_out : int
        Channels that come and go.
    width, inner, depth, kernel : int
        As in `giblet.codecs.apcodec.config.APCodecConfig`.
    streaming : bool
        As in `Block`.
    """

    def __init__(
        self, n_in: int, n_out: int, width: int, inner: int, depth: int, kernel: int, *, streaming: bool = False
    ) -> None:
        super().__init__()
        self.embed = Conv(n_in, width, kernel, streaming=streaming)
        self.norm = ChannelNorm(width)
        self.blocks = nn.ModuleList(Block(width, inner, kernel, streaming=streaming) for _ in range(depth))
        self.final_norm = nn.LayerNorm(width, eps=1e-6)
        for module in self.modules():
            if isinstance(module, (nn.Conv1d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        self.project = nn.Linear(width, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Run over (batch, n_in, frames)."""
        x = self.norm(self.embed(x))
        for block in self.blocks:
            x = block(x)
        return self.project(self.final_norm(x.transpose(1, 2))).transpose(1, 2)


def normed_conv(n_in: int, n_out: int, kernel: int, stride: int = 1, *, streaming: bool = False) -> nn.Module:
    """Return a `Conv` whose weight has its length and direction apart."""
    return weight_norm(Conv(n_in, n_out, kernel, stride, streaming=streaming))


def normed_upsample(n_in: int, n_out: int, ratio: int, *, streaming: bool = False) -> nn.Module:
    """Return an `Upsample` whose weight has its length and direction apart."""
    return weight_norm(Upsample(n_in, n_out, ratio, streaming=streaming))
