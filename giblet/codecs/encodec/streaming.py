"""EnCodec's causal networks, run block by block over transformers' own weights.

A causal convolution needs only the last ``kernel - stride`` samples of what came before, an LSTM its state. With these
carried along, blocks give what the whole sound would give.

Everything is laid out as (time, channels). A strided convolution takes ``stride`` samples as one long row, a transposed
one writes ``stride`` samples as one long row: each is a plain convolution over rows, with channels last as libraries
like them best, and nothing is rearranged between layers.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[int, Any]

# With fewer outputs than this, a product for all taps, whose parts are then added, beats a convolution.
FEW = 4
# Libraries rearrange weights at each call, so a layer of more than this takes all frames at once.
MANY = 1 << 20


class _Layer:
    """A part of a network that takes one row after another."""

    # Rows that come out for one that goes in.
    scale = Fraction(1)
    n_weights = 0

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (n, channels)."""
        raise NotImplementedError


class _RowConv:
    """A convolution over rows.

    Parameters
    ----------
    taps : Tensor, shape (n_taps, n_in, n_out)
        What multiplies the rows, the oldest first.
    bias : Tensor, shape (n_out,)
        What is added.
    dilation : int
        Rows from one tap to the next.
    """

    def __init__(self, taps: Tensor, bias: Tensor, dilation: int = 1) -> None:
        self.n_taps, n_in, self.n_out = taps.shape
        self.bias = bias
        self.dilation = dilation
        self.overlap = (self.n_taps - 1) * dilation
        if self.n_out < FEW:
            self.weight = taps.transpose(1, 2).reshape(-1, n_in)
        else:
            self.weight = taps.permute(2, 1, 0)[:, :, None].contiguous(memory_format=torch.channels_last)

    def __call__(self, rows: Tensor) -> Tensor:
        """Convolve (overlap + n, n_in) to (n, n_out)."""
        if self.n_out < FEW:
            parts = self.weight @ rows.t()
            shape = self.n_taps, self.n_out, len(rows) - self.overlap
            shifted = parts.as_strided(shape, (self.n_out * len(rows) + self.dilation, len(rows), 1))
            return (shifted.sum(0) + self.bias[:, None]).t().contiguous()
        image = rows[None, None].permute(0, 3, 1, 2)
        y = functional.conv2d(image, self.weight, self.bias, dilation=(1, self.dilation))
        return y[0, :, 0].t().contiguous()


def _join(before: Tensor, x: Tensor, activated: bool) -> Tensor:
    """Return what came before and the next block, in one; with ``activated``, the block's ELU."""
    if not activated:
        return torch.cat([before, x])
    joined = x.new_empty(len(before) + len(x), x.shape[1])
    joined[: len(before)] = before
    # Four short passes over memory in the cache cost less than half of one with expm1, which torch's own ELU takes.
    y = joined[len(before) :]
    torch.clamp(x, max=0, out=y).exp_().sub_(1)
    torch.maximum(x, y, out=y)
    return joined


class StreamingConv(_Layer):
    """A causal convolution.

    Parameters
    ----------
    module : transformers EncodecConv1d
        Where the weights come from; its weight norm is folded into them once.
    activated : bool
        Whether an ELU comes first.
    """

    def __init__(self, module: Any, activated: bool) -> None:
        conv = module.conv
        weight = conv.weight.detach()
        n_out, n_in, kernel = weight.shape
        dilation: int = conv.dilation[0]
        self.activated = activated
        self.stride: int = conv.stride[0]
        self.pad_mode: str = module.pad_mode
        if kernel % self.stride or (self.stride > 1 and dilation > 1):
            raise NotImplementedError(f"kernel {kernel}, stride {self.stride}, dilation {dilation}")
        self.row = self.stride * n_in
        self.convolve = _RowConv(weight.permute(2, 1, 0).reshape(-1, self.row, n_out), conv.bias.detach(), dilation)
        self.overlap = self.convolve.overlap * self.stride
        self.n_weights = weight.numel()
        self.scale = Fraction(1, self.stride)

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Convolve the next block (n, n_in); only the last one may hold a part of a stride."""
        before = state.get(id(self))
        left = self.overlap if before is None else 0
        right = -len(x) % self.stride if last else 0
        x = self._pad(_join(x[:0] if before is None else before, x, self.activated), left, right)
        state[id(self)] = x[len(x) - self.overlap :].clone()
        return self.convolve(x.view(-1, self.row))

    def _pad(self, x: Tensor, left: int, right: int) -> Tensor:
        if not left + right:
            return x
        x = x.t()[None]
        if self.pad_mode == "reflect":
            # A reflection needs more samples than it makes; shorter sounds are first extended by zeros, as in training.
            missing = max(0, max(left, right) + 1 - x.shape[-1])
            x = functional.pad(functional.pad(x, (0, missing)), (left, right), "reflect")
            x = x[..., : x.shape[-1] - missing]
        else:
            x = functional.pad(x, (left, right), self.pad_mode)
        return x[0].t().contiguous()


class StreamingConvTranspose(_Layer):
    """A causal transposed convolution, trimmed on the right."""

    def __init__(self, module: Any, activated: bool) -> None:
        conv = module.conv
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        n_taps = -(-kernel // stride)
        weight = functional.pad(conv.weight.detach(), (0, n_taps * stride - kernel))
        n_in, self.n_out = weight.shape[:2]
        self.activated = activated
        # The oldest sample meets the last part of the kernel: (n_taps, n_in, stride · n_out).
        by_tap = weight.view(n_in, self.n_out, n_taps, stride).permute(2, 0, 3, 1).flip(0)
        self.convolve = _RowConv(by_tap.reshape(n_taps, n_in, -1), conv.bias.detach().repeat(stride))
        self.n_weights = weight.numel()
        self.scale = Fraction(stride)

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Spread the next block (n, n_in) to (n·stride, n_out)."""
        before = state.get(id(self))
        if before is None:
            before = x.new_zeros(self.convolve.overlap, x.shape[1])
        x = _join(before, x, self.activated)
        state[id(self)] = x[len(x) - self.convolve.overlap :].clone()
        return self.convolve(x).view(-1, self.n_out)


