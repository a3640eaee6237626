"""HiFi-GAN's multi-scale discriminator."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from giblet.training.discriminators.base import ConvStack, PooledStacks

SLOPE = 0.1
# Channels in units of the first layer's, kernel, stride and groups of each layer.
LAYERS = ((1, 15, 1, 1), (1, 41, 2, 4), (2, 41, 2, 16), (4, 41, 4, 16), (8, 41, 4, 16), (8, 41, 1, 16), (8, 5, 1, 1))


class MultiScaleDiscriminator(PooledStacks):
    """Convolutions along the sound at several rates, the first stack with spectral, the others with weight norm.

    Parameters
    ----------
    scales : int
        Number of rates, each half the one before.
    width : int
        Channels of the first layer; those of the others are up to 8 times as many. The groups of grouped layers are
        fewer where a small width cannot be divided into as many.

    References
    ----------
    Kong, Kim and Bae (2020), HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech
    Synthesis, section 2.3.
    """

    def __init__(self, scales: int = 3, width: int = 128) -> None:
        stacks = (_stack(width, weight_norm if i else spectral_norm) for i in range(scales))
        super().__init__(stacks, nn.AvgPool1d(4, 2, padding=2))


def _stack(width: int, norm: Callable[[nn.Module], nn.Module]) -> ConvStack:
    layers = []
    n_in = 1
    for times, kernel, stride, groups in LAYERS:
        n_out = times * width
        shared = math.gcd(groups, n_in, n_out)
        layers.append(norm(nn.Conv1d(n_in, n_out, kernel, stride, kernel // 2, groups=shared)))
        n_in = n_out
    layers.append(norm(nn.Conv1d(n_in, 1, 3, padding=1)))
    return ConvStack(layers, SLOPE)
