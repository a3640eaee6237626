"""EnCodec's causal networks, run block by block over transformers' own weights.

A causal convolution needs only the last ``kernel - stride`` samples of what came before, an LSTM its state. With these
carried along, blocks give what the whole sound would give.

Everything is laid out as (time, channels). A strided convolution takes ``stride`` samples as one long row, a transposed
one writes ``stride`` samples as one long row: each is a plain convolution over rows, with channels last as libraries
like them best, and nothing is rearranged between layers.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[int, Any]


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
        self.weight = taps.permute(2, 1, 0)[:, :, None].contiguous(memory_format=torch.channels_last)
        self.bias = bias
        self.dilation = dilation
        self.overlap = (len(taps) - 1) * dilation

    def __call__(self, rows: Tensor) -> Tensor:
        """Convolve (overlap + n, n_in) to (n, n_out)."""
        image = rows[None, None].permute(0, 3, 1, 2)
        y = functional.conv2d(image, self.weight, self.bias, dilation=(1, self.dilation))
        return y[0, :, 0].t().contiguous()


class StreamingConv:
    """A causal convolution.

    Parameters
    ----------
    module : transformers EncodecConv1d
        Where the weights come from; its weight norm is folded into them once.
    """

    def __init__(self, module: Any) -> None:
        conv = module.conv
        weight = conv.weight.detach()
        n_out, n_in, kernel = weight.shape
        dilation: int = conv.dilation[0]
        self.stride: int = conv.stride[0]
        self.pad_mode: str = module.pad_mode
        if kernel % self.stride or (self.stride > 1 and dilation > 1):
            raise NotImplementedError(f"kernel {kernel}, stride {self.stride}, dilation {dilation}")
        self.row = self.stride * n_in
        self.convolve = _RowConv(weight.permute(2, 1, 0).reshape(-1, self.row, n_out), conv.bias.detach(), dilation)
        self.overlap = self.convolve.overlap * self.stride

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Convolve the next block (n, n_in); only the last one may hold a part of a stride."""
        right = -len(x) % self.stride if last else 0
        before = state.get(id(self))
        x = self._pad(x, self.overlap, right) if before is None else self._pad(torch.cat([before, x]), 0, right)
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


class StreamingConvTranspose:
    """A causal transposed convolution, trimmed on the right."""

    def __init__(self, module: Any) -> None:
        conv = module.conv
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        n_taps = -(-kernel // stride)
        weight = functional.pad(conv.weight.detach(), (0, n_taps * stride - kernel))
        n_in, self.n_out = weight.shape[:2]
        # The oldest sample meets the last part of the kernel: (n_taps, n_in, stride · n_out).
        by_tap = weight.view(n_in, self.n_out, n_taps, stride).permute(2, 0, 3, 1).flip(0)
        self.convolve = _RowConv(by_tap.reshape(n_taps, n_in, -1), conv.bias.detach().repeat(stride))

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Spread the next block (n, n_in) to (n·stride, n_out)."""
        before = state.get(id(self))
        if before is None:
            before = x.new_zeros(self.convolve.overlap, x.shape[1])
        x = torch.cat([before, x])
        state[id(self)] = x[len(x) - self.convolve.overlap :].clone()
        return self.convolve(x).view(-1, self.n_out)


class StreamingLSTM:
    """An LSTM with a skip connection."""

    def __init__(self, module: Any) -> None:
        self.lstm = module.lstm

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (n, channels)."""
        y, state[id(self)] = self.lstm(x[:, None], state.get(id(self)))
        return x + y[:, 0]


class StreamingResidual:
    """A residual block: two convolutions, the second of width 1, beside a shortcut."""

    def __init__(self, module: Any) -> None:
        self.first = StreamingConv(module.block[1])
        self.weight, self.bias = _pointwise(module.block[3])
        self.shortcut = None
        if not isinstance(module.shortcut, nn.Identity):
            self.shortcut, shortcut_bias = _pointwise(module.shortcut)
            self.bias = self.bias + shortcut_bias

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (n, channels)."""
        y = _elu(self.first(_elu(x), state, last))
        if self.shortcut is None:
            return torch.addmm(self.bias, y, self.weight).add_(x)
        return torch.addmm(self.bias, x, self.shortcut).addmm_(y, self.weight)


def _pointwise(module: Any) -> tuple[Tensor, Tensor]:
    weight = module.conv.weight.detach()
    if weight.shape[2] != 1:
        raise NotImplementedError(f"kernel {weight.shape[2]} where EnCodec has 1")
    return weight[..., 0].t().contiguous(), module.conv.bias.detach()


def _elu(x: Tensor, *_: Any) -> Tensor:
    # Four short passes over memory in the cache cost less than half of one with expm1, which torch's own ELU takes.
    y = x.clamp(max=0).exp_().sub_(1)
    return torch.maximum(x, y, out=y)


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
        self.rows_per_frame = rows_per_frame
        self.frames_at_once = frames_at_once
        kinds = {
            "EncodecConv1d": StreamingConv,
            "EncodecConvTranspose1d": StreamingConvTranspose,
            "EncodecLSTM": StreamingLSTM,
            "EncodecResnetBlock": StreamingResidual,
            "ELU": lambda module: _elu,
        }
        self.layers = [kinds[type(layer).__name__](layer) for layer in network.layers]

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
        rows = self.rows_per_frame * self.frames_at_once
        for recurrent, stack in itertools.groupby(self.layers, lambda layer: isinstance(layer, StreamingLSTM)):
            # An LSTM rearranges its weights at each call, so it takes all frames at once.
            parts = [x] if recurrent else x.split(rows)
            layers = list(stack)
            x = torch.cat([_through(layers, part, state, last and part is parts[-1]) for part in parts])
            rows = self.frames_at_once
        return x


def _through(layers: list[Any], x: Tensor, state: State, last: bool) -> Tensor:
    for layer in layers:
        x = layer(x, state, last)
    return x
