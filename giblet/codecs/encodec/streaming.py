"""EnCodec's causal networks, run block by block over transformers' own weights.

A causal convolution needs only the last ``kernel - stride`` samples of what came before, an LSTM its state. With these
carried along, blocks give what the whole sound would give.

Everything is laid out as (time, channels). There a convolution is one matrix product per tap over shifted rows of the
same memory, a strided one takes ``stride`` samples as one long row, and a transposed one writes ``stride`` samples as
one long row: nothing is rearranged between layers.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[int, Any]

# With fewer inputs or outputs than this, one product over whole windows beats one per tap.
FEW = 4


def _lagged_sum(rows: Tensor, before: Tensor, taps: list[Tensor], bias: Tensor, dilation: int) -> Tensor:
    """Return bias + Σ rows[i − j·dilation] @ taps[j], where negative rows are the last of ``before``."""
    y = torch.addmm(bias, rows, taps[0])
    for j, tap in enumerate(taps[1:], start=1):
        lag = j * dilation
        y[lag:].addmm_(rows[: max(0, len(rows) - lag)], tap)
        y[:lag].addmm_(before[len(before) - lag :][: len(rows)], tap)
    return y


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
        self.n_out, self.n_in, kernel = weight.shape
        self.bias = conv.bias.detach()
        self.stride: int = conv.stride[0]
        self.dilation: int = conv.dilation[0]
        self.pad_mode: str = module.pad_mode
        if kernel % self.stride or (self.stride > 1 and self.dilation > 1):
            raise NotImplementedError(f"kernel {kernel}, stride {self.stride}, dilation {self.dilation}")
        # taps[j] multiplies the row of `stride` samples that lies j rows earlier: (stride · n_in, n_out).
        by_row = weight.reshape(self.n_out, self.n_in, kernel // self.stride, self.stride)
        self.taps = [tap.reshape(-1, self.n_out).contiguous() for tap in by_row.permute(2, 3, 1, 0).flip(0)]
        self.overlap = (len(self.taps) - 1) * self.dilation * self.stride

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Convolve the next block (n, n_in); only the last one may hold a part of a stride."""
        right = -len(x) % self.stride if last else 0
        before = state.get(id(self))
        if before is None and self.overlap + right:
            x = self._pad(x, self.overlap, right)
            before, x = x[: self.overlap], x[self.overlap :]
        elif before is None:
            before = x[:0]
        elif right:
            x = self._pad(torch.cat([before, x]), 0, right)[self.overlap :]
        state[id(self)] = torch.cat([before, x[-self.overlap :]])[-self.overlap :] if self.overlap else before
        if self.n_out < FEW:
            return self._few_outputs(torch.cat([before, x]))
        if self.n_in < FEW and self.dilation == 1:
            return self._few_inputs(torch.cat([before, x]))
        row = self.stride * self.n_in
        return _lagged_sum(x.view(-1, row), before.view(-1, row), self.taps, self.bias, self.dilation)

    def _few_inputs(self, x: Tensor) -> Tensor:
        # Each output's window of samples is laid out as one row.
        width = self.overlap + self.stride
        n = (len(x) - self.overlap) // self.stride
        windows = x.contiguous().as_strided((n, width * self.n_in), (self.stride * self.n_in, 1))
        return torch.addmm(self.bias, windows, torch.cat(self.taps[::-1]))

    def _few_outputs(self, x: Tensor) -> Tensor:
        # All taps at once give one row per tap and output, which are then added with their shifts.
        rows = x.reshape(-1, self.stride * self.n_in)
        parts = torch.cat(self.taps, 1).t() @ rows.t()
        reach = (len(self.taps) - 1) * self.dilation
        n = len(rows) - reach
        y = self.bias[:, None].expand(-1, n).clone()
        for j in range(len(self.taps)):
            first = reach - j * self.dilation
            y += parts[j * self.n_out : (j + 1) * self.n_out, first : first + n]
        return y.t().contiguous()

    def _pad(self, x: Tensor, left: int, right: int) -> Tensor:
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
        # taps[j] gives what a sample adds j strides later: (n_in, stride · n_out).
        by_tap = weight.view(n_in, self.n_out, n_taps, stride).permute(2, 0, 3, 1)
        self.taps = [tap.reshape(n_in, -1).contiguous() for tap in by_tap]
        self.bias = conv.bias.detach().repeat(stride)
        self.overlap = n_taps - 1

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Spread the next block (n, n_in) to (n·stride, n_out)."""
        before = state.get(id(self))
        if before is None:
            before = x.new_zeros(self.overlap, x.shape[1])
        state[id(self)] = torch.cat([before, x[-self.overlap :]])[-self.overlap :] if self.overlap else before
        return _lagged_sum(x, before, self.taps, self.bias, 1).view(-1, self.n_out)


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
        # The shortcut needs the block's input as it is; whatever follows may be overwritten.
        y = functional.elu_(self.first(functional.elu(x), state, last))
        if self.shortcut is None:
            return torch.addmm(self.bias, y, self.weight).add_(x)
        return torch.addmm(self.bias, x, self.shortcut).addmm_(y, self.weight)


def _pointwise(module: Any) -> tuple[Tensor, Tensor]:
    weight = module.conv.weight.detach()
    if weight.shape[2] != 1:
        raise NotImplementedError(f"kernel {weight.shape[2]} where EnCodec has 1")
    return weight[..., 0].t().contiguous(), module.conv.bias.detach()


def _elu(x: Tensor, state: State, last: bool) -> Tensor:
    return functional.elu_(x)


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
