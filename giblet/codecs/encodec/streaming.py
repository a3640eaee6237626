"""EnCodec's causal networks, run block by block over transformers' own weights.

A causal convolution needs only the last ``kernel - stride`` samples of what came before, an LSTM its state, and a
transposed convolution the tail that reaches into the next block. With these carried along, blocks give what the whole
sound would give.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

State = dict[int, Any]


class StreamingConv:
    """A causal convolution.

    Parameters
    ----------
    module : transformers EncodecConv1d
        Where the weights come from; its weight norm is folded into them once.
    """

    def __init__(self, module: Any) -> None:
        conv = module.conv
        self.weight = conv.weight.detach().clone()
        self.bias = conv.bias.detach()
        self.stride: int = conv.stride[0]
        self.dilation: int = conv.dilation[0]
        self.overlap = (conv.kernel_size[0] - 1) * self.dilation + 1 - self.stride
        self.pad_mode: str = module.pad_mode

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Convolve the next block (1, channels, n); only the last one may hold a part of a stride."""
        right = -x.shape[-1] % self.stride if last else 0
        if self.overlap or right:
            before = state.get(id(self))
            if before is None:
                x = self._pad(x, self.overlap, right)
            else:
                x = torch.cat([before, x], -1)
                if right:
                    x = self._pad(x, 0, right)
            state[id(self)] = x[..., x.shape[-1] - self.overlap :].clone()
        return functional.conv1d(x, self.weight, self.bias, self.stride, 0, self.dilation)

    def _pad(self, x: Tensor, left: int, right: int) -> Tensor:
        if self.pad_mode != "reflect":
            return functional.pad(x, (left, right), self.pad_mode)
        # A reflection needs more samples than it makes; shorter sounds are first extended by zeros, as in training.
        missing = max(0, max(left, right) + 1 - x.shape[-1])
        x = functional.pad(functional.pad(x, (0, missing)), (left, right), "reflect")
        return x[..., : x.shape[-1] - missing]


class StreamingConvTranspose:
    """A causal transposed convolution, trimmed on the right.

    It is computed as an ordinary convolution with one output channel per output phase, whose phases are then
    interleaved: the same sums, faster, and the block before enters like that of any other convolution.
    """

    def __init__(self, module: Any) -> None:
        conv = module.conv
        kernel, self.stride = conv.kernel_size[0], conv.stride[0]
        self.taps = -(-kernel // self.stride)
        weight = functional.pad(conv.weight.detach(), (0, self.taps * self.stride - kernel))
        n_in, self.n_out = weight.shape[:2]
        phases = weight.view(n_in, self.n_out, self.taps, self.stride).flip(2)
        self.weight = phases.permute(1, 3, 0, 2).reshape(self.n_out * self.stride, n_in, self.taps).contiguous()
        self.bias = conv.bias.detach().repeat_interleave(self.stride)

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Spread the next block (1, channels, n) to n·stride samples."""
        before = state.get(id(self))
        if before is None:
            before = x.new_zeros(1, x.shape[1], self.taps - 1)
        x = torch.cat([before, x], -1)
        state[id(self)] = x[..., x.shape[-1] - self.taps + 1 :].clone()
        y = functional.conv1d(x, self.weight, self.bias)
        return y.view(1, self.n_out, self.stride, -1).transpose(2, 3).reshape(1, self.n_out, -1)


class StreamingLSTM:
    """An LSTM with a skip connection."""

    def __init__(self, module: Any) -> None:
        self.lstm = module.lstm

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (1, channels, n)."""
        x = x.permute(2, 0, 1)
        y, state[id(self)] = self.lstm(x, state.get(id(self)))
        return (y + x).permute(1, 2, 0)


class StreamingResidual:
    """A residual block; every path through it is causal and of stride 1, so both stay in step."""

    def __init__(self, module: Any) -> None:
        first, *rest = module.block
        # The shortcut needs the block's input, so its first activation must not overwrite it.
        self.block = [_elu if isinstance(first, nn.ELU) else _streaming(first), *map(_streaming, rest)]
        self.shortcut = None if isinstance(module.shortcut, nn.Identity) else _streaming(module.shortcut)

    def __call__(self, x: Tensor, state: State, last: bool) -> Tensor:
        """Run over the next block (1, channels, n)."""
        y = x
        for layer in self.block:
            y = layer(y, state, last)
        return y.add_(x if self.shortcut is None else self.shortcut(x, state, last))


def _elu(x: Tensor, state: State, last: bool) -> Tensor:
    return functional.elu(x)


def _elu_in_place(x: Tensor, state: State, last: bool) -> Tensor:
    return functional.elu_(x)


def _streaming(module: Any) -> Any:
    kinds = {
        "EncodecConv1d": StreamingConv,
        "EncodecConvTranspose1d": StreamingConvTranspose,
        "EncodecLSTM": StreamingLSTM,
        "EncodecResnetBlock": StreamingResidual,
    }
    return _elu_in_place if isinstance(module, nn.ELU) else kinds[type(module).__name__](module)


class StreamingNetwork:
    """A causal encoder or decoder.

    Parameters
    ----------
    network : transformers EncodecEncoder or EncodecDecoder
        With weight norm and causal convolutions, its transposed convolutions trimmed on the right.
    """

    def __init__(self, network: Any) -> None:
        self.layers = [_streaming(layer) for layer in network.layers]

    def __call__(self, x: Tensor, state: State, *, last: bool = False) -> Tensor:
        """Run the next block.

        Parameters
        ----------
        x : Tensor, shape (1, channels, n)
            Samples, or latents for a decoder. The first block must hold at least `shortest_block` of them, unless
            it is the last as well.
        state : dict
            Empty at the start of a sound; carried from block to block.
        last : bool
            Whether the sound ends here; before, n must be a multiple of all strides.

        Returns
        -------
        Tensor, shape (1, channels, m)
            Latents, or samples for a decoder.
        """
        for layer in self.layers:
            x = layer(x, state, last)
        return x
