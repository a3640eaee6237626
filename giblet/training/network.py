"""Forward passes for training, in the memory layout that processors are fast in.

A 1-D convolution of few channels spends most of its backward pass rearranging memory. With the channels of a sample
side by side (torch calls that channels last, and has it for images only, so a sound is an image of one line) a training
step of a small EnCodec takes about half as long. The weights stay transformers' own.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def run_network(network: nn.Module, x: Tensor) -> Tensor:
    """Run an encoder or a decoder, differentiable.

    Parameters
    ----------
    network : transformers EncodecEncoder or EncodecDecoder
        Whose weights are used.
    x : Tensor, float32, shape (batch, channels, time)
        Samples, or latents for a decoder.

    Returns
    -------
    Tensor, float32, shape (batch, channels', time')
        What ``network(x)`` returns, up to rounding.
    """
    if x.device.type != "cpu":
        return network(x)
    x = x[:, :, None].contiguous(memory_format=torch.channels_last)
    for layer in network.layers:  # type: ignore[union-attr]
        x = _LAYERS[type(layer).__name__](layer, x)
    return x[:, :, 0]


def _conv(layer: Any, x: Tensor) -> Tensor:
    conv = layer.conv
    stride, dilation = conv.stride[0], conv.dilation[0]
    total = (conv.kernel_size[0] - 1) * dilation + 1 - stride
    right = 0 if layer.causal else total // 2
    x = _pad(x, total - right, right + -x.shape[-1] % stride, layer.pad_mode)
    weight = conv.weight[:, :, None].contiguous(memory_format=torch.channels_last)
    y = functional.conv2d(x, weight, conv.bias, (1, stride), dilation=(1, dilation))
    return layer.norm(y) if layer.norm_type == "time_group_norm" else y


def _conv_transpose(layer: Any, x: Tensor) -> Tensor:
    conv = layer.conv
    kernel, stride = conv.kernel_size[0], conv.stride[0]
    weight = conv.weight[:, :, None].contiguous(memory_format=torch.channels_last)
    y = functional.conv_transpose2d(x, weight, conv.bias, (1, stride))
    if layer.norm_type == "time_group_norm":
        y = layer.norm(y)
    total = kernel - stride
    right = math.ceil(total * layer.trim_right_ratio) if layer.causal else total // 2
    return y[..., total - right : y.shape[-1] - right]


def _pad(x: Tensor, left: int, right: int, mode: str) -> Tensor:
    if not (left or right):
        return x
    # A reflection needs more samples than it makes; shorter sounds are extended by zeros first.
    missing = max(0, max(left, right) + 1 - x.shape[-1]) if mode == "reflect" else 0
    x = functional.pad(functional.pad(x, (0, missing)) if missing else x, (left, right, 0, 0), mode)
    return x[..., : x.shape[-1] - missing]


def _lstm(layer: Any, x: Tensor) -> Tensor:
    sequence = x[:, :, 0].permute(2, 0, 1)
    return (layer.lstm(sequence)[0] + sequence).permute(1, 2, 0)[:, :, None]


def _residual(layer: Any, x: Tensor) -> Tensor:
    y = x
    for part in layer.block:
        y = _LAYERS[type(part).__name__](part, y)
    return y + (x if isinstance(layer.shortcut, nn.Identity) else _conv(layer.shortcut, x))


_LAYERS = {
    "EncodecConv1d": _conv,
    "EncodecConvTranspose1d": _conv_transpose,
    "EncodecLSTM": _lstm,
    "EncodecResnetBlock": _residual,
    "ELU": lambda layer, x: functional.elu(x),
}