class StreamingLSTM(_Layer):
    """An LSTM with a skip connection."""

    def __init__(self, module: Any) -> None:
        self.lstm = module.lstm
        self.n_weights = sum(weight.numel() for weight in self.lstm.parameters())

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (n, channels)."""
        y, state[id(self)] = self.lstm(x[:, None], state.get(id(self)))
        return x + y[:, 0]


class StreamingResidual(_Layer):
    """A residual block: two convolutions, the second of width 1, beside a shortcut."""

    def __init__(self, module: Any) -> None:
        self.first = StreamingConv(module.block[1], activated=True)
        self.weight, self.bias = _pointwise(module.block[3])
        self.shortcut = None
        if not isinstance(module.shortcut, nn.Identity):
            self.shortcut, shortcut_bias = _pointwise(module.shortcut)
            self.bias = self.bias + shortcut_bias

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (n, channels)."""
        y = self.first(x, state, last)
        y = _join(y[:0], y, activated=True)
        if self.shortcut is None:
            return torch.addmm(self.bias, y, self.weight).add_(x)
        return torch.addmm(self.bias, x, self.shortcut).addmm_(y, self.weight)


def _pointwise(module: Any) -> tuple[Tensor, Tensor]:
    weight = module.conv.weight.detach()
    if weight.shape[2] != 1:
        raise NotImplementedError(f"kernel {weight.shape[2]} where EnCodec has 1")
    return weight[..., 0].t().contiguous(), module.conv.bias.detach()


class StreamingNetwork:
    """A causal encoder or decoder.

    Parameters
    ----------
    network : transformers EncodecEncoder or EncodecDecoder
        With weight norm and causal convolutions, its transposed convolutions trimmed on the right.
    rows_per_frame : int
        Rows of its input that make a frame: the hop for an encoder, 1 for a decoder.
    frames_at_once : int
        Frames that its convolutions take at a time, which keeps them in a processor's cache; more than the reach of
        any of them.
    """

    def __init__(self, network: Any, rows_per_frame: int, frames_at_once: int) -> None:
        layers: list[_Layer] = []
        for before, layer in itertools.pairwise([None, *network.layers]):
            activated = isinstance(before, nn.ELU)
            match type(layer).__name__:
                case "EncodecConv1d":
                    layers.append(StreamingConv(layer, activated))
                case "EncodecConvTranspose1d":
                    layers.append(StreamingConvTranspose(layer, activated))
                case "EncodecLSTM":
                    layers.append(StreamingLSTM(layer))
                case "EncodecResnetBlock":
                    layers.append(StreamingResidual(layer))
                case "ELU":
                    pass
                case other:
                    raise NotImplementedError(other)
        # Layers that follow each other, and how many rows they take at a time.
        self.stacks: list[tuple[int | None, list[_Layer]]] = []
        rows = rows_per_frame * frames_at_once
        for whole, group in itertools.groupby(layers, lambda layer: layer.n_weights > MANY):
            stack = list(group)
            self.stacks.append((None if whole else rows, stack))
            for layer in stack:
                rows = int(rows * layer.scale)

    def __call__(self, x: Tensor, state: State, *, last: bool = False) -> Tensor:
        """Run the next block.

        Parameters
        ----------
        x : Tensor, shape (n, channels)
            Samples, or latents for a decoder; whole frames, unless the sound ends. The first block must not be
            shorter than ``frames_at_once``, unless it is the last as well.
        state : dict
            Empty at the start of a sound; carried from block to block.
        last : bool
            Whether the sound ends here.

        Returns
        -------
        Tensor, shape (m, channels)
            Latents, or samples for a decoder.
        """
        for rows, stack in self.stacks:
            parts = [x] if rows is None else x.split(rows)
            x = torch.cat([_through(stack, part, state, last and part is parts[-1]) for part in parts])
        return x


def _through(layers: list[_Layer], x: Tensor, state: State, last: bool) -> Tensor:
    for layer in layers:
        x = layer(x, state, last)
    return x
